"""Responders by visit."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row, table
from armwise.report.figures import responders

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("width", [720, 350])
def test_every_visit_shows_counts_shares_and_the_difference(make_results, width):
    results = make_results()
    svg = responders(results, "primary", width=width)
    for visit in results.protocol.visits_after_baseline():
        for statistic in ("risk", "responders"):
            described = results.rows(
                analysis="describe", endpoint="primary", statistic=statistic, visit=visit
            )
            assert len(described) == 2
            assert all(f'data-row="{found["id"]}"' in svg for found in described)
        compared = results.rows(
            analysis=["primary", "responders_course"], visit=visit, statistic="risk difference"
        )
        assert len(compared) == 1 and f'data-row="{compared[0]["id"]}"' in svg


def test_a_share_stands_at_its_value_between_0_and_100_per_cent(make_results):
    results = make_results()
    root = ET.fromstring(responders(results, "primary"))
    at = {t.text: float(t.attrib["x"]) for t in root.iter(f"{SVG}text") if t.get("text-anchor") == "middle"}
    discs = list(root.iter(f"{SVG}circle"))
    assert len(discs) == 4
    rows = {r["id"]: r for r in results.rows()}
    for disc in discs:
        share = rows[disc.attrib["data-row"]]["estimate"]
        assert float(disc.attrib["cx"]) == pytest.approx(at["0"] + share * (at["100%"] - at["0"]), abs=0.15)


def test_shares_are_rounded_half_away_from_zero(make_results, changed):
    results = make_results()
    about = {
        "analysis": "describe",
        "endpoint": "primary",
        "visit": "m12",
        "arm": "bmc",
        "n": 40,
        "conf_level": 0.95,
    }
    added = [row("risk", 13 / 40, lower=0.2, upper=0.48, **about), row("responders", 13, **about)]
    svg = responders(
        changed(results, add=added, drop=lambda r: r["key"] in {a["key"] for a in added}), "primary"
    )
    assert ">33%</text>" in svg and ">13/40</text>" in svg


def test_shares_of_0_and_100_per_cent_fit(make_results, changed):
    results = make_results()
    added = []
    for arm, share in (("bmc", 1.0), ("control", 0.0)):
        about = {
            "analysis": "describe",
            "endpoint": "primary",
            "visit": "m12",
            "arm": arm,
            "n": 10,
            "conf_level": 0.95,
        }
        added += [row("risk", share, lower=min(share, 0.72), upper=max(share, 0.28), **about)]
    results = changed(results, add=added, drop=lambda r: r["key"] in {a["key"] for a in added})
    for width in (720, 350):
        root = ET.fromstring(responders(results, "primary", width=width))
        assert {">100%</text>", ">0%</text>"} <= {f">{t.text}</text>" for t in root.iter(f"{SVG}text")}


def test_a_missing_share_is_said_in_its_lane(make_results, changed):
    results = make_results()
    gone = results.one(analysis="describe", endpoint="primary", statistic="risk", visit="m3", arm="bmc")
    about = {name: gone[name] for name in ("analysis", "endpoint", "visit", "arm")}
    added = row("risk", None, status="not estimable", reason="no answers", **about)
    svg = responders(changed(results, drop=lambda r: r["id"] == gone["id"], add=[added]), "primary")
    assert f'data-row="{added["id"]}">not estimable</text>' in svg


def test_each_arm_is_named_once(make_results):
    svg = responders(make_results(), "primary")
    drawn = svg[svg.index("</desc>") :]
    assert drawn.count("BMC + conventional care") == drawn.count(">Conventional care") == 1


def test_beside_a_difference_stand_the_counts_of_those_behind_it(make_results, changed):
    results = make_results()
    about = {"endpoint": "primary", "visit": "m12", "arm": "bmc", "n": 40}
    added = [
        row("responders", 31, analysis="primary", method="as analysed", **about),
        row("risk", 31 / 40, analysis="primary", lower=0.62, upper=0.88, conf_level=0.95, **about),
    ]
    svg = responders(changed(results, add=added), "primary")
    observed = results.one(
        analysis="describe", endpoint="primary", statistic="responders", visit="m12", arm="bmc"
    )
    assert ">31/40</text>" in svg and f'data-row="{added[1]["id"]}"' in svg
    assert f'data-row="{observed["id"]}"' not in svg


def test_differences_of_different_levels_each_say_their_own(make_results, changed):
    results = make_results()
    last = results.one(analysis="primary", statistic="risk difference", arm="bmc")
    results = changed(results, drop=lambda r: r["id"] == last["id"], add=[last | {"conf_level": 0.9}])
    svg = responders(results, "primary")
    assert "percentage points (CI)</text>" in svg
    assert "(90% CI " in svg and "(95% CI " in svg


THREE = {"placebo": ("Placebo", ""), "low": ("Low dose", "Low"), "high": ("High dose", "High")}


def as_ratios(results, names=("primary", "responders_course")):
    """The same results with risk ratios in some analyses."""
    analyses = dict(results.protocol.analyses)
    for name in names:
        analyses[name] = analyses[name].model_copy(update={"method": "risk-ratio"})
    rows = [
        row("risk ratio", 2.0, lower=1.1, upper=3.5, conf_level=0.95,
            **{k: r[k] for k in ("analysis", "endpoint", "visit", "arm", "versus", "n")})
        if r["analysis"] in names and r["statistic"] == "risk difference" else r
        for r in results.rows()
    ]  # fmt: skip
    protocol = results.protocol.model_copy(update={"analyses": analyses})
    return dataclasses.replace(results, table=table(rows), protocol=protocol)


@pytest.mark.parametrize("width", [720, 350])
def test_a_ratio_is_called_a_ratio_and_never_points(make_results, width):
    svg = responders(as_ratios(make_results()), "primary", width=width)
    said = " ".join(t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text"))
    assert "djusted risk ratio (95%\u00a0CI)" in said and "2.00 (1.10 to 3.50)" in said
    assert "percentage points" not in said and "ifference" not in said
    assert "risk ratio 2.00 (95% CI 1.10 to 3.50)" in svg and "difference 2.00" not in svg


@pytest.mark.parametrize("width", [720, 350])
def test_where_visits_have_different_statistics_each_names_its_own(make_results, width):
    results = as_ratios(make_results(), ("primary",))
    said = " ".join(
        t.text or "" for t in ET.fromstring(responders(results, "primary", width=width)).iter(f"{SVG}text")
    )
    assert "risk ratio 2.00 (1.10 to 3.50)" in said and "difference 34 (11 to 55)" in said
    assert "djusted comparison (95%\u00a0CI)" in said and "percentage points" not in said


@pytest.mark.parametrize("width", [720, 350])
def test_several_differences_stand_beside_the_mark_of_their_arm(make_results, width):
    results = make_results(arms=THREE)
    root = ET.fromstring(responders(results, "primary", width=width))
    discs = [c for c in root.iter(f"{SVG}circle") if "data-row" not in c.attrib]
    triangles = [p for p in root.iter(f"{SVG}path") if "data-row" not in p.attrib and "fill" in p.attrib]
    visits = len(results.protocol.visits_after_baseline())
    assert len(discs) == len(triangles) == visits
    drawn = {t.get("data-row"): t for t in root.iter(f"{SVG}text")}
    for arm, marks in (("low", discs), ("high", triangles)):
        rows = results.rows(analysis=["primary", "responders_course"], arm=arm, statistic="risk difference")
        assert len(rows) == visits
        assert {drawn[r["id"]].get("fill") for r in rows} == {marks[0].get("stroke")}


def test_one_difference_needs_no_mark(make_results):
    root = ET.fromstring(responders(make_results(), "primary"))
    assert not [c for c in root.iter(f"{SVG}circle") if "data-row" not in c.attrib]

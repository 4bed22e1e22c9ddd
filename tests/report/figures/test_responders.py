"""Responders by visit."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row
from armwise.report.figures import responders

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("width", [720, 350])
def test_every_visit_shows_counts_shares_and_the_difference(make_results, width):
    results = make_results()
    svg = responders(results, "primary", width=width)
    for visit in results.protocol.visits_after_baseline():
        for statistic in ("risk", "responders"):
            for found in results.rows(
                analysis="describe", endpoint="primary", statistic=statistic, visit=visit
            ):
                assert f'data-row="{found["id"]}"' in svg
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

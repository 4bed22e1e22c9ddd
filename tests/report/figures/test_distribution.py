"""The cumulative distribution of change."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row
from armwise.report.figures import distribution

SVG = "{http://www.w3.org/2000/svg}"


def shares(svg: str) -> list[str]:
    return [
        t.text or ""
        for t in ET.fromstring(svg).iter(f"{SVG}text")
        if t.get("font-weight") == "600" and "%" in (t.text or "")
    ]


def test_the_share_at_the_threshold_is_counted_at_the_threshold_itself(make_results, changed):
    results = make_results()
    own = [r for r in results.rows(analysis="distribution") if r["arm"] == "control"]
    assert [r["estimate"] for r in own if r["at"] == -10] == [6 / 16]
    assert "38%" in shares(distribution(results, "odi_change", "m12", better="lower", threshold=10))


def test_between_two_changes_the_share_is_that_of_the_better_one(make_results):
    results = make_results()
    svg = distribution(results, "odi_change", "m12", better="lower", threshold=11)
    below = [r for r in results.rows(analysis="distribution", arm="control") if r["at"] <= -11]
    best = max(below, key=lambda r: r["at"])
    assert f'data-row="{best["id"]}"' in svg


def test_where_higher_is_better_the_curve_falls_and_the_threshold_is_positive(make_results, changed):
    results = make_results()
    rows = [
        row(
            "cumulative share",
            share,
            analysis="distribution",
            endpoint="odi_change",
            visit="m12",
            arm=arm,
            at=at,
            n=4,
        )
        for arm in ("bmc", "control")
        for at, share in ((-5.0, 1.0), (0.0, 0.75), (10.0, 0.5), (20.0, 0.25))
    ]
    results = changed(results, drop=lambda r: r["analysis"] == "distribution", add=rows)
    svg = distribution(results, "odi_change", "m12", better="higher", threshold=10)
    assert shares(svg) == ["50%", "50%"] and "improved →" in svg
    path = next(p.attrib["d"] for p in ET.fromstring(svg).iter(f"{SVG}path") if "H" in p.attrib["d"])
    x = [float(v) for v in re.findall(r"H(-?[\d.]+)", path)]
    y = [float(v) for v in re.findall(r"V(-?[\d.]+)", path)]
    assert x == sorted(x, reverse=True) and y == sorted(y, reverse=True)


def test_a_curve_starts_at_no_patient_and_ends_at_all(make_results):
    svg = distribution(make_results(), "odi_change", "m12", better="lower", threshold=10)
    root = ET.fromstring(svg)
    ticks = {
        t.text: float(t.attrib["y"]) - 12.5 * 0.33
        for t in root.iter(f"{SVG}text")
        if t.get("text-anchor") == "end"
    }
    for path in [p.attrib["d"] for p in root.iter(f"{SVG}path") if p.get("fill") == "none"]:
        start = float(re.findall(r"M[\d.]+ ([\d.]+)", path)[0])
        assert start == pytest.approx(ticks["0"], abs=0.2)
        assert float(re.findall(r"V([\d.]+)", path)[-1]) == pytest.approx(ticks["100%"], abs=0.2)


def test_an_arm_in_which_nobody_reached_the_threshold_says_none(make_results):
    svg = distribution(make_results(), "odi_change", "m12", better="lower", threshold=40)
    assert ">none</text>" in svg


def test_an_arm_without_a_curve_is_not_estimable(make_results, changed):
    results = changed(
        make_results(), drop=lambda r: r["analysis"] == "distribution" and r["arm"] == "control"
    )
    assert "not estimable" in distribution(results, "odi_change", "m12", better="lower", threshold=10)


@pytest.mark.parametrize("width", [720, 350])
def test_without_a_threshold_the_curves_are_still_named(make_results, width):
    svg = distribution(make_results(), "odi_change", "m12", better="lower", width=width)
    assert "or better:" not in svg and "BMC" in svg[svg.index("</desc>") :]


@pytest.mark.parametrize("width", [720, 350])
def test_the_axis_is_the_change_in_the_score(make_results, width):
    results = make_results()
    endpoints = dict(results.protocol.endpoints)
    endpoints["odi_change"] = endpoints["odi_change"].model_copy(update={"label": "ODI change"})
    results = dataclasses.replace(
        results, protocol=results.protocol.model_copy(update={"endpoints": endpoints})
    )
    svg = distribution(results, "odi_change", "m12", better="lower", threshold=10, width=width)
    said = " ".join(t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text"))
    assert "change in Oswestry Disability Index" in said and "ODI change" not in svg

"""Means over time and the difference on the same axis."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import table
from armwise.report.figures import trajectory

SVG = "{http://www.w3.org/2000/svg}"


def draw(results, **more) -> ET.Element:
    return ET.fromstring(trajectory(results, "odi_change", better=more.pop("better", "lower"), **more))


def place(root: ET.Element, row_id: str) -> tuple[float, float]:
    """The middle of the mark of a row."""
    for element in root.iter():
        if element.get("data-row") == row_id and element.tag == f"{SVG}circle":
            return float(element.attrib["cx"]), float(element.attrib["cy"])
        if element.get("data-row") == row_id and element.tag == f"{SVG}path":
            values = [float(v) for v in re.findall(r"-?[\d.]+", element.attrib["d"])]
            return (min(values[::2]) + max(values[::2])) / 2, (min(values[1::2]) + max(values[1::2])) / 2
    raise AssertionError(f"no mark of {row_id}")


def mean_row(results, visit: str, arm: str):
    return results.one(analysis="describe", endpoint="odi.total", statistic="mean", visit=visit, arm=arm)


@pytest.mark.parametrize("width", [720, 350])
def test_visits_stand_in_proportion_to_their_days(make_results, width):
    results = make_results()
    root = draw(results, width=width)
    x = {v: place(root, mean_row(results, v, "bmc")["id"])[0] for v in results.protocol.visits}
    for visit, spec in results.protocol.visits.items():
        expected = x["baseline"] + spec.day / 365 * (x["m12"] - x["baseline"])
        assert x[visit] == pytest.approx(expected, abs=0.2)


def test_means_and_differences_of_a_visit_share_their_place_on_the_time_axis(make_results):
    results = make_results()
    root = draw(results)
    difference = results.one(analysis="odi", statistic="mean difference", subgroup=None)
    arms = [place(root, mean_row(results, "m12", arm)["id"])[0] for arm in ("bmc", "control")]
    assert place(root, difference["id"])[0] == pytest.approx(sum(arms) / 2, abs=0.1)


def test_a_mean_stands_at_its_value_on_the_axis(make_results):
    results = make_results()
    root = draw(results)
    tick = {t.text: float(t.attrib["y"]) - 12.5 * 0.33 for t in reversed(list(root.iter(f"{SVG}text")))
            if t.get("text-anchor") == "end"}  # fmt: skip
    row = mean_row(results, "m6", "control")
    expected = tick["20"] + (row["estimate"] - 20) / 40 * (tick["60"] - tick["20"])
    assert place(root, row["id"])[1] == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(("better", "sign"), [("lower", -1), ("higher", 1)])
def test_the_minimal_important_difference_is_drawn_on_the_side_of_improvement(make_results, better, sign):
    root = draw(make_results(), better=better, mid=10)
    dotted = [line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray") == "2 3"]
    zero = [
        line
        for line in root.iter(f"{SVG}line")
        if line.get("stroke") == "#1b1f24" and line.get("y1") == line.get("y2")
    ]
    assert len(dotted) == 1 and len(zero) == 1
    above = float(dotted[0].attrib["y1"]) < float(zero[0].attrib["y1"])
    assert above == (sign > 0)


def test_without_a_minimal_important_difference_none_is_drawn(make_results):
    assert not any("minimal" in (t.text or "") for t in draw(make_results()).iter(f"{SVG}text"))


def test_crowded_visits_are_spaced_evenly_and_the_axis_says_so(make_results):
    days = {"w0": 0, "w1": 7, "w2": 14, "w4": 28, "w52": 364}
    results = make_results(visits=days)
    root = draw(results, width=350)
    assert any("not to scale" in (t.text or "") for t in root.iter(f"{SVG}text"))
    x = [place(root, mean_row(results, v, "bmc")["id"])[0] for v in days]
    gaps = [b - a for a, b in itertools.pairwise(x)]
    assert max(gaps) == pytest.approx(min(gaps), abs=0.2)


def test_patients_at_each_visit_are_counted_by_arm(make_results):
    results = make_results()
    svg = trajectory(results, "odi_change", better="lower")
    counts = results.rows(analysis="describe", endpoint="odi.total", statistic="n")
    assert len(counts) == 10 and all(f'data-row="{row["id"]}"' in svg for row in counts)


def test_the_levels_of_means_and_of_differences_are_said_apart(make_results):
    results = make_results()
    rows = [
        row | {"conf_level": 0.9} if row["versus"] and row["conf_level"] else row for row in results.rows()
    ]
    said = " ".join(
        t.text or "" for t in draw(dataclasses.replace(results, table=table(rows))).iter(f"{SVG}text")
    )
    assert "(95% CI); lower is better" in said
    assert "from Control (90% CI)" in said


def test_a_missing_mean_breaks_the_line_and_is_said(make_results):
    results = make_results(arms={"a": ("Arm A", "A"), "b": ("Arm B", "B")}, broken=True)
    root = draw(results)
    said = [t.text for t in root.iter(f"{SVG}text")]
    assert "Mean, B, not estimable at 1 month: one patient" in said


def test_a_study_without_comparisons_has_one_panel(make_results, changed):
    results = changed(make_results(), drop=lambda r: r["versus"] is not None)
    assert not any("no difference" in (t.text or "") for t in draw(results).iter(f"{SVG}text"))


def test_the_unit_of_time_is_the_one_in_which_visits_are_whole(make_results):
    cases = (
        ("months", None),
        ("weeks", {"a": 0, "b": 14, "c": 42}),
        ("weeks", {"a": 0, "b": 55, "c": 111, "d": 167}),
        ("days", {"a": 0, "b": 3, "c": 10}),
    )
    for unit, visits in cases:
        said = [t.text or "" for t in draw(make_results(visits=visits)).iter(f"{SVG}text")]
        assert any(text.startswith(f"{unit} after treatment starts") for text in said), unit


def test_every_interval_is_solid(make_results):
    results = make_results(arms={"a": ("A", ""), "b": ("B", ""), "c": ("C", ""), "d": ("D", "")})
    _, marks, _ = draw(results).findall(f"{SVG}g")
    intervals = list(marks.iter(f"{SVG}line"))
    assert len(intervals) == 4 * 5 + 3 * 4
    assert not [line for line in intervals if "stroke-dasharray" in line.attrib]


@pytest.mark.parametrize("width", [720, 350])
def test_the_axis_has_the_label_of_the_score_and_not_that_of_the_endpoint(make_results, width):
    results = make_results()
    endpoints = dict(results.protocol.endpoints)
    endpoints["odi_change"] = endpoints["odi_change"].model_copy(update={"label": "ODI change"})
    protocol = results.protocol.model_copy(update={"endpoints": endpoints})
    svg = trajectory(
        dataclasses.replace(results, protocol=protocol), "odi_change", better="lower", width=width
    )
    assert "Mean Oswestry Disability Index (95% CI)" in svg and "ODI change" not in svg

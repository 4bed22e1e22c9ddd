"""The contours of bias as they are drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from armwise.analysis.fragility import LINEAR
from armwise.report.figures.bias_contours import Benchmark, Contours, bias_contours
from armwise.report.figures.svg import Drawing
from armwise.stats import adjusted_for

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = pytest.mark.parametrize("width", [720, 350])


def parts(fragile: Any, **how: Any) -> tuple[dict[str, Any], list[Benchmark]]:
    rows = fragile.mean_rows(**how)
    linear = next(r for r in rows if r["method"] == LINEAR)
    marks = [
        Benchmark(f"{r['at']:g} × ODI", 0.05 * r["at"], 0.3 * r["at"], r)
        for r in rows
        if r["category"] == "odi_baseline"
    ]
    return linear, marks


def contours(fragile: Any, width: int = 720, **how: Any) -> Contours:
    linear, marks = parts(fragile, **how)
    plot = Contours(linear, marks, 0.3, Drawing("contours", width), width)
    plot.draw()
    return plot


@pytest.mark.parametrize("estimate", [-12.0, 12.0])
def test_a_confounder_on_a_contour_leaves_the_difference_of_the_contour(
    fragile: Any, estimate: float
) -> None:
    plot = contours(fragile, estimate=estimate)
    assert 0.0 in plot.levels()
    seen = 0
    for value in plot.levels():
        for x in (0.05, 0.1, 0.2):
            y = plot._outcome_share(x, value)
            if y is not None and y <= 1:
                assert adjusted_for(plot.found, x, y).estimate == pytest.approx(value, abs=1e-9)
                seen += 1
    assert seen >= 3


@pytest.mark.parametrize("estimate", [-12.0, 12.0])
def test_on_the_dashed_line_the_interval_touches_no_difference(fragile: Any, estimate: float) -> None:
    plot = contours(fragile, estimate=estimate)
    line = plot._line(plot._limit_share)
    assert len(line) > 10
    for x, y in line[::8]:
        beside = adjusted_for(plot.found, x, y)
        assert min(abs(beside.lower), abs(beside.upper)) < 1e-5
        assert adjusted_for(plot.found, x, 0.97 * y).lower * adjusted_for(plot.found, x, 0.97 * y).upper > 0


@WIDTHS
def test_every_benchmark_and_the_estimate_are_marked_and_named(
    two_arms: Any, fragile: Any, width: int
) -> None:
    linear, marks = parts(fragile)
    root = ET.fromstring(
        bias_contours(two_arms, linear, marks, robustness=0.3, name="c", what="ODI", width=width)
    )
    drawn = {e.get("data-row") for e in root.iter() if e.tag != f"{SVG}text"}
    assert {linear["id"], *(b.row["id"] for b in marks)} <= drawn
    words = " ".join(t.text or "" for t in root.iter(f"{SVG}text"))
    assert "as estimated: −12.0" in words
    for b in marks:
        assert b.label in words


@WIDTHS
def test_every_mark_lies_within_the_drawing(two_arms: Any, fragile: Any, width: int) -> None:
    linear, marks = parts(fragile)
    root = ET.fromstring(
        bias_contours(two_arms, linear, marks, robustness=0.3, name="c", what="ODI", width=width)
    )
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", -1)) <= width


def test_an_estimate_whose_interval_holds_no_difference_has_no_dashed_line(fragile: Any) -> None:
    plot = contours(fragile, estimate=-3.0)
    assert plot._line(plot._limit_share) == []


def test_without_benchmarks_the_axes_hold_the_robustness_value(fragile: Any) -> None:
    linear, _ = parts(fragile)
    plot = Contours(linear, [], 0.31, Drawing("contours", 720), 720)
    assert plot.draw() > 100
    assert plot.most_x > 0.31 and plot.most_y > 0.31

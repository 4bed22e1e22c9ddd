from __future__ import annotations

import dataclasses
import re

import pytest

from armwise.analysis.results import Results, row, table
from armwise.report.figures.responder_band import curve_of, responder_band


@pytest.fixture
def banded(make_results) -> Results:
    results = make_results()
    rows = [
        row(
            "risk difference", d, lower=d - 0.25, upper=d + 0.25, conf_level=0.95, at=at, analysis="thresholds",
            item="odi", endpoint="odi.total", visit="m12", arm="bmc", versus="control", unit="proportion", method="m",
            n=73,
        )
        for at, d in ((2.0, 0.6), (4.0, 0.5), (12.0, 0.4), (14.0, 0.1), (16.0, 0.0), (18.0, 0.0), (90.0, 0.0))
    ]  # fmt: skip
    return dataclasses.replace(results, table=table(rows))


@pytest.mark.parametrize("width", [350, 720])
def test_the_curve_ends_one_step_after_the_last_difference(banded, width):
    svg = responder_band(banded, "odi", "bmc", "m12", width=width)
    (line,) = re.findall(r'<path d="(M[^"]+)" fill="none"', svg)
    corners = [tuple(map(float, p.split())) for p in line[1:].split("L")]
    assert len(corners) == 2 * 5  # thresholds 2 to 16; 18 and 90 add nothing
    heights = [y for _, y in corners[::2]]
    assert heights == sorted(heights)  # a falling difference falls on the page
    assert all(a == b for (_, a), (_, b) in zip(corners[::2], corners[1::2], strict=True))


def test_the_band_is_an_area_twice_as_long_and_above_the_curve_by_its_half_width(banded):
    svg = responder_band(banded, "odi", "bmc", "m12")
    (band,) = re.findall(r'<path d="(M[^"]+)Z" fill="#[0-9a-f]+" fill-opacity', svg)
    (line,) = re.findall(r'<path d="(M[^"]+)" fill="none"', svg)
    band_y = [float(p.split()[1]) for p in band[1:].split("L")]
    line_y = [float(p.split()[1]) for p in line[1:].split("L")]
    assert len(band_y) == 2 * len(line_y)
    above = [c - u for c, u in zip(line_y, band_y[: len(line_y)], strict=True)]
    below = [lo - c for c, lo in zip(line_y, reversed(band_y[len(line_y) :]), strict=True)]
    assert above == pytest.approx([above[0]] * len(above), abs=0.2)
    assert below == pytest.approx(above, abs=0.2)


def test_the_declared_thresholds_in_points_are_marked_and_said(banded):
    svg = responder_band(banded, "odi", "bmc", "m12")
    assert ">12.8</text>" in svg
    assert ">30</text>" not in svg  # a per cent is no point of this axis
    # at 12.8 and 15 points those count who reach the next threshold of the scale
    assert "at 14: 10 percentage points (95% CI −15 to 35)" in svg
    assert "SIMULATED DATA" in svg


def test_rows_of_single_thresholds_are_no_part_of_the_curve(banded):
    extra = row(
        "risk difference",
        0.3,
        analysis="thresholds",
        item="odi",
        visit="m12",
        arm="bmc",
        category="at least 10",
        at=10.0,
    )
    results = dataclasses.replace(banded, table=table([*banded.table.to_dicts(), extra]))
    assert 10.0 not in [r["at"] for r in curve_of(results, "odi", "bmc", "m12")]

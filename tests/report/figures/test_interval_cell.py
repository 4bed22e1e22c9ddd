"""An interval in SD units in a cell."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row
from armwise.report.figures import interval_cell

SVG = "{http://www.w3.org/2000/svg}"
LOWER = row("mean difference", -12.0, lower=-18.0, upper=-6.0, conf_level=0.95, endpoint="a")
HIGHER = row("mean difference", 12.0, lower=6.0, upper=18.0, conf_level=0.95, endpoint="a")


def interval(svg: str) -> tuple[float, float]:
    bar = [line for line in ET.fromstring(svg).iter(f"{SVG}line") if line.get("y1") == line.get("y2")]
    return float(bar[0].attrib["x1"]), float(bar[0].attrib["x2"])


def test_right_of_the_line_favours_the_treatment_in_either_direction():
    assert interval(interval_cell(LOWER, 12.0, better="lower", name="a", what="pain")) == interval(
        interval_cell(HIGHER, 12.0, better="higher", name="a", what="pain")
    )


def test_the_interval_is_divided_by_the_sd():
    svg = interval_cell(LOWER, 12.0, better="lower", name="a", what="pain", low=-0.5, high=2.0, width=150)
    left, right = interval(svg)
    assert left == pytest.approx(7 + (0.5 + 0.5) / 2.5 * 136, abs=0.1)
    assert right == pytest.approx(7 + (1.5 + 0.5) / 2.5 * 136, abs=0.1)
    assert "1.00 (95% CI 0.50 to 1.50)" in svg


def test_an_estimate_beyond_the_scale_is_an_arrow_and_no_mark():
    far = row("mean difference", -100.0, lower=-110.0, upper=-90.0, conf_level=0.95, endpoint="a")
    svg = interval_cell(far, 10.0, better="lower", name="a", what="pain")
    paths = [p.attrib["d"] for p in ET.fromstring(svg).iter(f"{SVG}path")]
    assert len(paths) == 1 and not paths[0].endswith("Z") and "10.00" in svg


@pytest.mark.parametrize("sd", [None, 0.0])
def test_without_an_sd_it_is_not_estimable(sd):
    assert "not estimable" in interval_cell(LOWER, sd, better="lower", name="a", what="pain")


def test_a_row_without_an_estimate_is_not_estimable():
    gone = row("mean difference", None, status="not estimable", reason="no answers", endpoint="a")
    assert "not estimable" in interval_cell(gone, 12.0, better="lower", name="a", what="pain")


def test_an_interval_without_ends_is_cut_with_an_arrow_on_both_sides():
    endless = row("mean difference", 1.0, lower=-math.inf, upper=math.inf, conf_level=0.95, endpoint="a")
    svg = interval_cell(endless, 10.0, better="lower", name="a", what="pain", low=-3.0, high=3.0)
    arrows = [p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("fill") == "none"]
    assert len(arrows) == 2 and "∞" in svg

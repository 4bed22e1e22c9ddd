"""The balance of a covariate in a cell."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from armwise.analysis.results import row
from armwise.report.figures import balance_cell

SVG = "{http://www.w3.org/2000/svg}"


def difference(value: float | None, target: str):
    status = {} if value is not None else {"status": "not estimable", "reason": "no spread"}
    return row("standardised difference", value, analysis="baseline", item="age", target=target, **status)


def test_before_is_open_after_is_filled_and_sizes_have_no_sign():
    svg = balance_cell(
        difference(-0.45, "everyone"), difference(0.05, "overlap"), name="age", what="age", width=110
    )
    open_, filled = ET.fromstring(svg).iter(f"{SVG}circle")
    assert open_.get("fill") == "#fff" and filled.get("fill") != "#fff"
    notable = next(line for line in ET.fromstring(svg).iter(f"{SVG}line") if line.get("stroke-dasharray"))
    zero = 7.0
    per_unit = (float(notable.attrib["x1"]) - zero) / 0.1
    assert float(open_.attrib["cx"]) == pytest.approx(zero + 0.45 * per_unit, abs=0.5)
    assert "−0.45 before, 0.05 after weighting" in svg


def test_a_difference_beyond_the_scale_ends_in_an_arrow_and_keeps_its_number():
    svg = balance_cell(difference(1.4, "everyone"), difference(0.3, "overlap"), name="age", what="age")
    assert "<path" in svg and "1.40 before" in svg


def test_what_is_not_estimable_is_said():
    svg = balance_cell(difference(None, "everyone"), None, name="age", what="age")
    assert "<circle" not in svg and "not estimable before" in svg


def test_cells_of_different_rows_have_different_ids():
    cells = [
        balance_cell(difference(0.1, "everyone"), None, name=name, what="age")
        for name in ("age", "gender", "gender: female")
    ]
    ids = [e.get("id") for cell in cells for e in ET.fromstring(cell).iter() if e.get("id")]
    assert len(set(ids)) == len(ids) == 6

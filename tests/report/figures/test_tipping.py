"""The grid of missing answers as it is drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from armwise.analysis.missing_answers import PLAIN
from armwise.report.figures.tipping import CLEAR, cells_of, tipping
from armwise.stats import Missing
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = pytest.mark.parametrize("width", [720, 350])


def grid(rows: list[dict[str, Any]], method: str = PLAIN) -> list[dict[str, Any]]:
    return [r for r in rows if r["method"] == method and r["at"] is not None]


def draw(results: Any, rows: list[dict[str, Any]], width: int, shifts: bool = False) -> ET.Element:
    return ET.fromstring(tipping(results, rows, name="tipping x", what="ODI", shifts=shifts, width=width))


def squares(root: ET.Element) -> dict[str, str]:
    """Row -> fill of its cell."""
    return {p.get("data-row", ""): p.get("fill", "") for p in root.iter(f"{SVG}path") if p.get("data-row")}


@WIDTHS
def test_every_combination_is_a_cell_shaded_where_its_interval_excludes_no_difference(
    two_arms: Any, fragile: Any, width: int
) -> None:
    rows = grid(fragile.risk_rows())
    found = squares(draw(two_arms, rows, width))
    assert found.keys() == {r["id"] for r in rows}
    for r in rows:
        assert (found[r["id"]] == CLEAR) == (r["lower"] > 0 or r["upper"] < 0)
    assert len(set(found.values())) == 2


@WIDTHS
def test_the_numbers_of_responders_rise_to_the_right_and_upwards(
    two_arms: Any, fragile: Any, width: int
) -> None:
    rows = cells_of(grid(fragile.risk_rows()))
    root = draw(two_arms, list(rows.values()), width)
    place = {
        p.get("data-row"): tuple(map(float, re.findall(r"M([\d.]+) ([\d.]+)", p.get("d", ""))[0]))
        for p in root.iter(f"{SVG}path")
        if p.get("data-row")
    }
    first, right, up = (place[rows[k]["id"]] for k in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0)))
    assert right[0] > first[0] and right[1] == first[1]
    assert up[1] < first[1] and up[0] == first[0]


def test_a_border_is_drawn_where_there_is_one_and_nowhere_else(two_arms: Any, fragile: Any) -> None:
    def borders(rows: list[dict[str, Any]]) -> int:
        root = draw(two_arms, rows, 720)
        return sum(p.get("stroke-width") == "2.4" for p in root.iter(f"{SVG}path"))

    assert borders(grid(fragile.risk_rows())) > 0
    assert borders(grid(fragile.risk_rows(arm=Missing(34, 36, 4), versus=Missing(2, 33, 7)))) == 0


@WIDTHS
def test_each_cell_says_its_difference_where_there_is_room(two_arms: Any, fragile: Any, width: int) -> None:
    rows = grid(fragile.risk_rows())
    words = [t.text for t in draw(two_arms, rows, width).iter(f"{SVG}text")]
    worst = min(rows, key=lambda r: r["estimate"])
    assert str(round(100 * worst["estimate"])) in words
    many = grid(fragile.risk_rows(arm=Missing(20, 36, 30), versus=Missing(9, 33, 40)))
    small = draw(two_arms, many, width)
    assert len(squares(small)) == 31 * 41
    assert sum(t.get("data-row") is not None for t in small.iter(f"{SVG}text")) == 0


@WIDTHS
def test_nothing_is_drawn_beyond_the_width(two_arms: Any, fragile: Any, width: int) -> None:
    root = draw(two_arms, grid(fragile.risk_rows(arm=Missing(20, 36, 3), versus=Missing(9, 33, 40))), width)
    xs = [float(x) for p in root.iter(f"{SVG}path") for x in re.findall(r"[ML]([\d.]+) ", p.get("d", ""))]
    assert min(xs) >= 0 and max(xs) <= width


def test_shifts_are_named_with_their_unit_and_sign(two_arms: Any, fragile: Any) -> None:
    root = draw(two_arms, grid(fragile.mean_rows(), SHIFTED), 720, shifts=True)
    words = [t.text or "" for t in root.iter(f"{SVG}text")]
    assert "Shift of missing outcomes (points): BMC + conventional care" in words
    assert {"−10", "0", "10"} <= set(words)


def test_its_description_says_how_many_combinations_hold_no_difference(two_arms: Any, fragile: Any) -> None:
    rows = grid(fragile.risk_rows())
    held = sum(r["lower"] <= 0 <= r["upper"] for r in rows)
    said = draw(two_arms, rows, 720).findtext(f"{SVG}desc") or ""
    assert f"40 combinations; in {held} of them the interval includes no difference" in said

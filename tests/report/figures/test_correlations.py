"""Rank correlations on one axis, with what could have been found."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from armwise.analysis.results import Row, row
from armwise.report.figures.correlations import Correlation, correlations

SVG = "{http://www.w3.org/2000/svg}"
DETECTABLE = row("detectable correlation", 0.44, at=0.8, at2=0.05, n=38, analysis="associations", item="a")


def of(name: str, r: float | None, **more: Any) -> Correlation:
    fields: dict[str, Any] = {
        "lower": None if r is None else r - 0.3,
        "upper": None if r is None else r + 0.3,
    }
    status = {"status": "not estimable", "reason": "all alike"} if r is None else {}
    made: Row = row(
        "correlation", r, analysis="associations", item=name, conf_level=0.95, n=38, **fields, **status
    )
    return Correlation(name, made, **more)


LINES = [
    of("Colonies of a long name that needs two lines", -0.2, first=True),
    of("Age", 0.1),
    of("Weight", None),
]


def draw(width: int, detectable: Row | None = DETECTABLE) -> ET.Element:
    return ET.fromstring(
        correlations(LINES, detectable, name="c", outcome="change", simulated=True, width=width)
    )


@pytest.mark.parametrize("width", [720, 350])
def test_every_correlation_is_drawn_or_said_not_to_be_estimable(width: int) -> None:
    root = draw(width)
    ids = {e.get("data-row") for e in root.iter() if e.get("data-row")}
    assert {line.row["id"] for line in LINES} | {DETECTABLE["id"]} == ids
    words = [t.text for t in root.iter(f"{SVG}text")]
    assert "not estimable" in words and "0.10 (−0.20 to 0.40)" in words and "SIMULATED DATA" in words


@pytest.mark.parametrize("width", [720, 350])
def test_the_smallest_detectable_correlation_is_dotted_on_both_sides_of_zero(width: int) -> None:
    xs = {float(e.attrib["x1"]) for e in draw(width).iter(f"{SVG}line") if e.get("stroke-dasharray") == "2 3"}
    zero = {
        float(e.attrib["x1"])
        for e in draw(width, None).iter(f"{SVG}line")
        if e.attrib["x1"] == e.attrib["x2"]
    }
    assert len(xs) == 2 and len(zero) == 1
    assert sum(xs) / 2 == pytest.approx(zero.pop(), abs=0.1)


@pytest.mark.parametrize("width", [720, 350])
def test_nothing_stands_outside_the_drawing(width: int) -> None:
    for element in draw(width).iter(f"{SVG}line"):
        assert all(0 <= float(element.attrib[x]) <= width for x in ("x1", "x2"))


def test_the_description_holds_the_numbers() -> None:
    said = draw(720).find(f"{SVG}desc")
    assert said is not None and said.text is not None
    assert "Age: 0.10 (−0.20 to 0.40)." in said.text and "could be detected: 0.44" in said.text

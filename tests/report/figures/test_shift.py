"""Shifts of grades as a figure: one square and one number a cell that holds places."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results, row, table
from armwise.protocol.model import Protocol
from armwise.report.figures.shift import cells_of, description, shifts

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain" / "protocol.yaml"
SVG = "{http://www.w3.org/2000/svg}"


def results(counts: dict[str, dict[str, int]], simulated: bool = True) -> Results:
    """Results with the places of some cells of some grades; every other cell is there with 0."""
    text = EXAMPLE.read_text(encoding="utf-8")
    protocol = Protocol.model_validate(yaml.safe_load(text))
    scales: dict[str, Any] = {"pfirrmann": "12345", "modic": "0123", "facets": "0123", "hiz": ("no", "yes")}
    rows = [
        row("places", counts.get(name, {}).get(f"{b} to {a}", 0), analysis="imaging", endpoint=f"imaging.{name}",
            visit="m12", arm="bmc", category=f"{b} to {a}", label=name, n=20, unit="places")
        for name, scale in scales.items() for b in scale for a in scale
    ]  # fmt: skip
    return Results(table(rows), protocol, text, manifest={"simulated": simulated})


COUNTS = {"pfirrmann": {"3 to 3": 40, "3 to 4": 10, "5 to 4": 2}, "hiz": {"no to yes": 7}}


@pytest.mark.parametrize("width", [720, 350])
def test_each_cell_with_places_has_a_square_and_its_number_and_no_other_has(width: int) -> None:
    found = results(COUNTS)
    root = ET.fromstring(shifts(found, "m12", "bmc", width=width))
    wanted = {r["id"]: f"{r['estimate']:.0f}" for r in found.rows(statistic="places") if r["estimate"]}
    squares = [p.get("data-row") for p in root.iter(f"{SVG}path") if p.get("data-row")]
    numbers = {t.get("data-row"): t.text for t in root.iter(f"{SVG}text") if t.get("data-row")}
    assert sorted(squares) == sorted(wanted)
    assert numbers == wanted


def side(root: ET.Element, row_id: str) -> float:
    path = next(p for p in root.iter(f"{SVG}path") if p.get("data-row") == row_id)
    x = [float(v) for v in re.findall(r"-?[\d.]+", path.attrib["d"])][::2]
    return max(x) - min(x)


def test_the_area_of_a_square_goes_with_its_number_and_the_diagonal_is_hollow() -> None:
    found = results(COUNTS)
    root = ET.fromstring(shifts(found, "m12", "bmc"))
    cells, scale = cells_of(found, "pfirrmann", "m12", "bmc")
    assert scale == ("1", "2", "3", "4", "5")
    stay, worse = cells[2, 2], cells[2, 3]
    assert side(root, stay["id"]) / side(root, worse["id"]) == pytest.approx(2, abs=0.05)
    fills = {p.get("data-row"): p.get("fill") for p in root.iter(f"{SVG}path")}
    assert fills[stay["id"]] == "#fff"
    assert fills[worse["id"]] != "#fff"


@pytest.mark.parametrize("width", [720, 350])
def test_nothing_is_drawn_outside_the_figure(width: int) -> None:
    root = ET.fromstring(shifts(results(COUNTS), "m12", "bmc", width=width))
    for line in root.iter(f"{SVG}line"):
        assert all(-0.5 <= float(line.attrib[k]) <= width + 0.5 for k in ("x1", "x2"))
    for t in root.iter(f"{SVG}text"):
        assert 0 <= float(t.attrib["x"]) <= width


def test_a_grade_without_any_place_says_so_and_the_words_tell_what_moved() -> None:
    found = results(COUNTS)
    words = [t.text for t in ET.fromstring(shifts(found, "m12", "bmc")).iter(f"{SVG}text")]
    assert words.count("no place was graded at both visits") == 2  # Modic types and facets
    assert "SIMULATED DATA" in words
    assert (
        description(found, "m12", "bmc") == "pfirrmann: 12 of 52 places changed; hiz: 7 of 7 places changed."
    )
    real = [t.text for t in ET.fromstring(shifts(results(COUNTS, False), "m12", "bmc")).iter(f"{SVG}text")]
    assert "SIMULATED DATA" not in real

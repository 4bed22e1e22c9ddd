"""A curve over a measure with its band."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from armwise.analysis.results import row
from armwise.report.figures.dose_curve import Point, dose_curve

SVG = "{http://www.w3.org/2000/svg}"
PERCENTILES = (5, 10, 25, 50, 75, 90, 95)


def points(scale: float = 1000.0) -> list[Point]:
    made = []
    for i, p in enumerate(PERCENTILES):
        about = {"analysis": "associations", "item": "a", "at": float(p), "n": 38}
        value = row("value at percentile", scale * 2.0 ** (i / 2), unit="/mL", **about)
        mean = row(
            "fitted mean", -10.0 - i, lower=-16.0 - i, upper=-4.0 - i, conf_level=0.95, se=3.0, **about
        )
        made.append(Point(value, mean))
    return made


def draw(width: int = 720, log: bool = True, cuts: tuple[float, ...] = (2000.0, 99999.0)) -> ET.Element:
    text = dose_curve(
        points(), name="d", measure="CFU-F, /mL", outcome="Change, points", log=log, cuts=cuts, simulated=True,
        width=width,
    )  # fmt: skip
    return ET.fromstring(text)


@pytest.mark.parametrize("width", [720, 350])
def test_every_marked_place_cites_the_row_of_its_mean(width: int) -> None:
    drawn = {e.get("data-row") for e in draw(width).iter(f"{SVG}circle")}
    assert drawn == {p.mean["id"] for p in points()}


@pytest.mark.parametrize("width", [720, 350])
def test_on_a_logarithmic_axis_doublings_are_equally_far_apart(width: int) -> None:
    x = [float(e.attrib["cx"]) for e in draw(width).iter(f"{SVG}circle")]
    gaps = [b - a for a, b in pairwise(x)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), abs=0.2)
    straight = [float(e.attrib["cx"]) for e in draw(width, log=False).iter(f"{SVG}circle")]
    assert straight[-1] - straight[-2] > 2 * (straight[1] - straight[0])


def test_a_declared_cut_is_dotted_where_it_lies_inside_the_axis() -> None:
    root = draw()
    assert len([e for e in root.iter(f"{SVG}line") if e.get("stroke-dasharray") == "2 3"]) == 1
    assert [t.text for t in root.iter(f"{SVG}text") if (t.text or "").startswith("cut")] == ["cut 2000"]


def test_the_band_runs_along_the_upper_limits_and_back_along_the_lower_ones() -> None:
    path = next(e for e in draw().iter(f"{SVG}path") if e.get("fill-opacity"))
    ys = [float(v) for v in re.findall(r"[\d.]+ ([\d.]+)", path.attrib["d"])]
    n = len(PERCENTILES)
    assert len(ys) == 2 * n
    assert all(up < down for up, down in zip(ys[:n], reversed(ys[n:]), strict=True))


def test_the_description_holds_the_numbers() -> None:
    said = draw().find(f"{SVG}desc")
    assert said is not None and said.text is not None and "at 1000: −10.0 (−16.0 to −4.0)" in said.text

"""The drawing itself: order of layers, escaping, ids."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from armwise.report.figures.style import REFERENCE, SMALL, TREATMENTS
from armwise.report.figures.svg import Drawing, escape, px


def test_text_and_attributes_are_escaped():
    drawing = Drawing("a", 100)
    drawing.text(0, 10, 'a < b & "c"', row={"id": 'r"<&'})
    root = ET.fromstring(drawing.svg(20, "t <", "d & d"))
    text = next(root.iter("{http://www.w3.org/2000/svg}text"))
    assert text.text == 'a < b & "c"' and text.get("data-row") == 'r"<&'


def test_characters_that_xml_cannot_hold_are_left_out():
    assert escape("a\x00b\x1f\ufffe") == "ab"


@pytest.mark.parametrize(
    ("value", "text"), [(1.04, "1"), (-0.04, "0"), (2.25, "2.2"), (10, "10"), (-3.5, "-3.5")]
)
def test_lengths_have_one_decimal_and_no_negative_zero(value, text):
    assert px(value) == text


def test_a_length_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        px(math.nan)


def test_labels_lie_above_marks_and_marks_above_rules_whatever_the_order_of_drawing():
    drawing = Drawing("a", 100)
    drawing.text(0, 10, "label")
    drawing.mark("disc", 5, 5, "#000000")
    drawing.rule(0, 0, 9, 9)
    svg = drawing.svg(20, "t", "d")
    assert svg.index("M0 0L9 9") < svg.index("<circle") < svg.index("<text")


def test_the_grid_is_one_path_under_every_other_line():
    drawing = Drawing("a", 100)
    drawing.rule(0, 5, 9, 5, colour="#000000")
    for x in (1, 2):
        drawing.rule(x, 0, x, 9)
    svg = drawing.svg(20, "t", "d")
    assert svg.count("<path") == 1 and svg.index("M1 0V9M2 0V9") < svg.index("<line")


def test_text_of_the_usual_size_and_colour_inherits_them():
    drawing = Drawing("a", 100)
    drawing.text(0, 10, "plain", size=SMALL)
    drawing.text(0, 20, "other", size=14, colour="#000000")
    root = ET.fromstring(drawing.svg(30, "t", "d"))
    plain, other = root.iter("{http://www.w3.org/2000/svg}text")
    assert plain.get("font-size") is None and float(root.attrib["font-size"]) == SMALL
    assert (other.get("font-size"), other.get("fill")) == ("14", "#000000")


def test_labels_have_a_white_halo_behind_them():
    drawing = Drawing("a", 100)
    assert 'stroke="#fff" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke"' in drawing.svg(
        9, "t", "d"
    )


def test_ids_are_made_of_name_and_width():
    assert Drawing("Balance: Age (y)", 110).id == "f-balance-age-y-110"
    assert Drawing("a", 720).id != Drawing("a", 350).id


def test_each_arm_has_a_mark_of_its_own():
    seen = set()
    for style in (REFERENCE, *TREATMENTS):
        drawing = Drawing("a", 20)
        drawing.arm_mark(style, 10, 10)
        seen.add(drawing.svg(20, "t", "d").replace(style.colour, ""))
    assert len(seen) == 1 + len(TREATMENTS)

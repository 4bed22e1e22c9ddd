"""Arms stay apart without colour, and colours carry text."""

from __future__ import annotations

import pytest

from armwise.report.figures import style
from armwise.report.figures.style import REFERENCE, TREATMENTS, arm_styles


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_arms_differ_in_shape_and_in_line_so_that_grey_print_loses_nothing():
    arms = [REFERENCE, *TREATMENTS]
    for what in ("colour", "shape", "dash"):
        assert len({getattr(arm, what) for arm in arms}) == len(arms)


@pytest.mark.parametrize(
    "colour", [REFERENCE.colour, *(t.colour for t in TREATMENTS), style.GREY, style.INK, style.WARNING]
)
def test_every_colour_of_text_has_a_contrast_of_4_5_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_the_reference_arm_looks_the_same_in_every_study(make_results, long_arms):
    assert arm_styles(make_results().protocol)["control"] == REFERENCE
    styles = arm_styles(make_results(arms=long_arms).protocol)
    assert styles["placebo"] == REFERENCE and list(styles) == list(long_arms)
    assert styles["low"] == TREATMENTS[0]


def test_no_type_size_is_below_11_px():
    assert min(style.NAME, style.LABEL, style.NOTE, style.SMALL, style.STAMP) >= 11

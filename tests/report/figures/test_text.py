"""Widths against a browser with the shipped font, breaking, and labels kept apart by brute force."""

from __future__ import annotations

import base64
import doctest
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.report.figures import text
from armwise.report.figures.text import spread, width, wrap

FONTS = Path(__file__).parents[3] / "src" / "armwise" / "report" / "fonts"
TEXTS = (
    "Oswestry Disability Index",
    "−12.8 (−19.4 to −6.2)",
    "12\u202f345 patients ≥ 30% → 100%",
    "Missing answers count as no response",
    "BMC + conventional care",
    "Sphinx of black quartz, judge my vow & <hyphen-ated/words>",
)


@pytest.mark.browser
def test_widths_are_those_of_the_shipped_font_in_a_browser(chromium):
    from playwright.sync_api import sync_playwright

    faces = "".join(
        f"@font-face{{font-family:A;font-weight:{weight};src:url(data:font/woff2;base64,"
        f"{base64.b64encode((FONTS / f'armwise-sans-{weight}.woff2').read_bytes()).decode()})}}"
        for weight in (400, 600)
    )
    measure = """async ([texts, size]) => {
        await Promise.all([document.fonts.load('400 14px A'), document.fonts.load('600 14px A')]);
        const context = document.createElement('canvas').getContext('2d');
        const widths = texts => texts.map(t => context.measureText(t).width);
        return [400, 600].map(w => { context.font = `${w} ${size}px A`; return widths(texts); });
    }"""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-sync"]
        )
        page = browser.new_page()
        page.set_content(f"<style>{faces}</style><p style='font-family:A'>a<b>b</b></p>")
        found = page.evaluate(measure, [list(TEXTS), 14])
        browser.close()
    for bold, widths in zip((False, True), found, strict=True):
        for said, seen in zip(TEXTS, widths, strict=True):
            assert seen - 0.5 <= width(said, 14, bold) <= seen * 1.03 + 1, (said, bold, seen)


@pytest.mark.parametrize(
    ("text", "size", "bold", "expected"),
    [
        ("", 14, False, 0),
        ("00", 10, False, 9.94),
        ("W", 10, True, 8.0),
        ("漢", 12, False, 12),
        ("Ł", 10, False, 6.2),
    ],
)
def test_a_width_is_the_sum_of_advance_widths(text, size, bold, expected):
    assert width(text, size, bold) == pytest.approx(expected)


@given(st.text(alphabet="ab cdW-/\u00a0", max_size=60), st.floats(20, 200))
@settings(max_examples=80, deadline=None)
def test_wrapped_lines_fit_and_lose_no_letter(text, room):
    lines = wrap(text, room, 13)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width(line, 13) <= room + 1e-9 or len(line) == 1 for line in lines)


def test_a_no_break_space_keeps_a_number_with_its_word():
    assert wrap("Not meeting criteria:\u00a019", 120, 13) == ["Not meeting", "criteria:\u00a019"]


def test_a_word_longer_than_the_line_is_broken_and_not_clipped():
    assert len(wrap("Donaudampfschifffahrtsgesellschaft", 80, 13)) == 3


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9)), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_spread_labels_touch_nothing_and_stay_in_their_room(wanted):
    centres, heights = [float(c) for c, _ in wanted], [float(h) for _, h in wanted]
    found = spread(centres, heights, 0, 100)
    spans = sorted((c - h / 2, c + h / 2) for c, h in zip(found, heights, strict=True))
    assert all(a[1] <= b[0] + 1e-6 for a, b in itertools.pairwise(spans))
    assert spans[0][0] >= -1e-6 and spans[-1][1] <= 100 + 1e-6


def test_labels_with_room_stay_where_they_are_wanted():
    assert spread([50, 10], [10, 10], 0, 100) == [50, 10]
    assert spread([10, 12, 50], [10, 10, 10], 0, 100) == [6, 16, 50]


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(text).failed == 0

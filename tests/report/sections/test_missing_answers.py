"""The grids of the missing answers: which are drawn, how often, and what their heading counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.report.page import Figure
from armwise.report.sections import fragility, missing_answers
from armwise.report.words import Words
from armwise.stats import Missing


@pytest.fixture(scope="module")
def whole(two_arms: Results, fragile: Any) -> Results:
    return fragile.with_rows(two_arms, [*fragile.risk_rows(), *fragile.mean_rows()])  # type: ignore[no-any-return]


def test_without_rows_there_is_none(two_arms: Results) -> None:
    assert missing_answers.section(two_arms, Words.of(two_arms)) is None


def test_a_grid_is_drawn_once_for_every_width(whole: Results) -> None:
    section = missing_answers.section(whole, Words.of(whole))
    assert section is not None
    figures = [b.main for b in section.blocks if isinstance(b.main, Figure)]
    assert len(figures) == len(section.blocks) == 3  # responders, not adjusted and weighted; shifts
    assert all(not f.wide and 'width="350"' in f.narrow for f in figures)
    assert len({f.title for f in figures}) == 3


def test_the_heading_counts_what_the_section_on_fragility_counts(
    two_arms: Results, make: Callable[..., Results], fragile: Any
) -> None:
    for results, missing in (
        (two_arms, (Missing(35, 36, 4), Missing(1, 33, 7))),
        (make(), (Missing(20, 30, 10), Missing(12, 30, 10))),
    ):
        made = fragile.with_rows(results, fragile.risk_rows(arm=missing[0], versus=missing[1]))
        section = missing_answers.section(made, Words.of(made))
        assert section is not None
        count = str(section.heading).split(" of ")[0].lower()
        assert f"{count} of " in fragility.heading(made, Words.of(made)).lower()


def test_an_arm_whose_shifts_change_nothing_has_one_line_of_cells(fragile: Any) -> None:
    rows = [r for r in fragile.mean_rows() if r["at"] is not None and r["at2"] is not None]
    same = [{**r, "estimate": -12.0 - 0.2 * r["at2"]} for r in rows]
    assert {r["at"] for r in missing_answers._distinct(same)} == {0.0}
    assert len(missing_answers._distinct(rows)) == 9

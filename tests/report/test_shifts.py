"""What the page says of shifts of the missing answers of a measured outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.report.page import Figure
from armwise.report.sections import fragility, missing_answers
from armwise.report.shifts import shift_sentences
from armwise.report.tables import Table
from armwise.report.words import Words
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED


def said(results: Results, fragile: Any, **rows: Any) -> list[str]:
    made = fragile.with_rows(results, fragile.shift_rows(**rows))
    found = shift_sentences(made, Words.of(made), "odi_overlap", "bmc", IMPUTED)
    return [Markup(text).striptags().replace("\u00a0", " ") for text in found]


def test_it_says_from_which_shift_on_the_finding_would_not_be_one_and_which_arm_has_none(
    two_arms: Results, fragile: Any
) -> None:
    first, last = said(two_arms, fragile)
    assert first == (
        "For the interval to include no difference, the 4 missing answers of BMC alone would have to be 24.0 points"
        " worse than the analysis imputes them or those of both at the same time 15.0 points worse and better. No shift"
        " that the scale has room for would do in conventional care alone (up to 40.0 points better)."
    )
    assert last == (
        "With the mean of the missing answers of each arm at the end of the scale that is against the finding the"
        " difference would be \u22121.5 points (95% CI \u22127.5 to 4.5)."
    )


def test_one_missing_answer_and_both_arms_are_said_in_their_grammar(two_arms: Results, fragile: Any) -> None:
    first, _ = said(two_arms, fragile, tips=(24.0, 30.0, 15.0), missing=(1, 1))
    assert first == (
        "For the interval to include no difference, the 1 missing answer of BMC alone would have to be 24.0 points"
        " worse than the analysis imputes them, the 1 of conventional care alone 30.0 points better or those of both at"
        " the same time 15.0 points worse and better."
    )


def test_where_both_arms_only_would_do_and_one_is_at_the_end_of_the_scale_it_says_so(
    two_arms: Results, fragile: Any
) -> None:
    first, _ = said(two_arms, fragile, tips=(None, None, 52.0))
    assert first.startswith(
        "For the interval to include no difference, the missing answers of BMC would have to be 52.0 points worse than"
        " the analysis imputes them, and at the same time those of conventional care as much better or as far as the"
        " scale goes."
    )


def test_where_no_shift_within_the_scale_overturns_the_finding_it_says_so(
    two_arms: Results, fragile: Any
) -> None:
    (only,) = said(two_arms, fragile, tips=(None, None, None), ends=None)
    assert only == (
        "No shift of the missing answers that the scale has room for makes the interval include no difference: in BMC"
        " alone (up to 60.0 points worse), in conventional care alone (up to 40.0 points better) and in both arms at"
        " once."
    )


def test_a_difference_of_the_other_sign_has_its_directions_turned(
    make: Callable[..., Results], fragile: Any
) -> None:
    first, _ = said(make(effect=12.8), fragile, estimate=12.0, tips=(24.0, 30.0, 15.0))
    assert "of BMC alone would have to be 24.0 points better" in first
    assert "conventional care alone 30.0 points worse" in first


def test_a_finding_that_is_none_has_nothing_to_overturn(make: Callable[..., Results], fragile: Any) -> None:
    assert said(make(effect=-0.1), fragile, tips=(0.0, 0.0, 0.0)) == []


@pytest.mark.parametrize("rows", [[], ["mean_rows"]])
def test_the_section_draws_the_grid_and_says_which_way_is_worse(
    two_arms: Results, fragile: Any, rows: list[str]
) -> None:
    made = [
        *fragile.risk_rows(),
        *fragile.shift_rows(),
        *(r for name in rows for r in getattr(fragile, name)()),
    ]
    results = fragile.with_rows(two_arms, made)
    section = fragility.section(results, Words.of(results))
    assert section is not None
    grids = missing_answers.section(results, Words.of(results))
    assert grids is not None
    figures = [b.main for b in grids.blocks if isinstance(b.main, Figure)]
    (grid,) = [f for f in figures if "imputed outcomes shifted" in str(f.title)]
    assert "A shift above 0 is worse" in str(grid.caption)
    tables = [b.main for b in section.blocks if isinstance(b.main, Table)]
    titles = [str(t.title) for t in tables if "side by side" in str(t.title)]
    assert len(titles) == 2  # one of the responders, one of the index: both of its analyses stand in it

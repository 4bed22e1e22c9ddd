"""What the first screen says of what could overturn a finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.report import overturning
from armwise.report.sections.answer import answer
from armwise.report.words import Words
from armwise.stats import Missing


def plain(text: str) -> str:
    return Markup(text).striptags().replace("\u00a0", " ")


def doubts(results: Results) -> str:
    first = answer(results, Words.of(results))
    return " ".join(plain(str(text)) for text in (first.fragile, *(text for _, text in first.doubts)))


def test_the_first_screen_says_how_strong_a_confounder_would_have_to_be(
    two_arms: Results, fragile: Any
) -> None:
    said = doubts(fragile.with_rows(two_arms, fragile.risk_rows()))
    assert "something not recorded would have to go with the choice of arm and with the outcome" in said
    assert "by risk ratios of 2.37 each" in said


def test_it_says_nothing_of_it_where_the_interval_includes_no_difference(
    make: Callable[..., Results], fragile: Any
) -> None:
    results = fragile.with_rows(make(difference=0.02), fragile.risk_rows(1.1, 0.8))
    assert "risk ratios" not in doubts(results)
    assert "combinations" not in doubts(results)


def test_it_says_in_how_many_combinations_of_missing_answers_the_finding_would_not_be_clear(
    two_arms: Results, fragile: Any
) -> None:
    rows = fragile.risk_rows(arm=Missing(35, 36, 4), versus=Missing(1, 33, 7))
    said = doubts(fragile.with_rows(two_arms, rows))
    assert (
        "Of 40 combinations of the missing answers, none would make the interval include no difference."
        in said
    )


def test_without_such_rows_the_first_screen_is_as_it_was(two_arms: Results) -> None:
    said = doubts(two_arms)
    assert "risk ratios" not in said and "combinations" not in said


def test_the_worst_combination_is_the_smallest_difference_of_the_weighted_grid(
    two_arms: Results, fragile: Any
) -> None:
    results = fragile.with_rows(two_arms, fragile.risk_rows())
    worst = overturning.worst_row(results, "primary", "bmc")
    assert worst is not None
    assert (worst["at"], worst["at2"], worst["target"]) == (0.0, 7.0, "overlap")
    assert "At worst for the missing answers" in plain(
        overturning.worst(results, Words.of(results), "primary")
    )

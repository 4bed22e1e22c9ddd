"""Ordered outcomes: categories by arm, the odds of a better one, and whether it is one odds ratio, in words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from armwise.analysis.ordinal import ALIKE, UNLIKE
from armwise.analysis.results import Results, Row, row, table
from armwise.report.page import Facts, Section
from armwise.report.sections import ordinal
from armwise.report.words import Words


def rows(verdict: str | None = ALIKE, cuts: int = 4) -> Iterator[Row]:
    about: dict[str, Any] = {
        "analysis": "pgic", "endpoint": "pgic", "visit": "m12", "role": "exploratory", "target": "everyone",
    }  # fmt: skip
    for arm, shift in (("bmc", 0), ("control", 3)):
        for value in range(1, 8):
            yield row("count", 8 - value + shift, at=float(value), arm=arm, n=38, unit="subjects", **about)
    between = {**about, "arm": "bmc", "versus": "control", "conf_level": 0.95, "n": 74}
    yield row("probability of a better outcome", 0.77, lower=0.65, upper=0.86, unit="proportion", **between)
    yield row("win odds", 3.41, lower=1.84, upper=6.13, unit="ratio", **between)
    if verdict:
        yield row("proportionality", 3.2, df=3.0, reason=verdict, **between)
    for k in range(cuts):
        yield row(
            "odds ratio", 3.0 + k, lower=1.0, upper=9.0, at=float(6 - k), unit="ratio",
            **{**between, "analysis": "pgic.cuts"},
        )  # fmt: skip


@pytest.fixture
def made(make: Callable[..., Results]) -> Callable[..., Section]:
    def build(*several: Row) -> Section:
        results = make()
        results = dataclasses.replace(results, table=table([*results.table.to_dicts(), *several]))
        found = ordinal.section(results, Words.of(results))
        assert found is not None
        return found

    return build


def plain(markup: Any) -> str:
    return re.sub(r"<[^>]+>", "", str(markup)).replace("\u00a0", " ")


def facts(section: Section) -> dict[str, str]:
    found = section.blocks[1].main
    assert isinstance(found, Facts)
    return {name: plain(said) for name, said in found.items}


def test_the_best_category_stands_first_and_is_named(made: Any) -> None:
    lines = made(*rows()).blocks[0].main.rows
    assert [plain(r.head) for r in lines] == ["1 (best)", "2", "3", "4", "5", "6", "7 (worst)"]
    assert [plain(c) for c in lines[0].cells] == ["7 of 38", "10 of 38"]


def test_the_heading_says_in_how_many_pairs_and_no_cause(made: Any) -> None:
    assert (
        plain(made(*rows()).heading)
        == "Impression of change at 12 months: better with BMC in 77% of all pairs of patients"
    )


def test_adjusted_and_unadjusted_odds_ratios_and_both_measures_of_pairs_stand_with_their_intervals(
    made: Any,
) -> None:
    said = facts(made(*rows()))
    assert said["Odds ratio of a better category, adjusted"] == "3.10 (95% CI 1.40 to 6.90)"
    assert said["Odds ratio as the arms are"] == "3.10 (95% CI 1.40 to 6.90)"
    assert said["Probability of a better outcome, not adjusted"] == "77% (95% CI 65 to 86%)"
    assert said["Win odds, not adjusted"] == "3.41 (95% CI 1.84 to 6.13)"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (ALIKE, "Nothing speaks against one odds ratio for all cuts"),
        (UNLIKE, "They differ by more than chance would"),
    ],
)
def test_proportionality_is_said_in_words_with_the_range_of_the_cuts(
    made: Any, verdict: str, words: str
) -> None:
    said = facts(made(*rows(verdict)))["Is it one odds ratio?"]
    assert said.startswith("At single cuts between categories the odds ratio runs from 3.00 to 6.0")
    assert words in said


def test_one_cut_cannot_tell(made: Any) -> None:
    assert facts(made(*rows(None, 1)))["Is it one odds ratio?"].startswith(
        "This cannot be told: too few cuts"
    )


def test_a_protocol_without_an_ordered_outcome_has_no_section(make: Callable[..., Results]) -> None:
    results = make()
    analyses = {k: a for k, a in results.protocol.analyses.items() if k != "pgic"}
    results = dataclasses.replace(
        results, protocol=results.protocol.model_copy(update={"analyses": analyses})
    )
    assert ordinal.section(results, Words.of(results)) is None

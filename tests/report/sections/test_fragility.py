"""The section on fragility: its heading's rule, what it says, and what it never says."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.negative_control import ADJUSTED, UNADJUSTED
from armwise.analysis.results import Results
from armwise.analysis.results import row as result_row
from armwise.protocol.model import Protocol
from armwise.report import html
from armwise.report.page import Figure, Prose
from armwise.report.sections import fragility
from armwise.report.tables import Table
from armwise.report.words import Words, counted
from armwise.stats import Missing

WORST = Missing(35, 36, 4), Missing(1, 33, 7)


def of(results: Results, rows: list[Any], fragile: Any) -> Results:
    return fragile.with_rows(results, rows)  # type: ignore[no-any-return]


def heading(results: Results) -> str:
    return fragility.heading(results, Words.of(results))


def page(results: Results) -> str:
    text = "".join(html.render(results).values())
    found = re.search(r'<section id="fragility".*?</section>', text, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[0])).replace("\u00a0", " ")


def masked(results: Results, masking: str, allocation: str = "nonrandomised") -> Results:
    data = results.protocol.model_dump(exclude_unset=True)
    data["study"] |= {"masking": masking, "allocation": allocation}
    if allocation == "randomised":
        data["study"].pop("allocated_by", None)
    return dataclasses.replace(results, protocol=Protocol.model_validate(data))


@pytest.fixture(scope="module")
def whole(two_arms: Results, fragile: Any) -> Results:
    return of(two_arms, [*fragile.risk_rows(), *fragile.mean_rows()], fragile)


def test_without_rows_or_without_the_section_of_the_protocol_there_is_none(two_arms: Results) -> None:
    words = Words.of(two_arms)
    assert fragility.section(two_arms, words) is None
    bare = dataclasses.replace(two_arms, protocol=two_arms.protocol.model_copy(update={"fragility": None}))
    assert fragility.section(bare, Words.of(bare)) is None


def test_a_clear_finding_is_headed_by_the_confounder_and_the_answers_that_would_overturn_it(
    whole: Results,
) -> None:
    held = sum(
        r["lower"] <= 0 <= r["upper"]
        for r in whole.rows(analysis="fragility", statistic="possible risk difference", target="overlap")
    )
    assert held > 1
    assert heading(whole) == (
        "An unmeasured confounder with risk ratios of 2.37 or more could overturn the primary finding;"
        f" {counted(held)} of 40 combinations of missing answers do"
    )


def test_where_no_answers_overturn_it_the_heading_says_none(two_arms: Results, fragile: Any) -> None:
    rows = fragile.risk_rows(arm=WORST[0], versus=WORST[1])
    assert heading(of(two_arms, rows, fragile)).endswith("; none of 40 combinations of missing answers does")
    one = fragile.risk_rows(arm=Missing(24, 36, 0), versus=Missing(9, 33, 0))
    assert heading(of(two_arms, one, fragile)).endswith(
        "with risk ratios of 2.37 or more could overturn the primary finding"
    )


def test_an_unclear_finding_has_nothing_to_overturn(make: Callable[..., Results], fragile: Any) -> None:
    results = of(make(difference=0.02), fragile.risk_rows(1.1, 0.8), fragile)
    assert heading(results) == (
        "The interval of the primary finding includes no difference already: there is nothing to overturn"
    )


def test_a_randomised_study_is_headed_by_its_missing_answers(two_arms: Results, fragile: Any) -> None:
    rows = [r for r in fragile.risk_rows(weighted=False) if r["statistic"] not in ("e-value", "risk ratio")]
    results = masked(of(two_arms, rows, fragile), "open-label", "randomised")
    assert re.match(
        r"^\w+ of 40 combinations of missing answers overturn the primary finding$", heading(results)
    )


def test_no_heading_says_that_a_finding_is_robust_or_what_caused_it(
    whole: Results, two_arms: Results, fragile: Any, causal_words: Callable[[str], list[str]]
) -> None:
    section = fragility.section(whole, Words.of(whole))
    assert section is not None
    said = [str(section.heading), section.question]
    for block in section.blocks:
        if isinstance(block.main, Figure | Table):
            said += [str(block.main.title), str(block.main.caption)]
    for text in said:
        assert causal_words(text) == []
        assert not re.search(r"\b(robust|sound|safe|strong evidence)\b", text, re.IGNORECASE)


def test_an_open_label_study_says_that_none_of_it_addresses_expectation(whole: Results) -> None:
    assert (
        "None of this addresses expectation: patients knew their treatment and scored their own outcome"
        in page(whole)
    )
    assert "expectation" not in page(masked(whole, "double-blind"))


def test_every_estimate_stands_in_one_table_with_whom_it_speaks_of(whole: Results) -> None:
    section = fragility.section(whole, Words.of(whole))
    assert section is not None
    table = next(b.main for b in section.blocks if isinstance(b.main, Table))
    heads = [str(line.head) for line in table.rows]
    assert heads[:2] == ["Overlap-weighted", "Unadjusted"]
    declared = [a.label for a in whole.protocol.analyses.values() if a.supports == "primary"]
    assert set(declared) <= set(heads)
    assert "realistic choice" in str(table.rows[0].cells[0])


def test_the_words_give_the_e_values_and_the_count_of_combinations(whole: Results) -> None:
    said = page(whole)
    assert "by a risk ratio of 5.4 each" in said
    assert "for the interval to include no difference, of 2.37 (E-values)" in said
    for row in whole.rows(analysis="fragility", statistic="combinations overturned", item="primary"):
        assert re.search(
            rf"Of 40 combinations [^.]*, {row['estimate']:.0f} would make the interval include no difference",
            said,
        )


def test_a_limit_on_no_difference_is_said_in_words(two_arms: Results, fragile: Any) -> None:
    assert "the interval includes no difference without any" in page(
        of(two_arms, fragile.risk_rows(1.4, 0.9), fragile)
    )


def test_contours_are_drawn_wide_and_narrow(whole: Results) -> None:
    section = fragility.section(whole, Words.of(whole))
    assert section is not None
    (contours,) = [b.main for b in section.blocks if isinstance(b.main, Figure)]
    assert 'width="720"' in contours.wide and 'width="350"' in contours.narrow
    assert any(isinstance(b.main, Prose) for b in section.blocks)


def test_negative_controls_stand_in_one_table_beside_the_unadjusted_and_with_what_they_say(
    whole: Results, fragile: Any, two_arms: Results
) -> None:
    about = {
        **fragile.ABOUT,
        "endpoint": "opioid_free",
        "n": 72,
        "n_arm": 36,
        "n_versus": 36,
        "unit": "proportion",
    }
    made = [
        result_row(
            "risk difference",
            value,
            lower=lower,
            upper=value + 0.2,
            conf_level=0.95,
            item=item,
            category=category,
            **about,
        )
        for item, value, lower in (("primary", 0.05, -0.1), ("odi_ancova", 0.4, 0.2))
        for category in (ADJUSTED, UNADJUSTED)
    ]
    results = of(two_arms, [*fragile.risk_rows(), *fragile.mean_rows(), *made], fragile)
    section = fragility.section(results, Words.of(results))
    assert section is not None
    (controls,) = [b.main for b in section.blocks if isinstance(b.main, Table) and "controls" in b.main.title]
    said = [
        [re.sub(r"<[^>]+>", "", str(c)).replace("\u00a0", " ") for c in line.cells] for line in controls.rows
    ]
    assert [line[0] for line in said] == [
        "5 percentage points (95% CI −10 to 25)",
        "40 percentage points (95% CI 20 to 60)",
    ]
    assert "no proof" in said[0][3] and said[0][3] != said[1][3]
    assert "does not prove that no confounding is left" in str(controls.caption)


def test_words_stand_open_and_what_they_are_read_from_is_folded(whole: Results) -> None:
    section = fragility.section(whole, Words.of(whole))
    assert section is not None
    assert isinstance(section.blocks[0].main, Prose)
    for block in section.blocks:
        assert bool(block.fold) == (not isinstance(block.main, Prose))


def test_each_analysis_that_is_put_to_the_test_is_named_above_its_words(whole: Results) -> None:
    said = page(whole)
    assert "ODI or pain responder at 12 months" in said.split("As a ratio of risks")[0]
    assert (
        "Oswestry Disability Index at 12 months (complete cases)" in said.split("The difference was made")[0]
    )


def test_the_section_says_once_that_the_arms_were_chosen(whole: Results) -> None:
    assert page(whole).count("Arms chosen, not randomised") == 1

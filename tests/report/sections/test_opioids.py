"""The section on opioids: counts and doses as they are, what was left out, and that users are not compared."""

from __future__ import annotations

import re
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report.html import render
from armwise.report.sections import opioids
from armwise.report.words import Words

OXYCODONE = {"subject": "p1", "drug": "oxycodone"}
RECORDS = [
    {**OXYCODONE, "stop": 40},
    {"subject": "p2", "drug": "buprenorphine", "dose": 5, "unit": "mcg/h", "times": None},
    {**OXYCODONE, "subject": "p4", "start": 60},
]
ENDPOINTS = {
    "dose": {"score": "drugs.mme", "kind": "change"},
    "percent": {"score": "drugs.mme", "kind": "percent-change"},
    "free": {"score": "drugs.opioids", "kind": "state", "at_most": 0},
}


def results_of(small: Any, **medication: Any) -> Results:
    def analysis(endpoint: str, method: str) -> dict[str, str]:
        return {"endpoint": endpoint, "at": "m3", "role": "exploratory", "method": method}

    analyses = {
        **small.protocol["analyses"],
        "dose": analysis("dose", "permutation"),
        "percent": analysis("percent", "mann-whitney"),
        "free": analysis("free", "risk-difference"),
    }
    endpoints = {**small.protocol["endpoints"], **ENDPOINTS}
    return analyse(small.treated(RECORDS, endpoints=endpoints, analyses=analyses, medication=medication))


@pytest.fixture(scope="module")
def results(small: Any) -> Results:
    return results_of(small, cut_points=[20])


def said(results: Results, name: str = "opioids") -> str:
    """The words of a section as they stand on the page."""
    found = re.search(
        rf'<section id="{name}".*?</section>', "".join(render(results).values()), flags=re.DOTALL
    )
    assert found
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))
    return re.sub(r" (?=[,;:).])", "", words.replace("( ", "("))


def test_the_heading_counts_users_at_the_last_visit_and_says_no_cause(
    results: Results, causal_words: Any
) -> None:
    section = opioids.section(results, Words.of(results))
    assert section is not None
    heading = re.sub(r"<[^>]+>", "", str(section.heading))
    assert heading == "At m3 0 of 1 patient with new and 1 of 2 with old took an opioid"
    assert causal_words(heading) == []


def test_a_study_without_the_section_has_none(trial: Results) -> None:
    assert opioids.section(trial, Words.of(trial)) is None


def test_the_factors_their_version_and_the_caution_stand_there(results: Results) -> None:
    words = said(results)
    assert "CDC 2022 factors" in words
    assert "never to be used to convert one opioid into another" in words
    assert "A dose is the mean over the seven days that end with the visit" in words
    assert "The list of drugs is declared complete" in words
    assert "20 MME/day or more" in words


def test_a_user_without_a_dose_is_told_with_the_reason(results: Results) -> None:
    assert "buprenorphine has no factor in CDC 2022: it is a partial agonist" in said(results)


def test_the_groups_of_users_are_described_with_why_they_are_not_compared(results: Results) -> None:
    words = said(results)
    assert "Described, not compared." in words
    assert "Who takes an opioid at a visit was selected after treatment began" in words


def test_a_change_in_per_cent_says_whom_it_leaves_out_and_a_state_what_its_other_side_is(
    results: Results,
) -> None:
    words = said(results)
    assert "a change in per cent exists only for those who took an opioid at baseline" in words
    assert "2 with old" in words.split("having taken none:")[1][:40]
    assert "the difference in the share who take any is the same number with the other sign" in words


def test_each_declared_comparison_stands_there_with_its_method(results: Results) -> None:
    words = said(results)
    for how in (
        "Difference in means by permutation of the arms, not adjusted",
        "Difference in risks, not adjusted",
    ):
        assert how in words


def test_a_list_that_is_not_complete_says_so(small: Any) -> None:
    results = results_of(small, complete=False)
    words = said(results)
    assert "The list of drugs is not declared complete" in words
    assert "at least 1" in words  # and no share: of nobody is it known that they took none
    assert "100%" not in words
    section = opioids.section(results, Words.of(results))
    assert section is not None
    assert section.heading == "How many take opioids is not known"
    assert "Use of opioids against use at baseline" not in words


def test_the_first_table_says_that_arms_were_not_randomised_and_details_are_folded(results: Results) -> None:
    section = opioids.section(results, Words.of(results))
    assert section is not None
    tables = [b.main for b in section.blocks if b.main.kind == "table"]
    assert len(tables) == 5
    assert ["not randomised" in str(t.caption) for t in tables] == [True, *[False] * 4]
    folded = [bool(b.fold) for b in section.blocks if b.main.kind == "table"]
    assert folded == [False, False, True, True, True]  # cut points, courses, doses of users

"""The section on estimands: whom the main estimate speaks of, its events, and what the target trial is folded under."""

from __future__ import annotations

import dataclasses

import pytest

from armwise.analysis.results import Results
from armwise.report.page import Section
from armwise.report.sections import estimands
from armwise.report.tables import Table
from armwise.report.words import Words


@pytest.fixture
def section(two_arms: Results) -> Section:
    made = estimands.section(two_arms, Words.of(two_arms))
    assert made is not None
    return made


def tables(section: Section) -> dict[str, Table]:
    return {b.main.title: b.main for b in section.blocks if isinstance(b.main, Table)}


def test_the_heading_names_whom_the_primary_estimate_speaks_of(section: Section) -> None:
    assert (
        section.heading == "The main estimate speaks of patients for whom either arm was a realistic choice"
    )


def test_each_declared_estimand_is_a_row_with_its_events(section: Section, two_arms: Results) -> None:
    main, others = (
        tables(section)["The main estimand."].rows,
        tables(section)["Estimands of the other analyses."].rows,
    )
    assert len(main) == 1
    assert len(main) + len(others) == len(two_arms.protocol.estimands)
    assert str(main[0].cells[3]).startswith("Counted as no response: ")


def test_the_estimands_of_other_analyses_are_folded_on_a_screen(section: Section) -> None:
    folds = {b.main.title: b.folded for b in section.blocks if isinstance(b.main, Table)}
    assert folds["The main estimand."] == ""
    assert folds["Estimands of the other analyses."] == "Estimands of the other analyses"


def test_the_target_trial_is_folded_with_what_it_does_not_repair(section: Section) -> None:
    block = next(
        b for b in section.blocks if isinstance(b.main, Table) and b.main.title == "The target trial."
    )
    assert block.fold.startswith("The target trial: ")
    assert "It does not make the arms comparable" in str(block.side[0])


def test_heads_of_arms_begin_with_a_capital(section: Section) -> None:
    heads = [str(c.head) for c in tables(section)["Intercurrent events."].columns]
    assert "Conventional care" in heads


def test_failures_name_the_events_that_count_as_no_response(two_arms: Results) -> None:
    said = estimands.failures(Words.of(two_arms), "primary", "counts as not improved")
    assert said == (
        "After spine surgery, injection of bone-marrow concentrate in the control arm or death a patient counts as not"
        " improved, whatever was answered since: counts of the answers alone may differ."
    )


def test_an_analysis_without_such_an_event_has_nothing_to_say_of_failures(two_arms: Results) -> None:
    analyses = two_arms.protocol.analyses
    name = next(n for n, a in analyses.items() if a.estimand == "everyone")
    assert estimands.failures(Words.of(two_arms), name, "counts as not improved") == ""
    bare = two_arms.protocol.model_copy(
        update={"analyses": {name: analyses[name].model_copy(update={"estimand": None})}}
    )
    assert estimands.failures(Words.of(dataclasses.replace(two_arms, protocol=bare)), name, "counts") == ""

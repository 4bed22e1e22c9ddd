from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, row, table
from armwise.report import comparisons
from armwise.report.sections.visits import by_visit
from armwise.report.words import Words


def with_visits(results: Results) -> Results:
    """The results with the EQ-5D compared at one month too."""
    last = comparisons.leading(results, "eq5d", "m12")[0]
    about = {
        k: last[k] for k in ("analysis", "endpoint", "arm", "versus", "method", "unit", "conf_level", "role")
    }
    rows = [r for r in results.table.to_dicts() if r["analysis"] != "eq5d" or r["visit"] == "m12"]
    added = row("mean difference", 0.1234, lower=0.05, upper=0.2, se=0.04, visit="m1", **about)
    return Results(table([*rows, added]), results.protocol, "", manifest=results.manifest)


def test_other_outcomes_stand_at_every_visit_at_which_they_are_compared(two_arms: Results) -> None:
    results = with_visits(two_arms)
    made = by_visit(results, Words.of(results))
    assert made is not None
    line = next(x for x in made.rows if x.head == "EQ-5D-3L index")
    cells = dict(zip([str(c.head) for c in made.columns[1:]], line.cells, strict=True))
    assert Markup(cells["1 month"]).striptags() == "0.1 (0.1 to 0.2)"  # with the decimals of the last visit
    assert comparisons.leading(results, "eq5d", "m12")[0]["id"] in cells["12 months"]


def test_the_main_score_and_the_responders_stand_in_their_own_sections(two_arms: Results) -> None:
    results = with_visits(two_arms)
    made = by_visit(results, Words.of(results))
    assert made is not None
    heads = {str(x.head) for x in made.rows}
    assert not heads & {"Oswestry Disability Index", "ODI or pain responder"}


def test_an_outcome_compared_once_has_no_course(trial: Results) -> None:
    assert by_visit(trial, Words.of(trial)) is None

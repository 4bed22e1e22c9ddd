from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.report.sections import outcomes
from armwise.report.tables import Table
from armwise.report.words import Words


def table_of(results: Results) -> Table:
    made = outcomes.section(results, Words.of(results))
    assert made is not None
    main = made.blocks[0].main
    assert isinstance(main, Table)
    return main


def test_p_stands_last_and_only_where_the_plan_covers_it(two_arms: Results) -> None:
    table = table_of(two_arms)
    assert table.columns[-1].label == "P"
    shown = {str(line.head): Markup(line.cells[-1]).striptags() for line in table.rows}
    assert shown["ODI or pain responder"] == "<0.001"
    assert shown["Oswestry Disability Index"] == "<0.001"
    assert shown["EQ-5D-3L index"] == "–"


def test_the_notes_say_how_many_comparisons_were_made_and_what_each_assumes(two_arms: Results) -> None:
    notes = " ".join(Markup(n).striptags() for n in table_of(two_arms).notes)
    assert "31 comparisons between arms" in notes
    assert "3 of them a P value" in notes
    assert "Arms chosen, not randomised" in notes
    assert "more than one standard error apart" in notes


def test_more_than_two_arms_take_a_line_each(trial: Results) -> None:
    table = table_of(trial)
    assert [str(line.small).split(";")[0] for line in table.rows] == [
        "Low dose against Placebo",
        "High dose against Placebo",
    ]
    assert "chosen" not in str(table.columns) + str(table.notes)


def test_the_unadjusted_difference_stands_beside_the_adjusted_one(two_arms: Results) -> None:
    heads = [c.label for c in table_of(two_arms).columns]
    assert heads.index("Unadjusted") == heads.index("Difference (95%\u00a0CI)") + 1

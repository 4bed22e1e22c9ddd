from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import polars as pl
from markupsafe import Markup

from armwise.analysis.results import Results, Row, row, table
from armwise.protocol.model import Analysis, Endpoint, Margin, Protocol
from armwise.report import comparisons
from armwise.report.sections import course, outcomes, responders
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
    assert table.columns[-1].label == "P, adjusted"
    shown = {str(line.head): Markup(line.cells[-1]).striptags() for line in table.rows}
    assert shown["ODI or pain responder"] == "<0.001"
    assert shown["Oswestry Disability Index"] == "<0.001"
    assert shown["EQ-5D-3L index"] == "–"


def test_the_notes_say_how_many_comparisons_were_made_and_what_each_assumes(two_arms: Results) -> None:
    notes = " ".join(Markup(n).striptags() for n in table_of(two_arms).notes)
    assert "31 comparisons between arms" in notes
    assert "3 of them with a P value" in notes
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
    assert heads.index("Unadjusted") == heads.index("Difference or ratio (95%\u00a0CI)") + 1


def line_of(results: Results, head: str) -> list[str]:
    """The cells of one outcome, as text."""
    line = next(x for x in table_of(results).rows if str(x.head) == head)
    return [Markup(cell).striptags() for cell in line.cells]


def rewritten(results: Results, change: Callable[[Row], dict[str, Any] | None]) -> Results:
    """The results with rows changed; those for which nothing is returned stay as they are."""
    rows = [r | (change(r) or {}) for r in results.table.to_dicts()]
    return Results(table(rows), results.protocol, "", manifest=results.manifest)


def redeclared(results: Results, **changes: dict[str, Analysis] | dict[str, Endpoint]) -> Results:
    """The same rows under a protocol with other analyses, endpoints or families."""
    protocol: Protocol = results.protocol.model_copy(update=changes)
    return Results(results.table, protocol, "", manifest=results.manifest)


def test_the_counts_beside_a_difference_are_those_behind_it(two_arms: Results) -> None:
    assert line_of(two_arms, "ODI or pain responder")[:2] == ["27 of 36 (75%)", "11 of 36 (31%)"]
    observed = comparisons.described(two_arms, "primary", "m12", "bmc", "responders")
    assert observed is not None and (observed["estimate"], observed["n"]) == (29, 36)


def test_the_means_beside_a_difference_are_those_behind_it(two_arms: Results) -> None:
    assert line_of(two_arms, "Oswestry Disability Index")[:2] == ["−11.4 (10.6)", "1.2 (10.6)"]


def test_the_head_says_the_level_of_the_intervals(two_arms: Results) -> None:
    ninety = rewritten(
        two_arms, lambda r: {"conf_level": 0.9} if r["versus"] and r["lower"] is not None else None
    )
    assert "Difference or ratio (90%\u00a0CI)" in [c.label for c in table_of(ninety).columns]
    assert "95% CI" not in " ".join(
        Markup(cell).striptags() for x in table_of(ninety).rows for cell in x.cells
    )


def test_where_levels_differ_each_interval_says_its_own(two_arms: Results) -> None:
    mixed = rewritten(
        two_arms, lambda r: {"conf_level": 0.9} if r["analysis"] == "odi" and r["versus"] else None
    )
    assert "Difference or ratio (CI)" in [c.label for c in table_of(mixed).columns]
    assert "(90% CI " in line_of(mixed, "Oswestry Disability Index")[2]
    assert "(95% CI " in line_of(mixed, "ODI or pain responder")[2]


def test_p_is_called_adjusted_only_where_a_family_adjusts_it(two_arms: Results, trial: Results) -> None:
    assert "P values are adjusted within their family" in " ".join(map(str, table_of(two_arms).notes))
    plain = table_of(trial)  # one family of one test
    assert plain.columns[-1].label == "P"
    assert "adjusted within" not in " ".join(map(str, plain.notes))


def test_an_sd_is_that_of_a_change_only_where_the_outcome_is_a_change(two_arms: Results) -> None:
    numbers = ("change", "percent-change", "value")
    changes = {
        name: e.model_copy(update={"kind": "change"}) if e.kind in numbers else e
        for name, e in two_arms.protocol.endpoints.items()
    }
    of_changes = table_of(redeclared(two_arms, endpoints=changes))
    assert "standard deviations of the change in" in str(of_changes.caption)
    values = {
        name: e.model_copy(update={"kind": "value"}) if e.kind in numbers else e
        for name, e in two_arms.protocol.endpoints.items()
    }
    of_values = table_of(redeclared(two_arms, endpoints=values))
    assert "standard deviations of the value in" in str(of_values.caption)
    assert "mean (SD)" in str(of_values.caption) and "change" not in str(of_values.caption)
    assert {str(c.small) for c in of_values.columns if c.arm} == {"value"}
    some = redeclared(two_arms, endpoints=values | {"odi_change": two_arms.protocol.endpoints["odi_change"]})
    assert "standard deviations of the outcome in" in str(table_of(some).caption)


def test_what_a_comparison_must_be_read_with_stands_folded_below_the_table(two_arms: Results) -> None:
    tied = rewritten(
        two_arms,
        lambda r: {"reason": "with ties a limit may lie on the null"} if r["statistic"] == "shift" else None,
    )
    made = outcomes.section(tied, Words.of(tied))
    assert made is not None
    (single,) = [b for b in made.blocks if b.fold == "What to know of single outcomes"]
    notes = [str(n) for n in single.main.paragraphs]  # type: ignore[union-attr]
    assert "Opioid dose of those who took any at baseline: with ties a limit may lie on the null." in notes


def test_arms_are_said_to_be_chosen_only_where_the_protocol_says_so(two_arms: Results) -> None:
    study = two_arms.protocol.study.model_copy(update={"allocated_by": "unstated"})
    found = table_of(redeclared(two_arms, study=study))  # type: ignore[arg-type]
    said = " ".join([*(str(c.small) for c in found.columns), *map(str, found.notes)])
    assert "arms not randomised" in said and "chosen" not in said


def as_ratio(two_arms: Results) -> Results:
    """The primary analysis compares by a risk ratio of 2.95."""
    declared = two_arms.protocol.analyses["primary"].model_copy(update={"method": "risk-ratio"})
    rows = [
        r
        for r in two_arms.table.to_dicts()
        if r["analysis"] != "primary" or r["visit"] != "m12" or r["statistic"] != "risk ratio"
    ]
    about = {"analysis": "primary", "endpoint": "primary", "visit": "m12", "arm": "bmc", "versus": "control"}
    rows.append(row("risk ratio", 2.95, lower=1.6, upper=5.4, conf_level=0.95, **about))
    protocol = two_arms.protocol.model_copy(
        update={"analyses": two_arms.protocol.analyses | {"primary": declared}}
    )
    return Results(table(rows), protocol, "", manifest=two_arms.manifest)


def test_a_ratio_is_called_a_ratio_and_never_percentage_points(two_arms: Results) -> None:
    found = table_of(as_ratio(two_arms))
    assert "Difference or ratio (95%\u00a0CI)" in [c.label for c in found.columns]
    line = next(x for x in found.rows if x.head == "ODI or pain responder")
    assert Markup(line.cells[2]).striptags() == "risk ratio 2.95 (1.60 to 5.40)"
    assert line.small == ""
    made = responders.section(as_ratio(two_arms), Words.of(two_arms))
    assert made is not None
    parts = made.blocks[1].main
    assert isinstance(parts, Table)
    assert Markup(parts.rows[0].cells[2]).striptags() == "risk ratio 2.95 (1.60 to 5.40)"
    assert str(parts.columns[-1].head) == "Ratio (95%\u00a0CI)"


def test_what_is_not_adjusted_is_marked_so_and_never_stands_as_adjusted(two_arms: Results) -> None:
    found = table_of(two_arms)
    heads = [c.label for c in found.columns[1:]]
    place = heads.index("Difference or ratio (95%\u00a0CI)")
    marked = {str(x.head): "not adjusted" in str(x.cells[place]) for x in found.rows}
    assert marked["Opioid dose"] and not marked["Oswestry Disability Index"]
    assert found.columns[1 + place].small == "adjusted, unless marked; arms chosen, not randomised"
    assert any(
        str(n).startswith(
            "Opioid dose and opioid dose of those who took any at baseline: the analysis is not adjusted for"
        )
        for n in found.notes
    )


def test_a_margin_of_another_analysis_has_its_verdict_below_the_table(two_arms: Results) -> None:
    declared = two_arms.protocol.analyses["odi"].model_copy(
        update={"margin": Margin(kind="non-inferiority", value=5)}
    )
    about = {"analysis": "odi", "endpoint": "odi_change", "visit": "m12", "arm": "bmc", "versus": "control"}
    decided = row("margin", -3.0, at=5.0, method="non-inferiority", reason="met", **about)
    results = Results(
        table([*two_arms.table.to_dicts(), decided]),
        two_arms.protocol.model_copy(update={"analyses": two_arms.protocol.analyses | {"odi": declared}}),
        "",
        manifest=two_arms.manifest,
    )
    notes = [str(n) for n in table_of(results).notes]
    assert (
        "Oswestry Disability Index, at 12 months: BMC was non-inferior to conventional care in Oswestry Disability"
        " Index, by the margin of 5 points set beforehand." in notes
    )


def test_the_measures_that_the_protocol_asks_for_stand_beside_the_comparisons(two_arms: Results) -> None:
    about = {"endpoint": "odi_change", "visit": "m12", "arm": "bmc", "versus": "control"}
    g = row("hedges g", -1.21, lower=-1.7, upper=-0.7, conf_level=0.95, analysis="odi.unadjusted", **about)
    kept = [r for r in two_arms.table.to_dicts() if r["statistic"] != "hedges g"]
    results = Results(table([*kept, g]), two_arms.protocol, "", manifest=two_arms.manifest)
    made = outcomes.section(results, Words.of(results))
    assert made is not None
    main = made.blocks[-1].main
    assert isinstance(main, Table) and main.title == "Other measures."
    line = next(x for x in main.rows if x.head == "Oswestry Disability Index")
    assert line.cells[0] == "Hedges g, unadjusted"
    assert Markup(line.cells[1]).striptags() == "\u22121.21 (\u22121.70 to \u22120.70)"


def test_the_numbers_beside_a_model_of_all_visits_are_of_those_observed(small: Any, trial: Results) -> None:
    from armwise.analysis.run import analyse

    assert "of the patients compared: mean change (SD) from baseline. The difference" in str(
        table_of(trial).caption
    )
    main = {**small.model, "at": "m6", "role": "primary"}
    results = analyse(small.repeated(small.drawn(), {"role": "exploratory"}, analyses={"main": main}))
    assert "of those observed: mean change (SD) from baseline. The difference" in str(
        table_of(results).caption
    )
    over_time = course.section(results, Words.of(results))
    assert over_time is not None and isinstance(over_time.blocks[1].main, Table)
    assert "differences from one model of all visits." in over_time.blocks[1].main.caption
    both = analyse(small.repeated(small.drawn(), {"at": "m6"}))
    said = "of the patients compared (those observed, where one model takes all visits): mean change (SD) from baseline"
    assert said in str(table_of(both).caption)


def test_a_p_value_of_a_margin_is_said_to_be_one(small: Any) -> None:
    from armwise.analysis.run import analyse

    main = {**small.model, "at": "m6", "role": "primary", "margin": {"kind": "equivalence", "value": 2}}
    results = analyse(small.repeated(small.drawn(), {"role": "exploratory"}, analyses={"main": main}))
    said = "Points: the P value tests the margin, not a difference of zero."
    assert said in table_of(results).notes
    del main["margin"]
    results = analyse(small.repeated(small.drawn(), {"role": "exploratory"}, analyses={"main": main}))
    assert said not in table_of(results).notes


def test_an_interval_without_ends_leaves_the_scale_of_the_cells_where_it_may_go(two_arms: Results) -> None:
    row = two_arms.one(analysis="odi", statistic="mean difference", subgroup=None, visit="m12")
    endless = two_arms.table.with_columns(
        pl.when(pl.col("id") == row["id"]).then(limit).otherwise(pl.col(name)).alias(name)
        for name, limit in (("lower", -math.inf), ("upper", math.inf))
    )
    changed = dataclasses.replace(two_arms, table=endless)
    section = outcomes.section(changed, Words.of(changed))
    assert section is not None and "∞" in str(section.blocks)

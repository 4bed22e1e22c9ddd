"""Each section says what it is there to say."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from markupsafe import Markup

from armwise.analysis.results import Results, Row, row, table
from armwise.report.html import SECTIONS
from armwise.report.page import Prose, Section
from armwise.report.sections import (
    completion,
    course,
    detectable,
    distribution,
    methods,
    participants,
    provenance,
    published,
    responders,
)
from armwise.report.sections.answer import answer
from armwise.report.sections.provenance import by_place
from armwise.report.tables import Table
from armwise.report.words import Words


def words_of(section: Section | None) -> str:
    """All the words of a section, without its figures."""
    assert section is not None
    said = [section.heading, section.question]
    for block in section.blocks:
        main = block.main
        if isinstance(main, Table):
            said += [main.title, main.caption, *main.notes]
            said += [part for line in main.rows for part in (line.head, line.small, *line.cells)]
        elif isinstance(main, Prose):
            said += main.paragraphs
        elif main.kind == "facts":
            said += [part for item in main.items for part in item]
        else:
            said += [main.title, main.caption]
        said += block.side
    return " | ".join(Markup(s).striptags() for s in said)


def test_the_baseline_says_what_chance_alone_gives_and_tests_nothing(two_arms: Results) -> None:
    said = words_of(participants.section(two_arms, Words.of(two_arms)))
    assert "beyond 0.1 in 65% of characteristics" in said
    assert "No P values" in said
    assert "the diagram follows TREND" in said


def test_randomised_arms_follow_consort(trial: Results) -> None:
    said = words_of(participants.section(trial, Words.of(trial)))
    assert "the diagram follows CONSORT 2025" in said
    assert "chosen" not in said


def test_the_course_gives_both_differences_and_what_each_assumes(two_arms: Results) -> None:
    said = words_of(course.section(two_arms, Words.of(two_arms)))
    assert "Adjusted difference at 12 months:" in said
    assert "Unadjusted:" in said
    assert "Lord’s paradox" in said


def test_responders_show_components_their_cross_table_and_the_impossible(two_arms: Results) -> None:
    said = words_of(responders.section(two_arms, Words.of(two_arms)))
    for part in (
        "Any of the components",
        "Both",
        "Neither",
        "Only: pain fell by 2 points or more",
        "Too well at baseline",
        "2 of 40",
    ):
        assert part in said
    assert "Pham and others, 2021" in said


def test_a_number_needed_through_infinity_says_so(two_arms: Results) -> None:
    rows = [dict(r) for r in two_arms.table.to_dicts()]
    for one in rows:
        if one["statistic"] == "number needed to treat":
            one |= {"estimate": 28.7, "lower": 5.4, "upper": 9.4}
            one["reason"] = "to benefit; the interval runs through infinity"
    table = two_arms.table.clear().extend(
        type(two_arms.table)(rows, schema=two_arms.table.schema, orient="row")
    )
    results = Results(table, two_arms.protocol, "", manifest=two_arms.manifest)
    said = words_of(responders.section(results, Words.of(results)))
    assert "29 to benefit (95% CI 5 to benefit, through infinity, to 9 to harm)" in said


def test_the_curves_name_the_shares_at_the_declared_threshold(two_arms: Results) -> None:
    said = words_of(distribution.section(two_arms, Words.of(two_arms)))
    assert said.startswith("Down by 10 points or more: ")
    row = max(
        (
            r
            for r in two_arms.rows(analysis="distribution", endpoint="odi_change", arm="bmc")
            if r["at"] <= -10
        ),
        key=lambda r: r["at"],
    )
    assert f"{100 * row['estimate']:.0f}% with BMC" in said


def test_completion_says_where_it_was_lowest_and_why(two_arms: Results) -> None:
    section = completion.section(two_arms, Words.of(two_arms))
    said = words_of(section)
    lowest = min(
        two_arms.rows(analysis="completion", statistic="received"),
        key=lambda r: r["estimate"],
    )
    assert section is not None
    assert f"{lowest['estimate']:.0f} of 40" in Markup(section.heading).striptags()
    assert "no contact" in said
    assert "Scored of received" in said


def test_what_could_be_detected_comes_from_the_planned_size(two_arms: Results) -> None:
    said = words_of(detectable.section(two_arms, Words.of(two_arms)))
    assert "29 percentage points" in said
    assert "power of 80%" in said
    assert "with 40 and 40 patients" in said


def test_the_methods_say_what_the_protocol_says(two_arms: Results) -> None:
    said = words_of(methods.section(two_arms, Words.of(two_arms)))
    for part in (
        "Open-label, non-randomised, parallel-group study with two arms",
        "12 months on day 365 (320 to 410)",
        "Day 0 is date of injection (BMC) and the day of enrolment (Control)",
        "pain fell by more than 2 points",
        "Holm, 5%",
        "patients without the answer are left out (complete cases)",
        "Least-squares means take the covariates at their means, with equal weights",
        "no evidence about the treatment",
        "Newcombe RG",
    ):
        assert part.lower() in said.lower(), part


def test_published_figures_stand_beside_the_studys_own(two_arms: Results) -> None:
    said = words_of(published.section(two_arms, Words.of(two_arms)))
    assert "published figures lie within the simulated study’s intervals" in said
    assert "67%" in said
    assert "review table (secondary)" in said


def test_the_provenance_names_hashes_versions_seed_and_assumptions(two_arms: Results) -> None:
    said = words_of(provenance.section(two_arms, Words.of(two_arms)))
    for part in (
        "7c1e90d45f30",
        "91f0b2ac0011",
        "polars 1.30.0",
        "simulation 35",
        "is our assumption",
        "armwise analyse STUDY",
        "data/odi.csv",
    ):
        assert part in said


def with_protocol(results: Results, **changes: object) -> Results:
    """The same rows under another protocol."""
    protocol = results.protocol.model_copy(update=changes)
    return Results(results.table, protocol, "", manifest=results.manifest)


def with_rows(results: Results, change: Callable[[Row], dict[str, object] | None]) -> Results:
    """The results with rows changed; those for which nothing is returned stay as they are."""
    rows = [r | (change(r) or {}) for r in results.table.to_dicts()]
    return Results(table(rows), results.protocol, "", manifest=results.manifest)


def at_ninety(row: Row) -> dict[str, object] | None:
    """Every comparison with a 90% interval."""
    return {"conf_level": 0.9} if row["versus"] and row["lower"] is not None else None


@pytest.mark.parametrize("section", [course, responders], ids=["course", "responders"])
def test_a_table_says_the_level_of_its_own_differences(two_arms: Results, section: ModuleType) -> None:
    found = with_rows(two_arms, at_ninety)
    made = section.section(found, Words.of(found))
    assert made is not None
    heads = [
        str(c.head) for block in made.blocks if isinstance(block.main, Table) for c in block.main.columns
    ]
    assert any("(90%\u00a0CI)" in head for head in heads)
    assert not any("95%" in head for head in heads)


def test_published_figures_stand_beside_intervals_of_the_level_that_they_have(two_arms: Results) -> None:
    found = with_rows(two_arms, lambda r: {"conf_level": 0.99} if r["analysis"] == "describe" else None)
    made = published.section(found, Words.of(found))
    assert made is not None and isinstance(made.blocks[0].main, Table)
    assert [str(c.small) for c in made.blocks[0].main.columns if c.small] == ["99%\u00a0CI"]


def test_the_methods_say_the_levels_of_the_intervals(two_arms: Results) -> None:
    assert "two-sided, each a 95% CI" in words_of(methods.section(two_arms, Words.of(two_arms)))
    mixed = with_rows(two_arms, at_ninety)
    assert "different levels (95% CI and 90% CI)" in words_of(methods.section(mixed, Words.of(mixed)))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("label", "the visit that it is labelled with; the windows assign none"),
        ("date", "the visit in whose window its date lies, whatever its label"),
    ],
)
def test_the_methods_say_by_which_rule_a_record_belongs_to_a_visit(
    two_arms: Results, by: str, said: str
) -> None:
    results = with_protocol(two_arms, visits_by=by)
    found = words_of(methods.section(results, Words.of(results)))
    assert f"A record belongs to {said}." in found
    assert "Of two records in one window" not in found


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("patient-choice", "The patients chose their treatment."),
        ("unstated", "Treatment was not assigned at random."),
    ],
)
def test_the_page_says_of_the_allocation_what_the_protocol_says_and_no_more(
    two_arms: Results, by: str, said: str
) -> None:
    study = two_arms.protocol.study.model_copy(update={"allocated_by": by})
    results = with_protocol(two_arms, study=study)
    words = Words.of(results)
    head, doubt = answer(results, words).doubts[0]
    assert head == ("Chosen, not randomised" if by == "patient-choice" else "Not randomised")
    assert Markup(doubt).striptags().startswith(said)
    assert said in words_of(methods.section(results, words))
    assert "chose" in words_of(responders.section(results, words)) or by == "unstated"
    assert "chose" not in words_of(participants.section(results, words)) or by != "unstated"


@pytest.mark.parametrize(
    ("adjust", "when"),
    [("overlap-weights", "before weighting"), ("covariates", "at baseline"), ("none", "at baseline")],
)
def test_a_difference_before_weighting_is_said_only_where_there_are_weights(
    two_arms: Results, adjust: str, when: str
) -> None:
    declared = two_arms.protocol.analyses["primary"].model_copy(update={"adjust": adjust})
    results = with_protocol(two_arms, analyses=two_arms.protocol.analyses | {"primary": declared})
    _, doubt = answer(results, Words.of(results)).doubts[0]
    assert f"The largest recorded difference {when} was in" in Markup(doubt).striptags()


def test_the_responders_beside_a_difference_are_those_behind_it(two_arms: Results) -> None:
    said = words_of(responders.section(two_arms, Words.of(two_arms)))
    assert "At 12 months, 75% improved with BMC and 31% with conventional care" in said
    assert "27 of 36 (75%) | 11 of 36 (31%)" in said


def test_assumptions_stand_by_what_they_are_about_and_none_is_lost() -> None:
    made = by_place(
        [
            "outcomes.odi.total.means.bmc: m12 31.5 (invented; of 3, the first digit)",
            "outcomes.odi.total.means.control: m12 49 (invented)",
            "outcomes.odi.total.sds: m12 9 (invented)",
            "covariates.age: sd 11 (SD (of 2021), cut)",
            "enrolment: months 15",
            "No place, only words: nothing (at all).",
        ]
    )
    assert made == [
        (
            "outcomes.odi.total",
            "means.bmc: m12 31.5 (invented; of 3, the first digit). means.control: m12 49; sds: m12 9 (invented)",
        ),
        ("covariates", "age: sd 11 (SD (of 2021), cut)"),
        ("enrolment", "months 15"),
        ("", "No place, only words: nothing (at all)."),
    ]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__module__.rpartition(".")[2])
def test_without_rows_a_section_is_left_out_or_says_why_it_is_there(
    two_arms: Results, section: object
) -> None:
    bare = Results(two_arms.table.clear(), two_arms.protocol, "", manifest=two_arms.manifest)
    made = section(bare, Words.of(bare))  # type: ignore[operator]
    assert made is None or made.blocks


def test_all_that_tie_for_the_lowest_completion_are_named(two_arms: Results) -> None:
    cells = [
        row(s, n, analysis="completion", item=form, visit="m12", arm="control", unit="subjects")
        for form in ("odi", "nrs")
        for s, n in (("expected", 40), ("received", 30))
    ]
    results = Results(table(cells), two_arms.protocol, "", manifest=two_arms.manifest)
    section = completion.section(results, Words.of(two_arms))
    assert section is not None
    said = Markup(section.heading).striptags()
    form = Words.of(two_arms).form
    assert said.startswith("Completion was lowest, 30 of 40, at 12 months with conventional care")
    assert form("odi") in said and form("nrs") in said


def test_a_visit_without_a_label_keeps_its_name_in_the_methods(two_arms: Results) -> None:
    visits = two_arms.protocol.visits
    bare = with_protocol(
        two_arms, visits={**visits, "baseline": visits["baseline"].model_copy(update={"label": ""})}
    )
    assert "Visits. Baseline on day 0" in words_of(methods.section(bare, Words.of(bare)))


def test_simulated_data_beside_published_figures_are_said_to_be_drawn_near_them(two_arms: Results) -> None:
    said = "drawn with assumptions and a seed chosen to lie near the published figures"
    assert said in words_of(published.section(two_arms, Words.of(two_arms)))
    captured = Results(
        two_arms.table, two_arms.protocol, "", manifest={**two_arms.manifest, "simulated": False}
    )
    assert said not in words_of(published.section(captured, Words.of(captured)))


def test_every_composite_that_is_analysed_shows_its_components(two_arms: Results) -> None:
    both = two_arms.protocol.endpoints["primary"].model_copy(update={"kind": "all", "label": "Both"})
    analysis = two_arms.protocol.analyses["primary"].model_copy(
        update={"endpoint": "both", "role": "exploratory"}
    )
    results = with_protocol(
        two_arms,
        endpoints={**two_arms.protocol.endpoints, "both": both},
        analyses={**two_arms.protocol.analyses, "both": analysis},
    )
    about = {"endpoint": "both", "visit": "m12", "arm": "bmc", "n": 36}
    added = [
        row("responders", 13, analysis="describe", unit="subjects", **about),
        row("risk", 13 / 36, analysis="describe", unit="proportion", **about),
        row("risk difference", 0.25, lower=0.1, upper=0.4, analysis="both", versus="control", **about),
    ]
    more = Results(
        table([*results.table.to_dicts(), *added]), results.protocol, "", manifest=results.manifest
    )
    made = responders.section(more, Words.of(more))
    assert made is not None
    titles = [b.main.title for b in made.blocks if isinstance(b.main, Table)]
    assert titles == [
        "Components of the responder endpoint at 12 months.",
        "Components of “Both” at 12 months.",
    ]


def test_the_methods_name_the_analyses_of_each_rule_for_missing_answers(small: Any) -> None:
    from armwise.analysis.run import analyse

    plan = {
        "endpoint": "change",
        "at": "m6",
        "method": "ancova",
        "adjust": "covariates",
        "covariates": ["baseline"],
    }
    analyses = {
        "main": {**small.model, "role": "primary", "at": "m6", "label": "Main"},
        "second": {**small.model, "role": "secondary", "label": "Second"},
        "third": {**small.model, "role": "exploratory", "label": "Third"},
        "simple": {**plan, "role": "sensitivity", "label": "Simple"},
        "last": {**plan, "role": "sensitivity", "label": "Second", "missing": "locf"},
    }
    results = analyse(small.repeated(small.drawn(), {"role": "exploratory", "at": "m1"}, analyses=analyses))
    said = Markup(methods._missing(results, Words.of(results))).striptags()
    assert "Primary analysis: every observed visit is used, and a missing answer" in said
    assert " Simple: patients without the answer are left out (complete cases)." in said
    assert (
        " Second (last): a missing answer takes the last one before it (last observation carried forward)."
        in said
    )
    assert said.count(" All other analyses: the rule of the primary analysis.") == 1
    alone = analyse(
        small.repeated(small.drawn(), analyses={"main": analyses["main"], "model": analyses["simple"]})
    )
    said = Markup(methods._missing(alone, Words.of(alone))).striptags()
    assert "observed. Simple: patients without the answer are left out (complete cases). Items" in said


@pytest.mark.parametrize("df", ["kenward-roger", "residual", "between-within"])
def test_the_intervals_of_a_model_of_all_visits_have_the_degrees_of_freedom_that_the_methods_name(
    small: Any, df: str
) -> None:
    from armwise.analysis.run import analyse

    results = analyse(small.repeated(small.drawn(), {"degrees_of_freedom": df}))
    section = methods.section(results, Words.of(results))
    paragraphs = [
        Markup(p).striptags() for b in section.blocks if b.main.kind == "prose" for p in b.main.paragraphs
    ]
    named = next(i for i, p in enumerate(paragraphs) if p.startswith("Repeated measures."))
    intervals = next(i for i, p in enumerate(paragraphs) if p.startswith("Intervals."))
    assert "egrees of freedom are" in paragraphs[named]
    assert named < intervals
    assert "with the degrees of freedom said above" in paragraphs[intervals]
    assert "of their own" not in paragraphs[intervals]


def test_the_methods_fold_what_is_looked_up_and_leave_open_what_decides(two_arms: Results) -> None:
    section = methods.section(two_arms, Words.of(two_arms))
    folds = [block.folded for block in section.blocks]
    assert folds[1] == "Endpoints, as the protocol defines them"
    assert folds[-2:] == ["Models, intervals and rounding", "References"]
    (decides, computed) = (block.main for block in (section.blocks[3], section.blocks[4]))
    assert isinstance(decides, Prose) and isinstance(computed, Prose)
    heads = [re.findall("<b>(.*?)[.]</b>", " ".join(map(str, p.paragraphs))) for p in (decides, computed)]
    assert heads[0] == ["Weighting", "Missing answers", "Multiplicity", "Changes within arms"]
    assert heads[1] == ["Repeated measures", "Adjusted means", "Intervals", "Numbers"]

"""Each section says what it is there to say."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from armwise.analysis.results import Results
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
    for row in rows:
        if row["statistic"] == "number needed to treat":
            row |= {"estimate": 28.7, "lower": 5.4, "upper": 9.4}
            row["reason"] = "to benefit; the interval runs through infinity"
    table = two_arms.table.clear().extend(
        type(two_arms.table)(rows, schema=two_arms.table.schema, orient="row")
    )
    results = Results(table, two_arms.protocol, "", manifest=two_arms.manifest)
    said = words_of(responders.section(results, Words.of(results)))
    assert "29 to benefit (5 to benefit, through infinity, to 9 to harm)" in said


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


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__module__.rpartition(".")[2])
def test_without_rows_a_section_is_left_out_or_says_why_it_is_there(
    two_arms: Results, section: object
) -> None:
    bare = Results(two_arms.table.clear(), two_arms.protocol, "", manifest=two_arms.manifest)
    made = section(bare, Words.of(bare))  # type: ignore[operator]
    assert made is None or made.blocks

"""Interactions in the section of subgroups: the numbers, the steps, and a heading that settles nothing by itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.results import Results, Row, row, table
from armwise.report.association_headings import NEVER
from armwise.report.page import Section
from armwise.report.sections import interactions, subgroups
from armwise.report.tables import Table
from armwise.report.words import Words


def about(item: str, **more: Any) -> dict[str, Any]:
    fixed = {
        "analysis": "effect_modification",
        "role": "exploratory",
        "endpoint": "odi_change",
        "visit": "m12",
    }
    method = "ANCOVA with arm by covariate"
    return {**fixed, "arm": "bmc", "versus": "control", "item": item, "unit": "%", "conf_level": 0.95, "n": 73,
            "method": method, **more}  # fmt: skip


def rows(upper: float = 4.2) -> list[Row]:
    return [
        row("interaction", -0.7, se=2.4, lower=-5.6, upper=upper, at=10.0, category="per 10 years", **about("odi.age")),
        row("mean difference", -16.8, se=4.4, lower=-25.6, upper=-7.9, at=45.0, **about("odi.age")),
        row("interaction", -2.8, se=4.8, lower=-12.4, upper=6.8, category="male", reason="against female",
            **about("odi.gender")),
        row("mean difference", -16.3, se=3.3, lower=-23.0, upper=-9.7, category="female", **about("odi.gender")),
        row("mean difference", -19.1, se=3.7, lower=-26.5, upper=-11.7, category="male", **about("odi.gender")),
        row("interaction", 0.24, lower=-0.2, upper=0.6, category="60 or more", reason="against under 60",
            **about("primary.age", unit="proportion", endpoint="primary", method="difference of differences, MOVER")),
    ]  # fmt: skip


def section_of(make: Callable[..., Results], upper: float = 4.2) -> tuple[Results, Section]:
    base = make()
    results = dataclasses.replace(base, table=table([*base.rows(), *rows(upper)]))
    found = subgroups.section(results, Words.of(results))
    assert found is not None
    return results, found


def plain(text: object) -> str:
    return re.sub(r"<[^>]+>", "", str(text)).replace("\u00a0", " ")


def test_the_table_has_each_interaction_with_its_interval_step_and_values(
    make: Callable[..., Results],
) -> None:
    results, section = section_of(make)
    found = section.blocks[-1].main
    assert isinstance(found, Table)
    lines = [(plain(r.head), plain(r.small), *(plain(c) for c in r.cells)) for r in found.rows if r.cells]
    assert lines[0] == ("Age", "per 10 years", "45 years: −16.8 (−25.6 to −7.9)", "−0.7 (−5.6 to 4.2)")
    assert lines[1][1] == "Male against Female" and "Male: −19.1" in lines[1][2]
    assert lines[2][1] == "60 or more against under 60" and lines[2][3] == "24 (−20 to 60)"
    assert [plain(r.head) for r in found.rows if not r.cells] == [
        "Oswestry Disability Index at 12 months, points", "ODI or pain responder at 12 months, percentage points",
    ]  # fmt: skip
    assert [r["id"] for r in interactions.rows_of(results)] == [
        r["id"] for r in rows() if r["statistic"] == "interaction"
    ]


def test_within_a_split_the_differences_of_its_parts_stand_beside_their_interaction(
    make: Callable[..., Results],
) -> None:
    base = make()
    main = base.one(analysis="odi_component", statistic="risk difference", subgroup=None)
    assert main is not None
    parts = [
        row("risk difference", e, lower=e - 0.3, upper=e + 0.2, **{
            k: main[k] for k in ("analysis", "endpoint", "visit", "arm", "versus", "unit", "method", "conf_level")
        }, subgroup=f"age={words}", n_arm=20, n_versus=16)
        for words, e in (("under 60", 0.5), ("60 or more", 0.64))
    ]  # fmt: skip
    split = about(
        "odi_component.age", unit="proportion", endpoint="odi_mcid", method="difference of differences, MOVER"
    )
    crossed = row(
        "interaction", 0.14, lower=-0.3, upper=0.5, category="60 or more", reason="against under 60", **split
    )
    results = dataclasses.replace(base, table=table([*base.rows(), *parts, crossed]))
    made = interactions.table(results, Words.of(results), interactions.rows_of(results))
    assert plain(made.rows[0].cells[0]) == "Under 60 years: 50 (20 to 70)60 years or more: 64 (34 to 84)"
    assert str(made.caption).startswith("Percentage points.")


def test_unclear_interactions_leave_the_question_open(make: Callable[..., Results]) -> None:
    _, section = section_of(make)
    assert section.heading == "Whether the difference between the arms varies with age or gender stays open"


def test_a_clear_one_is_exploratory(make: Callable[..., Results]) -> None:
    _, section = section_of(make, upper=-0.1)
    assert section.heading == "The difference between the arms varied with age (exploratory)"


@pytest.mark.parametrize("upper", [4.2, -0.1])
def test_nothing_in_the_section_says_that_there_is_no_difference_between_subgroups(
    make: Callable[..., Results], causal_words: Callable[[str], list[str]], upper: float
) -> None:
    _, section = section_of(make, upper)
    main = section.blocks[-1].main
    assert isinstance(main, Table)
    said = " ".join(plain(t) for t in (section.heading, main.title, main.caption, *section.blocks[-1].side))
    assert [w for w in NEVER if w in said.casefold()] == []
    assert causal_words(said) == []
    assert "leaves open" in said


def test_results_without_interactions_keep_the_heading_of_the_subgroups(two_arms: Results) -> None:
    assert interactions.rows_of(two_arms) == []


def test_two_analyses_of_one_outcome_are_told_apart(make: Callable[..., Results]) -> None:
    results = make()
    again = [
        row(
            "interaction",
            -0.7,
            lower=-5.6,
            upper=4.0,
            at=10.0,
            category="per 10 years",
            **about(f"{name}.age"),
        )
        for name in ("odi", "odi_ancova")
    ]
    made = interactions.table(results, Words.of(results), again)
    assert [plain(r.head) for r in made.rows if not r.cells] == [
        "Oswestry Disability Index at 12 months (odi), points",
        "Oswestry Disability Index at 12 months (Complete cases), points",
    ]

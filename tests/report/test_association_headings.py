"""Headings of what was not assigned: a direction only where it is clear, and never that there is nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.results import Results, Row, row
from armwise.report.association_headings import NEVER, association, measure_name, modification
from armwise.report.words import Words


def slope(**more: Any) -> Row:
    about = {
        "analysis": "associations",
        "endpoint": "odi_change",
        "visit": "m12",
        "arm": "bmc",
        "item": "x",
        "n": 38,
    }
    return row(
        "slope",
        more.pop("estimate", -3.0),
        **{**about, "lower": -7.0, "upper": 1.0, "conf_level": 0.95, **more},
    )


def interaction(**more: Any) -> Row:
    fields = {"lower": -5.0, "upper": 4.0, "conf_level": 0.95, **more}
    return row(
        "interaction", fields.pop("estimate", -0.5), analysis="effect_modification", item="odi.age", **fields
    )


def plain(heading: object) -> str:
    return re.sub(r"<[^>]+>", "", str(heading)).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def words(two_arms: Results) -> Words:
    return Words.of(two_arms)


def test_an_unclear_association_stays_open(words: Words) -> None:
    said = plain(association(words, slope(), "CFU-F"))
    assert said.startswith("In 38 patients, whether CFU-F goes with the change") and said.endswith(
        "stays open"
    )


@pytest.mark.parametrize(
    ("endpoint", "estimate", "wanted"),
    [
        ("odi_change", -3.0, "a larger fall in Oswestry Disability Index"),
        ("odi_change", 3.0, "a smaller fall in Oswestry Disability Index"),
        ("gph_change", 3.0, "a larger rise in PROMIS Global Physical Health"),
    ],
)
def test_a_clear_association_says_what_went_with_what(
    words: Words, endpoint: str, estimate: float, wanted: str
) -> None:
    made = slope(endpoint=endpoint, estimate=estimate, lower=min(estimate * 2, 0.1 * estimate),
                 upper=max(estimate * 2, 0.1 * estimate))  # fmt: skip
    said = plain(association(words, made, "CFU-F"))
    assert said == f"Higher CFU-F went with {wanted} at 12 months: an association, not assigned to anybody"


def test_a_limit_on_zero_excludes_nothing(words: Words) -> None:
    assert "stays open" in plain(association(words, slope(upper=0.0), "age"))


def test_what_could_not_be_estimated_is_said(words: Words) -> None:
    made = slope(estimate=None, lower=None, upper=None, status="not estimable", reason="nobody")
    assert "could not be estimated" in plain(association(words, made, "age"))


def test_an_interaction_is_named_only_where_its_interval_excludes_none() -> None:
    rows = [interaction(), interaction(lower=-9.0, upper=-1.0, estimate=-5.0)]
    assert modification(rows, ["age", "gender"]) == (
        "The difference between the arms varied with gender (exploratory)"
    )
    assert (
        modification(rows[:1], ["age"])
        == "Whether the difference between the arms varies with age stays open"
    )
    missing = interaction(estimate=None, lower=None, upper=None, status="not estimable", reason="x")
    assert "stays open" in str(modification([missing, rows[0]], ["age", "gender"]))


@pytest.mark.parametrize("upper", [1.0, 0.0, -1.0, 40.0])
def test_no_heading_says_that_there_is_nothing_or_that_something_was_done(
    words: Words, causal_words: Callable[[str], list[str]], upper: float
) -> None:
    said = [
        plain(association(words, slope(upper=upper), "age")),
        plain(modification([interaction(upper=upper, lower=-50.0)], ["age"])),
    ]
    for heading in said:
        assert [w for w in NEVER if w in heading.casefold()] == []
        assert causal_words(heading) == []


def test_a_measure_is_called_by_its_short_name_where_its_label_has_one() -> None:
    assert measure_name({"label": "Colony-forming units-fibroblast (CFU-F)"}) == "CFU-F"
    assert measure_name({"label": "Total nucleated cells"}) == "total nucleated cells"
    assert measure_name({"label": "Weight (of the patient)"}) == "weight"

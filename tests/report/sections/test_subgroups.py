"""The section of subgroups, and the rule of its heading."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results, Row, row, table
from armwise.protocol.model import Protocol
from armwise.report import html
from armwise.report.page import Figure, Section
from armwise.report.sections import subgroups
from armwise.report.words import Words

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain" / "protocol.yaml"
HOLDS = "Every subgroup’s interval holds the overall estimate"
NEUTRAL = "The difference by subgroup"


def split(protocol: Protocol, analyses: Sequence[str] = ("odi_ancova",)) -> Protocol:
    """The protocol with comparisons by gender and age in some analyses."""
    data = protocol.model_dump(exclude_unset=True)
    data["subgroups"] = {"age": {"covariate": "age", "cuts": [60]}, "gender": {"covariate": "gender"}}
    for name in analyses:
        data["analyses"][name]["subgroups"] = ["age", "gender"]
    return Protocol.model_validate(data)


def within(main: Row, subgroup: str, **more: Any) -> Row:
    """The row of a subgroup, beside that of all patients: by default with the same estimate and interval."""
    fields = (
        "analysis", "endpoint", "visit", "arm", "versus", "statistic", "estimate", "lower", "upper", "conf_level",
        "unit", "method", "n_arm", "n_versus",
    )  # fmt: skip
    made = {name: main[name] for name in fields} | {"role": "exploratory", "subgroup": subgroup} | more
    return row(made.pop("statistic"), made.pop("estimate"), **made)


def results_with(make: Callable[..., Results], *rows: dict[str, Any]) -> Results:
    """The reference study with rows within subgroups of `odi_ancova`; each of them says how it is special."""
    protocol = split(Protocol.model_validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))))
    results = make(protocol)
    main = results.one(analysis="odi_ancova", statistic="mean difference", subgroup=None)
    assert main is not None
    added = [within(main, **special) for special in rows]
    return dataclasses.replace(results, table=table([*results.rows(), *added]))


@pytest.fixture(scope="module")
def alike(make: Callable[..., Results]) -> Results:
    """Four subgroups whose intervals hold the estimate of all patients."""
    names = ("age=under 60", "age=60 or more", "gender=female", "gender=male")
    return results_with(make, *({"subgroup": name} for name in names))


def section_of(results: Results) -> Section:
    found = subgroups.section(results, Words.of(results))
    assert found is not None
    return found


def test_a_study_without_subgroups_has_no_such_section(two_arms: Results) -> None:
    assert subgroups.section(two_arms, Words.of(two_arms)) is None


def test_the_heading_says_that_all_intervals_hold_the_overall_estimate_where_they_do(alike: Results) -> None:
    assert section_of(alike).heading == HOLDS


@pytest.mark.parametrize(
    "special",
    [
        {"lower": -40.0, "upper": -30.0, "estimate": -35.0},
        {"lower": 1.0, "upper": 9.0, "estimate": 5.0},
        {"lower": None, "upper": None},
        {"estimate": None, "lower": None, "upper": None, "status": "not estimable", "reason": "nobody"},
    ],
)
def test_else_it_claims_nothing(make: Callable[..., Results], special: dict[str, Any]) -> None:
    results = results_with(make, {"subgroup": "gender=female"}, {"subgroup": "gender=male"} | special)
    assert section_of(results).heading == NEUTRAL


def test_without_an_overall_estimate_the_heading_claims_nothing(alike: Results) -> None:
    main = alike.one(analysis="odi_ancova", statistic="mean difference", subgroup=None)
    assert main is not None
    rows = [r for r in alike.rows() if r["id"] != main["id"]]
    assert section_of(dataclasses.replace(alike, table=table(rows))).heading == NEUTRAL


def test_the_notes_say_what_separate_intervals_cannot_show(alike: Results) -> None:
    said = " ".join(str(note) for note in section_of(alike).blocks[0].side)
    assert "Exploratory: no P values" in said and "not adjusted" in said
    assert "do not show whether subgroups differ" in said
    assert "not randomised, within subgroups too" in said


def test_randomised_arms_are_not_said_to_be_chosen(alike: Results) -> None:
    study = alike.protocol.study.model_copy(update={"allocation": "randomised"})
    protocol = alike.protocol.model_copy(update={"study": study})
    said = section_of(dataclasses.replace(alike, protocol=protocol))
    assert "randomised" not in " ".join([*map(str, said.blocks[0].side), str(said.blocks[0].main.caption)])  # type: ignore[union-attr]


def test_every_row_within_a_subgroup_is_in_the_figure_at_both_widths(alike: Results) -> None:
    figure = section_of(alike).blocks[0].main
    assert isinstance(figure, Figure)
    rows = [r for r in alike.rows() if r["subgroup"]]
    assert len(rows) == 4
    for drawn in (figure.wide, figure.narrow):
        assert all(f'data-row="{r["id"]}"' in drawn for r in rows)


def test_the_section_stands_on_the_page_and_in_its_contents(alike: Results) -> None:
    page = html.render(alike)["report.html"]
    assert '<section id="subgroups">' in page and '<a href="#subgroups">Subgroups</a>' in page
    assert "Oswestry Disability Index at 12 months, by subgroup." in page

"""Were the arms comparable: in words, in a figure, in tables, and what is said where they were not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report import report
from armwise.report.page import Facts, Figure, Prose, Section
from armwise.report.sections import overlap
from armwise.report.tables import Table
from armwise.report.words import Words

PRIMARY: dict[str, Any] = {
    "endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", "adjust": "overlap-weights",
    "covariates": ["age", "scale_0"], "estimand": "o",
}  # fmt: skip


def results_of(small: Any, ages: list[int], arms: list[str], **changes: Any) -> Results:
    scale = small.scale({f"p{i + 1}": (20 + (i * 5) % 23, None, 4 + (i * 7) % 30) for i in range(len(arms))})
    target = changes.pop("target", "overlap")
    return analyse(
        small.study(
            {"subjects": small.people(arms, age=ages), "scale": scale},
            analyses={"primary": {**PRIMARY, **changes}}, estimands={"o": {"target": target}},
        )
    )  # fmt: skip


def mixed(small: Any, **changes: Any) -> Results:
    rng = np.random.default_rng(1)
    ages = [int(x) for x in rng.integers(35, 75, 40)]
    arms = ["new" if rng.random() < 1 / (1 + np.exp(-(a - 55) / 10)) else "old" for a in ages]
    return results_of(small, ages, arms, **changes)


def apart(small: Any) -> Results:
    return results_of(small, [60] * 8 + [40] * 8, ["new"] * 8 + ["old"] * 8, covariates=["age"])


def made(results: Results) -> Section:
    section = overlap.section(results, Words.of(results))
    assert section is not None
    return section


def plain(text: object) -> str:
    return re.sub(r"<[^>]+>", "", str(text)).replace("\u00a0", " ")


def kinds(section: Section, kind: type) -> list[Any]:
    return [b.main for b in section.blocks if isinstance(b.main, kind)]


def test_positivity_is_said_with_the_numbers_of_its_rows(small: Any) -> None:
    results = mixed(small)
    (prose,) = kinds(made(results), Prose)
    said = plain(prose.paragraphs[0])
    outside = {
        r["arm"]: (int(r["estimate"]), r["n"])
        for r in results.rows(analysis="overlap", category="outside the other arm's range")
    }
    (a, n), (b, m) = outside["new"], outside["old"]
    assert f"{a} of {n} patients with new and {b} of {m} with old had a probability outside the range" in said
    assert said.startswith("Given age and points, a patient’s probability of new ranged from 0.")
    assert "data-row=" in str(prose.paragraphs[0])


def test_the_heading_counts_those_outside_and_claims_nothing(
    small: Any, causal_words: Callable[[str], list[str]]
) -> None:
    heading = plain(made(mixed(small)).heading)
    assert re.fullmatch(
        r"\d+ of \d+ patients with new and \d+ of \d+ with old lay outside the other arm’s range of probabilities",
        heading,
    )
    assert causal_words(heading) == []


def test_separation_is_named_and_no_histogram_is_drawn(small: Any) -> None:
    section = made(apart(small))
    assert (
        plain(section.heading)
        == "8 of 8 patients with new and 8 of 8 with old could only have been in their arm"
    )
    (prose,) = kinds(section, Prose)
    assert "the covariates separate the arms (age)" in plain(prose.paragraphs[0])
    assert kinds(section, Figure) == []


def test_what_the_weighted_arms_carry_and_what_was_dropped_are_facts(small: Any) -> None:
    (facts,) = kinds(made(mixed(small)), Facts)
    found = {name: plain(said) for name, said in facts.items}
    assert re.fullmatch(
        r"\d+ of \d+ with new and \d+ of \d+ with old", found["Weighted, the arms carry the information of"]
    )
    assert (
        found["In the model of who was in which arm"] == "2 of 2 declared characteristics; none was left out"
    )
    dropped = results_of(
        small, [60] * 8 + [40] * 8, ["new"] * 8 + ["old"] * 8, covariates=["age", "sex"], droppable=["age"]
    )
    (facts,) = kinds(made(dropped), Facts)
    said = plain(dict(facts.items)["In the model of who was in which arm"])
    assert said.startswith("1 of 2 declared characteristics; left out, in the declared order")


@pytest.mark.parametrize(("adjust", "target", "whom"), [
    ("overlap-weights", "overlap", "either arm was a realistic choice"),
    ("inverse-probability", "everyone", "everyone in the analysis set"),
    ("entropy-balancing", "treated", "patients like those who had the treatment"),
    ("g-computation", "everyone", "everyone in the analysis set"),
])  # fmt: skip
def test_every_adjustment_says_whom_it_speaks_of_and_its_page_is_made(
    small: Any, adjust: str, target: str, whom: str
) -> None:
    results = mixed(small, adjust=adjust, target=target)
    side = " ".join(plain(note) for b in made(results).blocks for note in b.side)
    assert whom in side
    page = report(results)
    assert '<section id="overlap"' in page
    assert ("overlap weighting" in page) == (adjust == "overlap-weights")


def test_spread_and_shape_stand_before_and_after(small: Any) -> None:
    (table,) = kinds(made(mixed(small)), Table)
    assert [plain(line.head) for line in table.rows] == ["Age", "Points"]
    assert all(
        re.fullmatch(r"\d\.\d\d → \d\.\d\d", plain(cell)) for line in table.rows for cell in line.cells
    )


def test_a_randomised_study_has_no_such_section(trial: Results) -> None:
    assert overlap.section(trial, Words.of(trial)) is None


def test_where_characteristics_were_drawn_the_page_says_what_is_shown(small: Any) -> None:
    points = small.drawn()
    for subject in ("p3", "p8"):
        points[subject].pop("baseline")
    plan = {
        "endpoint": "change", "at": "m6", "role": "primary", "method": "mean-difference", "missing": "impute",
        "adjust": "overlap-weights", "estimand": "o", "covariates": ["age", "scale_0"],
    }  # fmt: skip
    estimands = {"o": {"target": "overlap"}}
    page = report(
        analyse(small.repeated(points, analyses={"main": plan}, estimands=estimands, imputation={"sets": 5}))
    )
    assert "Missing characteristics are as drawn in the first of the completed data sets." in page
    assert "what stands after weighting is the mean over all of them." in page
    assert "Missing characteristics" not in report(mixed(small))

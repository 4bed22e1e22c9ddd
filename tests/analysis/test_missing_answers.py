"""Rows on missing answers, against the same data filled in by hand."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.fragility import fragility
from armwise.analysis.missing_answers import PLACED, PLAIN
from armwise.analysis.results import Row
from armwise.derive.derived import derive
from armwise.protocol.fragility import Fragility
from armwise.stats import overlap_risk_difference
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.study.study import Study

COVARIATES = ["age", "bmi", "opioid_use", "odi_baseline"]


@pytest.fixture(scope="module")
def gappy(reference_study: Study) -> Study:
    """The reference study without any event, and without month-12 questionnaires of some more of both arms."""
    tables = {**reference_study.tables, "events": reference_study.tables["events"].head(0)}
    arms = tables["subjects"].select("subject", "arm")
    gone = [
        *arms.filter(pl.col("arm") == "bmc")["subject"].sort()[:3],
        *arms.filter(pl.col("arm") == "control")["subject"].sort()[:2],
    ]
    for name in ("odi", "nrs"):
        tables[name] = tables[name].filter(~(pl.col("subject").is_in(gone) & (pl.col("visit") == "m12")))
    section = Fragility(analyses=("primary", "odi_ancova"), deltas=(-10.0, 0.0, 10.0))
    protocol = reference_study.protocol.model_copy(update={"fragility": section})
    return dataclasses.replace(reference_study, tables=tables, protocol=protocol)


@pytest.fixture(scope="module")
def rows(gappy: Study) -> list[Row]:
    return list(fragility(derive(gappy), []))


@pytest.fixture(scope="module")
def people(gappy: Study) -> pl.DataFrame:
    """Everyone, with the primary outcome at month 12 (null where missing) and the covariates."""
    derived = derive(gappy)
    here = derived.endpoints.filter((pl.col("endpoint") == "primary") & (pl.col("visit") == "m12"))
    return derived.covariates.join(here.select("subject", "outcome"), on="subject", how="left")


def cells(rows: list[Row], method: str) -> dict[tuple[float, float], Row]:
    return {(r["at"], r["at2"]): r for r in rows if r["method"] == method and r["at"] is not None}


def missing(people: pl.DataFrame, arm: str) -> int:
    return people.filter(pl.col("arm") == arm)["outcome"].null_count()


def test_there_is_a_cell_for_every_number_of_responders_among_the_missing(
    rows: list[Row], people: pl.DataFrame
) -> None:
    m1, m0 = missing(people, "bmc"), missing(people, "control")
    assert m1 >= 3 and m0 >= 2
    wanted = set(itertools.product(map(float, range(m1 + 1)), map(float, range(m0 + 1))))
    assert cells(rows, PLAIN).keys() == wanted
    responders = {a: people.filter(pl.col("arm") == a)["outcome"].sum() for a in ("bmc", "control")}
    for (k1, k0), found in cells(rows, PLAIN).items():
        by_hand = (responders["bmc"] + k1) / 40 - (responders["control"] + k0) / 40
        assert found["estimate"] == pytest.approx(by_hand, abs=1e-12)


def test_a_weighted_cell_is_the_analysis_of_the_least_favourable_answers(
    rows: list[Row], people: pl.DataFrame
) -> None:
    known = people.drop_nulls(COVARIATES)
    X = {name: known[name].to_numpy() for name in COVARIATES}
    treated = (known["arm"] == "bmc").to_numpy()
    y = known["outcome"].to_numpy().astype(float)
    gap1, gap0 = np.flatnonzero(np.isnan(y) & treated), np.flatnonzero(np.isnan(y) & ~treated)
    placed = cells(rows, PLACED)
    assert max(placed) == (float(len(gap1)), float(len(gap0)))
    for k1, k0 in ((0, len(gap0)), (1, 1), (len(gap1), 0)):
        found = []
        for one in itertools.combinations(gap1, k1):
            for other in itertools.combinations(gap0, k0):
                filled = np.where(np.isnan(y), 0.0, y)
                filled[[*one, *other]] = 1.0
                d = overlap_risk_difference(filled, treated, X).difference
                found.append((d.estimate, d.lower, d.upper))
        worst = min(found, key=lambda d: d[0] or 0.0)
        cell = placed[float(k1), float(k0)]
        assert (cell["estimate"], cell["lower"], cell["upper"]) == pytest.approx(worst, abs=1e-9)


def test_an_estimator_with_a_model_of_the_outcome_has_no_weighted_grid_and_no_cell_is_invented(
    gappy: Study,
) -> None:
    primary = gappy.protocol.analyses["primary"].model_copy(
        update={"adjust": "aipw", "missing": "complete-cases", "estimand": "everyone_responders"}
    )
    protocol = gappy.protocol.model_copy(
        update={
            "analyses": {**gappy.protocol.analyses, "primary": primary},
            "fragility": Fragility(analyses=("primary",)),
        }
    )
    found = list(fragility(derive(dataclasses.replace(gappy, protocol=protocol)), []))
    assert {r["method"] for r in found if r["statistic"] == "combinations overturned"} == {PLAIN}
    assert not [r for r in found if r["method"] == PLACED]
    assert not [r for r in found if r["at"] is not None and r["lower"] == r["upper"] == r["estimate"]]


def test_the_count_of_overturned_combinations_is_that_of_the_cells(rows: list[Row]) -> None:
    for method in (PLAIN, PLACED):
        found = cells(rows, method).values()
        count = next(r for r in rows if r["statistic"] == "combinations overturned" and r["method"] == method)
        assert count["n"] == len(found)
        assert count["estimate"] == sum(r["lower"] <= 0 <= r["upper"] for r in found)


def test_without_a_shift_the_grid_of_means_is_the_analysis_of_those_observed_and_it_moves_with_the_share_missing(
    rows: list[Row], gappy: Study
) -> None:
    grid = cells(rows, SHIFTED)
    linear = next(
        r for r in rows if r["item"] == "odi_ancova" and str(r["method"]).startswith("ANCOVA, patients")
    )
    assert grid[0.0, 0.0]["estimate"] == pytest.approx(linear["estimate"], rel=1e-9)
    assert grid[0.0, 0.0]["se"] == pytest.approx(linear["se"], rel=1e-9)
    # each cell is a plane in the two shifts
    plane = grid[10.0, 0.0]["estimate"] + grid[0.0, -10.0]["estimate"] - grid[0.0, 0.0]["estimate"]
    assert grid[10.0, -10.0]["estimate"] == pytest.approx(plane, rel=1e-9)
    assert 0 < (grid[10.0, 0.0]["estimate"] - grid[0.0, 0.0]["estimate"]) / 10 < 0.5
    assert grid[10.0, 0.0]["se"] > grid[0.0, 0.0]["se"]


def test_the_analysis_of_these_rows_needs_nothing_that_other_analyses_made(rows: list[Row]) -> None:
    assert {r["statistic"] for r in rows} >= {"possible risk difference", "robustness value"}
    keys = [r["key"] for r in rows]
    assert len(keys) == len(set(keys))


def test_too_many_combinations_are_counted_and_the_worst_is_kept(
    gappy: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    import armwise.analysis.missing_answers as module

    monkeypatch.setattr(module, "MANY", 3)
    rows: list[Any] = list(fragility(derive(gappy), []))
    assert len(cells(rows, PLAIN)) == 1
    weighted = next(r for r in rows if r["method"] == PLACED)
    assert weighted["status"] == "not estimable" and "3 combinations" in weighted["reason"]

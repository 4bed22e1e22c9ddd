"""The propensity scores of the primary analysis, side by side: against NumPy, counts by hand, and separation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.overlap import (
    C_STATISTIC,
    COVARIATES,
    IMPROBABLE,
    IN_BIN,
    ONLY_HERE,
    OUTSIDE,
    PERCENTILE,
)
from armwise.analysis.results import Results
from armwise.analysis.run import analyse

N = 30
PRIMARY: dict[str, Any] = {
    "endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", "adjust": "overlap-weights",
    "covariates": ["age"], "estimand": "o",
}  # fmt: skip


def made(small: Any, arms: list[str], ages: list[int], gone: int | None = None, **changes: Any) -> Results:
    sections = {"estimands": {"o": {"target": "overlap"}}, **changes.pop("sections", {})}
    scale = small.scale(
        {f"p{i + 1}": (40, None, None if i == gone else 22 + (i * 7) % 17) for i in range(len(arms))}
    )
    study = small.study(
        {"subjects": small.people(arms, age=ages), "scale": scale},
        analyses={"primary": {**PRIMARY, **changes}}, **sections,
    )  # fmt: skip
    return analyse(study)


def chosen() -> tuple[list[str], list[int]]:
    """Older patients are more often in the new arm."""
    rng = np.random.default_rng(4)
    ages = [int(x) for x in rng.integers(30, 80, N)]
    return [("new" if rng.random() < 1 / (1 + np.exp(-(a - 55) / 12)) else "old") for a in ages], ages


def scores_of(ages: list[int], z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Logistic regression on age by Newton's method."""
    X = np.column_stack([np.ones(len(ages)), (np.array(ages) - 55) / 10])
    b = np.zeros(2)
    for _ in range(50):
        e = 1 / (1 + np.exp(-X @ b))
        b = b + np.linalg.solve((X.T * (e * (1 - e))) @ X, X.T @ (z - e))
    return e


def test_quantiles_counts_and_c_statistic_are_those_of_a_logistic_regression_written_here(small: Any) -> None:
    arms, ages = chosen()
    results = made(small, arms, ages)
    z = np.array([a == "new" for a in arms])
    e = scores_of(ages, z)
    sides = {("new", "old"): (e[z], e[~z]), ("old", "new"): (e[~z], e[z])}
    for (arm, versus), (mine, others) in sides.items():
        about = {"analysis": "overlap", "arm": arm, "versus": versus}
        for at in (0, 5, 25, 50, 75, 95, 100):
            found = results.one(**about, statistic=PERCENTILE, at=float(at))
            assert found is not None
            assert found["estimate"] == pytest.approx(np.percentile(mine, at), abs=1e-8)
        outside = results.one(**about, category=OUTSIDE)
        assert outside is not None
        assert outside["estimate"] == sum((x < others.min()) or (x > others.max()) for x in mine)
        assert outside["n"] == len(mine)
        bins = results.rows(**about, category=IN_BIN)
        assert [r["estimate"] for r in bins] == np.histogram(mine, np.linspace(0, 1, 21))[0].tolist()
    c = results.one(analysis="overlap", statistic=C_STATISTIC)
    assert c is not None
    pairs = np.subtract.outer(e[z], e[~z])
    assert c["estimate"] == pytest.approx(((pairs > 0) + 0.5 * (np.abs(pairs) < 1e-12)).mean(), abs=1e-12)
    unlikely = results.one(analysis="overlap", category=IMPROBABLE)
    assert unlikely is not None
    assert unlikely["estimate"] == sum(np.where(z, e, 1 - e) < 0.05)
    assert all(r["p"] is None and r["role"] == "descriptive" for r in results.rows(analysis="overlap"))


def test_the_scores_are_those_of_the_subjects_whom_the_primary_analysis_used(small: Any) -> None:
    arms, ages = chosen()
    results = made(small, arms, ages, gone=2)
    c = results.one(analysis="overlap", statistic=C_STATISTIC)
    assert c is not None
    assert c["n"] == N - 1
    assert c["item"] == "primary"


def test_an_analysis_that_adjusts_by_regression_has_the_scores_of_its_covariates(small: Any) -> None:
    arms, ages = chosen()
    weighted = made(small, arms, ages)
    regressed = made(
        small, arms, ages, endpoint="change", method="ancova", adjust="covariates", estimand=None
    )
    for results in (weighted, regressed):
        assert results.rows(analysis="overlap")
    a, b = (r.one(analysis="overlap", statistic=C_STATISTIC) for r in (weighted, regressed))
    assert a is not None
    assert b is not None
    assert a["estimate"] == pytest.approx(b["estimate"], abs=1e-12)


def test_a_model_of_all_visits_has_the_scores_of_everyone_in_it(small: Any) -> None:
    model = {"role": "primary", "covariates": ["age"], "at": ["m6"]}
    other = {"endpoint": "better", "at": "m6", "role": "secondary", "method": "risk-difference"}
    study = small.repeated(small.drawn(), model, analyses={"main": other}, families={"main": ["model"]})
    results = analyse(study)
    c = results.one(analysis="overlap", statistic=C_STATISTIC)
    assert c is not None
    assert c["status"] == "ok"
    compared = results.rows(analysis="model", statistic="mean difference")[0]
    assert c["n"] == compared["n"] == 40


def test_where_covariates_separate_the_arms_it_is_said_who_could_only_have_been_in_one(small: Any) -> None:
    results = made(small, ["new"] * 6 + ["old"] * 6, [60] * 6 + [30] * 6)
    c = results.one(analysis="overlap", statistic=C_STATISTIC)
    assert c is not None
    assert c["status"] == "not estimable"
    assert "separate the arms (age)" in c["reason"]
    assert results.rows(analysis="overlap", category=IN_BIN) == []
    only_here = results.rows(analysis="overlap", category=ONLY_HERE)
    assert {r["arm"]: (r["estimate"], r["n"]) for r in only_here} == {"new": (6, 6), "old": (6, 6)}
    assert {r["reason"] for r in only_here} == {"by age"}
    fine = {r["key"] for r in made(small, *chosen()).rows(analysis="overlap")}
    assert {r["key"] for r in results.rows(analysis="overlap")} <= fine


def test_a_covariate_that_had_to_be_dropped_is_named(small: Any) -> None:
    ages = [60] * 6 + [30] * 6
    arms = ["new"] * 6 + ["old"] * 6
    results = made(small, arms, ages, covariates=["age", "sex"], droppable=["age"])
    found = results.one(analysis="overlap", statistic=COVARIATES)
    assert found is not None
    assert found["estimate"] == 1
    assert found["reason"] == "left out, in the declared order, for want of a solution: age"
    assert results.rows(analysis="overlap", category=OUTSIDE)
    assert {r["reason"] for r in results.rows(analysis="overlap", category=ONLY_HERE)} == {"by age"}


def test_a_randomised_study_and_one_without_covariates_have_no_such_rows(small: Any, pilot: Results) -> None:
    assert pilot.rows(analysis="overlap") == []
    arms, ages = chosen()
    plain = made(small, arms, ages, adjust="none", covariates=[], estimand=None)
    assert plain.rows(analysis="overlap") == []


def test_without_anybody_in_an_arm_it_is_not_estimable_and_says_so(small: Any) -> None:
    results = made(small, ["new"] * 4 + ["old"], [40, 50, 60, 45, 52], gone=4)
    c = results.one(analysis="overlap", statistic=C_STATISTIC)
    assert c is not None
    assert c["status"] == "not estimable"
    assert c["reason"]

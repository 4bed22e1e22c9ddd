"""A pooled difference as a function of shifts, against data that are shifted by hand and analysed again."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import delta_grid, overlap_mean_difference, pool, propensity
from armwise.stats.imputation.pooled_arms import pool_arms
from armwise.stats.sensitivity.imputed_shifts import ShiftedSets, sets_under_shifts
from armwise.stats.weighting.entropy_balancing import many_balanced_means
from armwise.stats.weighting.outcome_models import many_augmented_means, many_standardised_outcomes
from armwise.stats.weighting.propensity_weights import many_weighted_means

PAIRS = [(0.0, 0.0), (7.0, 0.0), (0.0, -4.5), (11.0, -11.0), (-3.0, 20.0)]


def drawn(seed: int = 5, n: int = 70, sets: int = 12) -> tuple[Any, ...]:
    """Completed sets of outcomes, who is treated, whose outcome was drawn, and a covariate."""
    dice = np.random.default_rng(seed)
    x = dice.normal(0, 1, n)
    z = dice.uniform(size=n) < 1 / (1 + np.exp(-0.6 * x))
    y = -9.0 * z + 3 * x + dice.normal(0, 8, n)
    gap = dice.uniform(size=n) < 0.2
    Y = np.where(gap, y + dice.normal(0, 5, (sets, n)), y)
    return Y, z, gap, x


def by_hand(Y: Any, z: Any, gap: Any, a: float, v: float) -> Any:
    """The outcomes with a added to the drawn ones of the arm, and v to those of the other."""
    moved = Y.copy()
    moved[:, gap & z] += a
    moved[:, gap & ~z] += v
    return moved


def in_sets(estimator: Any, Y: Any, z: Any, gap: Any) -> Any:
    def asked(shifts: Any) -> Any:
        found = [estimator(by_hand(Y, z, gap, a, v)) for a, v in shifts]
        return [[m.difference for m in one] for one in found], [[m.variance for m in one] for one in found]

    return asked


ESTIMATORS: dict[str, Any] = {
    "overlap": lambda z, x: partial(
        many_weighted_means, treated=z, X=propensity({"x": x}, z), target="overlap"
    ),
    "everyone": lambda z, x: partial(many_weighted_means, treated=z, X={"x": x}, target="everyone"),
    "treated, weights as known": lambda z, x: partial(
        many_weighted_means, treated=z, X={"x": x}, target="treated", variance="known"
    ),
    "entropy balancing": lambda z, x: partial(many_balanced_means, treated=z, X={"x": x}, target="everyone"),
    "g-computation": lambda z, x: partial(
        many_standardised_outcomes, treated=z, X={"x": x}, target="everyone"
    ),
    "augmented": lambda z, x: partial(many_augmented_means, treated=z, X={"x": x}, target="everyone"),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_at_every_pair_it_is_the_pooled_analysis_of_data_shifted_by_hand(name: str) -> None:
    Y, z, gap, x = drawn()
    estimator = ESTIMATORS[name](z, x)
    first = estimator(Y)[0]
    at = sets_under_shifts(in_sets(estimator, Y, z, gap), 8.0, first.df, 0.95, first.n1, first.n0)
    for a, v in PAIRS:
        wanted = pool_arms(estimator(by_hand(Y, z, gap, a, v)), "mean").difference
        found = at(a, v)
        assert (found.estimate, found.se, found.df, found.lower, found.upper) == pytest.approx(
            (wanted.estimate, wanted.se, wanted.df, wanted.lower, wanted.upper), rel=1e-10, abs=1e-10
        )
        assert (found.n, found.n_arm, found.n_versus) == (wanted.n, wanted.n_arm, wanted.n_versus)


def test_each_set_is_the_plain_function_on_its_shifted_outcomes() -> None:
    Y, z, gap, x = drawn()
    estimator = ESTIMATORS["overlap"](z, x)
    df = estimator(Y)[0].df
    at = sets_under_shifts(in_sets(estimator, Y, z, gap), 8.0, df, 0.9, 1, 1)
    a, v = 6.0, -2.0
    alone = [overlap_mean_difference(y, z, {"x": x}).difference for y in by_hand(Y, z, gap, a, v)]
    wanted = pool([d.estimate or 0 for d in alone], [(d.se or 0) ** 2 for d in alone], df)
    found = at(a, v)
    assert (found.estimate, found.se, found.df) == pytest.approx(
        (wanted.estimate, wanted.se, wanted.df), rel=1e-10
    )
    assert (found.lower, found.upper) == pytest.approx(wanted.limits(0.9), rel=1e-10)


def test_without_covariates_it_is_the_closed_form_of_shares_missing() -> None:
    """The difference moves by a p1 - v p0; within a set the variance of an arm is that of its shifted outcomes."""
    Y, z, gap, _ = drawn()

    def plain(outcomes: Any) -> tuple[Any, Any]:
        arms = outcomes[:, z], outcomes[:, ~z]
        difference = arms[0].mean(axis=1) - arms[1].mean(axis=1)
        return difference, sum(part.var(axis=1, ddof=1) / part.shape[1] for part in arms)

    def asked(shifts: Any) -> Any:
        found = [plain(by_hand(Y, z, gap, a, v)) for a, v in shifts]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found])

    n1, n0 = int(z.sum()), int((~z).sum())
    at = sets_under_shifts(asked, 3.0, float(n1 + n0 - 2), 0.95, n1, n0)
    p1, p0 = gap[z].mean(), gap[~z].mean()
    d, within = plain(Y)
    between = d.var(ddof=1)
    for a, v in PAIRS:
        W = within.mean()
        for delta, group, p, n in ((a, z, p1, n1), (v, ~z, p0, n0)):
            gone, seen = Y[:, gap & group].mean(axis=1), Y[:, ~gap & group].mean(axis=1)
            W += (p * (1 - p) * (delta**2 + 2 * delta * (gone - seen).mean())) / (n - 1)
        found = at(a, v)
        assert found.estimate == pytest.approx(d.mean() + a * p1 - v * p0, rel=1e-10)
        assert found.se == pytest.approx(math.sqrt(W + (1 + 1 / len(Y)) * between), rel=1e-10)


def test_a_grid_of_it_is_the_grid_of_any_estimator() -> None:
    Y, z, gap, x = drawn()
    estimator = ESTIMATORS["overlap"](z, x)
    at = sets_under_shifts(in_sets(estimator, Y, z, gap), 8.0, 60.0, 0.95, 1, 1)
    grid = delta_grid(at, (0, 40), (-40, 0))
    assert grid.estimates[1][0] == at(40, -40)


def test_an_estimator_that_is_not_linear_is_refused() -> None:
    Y, z, gap, _ = drawn()

    def medians(shifts: Any) -> Any:
        moved = [by_hand(Y, z, gap, a, v) for a, v in shifts]
        found = [np.median(m[:, z], axis=1) - np.median(m[:, ~z], axis=1) for m in moved]
        return found, np.ones((len(found), len(Y)))

    with pytest.raises(UsageError, match="not linear"):
        sets_under_shifts(medians, 8.0, None, 0.95, 1, 1)
    for step in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="step"):
            sets_under_shifts(medians, step, None, 0.95, 1, 1)


def test_outcomes_that_do_not_vary_have_no_interval() -> None:
    at = ShiftedSets(np.ones((3, 3)), np.zeros((3, 3, 3)), 10.0, 0.95, 4, 4)
    assert at(0, 0).status == "not estimable"

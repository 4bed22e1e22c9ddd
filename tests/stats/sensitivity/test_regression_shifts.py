"""Analysis of covariance of imputed outcomes under shifts, against outcomes shifted by hand and regressed again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import ancova_fit, conditional_means, impute_outcomes, pool
from armwise.stats.sensitivity.regression_shifts import shifted_regressions

PAIRS = [(0.0, 0.0), (9.0, 0.0), (0.0, -4.0), (12.0, -7.0)]


@pytest.fixture(scope="module")
def trial() -> tuple[Any, ...]:
    """Forty subjects at three visits; a fifth leave before the end, and two lack the visit in between only."""
    dice = np.random.default_rng(3)
    n = 40
    x = dice.normal(0, 1, n)
    arm = np.where(np.arange(n) % 2 == 0, "new", "old")
    level = dice.normal(0, 4, n)
    y = (level + 2 * x)[:, None] + np.where(arm == "new", -6.0, 0.0)[:, None] + dice.normal(0, 3, (n, 3))
    y[:5, 2] = np.nan
    y[5:9, 1:] = np.nan
    y[20:22, 1] = np.nan
    return y, arm, x


@pytest.fixture(scope="module")
def draws(trial: Any) -> Any:
    y, arm, x = trial
    return impute_outcomes(y, arm, reference="old", covariates={"x": x}, imputations=15, seed=4)


def pooled(draws: Any, trial: Any, visit: int, a: float, v: float) -> Any:
    """Every set shifted by hand at the visit, analysed by the plain function, and pooled."""
    y, arm, x = trial
    gap = np.isnan(y[:, visit])
    found = []
    for values in draws.values:
        moved = values[:, visit].copy()
        moved[gap & (arm == "new")] += a
        moved[gap & (arm == "old")] += v
        found.append(ancova_fit(moved, arm, {"x": x}, reference="old").differences["new"])
    return pool([f.estimate or 0 for f in found], [(f.se or 0) ** 2 for f in found], found[0].df or 0)


@pytest.mark.parametrize("visit", [1, 2])
def test_at_every_pair_it_is_the_pooled_analysis_of_data_shifted_by_hand(
    draws: Any, trial: Any, visit: int
) -> None:
    at = shifted_regressions(draws, f"visit {visit + 1}", "new", 0.9)
    for a, v in PAIRS:
        wanted, found = pooled(draws, trial, visit, a, v), at(a, v)
        assert (found.estimate, found.se, found.df) == pytest.approx(
            (wanted.estimate, wanted.se, wanted.df), rel=1e-10
        )
        assert (found.lower, found.upper) == pytest.approx(wanted.limits(0.9), rel=1e-10)


def test_without_a_shift_it_is_the_analysis_itself(draws: Any) -> None:
    found, wanted = shifted_regressions(draws, "visit 3", "new")(0, 0), draws.difference("visit 3", "new")
    assert (found.estimate, found.se, found.df, found.n, found.n_arm, found.n_versus) == pytest.approx(
        (wanted.estimate, wanted.se, wanted.df, wanted.n, wanted.n_arm, wanted.n_versus), rel=1e-12
    )


def test_at_the_last_visit_it_is_what_a_delta_of_each_arm_gives(draws: Any) -> None:
    for a, v in PAIRS:
        wanted = draws.shifted({"new": a, "old": v}).difference("visit 3", "new")
        found = shifted_regressions(draws, "visit 3", "new")(a, v)
        assert (found.estimate, found.se, found.df) == pytest.approx(
            (wanted.estimate, wanted.se, wanted.df), rel=1e-10
        )


def test_conditional_means_keep_their_jackknife_under_every_shift(trial: Any) -> None:
    y, arm, x = trial
    once = conditional_means(y, arm, reference="old", covariates={"x": x})
    at = shifted_regressions(once, "visit 3", "new")
    for a, v in PAIRS:
        wanted, found = once.shifted({"new": a, "old": v}).difference("visit 3", "new"), at(a, v)
        assert (found.estimate, found.se, found.df, found.lower, found.upper) == pytest.approx(
            (wanted.estimate, wanted.se, wanted.df, wanted.lower, wanted.upper), rel=1e-10
        )


def test_the_reference_has_no_difference_from_itself(draws: Any) -> None:
    with pytest.raises(UsageError, match="reference"):
        shifted_regressions(draws, "visit 3", "old")

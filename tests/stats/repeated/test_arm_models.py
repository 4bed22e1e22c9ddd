from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import mmrm_wide
from armwise.stats.means import t_quantile
from armwise.stats.repeated.arm_models import arm_models_difference

RNG = np.random.default_rng(9)
SIZES = (25, 40)


def arm(n, sd, slope):
    X = RNG.normal(size=(n, 2))
    y = X @ [slope, 0.5] + sd * np.cumsum(RNG.normal(size=(3, n)), axis=0)
    return X, y.T


PARTS = [arm(SIZES[0], 2.0, 1.0), arm(SIZES[1], 1.0, 0.3)]


def models(parts=PARTS):
    return [mmrm_wide(y, {"a": X[:, 0], "b": X[:, 1]}, visits=("v1", "v2", "v3")) for X, y in parts]


def test_with_everybody_observed_it_is_two_regressions_at_the_last_visit_by_hand():
    """Complete data: the model of all visits is least squares at each, with n - 3 degrees of freedom."""
    together = np.vstack([X for X, _ in PARTS])
    mean = np.array([1.0, *together.mean(axis=0)])
    m, v, d, b = [], [], [], []
    for X, y in PARTS:
        D = np.column_stack([np.ones(len(X)), X])
        beta = np.linalg.solve(D.T @ D, D.T @ y[:, 2])
        s2 = float(((y[:, 2] - D @ beta) ** 2).sum()) / (len(X) - 3)
        m.append(float(mean @ beta))
        v.append(s2 * float(mean @ np.linalg.solve(D.T @ D, mean)))
        d.append(len(X) - 3)
        b.append(beta[1:])
    slopes = b[0] - b[1]
    spread = float(slopes @ np.cov(together, rowvar=False) @ slopes) / sum(SIZES)
    df = (v[0] + v[1]) ** 2 / (v[0] ** 2 / d[0] + v[1] ** 2 / d[1])
    se = math.sqrt(v[0] + v[1] + spread)
    found = arm_models_difference(*models(), "v3", together)
    half = t_quantile(df, 0.95) * se
    expected = [m[0] - m[1], se, df, m[0] - m[1] - half, m[0] - m[1] + half]
    assert [found.estimate, found.se, found.df, found.lower, found.upper] == pytest.approx(expected, rel=1e-7)
    assert (found.n, found.n_arm, found.n_versus) == (65, 25, 40)


def test_exchanging_the_arms_changes_the_sign_and_nothing_else():
    together = np.vstack([X for X, _ in PARTS])
    a, b = models()
    one, other = (
        arm_models_difference(*pair, "v2", together, null=n) for pair, n in (((a, b), 1.0), ((b, a), -1.0))
    )
    assert [one.estimate, one.se, one.df, one.lower, one.p] == pytest.approx(
        [-other.estimate, other.se, other.df, -other.upper, other.p], rel=1e-12
    )


def test_arms_of_other_covariates_or_without_the_visit_are_refused():
    together = np.vstack([X for X, _ in PARTS])
    a, b = models()
    X, y = PARTS[1]
    with pytest.raises(UsageError, match="expected the same covariates"):
        arm_models_difference(a, mmrm_wide(y, {"a": X[:, 0]}, visits=("v1", "v2", "v3")), "v3", together)
    with pytest.raises(UsageError, match="without the visit v9"):
        arm_models_difference(a, b, "v9", together)


def test_a_mean_that_a_model_of_one_arm_cannot_estimate_is_refused_and_is_no_nan():
    """A covariate alike in all of an arm is no slope there: at another value of it the arm has no mean."""
    (X, y), other = PARTS
    flat = np.column_stack([X[:, 0], np.zeros(len(X))])
    together = np.vstack([flat, other[0]])
    with pytest.raises(UsageError, match="the mean at v2 is not estimable in a model of one arm alone"):
        arm_models_difference(*models([(flat, y), other]), "v2", together)

"""Gaps given what was observed, against hand-derived formulas and the precision matrix."""

from __future__ import annotations

import numpy as np
import pytest

from armwise.stats.imputation.conditional_normal import Parameters, completed, filled_gaps
from armwise.stats.imputation.outcomes import trial_outcomes
from armwise.stats.imputation.strategies import strategy_means

MU_C, MU_T = np.array([40.0, 38.0]), np.array([35.0, 28.0])
S_C, S_T = np.array([[100.0, 60], [60, 90]]), np.array([[64.0, 20], [20, 110]])


def parameters(by_arm: bool) -> Parameters:
    beta = np.stack([MU_C, MU_T])[None, :, :, None]
    return Parameters(beta, np.stack([S_C, S_T if by_arm else S_C])[None])


def gap(strategy: str, arm: str, noise: float = 0.0, by_arm: bool = False) -> float:
    y = np.array([[31.0, np.nan], [1, 1], [2, 2]])
    trial = trial_outcomes(y, [arm, "t", "c"], reference="c", strategy=strategy)
    return float(filled_gaps(trial, parameters(by_arm), np.array([[noise]]))[0, 0])


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [  # observed 31 of a treated subject: 4 below its arm, 9 below the reference; regression 60/100
        ("missing-at-random", 28 + 0.6 * (31 - 35)),
        ("jump-to-reference", 38 + 0.6 * (31 - 35)),
        ("copy-reference", 38 + 0.6 * (31 - 40)),
        ("copy-increments", 35 + (38 - 40) + 0.6 * (31 - 35)),
        ("last-mean-carried-forward", 35 + 0.6 * (31 - 35)),
    ],
)
def test_conditional_means_of_two_visits_are_those_by_hand(strategy, expected):
    assert gap(strategy, "t") == pytest.approx(expected, rel=1e-13)
    assert gap(strategy, "t", noise=1.0) - expected == pytest.approx(np.sqrt(90 - 60**2 / 100), rel=1e-12)


def test_with_a_covariance_in_each_arm_the_reference_gives_the_regression_after_the_event():
    assert gap("missing-at-random", "t", by_arm=True) == pytest.approx(28 + 20 / 64 * (31 - 35), rel=1e-13)
    assert gap("jump-to-reference", "t", by_arm=True) == pytest.approx(38 + 0.6 * (31 - 35), rel=1e-13)
    assert gap("last-mean-carried-forward", "t", by_arm=True) == pytest.approx(
        35 + 20 / 64 * (31 - 35), rel=1e-13
    )
    sd = gap("jump-to-reference", "t", 1.0, True) - gap("jump-to-reference", "t", 0.0, True)
    assert sd == pytest.approx(np.sqrt(90 - 36), rel=1e-12)


@pytest.mark.parametrize("strategy", ["jump-to-reference", "copy-reference", "copy-increments"])
def test_in_the_reference_arm_every_reference_based_strategy_is_missing_at_random(strategy):
    assert gap(strategy, "c") == gap("missing-at-random", "c")


@pytest.mark.parametrize(
    "strategy", ["missing-at-random", "jump-to-reference", "copy-reference", "copy-increments"]
)
def test_means_and_draws_are_those_of_the_precision_matrix_with_gaps_and_covariates(strategy):
    rng = np.random.default_rng(3)
    root = rng.normal(size=(5, 2, 4, 6))
    given = Parameters(rng.normal(size=(5, 2, 4, 2)), root @ np.swapaxes(root, -1, -2))
    given.sigma[:, 1] = given.sigma[:, 0]
    y = rng.normal(size=(6, 4))
    y[0, 1:] = y[1, 2:] = y[2, 0] = y[2, 3] = y[3] = y[4, 1] = np.nan
    trial = trial_outcomes(
        y,
        ["t", "t", "t", "t", "c", "c"],
        reference="c",
        strategy=strategy,
        covariates={"x": rng.normal(size=6)},
    )
    noise = rng.normal(size=(5, int(trial.missing.sum())))
    means, draws = filled_gaps(trial, given), filled_gaps(trial, given, noise)
    at = np.argwhere(trial.missing)
    for s in range(5):
        for i in range(6):
            u = np.flatnonzero(trial.missing[i])
            if not len(u):
                continue
            o = np.setdiff1d(np.arange(4), u)
            own, ref = given.beta[s, trial.arm[i]] @ trial.x[i], given.beta[s, 0] @ trial.x[i]
            mu = strategy_means(own, ref, int(trial.after[i]), strategy)
            precision = np.linalg.inv(given.sigma[s, 0])
            V = np.linalg.inv(precision[np.ix_(u, u)])
            mean = mu[u] - V @ precision[np.ix_(u, o)] @ (y[i, o] - mu[o])
            mine = np.flatnonzero(at[:, 0] == i)
            np.testing.assert_allclose(means[s, mine], mean, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(
                draws[s, mine] - mean, np.linalg.cholesky(V) @ noise[s, mine], rtol=1e-7, atol=1e-9
            )


def test_completed_outcomes_keep_what_was_observed():
    y = np.array([[31.0, np.nan], [1, 1], [2, 2]])
    trial = trial_outcomes(y, ["t", "t", "c"], reference="c")
    found = completed(trial, np.array([[5.0], [6.0]]))
    np.testing.assert_array_equal(found[:, 0, 1], [5, 6])
    np.testing.assert_array_equal(found[1, 1:], y[1:])


def test_a_gap_before_the_event_is_at_random_and_one_after_it_by_the_strategy():
    beta = np.array([[40.0, 38, 36], [35, 28, 22]])[None, :, :, None]
    given = Parameters(beta, np.broadcast_to(100 * np.eye(3), (1, 2, 3, 3)))
    y = np.array([[31.0, np.nan, np.nan], [1, 1, 1], [2, 2, 2]])
    trial = trial_outcomes(y, ["t", "t", "c"], reference="c", strategy="jump-to-reference", after=[2, 3, 3])
    np.testing.assert_allclose(filled_gaps(trial, given), [[28, 36]], rtol=1e-13)
    assert trial.after_event.sum() == 1

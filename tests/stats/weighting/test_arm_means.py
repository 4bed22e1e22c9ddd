from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from armwise.stats import propensity
from armwise.stats.weighting.arm_means import size_notes
from armwise.stats.weighting.entropy_balancing import balanced_means
from armwise.stats.weighting.outcome_models import augmented_means, standardised_outcomes
from armwise.stats.weighting.propensity_weights import weighted_means


def study(seed, n=40, k=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    z = rng.random(n) < expit(X @ np.linspace(0.6, -0.4, k))
    return X, z, 2 * z + X @ np.linspace(1, 2, k) + rng.normal(size=n)


def responded(y):
    """Responders whom no covariate separates from the others."""
    return (y + 4 * np.random.default_rng(2).normal(size=len(y)) > 0.5).astype(float)


CASES = [
    (weighted_means, "everyone", {}),
    (weighted_means, "treated", {}),
    (weighted_means, "overlap", {}),
    (balanced_means, "everyone", {}),
    (balanced_means, "treated", {}),
    (standardised_outcomes, "everyone", {}),
    (standardised_outcomes, "overlap", {}),
    (augmented_means, "everyone", {}),
    (augmented_means, "treated", {}),
    (standardised_outcomes, "everyone", {"outcome": "logistic"}),
]


@pytest.mark.parametrize(("estimator", "target", "more"), CASES)
def test_the_jackknife_is_every_subject_left_out_and_all_refitted_from_the_covariates(
    estimator, target, more
):
    X, z, y = study(5)
    y = responded(y) if more else y
    found = estimator(y, z, X, target, variance="jackknife", **more)
    assert not found.refusal
    n = len(z)
    left = []
    for i in range(n):
        keep = np.arange(n) != i
        one = estimator(y[keep], z[keep], X[keep], target, **more)
        left.append([one.m1, one.m0])
    d = np.array(left) - np.mean(left, axis=0)
    assert found.covariance == pytest.approx((n - 1) / n * d.T @ d, rel=1e-7)
    assert found.df == n - 3 - 1


@pytest.mark.parametrize(("estimator", "target", "more"), CASES)
def test_the_corrected_sandwich_is_the_uncorrected_one_times_n_over_n_less_p_less_one(
    estimator, target, more
):
    X, z, y = study(5)
    y = responded(y) if more else y
    plain = estimator(y, z, X, target, small_sample=False, **more)
    found = estimator(y, z, X, target, **more)
    assert found.covariance == pytest.approx(plain.covariance * 40 / 36, rel=1e-12)
    assert (found.df, plain.df) == (36, None)


@pytest.mark.parametrize(("estimator", "target", "more"), CASES)
def test_units_and_order_of_the_covariates_change_nothing(estimator, target, more):
    X, z, y = study(6)
    y = responded(y) if more else y
    a = estimator(y, z, X, target, **more)
    order = np.random.default_rng(1).permutation(40)
    far = X[:, ::-1] * [365.25, -0.01] + [1e4, 3]
    b = estimator(y[order], z[order], far[order], target, **more)
    assert [b.m1, b.m0] == pytest.approx([a.m1, a.m0], rel=1e-7)
    assert b.covariance == pytest.approx(a.covariance, rel=1e-6)


def test_a_subject_without_whom_there_is_no_solution_makes_the_jackknife_not_estimable_and_says_so():
    z = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    x = np.array([6.0, 7, 8, 9, 2.5, 1, 2, 3, 4, 5])
    y = np.arange(10.0)
    assert not weighted_means(y, z, x).refusal
    found = weighted_means(y, z, x, variance="jackknife")
    assert found.refusal.startswith("with one subject left out there is no solution")
    assert np.isnan(found.covariance).all()


def test_more_than_one_covariate_for_ten_subjects_of_the_smaller_arm_is_noted():
    assert size_notes(5, 40, 60) == ()
    assert size_notes(6, 40, 60)[0].startswith("5 covariate columns for 40 subjects in the smaller arm")
    X, z, y = study(7)
    assert weighted_means(y, z, propensity(X, z)).notes  # 2 covariates, fewer than 20 in an arm


def test_too_few_subjects_for_the_coefficients_are_not_estimable():
    rng = np.random.default_rng(0)
    found = weighted_means(rng.normal(size=6), [0, 1, 0, 1, 0, 1], rng.normal(size=(6, 5)))
    assert found.refusal

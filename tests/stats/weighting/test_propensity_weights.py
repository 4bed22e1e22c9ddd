from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from armwise.errors import UsageError
from armwise.stats import propensity
from armwise.stats.weighting.outcome_models import augmented_means
from armwise.stats.weighting.propensity_weights import many_weighted_means, weighted_means
from armwise.stats.weighting.targets import weights_to

TARGETS = ("everyone", "treated", "overlap")


def study(seed, n=80, k=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    z = rng.random(n) < expit(X @ np.linspace(0.7, -0.5, k))
    return X, z, 2 * z + X @ np.linspace(1, 2, k) + rng.normal(size=n)


@pytest.mark.parametrize("outcome", ["mean", "risk"])
@pytest.mark.parametrize("target", TARGETS)
def test_means_and_their_covariance_are_those_of_delicatessen(witness, target, outcome):
    r = witness("adjusted_means")
    case = r["cases"][f"weights {target} {outcome}"]
    X = {name: r[name] for name in ("age", "opioid", "pain")}
    found = weighted_means(r[outcome], r["treated"], X, target, small_sample=False)
    assert [found.m1, found.m0] == pytest.approx(case["means"], rel=1e-9)
    # delicatessen's own solver stops at 1e-13: its covariances have about 8 digits
    assert found.covariance == pytest.approx(np.array(case["covariance"]), rel=1e-8)
    assert found.df is None and found.target == target
    n, p = 120, 4
    corrected = weighted_means(r[outcome], r["treated"], X, target)
    assert corrected.covariance == pytest.approx(np.array(case["covariance"]) * n / (n - p - 1), rel=1e-8)
    assert corrected.df == n - p - 1


@pytest.mark.parametrize("target", TARGETS)
def test_with_weights_as_known_it_is_the_robust_weighted_regression_of_r(witness, target):
    r = witness("adjusted_means")
    expected = witness("weighted_regression")[target]
    X = {name: r[name] for name in ("age", "opioid", "pain")}
    found = weighted_means(r["mean"], r["treated"], X, target, variance="known")
    assert found.difference == pytest.approx(expected["difference"], rel=1e-9)
    assert found.variance**0.5 == pytest.approx(expected["se"], rel=1e-9)
    # survey's variance has n/(n - 1) on top
    assert found.variance**0.5 * (120 / 119) ** 0.5 == pytest.approx(expected["se_survey"], rel=1e-9)
    assert found.df is None


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("variance", ["sandwich", "jackknife", "known"])
def test_many_outcomes_at_once_give_what_each_gives_alone(target, variance):
    X, z, y = study(4, n=40)
    rng = np.random.default_rng(8)
    Y = y + rng.normal(size=(3, 40))
    together = many_weighted_means(Y, z, propensity(X, z), target, variance=variance)
    for row, found in zip(Y, together, strict=True):
        alone = weighted_means(row, z, X, target, variance=variance)
        assert [found.m1, found.m0] == pytest.approx([alone.m1, alone.m0], rel=1e-10)
        assert found.covariance == pytest.approx(alone.covariance, rel=1e-8)
        assert (found.ess1, found.ess0, found.df) == (alone.ess1, alone.ess0, alone.df)


@pytest.mark.parametrize("target", TARGETS)
def test_the_weights_are_those_to_the_target(target):
    X, z, y = study(3)
    found = weighted_means(y, z, X, target)
    expected = weights_to(found.propensity.scores, z, target)
    assert found.weights == pytest.approx(expected, rel=1e-9)
    assert found.m1 == pytest.approx(np.average(y[z], weights=expected[z]), rel=1e-9)
    assert found.ess0 == pytest.approx(expected[~z].sum() ** 2 / (expected[~z] ** 2).sum(), rel=1e-9)
    if target != "overlap":
        assert augmented_means(y, z, X, target).weights == pytest.approx(expected, rel=1e-9)


def test_separated_arms_give_the_reason_and_nan_instead_of_an_infinite_weight():
    X, z, y = study(1)
    found = weighted_means(y, z, {"x": X[:, 0], "eligible": z.astype(float)}, "everyone")
    assert "separate the arms (eligible)" in found.refusal
    assert np.isnan([found.m1, found.m0]).all() and np.isnan(found.covariance).all()
    assert found.weights is None


def test_covariates_left_out_for_want_of_a_solution_are_noted():
    X, z, y = study(1)
    fit = propensity({"x": X[:, 0], "eligible": z.astype(float)}, z, droppable=("eligible",))
    found = weighted_means(y, z, fit, "everyone")
    assert not found.refusal
    assert found.notes == (
        "left out of the propensity model, in the declared order, for want of a solution: eligible",
    )


def test_outcomes_of_another_shape_or_length_are_refused():
    X, z, y = study(2)
    with pytest.raises(UsageError, match="one row an imputation"):
        many_weighted_means(y, z, X)
    with pytest.raises(UsageError, match="y holds 79 subjects, treated 80"):
        weighted_means(y[1:], z, X)
    with pytest.raises(UsageError, match="variance is 'bootstrap'; expected one of"):
        weighted_means(y, z, X, variance="bootstrap")

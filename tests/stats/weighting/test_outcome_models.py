from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from armwise.errors import UsageError
from armwise.stats.weighting.outcome_models import (
    augmented_means,
    many_augmented_means,
    many_standardised_outcomes,
    standardised_outcomes,
)


def study(seed, n=80, k=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    z = rng.random(n) < expit(X @ np.linspace(0.7, -0.5, k))
    return X, z, 2 * z + X @ np.linspace(1, 2, k) + rng.normal(size=n)


@pytest.mark.parametrize("models", ["by-arm", "common"])
@pytest.mark.parametrize("outcome", ["mean", "risk"])
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("g-computation", "everyone"),
        ("g-computation", "treated"),
        ("g-computation", "overlap"),
        ("augmented", "everyone"),
        ("augmented", "treated"),
    ],
)
def test_means_and_their_covariance_are_those_of_delicatessen(witness, name, target, outcome, models):
    r = witness("adjusted_means")
    case = r["cases"][f"{name} {target} {outcome}" + (" common" if models == "common" else "")]
    X = {c: r[c] for c in ("age", "opioid", "pain")}
    estimator = standardised_outcomes if name == "g-computation" else augmented_means
    kind = "linear" if outcome == "mean" else "logistic"
    found = estimator(r[outcome], r["treated"], X, target, outcome=kind, models=models, small_sample=False)
    assert [found.m1, found.m0] == pytest.approx(case["means"], rel=1e-8)
    assert found.covariance == pytest.approx(np.array(case["covariance"]), rel=1e-8)


def test_linear_g_computation_is_the_regression_with_all_interactions_at_the_mean_covariates():
    X, z, y = study(3)
    C = X - X.mean(axis=0)
    D = np.column_stack([np.ones(80), z, C, C * z[:, None]])
    beta = np.linalg.lstsq(D, y, rcond=None)[0]
    assert standardised_outcomes(y, z, X).difference == pytest.approx(beta[1], rel=1e-10)


def test_the_common_linear_model_is_the_analysis_of_covariance():
    X, z, y = study(3)
    beta = np.linalg.lstsq(np.column_stack([np.ones(80), z, X]), y, rcond=None)[0]
    for target in ("everyone", "treated", "overlap"):
        found = standardised_outcomes(y, z, X, target, models="common")
        assert found.difference == pytest.approx(beta[1], rel=1e-9)
    assert found.method == "g-computation, one linear model of both arms, stacked sandwich"


def test_a_common_model_has_a_solution_where_that_of_an_arm_has_none():
    X, z, _ = study(12)
    highest = np.sort(X[~z, 0])[-3]
    few = np.where(z, np.arange(80) % 3 == 0, X[:, 0] >= highest).astype(float)  # 3 responders, told by x1
    alone = standardised_outcomes(few, z, X, outcome="logistic")
    assert alone.refusal.startswith("in the arm compared with responders are separated from the others by x1")
    found = standardised_outcomes(few, z, X, outcome="logistic", models="common")
    assert not found.refusal and 0 < found.m0 < found.m1 < 1


def test_without_covariates_all_are_the_difference_of_means():
    _, z, y = study(4)
    plain = y[z].mean() - y[~z].mean()
    for found in (standardised_outcomes(y, z, {}), augmented_means(y, z, {})):
        assert found.difference == pytest.approx(plain, rel=1e-10)
        spread = y[z].var() / z.sum() + y[~z].var() / (~z).sum()
        assert found.variance == pytest.approx(spread * 80 / 78, rel=1e-10)


def test_with_models_as_known_the_augmented_variance_is_that_of_the_influence_function():
    X, z, y = study(5)
    found = augmented_means(y, z, X, variance="known")
    S = np.column_stack([np.ones(80), X])
    mu = [S @ np.linalg.lstsq(S[g], y[g], rcond=None)[0] for g in (z, ~z)]
    e = found.propensity.scores
    phi = mu[0] - mu[1] + z * (y - mu[0]) / e - ~z * (y - mu[1]) / (1 - e)
    assert found.difference == pytest.approx(phi.mean(), rel=1e-8)
    assert found.variance == pytest.approx(phi.var() / 80, rel=1e-8)


def test_the_augmented_estimate_is_right_when_only_one_of_its_models_is():
    rng = np.random.default_rng(1)
    n = 40_000
    x = rng.normal(size=n)
    z = rng.random(n) < expit(0.8 * x - 1)
    curved = 2 * z + x + rng.normal(size=n) + 1.5 * x**2  # linear outcome models are wrong
    assert augmented_means(curved, z, x).difference == pytest.approx(2, abs=0.1)
    chosen = rng.random(n) < expit(0.7 * x**2 - 0.5)  # a propensity linear in x is wrong
    line = 2 * chosen + x + rng.normal(size=n)
    assert augmented_means(line, chosen, x).difference == pytest.approx(2, abs=0.05)
    assert abs(standardised_outcomes(curved, z, x).difference - 2) > 0.15  # so the first test can fail


def test_an_arm_where_nobody_responded_has_no_logistic_model_and_says_so():
    X, z, _ = study(6)
    for estimator in (standardised_outcomes, augmented_means):
        found = estimator(z.astype(float), z, X, outcome="logistic")
        assert found.refusal == "everybody in the arm responded: the logistic model has no solution"


def test_a_covariate_that_separates_responders_is_named():
    X, z, _ = study(6)
    y = np.where(z, X[:, 1] > 0, np.arange(80) % 3 == 0).astype(float)
    found = standardised_outcomes(y, z, {"age": X[:, 0], "pain": X[:, 1]}, outcome="logistic")
    assert found.refusal == (
        "in the arm responders are separated from the others by pain: the logistic model has no solution"
    )


def test_a_category_that_an_arm_lacks_leaves_its_outcome_model_unidentified():
    X, z, y = study(7)
    site = np.where(z & (X[:, 0] > 0), "south", "north")
    found = standardised_outcomes(y, z, {"x": X[:, 1], "site": site})
    assert "the outcome model of the arm compared with is not identified" in found.refusal
    assert "site[south]" in found.refusal


def test_many_outcomes_at_once_give_what_each_gives_alone():
    X, z, y = study(8, n=200)
    y = y + 4 * np.random.default_rng(9).normal(size=200)
    Y = np.vstack([y > 0, y > 1]).astype(float)
    for many, one in (
        (many_standardised_outcomes, standardised_outcomes),
        (many_augmented_means, augmented_means),
    ):
        for row, found in zip(Y, many(Y, z, X, outcome="logistic"), strict=True):
            alone = one(row, z, X, outcome="logistic")
            assert not alone.refusal
            assert found.m1 == pytest.approx(alone.m1, rel=1e-12)
            assert found.covariance == pytest.approx(alone.covariance, rel=1e-12)


def test_what_cannot_be_meant_is_refused():
    X, z, y = study(9)
    with pytest.raises(UsageError, match="a logistic model needs 0 and 1"):
        standardised_outcomes(y, z, X, outcome="logistic")
    with pytest.raises(UsageError, match='outcome is \'probit\'; expected "linear" or "logistic"'):
        augmented_means(y, z, X, outcome="probit")
    with pytest.raises(UsageError, match='knows "everyone" and "treated"'):
        augmented_means(y, z, X, "overlap")
    with pytest.raises(UsageError, match="leaves out all that g-computation is unsure of"):
        standardised_outcomes(y, z, X, variance="known")

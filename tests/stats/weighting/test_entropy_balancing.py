from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from armwise.errors import UsageError
from armwise.stats.propensity_score import propensity
from armwise.stats.weighting.entropy_balancing import balanced_means, dual, many_balanced_means


def study(seed, n=60, k=3):
    rng = np.random.default_rng(seed)
    z = np.arange(n) % 2 == 0
    X = rng.normal(size=(n, k)) + 0.4 * z[:, None]
    return X, z, 2 * z + X @ np.linspace(1, 2, k) + rng.normal(size=n)


@pytest.mark.parametrize("outcome", ["mean", "risk"])
@pytest.mark.parametrize("target", ["everyone", "treated"])
def test_means_and_their_covariance_are_those_of_delicatessen(witness, target, outcome):
    r = witness("adjusted_means")
    case = r["cases"][f"balance {target} {outcome}"]
    X = {name: r[name] for name in ("age", "opioid", "pain")}
    found = balanced_means(r[outcome], r["treated"], X, target, small_sample=False)
    assert [found.m1, found.m0] == pytest.approx(case["means"], rel=1e-10)
    assert found.covariance == pytest.approx(np.array(case["covariance"]), rel=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2000), st.sampled_from(["everyone", "treated"]))
def test_weighted_covariate_means_are_those_of_the_target_exactly(seed, target):
    X, z, y = study(seed)
    found = balanced_means(y, z, X, target)
    if found.refusal:
        assert "lies outside the range" in found.refusal  # each of these is one: a linear programme agrees
        return
    goal = X.mean(axis=0) if target == "everyone" else X[z].mean(axis=0)
    for arm in (z, ~z):
        assert np.average(X[arm], axis=0, weights=found.weights[arm]) == pytest.approx(goal, abs=1e-12)
    assert found.weights.min() > 0
    if target == "treated":
        assert found.weights[z].tolist() == [1.0] * 30
        assert found.m1 == pytest.approx(y[z].mean(), rel=1e-12)


def test_the_weights_are_those_that_a_convex_solver_finds_nearest_to_equal():
    X, z, y = study(1, n=24, k=2)
    found = balanced_means(y, z, X, "treated")
    C = X[~z] - X[z].mean(axis=0)
    start = np.full(12, 1 / 12)
    solver = minimize(
        lambda w: float(w @ np.log(w)), start, jac=lambda w: np.log(w) + 1, method="SLSQP",
        bounds=[(1e-9, 1)] * 12, options={"ftol": 1e-16, "maxiter": 1000},
        constraints=[{"type": "eq", "fun": lambda w: w @ C, "jac": lambda w: C.T},
                     {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(12)}],
    )  # fmt: skip
    assert found.weights[~z] / 12 == pytest.approx(solver.x, abs=1e-6)
    w = found.weights[~z] / 12
    assert w @ np.log(w) <= solver.fun + 1e-10


def test_one_covariate_of_two_values_has_its_weights_in_closed_form():
    x = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0])
    z = np.array([1] * 5 + [0] * 6)
    found = balanced_means(np.arange(11.0), z, x, "everyone")
    share = 4 / 11
    expected = [share / 3 * 5] * 3 + [(1 - share) / 2 * 5] * 2 + [share * 6] + [(1 - share) / 5 * 6] * 5
    assert found.weights == pytest.approx(expected, rel=1e-12)


def test_a_mean_that_the_arm_cannot_reach_is_not_estimable_and_the_covariate_is_named():
    X, z, y = study(2)
    age = np.where(z, 70.0, 50.0) + X[:, 0]
    found = balanced_means(y, z, {"pain": X[:, 1], "age": age}, "treated")
    assert found.refusal == (
        "the mean age of the treated lies outside the range of the arm compared with: "
        "no weights can balance it (entropy balancing has no solution)"
    )
    assert np.isnan(found.m0) and found.weights is None


def test_a_combination_that_the_arm_cannot_reach_is_named():
    rng = np.random.default_rng(4)
    a, noise = rng.normal(size=(2, 40))
    z = np.arange(40) < 20
    b = a + np.where(z, 3.0, 0.0) + 0.1 * noise
    a = a + np.where(z, -0.5, 0.0)
    found = balanced_means(rng.normal(size=40), z, {"a": a, "b": b}, "treated")
    assert "the combination of a, b of the treated" in found.refusal or "the mean b" in found.refusal


def test_a_mean_on_the_edge_of_the_range_has_no_solution():
    # nobody without the event among the others can stand for the share that the treated have: all of them have it
    x = np.array([1, 1, 1, 1, 0, 1, 0, 1])
    z = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    found = balanced_means(np.arange(8.0), z, x, "treated")
    assert "the mean x1 of the treated lies outside" in found.refusal


def test_covariates_that_are_balanced_already_leave_weights_equal():
    C = np.array([[1.0, 2], [-1, 1], [0, -3]])
    lam, w, balanced = dual(C)
    assert balanced and w == pytest.approx([1 / 3] * 3) and lam == pytest.approx([0, 0])


def test_many_outcomes_and_a_fitted_model_give_the_same_as_one_and_its_covariates():
    X, z, y = study(8)
    one = balanced_means(y, z, X)
    two = many_balanced_means(np.vstack([y, -y]), z, propensity(X, z))
    assert two[0].m1 == pytest.approx(one.m1, rel=1e-12) and two[1].m1 == pytest.approx(-one.m1, rel=1e-12)
    assert two[1].covariance == pytest.approx(one.covariance, rel=1e-10)


def test_the_overlap_is_no_target_of_entropy_balancing():
    X, z, y = study(8)
    with pytest.raises(UsageError, match='entropy balancing knows "everyone" and "treated"'):
        balanced_means(y, z, X, "overlap")

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.propensity_score import propensity


@pytest.fixture
def study(witness):
    r = witness("propensity_score")
    X = {"age": r["age"], "bmi": r["bmi"], "opioid": r["opioid"], "site": np.array(r["site"])}
    return r, X


def test_coefficients_and_scores_are_those_of_r_s_glm(study):
    r, X = study
    fit = propensity(X, r["treated"])
    assert fit.columns == ("(intercept)", "age", "bmi", "opioid", "site[south]", "site[west]")
    assert fit.coefficients == pytest.approx(r["coefficients"], rel=1e-9)
    assert fit.scores == pytest.approx(r["scores"], rel=1e-9)
    assert fit.converged and not fit.separated and fit.problem == ""


def test_units_of_the_covariates_do_not_matter(study):
    r, X = study
    far = propensity({**X, "age": np.array(X["age"]) * 365.25e3 + 1e6}, r["treated"])
    assert far.scores == pytest.approx(r["scores"], rel=1e-7)


def test_an_aliased_covariate_is_named_and_changes_nothing(study):
    r, X = study
    fit = propensity({**X, "again": 2 * np.array(X["age"]) - 1}, r["treated"])
    assert fit.aliased == ("again",)
    assert fit.scores == pytest.approx(r["scores"], rel=1e-9)


def test_a_category_that_only_one_arm_has_separates_and_is_named(study):
    r, X = study
    z = np.array(r["treated"])
    fit = propensity(
        {**X, "insured": np.where(z == 1, "yes", np.where(X["age"] > np.median(X["age"]), "yes", "no"))}, z
    )
    assert fit.separated and not fit.converged
    assert fit.separating == ("insured[yes]",)
    assert "separate the arms (insured[yes])" in fit.problem


def test_a_threshold_of_one_covariate_separates_completely():
    fit = propensity({"age": [50, 55, 60, 61, 70, 75], "bmi": [30, 25, 31, 27, 29, 33]}, [0, 0, 0, 1, 1, 1])
    assert fit.separating == ("age",)


def test_a_combination_that_separates_is_named_when_no_covariate_does_alone():
    rng = np.random.default_rng(5)
    a, b, c = rng.normal(size=(3, 60))
    fit = propensity({"a": a, "b": b, "c": c}, a + b > 0)
    assert fit.separated and set(fit.separating) >= {"a", "b"}


def test_strong_but_overlapping_arms_are_not_called_separated():
    x = np.array([*range(10), 9.5, *range(9, 20)], dtype=float)
    z = np.array([0] * 10 + [1] + [0] + [1] * 10)
    z[9], z[12] = 1, 0
    fit = propensity({"x": x}, z)
    assert fit.converged and not fit.separated


def test_everybody_in_one_arm_is_refused():
    with pytest.raises(UsageError, match="all 3 subjects are in the arm; a propensity needs both"):
        propensity({"x": [1, 2, 3]}, [1, 1, 1])


def test_without_covariates_the_score_is_the_share_of_the_arm():
    fit = propensity({}, [1, 0, 0, 1, 1])
    assert fit.scores == pytest.approx(np.full(5, 0.6))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60), st.integers(1, 4))
def test_scores_solve_the_likelihood_equations_or_separation_is_said(seed, n, k):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    z = rng.random(n) < 1 / (1 + np.exp(-1.5 * X.sum(1)))
    assume(z.any() and not z.all())
    fit = propensity(X, z)
    gradient = np.abs(fit.X.T @ (z - fit.scores)).max()
    assert fit.separated or gradient < 1e-8 * n
    assert fit.separated != fit.converged

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.propensity_score import never_below, propensity


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


def droppable_study():
    rng = np.random.default_rng(11)
    z = np.arange(40) % 2 == 0
    age, bmi = rng.normal(size=(2, 40))
    return {"age": age, "bmi": bmi + 9 * z, "pain": rng.normal(size=40), "mri": bmi - 7 * z}, z


def test_terms_are_left_out_only_in_the_declared_order_and_only_until_there_is_a_solution():
    X, z = droppable_study()
    first = propensity(X, z)
    assert set(first.separating) == {"bmi", "mri"} and first.dropped == ()
    fit = propensity(X, z, droppable=("age", "mri", "bmi", "pain"))
    assert fit.dropped == ("age", "mri", "bmi")  # age first, although it separates nobody: that was declared
    assert fit.columns == ("(intercept)", "pain") and not fit.problem
    assert fit.coefficients == pytest.approx(propensity({"pain": X["pain"]}, z).coefficients)


def test_when_dropping_all_that_may_be_dropped_does_not_help_the_problem_stays():
    X, z = droppable_study()
    fit = propensity(X, z, droppable=("mri", "age"))
    assert fit.dropped == ("mri", "age") and "separate the arms (bmi)" in fit.problem


def test_nothing_is_dropped_from_a_model_that_has_a_solution():
    X, z = droppable_study()
    fit = propensity({"age": X["age"], "pain": X["pain"]}, z, droppable=("age",))
    assert fit.dropped == () and fit.columns == ("(intercept)", "age", "pain") and fit.outside == ()


def test_a_droppable_term_that_is_no_covariate_is_refused():
    X, z = droppable_study()
    with pytest.raises(
        UsageError, match=r"droppable holds \['bmi2'\]; expected covariates, each once, of age, "
    ):
        propensity(X, z, droppable=("bmi2",))
    with pytest.raises(UsageError, match="each once"):
        propensity(X, z, droppable=("bmi", "bmi"))


def test_who_could_only_have_been_in_the_own_arm_is_listed():
    age = np.array([40.0, 45, 50, 55, 60, 65, 70, 75, 50, 62])
    z = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 0])
    fit = propensity({"age": age}, z)
    assert fit.outside == tuple(range(10))  # a threshold tells everybody apart
    one_level = propensity({"site": np.array(["a", "a", "b", "b", "c", "c", "c"])}, [1, 0, 1, 0, 1, 1, 1])
    assert one_level.separating == ("site[c]",) and one_level.outside == (4, 5, 6)


def test_who_was_outside_is_kept_when_terms_are_dropped():
    site = np.array(["a", "a", "b", "b", "c", "c", "c"])
    x = np.array([1.0, 2, 5, 4, 3, 2, 1])
    fit = propensity({"x": x, "site": site}, [1, 0, 1, 0, 1, 1, 1], droppable=("site",))
    assert fit.dropped == ("site",) and not fit.problem and fit.outside[-3:] == (4, 5, 6)


def test_standardised_columns_and_coefficients_give_the_same_scores(study):
    r, X = study
    fit = propensity(X, r["treated"])
    S, gamma = fit.standardised()
    assert S[:, 1:].mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)
    assert 1 / (1 + np.exp(-(S @ gamma))) == pytest.approx(fit.scores, rel=1e-12)


def test_separation_is_found_in_just_those_designs_in_which_a_linear_programme_finds_it():
    rng = np.random.default_rng(21)
    separated = 0
    for _ in range(150):
        n, k = int(rng.integers(10, 40)), int(rng.integers(1, 4))
        X = np.round(rng.normal(size=(n, k)), int(rng.integers(0, 3)))
        z = rng.random(n) < 1 / (1 + np.exp(-rng.choice([1, 4, 10]) * X[:, 0]))
        if z.all() or not z.any():
            continue
        fit = propensity(X, z)
        signed = np.where(z, 1.0, -1.0)[:, None] * fit.X
        assert fit.separated == (never_below(signed) is not None)
        separated += fit.separated
    assert 30 < separated < 120


def test_a_category_that_does_not_vary_is_named_and_changes_nothing():
    x, z = [1.0, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1]
    alone = propensity({"x": x}, z)
    found = propensity({"sex": ["f"] * 6, "x": x}, z)
    assert found.aliased == ("sex",)
    assert found.scores == pytest.approx(alone.scores, abs=1e-12)


def test_who_could_only_have_been_in_one_arm_is_said_by_what_tells_them_apart_after_a_drop_too():
    X, z = droppable_study()
    first, fit = propensity(X, z), propensity(X, z, droppable=("age", "mri", "bmi", "pain"))
    assert fit.problem == "" and fit.separating == ()
    assert fit.outside == first.outside and len(fit.outside) > 0
    assert set(fit.outside_by) == set(first.outside_by) == {"bmi", "mri"}

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from armwise.errors import UsageError
from armwise.stats import proportional_odds


def fitted(case, **more):
    X = {"age": case["age"], "odi": case["odi"]} if case["covariates"] else None
    return proportional_odds(case["y"], case["z"], X, **more)


def by_brute_force(y, x, theta):
    """The log likelihood written subject by subject, from the model's own equation."""
    K = int(max(y)) + 1
    alpha, beta = theta[: K - 1], theta[K - 1 :]
    total = 0.0
    for k, row in zip(y, x, strict=True):
        upper = 1.0 if k == K - 1 else expit(alpha[int(k)] - row @ beta)
        lower = 0.0 if k == 0 else expit(alpha[int(k) - 1] - row @ beta)
        total += math.log(upper - lower)
    return total


@pytest.mark.parametrize("k", range(4))
def test_coefficients_cuts_and_likelihood_are_those_of_polr(witness, k):
    r = witness("ordinal")["cases"][k]
    found = fitted(r)
    assert found.coefficients == pytest.approx(r["coefficients"], abs=1e-7)
    assert found.cuts == pytest.approx(r["cuts"], abs=1e-7)
    assert found.log_likelihood == pytest.approx(r["log_likelihood"], abs=1e-9)
    # polr differentiates its own gradient numerically: five digits
    assert found.log_se == pytest.approx(r["se"], rel=2e-5)


@pytest.mark.parametrize("k", range(4))
def test_the_profile_interval_and_the_likelihood_ratio_p_are_r_s(witness, k):
    r = witness("ordinal")["cases"][k]
    e = fitted(r).odds_ratio
    assert [math.log(e.lower), math.log(e.upper)] == pytest.approx(r["interval"], abs=1e-8)
    assert e.p == pytest.approx(r["p"], rel=1e-8)
    assert e.excludes_no_effect == (e.p < 0.05)


@pytest.mark.parametrize("k", range(4))
def test_odds_ratios_by_cut_and_brant_s_test_are_those_of_glm_and_his_formula(witness, k):
    r = witness("ordinal")["cases"][k]
    found, brant = fitted(r), r["brant"]
    usable = [c for c in found.by_cut if c.odds_ratio.status == "ok"]
    assert [c.above for c in usable] == brant["above"]
    assert [c.odds_ratio.estimate for c in usable] == pytest.approx(brant["odds_ratios"], rel=1e-7)
    assert found.statistic == pytest.approx(brant["statistic"], rel=1e-6)
    assert (found.df, found.p) == (brant["df"], pytest.approx(brant["p"], rel=1e-6))


def test_the_maximum_is_the_maximum_of_the_likelihood_written_subject_by_subject(witness):
    r = witness("ordinal")["cases"][0]
    found = fitted(r)
    y = np.array(r["y"]) - 1
    x = np.column_stack([r["z"], r["age"], r["odi"]])
    theta = np.concatenate([found.cuts, found.coefficients])
    assert by_brute_force(y, x, theta) == pytest.approx(found.log_likelihood, abs=1e-9)
    for j in range(len(theta)):
        for step in (-1e-3, 1e-3):
            moved = theta.copy()
            moved[j] += step
            assert by_brute_force(y, x, moved) < found.log_likelihood


def test_two_categories_are_logistic_regression(witness):
    r = witness("ordinal")["cases"][0]
    yes = (np.array(r["y"]) >= 5).astype(float)
    found = proportional_odds(yes, r["z"])
    z = np.array(r["z"]) == 1
    a, b = yes[z].sum(), yes[~z].sum()
    by_hand = (a / (z.sum() - a)) / (b / ((~z).sum() - b))
    assert found.odds_ratio.estimate == pytest.approx(by_hand, rel=1e-8)


def test_turning_the_scale_round_with_its_direction_changes_nothing(witness):
    r = witness("ordinal")["cases"][1]
    up = fitted(r).odds_ratio
    down = proportional_odds(-np.array(r["y"]), r["z"], higher_is_better=False).odds_ratio
    assert (down.estimate, down.lower, down.upper, down.p) == pytest.approx(
        (up.estimate, up.lower, up.upper, up.p), rel=1e-9
    )


def test_the_other_direction_is_the_reciprocal(witness):
    r = witness("ordinal")["cases"][0]
    up, down = fitted(r).odds_ratio, fitted(r, higher_is_better=False).odds_ratio
    assert down.estimate == pytest.approx(1 / up.estimate, rel=1e-8)
    assert (down.lower, down.upper) == pytest.approx((1 / up.upper, 1 / up.lower), rel=1e-7)


def test_only_the_order_of_the_categories_counts(witness):
    r = witness("ordinal")["cases"][1]
    spaced = np.array(r["y"]) ** 3 + 100.0
    assert proportional_odds(spaced, r["z"]).odds_ratio.estimate == pytest.approx(
        fitted(r).odds_ratio.estimate, rel=1e-10
    )


def test_an_arm_that_separates_the_categories_is_not_estimable_and_named():
    found = proportional_odds([1, 2, 1, 2, 3, 4, 3, 4], [0, 0, 0, 0, 1, 1, 1, 1])
    assert found.odds_ratio.status == "not estimable"
    assert (
        found.odds_ratio.reason == "the arm separates the categories: the odds ratio has no finite estimate"
    )


def test_a_covariate_that_separates_is_named():
    rng = np.random.default_rng(1)
    y = np.repeat([1.0, 2.0, 3.0], 8)
    found = proportional_odds(y, np.arange(24) % 2, {"marker": 10 * y + rng.uniform(0, 1, 24)})
    assert "marker" in found.odds_ratio.reason


def test_one_category_is_not_estimable():
    assert (
        proportional_odds([2, 2, 2, 2], [0, 1, 0, 1]).odds_ratio.reason == "everyone is in the same category"
    )


def test_a_covariate_that_repeats_the_arm_is_left_out(witness):
    r = witness("ordinal")["cases"][1]
    twice = proportional_odds(r["y"], r["z"], {"again": r["z"]})
    assert twice.columns == ("(arm)",)
    assert twice.odds_ratio.estimate == pytest.approx(fitted(r).odds_ratio.estimate, rel=1e-10)


def test_everybody_in_one_arm_is_an_error():
    with pytest.raises(UsageError, match="all 3 subjects are in the arm; a comparison needs both"):
        proportional_odds([1, 2, 3], [1, 1, 1])


def test_the_interval_covers_its_level():
    rng = np.random.default_rng(7)
    truth, covered, n = 0.8, 0, 200
    z = np.arange(80) % 2
    for _ in range(n):
        x = rng.normal(size=80)
        latent = truth * z + 0.7 * x + rng.logistic(size=80)
        y = np.digitize(latent, [-1.5, -0.5, 0.5, 1.5])
        e = proportional_odds(y, z, {"x": x}).odds_ratio
        covered += math.log(e.lower) <= truth <= math.log(e.upper)
    assert 0.90 <= covered / n <= 0.985  # 95 % and three Monte-Carlo errors


def test_two_that_separate_are_named_in_the_plural():
    z = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    y = np.array([1, 1, 1, 1, 2, 2, 2, 2])
    found = proportional_odds(y, z, {"marker": y + np.array([0.0, 0.1, 0.2, 0.3, 0.0, 0.1, 0.2, 0.3])})
    assert found.odds_ratio.reason.startswith("the arm and marker separate the categories")


def test_a_test_of_proportionality_without_a_proper_covariance_is_left_out(monkeypatch):
    from armwise.stats import ordinal

    rng = np.random.default_rng(3)
    z = np.arange(80) % 2
    y = rng.integers(1, 5, 80)
    assert proportional_odds(y, z).p is not None
    for odd in (lambda found: (-1.0, 2), lambda found: np.linalg.inv(np.zeros((2, 2)))):
        monkeypatch.setattr(ordinal, "_brant", odd)
        found = proportional_odds(y, z)
        assert (found.statistic, found.p) == (None, None) and found.odds_ratio.estimate is not None

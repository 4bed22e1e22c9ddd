from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from armwise.errors import UsageError
from armwise.stats.balance import (
    chance_imbalance,
    distribution_distance,
    standardised_difference,
    variance_ratio,
)
from armwise.stats.propensity_score import propensity
from armwise.stats.weighting import overlap_weights


def test_numeric_difference_is_over_the_root_mean_square_of_the_sds():
    x, y = [3.0, 5, 10], [1.0, 2, 2, 7]
    s2 = (np.var(x, ddof=1) + np.var(y, ddof=1)) / 2
    assert standardised_difference(x, y).estimate == pytest.approx((6 - 3) / math.sqrt(s2))


def test_weights_move_the_means_and_leave_the_sds():
    x, y = [3.0, 5, 10], [1.0, 2, 2, 7]
    s2 = (np.var(x, ddof=1) + np.var(y, ddof=1)) / 2
    found = standardised_difference(x, y, weights_arm=[1, 1, 0], weights_versus=[0, 1, 1, 2])
    assert found.estimate == pytest.approx((4 - 4.5) / math.sqrt(s2))


def test_the_sds_can_come_from_another_sample():
    found = standardised_difference([1.0, 2], [2.0, 4], sd_from=([0.0, 2], [0.0, 2]))
    assert found.estimate == pytest.approx(-1.5 / math.sqrt(2))


def test_overlap_weights_bring_every_standardised_difference_to_zero():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 3))
    z = rng.random(80) < 1 / (1 + np.exp(-X.sum(1)))
    w = overlap_weights(propensity(X, z).scores, z)
    for j in range(3):
        d = standardised_difference(X[z, j], X[~z, j], weights_arm=w[z], weights_versus=w[~z])
        assert d.estimate == pytest.approx(0, abs=1e-8)


def test_two_categories_are_the_formula_for_two_shares():
    """Austin 2009: |p1 - p2| / sqrt((p1 q1 + p2 q2)/2)."""
    arm, versus = ["yes"] * 6 + ["no"] * 4, ["yes"] * 5 + ["no"] * 15
    expected = (0.6 - 0.25) / math.sqrt((0.6 * 0.4 + 0.25 * 0.75) / 2)
    assert standardised_difference(arm, versus, kind="categorical").estimate == pytest.approx(expected)


def test_several_categories_are_yang_and_dalton_s_distance_without_the_first_category():
    arm, versus = list("aaabbbbccd"), list("abbbccccccdddddd")
    p, q = (np.array([s.count(c) / len(s) for c in "bcd"]) for s in (arm, versus))
    S = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2  # equations of the 2012 paper
    expected = math.sqrt((p - q) @ np.linalg.inv(S) @ (p - q))
    found = standardised_difference(arm, versus, kind="categorical")
    assert found.estimate == pytest.approx(expected) and found.method == "Yang and Dalton"


def test_a_category_that_one_arm_lacks_is_taken():
    arm, versus = list("aab"), list("aabbc")
    p, q = np.array([1 / 3, 0]), np.array([2 / 5, 1 / 5])
    S = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    expected = math.sqrt((p - q) @ np.linalg.inv(S) @ (p - q))
    assert standardised_difference(arm, versus, kind="categorical").estimate == pytest.approx(expected)


def test_arms_of_one_category_each_are_balanced_if_it_is_the_same_and_not_estimable_if_not():
    assert standardised_difference(["a"] * 3, ["a"] * 4, kind="categorical").estimate == 0.0
    other = standardised_difference(["a"] * 3, ["b"] * 4, kind="categorical")
    assert other.status == "not estimable" and "neither varies" in other.reason


def test_a_constant_covariate_is_balanced_if_it_is_the_same_and_not_estimable_if_not():
    assert standardised_difference([1.0, 1], [1.0, 1]).estimate == 0.0
    assert standardised_difference([0.1] * 3, [0.1] * 3).estimate == 0.0
    assert standardised_difference([1.0, 1], [2.0, 2]).reason == "no variation in either arm"


def test_arms_too_small_for_an_sd_are_not_estimable():
    assert standardised_difference([1.0], [1.0, 2.0]).status == "not estimable"
    assert standardised_difference([], ["a"], kind="categorical").status == "not estimable"


def test_variance_ratio_plain_and_weighted():
    x, y = [1.0, 3, 8], [2.0, 2, 5, 5]
    assert variance_ratio(x, y).estimate == pytest.approx(np.var(x, ddof=1) / np.var(y, ddof=1))
    # whole weights with the divisor sum w - sum w^2 / sum w, by hand: mean 5, sum w (x - m)^2 = 16 + 4 + 18
    weighted = variance_ratio([1.0, 3, 8], y, weights_arm=[1, 1, 2]).estimate
    assert weighted == pytest.approx((16 + 4 + 18) / (4 - 6 / 4) / 3)
    assert variance_ratio(x, [2.0, 2]).reason == "no variation in the arm compared with"
    assert variance_ratio([2.0, 2], x).estimate == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "ordinal"}, "numeric"),
        ({"weights_arm": [1, 1]}, "lengths differ"),
        ({"weights_versus": [1, -1, 1]}, "at least 0"),
        ({"weights_versus": [0, 0, 0]}, "not all 0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        standardised_difference([1.0, 2, 3], [2.0, 3, 4], **options)


values = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=20)


@settings(max_examples=40, deadline=None)
@given(values, values, st.integers(1, 9), st.integers(-99, 99))
def test_the_unit_does_not_matter_and_swapping_flips_the_sign(x, y, scale, shift):
    a = standardised_difference(x, y)
    b = standardised_difference([scale * v + shift for v in y], [scale * v + shift for v in x])
    assert a.status == b.status
    assume(a.status == "ok")
    assert b.estimate == pytest.approx(-a.estimate, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.text("abc", min_size=2, max_size=15), st.text("abc", min_size=2, max_size=15))
def test_the_names_of_the_categories_do_not_matter_nor_does_swapping(x, y):
    a = standardised_difference(list(x), list(y), kind="categorical")
    other = str.maketrans("abc", "zkm")
    b = standardised_difference(list(y.translate(other)), list(x.translate(other)), kind="categorical")
    assert a.status == b.status
    assume(a.status == "ok")
    assert b.estimate == pytest.approx(a.estimate, abs=1e-7)


def test_chance_gives_more_than_a_tenth_to_65_per_cent_of_covariates_at_40_an_arm():
    # equal arms: d sqrt(n/2) is Student's t with 2n - 2 degrees of freedom
    from scipy.special import stdtr

    assert chance_imbalance(40, 40) == pytest.approx(2 * stdtr(78, -0.1 * math.sqrt(20)), rel=1e-12)
    assert chance_imbalance(40, 40) == pytest.approx(0.655, abs=0.002)


def test_chance_in_unequal_arms_is_that_of_simulated_covariates():
    rng = np.random.default_rng(2)
    n1, n2, k = 8, 25, 40_000
    x, y = rng.normal(size=(k, n1)), rng.normal(size=(k, n2))
    d = (x.mean(1) - y.mean(1)) / np.sqrt((x.var(1, ddof=1) + y.var(1, ddof=1)) / 2)
    for threshold in (0.1, 0.5, 1.0):
        share = np.mean(np.abs(d) > threshold)
        assert chance_imbalance(n1, n2, threshold) == pytest.approx(share, abs=4 * math.sqrt(0.25 / k))


def test_chance_needs_two_subjects_an_arm():
    with pytest.raises(UsageError, match="two subjects"):
        chance_imbalance(1, 40)
    assert chance_imbalance(2, 2, 0.0) == pytest.approx(1.0)


def test_without_weights_the_distance_of_distributions_is_that_of_scipy_with_ties():
    rng = np.random.default_rng(12)
    for _ in range(20):
        x, y = rng.integers(0, 8, 15), rng.integers(1, 9, 11)
        expected = ks_2samp(x, y).statistic
        assert distribution_distance(x, y).estimate == pytest.approx(expected, rel=1e-12)


def test_whole_weights_are_subjects_repeated():
    rng = np.random.default_rng(13)
    x, y = rng.normal(size=9), rng.normal(size=7)
    w, v = rng.integers(1, 4, 9), rng.integers(1, 4, 7)
    found = distribution_distance(x, y, weights_arm=w, weights_versus=v)
    expected = ks_2samp(np.repeat(x, w), np.repeat(y, v)).statistic
    assert found.estimate == pytest.approx(expected, rel=1e-12)
    assert found.method == "Kolmogorov-Smirnov" and found.lower is None


def test_the_distance_sees_what_means_and_variances_do_not():
    humps = np.array([-1.0, 1.0] * 10)
    hill = np.array([-(2**0.5), 0, 0, 2**0.5] * 5)
    assert standardised_difference(humps, hill).estimate == pytest.approx(0)
    assert variance_ratio(humps, hill).estimate == pytest.approx(1)
    assert distribution_distance(humps, hill).estimate == pytest.approx(0.25)


def test_a_distance_from_nobody_is_not_estimable():
    assert distribution_distance([1, 2], []).status == "not estimable"

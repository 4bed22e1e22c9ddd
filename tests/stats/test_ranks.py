from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.stats.ranks import _null_distribution, mann_whitney


def brute_force_p(x, y):
    """The normal approximation from ranks counted one by one, by another road than the program's."""
    both = list(x) + list(y)
    rank = [sum(w < v for w in both) + (sum(w == v for w in both) + 1) / 2 for v in both]
    n1, n2 = len(x), len(y)
    N = n1 + n2
    W = sum(rank[:n1])
    expected = n1 * (N + 1) / 2
    variance = n1 * n2 / (N * (N - 1)) * (sum(r * r for r in rank) - N * ((N + 1) / 2) ** 2)
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(W - expected) - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


def test_the_null_distribution_is_r_s(witness):
    r = witness("ranks")["null_distribution"]
    assert _null_distribution(r["n1"], r["n2"]) == pytest.approx(r["probabilities"], rel=1e-12)


def test_the_null_distribution_counts_choices_of_ranks():
    # 3 of 6 ranks: the twenty choices by their sum
    assert (_null_distribution(3, 3) * 20).round(9).tolist() == [1, 1, 2, 3, 3, 3, 3, 2, 1, 1]


@pytest.mark.parametrize("k", range(5))
def test_without_ties_shift_interval_and_p_are_r_s_exact_ones(witness, k):
    r = witness("ranks")["exact"][k]
    e = mann_whitney(r["x"], r["y"], r["conf_level"], r["null"])
    assert e.method == "Mann-Whitney, exact"
    assert [e.estimate, e.lower, e.upper] == pytest.approx([r["shift"], *r["interval"]], abs=1e-12)
    assert e.p == pytest.approx(r["p"], rel=1e-10)


@pytest.mark.parametrize("k", range(3))
def test_with_ties_p_is_r_s_normal_approximation(witness, k):
    r = witness("ranks")["tied"][k]
    e = mann_whitney(r["x"], r["y"])
    assert e.method == "Mann-Whitney, normal approximation with tie correction"
    assert e.p == pytest.approx(r["p"], rel=1e-10)


@pytest.mark.parametrize("k", range(3))
def test_with_ties_the_interval_holds_the_shifts_that_the_test_does_not_reject(witness, k):
    r = witness("ranks")["tied"][k]
    x, y = np.array(r["x"]), np.array(r["y"])
    for level in (0.95, 0.8):
        e = mann_whitney(x, y, level)
        differences = np.unique(np.subtract.outer(x, y))
        between = (differences[1:] + differences[:-1]) / 2
        kept = [s for s in between if brute_force_p(x - s, y) > 1 - level]
        below, above = differences[differences < min(kept)][-1], differences[differences > max(kept)][0]
        assert (e.lower, e.upper) == (below, above)


def test_the_shift_is_the_median_of_all_differences(witness):
    for r in witness("ranks")["tied"] + witness("ranks")["exact"]:
        all_pairs = [a - b for a in r["x"] for b in r["y"]]
        assert mann_whitney(r["x"], r["y"]).estimate == pytest.approx(float(np.median(all_pairs)), abs=1e-12)


def test_arms_too_small_to_reject_any_shift_have_infinite_limits_and_say_so():
    e = mann_whitney([1.0, 2.0, 3.5], [0.5, 4.0, 9.0])
    assert (e.lower, e.upper, e.status) == (-math.inf, math.inf, "ok")
    assert "can reject no shift" in e.reason


def test_values_that_are_all_equal_have_no_shift():
    e = mann_whitney([2.0] * 30, [2.0] * 25)
    assert (e.estimate, e.lower, e.upper, e.p) == (0.0, 0.0, 0.0, 1.0)


def test_an_empty_arm_is_not_estimable():
    assert mann_whitney([], [1.0]).reason == "each arm needs a value, found 0 and 1"


samples = st.lists(st.integers(-20, 20).map(float), min_size=4, max_size=15)


@settings(max_examples=40, deadline=None)
@given(samples, samples)
def test_swapping_the_arms_flips_the_sign_and_keeps_p(x, y):
    a, b = mann_whitney(x, y), mann_whitney(y, x)
    assert (b.estimate, b.lower, b.upper) == (-a.estimate, -a.upper, -a.lower)
    assert b.p == pytest.approx(a.p, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(samples, samples, st.randoms(use_true_random=False), st.integers(-50, 50))
def test_order_of_rows_changes_nothing_and_a_constant_moves_the_shift(x, y, random, constant):
    a = mann_whitney(x, y)
    b = mann_whitney([v + constant for v in random.sample(x, len(x))], y, null=constant)
    assume(a.method == b.method)  # moved, values of one arm may come to equal values of the other
    assert (b.estimate, b.lower, b.upper) == (a.estimate + constant, a.lower + constant, a.upper + constant)
    assert b.p == pytest.approx(a.p, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(samples, samples, st.integers(-25, 25).map(lambda v: v + 0.5))
def test_interval_and_p_never_contradict_each_other_where_no_values_tie_at_the_null(x, y, null):
    e = mann_whitney(x, y, 0.9, null)
    assume(abs(e.p - 0.1) > 1e-9)
    assert (e.p > 0.1) == (e.lower <= null <= e.upper)
    assert e.reason == "" or "infinite" in e.reason


whole = st.lists(st.integers(-6, 6).map(float), min_size=4, max_size=12)


@settings(max_examples=150, deadline=None)
@given(whole, whole, st.sampled_from([0.0, 1.0, -2.0]))
def test_with_ties_at_the_null_p_and_interval_part_only_where_the_reason_says_so(x, y, null):
    e = mann_whitney(x, y, 0.9, null)
    assume(abs(e.p - 0.1) > 1e-9)
    apart = (e.p > 0.1) != (e.lower <= null <= e.upper)
    assert apart == ("the interval may reach the null" in e.reason)


#: Many at the floor of the scale in one arm: p is 0.02 and the interval from -5 to 0.
TIED_AT_THE_LIMIT = (
    [0.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0],
    [2.0, 2.0, 0.0, 5.0, 4.0, 5.0],
)


def test_a_limit_that_lies_on_a_tied_null_though_p_is_small_is_told():
    x, y = TIED_AT_THE_LIMIT
    e = mann_whitney(x, y)
    assert 0 in (e.lower, e.upper)
    assert e.p < 0.05
    assert e.p == pytest.approx(brute_force_p(x, y), rel=1e-9)
    assert e.reason == "with ties the interval may reach the null though p is below 1 minus its level"


def test_which_null_distribution_is_used_does_not_depend_on_the_null():
    """Without ties exact, also at a shift at which values of both arms come to be equal; the reason says that."""
    x, y = [1.0, 2.5, 4.5, 7.0, 11.5], [0.25, 1.75, 3.0, 3.5, 5.0]
    whole = mann_whitney(x, y)
    tied = mann_whitney(x, y, null=0.75)  # 1 - 0.75 = 0.25 and 2.5 - 0.75 = 1.75
    assert whole.method == tied.method == "Mann-Whitney, exact"
    assert (whole.lower, whole.upper) == (tied.lower, tied.upper)
    assert whole.reason == ""
    assert tied.reason == "values tie at the null: p is the largest over the ways to break the ties"
    nudged = [mann_whitney(x, y, null=0.75 + e).p for e in (-1e-6, 1e-6)]
    assert tied.p == max(nudged)


def test_with_ties_the_approximation_is_used_whatever_the_null():
    x, y = [1.0, 2.0, 4.0, 7.0], [2.0, 3.0, 5.0, 9.0]
    found = [mann_whitney(x, y, null=null) for null in (0.0, 0.5)]
    assert {e.method for e in found} == {"Mann-Whitney, normal approximation with tie correction"}
    assert found[0].lower == found[1].lower


samples_without_ties = st.lists(st.integers(-30, 30), min_size=8, max_size=18, unique=True)


@settings(max_examples=80, deadline=None)
@given(samples_without_ties, st.integers(3, 6), st.integers(-20, 20))
def test_exact_p_and_interval_agree_at_every_null_ties_or_not(values, n1, null):
    e = mann_whitney([float(v) for v in values[:n1]], [float(v) for v in values[n1:]], 0.9, null)
    assume(abs(e.p - 0.1) > 1e-9)
    assert e.method.endswith("exact")
    assert (e.p > 0.1) == (e.lower <= null <= e.upper)

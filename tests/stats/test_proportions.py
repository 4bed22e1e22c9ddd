from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.proportions import (
    clopper_pearson,
    mover,
    odds_ratio,
    risk_difference,
    risk_ratio,
    wilson,
)

few = settings(max_examples=60, deadline=None)
counts = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)
methods = st.sampled_from(["newcombe", "miettinen-nurminen"])


def test_wilson_and_clopper_pearson_are_r_s_prop_test_and_binom_test(witness):
    for method in (wilson, clopper_pearson):
        for r in witness("proportions")[method.__name__]:
            e = method(r["x"], r["n"], r["conf_level"])
            assert [e.lower, e.upper] == pytest.approx(r["interval"], abs=1e-12), r


def test_none_of_forty_reaches_to_the_known_upper_limits():
    # two-sided 95 % exact 8.8 %, one-sided 95 % exact 7.2 %
    assert clopper_pearson(0, 40).upper == pytest.approx(0.088, abs=5e-4)
    assert clopper_pearson(0, 40, 0.90).upper == pytest.approx(1 - 0.05 ** (1 / 40), rel=1e-12)
    assert wilson(0, 40).lower == 0.0 and wilson(40, 40).upper == 1.0


def test_a_risk_of_nobody_is_not_estimable():
    assert wilson(0, 0).reason == "no subjects"


def test_newcombe_1998_table_ii_first_row():
    """Newcombe 1998, Table II: 56/70 against 48/80, methods 10 (hybrid) and Miettinen-Nurminen."""
    hybrid = risk_difference(56, 70, 48, 80, "newcombe")
    score = risk_difference(56, 70, 48, 80, "miettinen-nurminen")
    assert (round(hybrid.lower, 4), round(hybrid.upper, 4)) == (0.0524, 0.3339)
    assert (round(score.lower, 4), round(score.upper, 4)) == (0.0528, 0.3382)
    assert hybrid.estimate == score.estimate == pytest.approx(0.2)


def test_newcombe_all_against_none_and_none_against_none_have_their_closed_forms():
    z2 = 1.959963984540054**2
    share = z2 / (10 + z2)  # Wilson's distance from 0/10 and from 10/10
    e = risk_difference(10, 10, 0, 10)
    assert (e.estimate, e.upper) == (1.0, 1.0)
    assert e.lower == pytest.approx(1 - math.sqrt(2) * share, abs=1e-12)
    none = risk_difference(0, 20, 0, 20)
    assert (none.lower, none.upper) == pytest.approx((-z2 / (20 + z2), z2 / (20 + z2)), abs=1e-12)
    assert none.p == 1.0


def test_the_score_interval_of_26_of_39_against_3_of_38_is_the_correct_one():
    # a well-known program gives (.407, .731) here
    e = risk_difference(26, 39, 3, 38, "miettinen-nurminen")
    assert (round(e.lower, 3), round(e.upper, 3)) == (0.394, 0.735)


def test_newcombe_limits_are_those_of_another_program(witness):
    for case in witness("score_intervals")["cases"]:
        e = risk_difference(*case["table"], "newcombe", case["conf_level"])
        assert [e.lower, e.upper] == pytest.approx(case["newcombe"], abs=1e-9)


def test_the_score_p_is_r_s_uncorrected_chi_squared_with_n_minus_one_for_n(witness):
    for r in witness("proportions")["chisq"]:
        table = (r["x1"], r["n1"], r["x2"], r["n2"])
        n = r["n1"] + r["n2"]
        expected = math.erfc(math.sqrt(r["chisq"] * (n - 1) / n / 2))
        assert risk_difference(*table, "miettinen-nurminen").p == pytest.approx(expected, rel=1e-7)
        assert odds_ratio(*table).p == pytest.approx(expected, rel=1e-7)
        assert risk_ratio(*table).p == pytest.approx(expected, rel=1e-7)


@few
@given(counts, methods, st.floats(-0.9, 0.9))
def test_p_is_the_level_at_which_the_limit_touches_the_null(table, method, null):
    e = risk_difference(*table, method, null=null)
    assume(1e-10 < e.p < 1 - 1e-6)
    touching = risk_difference(*table, method, conf_level=1 - e.p)
    nearer = touching.lower if e.estimate > null else touching.upper
    assert nearer == pytest.approx(null, abs=1e-7)


@few
@given(counts, methods)
def test_swapping_the_arms_flips_the_sign_and_keeps_p(table, method):
    x1, n1, x2, n2 = table
    a, b = risk_difference(x1, n1, x2, n2, method), risk_difference(x2, n2, x1, n1, method)
    assert (b.estimate, b.lower, b.upper) == pytest.approx((-a.estimate, -a.upper, -a.lower), abs=1e-9)
    assert b.p == pytest.approx(a.p, rel=1e-6)


@few
@given(counts, methods, st.floats(0.5, 0.98))
def test_intervals_hold_the_estimate_stay_in_range_and_nest(table, method, level):
    wide, narrow = (risk_difference(*table, method, conf_level=c) for c in (0.99, level))
    assert -1 <= wide.lower <= narrow.lower <= narrow.estimate <= narrow.upper <= wide.upper <= 1


@few
@given(counts, methods)
def test_p_and_interval_never_contradict_each_other(table, method):
    e = risk_difference(*table, method)
    assume(abs(e.p - 0.05) > 1e-9)
    assert (e.p < 0.05) == e.excludes_no_effect


def test_newcombe_has_its_coverage_and_score_test_its_size_by_enumeration():
    # every pair of counts of 2 x 30 at risks 0.2 and 0.5, weighted by its probability
    n, p1, p2 = 30, 0.5, 0.2

    def binomial(p):
        return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]

    w1, w2 = binomial(p1), binomial(p2)
    likely = [(a, b) for a in range(4, 27) for b in range(18)]
    for method in ("newcombe", "miettinen-nurminen"):
        covered = 0.0
        for a, b in likely:
            e = risk_difference(a, n, b, n, method)
            covered += w1[a] * w2[b] * (e.lower <= p1 - p2 <= e.upper)
        assert 0.935 < covered < 0.97


def test_zero_cells_give_a_score_interval_and_an_infinite_ratio_that_says_so():
    e = risk_ratio(10, 10, 0, 10)
    assert (e.estimate, e.upper) == (math.inf, math.inf) and e.lower == pytest.approx(3.473, abs=1e-3)
    assert "infinite" in e.reason and e.status == "ok"
    none = risk_ratio(0, 10, 5, 10)
    assert (none.estimate, none.lower) == (0.0, 0.0) and 0 < none.upper < 1
    odds = odds_ratio(10, 10, 3, 10)
    assert (odds.estimate, odds.upper) == (math.inf, math.inf) and odds.lower > 1


@pytest.mark.parametrize("method", [risk_ratio, odds_ratio])
def test_no_event_at_all_makes_a_ratio_not_estimable(method):
    assert method(0, 20, 0, 20).status == "not estimable"


def test_everybody_responding_leaves_a_risk_ratio_of_one_and_no_odds_ratio():
    e = risk_ratio(20, 20, 20, 20)
    assert e.estimate == 1.0 and e.lower < 1 < e.upper
    assert "everybody" in odds_ratio(20, 20, 20, 20).reason


@few
@given(counts)
def test_a_ratio_s_interval_holds_it_and_swapping_inverts_it(table):
    x1, n1, x2, n2 = table
    found = [(method(*table), method(x2, n2, x1, n1)) for method in (risk_ratio, odds_ratio)]
    assert all(a.status == b.status for a, b in found)
    known = [(a, b) for a, b in found if a.status == "ok"]
    assume(known)
    for a, b in known:
        assert a.lower <= a.estimate <= a.upper
        assert b.p == pytest.approx(a.p, rel=1e-6)
        if a.lower > 0 and a.upper < math.inf:
            assert (b.lower, b.upper) == pytest.approx((1 / a.upper, 1 / a.lower), rel=1e-6)


def test_an_arm_of_nobody_is_not_estimable():
    for method in (risk_difference, risk_ratio, odds_ratio):
        assert method(0, 0, 3, 10).reason == "each arm needs a subject, found 0 and 10"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((11, 10, 3, 10), {}), "11 events of 10 subjects"),
        (((0.67, 10, 3, 10), {}), "counts are whole numbers"),
        (((5, 10, 3, 10), {"method": "wald"}), "miettinen-nurminen"),
        (((5, 10, 3, 10), {"null": 10}), "0.1 is 10 points"),
        (((5, 10, 3, 10), {"conf_level": 95}), "write 0.95"),
    ],
)
def test_wrong_arguments_are_refused_with_what_was_expected(arguments, message):
    with pytest.raises(UsageError, match=message):
        risk_difference(*arguments[0], **arguments[1])


def test_a_ratio_is_not_tested_against_zero():
    with pytest.raises(UsageError, match="1 for no effect"):
        risk_ratio(5, 10, 3, 10, null=0)


def test_mover_with_equal_symmetric_parts_is_the_wald_interval_of_correlated_estimates():
    # both parts +- 1: variance of the difference 2 - 2 rho
    for rho in (-0.5, 0.0, 0.6):
        half = math.sqrt(2 - 2 * rho)
        assert mover(5, 4, 6, 3, 2, 4, rho) == pytest.approx((2 - half, 2 + half))


def test_a_wilson_interval_accepts_numpy_counts():
    assert wilson(np.int64(3), np.int64(40)).upper == wilson(3, 40).upper

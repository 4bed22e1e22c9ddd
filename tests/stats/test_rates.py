"""Exact limits of counted events, against R's binom.test and poisson.test, closed forms and the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtr, bdtrc, pdtr, pdtrc

from armwise.errors import UsageError
from armwise.stats.proportions import clopper_pearson
from armwise.stats.rates import exact_risk, poisson_rate, rule_of_three

few = settings(max_examples=80, deadline=None)


def test_exact_limits_of_a_risk_are_r_s_binom_test_on_every_side(witness):
    for r in witness("rates")["risks"]:
        e = exact_risk(r["x"], r["n"], r["conf_level"], r["side"])
        assert [e.lower, e.upper] == pytest.approx(r["limits"], abs=1e-12), r


def test_exact_limits_of_a_rate_are_r_s_poisson_test_on_every_side(witness):
    for r in witness("rates")["rates"]:
        e = poisson_rate(r["events"], r["time"], r["conf_level"], r["side"])
        expected = [math.inf if x is None else x for x in r["limits"]]
        assert [e.lower, e.upper] == pytest.approx(expected, rel=1e-10), r


def test_none_of_forty_leaves_7_2_per_cent_on_one_side_and_8_8_on_two_and_the_method_says_which():
    one, two = exact_risk(0, 40, side="upper"), exact_risk(0, 40)
    assert (round(100 * one.upper, 1), round(100 * two.upper, 1)) == (7.2, 8.8)
    assert one.upper == pytest.approx(1 - 0.05 ** (1 / 40), rel=1e-13)
    assert two.upper == pytest.approx(1 - 0.025 ** (1 / 40), rel=1e-13)
    assert one.method.endswith("one-sided upper")
    assert two.method.endswith("two-sided")


def test_the_rule_of_three_stands_just_above_the_one_sided_limit():
    for n in (30, 40, 100, 1000):
        exact = exact_risk(0, n, side="upper").upper
        assert exact < rule_of_three(n).upper < exact * 1.06
    assert rule_of_three(2).upper == 1.0


def test_two_sided_limits_are_those_of_the_function_for_proportions():
    for x, n in ((0, 7), (3, 22), (9, 9)):
        a, b = exact_risk(x, n), clopper_pearson(x, n)
        assert (a.estimate, a.lower, a.upper) == (b.estimate, b.lower, b.upper)


def test_none_in_a_time_has_its_closed_form_and_scales_with_the_unit():
    e = poisson_rate(0, 38.0, per=100, subjects=40)
    assert e.upper == pytest.approx(-math.log(0.025) / 38 * 100, rel=1e-13)
    assert (e.estimate, e.lower, e.n) == (0.0, 0.0, 40)
    assert poisson_rate(5, 50, per=100).upper == pytest.approx(100 * poisson_rate(5, 50).upper, rel=1e-14)


@few
@given(st.integers(0, 60), st.floats(0.1, 500), st.floats(0.6, 0.99))
def test_at_a_limit_of_the_rate_what_was_seen_has_the_probability_of_the_tail(events, time, level):
    e, tail = poisson_rate(events, time, level), (1 - level) / 2
    assert pdtr(events, e.upper * time) == pytest.approx(tail, rel=1e-8)
    if events:
        assert pdtrc(events - 1, e.lower * time) == pytest.approx(tail, rel=1e-8)


@few
@given(st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.6, 0.99))
def test_at_a_limit_of_the_risk_what_was_seen_has_the_probability_of_the_tail(xn, level):
    x, n = xn
    if x < n:
        upper = exact_risk(x, n, level, "upper").upper
        assert bdtr(x, n, upper) == pytest.approx(1 - level, rel=1e-8)
    if x:
        lower = exact_risk(x, n, level, "lower").lower
        assert bdtrc(x - 1, n, lower) == pytest.approx(1 - level, rel=1e-8)


def test_two_sided_limits_of_a_rate_hold_the_truth_at_least_as_often_as_they_say():
    """No sampling: the coverage of the interval is a sum over the counts that could come."""
    counts = np.arange(0, 200)
    limits = [poisson_rate(int(k), 1.0) for k in counts]
    for truth in (0.3, 2.0, 7.5, 20.0):
        held = np.array([e.lower <= truth <= e.upper for e in limits])
        assert (
            np.exp(counts * np.log(truth) - truth - np.array([math.lgamma(k + 1) for k in counts]))[
                held
            ].sum()
            >= 0.95 - 1e-12
        )


def test_what_cannot_be_estimated_says_why():
    assert exact_risk(0, 0).reason == "no subjects"
    assert rule_of_three(0).reason == "no subjects"
    assert poisson_rate(0, 0.0).reason == "no person time"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exact_risk(0, 40, side="both"), "side is 'both'"),
        (lambda: exact_risk(5, 4), "must lie between 0"),
        (lambda: poisson_rate(-1, 3), "whole numbers from 0"),
        (lambda: poisson_rate(1.5, 3), "whole numbers from 0"),
        (lambda: poisson_rate(1, -3), "a time from 0 on"),
        (lambda: poisson_rate(1, math.nan), "a time from 0 on"),
        (lambda: poisson_rate(1, 3, per=0), "a unit above 0"),
        (lambda: poisson_rate(2, 0.0), "2 events in no time"),
        (lambda: exact_risk(0, 40, 95), "0.95"),
        (lambda: rule_of_three(-1), "must lie between 0"),
    ],
)
def test_counts_and_times_that_nobody_can_have_are_refused(call, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        call()

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from armwise.stats.score_intervals import (
    Table,
    difference_limits,
    difference_z,
    odds_ratio_limits,
    odds_ratio_z,
    ratio_limits,
    ratio_z,
    restricted_p2_given_difference,
    restricted_p2_given_ratio,
    restricted_risks_given_odds_ratio,
)

Z95 = 1.959963984540054


def log_likelihood(t, p1, p2):
    def part(x, p):
        return 0.0 if x == 0 else (x * math.log(p) if p > 0 else -math.inf)

    return part(t.x1, p1) + part(t.n1 - t.x1, 1 - p1) + part(t.x2, p2) + part(t.n2 - t.x2, 1 - p2)


tables = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda n: st.builds(Table, st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@settings(max_examples=60, deadline=None)
@given(tables, st.floats(-0.95, 0.95))
def test_the_risks_under_a_supposed_difference_are_the_likeliest(t, delta):
    p2 = restricted_p2_given_difference(t, delta)
    low, high = max(0.0, -delta), min(1.0, 1 - delta)
    best = minimize_scalar(
        lambda p: -log_likelihood(t, min(1, max(0, p + delta)), p), bounds=(low, high), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert log_likelihood(t, min(1, max(0, p2 + delta)), p2) >= -best.fun - 1e-9


@settings(max_examples=60, deadline=None)
@given(tables, st.floats(-3, 3))
def test_the_risks_under_a_supposed_ratio_are_the_likeliest(t, log_phi):
    phi = math.exp(log_phi)
    p2 = restricted_p2_given_ratio(t, phi)
    best = minimize_scalar(
        lambda p: -log_likelihood(t, min(1, phi * p), p), bounds=(0, min(1, 1 / phi)), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert log_likelihood(t, min(1, phi * p2), min(1, p2)) >= -best.fun - 1e-9


@settings(max_examples=60, deadline=None)
@given(tables, st.floats(-8, 8))
def test_the_risks_under_a_supposed_odds_ratio_have_it_and_expect_the_events_seen(t, log_psi):
    psi = math.exp(log_psi)
    p1, p2 = restricted_risks_given_odds_ratio(t, psi)
    assert t.n1 * p1 + t.n2 * p2 == pytest.approx(t.x1 + t.x2, rel=1e-9, abs=1e-9)
    assert p1 * (1 - p2) == pytest.approx(psi * p2 * (1 - p1), rel=1e-6, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_the_three_tests_of_no_effect_are_one_test(t):
    z = [difference_z(t)(0.0), ratio_z(t)(1.0), odds_ratio_z(t)(1.0)]
    assert z[1:] == pytest.approx([z[0], z[0]], rel=1e-7, abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(tables, st.floats(0.5, 3))
def test_at_the_limits_the_score_is_the_quantile(t, quantile):
    assume(0 < t.x1 + t.x2 < t.total)
    for limits, z, edges in (
        (difference_limits, difference_z, (-1.0, 1.0)),
        (ratio_limits, ratio_z, (0.0, math.inf)),
        (odds_ratio_limits, odds_ratio_z, (0.0, math.inf)),
    ):
        if limits is ratio_limits and t.x1 == t.x2 == 0:
            continue
        lower, upper = limits(t, quantile)
        assert lower <= upper
        if lower != edges[0]:
            assert z(t)(lower) == pytest.approx(quantile, abs=1e-6)
        if upper != edges[1]:
            assert z(t)(upper) == pytest.approx(-quantile, abs=1e-6)


def test_the_limits_are_those_of_another_program_to_its_five_digits(witness):
    quantiles = {0.95: Z95, 0.9: 1.6448536269514722}
    for case in witness("score_intervals")["cases"]:
        limits = difference_limits(Table(*case["table"]), quantiles[case["conf_level"]])
        assert limits == pytest.approx(case["miettinen-nurminen"], abs=2e-5)


@pytest.mark.parametrize("n", [1, 5, 10, 50])
def test_all_against_none_has_its_closed_form(n):
    # by symmetry ~p1 = (1 + delta)/2: (1 - delta)(2n - 1) = z^2 (1 + delta)
    lower, upper = difference_limits(Table(n, n, 0, n), Z95)
    assert lower == pytest.approx((2 * n - 1 - Z95**2) / (2 * n - 1 + Z95**2), abs=1e-12)
    assert upper == 1.0


@pytest.mark.parametrize("n", [1, 20, 40])
def test_none_against_none_has_its_closed_form(n):
    # ~p2 = 0: delta^2 (2n - 1) = 2 z^2 delta (1 - delta)
    bound = 2 * Z95**2 / (2 * n - 1 + 2 * Z95**2)
    assert difference_limits(Table(0, n, 0, n), Z95) == pytest.approx((-bound, bound), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_exchanging_arms_or_events_mirrors_the_limits(t):
    swapped = Table(t.x2, t.n2, t.x1, t.n1)
    opposite = Table(t.n1 - t.x1, t.n1, t.n2 - t.x2, t.n2)
    lower, upper = difference_limits(t, Z95)
    assert difference_limits(swapped, Z95) == pytest.approx((-upper, -lower), abs=1e-9)
    assert difference_limits(opposite, Z95) == pytest.approx((-upper, -lower), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_exchanging_arms_inverts_the_limits_of_a_ratio(t):
    assume(0 < t.x1 < t.n1 and 0 < t.x2 < t.n2)
    swapped = Table(t.x2, t.n2, t.x1, t.n1)
    for limits in (ratio_limits, odds_ratio_limits):
        low, high = limits(t, Z95)
        assert limits(swapped, Z95) == pytest.approx((1 / high, 1 / low), rel=1e-7)

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.stats.fisher import fisher_exact


@pytest.mark.parametrize("k", range(6))
def test_p_odds_ratio_and_limits_are_r_s_solved_tightly(witness, k):
    r = witness("proportions")["fisher"][k]
    e = fisher_exact(r["x1"], r["n1"], r["x2"], r["n2"])
    assert e.p == pytest.approx(r["p"], rel=1e-9)
    if r["estimate"] is not None:
        assert e.estimate == pytest.approx(r["estimate"], rel=1e-9)
    assert e.lower == pytest.approx(r["lower"], rel=1e-9)
    assert e.upper == (math.inf if r["upper"] is None else pytest.approx(r["upper"], rel=1e-9))


def test_the_upper_limit_is_exact_where_r_s_fisher_test_stops_early():
    # fisher.test prints 134.24
    assert fisher_exact(26, 39, 3, 38).upper == pytest.approx(133.716, abs=5e-4)


counts = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@settings(max_examples=80, deadline=None)
@given(counts)
def test_p_is_the_sum_over_tables_no_likelier_in_exact_fractions(table):
    x1, n1, x2, n2 = table
    m = x1 + x2
    ways = {a: math.comb(n1, a) * math.comb(n2, m - a) for a in range(max(0, m - n2), min(n1, m) + 1)}
    expected = Fraction(sum(w for w in ways.values() if w <= ways[x1]), sum(ways.values()))
    e = fisher_exact(*table)
    if len(ways) == 1:
        assert e.status == "not estimable"
    else:
        assert e.p == pytest.approx(float(expected), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(counts)
def test_swapping_the_arms_inverts_the_odds_ratio(table):
    x1, n1, x2, n2 = table
    a, b = fisher_exact(*table), fisher_exact(x2, n2, x1, n1)
    assume(a.status == "ok" and a.lower > 0 and a.upper < math.inf)
    assert (b.estimate, b.lower, b.upper) == pytest.approx(
        (1 / a.estimate, 1 / a.upper, 1 / a.lower), rel=1e-9
    )


def test_the_most_extreme_table_has_an_infinite_odds_ratio_and_says_so():
    e = fisher_exact(10, 10, 0, 10)
    assert (e.estimate, e.upper) == (math.inf, math.inf) and "infinite" in e.reason
    assert fisher_exact(0, 10, 10, 10).estimate == 0.0

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.stats import better_outcome
from armwise.stats.pairwise import BETTER, METHOD

values = st.lists(st.integers(1, 7).map(float), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_the_probability_is_the_share_of_all_pairs_ties_half(x, y):
    won = sum((a > b) + 0.5 * (a == b) for a in x for b in y) / (len(x) * len(y))
    assert better_outcome(x, y).probability.estimate == pytest.approx(won, abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_exchanging_the_arms_or_the_direction_mirrors_everything(x, y):
    e = better_outcome(x, y).probability
    for other in (better_outcome(y, x), better_outcome(x, y, higher_is_better=False)):
        o = other.probability
        assert (o.estimate, o.lower, o.upper) == pytest.approx(
            (1 - e.estimate, 1 - e.upper, 1 - e.lower), abs=1e-10
        )
        assert o.p == pytest.approx(e.p, rel=1e-9)


@pytest.mark.parametrize(
    ("x", "y"), [([3, 4, 4, 6, 7], [1, 2, 4, 4]), ([5, 6, 7], [1, 2, 3]), ([1, 1], [2, 3, 3])]
)
def test_the_limits_lie_z_of_newcombe_s_standard_errors_away(x, y):
    e = better_outcome(x, y).probability
    m, n = len(x), len(y)
    N = (m + n) / 2 - 1
    for limit in (e.lower, e.upper):
        if 0 < limit < 1:
            V = limit * (1 - limit) * (1 + N * (1 - limit) / (2 - limit) + N * limit / (1 + limit)) / (m * n)
            assert abs(e.estimate - limit) / math.sqrt(V) == pytest.approx(1.959963984540054, rel=1e-8)


def test_the_limit_touches_one_half_where_p_is_the_level():
    rng = np.random.default_rng(4)
    x, y = rng.integers(1, 8, 30) + 1, rng.integers(1, 8, 25)
    e = better_outcome(x, y).probability
    at = better_outcome(x, y, conf_level=1 - e.p).probability
    assert at.lower == pytest.approx(0.5, abs=1e-8)


def test_the_win_odds_are_the_odds_of_the_probability_with_its_limits():
    both = better_outcome([3, 4, 4, 6, 7], [1, 2, 4, 4])
    p, o = both.probability, both.win_odds
    assert (o.estimate, o.lower, o.upper) == pytest.approx(
        tuple(t / (1 - t) for t in (p.estimate, p.lower, p.upper)), rel=1e-12
    )
    assert (o.statistic, o.no_effect, p.statistic, p.method) == ("win odds", 1.0, BETTER, METHOD)


def test_arms_without_overlap_have_a_finite_lower_limit_and_say_so():
    both = better_outcome([5, 6, 7], [1, 2, 3])
    assert (both.probability.estimate, both.probability.upper) == (1.0, 1.0)
    assert 0 < both.probability.lower < 1
    assert (both.win_odds.estimate, both.win_odds.reason) == (math.inf, "every pair falls to the arm")


def test_an_empty_arm_is_not_estimable():
    assert better_outcome([], [1.0]).probability.reason == "each arm needs a value, found 0 and 1"


def test_the_interval_covers_its_level_on_seven_categories():
    rng = np.random.default_rng(11)
    p1 = np.array([0.05, 0.05, 0.1, 0.1, 0.2, 0.3, 0.2])
    p0 = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.05, 0.05])
    truth = sum(p1[i] * (p0[:i].sum() + p0[i] / 2) for i in range(7))
    n, covered = 1500, 0
    for _ in range(n):
        e = better_outcome(rng.choice(7, 40, p=p1), rng.choice(7, 40, p=p0)).probability
        covered += e.lower <= truth <= e.upper
    assert 0.93 <= covered / n <= 0.97

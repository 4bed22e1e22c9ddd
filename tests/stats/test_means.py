from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.means import hedges_g, mean_interval, small_sample_factor, summary, welch

values = st.lists(st.integers(-1000, 1000).map(lambda v: v / 8), min_size=2, max_size=30).filter(
    lambda xs: len(set(xs)) > 1
)
few = settings(max_examples=40, deadline=None)


@pytest.fixture(params=range(4))
def case(request, witness):
    return witness("means")["cases"][request.param]


def test_summary_is_r_s_mean_sd_and_type_7_quartiles(case):
    s = summary(case["x"])
    assert s.n == len(case["x"])
    assert [s.mean, s.sd] == pytest.approx([case["mean"], case["sd"]], rel=1e-12)
    assert [s.q1, s.median, s.q3] == pytest.approx(case["quartiles"], rel=1e-12)
    assert (s.min, s.max) == (min(case["x"]), max(case["x"]))


def test_summary_of_nothing_and_of_one_value():
    assert summary([]).n == 0 and summary([]).mean is None
    one = summary([7.0])
    assert (one.mean, one.sd, one.median) == (7.0, None, 7.0)


def test_mean_interval_is_r_s_t_interval(case):
    e = mean_interval(case["x"], case["conf_level"])
    assert [e.lower, e.upper] == pytest.approx(case["mean_interval"], rel=1e-9)
    assert e.se == pytest.approx(case["mean_se"], rel=1e-12)
    assert (e.p, e.df, e.n) == (None, len(case["x"]) - 1, len(case["x"]))


def test_welch_is_r_s_t_test(case):
    e = welch(case["x"], case["y"], case["conf_level"], case["null"])
    r = case["welch"]
    assert [e.estimate, e.se, e.df, e.p] == pytest.approx([r["estimate"], r["se"], r["df"], r["p"]], rel=1e-9)
    assert [e.lower, e.upper] == pytest.approx(r["interval"], rel=1e-9)
    assert (e.n_arm, e.n_versus, e.method) == (len(case["x"]), len(case["y"]), "Welch")


def test_hedges_g_and_its_limits_are_those_of_r_s_noncentral_t(case):
    e = hedges_g(case["x"], case["y"], case["conf_level"])
    assert e.estimate == pytest.approx(case["hedges"]["g"], rel=1e-12)
    assert [e.lower, e.upper] == pytest.approx(case["hedges"]["interval"], rel=1e-6)


def test_hedges_correction_is_its_closed_form_at_two_and_four_degrees_of_freedom():
    # Gamma(1)/(sqrt(1) Gamma(1/2)) and Gamma(2)/(sqrt(2) Gamma(3/2))
    assert small_sample_factor(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-14)
    assert small_sample_factor(4) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)


def test_hedges_g_is_unbiased_and_its_variance_estimate_too_in_simulated_arms():
    rng = np.random.default_rng(1)
    pairs = [(rng.normal(0.8, 1, 8), rng.normal(0, 1, 6)) for _ in range(4000)]
    found = [hedges_g(x, y) for x, y in pairs]
    g = np.array([e.estimate for e in found])
    assert g.mean() == pytest.approx(0.8, abs=4 * g.std() / math.sqrt(4000))
    assert np.mean([e.se**2 for e in found]) == pytest.approx(g.var(), rel=0.08)
    covered = np.mean([e.lower <= 0.8 <= e.upper for e in found])
    assert covered == pytest.approx(0.95, abs=0.014)  # four Monte-Carlo errors


def test_the_variance_estimate_of_hedges_g_is_unbiased_by_its_moments():
    # se^2 = a + c g^2; with E g = delta and E g^2 = J^2 m/(m - 2) (a + delta^2), E se^2 must be Var g
    x, y = [1.0, 2, 4, 8, 9], [0.0, 3, 5]
    m, size, delta = 6, 1 / 5 + 1 / 3, 0.7
    e = hedges_g(x, y)
    c = (e.se**2 - size) / e.estimate**2
    second = small_sample_factor(m) ** 2 * m / (m - 2) * (size + delta**2)
    assert size + c * second == pytest.approx(second - delta**2, rel=1e-12)


@pytest.mark.parametrize("method", [welch, hedges_g])
def test_arms_without_variation_or_of_one_subject_are_not_estimable(method):
    assert method([2.0, 2.0], [1.0, 1.0]).reason == "no variation in either arm"
    assert method([0.1] * 3, [0.1] * 3).status == "not estimable"
    assert "two values" in method([2.0], [1.0, 3.0]).reason


def test_one_arm_without_variation_still_has_a_welch_interval():
    e = welch([2.0, 2.0, 2.0], [1.0, 2.0, 4.0])
    assert e.status == "ok" and e.df == pytest.approx(2)


def test_a_mean_of_one_value_or_of_equal_values_has_no_interval():
    assert "found 1" in mean_interval([3.0]).reason
    assert "all 3 values are 0.1" in mean_interval([0.1, 0.1, 0.1]).reason


def test_missing_values_are_refused():
    with pytest.raises(UsageError, match="arm holds 1 missing"):
        welch([1.0, math.nan], [1.0, 2.0])


@few
@given(values, values)
def test_swapping_the_arms_flips_the_sign_and_keeps_p(x, y):
    for method in (welch, hedges_g):
        a, b = method(x, y), method(y, x)
        assert [b.estimate, b.lower, b.upper] == pytest.approx([-a.estimate, -a.upper, -a.lower], abs=1e-9)
        assert b.p == pytest.approx(a.p) if a.p is not None else b.p is None


@few
@given(values, values, st.randoms(use_true_random=False), st.integers(-50, 50))
def test_order_of_rows_and_a_constant_added_to_all_change_nothing(x, y, random, constant):
    shuffled = random.sample(x, len(x))
    a, b = welch(x, y), welch([v + constant for v in shuffled], [v + constant for v in y])
    assert [b.estimate, b.se, b.lower, b.upper, b.p] == pytest.approx(
        [a.estimate, a.se, a.lower, a.upper, a.p], abs=1e-9
    )


@few
@given(values, values, st.floats(0.5, 0.98))
def test_intervals_nest_and_hold_the_estimate(x, y, level):
    wide, narrow = welch(x, y, 0.99), welch(x, y, level)
    assert wide.lower < narrow.lower < narrow.estimate < narrow.upper < wide.upper


@few
@given(values, values, st.floats(0.5, 0.99))
def test_p_at_the_limit_is_one_minus_the_level(x, y, level):
    limit = welch(x, y, level).lower
    assert welch(x, y, level, null=limit).p == pytest.approx(1 - level, abs=1e-9)


def test_limits_of_hedges_g_go_on_smoothly_where_the_distribution_is_replaced_by_its_limit():
    near, far = (hedges_g([shift, shift + 1], [0.0, 1.0]) for shift in (706.0, 708.0))  # t = 998, 1001
    for a, b in ((near.lower, far.lower), (near.upper, far.upper)):
        assert b / a == pytest.approx(708 / 706, rel=1e-4)

from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.means import t_quantile, t_two_sided
from armwise.stats.proportions import wilson
from armwise.stats.weighting.intervals import (
    effective_n,
    means_with_t,
    risks_with_mover,
)

V = np.array([[0.5, 0.1], [0.1, 0.4]])


def test_a_difference_of_means_is_estimate_and_t_times_the_root_of_its_variance():
    found = means_with_t((3.0, 1.0), V, 20.5, 30, 25, method="m", null=0.5)
    d, se = found.difference, math.sqrt(0.7)
    assert (d.estimate, d.se, d.df, d.n, d.n_arm, d.n_versus) == (2.0, pytest.approx(se), 20.5, 55, 30, 25)
    assert d.upper - 2 == pytest.approx(t_quantile(20.5, 0.95) * se, rel=1e-12)
    assert d.p == pytest.approx(t_two_sided(1.5 / se, 20.5), rel=1e-12)
    assert (found.arm.se, found.versus.se) == (pytest.approx(0.5**0.5), pytest.approx(0.4**0.5))
    assert found.arm.df == 20.5 and found.arm.p is None


def test_arms_may_have_degrees_of_freedom_of_their_own():
    found = means_with_t((3.0, 1.0), V, 20.5, 30, 25, method="m", arm_df=(11.0, None))
    assert found.arm.upper - 3 == pytest.approx(t_quantile(11, 0.95) * 0.5**0.5, rel=1e-12)
    assert found.versus.upper - 1 == pytest.approx(1.959963984540054 * 0.4**0.5, rel=1e-12)


def test_without_degrees_of_freedom_it_is_the_normal_distribution():
    d = means_with_t((3.0, 1.0), V, None, 30, 25, method="m").difference
    z = 2 / math.sqrt(0.7)
    assert d.p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-12) and d.df is None
    assert d.lower == pytest.approx(2 - 1.959963984540054 * math.sqrt(0.7), rel=1e-12)


def test_means_without_variance_are_not_estimable():
    found = means_with_t((3.0, 1.0), np.zeros((2, 2)), 10, 5, 5, method="m")
    assert "no variation" in found.difference.reason and found.arm.status == "not estimable"


def test_uncorrelated_risks_with_binomial_variance_give_newcombe():
    r1, r0 = 12 / 30, 5 / 25
    V = np.diag([r1 * (1 - r1) / 30, r0 * (1 - r0) / 25])
    found = risks_with_mover((r1, r0), V, 30, 25, 30, 25, method="m", arm_method="a")
    one, two = wilson(12, 30), wilson(5, 25)
    assert (found.arm.lower, found.arm.upper) == pytest.approx((one.lower, one.upper), rel=1e-12)
    lower = r1 - r0 - math.hypot(r1 - one.lower, two.upper - r0)
    assert found.difference.lower == pytest.approx(lower, rel=1e-12)
    assert found.notes == ()


def test_the_effective_number_is_risk_over_variance_capped_and_kish_at_the_ends():
    assert effective_n(0.5, 0.01, 40, 30) == pytest.approx(25)
    assert effective_n(0.5, 0.001, 40, 30) == 40
    assert effective_n(0.0, 0.0, 40, 31.5) == 31.5
    assert effective_n(1.0, 0.02, 40, 55) == 40


def test_a_risk_beyond_0_or_1_is_not_estimable():
    found = risks_with_mover((1.03, 0.2), V / 100, 30, 25, 20, 20, method="m", arm_method="a")
    assert found.difference.status == "not estimable"
    assert found.difference.reason.startswith("an adjusted risk of 1.03 lies outside 0 to 1")


def test_another_shape_of_covariance_is_refused():
    with pytest.raises(UsageError, match=r"covariance has shape \(2,\); expected \(2, 2\)"):
        means_with_t((1.0, 2.0), [0.1, 0.2], 10, 5, 5, method="m")

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.detectable import (
    detectable_mean_difference,
    detectable_risk_difference,
    power_mean_difference,
    power_risk_difference,
)
from armwise.stats.means import t_quantile
from armwise.stats.proportions import risk_difference


def test_power_of_the_t_test_is_r_s_power_t_test_with_both_tails(witness):
    for r in witness("detectable")["mean_power"]:
        found = power_mean_difference(r["n"], r["n"], r["difference"], r["sd"], r["alpha"])
        assert found == pytest.approx(r["power"], rel=1e-8)


def test_detectable_mean_difference_is_r_s(witness):
    for r in witness("detectable")["mean_difference"]:
        found = detectable_mean_difference(r["n"], r["n"], r["sd"], r["power"], r["alpha"])
        assert found == pytest.approx(r["difference"], rel=1e-7)


def test_power_of_the_z_test_is_r_s_power_prop_test(witness):
    for r in witness("detectable")["risk_power"]:
        found = power_risk_difference(r["n"], r["n"], r["risk_arm"], r["risk_versus"], r["alpha"])
        assert found == pytest.approx(r["power"], rel=1e-9)


def test_detectable_risk_difference_is_r_s(witness):
    for r in witness("detectable")["risk_difference"]:
        found = detectable_risk_difference(r["n"], r["n"], r["risk_versus"], r["power"], r["alpha"])
        assert found == pytest.approx(r["difference"], rel=1e-6)


def test_power_of_unequal_arms_is_that_of_simulated_t_tests():
    rng = np.random.default_rng(3)
    n1, n2, k = 12, 30, 20000
    x, y = rng.normal(0.9, 1, (k, n1)), rng.normal(0, 1, (k, n2))
    pooled = ((n1 - 1) * x.var(1, ddof=1) + (n2 - 1) * y.var(1, ddof=1)) / (n1 + n2 - 2)
    t = (x.mean(1) - y.mean(1)) / np.sqrt(pooled * (1 / n1 + 1 / n2))
    share = np.mean(np.abs(t) > t_quantile(n1 + n2 - 2, 0.95))
    assert power_mean_difference(n1, n2, 0.9, 1.0) == pytest.approx(share, abs=4 * math.sqrt(0.25 / k))


def test_without_a_difference_the_power_of_the_t_test_is_alpha():
    assert power_mean_difference(9, 14, 0.0, 3.0, 0.05) == pytest.approx(0.05, abs=1e-12)


def test_a_huge_difference_is_certain_to_be_found():
    assert power_mean_difference(40, 40, 1e6, 1.0) == 1.0
    assert power_risk_difference(40, 40, 1.0, 0.0) == 1.0


def test_the_power_of_the_z_test_is_close_to_that_of_newcombe_s_interval_by_enumeration():
    n, p1, p2 = 40, 0.7, 0.5
    w1, w2 = ([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for p in (p1, p2))
    exact = sum(
        w1[a] * w2[b]
        for a in range(n + 1)
        for b in range(n + 1)
        if risk_difference(a, n, b, n).excludes_no_effect
    )
    assert exact == pytest.approx(0.458, abs=5e-4)
    assert power_risk_difference(n, n, p1, p2) == pytest.approx(exact, abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 80), st.integers(2, 80), st.floats(0.1, 50), st.floats(0.2, 0.99))
def test_the_detectable_difference_has_the_power_asked_for(n1, n2, sd, power):
    delta = detectable_mean_difference(n1, n2, sd, power)
    assert power_mean_difference(n1, n2, delta, sd) == pytest.approx(power, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 200), st.integers(5, 200), st.floats(0, 0.9), st.floats(0.5, 0.99))
def test_the_detectable_risk_difference_has_the_power_asked_for_or_there_is_none(n1, n2, risk, power):
    delta = detectable_risk_difference(n1, n2, risk, power)
    if delta is None:
        assert power_risk_difference(n1, n2, 1.0, risk) < power
    else:
        assert power_risk_difference(n1, n2, risk + delta, risk) == pytest.approx(power, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_mean_difference(1, 40, 5, 1), "two subjects at least"),
        (lambda: power_mean_difference(40, 40, 5, 0), "sd is 0"),
        (lambda: detectable_mean_difference(40, 40, -1), "sd is -1"),
        (lambda: power_mean_difference(40, 40, 5, 1, alpha=5), "write 0.05"),
        (lambda: detectable_mean_difference(40, 40, 1, power=80), "write 0.8"),
        (lambda: power_risk_difference(40, 40, 67, 8), "0.67 is 67 %"),
        (lambda: detectable_risk_difference(40, 40, 8), "0.08 is 8 %"),
        (lambda: detectable_risk_difference(5, 43, 0, power=0.25), "between 0.5 and 1"),
    ],
)
def test_wrong_arguments_are_refused_with_what_was_expected(call, message):
    with pytest.raises(UsageError, match=message):
        call()

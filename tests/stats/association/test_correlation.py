from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import detectable_correlation, power_correlation, rank_correlation

#: The worked example of R's statpsych, ci.spear(.05, y, x), as its manual prints it.
Y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
X = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]


def test_spearman_with_ties_and_its_p_are_r_s(witness):
    r = witness("association")["ranks"]
    found = rank_correlation(r["x"], r["y"])
    assert found.estimate == pytest.approx(r["rho"], rel=1e-12)
    assert found.p == pytest.approx(r["p"], rel=1e-9)


def test_tau_b_is_r_s(witness):
    r = witness("association")["ranks"]
    assert rank_correlation(r["x"], r["y"], "kendall").estimate == pytest.approx(r["tau"], rel=1e-12)


def test_the_bonett_wright_interval_is_the_one_that_statpsych_prints():
    found = rank_correlation(X, Y)
    assert found.estimate == pytest.approx(0.8699639, abs=5e-8)
    assert (found.lower, found.upper) == pytest.approx((0.5840951, 0.9638297), abs=5e-8)


def test_the_kendall_interval_is_fieller_s_by_hand():
    found = rank_correlation(X, Y, "kendall", 0.9)
    half = 1.6448536269514722 * math.sqrt(0.437 / 11)
    z = math.atanh(found.estimate)
    assert (found.lower, found.upper) == pytest.approx((math.tanh(z - half), math.tanh(z + half)), rel=1e-12)
    assert found.p is None


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [([1, 2, 3, 4], [1, 2, 4, 3], "4 subjects"), ([1, 2, 3, 4, 5], [7, 7, 7, 7, 7], "same in everybody")],
)
def test_what_the_data_cannot_say_is_not_estimable(x, y, why):
    found = rank_correlation(x, y)
    assert found.status == "not estimable" and why in found.reason


def test_a_perfect_correlation_has_no_interval_and_says_so():
    found = rank_correlation([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert found.estimate == -1 and found.lower is None and "perfectly" in found.reason


def test_the_interval_covers_at_least_what_it_says_in_normal_measurements():
    rng, rho, n, runs = np.random.default_rng(8), 0.4, 40, 3000
    true = 6 / math.pi * math.asin(rho / 2)
    covered = 0
    for _ in range(runs):
        x = rng.standard_normal(n)
        y = rho * x + math.sqrt(1 - rho**2) * rng.standard_normal(n)
        found = rank_correlation(x, y)
        covered += found.lower <= true <= found.upper
    assert 0.945 <= covered / runs <= 0.975  # a little too wide: 96.5 % here


def test_a_study_of_36_to_40_detects_a_correlation_of_43_to_45_hundredths():
    assert [round(detectable_correlation(n), 2) for n in (36, 40)] == [0.45, 0.43]


def test_r_s_pwr_needs_as_much_within_its_own_correction(witness):
    r = witness("association")["detectable"]  # pwr adds a correction for bias and takes t for z
    assert [detectable_correlation(n) for n in r["n"]] == pytest.approx(r["r"], abs=0.005)


def test_power_at_the_detectable_correlation_is_the_power_asked_for():
    assert power_correlation(37, detectable_correlation(37, 0.9, 0.01), 0.01) == pytest.approx(0.9, rel=1e-12)


@pytest.mark.parametrize("wrong", [{"n": 3}, {"n": 40, "power": 1.0}, {"n": 40, "alpha": 5}])
def test_a_size_or_power_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        detectable_correlation(**wrong)


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="spearman"):
        rank_correlation([1, 2, 3], [1, 2, 3], "pearson")  # type: ignore[arg-type]

"""Permutation of the arms: p against R's coin and against every arrangement by hand; the interval against p."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import permuted_mean_difference, welch
from armwise.stats.permutation import DRAWS, EXACT_UP_TO

CASES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "fixtures" / "permutation.json").read_text(encoding="utf-8")
)["cases"]
NAMES = sorted(CASES)


@pytest.mark.parametrize("name", NAMES)
def test_p_of_the_plain_difference_is_that_of_coins_exact_test_at_every_null(name: str) -> None:
    case = CASES[name]
    found = permuted_mean_difference(case["x"], case["y"], studentised=False)
    assert found.p == pytest.approx(case["plain"], abs=1e-12)
    for delta, p in zip(case["deltas"], case["plain_shifted"], strict=True):
        shifted = permuted_mean_difference(case["x"], case["y"], null=delta, studentised=False)
        assert shifted.p == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_p_of_welchs_t_is_that_of_every_arrangement_through_t_test(name: str) -> None:
    case = CASES[name]
    assert permuted_mean_difference(case["x"], case["y"]).p == pytest.approx(case["studentised"], abs=1e-12)
    for delta, p in zip(case["deltas"], case["studentised_shifted"], strict=True):
        assert permuted_mean_difference(case["x"], case["y"], null=delta).p == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("studentised", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_the_interval_ends_where_p_crosses_its_level(name: str, studentised: bool) -> None:
    x, y = CASES[name]["x"], CASES[name]["y"]
    found = permuted_mean_difference(x, y, 0.9, studentised=studentised)
    assert found.lower is not None and found.upper is not None
    for limit, outward in ((found.lower, -1), (found.upper, 1)):
        for sign, rejected in ((1, True), (-1, False)):
            at = limit + sign * outward * 1e-4
            p = permuted_mean_difference(x, y, null=at, studentised=studentised).p
            assert p is not None
            assert (p <= 0.1) == rejected


def test_the_estimate_is_the_difference_of_the_means_and_its_own_null_is_never_rejected() -> None:
    x, y = CASES["doses"]["x"], CASES["doses"]["y"]
    found = permuted_mean_difference(x, y)
    assert found.estimate == pytest.approx(np.mean(x) - np.mean(y), abs=1e-12)
    assert permuted_mean_difference(x, y, null=float(np.mean(x) - np.mean(y))).p == 1
    assert (found.n, found.n_arm, found.n_versus, found.se) == (13, 6, 7, None)


def test_random_arrangements_come_near_the_exact_p_and_are_never_0() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.exponential(30, 9), rng.exponential(70, 10)  # 92,378 arrangements: too many to count
    assert math.comb(19, 9) > EXACT_UP_TO
    z = np.concatenate([x, y])
    chosen = np.array(list(combinations(range(19), 9)))
    m1, q1 = z[chosen].mean(axis=1), (z[chosen] ** 2).sum(axis=1)
    m2, q2 = (z.sum() - 9 * m1) / 10, (z**2).sum() - q1
    t = np.abs(m1 - m2) / np.sqrt((q1 - 9 * m1**2) / 72 + (q2 - 10 * m2**2) / 90)
    exact = float(np.mean(t >= t[0] * (1 - 1e-9)))
    found = permuted_mean_difference(x, y)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / DRAWS))
    far = permuted_mean_difference(x, y + 10_000, draws=199)
    assert far.p == pytest.approx(1 / 200)
    assert found.reason == "9,999 random arrangements of the arms, seed 1"


def test_the_same_seed_gives_the_same_numbers_and_another_seed_does_not() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.exponential(30, 30), rng.exponential(50, 30)
    one, again, other = (permuted_mean_difference(x, y, draws=999, seed=s) for s in (1, 1, 2))
    assert one == again
    assert (one.lower, one.upper) != (other.lower, other.upper)


def test_moving_both_arms_moves_nothing_and_the_unit_scales_the_interval() -> None:
    x, y = np.array(CASES["doses"]["x"]), np.array(CASES["doses"]["y"])
    plain = permuted_mean_difference(x, y)
    moved, scaled = permuted_mean_difference(x + 1000, y + 1000), permuted_mean_difference(10 * x, 10 * y)
    assert moved.p == scaled.p == plain.p
    assert (moved.lower, moved.upper) == pytest.approx((plain.lower, plain.upper), abs=1e-5)
    assert (scaled.lower, scaled.upper) == pytest.approx(
        (10 * (plain.lower or 0), 10 * (plain.upper or 0)), abs=1e-4
    )


def test_too_few_patients_to_reject_any_shift_have_infinite_limits() -> None:
    found = permuted_mean_difference([1.0, 2.0], [4.0, 7.0])
    assert (found.lower, found.upper) == (-math.inf, math.inf)
    assert found.estimate == -4


def test_two_arms_without_any_dose_differ_by_nothing() -> None:
    found = permuted_mean_difference([0.0] * 5, [0.0] * 6)
    assert (found.estimate, found.p) == (0.0, 1.0)


def test_one_patient_in_an_arm_has_no_standard_error_so_nothing_is_estimated() -> None:
    found = permuted_mean_difference([3.0], [1.0, 2.0, 5.0])
    assert found.status == "not estimable"
    assert "each arm needs 2 values, found 1 and 3" in found.reason


def test_the_level_holds_where_means_are_equal_but_spread_and_size_are_not() -> None:
    """Equal means, SD 1 against 4, 40 against 12: Welch's t keeps 5 %, the plain difference does not."""
    rng = np.random.default_rng(5)
    rejected = {True: 0, False: 0}
    for i in range(300):
        x, y = rng.normal(0, 1, 40), rng.normal(0, 4, 12)
        for studentised in rejected:
            p = permuted_mean_difference(x, y, studentised=studentised, draws=199, seed=i).p
            rejected[studentised] += p is not None and p <= 0.05
    assert rejected[True] / 300 < 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 300)
    assert rejected[False] / 300 > 0.15


def test_the_delete_one_jackknife_of_a_difference_of_means_is_welchs_standard_error() -> None:
    """So that the method mean-difference is the jackknife: both arms' deletions, each arm's own factor."""
    x, y = np.array(CASES["unequal"]["x"]), np.array(CASES["unequal"]["y"])
    variance = 0.0
    for arm in (x, y):
        n = arm.size
        without = np.array([np.delete(arm, i).mean() for i in range(n)])
        variance += (n - 1) / n * float(((without - without.mean()) ** 2).sum())
    assert math.sqrt(variance) == pytest.approx(welch(x, y).se, rel=1e-12)


def test_missing_values_and_too_few_draws_are_refused() -> None:
    with pytest.raises(UsageError, match="missing"):
        permuted_mean_difference([1.0, math.nan], [1.0, 2.0])
    with pytest.raises(UsageError, match="draws is 50"):
        permuted_mean_difference([1.0, 2.0], [1.0, 2.0], draws=50)

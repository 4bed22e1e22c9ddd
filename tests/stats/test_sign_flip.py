from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.sign_flip import sign_flip_mean


def by_enumeration(d, null=0.0):
    """Two-sided p by the absolute mean over every sign pattern, written as the definition."""
    shifted = np.asarray(d) - null
    observed = abs(shifted.mean())
    reached = [
        abs(np.mean(shifted * signs)) >= observed - 1e-12
        for signs in itertools.product([1, -1], repeat=len(d))
    ]
    return np.mean(reached)


@pytest.mark.parametrize("seed", range(6))
def test_p_is_that_of_enumeration(seed):
    rng = np.random.default_rng(seed)
    d = rng.integers(-2, 3, 9) / (5 if seed % 2 else 1)  # ties and zeros, as changes of grades have them
    assert sign_flip_mean(d).p == pytest.approx(by_enumeration(d), abs=1e-12)
    x = rng.normal(0.7, 1, 10)
    assert sign_flip_mean(x).p == pytest.approx(by_enumeration(x), abs=1e-12)
    assert sign_flip_mean(x, null=0.4).p == pytest.approx(by_enumeration(x, 0.4), abs=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_holds_exactly_the_shifts_that_the_test_does_not_reject(level):
    d = np.random.default_rng(11).normal(1, 2, 9)
    found = sign_flip_mean(d, level)
    for edge, inwards in ((found.lower, 1e-6), (found.upper, -1e-6)):
        assert by_enumeration(d, edge + inwards) > 1 - level
        assert by_enumeration(d, edge - inwards) <= 1 - level


def test_few_subjects_have_no_finite_interval():
    found = sign_flip_mean([1, 2, 3, 4, 5])
    assert (found.p, found.lower, found.upper) == (0.0625, -math.inf, math.inf)
    assert sign_flip_mean([1, 2, 3, 4, 5, 6]).lower == 1  # 2/64 is below 0.05: the smallest mean of a subset


@pytest.mark.parametrize(("changes", "p"), [([0.0] * 38, 1.0), ([0.0] * 5, 1.0), ([-1.0] * 8, 2 / 256)])
def test_changes_that_are_all_alike_have_no_interval_and_not_one_without_width(changes, p):
    found = sign_flip_mean(changes)
    assert (found.estimate, found.lower, found.upper) == (changes[0], None, None)
    assert found.p == pytest.approx(p, abs=1e-12)
    assert found.reason.startswith("all changes are alike: no interval can be made from them; ")


def test_more_subjects_take_random_patterns_near_the_exact_p_and_never_nought():
    d = np.random.default_rng(1).normal(0.5, 1, 20)
    exact = sign_flip_mean(d)
    many = sign_flip_mean(
        np.append(d, 0.0)
    )  # a change of nought flips to itself: p is exactly that of the 20
    assert exact.reason == "all 1,048,576 sign patterns"
    assert many.reason == "9,999 random sign patterns, seed 1"
    assert many.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p / 9999))
    again = sign_flip_mean(np.append(d, 0.0))
    other = sign_flip_mean(np.append(d, 0.0), seed=2)
    assert again == many
    assert other.lower != many.lower
    assert sign_flip_mean(np.full(40, 1.0)).p == pytest.approx(2 / 10_000)


def test_level_and_coverage_at_40_subjects_with_changes_of_grades():
    # SIMULATED: mean over five levels of steps of -1, 0, 1; 200 studies; Monte-Carlo error 1.5 points
    rng = np.random.default_rng(6)
    held = rejected = 0
    for _ in range(200):
        d = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(40, 5)).mean(axis=1)
        found = sign_flip_mean(d, draws=999)
        held += found.lower <= 0 <= found.upper
        rejected += found.p <= 0.05
    assert 0.91 <= held / 200 <= 0.99
    assert held + rejected == 200  # interval and p are one test


def test_nobody_and_bad_input():
    assert sign_flip_mean([]).reason == "no subject has a change"
    assert sign_flip_mean([0.0, 0.0]).p == 1
    with pytest.raises(UsageError, match="1 missing or infinite"):
        sign_flip_mean([1.0, math.nan])
    with pytest.raises(UsageError, match="needs 99 or more"):
        sign_flip_mean([1.0], draws=10)

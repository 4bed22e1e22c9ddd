from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import betabinom

from armwise.errors import UsageError
from armwise.stats import risk_difference
from armwise.stats.sensitivity.tipping_point import (
    Missing,
    grid_of,
    least_favourable,
    responders_among_missing,
    tipping_grid,
)

ARM, VERSUS = Missing(24, 36, 4), Missing(9, 33, 7)


def test_every_cell_is_the_newcombe_interval_of_its_counts() -> None:
    grid = tipping_grid(ARM, VERSUS)
    assert grid.estimate.shape == (5, 8)
    for k1, k0 in itertools.product(range(5), range(8)):
        wanted = risk_difference(24 + k1, 40, 9 + k0, 40)
        cell = grid.estimate[k1, k0], grid.lower[k1, k0], grid.upper[k1, k0]
        assert cell == pytest.approx((wanted.estimate, wanted.lower, wanted.upper), abs=1e-14)
        assert grid.clear[k1, k0] == wanted.excludes_no_effect
    assert 0 < grid.overturned < 40  # the example has a border


def test_the_overturned_are_counted_and_their_probability_is_that_of_drawing_them() -> None:
    grid = tipping_grid(ARM, VERSUS)
    by_hand = sum(
        betabinom(4, 24.5, 12.5).pmf(k1) * betabinom(7, 9.5, 24.5).pmf(k0)
        for k1, k0 in itertools.product(range(5), range(8))
        if not grid.clear[k1, k0]
    )
    assert grid.probability == pytest.approx(by_hand, rel=1e-10)
    dice = np.random.default_rng(9)
    k1 = dice.binomial(4, dice.beta(24.5, 12.5, 200_000))
    k0 = dice.binomial(7, dice.beta(9.5, 24.5, 200_000))
    assert grid.probability == pytest.approx(float(np.mean(~grid.clear[k1, k0])), abs=0.004)


def test_the_numbers_of_responders_among_the_missing_are_beta_binomial() -> None:
    p = responders_among_missing(VERSUS)
    assert p == pytest.approx(betabinom(7, 9.5, 24.5).pmf(np.arange(8)), rel=1e-9)
    assert responders_among_missing(Missing(0, 40, 3))[3] > 0
    assert responders_among_missing(Missing(3, 9, 0)).tolist() == [1.0]


def test_without_missing_answers_there_is_one_combination() -> None:
    grid = tipping_grid(Missing(24, 36, 0), Missing(9, 33, 0))
    assert grid.estimate.shape == (1, 1)
    assert (grid.overturned, grid.probability) == (0, 0.0)


def test_the_worst_combination_is_the_smallest_difference_of_the_grid() -> None:
    grid = tipping_grid(ARM, VERSUS)
    assert grid.worst(1.0) == np.unravel_index(grid.estimate.argmin(), grid.estimate.shape)
    assert grid.worst(-1.0) == np.unravel_index(grid.estimate.argmax(), grid.estimate.shape)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_other_placing_of_the_responders_is_less_favourable(sign: float) -> None:
    dice = np.random.default_rng(6)
    n = 24
    z, w = dice.uniform(size=n) < 0.5, dice.uniform(0.1, 1, n)
    y = (dice.uniform(size=n) < 0.5).astype(float)
    gap1, gap0 = np.flatnonzero(z)[:4], np.flatnonzero(~z)[:3]
    y[[*gap1, *gap0]] = np.nan

    def difference(filled: np.ndarray) -> float:
        return float(np.average(filled[z], weights=w[z]) - np.average(filled[~z], weights=w[~z]))

    for k1, k0 in itertools.product(range(5), range(4)):
        every = []
        for one in itertools.combinations(gap1, k1):
            for other in itertools.combinations(gap0, k0):
                filled = np.where(np.isnan(y), 0.0, y)
                filled[[*one, *other]] = 1.0
                every.append(difference(filled))
        found = difference(least_favourable(y, z, w, k1, k0, sign))
        assert found == pytest.approx(min(every) if sign > 0 else max(every), abs=1e-13)


def test_a_grid_takes_any_estimator() -> None:
    grid = grid_of(
        Missing(1, 2, 1), Missing(0, 2, 2), lambda i, j: (i - j, i - j - 0.5, i - j + 0.5), 0.9, "m"
    )
    assert grid.estimate.tolist() == [[0, -1, -2], [1, 0, -1]]
    assert grid.overturned == 2


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="5 events of 4"):
        Missing(5, 4, 0)
    with pytest.raises(UsageError, match="needs a subject"):
        tipping_grid(Missing(0, 0, 0), VERSUS)
    with pytest.raises(UsageError, match="3 responders among 1"):
        least_favourable([0.0, np.nan], np.array([False, True]), np.ones(2), 3, 0, 1.0)

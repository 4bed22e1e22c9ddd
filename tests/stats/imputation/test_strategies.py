from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.imputation.strategies import (
    STRATEGY_WORDS,
    Strategy,
    check_strategy,
    mean_sources,
    strategy_covariance,
    strategy_means,
)

OWN, REFERENCE = np.array([10.0, 8, 5, 1]), np.array([11.0, 12, 14, 17])


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("missing-at-random", [10, 8, 5, 1]),
        ("jump-to-reference", [10, 8, 14, 17]),
        ("copy-reference", [11, 12, 14, 17]),
        ("copy-increments", [10, 8, 10, 13]),
        ("last-mean-carried-forward", [10, 8, 8, 8]),
    ],
)
def test_means_after_two_visits_are_those_of_the_definition(strategy, expected):
    np.testing.assert_array_equal(strategy_means(OWN, REFERENCE, 2, strategy), expected)


def test_an_event_before_the_first_visit_is_copy_reference_and_without_event_nothing_changes():
    for strategy in ("jump-to-reference", "copy-increments", "copy-reference"):
        np.testing.assert_array_equal(strategy_means(OWN, REFERENCE, 0, strategy), REFERENCE)
    for strategy in (
        "missing-at-random",
        "jump-to-reference",
        "copy-increments",
        "last-mean-carried-forward",
    ):
        np.testing.assert_array_equal(strategy_means(OWN, REFERENCE, 4, strategy), OWN)
    with pytest.raises(UsageError, match="needs a visit before the event"):
        strategy_means(OWN, REFERENCE, 0, "last-mean-carried-forward")


def covariances():
    rng = np.random.default_rng(1)
    a, r = rng.normal(size=(2, 4, 6))
    return a @ a.T, r @ r.T


@pytest.mark.parametrize("strategy", ["jump-to-reference", "copy-increments"])
@pytest.mark.parametrize("t", [1, 2, 3])
def test_the_past_is_the_own_arms_and_the_regression_on_it_the_references(strategy, t):
    A, R = covariances()
    S = strategy_covariance(A, R, t, strategy)
    np.testing.assert_allclose(S[:t, :t], A[:t, :t], rtol=1e-12)
    np.testing.assert_allclose(
        S[t:, :t] @ np.linalg.inv(S[:t, :t]), R[t:, :t] @ np.linalg.inv(R[:t, :t]), rtol=1e-9, atol=1e-12
    )
    left = S[t:, t:] - S[t:, :t] @ np.linalg.inv(S[:t, :t]) @ S[:t, t:]
    np.testing.assert_allclose(left, R[t:, t:] - R[t:, :t] @ np.linalg.inv(R[:t, :t]) @ R[:t, t:], rtol=1e-9)
    assert np.linalg.eigvalsh(S).min() > 0
    np.testing.assert_allclose(strategy_covariance(A, A.copy(), t, strategy), A, rtol=1e-10)


def test_other_covariances_are_the_own_arms_or_the_references():
    A, R = covariances()
    assert strategy_covariance(A, R, 2, "missing-at-random") is A
    assert strategy_covariance(A, R, 2, "last-mean-carried-forward") is A
    assert strategy_covariance(A, R, 2, "copy-reference") is R
    assert strategy_covariance(A, R, 0, "jump-to-reference") is R
    assert strategy_covariance(A, R, 4, "jump-to-reference") is A


@pytest.mark.parametrize("strategy", get_args(Strategy))
@pytest.mark.parametrize("t", [1, 2, 4])
def test_means_come_from_the_visits_that_are_named_as_their_sources(strategy, t):
    own, reference = mean_sources(strategy, t, 4)
    changed = strategy_means(np.where(own, OWN, 99.0), np.where(reference, REFERENCE, 99.0), t, strategy)
    np.testing.assert_array_equal(changed, strategy_means(OWN, REFERENCE, t, strategy))
    for j in np.flatnonzero(own):  # and each of them matters
        moved = np.where(np.arange(4) == j, 99.0, OWN)
        assert (strategy_means(moved, REFERENCE, t, strategy) != changed).any()


def test_every_strategy_has_its_name_and_others_are_refused():
    assert set(STRATEGY_WORDS) == set(get_args(Strategy))
    with pytest.raises(UsageError, match="'J2R'; expected one of missing-at-random, jump-to-reference"):
        check_strategy("J2R")

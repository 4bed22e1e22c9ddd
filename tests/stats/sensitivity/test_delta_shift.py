from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import Estimate, ancova_fit
from armwise.stats.sensitivity.delta_shift import (
    delta_grid,
    predicted_missing,
    shifted_ancova,
    tipping_shift,
)


def drawn(seed: int = 8, n: int = 90) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    dice = np.random.default_rng(seed)
    x = dice.normal(0, 1, n)
    z = dice.uniform(size=n) < 1 / (1 + np.exp(-0.5 * x))
    y = -7.0 * z + 3 * x + dice.normal(0, 8, n)
    y[dice.uniform(size=n) < 1 / (1 + np.exp(1.3 - 0.6 * x))] = np.nan
    return y, z, {"x": x}


def test_without_a_shift_it_is_the_analysis_of_those_observed() -> None:
    y, z, X = drawn()
    seen = np.isfinite(y)
    wanted = ancova_fit(y[seen], np.where(z[seen], "a", "b"), {"x": X["x"][seen]}, reference="b").differences[
        "a"
    ]
    found = shifted_ancova(y, z, X)(0, 0)
    assert (found.estimate, found.se, found.df, found.lower, found.upper) == pytest.approx(
        (wanted.estimate, wanted.se, wanted.df, wanted.lower, wanted.upper), rel=1e-10
    )


def test_it_is_the_analysis_of_covariance_of_predicted_and_shifted_outcomes() -> None:
    y, z, X = drawn()
    seen = np.isfinite(y)
    D = np.column_stack([z, np.ones(len(y)), X["x"]])
    beta = np.linalg.lstsq(D[seen], y[seen], rcond=None)[0]
    filled = np.where(seen, y, D @ beta + np.where(z, 6.0, -2.0))
    wanted = np.linalg.lstsq(D, filled, rcond=None)[0][0]
    assert shifted_ancova(y, z, X)(6.0, -2.0).estimate == pytest.approx(wanted, rel=1e-10)


def test_what_is_predicted_for_the_missing_is_the_line_of_their_arm() -> None:
    """One covariate in closed form: a common slope within the arms, through the mean of each arm's observed."""
    y, z, X = drawn()
    seen, x = np.isfinite(y), X["x"]
    centres = {side: (x[seen & (z == side)].mean(), y[seen & (z == side)].mean()) for side in (True, False)}
    dx = np.array([x[i] - centres[z[i]][0] for i in np.flatnonzero(seen)])
    dy = np.array([y[i] - centres[z[i]][1] for i in np.flatnonzero(seen)])
    slope = (dx @ dy) / (dx @ dx)
    found = predicted_missing(y, z, X)
    assert (np.isnan(found) == seen).all()
    for i in np.flatnonzero(~seen):
        assert found[i] == pytest.approx(centres[z[i]][1] + slope * (x[i] - centres[z[i]][0]), rel=1e-10)


def test_the_missing_filled_with_what_is_predicted_leave_the_analysis_of_those_observed() -> None:
    y, z, X = drawn()
    filled = np.where(np.isfinite(y), y, predicted_missing(y, z, X))
    fit = ancova_fit(filled, np.where(z, "a", "b"), X, reference="b").differences["a"]
    assert fit.estimate == pytest.approx(shifted_ancova(y, z, X)(0, 0).estimate, rel=1e-10)


def test_its_standard_error_is_that_of_multiple_imputation_with_many_sets() -> None:
    y, z, X = drawn()
    seen = np.isfinite(y)
    D = np.column_stack([z, np.ones(len(y)), X["x"]])
    inverse = np.linalg.inv(D[seen].T @ D[seen])
    beta = inverse @ D[seen].T @ y[seen]
    df = int(seen.sum()) - 3
    rss = float(((y - D @ beta)[seen] ** 2).sum())
    dice = np.random.default_rng(12)
    whole, root = np.linalg.inv(D.T @ D), np.linalg.cholesky(inverse)
    shift = np.where(z, 10.0, 0.0)
    estimates, within = [], []
    for _ in range(6000):
        s2 = rss / dice.chisquare(df)
        b = beta + math.sqrt(s2) * root @ dice.normal(size=3)
        filled = np.where(seen, y, D @ b + shift + math.sqrt(s2) * dice.normal(size=len(y)))
        fit = whole @ D.T @ filled
        e = filled - D @ fit
        estimates.append(fit[0])
        within.append(float(e @ e) / (len(y) - 3) * whole[0, 0])
    found = shifted_ancova(y, z, X)(10.0, 0.0)
    assert found.estimate == pytest.approx(np.mean(estimates), abs=0.08)
    assert found.se == pytest.approx(math.sqrt(np.mean(within) + np.var(estimates)), rel=0.03)


def test_a_grid_holds_an_estimate_a_pair_and_says_which_pairs_overturn_it() -> None:
    y, z, X = drawn()
    at = shifted_ancova(y, z, X)
    grid = delta_grid(at, (0, 10, 20), (-10, 0))
    assert grid.estimates[1][0] == at(10, -10)
    assert (0.0, 0.0) not in grid.overturned
    assert (20.0, -10.0) in grid.overturned
    for pair in grid.overturned:
        low, high = at(*pair).lower, at(*pair).upper
        assert low is not None and high is not None and low <= 0 <= high


def test_a_grid_takes_any_estimator() -> None:
    refused = Estimate.not_estimable("mean difference", "m", "nobody")
    assert delta_grid(lambda a, v: refused, (1,), (2, 3)).estimates == ((refused, refused),)


def test_too_few_observed_have_no_estimate_at_any_shift() -> None:
    found = shifted_ancova([1.0, np.nan, 2.0, np.nan], [1, 1, 0, 0], {})(0, 0)
    assert found.status == "not estimable"
    assert "2 observed subjects" in found.reason


def test_shifts_that_are_none_or_twice_are_refused() -> None:
    at = shifted_ancova(*drawn())
    for deltas in ((), (1, 1), (math.inf,)):
        with pytest.raises(UsageError, match="deltas_arm"):
            delta_grid(at, deltas, (0,))


def interval(estimate: float, half: float) -> Estimate:
    return Estimate(
        estimate,
        half / 2,
        50.0,
        estimate - half,
        estimate + half,
        0.95,
        None,
        9,
        5,
        4,
        "m",
        "mean difference",
    )


def test_the_tipping_shift_of_a_line_is_where_its_nearer_limit_is_no_difference() -> None:
    at = lambda a, v: interval(-10 + 0.25 * a - 0.1 * v, 4.0)  # noqa: E731
    assert tipping_shift(at, (1, 0), 100) == pytest.approx(24.0, abs=1e-9)
    assert tipping_shift(at, (0, -1), 100) == pytest.approx(60.0, abs=1e-9)
    assert tipping_shift(at, (1, -1), 100) == pytest.approx(6 / 0.35, abs=1e-9)
    assert tipping_shift(at, (1, 0), 23.9) is None
    assert tipping_shift(at, (-1, 0), 1000) is None


def test_an_interval_that_includes_no_difference_already_tips_without_a_shift() -> None:
    assert tipping_shift(lambda a, v: interval(1.0 + a, 4.0), (1, 0), 5) == 0.0


def test_at_the_tipping_shift_of_an_analysis_of_covariance_the_limit_is_0() -> None:
    at = shifted_ancova(*drawn())
    shift = tipping_shift(at, (1, 0), 200)
    assert shift is not None and shift > 0
    assert at(shift, 0).upper == pytest.approx(0, abs=1e-8)
    before = at(shift - 1e-6, 0).upper
    assert before is not None and before < 0


def test_directions_and_lengths_that_say_nothing_are_refused() -> None:
    at = shifted_ancova(*drawn())
    for direction, largest in (((0, 0), 5), ((1, 0), -1), ((math.nan, 0), 5), ((1, 0), math.inf)):
        with pytest.raises(UsageError, match="direction"):
            tipping_shift(at, direction, largest)
    refused = Estimate.not_estimable("mean difference", "m", "nobody")
    with pytest.raises(UsageError, match="nobody"):
        tipping_shift(lambda a, v: refused, (1, 0), 5)

from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.least_squares import LeastSquares


def test_it_solves_the_normal_equations_and_names_what_it_leaves_out():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal(20), rng.standard_normal(20)
    X = np.column_stack([np.ones(20), x, 2 * x])
    fit = LeastSquares.of(y, X, ("one", "x", "twice"))
    assert fit.aliased == ("twice",) and fit.df == 18
    assert fit.beta == pytest.approx(np.linalg.solve(X[:, :2].T @ X[:, :2], X[:, :2].T @ y), rel=1e-10)


def test_a_combination_of_aliased_columns_is_not_estimable():
    x = np.arange(5.0)
    fit = LeastSquares.of(x**2, np.column_stack([np.ones(5), x, 2 * x]), ("one", "x", "twice"))
    assert fit.coefficient("x", "slope", "m", 0.95).status == "not estimable"
    both = fit.combination(np.array([0.0, 1.0, 2.0]), "slope", "m", 0.95)
    assert both.status == "ok"


@pytest.mark.parametrize(("n", "why"), [(2, "no residual degrees"), (4, "fits the outcome exactly")])
def test_without_anything_left_over_there_is_no_interval(n, why):
    x = np.arange(float(n))
    fit = LeastSquares.of(3 * x, np.column_stack([np.ones(n), x]), ("one", "x"))
    assert why in fit.coefficient("x", "slope", "m", 0.95).reason


def test_columns_without_names_are_refused():
    with pytest.raises(UsageError, match="a column a name"):
        LeastSquares.of(np.zeros(3), np.zeros((3, 2)), ("one",))

"""Rank and basis: first come first kept, whatever the units; coefficients come back as they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.basis import orthonormal
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.wide import Wide


def wide(u: np.ndarray, names: tuple[str, ...], seed: int = 0) -> Wide:
    rng = np.random.default_rng(seed)
    y = rng.normal(20, 3, (len(u), 3))
    y[rng.random(y.shape) < 0.2] = np.nan
    return Wide(("a", "b", "c"), ("1", *names), y, np.column_stack([np.ones(len(u)), u]))


def test_least_squares_coefficients_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    data = wide(np.column_stack([rng.normal(1e5, 3, 50), rng.normal(size=50)]), ("x", "z"))
    design = crossed_design(data.visits, ["x"], ["z"])
    _, basis = orthonormal(cross_products(data), design)
    i, j = np.nonzero(~np.isnan(data.y))
    X = np.einsum("nd,ndq->nq", data.u[i], design.B[j])
    expected = np.linalg.lstsq(X, data.y[i, j], rcond=None)[0]
    np.testing.assert_allclose(basis.coefficients(np.zeros(7)), expected, rtol=1e-6)


def test_moments_are_orthonormal_and_hold_least_squares_residuals() -> None:
    rng = np.random.default_rng(1)
    data = wide(rng.normal(10, 2, (60, 2)), ("x", "z"))
    moments, _ = orthonormal(cross_products(data), crossed_design(data.visits, ["x"], ["z"]))
    identity = np.broadcast_to(np.eye(3), moments.mask.shape) * moments.mask
    A, b, _ = moments.normal_equations(identity)
    np.testing.assert_allclose(A, np.eye(7), atol=1e-12)
    np.testing.assert_allclose(b, 0, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_later_of_two_dependent_columns_is_aliased_in_any_unit(scale: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    data = wide(np.column_stack([x, scale * (x[:, 0] - 2 * x[:, 1])]), ("x", "z", "sum"))
    design = crossed_design(data.visits, ["x", "z", "sum"])
    _, basis = orthonormal(cross_products(data), design)
    gone = [design.columns[k] for k in np.setdiff1d(np.arange(12), basis.kept)]
    assert gone == ["sum:a", "sum:b", "sum:c"]
    np.testing.assert_allclose(basis.aliasing[basis.kept.tolist().index(3), 0], scale, rtol=1e-8)


def test_a_column_that_differs_by_a_part_in_a_hundred_thousand_is_kept() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    data = wide(np.column_stack([x, x + 1e-5 * rng.normal(size=60)]), ("x", "nearly"))
    _, basis = orthonormal(cross_products(data), crossed_design(data.visits, [], ["x", "nearly"]))
    assert len(basis.kept) == 5


def test_a_covariate_that_is_zero_for_everyone_is_aliased() -> None:
    data = wide(np.zeros((30, 1)), ("x",))
    _, basis = orthonormal(cross_products(data), crossed_design(data.visits, [], ["x"]))
    assert basis.kept.tolist() == [0, 1, 2]


def test_fewer_outcomes_than_coefficients_are_refused() -> None:
    data = wide(np.random.default_rng(0).normal(size=(4, 4)), ("p", "q", "r", "s"))
    with pytest.raises(FitError, match=r"observations and .* coefficients"):
        orthonormal(cross_products(data), crossed_design(data.visits, ["p", "q", "r", "s"]))


def test_a_design_of_other_covariates_is_refused() -> None:
    data = wide(np.zeros((30, 1)), ("x",))
    with pytest.raises(UsageError, match=r"covariates are .'1', 'other'."):
        orthonormal(cross_products(data), crossed_design(data.visits, [], ["other"]))


def test_an_arm_that_was_not_seen_at_a_visit_has_no_effect_there() -> None:
    rng = np.random.default_rng(6)
    arm = (np.arange(60) % 2).astype(float)
    data = wide(
        np.column_stack([arm, rng.normal(45, 10, 60), rng.normal(60, 9, 60)]), ("arm", "baseline", "age")
    )
    data.y[arm == 1, 2] = np.nan
    design = crossed_design(data.visits, ["arm", "baseline", "age"])
    _, basis = orthonormal(cross_products(data), design)
    assert [design.columns[k] for k in np.setdiff1d(np.arange(12), basis.kept)] == ["arm:c"]

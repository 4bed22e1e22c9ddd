"""The likelihood's derivatives against finite differences of the likelihood itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from armwise.stats.repeated.basis import orthonormal
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.likelihood import Point, evaluate, pairs
from armwise.stats.repeated.moments import Moments
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]


def data(groups: int = 1, weighted: bool = False, m: int = 3, n: int = 40) -> tuple[Wide, Design]:
    rng = np.random.default_rng(20)
    design = crossed_design([f"v{j}" for j in range(m)], ["arm"], ["age"])
    u = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(50, 9, n)])
    y = rng.normal(size=(n, m)) @ np.linalg.cholesky(4 * (0.5 * np.eye(m) + 0.5)).T + 20
    y[rng.random((n, m)) < 0.2] = np.nan
    group = None if groups == 1 else np.arange(n) % 3 // 2
    weights = rng.uniform(0.5, 2, (n, m)) if weighted else None
    return Wide(design.visits, design.covariates, y, u, group, ("a", "b")[:groups], weights), design


def at(moments: Moments, sigma: Floats, reml: bool) -> Point:
    point = evaluate(moments, sigma, reml)
    assert point is not None
    return point


def sigmas(groups: int, m: int = 3) -> Floats:
    rng = np.random.default_rng(4)
    return np.array([(a := rng.normal(size=(m, m))) @ a.T + np.eye(m) for _ in range(groups)])


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_and_information_are_the_differences_of_the_likelihood(
    reml: bool, groups: int, weighted: bool
) -> None:
    wide, design = data(groups, weighted)
    moments, _ = orthonormal(cross_products(wide), design)
    sigma = sigmas(groups)
    point = at(moments, sigma, reml)
    m = 3
    j, _, dup = pairs(m)
    size = len(j)

    def loglik(t: Floats) -> float:
        T = (t.reshape(groups, size) @ dup.T).reshape(groups, m, m)
        return at(moments, point.L @ (np.eye(m) + T) @ point.L.transpose(0, 2, 1), reml).loglik

    total = groups * size
    h, eye = 1e-4, np.eye(total)
    g = (point.derivatives.gradient.reshape(groups, -1) @ dup).ravel()
    differences = [
        (8 * (loglik(h * e) - loglik(-h * e)) - loglik(2 * h * e) + loglik(-2 * h * e)) / (12 * h)
        for e in eye
    ]
    np.testing.assert_allclose(g, differences, rtol=1e-8, atol=1e-8)
    hessian = np.array(
        [
            [
                (loglik(h * (a + b)) - loglik(h * (a - b)) - loglik(h * (b - a)) + loglik(-h * (a + b)))
                / (4 * h * h)
                for b in eye
            ]
            for a in eye
        ]
    )
    np.testing.assert_allclose(point.derivatives.observed(), -hessian, rtol=1e-5, atol=1e-4)


def test_expected_information_is_the_mean_of_the_observed_over_simulated_outcomes() -> None:
    wide, design = data()
    sigma = sigmas(1)
    rng = np.random.default_rng(1)
    L = np.linalg.cholesky(sigma[0])
    observed = []
    for _ in range(1000):
        y = np.where(np.isnan(wide.y), np.nan, rng.normal(size=wide.y.shape) @ L.T)
        moments, _ = orthonormal(cross_products(Wide(wide.visits, wide.covariates, y, wide.u)), design)
        point = at(moments, sigma, True)
        observed.append(point.derivatives.observed())
    mean, error = np.mean(observed, axis=0), np.std(observed, axis=0) / np.sqrt(len(observed))
    assert np.all(np.abs(mean - point.derivatives.expected()) < 5 * error + 1e-9)


def test_a_covariance_that_is_not_positive_definite_has_no_likelihood() -> None:
    wide, design = data()
    moments, _ = orthonormal(cross_products(wide), design)
    assert evaluate(moments, np.array([[[1.0, 2, 0], [2, 1, 0], [0, 0, 1]]])) is None


def test_the_likelihood_is_the_one_of_the_dense_normal_density() -> None:
    wide, design = data()
    moments, _ = orthonormal(cross_products(wide), design)
    sigma = sigmas(1)
    rows, outcomes, blocks = [], [], []
    for u, y in zip(wide.u, wide.y, strict=True):
        seen = np.flatnonzero(~np.isnan(y))
        rows.append(np.array([u @ design.B[j] for j in seen]).reshape(-1, len(design.columns)))
        outcomes.append(y[seen])
        blocks.append(sigma[0][np.ix_(seen, seen)])
    n = sum(len(y) for y in outcomes)
    V, start = np.zeros((n, n)), 0
    for block in blocks:
        V[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    X, y = np.concatenate(rows), np.concatenate(outcomes)
    Vi = np.linalg.inv(V)
    A = X.T @ Vi @ X
    r = y - X @ np.linalg.solve(A, X.T @ Vi @ y)
    half = np.linalg.slogdet(V)[1] + r @ Vi @ r
    ml = -0.5 * (n * np.log(2 * np.pi) + half)
    reml = -0.5 * ((n - X.shape[1]) * np.log(2 * np.pi) + half + np.linalg.slogdet(A)[1])
    assert at(moments, sigma, False).loglik == pytest.approx(ml, rel=1e-13)
    assert at(moments, sigma, True).loglik == pytest.approx(reml, rel=1e-13)

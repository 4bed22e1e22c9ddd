"""Structures: their derivatives against finite differences, their known matrices, their names."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.covariance import SHORT, STRUCTURES, Structure, log_cholesky, structure

Floats = NDArray[np.float64]
TIMES = np.array([0, 1, 2.5, 4, 7])
DISTANCE = np.abs(np.subtract.outer(TIMES, TIMES))
STRUCTURED = [s for s in STRUCTURES.values() if not s.is_unstructured]


@pytest.mark.parametrize("s", STRUCTURED, ids=lambda s: s.name)
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_differences(s: Structure, seed: int) -> None:
    k = s.size(5)
    theta = 0.4 * np.random.default_rng(seed).normal(size=k)
    _, first, second = s.at(theta, DISTANCE)
    h = 1e-5
    for a, e in enumerate(np.eye(k)):
        above, below = s.at(theta + h * e, DISTANCE), s.at(theta - h * e, DISTANCE)
        np.testing.assert_allclose(first[a], (above[0] - below[0]) / (2 * h), atol=1e-8)
        np.testing.assert_allclose(second[a], (above[1] - below[1]) / (2 * h), atol=1e-8)


@pytest.mark.parametrize("name", ["ar1", "heterogeneous-ar1"])
def test_derivatives_hold_where_the_correlation_is_zero_or_negative(name: str) -> None:
    s = structure(name)
    for t in (0.0, -0.7):
        theta = np.r_[np.zeros(s.size(5) - 1), t]
        _, first, second = s.at(theta, DISTANCE)
        h = 1e-5
        e = np.eye(len(theta))[-1]
        above, below = s.at(theta + h * e, DISTANCE), s.at(theta - h * e, DISTANCE)
        np.testing.assert_allclose(first[-1], (above[0] - below[0]) / (2 * h), atol=1e-8)
        np.testing.assert_allclose(second[-1], (above[1] - below[1]) / (2 * h), atol=1e-8)


def test_correlations_are_the_ones_of_their_definition() -> None:
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))

    def correlations(name: str, rho: list[float]) -> Floats:
        found = STRUCTURES[name].correlations
        assert found is not None
        return found(np.array(rho), DISTANCE)[0]

    np.testing.assert_allclose(correlations("ar1", [0.6]), 0.6**lag)
    np.testing.assert_allclose(correlations("ar1", [-0.6]), (-0.6) ** lag.astype(float))
    np.testing.assert_allclose(correlations("spatial-exponential", [0.6]), 0.6**DISTANCE)
    np.testing.assert_allclose(correlations("compound-symmetry", [0.3]), np.where(lag == 0, 1, 0.3))
    toeplitz = np.array([1, 0.5, 0.4, 0.2, 0.1])
    np.testing.assert_allclose(correlations("toeplitz", toeplitz[1:].tolist()), toeplitz[lag])
    ante = correlations("ante-dependence", [0.5, 0.6, 0.7, 0.8])
    assert ante[1, 4] == pytest.approx(0.6 * 0.7 * 0.8)
    # The inverse of an ante-dependent correlation of first order is tridiagonal.
    assert np.abs(np.triu(np.linalg.inv(ante), 2)).max() < 1e-12


@pytest.mark.parametrize("s", STRUCTURED, ids=lambda s: s.name)
def test_a_start_is_positive_definite_whatever_the_residuals(s: Structure) -> None:
    rng = np.random.default_rng(1)
    for rho in (-0.9, -0.2, 0.0, 0.99):
        sigma = 9 * rho ** np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(float)
        sd = rng.uniform(0.5, 2, 5)
        theta = s.start(sigma * np.outer(sd, sd), DISTANCE)
        assert len(theta) == s.size(5)
        assert np.linalg.eigvalsh(s.at(theta, DISTANCE)[0])[0] > 0


def test_log_cholesky_parameters_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(2)
    m = 4
    A = rng.normal(size=(m, m))
    sigma = A @ A.T + np.eye(m)
    L = np.linalg.cholesky(sigma)
    i, j = np.tril_indices(m, -1)
    theta = np.r_[np.log(np.diag(L)), (L / np.diag(L)[:, None])[i, j]]

    def at(t: Floats) -> Floats:
        U = np.eye(m)
        U[i, j] = t[m:]
        F = np.exp(t[:m])[:, None] * U
        return np.asarray(F @ F.T)

    np.testing.assert_allclose(at(theta), sigma, rtol=1e-13)
    first, contracted, weighted = log_cholesky(sigma)
    h, eye, K = 1e-4, np.eye(len(theta)), len(theta)
    for a in range(K):
        np.testing.assert_allclose(
            first[a], (at(theta + h * eye[a]) - at(theta - h * eye[a])) / (2 * h), atol=1e-6
        )
    second = np.array(
        [
            [
                (at(theta + h * (a + b)) - at(theta + h * (a - b)) - at(theta + h * (b - a)) + at(theta - h * (a + b)))
                / (4 * h * h)
                for b in eye
            ]
            for a in eye
        ]
    )  # fmt: skip
    G = rng.normal(size=(m, m))
    G = G + G.T
    np.testing.assert_allclose(contracted(G), np.tensordot(second, G, axes=2), atol=1e-5)
    W = rng.normal(size=(K, K))
    W = W + W.T
    np.testing.assert_allclose(weighted(W), np.tensordot(W, second, axes=2), atol=1e-5)


def test_names_long_and_short_and_unknown() -> None:
    assert structure("us").name == "unstructured"
    assert {structure(s).name for s in SHORT} <= STRUCTURES.keys()
    assert structure("heterogeneous-toeplitz").size(5) == 9
    assert structure("compound-symmetry").size(5) == 2
    assert structure("unstructured").size(5) == 15
    with pytest.raises(UsageError, match="covariance 'ar2' is not known; expected one of unstructured"):
        structure("ar2")

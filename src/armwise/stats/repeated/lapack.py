"""LAPACK on one small matrix, without the checks that cost more than the arithmetic on matrices of size ten.

The stacked routines of NumPy and the checked ones of SciPy take 10 to 20 microseconds a call; these take two. A fit
makes a hundred such calls.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Floats = NDArray[np.float64]


def cholesky(A: Floats) -> Floats | None:
    """Lower triangular L with L L' = A, read from A's lower triangle; None where A is not positive definite."""
    L, info = lapack.dpotrf(A, lower=1, clean=1)
    return L if info == 0 else None


def inverse_lower(L: Floats) -> Floats:
    """Inverse of a lower triangular matrix with a nonzero diagonal."""
    return np.asarray(lapack.dtrtri(L, lower=1)[0])


def solve_positive(L: Floats, b: Floats) -> Floats:
    """x with L L' x = b."""
    return np.asarray(lapack.dpotrs(L, b, lower=1)[0])


def triangular_factor(K: Floats) -> Floats:
    """R of K = Q R, upper triangular (q, q), for K with at least as many rows as columns."""
    q = K.shape[1]
    return np.asarray(lapack.dgeqrf(K)[0][:q] * _upper(q))


@lru_cache(maxsize=64)
def _upper(q: int) -> Floats:
    return np.triu(np.ones((q, q)))


def row_factor(A: Floats) -> tuple[Floats, Floats]:
    """A = L Q: L lower triangular with a positive diagonal, Q with orthonormal rows; A (k, m) of rank k <= m."""
    Q, R = np.linalg.qr(A.T)
    sign = np.sign(np.diag(R))
    return (R * sign[:, None]).T, (Q * sign).T

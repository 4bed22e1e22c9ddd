"""Wald's t and F from estimates, their covariance and degrees of freedom; infinite ones are the normal's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr, stdtrit

Floats = NDArray[np.float64]

#: Stands for infinitely many degrees of freedom, which SciPy's functions do not take.
INFINITE = 1e300


def t_test(estimate: Floats, se: Floats, df: Floats, null: float = 0.0) -> tuple[Floats, Floats]:
    """t and its two-sided p, in the shape of the estimates."""
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (estimate - null) / se
    return np.asarray(t), np.asarray(2 * stdtr(np.minimum(df, INFINITE), -np.abs(t)))


def t_limits(estimate: Floats, se: Floats, df: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Lower and upper limits, in the shape of the estimates."""
    half = stdtrit(np.minimum(df, INFINITE), (1 + conf_level) / 2) * se
    return estimate - half, estimate + half


def f_p(f: float, df1: int, df2: float) -> float:
    """p of F, which has positive degrees of freedom."""
    return float(fdtrc(df1, min(df2, INFINITE), f))


def fai_cornelius(
    covariance: Floats, estimate: Floats, df: Callable[[Floats], Floats]
) -> tuple[float, float]:
    """F and its denominator degrees of freedom for l independent contrasts together being zero.

    The contrasts are rotated to uncorrelated ones; F is the mean of their squared t, with the degrees of freedom that
    give it the expectation of that mean (Fai & Cornelius 1996, J. Statist. Comput. Simul. 54:363-378).

    Args:
        covariance: shape (l, l), of the estimates.
        estimate: shape (l,).
        df: degrees of freedom of the contrasts rotated by the columns of a matrix (l, l): shape (l,).

    Returns:
        F, and 0 degrees of freedom where too few of the contrasts have more than two.
    """
    values, vectors = np.linalg.eigh(covariance)
    nu, size = df(vectors), len(estimate)
    f = float(((vectors.T @ estimate) ** 2 / values).mean())
    if np.allclose(nu, nu[0], rtol=1e-12, atol=0):
        return f, float(nu[0])
    finite = nu[np.isfinite(nu) & (nu > 2)]
    expected = float((finite / (finite - 2)).sum()) + int(np.isinf(nu).sum())
    return f, 2 * expected / (expected - size) if expected > size else 0.0

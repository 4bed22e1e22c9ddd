"""The analysis of completed outcomes: at each visit a regression on arm and covariates, for many sets at once.

With all outcomes there and a coefficient of every covariate at each visit, the mixed model for repeated measures is
just this: an analysis of covariance at each visit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

Floats = NDArray[np.float64]

#: Numbers that leaving one out may hold at once.
LARGEST = 4_000_000


@dataclass(frozen=True, eq=False)
class VisitRegressions:
    """Regressions of M completed sets.

    Attributes:
        coefficients: shape (M, d, m).
        residual_variances: shape (M, m).
        inverse: shape (d, d), (U'U)^-1.
        df: residual degrees of freedom, N - d.
    """

    coefficients: Floats
    residual_variances: Floats
    inverse: Floats
    df: int

    def contrast(self, c: Floats, visit: int) -> tuple[Floats, Floats]:
        """Estimates and variances of c'beta at a visit, each of shape (M,)."""
        return self.coefficients[:, :, visit] @ c, self.residual_variances[:, visit] * float(
            c @ self.inverse @ c
        )


def visit_regressions(values: Floats, u: Floats) -> VisitRegressions:
    """Least squares at each visit.

    Args:
        values: shape (M, N, m), complete.
        u: shape (N, d), regressors.

    Raises:
        UsageError: regressors that determine each other, or as many as subjects.
    """
    n, d = u.shape
    if n <= d or np.linalg.matrix_rank(u) < d:
        raise UsageError(
            f"{d} regressors (the constant, arms, covariates) of {n} subjects determine each other; leave some out"
        )
    q, r = np.linalg.qr(u)
    back = np.linalg.inv(r)
    effects = q.T @ values
    residuals = values - q @ effects
    return VisitRegressions(back @ effects, (residuals**2).sum(axis=1) / (n - d), back @ back.T, n - d)


def coefficients_without(values: Floats, u: Floats, first: int) -> Floats:
    """Coefficients without subject `first`, `first` + 1 ...: set k leaves out subject first + k; shape (K, d, m)."""
    left_out = u[first : first + len(values)]
    G = u.T @ u - left_out[:, :, None] * left_out[:, None, :]
    own = values[np.arange(len(values)), first + np.arange(len(values))]
    return np.asarray(np.linalg.solve(G, u.T @ values - left_out[:, :, None] * own[:, None, :]))


def blocks(n: int, m: int) -> list[slice]:
    """Subjects to leave out in turn, in blocks whose completed sets fit into memory."""
    size = max(1, LARGEST // (n * m))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]

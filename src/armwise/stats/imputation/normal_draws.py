"""A draw of one variable's gaps from its regression on all others, for many imputations at once.

y = a + Z b + e with slopes b ~ N(0, s2 / k) on predictors that have unit standard deviation, that is
N(0, s2 / (k var x)) on their own scale: what k pseudo-subjects without any relation would say. The intercept has a flat
prior. Given s2,

    (a, b) ~ N(A^-1 X'y, s2 A^-1),   A = X'X + k D,   X = (1, Z),   D = diag(0, 1, ..., 1),

and s2 = RSS / chi2(n - effective parameters), RSS and effective parameters 1 + p - k tr(A^-1 D) at the ridge estimate.
With k = 0 this is the Bayesian regression with the flat prior (Rubin 1987, p. 167; van Buuren 2018, algorithm 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from armwise.errors import FitError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Degrees of freedom below which a residual variance cannot be drawn.
FEWEST_DF = 0.5


@dataclass(frozen=True, eq=False)
class Regression:
    """Which rows and columns a variable's regression uses.

    Attributes:
        name, arm: of the variable, and the arm (empty when there are none).
        column: of the variable in the completed sets.
        predictors: columns of the others; the first is the intercept, which is 1 everywhere.
        observed, missing: rows where the variable was observed and where it was not.
    """

    name: str
    arm: str
    column: int
    predictors: Ints
    observed: Ints
    missing: Ints

    @property
    def label(self) -> str:
        """The variable and its arm, for messages."""
        return f"arm {self.arm}, {self.name}" if self.arm else self.name

    @property
    def normals(self) -> int:
        """Standard normal numbers that one draw takes: coefficients, then residuals."""
        return len(self.predictors) + len(self.missing)


@dataclass(frozen=True, eq=False)
class Factor:
    """The ridge estimate in factored form, for m completed sets.

    Attributes:
        inverse: shape (m, p, p), inverse of the Cholesky factor L of A.
        w: shape (m, p), L^-1 X'y.
        penalised: shape (m,), y'y - w'w, the residual sum of squares with the penalty.
    """

    inverse: Floats
    w: Floats
    penalised: Floats

    def coefficients(self, scaled: Floats) -> Floats:
        """L'^-1 (w + scaled), shape (m, p): the estimate, moved by normal numbers times the residual SD."""
        return np.asarray((np.swapaxes(self.inverse, 1, 2) @ (self.w + scaled)[:, :, None])[:, :, 0])


def factor(
    completed: Floats, regression: Regression, prior_subjects: float, y: Floats | None = None
) -> Factor:
    """Cholesky factor of the penalised normal equations.

    Args:
        completed: shape (m, n, v), standardised, the first column 1.
        regression: rows and columns.
        prior_subjects: k.
        y: shape (m, n_observed), the response when it is not the variable itself (a latent one).

    Raises:
        FitError: predictors that determine each other, or the variable, and no prior.
    """
    rows = completed[:, regression.observed]
    if y is not None:
        rows[:, :, regression.column] = y
    order = np.append(regression.predictors, regression.column)
    A = (np.swapaxes(rows, 1, 2) @ rows)[:, order[:, None], order]
    p = len(regression.predictors)
    slopes = np.arange(1, p)
    A[:, slopes, slopes] += prior_subjects
    try:
        L = np.linalg.cholesky(A)
    except np.linalg.LinAlgError as error:
        raise FitError(
            f"{regression.label}: its regression on the {p - 1} other variables is not identified by "
            f"{len(regression.observed)} observed values; use a prior (prior_subjects=3) or fewer variables",
            "not identified",
            (regression.name,),
        ) from error
    return Factor(np.linalg.inv(L[:, :p, :p]), np.asarray(L[:, p, :p]), np.asarray(L[:, p, p] ** 2))


def normal_draw(
    completed: Floats, regression: Regression, prior_subjects: float, normals: Floats, uniforms: Floats
) -> tuple[Floats, Floats]:
    """New values of a variable's gaps.

    Args:
        completed: shape (m, n, v), standardised, the first column 1.
        regression: rows and columns.
        prior_subjects: k.
        normals: shape (m, `regression.normals`), standard normal numbers.
        uniforms: shape (m,), for the chi-squared numbers.

    Returns:
        Shape (m, n_missing), standardised; and shape (m,), degrees of freedom of the residual variances.

    Raises:
        FitError: not identified, or no degrees of freedom left.
    """
    p, n = len(regression.predictors), len(regression.observed)
    fitted = factor(completed, regression, prior_subjects)
    estimate = fitted.coefficients(np.zeros_like(fitted.w))
    rss = fitted.penalised - prior_subjects * (estimate[:, 1:] ** 2).sum(axis=1)
    df = n - p + prior_subjects * (fitted.inverse[:, :, 1:] ** 2).sum(axis=(1, 2))
    fewest = float(df.min())
    if fewest < FEWEST_DF:
        raise FitError(
            f"{regression.label}: {n} observed values and {p - 1} other variables leave {fewest:.1f} degrees of "
            "freedom for the residual variance; impute with fewer variables or a stronger prior (prior_subjects)",
            "not identified",
            (regression.name,),
        )
    chi2 = 2.0 * gammaincinv(df / 2, uniforms)
    s = np.sqrt(np.maximum(rss, 0.0) / chi2)[:, None]
    beta = fitted.coefficients(s * normals[:, :p])
    x = completed[:, regression.missing][:, :, regression.predictors]
    return (x @ beta[:, :, None])[:, :, 0] + s * normals[:, p:], df

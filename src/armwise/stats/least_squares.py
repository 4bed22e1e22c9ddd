"""One least-squares fit of named columns, and t intervals of combinations of its coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from armwise.errors import UsageError
from armwise.stats.covariates import Covariate, estimable, independent_columns
from armwise.stats.estimate import Estimate
from armwise.stats.means import t_quantile, t_two_sided
from armwise.stats.samples import Floats

INTERCEPT = "(intercept)"
DETERMINED = "other columns of the model determine it (or it never varies): no one value fits best"


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """y on the columns of X, those left out that the columns before them determine.

    Attributes:
        X: all columns, aliased ones too, shape (n, q).
        columns: their names.
        kept: which of them have a coefficient.
        beta: the coefficients of those, shape (len(kept),).
        R: the triangle of X[:, kept] = QR: (X'X)^-1 = R^-1 R^-T.
        residuals: y minus what is fitted, shape (n,).
        residual_sd: None where nothing is left over to make an interval from.
        df: n - len(kept).
    """

    X: Floats
    columns: tuple[str, ...]
    kept: tuple[int, ...]
    beta: Floats
    R: Floats
    residuals: Floats
    residual_sd: float | None
    df: int

    @classmethod
    def of(cls, y: Floats, X: Floats, columns: Sequence[str]) -> LeastSquares:
        """Fits y on X.

        Parameters:
            y: outcome, shape (n,).
            X: columns, shape (n, q), the constant among them.
            columns: their names.

        Raises:
            UsageError: X is not (n, q).
        """
        if X.shape != (len(y), len(columns)):
            raise UsageError(f"X has shape {X.shape}; expected {(len(y), len(columns))}: a column a name")
        kept = independent_columns(X)
        Q, R = np.linalg.qr(X[:, kept])
        beta = solve_triangular(R, Q.T @ y)
        residuals = y - X[:, kept] @ beta
        df = len(y) - len(kept)
        sd: float | None = None
        # residuals that are rounding alone say nothing about error
        if df > 0 and float(np.abs(residuals).max()) > 1e-12 * max(1.0, float(np.abs(y).max())):
            sd = math.sqrt(float(residuals @ residuals) / df)
        return cls(X, tuple(columns), tuple(kept), beta, R, residuals, sd, df)

    @property
    def aliased(self) -> tuple[str, ...]:
        """The columns that have no coefficient of their own."""
        return tuple(c for j, c in enumerate(self.columns) if j not in self.kept)

    def coefficient(self, column: str, statistic: str, method: str, conf_level: float) -> Estimate:
        """The coefficient of one column."""
        L = np.zeros(len(self.columns))
        L[self.columns.index(column)] = 1.0
        return self.combination(L, statistic, method, conf_level)

    def combination(
        self,
        L: Floats,
        statistic: str,
        method: str,
        conf_level: float,
        null: float | None = 0.0,
        *,
        n_arm: int | None = None,
        n_versus: int | None = None,
        determined: str = DETERMINED,
    ) -> Estimate:
        """L'beta with its t interval, and p against `null` unless that is None.

        Parameters:
            L: weights of the coefficients, shape (q,), aliased ones included.
            statistic, method: what the estimate says of itself.
            conf_level: 0.95 for 95 %.
            null: the value that p tests.
            n_arm, n_versus: subjects in each arm, where arms are compared.
            determined: the reason where aliased columns leave the combination without one value.
        """
        n, kept = self.X.shape[0], list(self.kept)
        reason = ""
        if self.aliased and not estimable(self.X, L):
            reason = determined
        elif self.residual_sd is None and self.df < 1:
            reason = f"{n} subjects and {len(kept)} coefficients leave no residual degrees of freedom"
        elif self.residual_sd is None:
            reason = "the model fits the outcome exactly: no residual variation to make an interval from"
        if reason or self.residual_sd is None:
            return Estimate.not_estimable(
                statistic, method, reason, conf_level=conf_level, n=n, n_arm=n_arm, n_versus=n_versus
            )
        weights = L[kept]
        value = float(weights @ self.beta)
        se = self.residual_sd * float(np.linalg.norm(solve_triangular(self.R, weights, trans="T")))
        half = t_quantile(self.df, conf_level) * se
        p = None if null is None else t_two_sided((value - null) / se, self.df)
        lower, upper = value - half, value + half
        return Estimate(
            value, se, self.df, lower, upper, conf_level, p, n, n_arm, n_versus, method, statistic
        )


def with_covariates(
    first: Sequence[Floats], names: Sequence[str], terms: Sequence[Covariate]
) -> tuple[Floats, tuple[str, ...]]:
    """A constant, some columns, and the columns of covariates: the design matrix with its names."""
    n = len(first[0])
    X = np.column_stack([np.ones(n), *first, *(term.X for term in terms)])
    return X, (INTERCEPT, *names, *(c for term in terms for c in term.columns))

"""One estimate from many completed data sets: Rubin's rules with Barnard and Rubin's degrees of freedom.

With W the mean variance within sets, B the variance of the estimates between sets and m sets, T = W + (1 + 1/m) B
(Rubin 1987, eq. 3.1.5) and lambda = (1 + 1/m) B / T. With nu complete-data degrees of freedom (Barnard & Rubin 1999,
Biometrika 86:948-955, eq. 3 and 4)

    1/df = lambda^2 / (m - 1) + 1 / ((nu + 1) / (nu + 3) nu (1 - lambda)).

Where all sets give the same estimate nothing was imputed that matters, and the degrees of freedom are nu itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.wald import t_limits, t_test

Floats = NDArray[np.float64]

#: Variance between sets, as a share of that within, below which it is rounding.
ROUNDING = 1e-24


@dataclass(frozen=True, slots=True)
class Pooled:
    """One estimate of many completed data sets.

    Attributes:
        estimate, se, df: the mean of the estimates, the root of the total variance, Barnard and Rubin's df.
        within, between: mean of the variances, variance of the estimates.
        riv: relative increase in variance due to missing data, (1 + 1/m) B / W.
        fmi: fraction of missing information, (riv + 2 / (df + 3)) / (1 + riv).
        m: sets.
    """

    estimate: float
    se: float
    df: float
    within: float
    between: float
    riv: float
    fmi: float
    m: int

    @property
    def variance(self) -> float:
        """Total variance."""
        return self.se**2

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of the estimate that another seed would bring, sqrt(B / m)."""
        return math.sqrt(self.between / self.m)

    def limits(self, conf_level: float = 0.95) -> tuple[float, float]:
        """Limits of the t interval."""
        check_conf_level(conf_level)
        lower, upper = t_limits(np.array(self.estimate), np.array(self.se), np.array(self.df), conf_level)
        return float(lower), float(upper)

    def p(self, null: float = 0.0) -> float | None:
        """Two-sided p of the t test; None where the standard error is 0."""
        if self.se == 0:
            return None
        return float(t_test(np.array(self.estimate - null), np.array(self.se), np.array(self.df))[1])


@dataclass(frozen=True, eq=False)
class PooledVector:
    """Several estimates of many completed data sets, with their covariance.

    Attributes:
        estimates: shape (m, q), of each set.
        covariances: shape (m, q, q), of each set.
        df_complete: complete-data degrees of freedom.
        estimate: shape (q,).
        within, between, total: shape (q, q).
    """

    estimates: Floats
    covariances: Floats
    df_complete: float
    estimate: Floats
    within: Floats
    between: Floats
    total: Floats

    def contrast(self, weights: ArrayLike) -> Pooled:
        """A linear combination, shape (q,), with degrees of freedom of its own: (1, -1) is a difference."""
        c = np.asarray(weights, dtype=np.float64)
        if c.shape != self.estimate.shape:
            raise UsageError(f"weights have shape {c.shape}; expected {self.estimate.shape}")
        variances = np.einsum("i,mij,j->m", c, self.covariances, c)
        return pool(self.estimates @ c, np.maximum(variances, 0.0), self.df_complete)

    def part(self, i: int) -> Pooled:
        """One of the q estimates."""
        return self.contrast(np.eye(len(self.estimate))[i])


def pool(estimates: ArrayLike, variances: ArrayLike, df_complete: float = math.inf) -> Pooled:
    """Rubin's rules for one estimate.

    Args:
        estimates: shape (m,), one a completed data set.
        variances: shape (m,), their squared standard errors.
        df_complete: degrees of freedom that the analysis would have without missing data; infinite for a z interval.

    Raises:
        UsageError: fewer than two sets, numbers that are not finite, negative variances, variances that are all 0
            while the estimates differ.

    Source: Rubin 1987; Barnard & Rubin 1999. Checked against mice::pool.scalar.

    Example:
        >>> found = pool([2.0, 2.4, 1.9], [0.25, 0.24, 0.26], 70)
        >>> f"{found.estimate:.2f}, SE {found.se:.4f}, df {found.df:.2f}"
        '2.10, SE 0.5859, df 17.51'
    """
    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    _check(q, u, (len(q),) if q.ndim == 1 else (), df_complete)
    m = len(q)
    within, between = float(u.mean()), float(q.var(ddof=1))
    extra = (1 + 1 / m) * between
    if extra <= ROUNDING * within:
        return Pooled(float(q.mean()), math.sqrt(within), df_complete, within, between, 0.0, 0.0, m)
    if within == 0:
        if extra <= ROUNDING * float((q**2).max()):
            return Pooled(float(q.mean()), 0.0, df_complete, 0.0, 0.0, 0.0, 0.0, m)
        raise UsageError(
            f"the {m} variances are all 0 while the estimates run from {q.min():g} to {q.max():g}; expected the "
            "variance of each estimate"
        )
    total = within + extra
    riv, df = extra / within, barnard_rubin(m, extra / total, df_complete)
    fmi = (riv + 2 / (df + 3)) / (1 + riv)
    return Pooled(float(q.mean()), math.sqrt(total), df, within, between, riv, fmi, m)


def pool_vector(estimates: ArrayLike, covariances: ArrayLike, df_complete: float = math.inf) -> PooledVector:
    """Rubin's rules for several estimates with their covariance: of the risks of two arms, for instance.

    Args:
        estimates: shape (m, q).
        covariances: shape (m, q, q).
        df_complete: as in `pool`.

    Raises:
        UsageError: as `pool`.
    """
    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(covariances, dtype=np.float64)
    _check(q, u, (*q.shape, q.shape[-1]) if q.ndim == 2 else (), df_complete)
    centred = q - q.mean(axis=0)
    within, between = u.mean(axis=0), centred.T @ centred / (len(q) - 1)
    total = within + (1 + 1 / len(q)) * between
    return PooledVector(q, u, df_complete, q.mean(axis=0), within, between, total)


def barnard_rubin(m: int, share: float, df_complete: float) -> float:
    """Degrees of freedom from m sets, the share of the variance due to missing data, and complete-data df."""
    old = (m - 1) / share**2
    if math.isinf(df_complete):
        return old
    observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    return old * observed / (old + observed)


def _check(q: Floats, u: Floats, expected: tuple[int, ...], df_complete: float) -> None:
    if not expected or u.shape != expected or len(q) < 2:
        raise UsageError(
            f"estimates have shape {q.shape} and variances {u.shape}; expected at least 2 sets, (m,) and (m,) or "
            "(m, q) and (m, q, q)"
        )
    bad = np.flatnonzero(
        ~(np.isfinite(q).reshape(len(q), -1).all(1) & np.isfinite(u).reshape(len(q), -1).all(1))
    )
    if len(bad):
        raise UsageError(
            f"sets {bad[:5].tolist()} have no finite estimate or variance; expected one of every set"
        )
    diagonal = u if u.ndim == 1 else np.einsum("mii->mi", u)
    if (diagonal < 0).any():
        raise UsageError("a variance is negative; expected squared standard errors")
    if not df_complete > 0:
        raise UsageError(f"df_complete is {df_complete}; expected degrees of freedom above 0")

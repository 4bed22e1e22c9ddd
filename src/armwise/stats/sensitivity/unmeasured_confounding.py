"""How an unmeasured confounder would change a linear comparison: omitted-variable bias in partial R2.

A confounder Z that explains a share r2dz of what the covariates leave of the treatment, and a share r2yz of what
treatment and covariates leave of the outcome, moves the estimate by exactly

    se x sqrt(df r2yz r2dz / (1 - r2dz)),

towards no effect in the worst case, and gives it the standard error se sqrt((1 - r2yz) / (1 - r2dz) df / (df - 1)).
Both are algebra of least squares: no distribution is assumed, and the sign of the bias is a choice (reduced here).

Source: Cinelli and Hazlett 2020, J R Stat Soc B 82:39.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.covariates import covariate, independent_columns
from armwise.stats.means import t_quantile
from armwise.stats.samples import Floats, flags, same_length, sample

METHOD: Final = "omitted-variable bias"


@dataclass(frozen=True, slots=True)
class LinearComparison:
    """A treatment's coefficient in a linear model, and what the sensitivity of it is made of.

    Attributes:
        estimate, se, df: the coefficient, its standard error, residual degrees of freedom.
        benchmarks: covariate -> its partial R2 with treatment (given the other covariates) and with outcome (given
            these and treatment).
        n: subjects in the model.
    """

    estimate: float
    se: float
    df: int
    benchmarks: Mapping[str, tuple[float, float]]
    n: int = 0


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The comparison, had a confounder of a given strength been measured.

    Attributes:
        r2dz, r2yz: its partial R2 with treatment and with outcome.
        estimate, se, t: what the regression would then have given, on one degree of freedom less.
        lower, upper: its interval.
    """

    r2dz: float
    r2yz: float
    estimate: float
    se: float
    t: float
    lower: float
    upper: float


def linear_comparison(
    y: ArrayLike, treated: ArrayLike, covariates: Mapping[str, ArrayLike]
) -> LinearComparison | str:
    """Least squares of the outcome on treatment and covariates, with the strength of each covariate.

    Parameters:
        y: outcome, shape (n,), none missing.
        treated: who is in the arm, shape (n,).
        covariates: name -> values, shape (n,); text and booleans as categories (their columns together).

    Returns:
        A LinearComparison; or in words why there is none.

    Raises:
        UsageError: missing values, lengths that differ.
    """
    y, z = sample(y, "y"), flags(treated, "treated").astype(np.float64)
    terms = [covariate(name, values) for name, values in covariates.items()]
    n = same_length({"y": y, "treated": z} | {f"covariate {t.name}": t.X for t in terms})
    blocks = {t.name: t.X for t in terms}
    C = np.column_stack([np.ones(n), *blocks.values()])
    d = _residuals(C, z)
    X = np.column_stack([C, z])
    df = n - len(independent_columns(X))
    if not float(d @ d) > 1e-10 * max(1.0, float(z @ z)):
        return "the covariates determine the arm"
    if df < 2:
        return f"{n} subjects are too few for {X.shape[1]} coefficients"
    e = _residuals(X, y)
    rss = float(e @ e)
    if not rss > 1e-20 * max(1.0, float(y @ y)):
        return "the model fits the outcome exactly"
    estimate, se = float(d @ y) / float(d @ d), math.sqrt(rss / df / float(d @ d))
    found = {}
    for name in blocks:
        rest = np.column_stack([np.ones(n), *(B for other, B in blocks.items() if other != name)])
        found[name] = (
            _partial_r2(rest, d, z),
            _partial_r2(np.column_stack([rest, z]), e, y),
        )
    return LinearComparison(estimate, se, df, found, n)


def _residuals(X: Floats, y: Floats) -> Floats:
    """What least squares on X leaves of y; columns that others determine do no harm."""
    Q = np.linalg.qr(X[:, independent_columns(X)])[0]
    return np.asarray(y - Q @ (Q.T @ y))


def _partial_r2(without: Floats, residuals: Floats, y: Floats) -> float:
    """The share of the residual variation of y without a block that the block explains."""
    before = _residuals(without, y)
    return max(0.0, 1 - float(residuals @ residuals) / float(before @ before))


def partial_r2(t: float, df: float) -> float:
    """The share of the residual variation of the outcome that a coefficient explains: t^2 / (t^2 + df).

    Parameters:
        t: the coefficient over its standard error.
        df: residual degrees of freedom.

    Source: Cinelli and Hazlett 2020, section 4.1. A confounder that explained all of the outcome would have to
    explain this share of the treatment to bring the estimate to 0.
    """
    return t * t / (t * t + df)


def robustness_value(t: float, df: float, q: float = 1.0, alpha: float | None = None) -> float:
    """The share that a confounder must explain of treatment and of outcome, both, to reduce the estimate by 100 q %.

    Parameters:
        t: the coefficient over its standard error; its sign does not count.
        df: residual degrees of freedom.
        q: the reduction; 1 brings the estimate to 0.
        alpha: with it, the share that brings the limit of the interval at 1 - alpha to that value.

    Returns:
        0 to 1; 0 where the interval holds it already.

    Raises:
        UsageError: df below 2, q not above 0, alpha outside 0 to 1.

    Source: Cinelli and Hazlett 2020, section 4.2. With few degrees of freedom and a large t the worst confounder
    explains less of the outcome than of the treatment, as its standard error shrinks too: the last form.
    """
    if df < 2 or not q > 0:
        raise UsageError(f"found df {df!r}, q {q!r}; expected at least 2 degrees of freedom and q above 0")
    f = abs(t) / math.sqrt(df) * q
    if alpha is None:
        return _half(f)
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it must lie between 0 and 1")
    critical = t_quantile(df - 1, 1 - alpha) / math.sqrt(df - 1)
    if f <= critical:
        return 0.0
    beyond = f - critical
    if critical > 0 and f > 1 / critical:
        return (f * f - critical * critical) / (1 + f * f)
    return _half(beyond)


def _half(f: float) -> float:
    return 0.5 * (math.sqrt(f**4 + 4 * f * f) - f * f)


def adjusted_for(found: LinearComparison, r2dz: float, r2yz: float, conf_level: float = 0.95) -> Adjusted:
    """What the regression would have given with a confounder that reduces the estimate and has this strength.

    Parameters:
        found: the comparison without it.
        r2dz: its partial R2 with the treatment, 0 to below 1.
        r2yz: its partial R2 with the outcome, 0 to 1.
        conf_level: 0.95 for 95 %.

    Raises:
        UsageError: a share out of its range.

    Source: Cinelli and Hazlett 2020, equations 7 and 8 (bias and standard error in partial R2).
    """
    if not (0 <= r2dz < 1 and 0 <= r2yz <= 1):
        raise UsageError(f"found partial R2 of {r2dz:g} and {r2yz:g}; expected 0 to below 1, and 0 to 1")
    df = found.df
    bias = found.se * math.sqrt(df * r2yz * r2dz / (1 - r2dz))
    estimate = math.copysign(1.0, found.estimate) * (abs(found.estimate) - bias)
    se = found.se * math.sqrt((1 - r2yz) / (1 - r2dz) * df / (df - 1))
    half = t_quantile(df - 1, conf_level) * se
    t = estimate / se if se > 0 else math.copysign(math.inf, estimate) if estimate else 0.0
    return Adjusted(r2dz, r2yz, estimate, se, t, estimate - half, estimate + half)


def as_strong_as(
    r2dx: float, r2yx: float, times_treatment: float = 1.0, times_outcome: float | None = None
) -> tuple[float, float] | None:
    """The largest partial R2 of a confounder that is k times as strong as a measured covariate.

    Parameters:
        r2dx: partial R2 of the covariate with treatment, given the other covariates.
        r2yx: that with the outcome, given these and treatment.
        times_treatment: how many times as much of the treatment the confounder explains.
        times_outcome: how many times as much of the outcome; the same by default.

    Returns:
        (r2dz, r2yz); None where no confounder can be so strong (it would explain more than all of the treatment).

    Raises:
        UsageError: a share outside 0 to below 1, a negative multiple.

    Source: Cinelli and Hazlett 2020, section 4.4 (bounds, the covariate and the confounder unrelated given the
    others).
    """
    k_d = times_treatment
    k_y = times_treatment if times_outcome is None else times_outcome
    if not (0 <= r2dx < 1 and 0 <= r2yx < 1 and k_d >= 0 and k_y >= 0):
        raise UsageError(
            f"found partial R2 {r2dx:g}, {r2yx:g}, multiples {k_d:g}, {k_y:g}; expected 0 to 1, >= 0"
        )
    r2dz = k_d * r2dx / (1 - r2dx)
    if r2dz >= 1:
        return None
    # the correlation of covariate and confounder within treatment, which conditioning on treatment makes
    r2zx = k_d * r2dx * r2dx / ((1 - k_d * r2dx) * (1 - r2dx))
    if r2zx >= 1:
        return None
    share = ((math.sqrt(k_y) + math.sqrt(r2zx)) / math.sqrt(1 - r2zx)) ** 2 * r2yx / (1 - r2yx)
    return r2dz, min(1.0, share)

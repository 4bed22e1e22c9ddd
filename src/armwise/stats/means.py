"""Means of one and two samples: summary, t interval, Welch's comparison, Hedges' g."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import gammaincinv, gammaln, stdtr, stdtrit

from armwise.stats.estimate import HEDGES_G, MEAN, MEAN_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.noncentral_t import noncentral_t
from armwise.stats.samples import sample

FAR_T: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sample looks like. None where it has too few values (SD: two, all else: one)."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None
    min: float | None
    max: float | None


def summary(x: ArrayLike) -> Summary:
    """Describe a sample; quartiles are type 7 of Hyndman and Fan (R's and NumPy's default).

    Parameters:
        x: values, shape (n,), none missing.

    Returns:
        n, mean, SD (divisor n - 1), median, quartiles, range.

    Raises:
        UsageError: missing values.

    Source: Hyndman and Fan 1996, Am Stat 50:361, definition 7.

    >>> summary([1, 2, 3, 4]).q1
    1.75
    """
    values = sample(x, "x")
    if not values.size:
        return Summary(0, None, None, None, None, None, None, None)
    q1, median, q3 = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75], method="linear"))
    sd = float(np.std(values, ddof=1)) if values.size > 1 else None
    return Summary(
        n=int(values.size), mean=float(values.mean()), sd=sd, median=median, q1=q1, q3=q3,
        min=float(values.min()), max=float(values.max()),
    )  # fmt: skip


def t_quantile(df: float, conf_level: float) -> float:
    """The two-sided critical value of Student's t."""
    return float(stdtrit(df, 1 - (1 - conf_level) / 2))


def t_two_sided(t: float, df: float) -> float:
    """The two-sided p of a t statistic."""
    return min(1.0, 2 * float(stdtr(df, -abs(t))))


def mean_interval(x: ArrayLike, conf_level: float = 0.95) -> Estimate:
    """The mean of one sample with its t interval; no p.

    Parameters:
        x: values, shape (n,), none missing.
        conf_level: 0.95 for 95 %.

    Returns:
        An Estimate; not estimable with fewer than two values or without variation.

    Raises:
        UsageError: missing values or a conf_level outside 0 to 1.
    """
    check_conf_level(conf_level)
    values = sample(x, "x")
    n = int(values.size)
    method = "t interval"
    if n < 2:
        reason = f"an interval needs two values at least, found {n}"
        return Estimate.not_estimable(MEAN, method, reason, conf_level=conf_level, n=n)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if sd == 0 or _constant(values):
        reason = f"all {n} values are {values[0]:g}: no variation to make an interval from"
        return Estimate.not_estimable(MEAN, method, reason, conf_level=conf_level, n=n)
    se = sd / math.sqrt(n)
    half = t_quantile(n - 1, conf_level) * se
    return Estimate(mean, se, n - 1, mean - half, mean + half, conf_level, None, n, None, None, method, MEAN)


def _constant(values: np.ndarray) -> bool:
    """Whether all values are one; their SD in floats may not be exactly zero."""
    return bool(values.max() == values.min())


def welch(arm: ArrayLike, versus: ArrayLike, conf_level: float = 0.95, null: float = 0.0) -> Estimate:
    """The difference of two means (arm minus versus) without assuming equal variances.

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, in the unit of the data (a margin, or 0).

    Returns:
        An Estimate with Satterthwaite's degrees of freedom.

    Raises:
        UsageError: missing values or a conf_level outside 0 to 1.

    Source: Welch 1938, Biometrika 29:350; Satterthwaite 1946, Biometrics Bull 2:110.
    """
    check_conf_level(conf_level)
    x, y = sample(arm, "arm"), sample(versus, "versus")
    n1, n2 = int(x.size), int(y.size)
    refuse = partial(
        Estimate.not_estimable, MEAN_DIFFERENCE, "Welch",
        conf_level=conf_level, n=n1 + n2, n_arm=n1, n_versus=n2,
    )  # fmt: skip
    if min(n1, n2) < 2:
        return refuse(f"each arm needs two values at least, found {n1} and {n2}")
    if _constant(x) and _constant(y):
        return refuse("no variation in either arm")
    v1 = 0.0 if _constant(x) else float(x.var(ddof=1)) / n1
    v2 = 0.0 if _constant(y) else float(y.var(ddof=1)) / n2
    se = math.sqrt(v1 + v2)
    df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    difference = float(x.mean() - y.mean())
    half = t_quantile(df, conf_level) * se
    return Estimate(
        difference, se, df, difference - half, difference + half, conf_level,
        t_two_sided((difference - null) / se, df), n1 + n2, n1, n2, "Welch", MEAN_DIFFERENCE,
    )  # fmt: skip


def small_sample_factor(df: float) -> float:
    """Hedges' J(df), the exact gamma form: E(J d) is the population's standardised difference."""
    return math.exp(float(gammaln(df / 2) - gammaln((df - 1) / 2)) - 0.5 * math.log(df / 2))


def hedges_g(arm: ArrayLike, versus: ArrayLike, conf_level: float = 0.95) -> Estimate:
    """Hedges' g: the mean difference over the pooled SD of the two arms, corrected for small samples.

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        conf_level: 0.95 for 95 %.

    Returns:
        An Estimate. The limits are those of the population's standardised difference by inverting the
        noncentral t distribution (exact for normal values with equal variances); the SE is the square root
        of the unbiased estimate of the variance of g. No p: Welch's belongs to the difference.

    Raises:
        UsageError: missing values or a conf_level outside 0 to 1.

    Source: Hedges 1981, J Educ Stat 6:107 (J, variance); Steiger and Fouladi 1997 (noncentral t interval).
    """
    check_conf_level(conf_level)
    x, y = sample(arm, "arm"), sample(versus, "versus")
    n1, n2 = int(x.size), int(y.size)
    df = n1 + n2 - 2
    method = "Hedges g, pooled SD, noncentral t interval"
    refuse = partial(
        Estimate.not_estimable, HEDGES_G, method, conf_level=conf_level, n=n1 + n2, n_arm=n1, n_versus=n2
    )
    if min(n1, n2) < 2:
        return refuse(f"each arm needs two values at least, found {n1} and {n2}")
    if _constant(x) and _constant(y):
        return refuse("no variation in either arm")
    s2 = ((n1 - 1) * float(x.var(ddof=1)) + (n2 - 1) * float(y.var(ddof=1))) / df
    size = 1 / n1 + 1 / n2
    d = float(x.mean() - y.mean()) / math.sqrt(s2)
    J = small_sample_factor(df)
    g = J * d
    variance = size + (1 - (df - 2) / (df * J**2)) * g**2
    lower, upper = (math.sqrt(size) * nc for nc in _noncentrality(d / math.sqrt(size), df, conf_level))
    return Estimate(
        g, math.sqrt(variance), None, lower, upper, conf_level, None, n1 + n2, n1, n2, method, HEDGES_G
    )


def _noncentrality(t: float, df: int, conf_level: float) -> tuple[float, float]:
    """The noncentralities under which an observed t is at the upper and the lower tail probability."""
    tail = (1 - conf_level) / 2
    if t < 0:
        lower, upper = _noncentrality(-t, df, conf_level)
        return -upper, -lower
    if t > FAR_T:  # T = (Z + nc)/S: Z no longer matters (to 1e-4 at 2 df), and the series fail
        lower, upper = (t * math.sqrt(2 * float(gammaincinv(df / 2, q)) / df) for q in (tail, 1 - tail))
        return lower, upper
    # a normal approximation to t given nc, generously widened, brackets both roots
    reach = 12 * math.sqrt(1 + t**2 / (2 * df)) * max(1.0, abs(float(stdtrit(df, tail))) / 2)

    def excess(nc: float, probability: float) -> float:
        share = noncentral_t(df, nc, t) if nc >= 0 else 1 - noncentral_t(df, -nc, -t)
        return share - probability

    lower = brentq(excess, t - reach, t + reach, args=(1 - tail,), xtol=1e-13)
    upper = brentq(excess, t - reach, t + reach, args=(tail,), xtol=1e-13)
    return float(lower), float(upper)

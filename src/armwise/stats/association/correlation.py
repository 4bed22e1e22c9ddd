"""Rank correlation with its interval, and the smallest correlation that a study of a size can detect."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from armwise.errors import UsageError
from armwise.stats.estimate import CORRELATION, Estimate, check_conf_level
from armwise.stats.means import t_two_sided
from armwise.stats.samples import Floats, same_length, sample

Kind = Literal["spearman", "kendall"]
METHOD_NAMES: dict[Kind, str] = {
    "spearman": "Spearman, Bonett-Wright interval",
    "kendall": "Kendall tau-b, Fieller interval",
}


def rank_correlation(
    x: ArrayLike, y: ArrayLike, kind: Kind = "spearman", conf_level: float = 0.95
) -> Estimate:
    """A rank correlation with an interval by Fisher's z; ties by midranks (Spearman) or tau-b (Kendall).

    Parameters:
        x, y: two measurements of the same subjects, shape (n,), none missing.
        kind: "spearman" or "kendall".
        conf_level: 0.95 for 95 %.

    Returns:
        The correlation. Its interval is tanh(atanh(r) -+ z c) with c = sqrt((1 + r^2/2)/(n - 3)) for Spearman (Bonett
        and Wright 2000) and c = sqrt(0.437/(n - 4)) for Kendall (Fieller, Hartley and Pearson 1957). p by
        t(n - 2) for Spearman (R: cor.test(exact = FALSE)); none for Kendall. A measurement that never varies, fewer
        than five subjects, or a perfect correlation (which has no such interval) is said in `reason`.

    Raises:
        UsageError: missing values, lengths that differ, an unknown kind.

    Source: Bonett and Wright 2000, Psychometrika 65:23-28; Fieller, Hartley and Pearson 1957, Biometrika 44:470-481.

    >>> round(rank_correlation([1, 2, 3, 4, 5, 6], [1, 3, 2, 5, 4, 6]).estimate, 3)
    0.886
    """
    check_conf_level(conf_level)
    if kind not in METHOD_NAMES:
        raise UsageError(f'kind is {kind!r}; expected "spearman" or "kendall"')
    x, y = sample(x, "x"), sample(y, "y")
    n, method = same_length({"x": x, "y": y}), METHOD_NAMES[kind]
    reason = ""
    if n < 5:
        reason = f"{n} subject{'s' * (n != 1)}; an interval of a rank correlation needs five"
    elif len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        reason = "one of the two measurements is the same in everybody"
    if reason:
        return Estimate.not_estimable(CORRELATION, method, reason, conf_level=conf_level, n=n)
    r = spearman_rho(x, y) if kind == "spearman" else _tau_b(x, y)
    if abs(r) >= 1 - 1e-12:
        why = "the ranks agree perfectly: the interval by Fisher's z does not exist"
        return Estimate(
            math.copysign(1.0, r), None, None, None, None, conf_level, None, n, None, None, method,
            CORRELATION, reason=why,
        )  # fmt: skip
    p = t_two_sided(r * math.sqrt((n - 2) / (1 - r * r)), n - 2) if kind == "spearman" else None
    variance = bonett_wright(r, n) if kind == "spearman" else 0.437 / (n - 4)
    lower, upper = fisher_limits(r, variance, conf_level)
    return Estimate(r, None, None, lower, upper, conf_level, p, n, None, None, method, CORRELATION)


def detectable_correlation(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true correlation that a two-sided test in `n` subjects finds with the given power.

    Parameters:
        n: subjects, at least 4.
        power: wanted, above alpha and below 1.
        alpha: two-sided error rate.

    Returns:
        The size of the correlation, 0 to 1, by Fisher's z: tanh((z_alpha/2 + z_power)/sqrt(n - 3)). It is that of
        a product-moment correlation of normal measurements; of ranks a little more is needed.

    Raises:
        UsageError: fewer than four subjects, alpha or power outside their ranges.

    Source: Fisher 1921, Metron 1:3; Cohen 1988, Statistical Power Analysis, chapter 3.

    >>> round(detectable_correlation(40), 2), round(detectable_correlation(36), 2)
    (0.43, 0.45)
    """
    if int(n) != n or n < 4:
        raise UsageError(f"n is {n!r}; a correlation needs four subjects at least")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it must lie between 0 and 1: write 0.05 for 5 %")
    if not alpha <= power < 1:
        raise UsageError(f"power is {power!r}; it must lie between alpha and 1: write 0.8 for 80 %")
    critical = float(-ndtri(alpha / 2))
    # rejection on the wrong side is left out, as it is at any power worth having
    return math.tanh((critical + float(ndtri(power))) / math.sqrt(n - 3))


def power_correlation(n: int, correlation: float, alpha: float = 0.05) -> float:
    """The power of the two-sided test of no correlation, by Fisher's z (the inverse of `detectable_correlation`).

    Parameters:
        n: subjects, at least 4.
        correlation: the true one, between -1 and 1.
        alpha: two-sided error rate.

    Returns:
        Power, 0 to 1; only rejection on the true side counts.

    Raises:
        UsageError: fewer than four subjects, a correlation of 1 or more.
    """
    if int(n) != n or n < 4:
        raise UsageError(f"n is {n!r}; a correlation needs four subjects at least")
    if not -1 < correlation < 1:
        raise UsageError(f"correlation is {correlation!r}; it must lie between -1 and 1")
    distance = math.atanh(abs(correlation)) * math.sqrt(n - 3)
    return float(ndtr(distance + ndtri(alpha / 2)))


def bonett_wright(r: float, n: int) -> float:
    """The variance of Fisher's z of Spearman's correlation of n subjects (Bonett and Wright 2000)."""
    return (1 + r * r / 2) / (n - 3)


def fisher_limits(r: float, variance: float, conf_level: float) -> tuple[float, float]:
    """Limits of a correlation, inside -1 to 1, from the variance of Fisher's z."""
    half = float(-ndtri((1 - conf_level) / 2)) * math.sqrt(variance)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def spearman_rho(x: Floats, y: Floats) -> float:
    """Spearman's correlation of two samples that vary, tied values at the mean of their ranks."""
    a, b = _midranks(x), _midranks(y)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / math.sqrt(float(a @ a) * float(b @ b)))


def _midranks(x: Floats) -> Floats:
    """Ranks from 1; tied values share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts).astype(np.float64)
    return np.asarray((last - (counts - 1) / 2)[inverse])


def _tau_b(x: Floats, y: Floats) -> float:
    """Kendall's tau-b: concordant less discordant pairs over the geometric mean of the pairs untied in each."""
    upper = np.triu_indices(len(x), 1)
    a = np.sign(x[:, None] - x[None, :])[upper]
    b = np.sign(y[:, None] - y[None, :])[upper]
    return float(a @ b / math.sqrt(float(np.count_nonzero(a)) * float(np.count_nonzero(b))))

"""Proportions of one and two samples: intervals, differences, ratios.

Zero cells get the interval of the method; no count is changed in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr, ndtri

from armwise.errors import UsageError
from armwise.stats.estimate import (
    ODDS_RATIO,
    RISK,
    RISK_DIFFERENCE,
    RISK_RATIO,
    Estimate,
    check_conf_level,
)
from armwise.stats.samples import check_counts
from armwise.stats.score_intervals import (
    Table,
    difference_limits,
    difference_z,
    odds_ratio_limits,
    odds_ratio_z,
    ratio_limits,
    ratio_z,
)

RiskDifferenceMethod = Literal["newcombe", "miettinen-nurminen"]

METHOD_NAMES: Mapping[str, str] = {"newcombe": "Newcombe", "miettinen-nurminen": "Miettinen-Nurminen"}

LARGEST_Z = 38.0
"""Beyond this the two-sided p is below the smallest float: it is given as 0."""


# ------------------------------------------------------------------ one sample


def wilson(x: int, n: int, conf_level: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval (no continuity correction).

    Parameters:
        x: events.
        n: subjects.
        conf_level: 0.95 for 95 %.

    Returns:
        An Estimate of the risk (0 to 1); not estimable when n is 0.

    Raises:
        UsageError: counts that are not whole, or x outside 0 to n.

    Source: Wilson 1927, JASA 22:209.

    >>> interval = wilson(0, 40)
    >>> round(interval.upper, 4)
    0.0876
    """
    return _one_risk(x, n, conf_level, "Wilson", lambda p, z: wilson_limits(p, n, z))


def clopper_pearson(x: int, n: int, conf_level: float = 0.95) -> Estimate:
    """A proportion with Clopper and Pearson's exact interval.

    Parameters, Returns, Raises: as `wilson`.

    Source: Clopper and Pearson 1934, Biometrika 26:404.
    """
    tail = (1 - check_conf_level(conf_level)) / 2

    return _one_risk(x, n, conf_level, "Clopper-Pearson", lambda p, z: exact_limits(x, n, tail, tail))


def exact_limits(x: int, n: int, below: float, above: float) -> tuple[float, float]:
    """Clopper and Pearson's limits with a tail of this probability on each side; with a tail of 0 there is no limit."""
    lower = 0.0 if x == 0 or not below else float(betaincinv(x, n - x + 1, below))
    upper = 1.0 if x == n or not above else float(betaincinv(x + 1, n - x, 1 - above))
    return lower, upper


def _one_risk(
    x: int, n: int, conf_level: float, method: str, limits: Callable[[float, float], tuple[float, float]]
) -> Estimate:
    check_conf_level(conf_level)
    check_counts(x, n)
    if n == 0:
        return Estimate.not_estimable(RISK, method, "no subjects", conf_level=conf_level)
    lower, upper = limits(x / n, normal_quantile(conf_level))
    return Estimate(x / n, None, None, lower, upper, conf_level, None, n, n, None, method, RISK)


def wilson_limits(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's limits for a proportion p of n (n need not be whole: an effective number) at quantile z."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    lower = 0.0 if p == 0 else max(0.0, centre - half)
    upper = 1.0 if p == 1 else min(1.0, centre + half)
    return lower, upper


def normal_quantile(conf_level: float) -> float:
    """The two-sided critical value of the standard normal distribution."""
    return float(-ndtri((1 - conf_level) / 2))


# ------------------------------------------------------------------ difference


def mover(
    r1: float, l1: float, u1: float, r2: float, l2: float, u2: float, correlation: float = 0.0
) -> tuple[float, float]:
    """Limits of a difference from the limits of its parts: the method of variance estimates recovery.

    Parameters:
        r1, l1, u1: estimate and limits of the first part.
        r2, l2, u2: those of the second.
        correlation: of the two estimates (0 for independent arms).

    Returns:
        Lower and upper limit of r1 - r2.

    Source: Donner and Zou 2012, Stat Methods Med Res 21:347; with Wilson limits and no correlation it is
    method 10 of Newcombe 1998, Stat Med 17:873.
    """
    a, b, c, d = r1 - l1, u2 - r2, u1 - r1, r2 - l2
    below = math.sqrt(max(0.0, a * a + b * b - 2 * correlation * a * b))
    above = math.sqrt(max(0.0, c * c + d * d - 2 * correlation * c * d))
    return r1 - r2 - below, r1 - r2 + above


def risk_difference(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    method: RiskDifferenceMethod = "newcombe",
    conf_level: float = 0.95,
    null: float = 0.0,
) -> Estimate:
    """The difference of two risks (arm minus versus), with p from the interval's own method.

    Parameters:
        x1, n1: events and subjects of the arm.
        x2, n2: those of the arm that it is compared with.
        method: "newcombe" (hybrid of two Wilson intervals) or "miettinen-nurminen" (score).
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, strictly between -1 and 1 (a margin, or 0).

    Returns:
        An Estimate. p is the level at which the interval's limit touches `null`: by root-finding for
        Newcombe, the score test for Miettinen-Nurminen.

    Raises:
        UsageError: counts that are not whole or out of range, unknown method, null outside -1 to 1.

    Source: Newcombe 1998, Stat Med 17:873 (method 10); Miettinen and Nurminen 1985, Stat Med 4:213.

    >>> d = risk_difference(56, 70, 48, 80)
    >>> round(d.lower, 4), round(d.upper, 4)
    (0.0524, 0.3339)
    """
    check_conf_level(conf_level)
    if method not in METHOD_NAMES:
        raise UsageError(f"method is {method!r}; expected one of {sorted(METHOD_NAMES)}")
    if not -1 < null < 1:
        raise UsageError(f"null is {null!r}; a risk difference lies between -1 and 1 (0.1 is 10 points)")
    name = METHOD_NAMES[method]
    table, refusal = _two_risks(x1, n1, x2, n2, RISK_DIFFERENCE, name, conf_level)
    if table is None:
        return refusal
    d, z = table.p1 - table.p2, normal_quantile(conf_level)
    if method == "newcombe":
        limits = partial(_newcombe_limits, table)
        (lower, upper), p = limits(z), p_by_touching(limits, d, null)
    else:
        lower, upper = difference_limits(table, z)
        p = 2 * float(ndtr(-abs(difference_z(table)(null))))
    return Estimate(d, None, None, lower, upper, conf_level, p, table.total, n1, n2, name, RISK_DIFFERENCE)


def _newcombe_limits(t: Table, z: float) -> tuple[float, float]:
    l1, u1 = wilson_limits(t.p1, t.n1, z)
    l2, u2 = wilson_limits(t.p2, t.n2, z)
    return mover(t.p1, l1, u1, t.p2, l2, u2)


def p_by_touching(limits: Callable[[float], tuple[float, float]], estimate: float, null: float) -> float:
    """The two-sided p of an interval: 1 minus the level at which its nearer limit touches `null`.

    Parameters:
        limits: the interval as a function of the normal quantile.
        estimate: the point estimate.
        null: the value tested.
    """
    if abs(estimate - null) < 1e-15:
        return 1.0
    side, sign = (0, 1.0) if estimate > null else (1, -1.0)

    def gap(z: float) -> float:
        return sign * (limits(z)[side] - null)

    if gap(1e-12) <= 0:
        return 1.0
    # a limit may come back for very large z when the parts are correlated: the first crossing counts
    below = 1e-12
    for z in np.arange(0.5, LARGEST_Z + 0.5, 0.5):
        if gap(float(z)) <= 0:
            return 2 * float(ndtr(-brentq(gap, below, float(z), xtol=1e-13)))
        below = float(z)
    return 0.0


# ---------------------------------------------------------------------- ratios


def risk_ratio(x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95, null: float = 1.0) -> Estimate:
    """The ratio of two risks (arm over versus) with Miettinen and Nurminen's score interval and test.

    Parameters:
        x1, n1, x2, n2: events and subjects of the arm and of the one that it is compared with.
        conf_level: 0.95 for 95 %.
        null: the ratio that p tests, above 0.

    Returns:
        An Estimate. No event in `versus` alone: the ratio and its upper limit are infinite and the lower
        limit is informative; no event at all: not estimable.

    Raises:
        UsageError: counts that are not whole or out of range, null not above 0.

    Source: Miettinen and Nurminen 1985, Stat Med 4:213; Koopman 1984, Biometrics 40:513.
    """
    table, refusal = _two_risks(x1, n1, x2, n2, RISK_RATIO, METHOD_NAMES["miettinen-nurminen"], conf_level)
    _check_ratio(null)
    if table is None:
        return refusal
    if x1 == x2 == 0:
        return _refuse(table, RISK_RATIO, conf_level, "no event in either arm: the ratio could be anything")
    lower, upper = ratio_limits(table, normal_quantile(conf_level))
    estimate = math.inf if x2 == 0 else table.p1 / table.p2
    p = 2 * float(ndtr(-abs(ratio_z(table)(null))))
    reason = "no event in the arm compared with: the ratio is infinite" if x2 == 0 else ""
    return Estimate(
        estimate, None, None, lower, upper, conf_level, p, table.total, n1, n2,
        METHOD_NAMES["miettinen-nurminen"], RISK_RATIO, reason=reason,
    )  # fmt: skip


def odds_ratio(x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95, null: float = 1.0) -> Estimate:
    """The odds ratio (arm over versus) with Miettinen and Nurminen's score interval and test.

    Parameters, Raises: as `risk_ratio`.

    Returns:
        An Estimate of the sample odds ratio; infinite or zero with a zero cell, its interval informative;
        not estimable when nobody or everybody responded.

    Source: Miettinen and Nurminen 1985, Stat Med 4:213.
    """
    table, refusal = _two_risks(x1, n1, x2, n2, ODDS_RATIO, METHOD_NAMES["miettinen-nurminen"], conf_level)
    _check_ratio(null)
    if table is None:
        return refusal
    if x1 + x2 in (0, table.total):
        who = "nobody" if x1 + x2 == 0 else "everybody"
        reason = f"{who} had the event: the odds ratio could be anything"
        return _refuse(table, ODDS_RATIO, conf_level, reason)
    lower, upper = odds_ratio_limits(table, normal_quantile(conf_level))
    infinite = x2 * (n1 - x1) == 0
    estimate = math.inf if infinite else x1 * (n2 - x2) / (x2 * (n1 - x1))
    p = 2 * float(ndtr(-abs(odds_ratio_z(table)(null))))
    reason = "a zero cell makes the odds ratio infinite" if infinite else ""
    return Estimate(
        estimate, None, None, lower, upper, conf_level, p, table.total, n1, n2,
        METHOD_NAMES["miettinen-nurminen"], ODDS_RATIO, reason=reason,
    )  # fmt: skip


# ---------------------------------------------------------------------- checks


def _check_ratio(null: float) -> None:
    if not 0 < null < math.inf:
        raise UsageError(f"null is {null!r}; a ratio is tested against a value above 0 (1 for no effect)")


def _two_risks(
    x1: int, n1: int, x2: int, n2: int, statistic: str, method: str, conf_level: float
) -> tuple[Table | None, Estimate]:
    """The checked table, or None with the Estimate that says why there is none."""
    check_conf_level(conf_level)
    check_counts(x1, n1)
    check_counts(x2, n2)
    refusal = Estimate.not_estimable(
        statistic, method, f"each arm needs a subject, found {n1} and {n2}", conf_level=conf_level,
        n=n1 + n2, n_arm=n1, n_versus=n2,
    )  # fmt: skip
    return (Table(int(x1), int(n1), int(x2), int(n2)) if min(n1, n2) > 0 else None), refusal


def _refuse(t: Table, statistic: str, conf_level: float, reason: str) -> Estimate:
    return Estimate.not_estimable(
        statistic, METHOD_NAMES["miettinen-nurminen"], reason, conf_level=conf_level,
        n=t.total, n_arm=t.n1, n_versus=t.n2,
    )  # fmt: skip

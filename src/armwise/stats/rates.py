"""Events that are counted: exact limits of a rate over time, and of a risk on one side.

What was not seen is not ruled out: with 0 of n the upper limit is the finding, and which limit it is (one- or
two-sided) stands in the method's name.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from scipy.special import gammaincinv

from armwise.errors import UsageError
from armwise.stats.estimate import RISK, Estimate, check_conf_level
from armwise.stats.proportions import exact_limits
from armwise.stats.samples import check_counts

Side = Literal["two-sided", "upper", "lower"]

RATE: Final = "rate"
RISK_METHODS: Final[dict[Side, str]] = {
    "two-sided": "Clopper-Pearson, two-sided",
    "upper": "Clopper-Pearson, one-sided upper",
    "lower": "Clopper-Pearson, one-sided lower",
}
RATE_METHODS: Final[dict[Side, str]] = {
    "two-sided": "exact Poisson (Garwood), two-sided",
    "upper": "exact Poisson (Garwood), one-sided upper",
    "lower": "exact Poisson (Garwood), one-sided lower",
}
RULE_OF_THREE: Final = "rule of three"


def exact_risk(x: int, n: int, conf_level: float = 0.95, side: Side = "two-sided") -> Estimate:
    """A proportion with Clopper and Pearson's exact limits, on both sides or on one.

    Parameters:
        x: subjects with the event.
        n: subjects.
        conf_level: 0.95 for 95 %; on one side all of the 5 % stand beyond the one limit.
        side: "two-sided"; "upper" (the lower limit is 0); "lower" (the upper limit is 1).

    Returns:
        An Estimate of the risk (0 to 1) whose method names the side; not estimable when n is 0.

    Raises:
        UsageError: counts that are not whole, x outside 0 to n, an unknown side.

    Source: Clopper and Pearson 1934, Biometrika 26:404.

    >>> [round(exact_risk(0, 40, side=side).upper, 3) for side in ("upper", "two-sided")]
    [0.072, 0.088]
    """
    below, above = _tails(conf_level, side)
    check_counts(x, n)
    if n == 0:
        return Estimate.not_estimable(RISK, RISK_METHODS[side], "no subjects", conf_level=conf_level)
    lower, upper = exact_limits(x, n, below, above)
    return Estimate(x / n, None, None, lower, upper, conf_level, None, n, n, None, RISK_METHODS[side], RISK)


def poisson_rate(
    events: int,
    time: float,
    conf_level: float = 0.95,
    side: Side = "two-sided",
    *,
    per: float = 1.0,
    subjects: int = 0,
) -> Estimate:
    """Events over person time with Garwood's exact limits.

    The limits take events to come independently at one rate. Where a subject may have several events they do not,
    and the interval is too short: then count subjects with a first event over the time until it.

    Parameters:
        events: how many.
        time: person time in which they came (years, say).
        conf_level: 0.95 for 95 %.
        side: as in `exact_risk`; "lower" has an infinite upper limit.
        per: the time that the rate is given for (100 for "per 100 patient-years").
        subjects: how many subjects gave the time, for the Estimate's n.

    Returns:
        An Estimate of the rate per `per` units of time; not estimable without person time.

    Raises:
        UsageError: a number of events that is not whole or negative, a time that is negative or not finite, events
            without time, `per` not above 0.

    Source: Garwood 1936, Biometrika 28:437 (limits by chi-squared quantiles, here as gamma quantiles).

    >>> r = poisson_rate(0, 38.0, per=100)
    >>> round(r.upper, 2)  # 3.689 / 38 x 100
    9.71
    """
    below, above = _tails(conf_level, side)
    if int(events) != events or events < 0:
        raise UsageError(f"events is {events!r}; counts are whole numbers from 0 on")
    if not (math.isfinite(time) and time >= 0) or not (math.isfinite(per) and per > 0):
        raise UsageError(f"time is {time!r}, per {per!r}; expected a time from 0 on and a unit above 0")
    if time == 0:
        if events:
            raise UsageError(f"{events} events in no time at all; the time must hold the events")
        why = "no person time"
        return Estimate.not_estimable(RATE, RATE_METHODS[side], why, conf_level=conf_level, n=subjects)
    lower = 0.0 if events == 0 or not below else float(gammaincinv(events, below))
    upper = math.inf if not above else float(gammaincinv(events + 1, 1 - above))
    scale = per / time
    return Estimate(
        events * scale, None, None, lower * scale, upper * scale, conf_level, None, subjects, subjects, None,
        RATE_METHODS[side], RATE,
    )  # fmt: skip


def rule_of_three(n: int) -> Estimate:
    """The upper limit for an event that none of n subjects had, by the rule that one can do in one's head: 3/n.

    An approximation of the one-sided exact 95 % limit, 1 - 0.05^(1/n), from above: to stand beside it.

    Parameters:
        n: subjects, none of whom had the event.

    Returns:
        An Estimate of the risk, 0 with limits 0 and 3/n (at most 1); not estimable when n is 0.

    Raises:
        UsageError: n is not a whole number from 0 on.

    Source: Hanley and Lippman-Hand 1983, JAMA 249:1743.

    >>> rule_of_three(40).upper
    0.075
    """
    check_counts(0, n)
    if n == 0:
        return Estimate.not_estimable(RISK, RULE_OF_THREE, "no subjects")
    return Estimate(0.0, None, None, 0.0, min(1.0, 3 / n), 0.95, None, n, n, None, RULE_OF_THREE, RISK)


def _tails(conf_level: float, side: Side) -> tuple[float, float]:
    """The probability beyond the lower and beyond the upper limit; 0 where there is no such limit."""
    alpha = 1 - check_conf_level(conf_level)
    tails = {"two-sided": (alpha / 2, alpha / 2), "upper": (0.0, alpha), "lower": (alpha, 0.0)}
    if side not in tails:
        raise UsageError(f"side is {side!r}; expected one of {', '.join(tails)}")
    return tails[side]

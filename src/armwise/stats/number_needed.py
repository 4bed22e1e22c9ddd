"""The number needed to treat, with an interval that may run from benefit through infinity to harm."""

from __future__ import annotations

import math
from dataclasses import dataclass

from armwise.errors import UsageError
from armwise.stats.estimate import RISK_DIFFERENCE, Estimate


@dataclass(frozen=True, slots=True)
class NumberNeededToTreat:
    """The number needed to treat, with the interval that a risk difference gives it.

    Attributes:
        estimate: 1 / |risk difference|; infinite when the difference is 0.
        benefit: whether the estimate is one to benefit (else to harm).
        lower, upper: the limits. When `covers_infinity` is False both are on the side of the estimate,
            lower <= upper. When it is True `lower` is the limit to benefit and `upper` the limit to harm:
            the interval runs from `lower` to benefit through infinity to `upper` to harm.
        covers_infinity: whether the risk difference's interval holds 0.
        conf_level: of the interval.
        to_benefit: the part of the interval to benefit, (nearer limit, farther or infinite), or None.
        to_harm: the part to harm, or None.
    """

    estimate: float
    benefit: bool
    lower: float
    upper: float
    covers_infinity: bool
    conf_level: float
    to_benefit: tuple[float, float] | None
    to_harm: tuple[float, float] | None


def number_needed_to_treat(rd: Estimate, *, higher_is_better: bool = True) -> NumberNeededToTreat | None:
    """The number needed to treat that a risk difference implies.

    Parameters:
        rd: a risk difference (arm minus versus) with limits.
        higher_is_better: whether the event is wanted (a response) or not (a relapse).

    Returns:
        A NumberNeededToTreat; None when the risk difference is not estimable.

    Raises:
        UsageError: an Estimate of another statistic.

    Source: Altman 1998, BMJ 317:1309.

    >>> from armwise.stats.proportions import risk_difference
    >>> nnt = number_needed_to_treat(risk_difference(27, 40, 3, 40))
    >>> round(nnt.estimate, 2), nnt.covers_infinity
    (1.67, False)
    """
    if rd.statistic != RISK_DIFFERENCE:
        raise UsageError(f"a number needed to treat comes from a risk difference, not from a {rd.statistic}")
    if rd.estimate is None or rd.lower is None or rd.upper is None:
        return None
    d, low, high = rd.estimate, rd.lower, rd.upper
    if not higher_is_better:
        d, low, high = -d, -high, -low
    covers = low <= 0 <= high
    to_benefit = (_inverse(high), _inverse(max(0.0, low))) if high > 0 else None
    to_harm = (_inverse(-low), _inverse(max(0.0, -high))) if low < 0 else None
    if covers:
        lower = to_benefit[0] if to_benefit else math.inf
        upper = to_harm[0] if to_harm else math.inf
    else:
        lower, upper = to_benefit or to_harm or (math.inf, math.inf)
    return NumberNeededToTreat(
        _inverse(abs(d)), d >= 0, lower, upper, covers, rd.conf_level, to_benefit, to_harm
    )


def _inverse(d: float) -> float:
    return math.inf if d == 0 else 1 / d

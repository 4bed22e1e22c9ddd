"""The E-value: how strong an unmeasured confounder would have to be, on the scale of a risk ratio.

It is the smallest risk ratio that a confounder would need with the treatment and with the outcome, both, beyond
the measured covariates, to account for the whole of an estimate (or to move its nearer limit to no effect). It says
nothing of whether there is such a confounder, and nothing of bias that is not confounding: expectation,
measurement, selection.

Source: VanderWeele and Ding 2017, Ann Intern Med 167:268 (Table 2 for other measures than the risk ratio).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from armwise.errors import UsageError
from armwise.stats.estimate import ODDS_RATIO, RISK_RATIO, Estimate

METHOD: Final = "E-value"
FROM_ODDS: Final = "E-value, the ratio of risks taken as the square root of the odds ratio"
FROM_MEANS: Final = "E-value, approximate: from the difference of means in standard deviations"

#: A difference of d standard deviations is about a risk ratio of exp(0.91 d).
PER_SD: Final = 0.91


@dataclass(frozen=True, slots=True)
class EValues:
    """The E-values of one comparison.

    Attributes:
        estimate: of the estimate; infinite where the ratio is 0 or infinite.
        limit: of the limit of the interval that is nearer to no effect; 1 where the interval holds no effect.
        ratio, ratio_limit: the risk ratio and its limit that they are made of.
        method: how the risk ratio was made; it names the approximation where there is one.
        approximate: whether the risk ratio is an approximation.
    """

    estimate: float
    limit: float
    ratio: float
    ratio_limit: float
    method: str
    approximate: bool


def e_value_of(ratio: float) -> float:
    """The E-value of a risk ratio.

    Parameters:
        ratio: at least 0; below 1 its reciprocal is taken.

    Returns:
        R + sqrt(R (R - 1)), at least 1; infinite for 0 and infinity.

    Raises:
        UsageError: a negative ratio, or NaN.

    Source: VanderWeele and Ding 2017, Table 2.

    >>> round(e_value_of(3.9), 2), round(e_value_of(1.8), 2), round(e_value_of(1 / 3.9), 2)
    (7.26, 3.0, 7.26)
    """
    if not ratio >= 0:
        raise UsageError(f"found a risk ratio of {ratio!r}; it is at least 0")
    if ratio in (0.0, math.inf):
        return math.inf
    R = ratio if ratio >= 1 else 1 / ratio
    return R + math.sqrt(R * (R - 1))


def e_values(ratio: float, lower: float, upper: float, method: str = METHOD) -> EValues:
    """The E-values of a risk ratio and of its nearer limit.

    Parameters:
        ratio, lower, upper: the risk ratio with its limits.
        method: how the ratio was made.

    Raises:
        UsageError: limits that do not enclose the ratio, or a negative number.

    >>> found = e_values(3.9, 1.8, 8.7)
    >>> round(found.estimate, 2), round(found.limit, 2)
    (7.26, 3.0)
    """
    if not lower <= ratio <= upper:
        raise UsageError(f"found {ratio:g} ({lower:g} to {upper:g}); limits enclose their ratio")
    nearer = lower if ratio >= 1 else upper
    crosses = lower <= 1 <= upper
    return EValues(
        e_value_of(ratio), 1.0 if crosses else e_value_of(nearer), ratio, nearer, method, method != METHOD
    )


def e_values_of_ratio(estimate: Estimate) -> EValues | None:
    """The E-values of a risk ratio, or of an odds ratio whose outcome is common.

    Parameters:
        estimate: a risk ratio or an odds ratio with its interval. For an odds ratio the risk ratio is taken to be
            its square root, which is an approximation for outcomes that are not rare.

    Returns:
        The E-values, or None where there is no estimate with an interval.

    Raises:
        UsageError: another statistic.
    """
    if estimate.statistic not in (RISK_RATIO, ODDS_RATIO):
        raise UsageError(f"found a {estimate.statistic}; E-values are made of a risk ratio or an odds ratio")
    if estimate.estimate is None or estimate.lower is None or estimate.upper is None:
        return None
    numbers = (estimate.estimate, estimate.lower, estimate.upper)
    if estimate.statistic == RISK_RATIO:
        return e_values(*numbers)
    root = [math.sqrt(x) for x in numbers]
    return e_values(root[0], root[1], root[2], FROM_ODDS)


def e_values_of_means(difference: float, lower: float, upper: float, sd: float) -> EValues:
    """The approximate E-values of a difference of means.

    Parameters:
        difference, lower, upper: the difference with its limits, in the unit of the outcome.
        sd: the standard deviation of the outcome, pooled over arms, in that unit.

    Returns:
        The E-values of exp(0.91 d), d in standard deviations, and of the limits in the same way (the interval's own
        quantile, where the source has 1.78 = 0.91 x 1.96).

    Raises:
        UsageError: an SD that is not above 0, limits that do not enclose the difference.

    Source: VanderWeele and Ding 2017, Table 2; Chinn 2000, Stat Med 19:3127.
    """
    if not 0 < sd < math.inf:
        raise UsageError(f"found a standard deviation of {sd!r}; it must be above 0")
    ratios = [_exp(PER_SD * x / sd) for x in (difference, lower, upper)]
    return e_values(ratios[0], ratios[1], ratios[2], FROM_MEANS)


def _exp(x: float) -> float:
    return math.inf if x > 700 else math.exp(x)

"""What a study of this size could detect: power, and the smallest difference with a given power.

To be asked of the planned size and an SD or risk from elsewhere, never of the observed effect: the "observed
power" is a function of the p and says nothing more (Hoenig and Heisey 2001, Am Stat 55:19).

For risks the z test stands for the intervals of `proportions`: at 2 x 40 and 70 against 50 % its power is
45 %, that of Newcombe's interval 46 % by enumeration; Fisher's exact test has less, 37 %.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit

from armwise.errors import UsageError
from armwise.stats.noncentral_t import noncentral_t


def power_mean_difference(
    n_arm: int, n_versus: int, difference: float, sd: float, alpha: float = 0.05
) -> float:
    """The power of the two-sided t test for a true difference of two means.

    Parameters:
        n_arm, n_versus: subjects in each arm, at least 2.
        difference: true difference, unit of the outcome.
        sd: common standard deviation, same unit.
        alpha: two-sided error rate.

    Returns:
        Power, 0 to 1, by the noncentral t distribution; rejection on either side counts.

    Raises:
        UsageError: sizes below 2, sd not above 0, alpha outside 0 to 1.

    >>> round(power_mean_difference(64, 64, 0.5, 1.0), 3)
    0.801
    """
    _check(n_arm, n_versus, alpha)
    _check_sd(sd)
    df = n_arm + n_versus - 2
    nc = abs(difference) / (sd * math.sqrt(1 / n_arm + 1 / n_versus))
    critical = -float(stdtrit(df, alpha / 2))
    if nc - critical > 30:  # the noncentral t of such a distance is certain, and its series slow
        return 1.0
    upper = 1 - noncentral_t(df, nc, critical)
    lower = noncentral_t(df, nc, -critical)
    return min(1.0, max(0.0, upper + lower))


def detectable_mean_difference(
    n_arm: int, n_versus: int, sd: float, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest true difference of two means that the two-sided t test finds with the given power.

    Parameters:
        n_arm, n_versus: subjects in each arm, at least 2.
        sd: common standard deviation, unit of the outcome.
        power: wanted, above alpha and below 1.
        alpha: two-sided error rate.

    Returns:
        The difference, unit of the outcome, positive.

    Raises:
        UsageError: as `power_mean_difference`; power not between alpha and 1.
    """
    _check(n_arm, n_versus, alpha)
    _check_power(power, alpha)
    _check_sd(sd)

    def gap(delta: float) -> float:
        return power_mean_difference(n_arm, n_versus, delta, 1.0, alpha) - power

    # the normal answer, well widened: the t test of two subjects an arm needs many SDs
    scale = math.sqrt(1 / n_arm + 1 / n_versus)
    top = scale
    while gap(top) < 0:
        top *= 2
    return float(brentq(gap, 0.0, top, xtol=1e-13)) * sd


def power_risk_difference(
    n_arm: int, n_versus: int, risk_arm: float, risk_versus: float, alpha: float = 0.05
) -> float:
    """The power of the two-sided z test of two proportions (normal approximation, no continuity correction).

    Parameters:
        n_arm, n_versus: subjects in each arm.
        risk_arm, risk_versus: true risks, 0 to 1.
        alpha: two-sided error rate.

    Returns:
        Power, 0 to 1; only rejection on the true side counts.

    Raises:
        UsageError: sizes below 2, risks or alpha outside 0 to 1.

    Source: Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, chapter 4.

    >>> round(power_risk_difference(50, 50, 0.75, 0.50), 3)
    0.74
    """
    _check(n_arm, n_versus, alpha)
    for name, risk in (("risk_arm", risk_arm), ("risk_versus", risk_versus)):
        if not 0 <= risk <= 1:
            raise UsageError(f"{name} is {risk!r}; a risk lies between 0 and 1 (0.67 is 67 %)")
    pooled = (n_arm * risk_arm + n_versus * risk_versus) / (n_arm + n_versus)
    under_none = math.sqrt(pooled * (1 - pooled) * (1 / n_arm + 1 / n_versus))
    under_true = math.sqrt(risk_arm * (1 - risk_arm) / n_arm + risk_versus * (1 - risk_versus) / n_versus)
    distance = abs(risk_arm - risk_versus) + float(ndtri(alpha / 2)) * under_none
    if under_true == 0:
        return 1.0 if distance > 0 else 0.0
    return float(ndtr(distance / under_true))


def detectable_risk_difference(
    n_arm: int, n_versus: int, risk_versus: float, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest increase of a risk that the two-sided z test finds with the given power.

    Parameters:
        n_arm, n_versus: subjects in each arm.
        risk_versus: true risk in the arm compared with, 0 to 1.
        power: wanted, at least 0.5 and below 1 (for less the normal approximation has no one answer when
            the arms are unequal and the risk is near 0).
        alpha: two-sided error rate.

    Returns:
        The difference in risk, 0 to 1 - risk_versus; None when even a risk of 1 is not found with this power.

    Raises:
        UsageError: as `power_risk_difference`; power not between 0.5 and 1.
    """
    _check(n_arm, n_versus, alpha)
    _check_power(power, 0.5)
    if not 0 <= risk_versus <= 1:
        raise UsageError(f"risk_versus is {risk_versus!r}; a risk lies between 0 and 1 (0.08 is 8 %)")

    def gap(delta: float) -> float:
        risk_arm = min(1.0, risk_versus + delta)
        return power_risk_difference(n_arm, n_versus, risk_arm, risk_versus, alpha) - power

    if risk_versus == 1 or gap(1 - risk_versus) < 0:
        return None
    return float(brentq(gap, 0.0, 1 - risk_versus, xtol=1e-13))


def _check(n_arm: int, n_versus: int, alpha: float) -> None:
    if min(n_arm, n_versus) < 2:
        raise UsageError(f"arms of {n_arm} and {n_versus}; each needs two subjects at least")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it must lie between 0 and 1: write 0.05 for 5 %")


def _check_sd(sd: float) -> None:
    if not 0 < sd < math.inf:
        raise UsageError(f"sd is {sd!r}; it must be above 0, in the unit of the outcome")


def _check_power(power: float, least: float) -> None:
    if not least <= power < 1:
        raise UsageError(f"power is {power!r}; it must lie between {least:g} and 1: write 0.8 for 80 %")

"""The ratio of two adjusted risks, with limits from the limits of each: MOVER for a ratio.

The limits are the ratios R at which the interval of risk1 - R risk0, itself made by MOVER from the limits of both
risks, touches 0. So the interval of the ratio excludes 1 exactly when the MOVER interval of the difference of the
same risks excludes 0, and a risk of 0 or 1 needs no rule of its own.

Source: Donner and Zou 2012, Stat Methods Med Res 21:347 (closed form for a ratio, with correlation).
"""

from __future__ import annotations

import math
from typing import Final

from armwise.errors import UsageError
from armwise.stats.estimate import RISK_RATIO, Estimate

METHOD: Final = "ratio by MOVER from the limits of both risks"


def mover_ratio(
    r1: float, l1: float, u1: float, r0: float, l0: float, u0: float, correlation: float = 0.0
) -> tuple[float, float]:
    """Limits of a ratio from the limits of its parts, all at least 0.

    Parameters:
        r1, l1, u1: estimate and limits of the first part.
        r0, l0, u0: those of the second.
        correlation: of the two estimates (0 for independent arms).

    Returns:
        Lower and upper limit of r1 / r0; the upper one is infinite where l0 is 0.

    Raises:
        UsageError: a part below 0, or limits that do not enclose their estimate.

    Source: Donner and Zou 2012, Stat Methods Med Res 21:347, solved without the division by u0 (2 r0 - u0), which
    is 0 or negative when r0 is small.
    """
    for r, low, high in ((r1, l1, u1), (r0, l0, u0)):
        if not 0 <= low <= r <= high:
            raise UsageError(f"found {r:g} ({low:g} to {high:g}); expected 0 <= lower <= estimate <= upper")
    below = r1 * r0 - correlation * (r1 - l1) * (u0 - r0)
    above = r1 * r0 - correlation * (u1 - r1) * (r0 - l0)
    first, second = l1 * (2 * r1 - l1), u0 * (2 * r0 - u0)
    root = below + math.sqrt(max(0.0, below * below - first * second))
    lower = first / root if root > 0 else 0.0
    first, second = u1 * (2 * r1 - u1), l0 * (2 * r0 - l0)
    root = above + math.sqrt(max(0.0, above * above - first * second))
    return lower, root / second if second > 0 else math.inf


def ratio_of_risks(
    arm: Estimate, versus: Estimate, covariance: float | None = None, method: str = METHOD
) -> Estimate:
    """The ratio of two risks that were estimated together, from their own intervals.

    Parameters:
        arm, versus: the two risks with their limits, of one level.
        covariance: of the two; None for independent arms. It counts only where both have a standard error.
        method: words for the estimate.

    Returns:
        An Estimate of the risk ratio, without p. Not estimable when a risk is, or both are 0; infinite when only
        `versus` is 0.

    Raises:
        UsageError: intervals of two levels.
    """
    if arm.conf_level != versus.conf_level:
        raise UsageError(f"one risk has a level of {arm.conf_level:g}, the other of {versus.conf_level:g}")
    missing = [e for e in (arm, versus) if e.estimate is None or e.lower is None or e.upper is None]
    reason = (missing[0].reason or "a risk without an interval") if missing else ""
    if not reason and arm.estimate == versus.estimate == 0:
        reason = "no event in either arm: the ratio could be anything"
    if reason:
        return Estimate.not_estimable(
            RISK_RATIO, method, reason, conf_level=arm.conf_level, n=arm.n + versus.n, n_arm=arm.n,
            n_versus=versus.n,
        )  # fmt: skip
    r1, r0 = float(arm.estimate or 0.0), float(versus.estimate or 0.0)
    correlation = covariance / (arm.se * versus.se) if covariance and arm.se and versus.se else 0.0
    lower, upper = mover_ratio(
        r1, float(arm.lower or 0.0), float(arm.upper or 0.0),
        r0, float(versus.lower or 0.0), float(versus.upper or 0.0), max(-1.0, min(1.0, correlation)),
    )  # fmt: skip
    return Estimate(
        math.inf if r0 == 0 else r1 / r0, None, None, lower, upper, arm.conf_level, None,
        arm.n + versus.n, arm.n, versus.n, method, RISK_RATIO,
        reason="no event in the arm compared with: the ratio is infinite" if r0 == 0 else "",
    )  # fmt: skip

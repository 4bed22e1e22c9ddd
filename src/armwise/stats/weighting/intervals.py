"""From two adjusted arm means and their covariance to estimates with intervals: t, and MOVER of Wilson limits.

The means may come from one estimator (`ArmMeans`) or be pooled over imputations (means averaged, covariance
by Rubin's rules, df by Barnard and Rubin): these functions ask only for the numbers.

Source: Wilson 1927, JASA 22:209; Donner and Zou 2012, Stat Methods Med Res 21:347.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.estimate import (
    MEAN,
    MEAN_DIFFERENCE,
    RISK,
    RISK_DIFFERENCE,
    Estimate,
    check_conf_level,
)
from armwise.stats.means import t_quantile, t_two_sided
from armwise.stats.proportions import mover, normal_quantile, p_by_touching, wilson_limits
from armwise.stats.samples import Floats

EXTREME_RISK_NOTE = (
    "a weighted risk beyond 10 or 90 %: near 95 against 6 % this interval covers no more than 93 % in "
    "simulated studies of 2 x 40"
)
NO_VARIATION = "no variation in the outcome to make an interval from"


@dataclass(frozen=True, slots=True)
class ArmEstimates:
    """A difference and its two arms as estimates.

    Attributes:
        difference: arm minus versus.
        arm, versus: the mean or risk of each arm.
        notes: what a reader must know about the difference.
    """

    difference: Estimate
    arm: Estimate
    versus: Estimate
    notes: tuple[str, ...] = ()


def means_with_t(
    means: Sequence[float],
    covariance: ArrayLike,
    df: float | None,
    n1: int,
    n0: int,
    *,
    method: str,
    conf_level: float = 0.95,
    null: float = 0.0,
    arm_df: tuple[float | None, float | None] | None = None,
) -> ArmEstimates:
    """The difference of two means with its t interval, and each mean with its own.

    Parameters:
        means: the arm first.
        covariance: of the two, shape (2, 2), all corrections made.
        df: degrees of freedom of the difference; None for the normal distribution.
        n1, n0: subjects of the arm and of the one that it is compared with.
        method: for the estimates.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests.
        arm_df: degrees of freedom of each mean; None for those of the difference.

    Returns:
        An ArmEstimates; not estimable where the outcome does not vary.

    Raises:
        UsageError: a conf_level outside 0 to 1, or another shape of the covariance.
    """
    check_conf_level(conf_level)
    m1, m0 = (float(m) for m in means)
    V = _covariance(covariance)
    variance = float(V[0, 0] + V[1, 1] - 2 * V[0, 1])
    if not variance > 1e-20 * max(1.0, m1**2 + m0**2):
        return refused(MEAN_DIFFERENCE, MEAN, method, NO_VARIATION, n1, n0, conf_level)
    df1, df0 = (df, df) if arm_df is None else arm_df

    def one(statistic: str, value: float, variance: float, df: float | None, test: bool, *n: int) -> Estimate:
        se = math.sqrt(max(0.0, variance))
        p = _two_sided((value - null) / se, df) if test else None
        half = (normal_quantile(conf_level) if df is None else t_quantile(df, conf_level)) * se
        n_arm, n_versus = (n[0], n[1] if len(n) > 1 else None)
        return Estimate(
            value,
            se,
            df,
            value - half,
            value + half,
            conf_level,
            p,
            sum(n),
            n_arm,
            n_versus,
            method,
            statistic,
        )

    return ArmEstimates(
        one(MEAN_DIFFERENCE, m1 - m0, variance, df, True, n1, n0),
        one(MEAN, m1, float(V[0, 0]), df1, False, n1),
        one(MEAN, m0, float(V[1, 1]), df0, False, n0),
    )


def risks_with_mover(
    risks: Sequence[float],
    covariance: ArrayLike,
    n1: int,
    n0: int,
    ess1: float,
    ess0: float,
    *,
    method: str,
    arm_method: str,
    conf_level: float = 0.95,
    null: float = 0.0,
) -> ArmEstimates:
    """The difference of two risks: Wilson limits at effective sizes, combined by MOVER.

    Each risk r with variance V gets Wilson's limits at the effective number r (1 - r) / V, at most the
    subjects of its arm (Kish's number where r is 0 or 1); MOVER combines them with the correlation that the
    covariance gives. p is the level at which the limit touches `null`.

    Parameters:
        risks: the arm first.
        covariance: of the two, shape (2, 2), all corrections made (and between imputations added).
        n1, n0: subjects of the arm and of the one that it is compared with.
        ess1, ess0: their Kish numbers.
        method, arm_method: for the difference, and for each risk.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, strictly between -1 and 1.

    Returns:
        An ArmEstimates; not estimable where a risk lies outside 0 to 1. Its `notes` (and the difference's
        `reason`) say when a risk is so extreme that the interval covers less than its level. A risk of 0 or
        1 has no standard error, and neither has a difference from it.

    Raises:
        UsageError: null outside -1 to 1, a conf_level outside 0 to 1, another shape of the covariance.
    """
    check_conf_level(conf_level)
    if not -1 < null < 1:
        raise UsageError(f"null is {null!r}; a risk difference lies between -1 and 1 (0.1 is 10 points)")
    V = _covariance(covariance)
    r1, r0 = (_tidy(float(r)) for r in risks)
    beyond = [r for r in (r1, r0) if not 0 <= r <= 1]
    if beyond:
        reason = f"an adjusted risk of {beyond[0]:.3g} lies outside 0 to 1 (augmented estimates may)"
        return refused(RISK_DIFFERENCE, RISK, method, reason, n1, n0, conf_level)
    e1, e0 = effective_n(r1, float(V[0, 0]), n1, ess1), effective_n(r0, float(V[1, 1]), n0, ess0)
    product = float(V[0, 0] * V[1, 1])
    # at 0 or 1 the sandwich is 0: not an error of nothing, but one that it cannot see
    known = 0 < r1 < 1 and 0 < r0 < 1
    correlation = float(V[0, 1]) / math.sqrt(product) if product > 0 and known else 0.0

    def limits(z: float) -> tuple[float, float]:
        l1, u1 = wilson_limits(r1, e1, z)
        l0, u0 = wilson_limits(r0, e0, z)
        return mover(r1, l1, u1, r0, l0, u0, correlation)

    z = normal_quantile(conf_level)
    lower, upper = limits(z)
    notes = (EXTREME_RISK_NOTE,) if not (0.1 <= r1 <= 0.9 and 0.1 <= r0 <= 0.9) else ()
    variance = max(0.0, float(V[0, 0] + V[1, 1] - 2 * V[0, 1]))
    difference = Estimate(
        r1 - r0, math.sqrt(variance) if known else None, None, lower, upper, conf_level,
        p_by_touching(limits, r1 - r0, null), n1 + n0, n1, n0, method, RISK_DIFFERENCE,
        reason="; ".join(notes),
    )  # fmt: skip

    def one(r: float, v: float, effective: float, n: int) -> Estimate:
        se = math.sqrt(max(0.0, v)) if 0 < r < 1 else None
        low, high = wilson_limits(r, effective, z)
        return Estimate(r, se, None, low, high, conf_level, None, n, n, None, arm_method, RISK)

    return ArmEstimates(difference, one(r1, V[0, 0], e1, n1), one(r0, V[1, 1], e0, n0), notes)


def refused(
    difference: str, part: str, method: str, reason: str, n1: int, n0: int, conf_level: float
) -> ArmEstimates:
    """Three estimates that there are not, and why."""
    none = Estimate.not_estimable
    return ArmEstimates(
        none(difference, method, reason, conf_level=conf_level, n=n1 + n0, n_arm=n1, n_versus=n0),
        none(part, method, reason, conf_level=conf_level, n=n1, n_arm=n1),
        none(part, method, reason, conf_level=conf_level, n=n0, n_arm=n0),
    )


def risks_refused(method: str, reason: str, n1: int, n0: int, conf_level: float) -> ArmEstimates:
    """`refused` of risks."""
    return refused(RISK_DIFFERENCE, RISK, method, reason, n1, n0, conf_level)


def means_refused(method: str, reason: str, n1: int, n0: int, conf_level: float) -> ArmEstimates:
    """`refused` of means."""
    return refused(MEAN_DIFFERENCE, MEAN, method, reason, n1, n0, conf_level)


def effective_n(risk: float, variance: float, n: int, kish: float) -> float:
    """The number of subjects at which a binomial risk would have this variance, at most the arm's."""
    if risk in (0.0, 1.0) or variance <= 0:
        return min(kish, n)
    return min(risk * (1 - risk) / variance, float(n))


def _tidy(risk: float) -> float:
    """A weighted risk, free of rounding at its ends."""
    if abs(risk) < 1e-12:
        return 0.0
    return 1.0 if abs(risk - 1) < 1e-12 else risk


def _two_sided(t: float, df: float | None) -> float:
    if df is not None:
        return t_two_sided(t, df)
    return math.erfc(abs(t) / math.sqrt(2))


def _covariance(covariance: ArrayLike) -> Floats:
    V = np.asarray(covariance, dtype=np.float64)
    if V.shape != (2, 2):
        raise UsageError(f"covariance has shape {V.shape}; expected (2, 2), the arm first")
    return V

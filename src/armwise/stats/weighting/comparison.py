"""Two adjusted arms compared: arm means of any estimator, made into a difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from armwise.stats.estimate import Estimate
from armwise.stats.propensity_score import Propensity
from armwise.stats.weighting.arm_means import ArmMeans
from armwise.stats.weighting.intervals import (
    ArmEstimates,
    means_refused,
    means_with_t,
    risks_refused,
    risks_with_mover,
)


@dataclass(frozen=True, slots=True)
class AdjustedComparison:
    """Two arms compared in one target population.

    Attributes:
        difference: arm minus versus.
        arm, versus: adjusted mean or risk of each arm.
        covariance: of the two arm estimates (they share models); None without an estimate.
        propensity: the fitted model, where the estimator has one.
        ess_arm, ess_versus: Kish's effective sample sizes under the weights; None without an estimate.
        target: whom the estimates speak of: "everyone", "treated" or "overlap".
        notes: what a reader must know about the estimate.
    """

    difference: Estimate
    arm: Estimate
    versus: Estimate
    covariance: float | None
    propensity: Propensity | None
    ess_arm: float | None
    ess_versus: float | None
    target: str
    notes: tuple[str, ...] = ()


def mean_comparison(
    means: ArmMeans, conf_level: float = 0.95, null: float = 0.0, method: str | None = None
) -> AdjustedComparison:
    """The difference of two adjusted means, with t (or the normal distribution where there are no df).

    Parameters:
        means: of any estimator.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests.
        method: words for the estimates; those of `means` by default.

    Returns:
        An AdjustedComparison; not estimable with the reason of `means`, or where the outcome does not vary.

    Raises:
        UsageError: a conf_level outside 0 to 1.
    """
    how = method or means.method
    if means.refusal:
        return _compared(means, means_refused(how, means.refusal, means.n1, means.n0, conf_level))
    found = means_with_t(
        (means.m1, means.m0), means.covariance, means.df, means.n1, means.n0,
        method=how, conf_level=conf_level, null=null,
    )  # fmt: skip
    return _compared(means, found)


def risk_comparison(
    risks: ArmMeans,
    conf_level: float = 0.95,
    null: float = 0.0,
    method: str | None = None,
    arm_method: str | None = None,
) -> AdjustedComparison:
    """The difference of two adjusted risks by MOVER of Wilson limits at effective sizes.

    Parameters:
        risks: of any estimator, of an outcome of 0 and 1.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, strictly between -1 and 1.
        method, arm_method: words for the difference and for each arm; made from those of `risks` by default.

    Returns:
        An AdjustedComparison; not estimable with the reason of `risks`.

    Raises:
        UsageError: null outside -1 to 1, or a conf_level outside 0 to 1.
    """
    how = method or f"{risks.method}, MOVER-Wilson"
    if risks.refusal:
        return _compared(risks, risks_refused(how, risks.refusal, risks.n1, risks.n0, conf_level))
    found = risks_with_mover(
        (risks.m1, risks.m0), risks.covariance, risks.n1, risks.n0, risks.ess1, risks.ess0,
        method=how, arm_method=arm_method or f"{risks.method}, Wilson at the effective number",
        conf_level=conf_level, null=null,
    )  # fmt: skip
    return _compared(risks, found)


def _compared(means: ArmMeans, found: ArmEstimates) -> AdjustedComparison:
    ok = found.difference.status == "ok"
    return AdjustedComparison(
        found.difference, found.arm, found.versus,
        float(means.covariance[0, 1]) if not means.refusal else None, means.propensity,
        means.ess1 if not means.refusal else None, means.ess0 if not means.refusal else None,
        means.target, (*means.notes, *found.notes) if ok else (),
    )  # fmt: skip

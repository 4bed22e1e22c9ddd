"""Two arms that were chosen, compared in a target population: the estimator that a protocol's `adjust` names.

The same walk with and without imputed data: adjusted arm means (or risks) with their covariance, in one data set or in
each completed one, then one interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.analysis.imputation import delta_words
from armwise.analysis.results import Row, estimate_row, row
from armwise.errors import UsageError
from armwise.protocol.model import Analysis
from armwise.protocol.plan import DRAWN
from armwise.stats import (
    AdjustedComparison,
    ArmMeans,
    Propensity,
    many_weighted_means,
    mean_comparison,
    propensity,
    risk_comparison,
)
from armwise.stats.imputation.pooled_arms import pool_arms
from armwise.stats.weighting.entropy_balancing import many_balanced_means
from armwise.stats.weighting.outcome_models import many_augmented_means, many_standardised_outcomes

if TYPE_CHECKING:
    from armwise.analysis.comparison import Comparison

Floats = NDArray[np.float64]
Covariates = Mapping[str, NDArray[Any]]

#: Adjustment -> what its rows call it.
WORDS: dict[str, str] = {
    "overlap-weights": "overlap weights",
    "inverse-probability": "inverse-probability weights",
    "entropy-balancing": "entropy balancing",
    "g-computation": "g-computation",
    "aipw": "augmented inverse-probability weights",
}
#: Adjustments that need no model of who is in which arm.
WITHOUT_PROPENSITY = ("g-computation", "entropy-balancing")


def adjusted_method(analysis: Analysis, kind: Literal["mean", "risk"]) -> str:
    """The method of an adjusted comparison in the words of its rows."""
    how = {"jackknife": "jackknife", "known": "weights as known"}.get(analysis.variance or "", "")
    parts = [
        "multiple imputation" if analysis.missing in DRAWN else "",
        WORDS[analysis.adjust],
        how or ("stacked sandwich" if kind == "mean" else ""),
        "MOVER-Wilson" if kind == "risk" else "",
    ]
    return ", ".join(filter(None, parts))


def adjusted(c: Comparison, kind: Literal["mean", "risk"], null: float = 0.0) -> AdjustedComparison:
    """The first arm against the reference, adjusted as the analysis says.

    Raises:
        UsageError: nobody, or everybody, is in the first arm; missing outcomes could not be drawn.
    """
    a, method = c.analysis, adjusted_method(c.analysis, kind)
    if c.undrawn:
        raise UsageError(c.undrawn)
    if c.imputed is None:
        y = c.frame["outcome"].to_numpy()[None]
        found = arm_means(a, y, c.treated, c.model, c.about["target"], kind)[0]
        if kind == "mean":
            return mean_comparison(found, a.conf_level, null, method)
        return risk_comparison(found, a.conf_level, null, method, _arm_method(method))
    drawn, treated = c.imputed, c.treated
    if drawn.covariates_differ:
        sets = [
            arm_means(a, drawn.outcomes[i : i + 1], treated, drawn.covariates_of(i), c.about["target"], kind)[
                0
            ]
            for i in range(drawn.sets)
        ]
    else:
        sets = arm_means(a, drawn.outcomes, treated, c.model, c.about["target"], kind)
    return pool_arms(sets, kind, a.conf_level, null, method, _arm_method(method) if kind == "risk" else None)


def adjusted_rows(c: Comparison, found: AdjustedComparison) -> Iterator[Row]:
    """The comparison, both arms, effective sizes, and how much of it rests on draws."""
    arm = c.arms[0]
    told = (found.difference.reason, *_new(found), delta_words(c.analysis), *_of_covariates(c, found))
    notes = "; ".join(filter(None, told))
    yield estimate_row(found.difference, **{**c.between(arm), "reason": notes})
    yield estimate_row(found.arm, **c.about, arm=arm)
    yield estimate_row(found.versus, **c.about, arm=c.reference)
    for name, size in ((arm, found.ess_arm), (c.reference, found.ess_versus)):
        status = {"status": "ok"} if size is not None else {"status": "not estimable", "reason": "no weights"}
        about = {**c.about, "unit": "subjects", **status}
        yield row("effective sample size", size, n=c.size(name), arm=name, method="Kish", **about)
    if c.imputed is not None:
        about = {**c.about, "unit": "data sets", "method": "chained regressions, each arm alone"}
        drawn = int(c.imputed.missing.sum())
        yield row("imputations", c.imputed.sets, n=drawn, **{**about, "reason": "; ".join(c.imputed.notes)})


def _new(found: AdjustedComparison) -> Iterator[str]:
    """Notes that the estimate's own reason does not give already."""
    return (note for note in found.notes if note not in found.difference.reason)


def _of_covariates(c: Comparison, found: AdjustedComparison) -> Iterator[str]:
    """What the covariates did not do, where there is an estimate: say anything, or leave the arms comparable."""
    if found.difference.status != "ok":
        return
    alone = c.analysis.adjust in WITHOUT_PROPENSITY
    fit = propensity(c.covariates(), c.treated) if alone else c.propensity
    if fit.aliased:
        yield f"not used, as it does not vary or others determine it: {', '.join(fit.aliased)}"
    if alone and fit.separated:
        yield (
            f"the covariates separate the arms ({', '.join(fit.separating)}): {len(fit.outside)} subjects could only "
            "have been in the arm that they were in, and what is said of them rests on the model alone"
        )


def _arm_method(method: str) -> str:
    return method.replace("MOVER-Wilson", "Wilson at the effective number")


def arm_means(
    analysis: Analysis,
    Y: Floats,
    treated: NDArray[np.bool_],
    covariates: Covariates | Propensity,
    target: Any,
    kind: Literal["mean", "risk"],
) -> list[ArmMeans]:
    """The adjusted means of both arms, one a row of outcomes.

    Args:
        analysis: its adjustment, variance and the covariates that may be dropped.
        Y: outcomes, shape (sets, people).
        treated: who is in the arm.
        covariates: of these people, or the propensity model fitted to them.
        target: whom the means speak of.
        kind: risks take a logistic outcome model, where there is one.
    """
    asked = analysis.variance
    variance: Literal["sandwich", "jackknife", "known"] = (
        "sandwich" if asked is None or asked == "rubin" else asked
    )
    # at the size of a clinic's study a logistic model for each arm alone has no solution more often than not
    outcome: Literal["linear", "logistic"] = "logistic" if kind == "risk" else "linear"
    models: Literal["by-arm", "common"] = "common" if kind == "risk" else "by-arm"
    if analysis.adjust == "g-computation":
        return many_standardised_outcomes(
            Y, treated, covariates, target, outcome=outcome, models=models, variance=variance
        )
    if analysis.adjust == "entropy-balancing":
        return many_balanced_means(Y, treated, covariates, target, variance=variance)
    model = covariates if isinstance(covariates, Propensity) else propensity_of(analysis, treated, covariates)
    if analysis.adjust == "aipw":
        return many_augmented_means(
            Y, treated, model, target, outcome=outcome, models=models, variance=variance
        )
    return many_weighted_means(Y, treated, model, target, variance=variance)


def propensity_of(analysis: Analysis, treated: NDArray[np.bool_], covariates: Covariates) -> Propensity:
    """The propensity model; terms are dropped only in the order that the protocol declares.

    Raises:
        UsageError: nobody, or everybody, is in the arm.
    """
    return propensity(covariates, treated, droppable=analysis.droppable)

"""Arms that were chosen, not randomised, compared in one target population.

The order of the walk: `targets` (whom the comparison speaks of) -> an estimator of both arm means and of each
subject's influence on them (`propensity_weights`, `entropy_balancing`, `outcome_models`) -> `arm_means` (their
covariance: stacked sandwich or jackknife) -> `intervals` (t; MOVER of Wilson limits) -> `comparison`.
`overlap` is the default, all steps in one call. `score_overlap` says whether both arms could have had either
treatment, `sites` which sites carry a comparison.
"""

from __future__ import annotations

from armwise.stats.propensity_score import Propensity, propensity
from armwise.stats.weighting.arm_means import ArmMeans
from armwise.stats.weighting.comparison import AdjustedComparison, mean_comparison, risk_comparison
from armwise.stats.weighting.entropy_balancing import balanced_means, many_balanced_means
from armwise.stats.weighting.intervals import (
    EXTREME_RISK_NOTE,
    ArmEstimates,
    means_with_t,
    risks_with_mover,
)
from armwise.stats.weighting.outcome_models import (
    augmented_means,
    many_augmented_means,
    many_standardised_outcomes,
    standardised_outcomes,
)
from armwise.stats.weighting.overlap import (
    ARM_RISK_METHOD,
    MEAN_METHOD,
    RISK_METHOD,
    OverlapComparison,
    overlap_mean_difference,
    overlap_risk_difference,
)
from armwise.stats.weighting.propensity_weights import many_weighted_means, weighted_means
from armwise.stats.weighting.score_overlap import ScoreOverlap, positivity
from armwise.stats.weighting.sites import Sites, leave_one_site_out, sites_of
from armwise.stats.weighting.targets import TARGETS, effective_sample_size, overlap_weights, weights_to

__all__ = [
    "ARM_RISK_METHOD",
    "EXTREME_RISK_NOTE",
    "MEAN_METHOD",
    "RISK_METHOD",
    "TARGETS",
    "AdjustedComparison",
    "ArmEstimates",
    "ArmMeans",
    "OverlapComparison",
    "Propensity",
    "ScoreOverlap",
    "Sites",
    "augmented_means",
    "balanced_means",
    "effective_sample_size",
    "leave_one_site_out",
    "many_augmented_means",
    "many_balanced_means",
    "many_standardised_outcomes",
    "many_weighted_means",
    "mean_comparison",
    "means_with_t",
    "overlap_mean_difference",
    "overlap_risk_difference",
    "overlap_weights",
    "positivity",
    "propensity",
    "risk_comparison",
    "risks_with_mover",
    "sites_of",
    "standardised_outcomes",
    "weighted_means",
    "weights_to",
]

"""Two adjusted arms in many completed data sets, made into one comparison.

Means: the difference and each mean by Rubin's rules, t on Barnard and Rubin's degrees of freedom. Risks: averaged,
their covariance within sets and between them added, then Wilson limits at the effective number p (1 - p) / V (at most
the subjects of the arm; Kish's number at 0 and 1) combined by MOVER. In simulated studies of 2 x 40 with 15 % dropout
these intervals, after overlap weights, keep their level (docs/calibration.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from armwise.errors import UsageError
from armwise.stats.imputation.rubin import Pooled, pool_vector
from armwise.stats.weighting.arm_means import ArmMeans
from armwise.stats.weighting.comparison import AdjustedComparison, mean_comparison, risk_comparison
from armwise.stats.weighting.intervals import ArmEstimates, means_with_t, risks_with_mover

#: What stands behind a method of which the estimates of many sets were pooled.
POOLED = "multiple imputation"


def pool_arms(
    sets: Sequence[ArmMeans],
    kind: Literal["mean", "risk"],
    conf_level: float = 0.95,
    null: float = 0.0,
    method: str | None = None,
    arm_method: str | None = None,
) -> AdjustedComparison:
    """One comparison of many completed data sets.

    Parameters:
        sets: the adjusted arm means (or risks) of each set, at least two, of the same subjects and estimator.
        kind: "mean" (Rubin, t) or "risk" (MOVER of Wilson limits).
        conf_level: 0.95 for 95 %.
        null: the difference that p tests.
        method, arm_method: words for the difference and (risks) for each arm; made from those of the sets by default.

    Returns:
        An AdjustedComparison; not estimable where any set has no estimate: leaving sets out would choose among them.

    Raises:
        UsageError: fewer than two sets, or sets of other subjects; a null or conf_level that cannot be.

    Source: Rubin 1987, Multiple Imputation for Nonresponse in Surveys, eq. 3.1.2 to 3.1.8; Barnard and Rubin 1999,
    Biometrika 86:948; Donner and Zou 2012, Stat Methods Med Res 21:347 (MOVER).
    """
    if len(sets) < 2:
        raise UsageError(f"{len(sets)} sets; expected at least 2")
    first = sets[0]
    if any((s.n1, s.n0, s.method) != (first.n1, first.n0, first.method) for s in sets):
        raise UsageError("sets of different subjects or methods; expected the same comparison in each")
    plain = f"{POOLED}, {first.method}"
    how = method or (plain if kind == "mean" else f"{plain}, MOVER-Wilson")
    each = arm_method or f"{plain}, Wilson at the effective number"
    without = [s for s in sets if s.refusal]
    if without:
        reason = f"{without[0].refusal} ({len(without)} of {len(sets)} imputed data sets)"
        refused = _refused(first, reason)
        if kind == "mean":
            return mean_comparison(refused, conf_level, null, how)
        return risk_comparison(refused, conf_level, null, how, each)
    means = np.array([(s.m1, s.m0) for s in sets])
    covariances = np.stack([s.covariance for s in sets])
    df = min(np.inf if s.df is None else s.df for s in sets)
    pooled = pool_vector(means, covariances, df)
    ess = np.array([(s.ess1, s.ess0) for s in sets]).mean(axis=0)
    if kind == "risk":
        found = risks_with_mover(
            pooled.estimate.tolist(), pooled.total, first.n1, first.n0, float(ess[0]), float(ess[1]),
            method=how, arm_method=each,
            conf_level=conf_level, null=null,
        )  # fmt: skip
    else:
        found = _means(pooled.contrast([1, -1]), pooled.part(0), pooled.part(1), first, how, conf_level, null)
    notes = dict.fromkeys((*_notes(sets), *found.notes))
    return AdjustedComparison(
        found.difference, found.arm, found.versus, float(pooled.total[0, 1]), first.propensity,
        float(ess[0]), float(ess[1]), first.target, tuple(notes),
    )  # fmt: skip


def _means(
    difference: Pooled,
    arm: Pooled,
    versus: Pooled,
    first: ArmMeans,
    method: str,
    conf_level: float,
    null: float,
) -> ArmEstimates:
    """Three pooled estimates with intervals; the covariance that goes in reproduces their variances."""
    covariance = (arm.variance + versus.variance - difference.variance) / 2
    V = [[arm.variance, covariance], [covariance, versus.variance]]
    return means_with_t(
        (arm.estimate, versus.estimate), V, _finite(difference.df), first.n1, first.n0, method=method,
        conf_level=conf_level, null=null, arm_df=(_finite(arm.df), _finite(versus.df)),
    )  # fmt: skip


def _notes(sets: Sequence[ArmMeans]) -> list[str]:
    """The notes of all sets; of one that is not every set's (a covariate left out of some), in how many."""
    counts = Counter(note for s in sets for note in dict.fromkeys(s.notes))
    m = len(sets)
    return [n if k == m else f"{n} ({k} of {m} imputed data sets)" for n, k in counts.items()]


def _finite(df: float) -> float | None:
    return df if np.isfinite(df) else None


def _refused(first: ArmMeans, reason: str) -> ArmMeans:
    nothing = np.full((2, 2), np.nan)
    return ArmMeans(
        np.nan, np.nan, nothing, None, first.n, first.n1, first.n0, 0.0, 0.0, first.target, first.method,
        refusal=reason,
    )  # fmt: skip

"""Arm means under weights from a propensity model: everyone (inverse probability), treated, overlap.

The weights are normalised in each arm (Hajek). Propensity and both means are one set of estimating
equations: psi_i = ((z - e) x, z w1 (y - m1), (1 - z) w0 (y - m0)).

Source: Li, Morgan and Zaslavsky 2018, JASA 113:390 (weights); Lunceford and Davidian 2004, Stat Med 23:2937
(Hajek's means, their stacked sandwich).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from armwise.stats.propensity_score import Propensity, logistic, propensity
from armwise.stats.samples import Bools, Floats, flags
from armwise.stats.weighting.arm_means import (
    ArmMeans,
    Memory,
    Solution,
    Variance,
    arm_means,
    outcomes,
    same_subjects,
)
from armwise.stats.weighting.targets import LARGEST_SHARE, Target, check_target

METHODS: Mapping[str, str] = {
    "everyone": "inverse-probability weights",
    "treated": "weights to the treated",
    "overlap": "overlap weights",
}
NO_SOLUTION = "the propensity model has no solution"
INFINITE = "a propensity score of 0 or 1: its weight would be infinite"


def weighted_means(
    y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    target: Target = "overlap",
    *,
    variance: Variance = "sandwich",
    small_sample: bool = True,
) -> ArmMeans:
    """The weighted means (or risks) of both arms with their covariance.

    Parameters:
        y: outcome, shape (n,), none missing.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        X: covariates, shape (n, k) or name -> values; or the propensity model, fitted to these subjects.
        target: "everyone", "treated" or "overlap".
        variance: "sandwich", "jackknife" or "known".
        small_sample: sandwich times n/(n - p - 1), and t; False for neither.

    Returns:
        An ArmMeans; its `refusal` says why when there is no estimate.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm, an unknown target or variance.
    """
    return _means(outcomes(y, many=False), treated, X, target, variance, small_sample)[0]


def many_weighted_means(
    Y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    target: Target = "overlap",
    *,
    variance: Variance = "sandwich",
    small_sample: bool = True,
) -> list[ArmMeans]:
    """`weighted_means` of many outcomes of the same subjects (imputations) under one propensity model.

    Parameters:
        Y: outcomes, shape (m, n), one row an imputation; all else as `weighted_means`.

    Returns:
        One ArmMeans a row of Y.

    Raises:
        UsageError: as `weighted_means`.
    """
    return _means(outcomes(Y, many=True), treated, X, target, variance, small_sample)


def _means(
    Y: Floats,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    target: Target,
    variance: Variance,
    small_sample: bool,
) -> list[ArmMeans]:
    check_target(target)
    z = flags(treated, "treated")
    fit = X if isinstance(X, Propensity) else propensity(X, z)
    z = same_subjects(Y, z, len(fit.X))
    S, gamma = fit.standardised()
    return arm_means(
        Y, z, S, partial(solve, target=target), target=target, method=METHODS[target], variance=variance,
        small_sample=small_sample, propensity=fit, memory=(gamma,), refusal=fit.problem,
    )  # fmt: skip


def solve(Y: Floats, z: Bools, X: Floats, memory: Memory, *, target: Target) -> Solution:
    """Propensity, weights and both weighted means of each row of Y (a `Solver`)."""
    fit = logistic(X, z, memory[0] if memory else None)
    e = fit.fitted
    if not fit.converged:
        return Solution.none(NO_SOLUTION)
    if target != "overlap" and min(e.min(), 1 - e.max()) < LARGEST_SHARE:
        return Solution.none(INFINITE)
    n = len(z)
    h = e * (1 - e)
    influence_gamma = np.linalg.solve((X * h[:, None]).T @ X / n, ((z - e)[:, None] * X).T)
    means, influence, known = np.empty((len(Y), 2)), np.empty((len(Y), 2, n)), np.empty((len(Y), 2, n))
    weights = np.empty(n)
    for a, (w, slope) in enumerate(zip(_weights(e, target), _slopes(e, target), strict=True)):
        here = z if a == 0 else ~z
        weights[here] = w[here]
        w, slope = np.where(here, w, 0.0), np.where(here, slope, 0.0)
        total = float(w.sum())
        means[:, a] = Y @ w / total
        residual = Y - means[:, a, None]
        known[:, a] = residual * w * (n / total)
        influence[:, a] = known[:, a] + (residual * slope) @ X @ influence_gamma / total
    return Solution(means, influence, known, weights, (fit.coefficients,))


def _weights(e: Floats, target: Target) -> tuple[Floats, Floats]:
    if target == "overlap":
        return 1 - e, e
    return (1 / e if target == "everyone" else np.ones_like(e)), (
        1 / (1 - e) if target == "everyone" else e / (1 - e)
    )


def _slopes(e: Floats, target: Target) -> tuple[Floats, Floats]:
    """How the weights change with the linear predictor."""
    if target == "overlap":
        return -e * (1 - e), e * (1 - e)
    odds = e / (1 - e)
    return (-1 / odds if target == "everyone" else np.zeros_like(e)), odds

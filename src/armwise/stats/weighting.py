"""Overlap weights: arms that were chosen, not randomised, compared on the patients whom both arms treat.

Each subject is weighted by the probability of the other arm. After a logistic propensity model the weighted
means of its covariates are equal in both arms, exactly. The target is the population in which both arms are
likely choices.

Uncertainty is that of all steps at once: propensity and both arm means are one set of estimating equations,
and their sandwich is multiplied by n/(n - p - 1), p the number of propensity coefficients with the
intercept. Simulated studies of 2 x 40 with known truth, complete cases: where the models hold the 95 %
interval of the mean difference covers 94 to 95 %, that of the risk difference 94 to 96 %; both 93 % where
they do not, and the risk difference no more than 93 % near 95 against 6 %.

Source: Li, Morgan and Zaslavsky 2018, JASA 113:390 (weights); Stefanski and Boos 2002, Am Stat 56:29
(stacked equations); Wilson 1927; Donner and Zou 2012 (limits of the risk difference).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

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
from armwise.stats.propensity_score import Propensity, propensity
from armwise.stats.proportions import mover, normal_quantile, p_by_touching, wilson_limits
from armwise.stats.samples import Bools, Floats, flags, same_length, sample

__all__ = [
    "OverlapComparison",
    "Propensity",
    "effective_sample_size",
    "overlap_mean_difference",
    "overlap_risk_difference",
    "overlap_weights",
    "propensity",
]

MEAN_METHOD = "overlap weights, stacked sandwich"
RISK_METHOD = "overlap weights, MOVER-Wilson"
ARM_RISK_METHOD = "overlap weights, Wilson at the effective number"
EXTREME_RISK_NOTE = (
    "a weighted risk beyond 10 or 90 %: near 95 against 6 % this interval covers no more than 93 % in "
    "simulated studies of 2 x 40"
)


@dataclass(frozen=True, slots=True)
class OverlapComparison:
    """Two arms compared with overlap weights.

    Attributes:
        difference: arm minus versus.
        arm, versus: weighted mean or risk of each arm.
        covariance: of the two arm estimates (they share the propensity model); None without an estimate.
        propensity: the fitted model.
        ess_arm, ess_versus: Kish's effective sample sizes under the weights; None without weights.
        notes: what a reader must know about the estimate.
    """

    difference: Estimate
    arm: Estimate
    versus: Estimate
    covariance: float | None
    propensity: Propensity
    ess_arm: float | None
    ess_versus: float | None
    notes: tuple[str, ...] = ()


def overlap_weights(scores: ArrayLike, treated: ArrayLike) -> Floats:
    """Each subject's probability of the other arm.

    Parameters:
        scores: propensity scores, shape (n,), 0 to 1.
        treated: who is in the arm, shape (n,).

    Returns:
        Weights, shape (n,): 1 - score in the arm, score in the other.

    Raises:
        UsageError: scores outside 0 to 1, missing values, lengths that differ.
    """
    e, z = sample(scores, "scores"), flags(treated, "treated")
    same_length({"scores": e, "treated": z})
    if e.size and (e.min() < 0 or e.max() > 1):
        raise UsageError(f"scores reach from {e.min():g} to {e.max():g}; a propensity lies between 0 and 1")
    return np.where(z, 1 - e, e)


def effective_sample_size(weights: ArrayLike) -> float:
    """Kish's effective sample size: how many unweighted subjects carry as much as these weighted ones.

    Parameters:
        weights: shape (n,), at least 0.

    Returns:
        (sum w)^2 / sum w^2; 0 when all weights are 0.

    Raises:
        UsageError: negative or missing weights.

    Source: Kish 1965, Survey Sampling, section 11.2.
    """
    w = sample(weights, "weights")
    if w.size and w.min() < 0:
        raise UsageError(f"the smallest weight is {w.min():g}; weights are at least 0")
    squares = float(w @ w)
    return float(w.sum()) ** 2 / squares if squares > 0 else 0.0


def overlap_mean_difference(
    y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    conf_level: float = 0.95,
    null: float = 0.0,
) -> OverlapComparison:
    """The overlap-weighted difference of two means, with t on n - p - 1 degrees of freedom.

    Parameters:
        y: outcome, shape (n,), none missing (complete cases).
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        X: covariates of the propensity model, shape (n, k) or name -> values; or the model, fitted to these subjects.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests.

    Returns:
        An OverlapComparison; "not estimable" when covariates separate the arms or too few subjects are left.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm.
    """
    check_conf_level(conf_level)
    stack = _Stack.of(sample(y, "y"), flags(treated, "treated"), X)
    if stack.refusal:
        return stack.refused(MEAN_DIFFERENCE, MEAN, MEAN_METHOD, conf_level)
    V, df = stack.V, stack.df
    t = t_quantile(df, conf_level)

    def one(statistic: str, value: float, variance: float, null: float | None, **counts: int) -> Estimate:
        se = math.sqrt(max(0.0, variance))
        p = None if null is None else t_two_sided((value - null) / se, df)
        lower, upper = value - t * se, value + t * se
        return Estimate(
            value, se, df, lower, upper, conf_level, p, counts["n"], counts.get("n_arm"),
            counts.get("n_versus"), MEAN_METHOD, statistic,
        )  # fmt: skip

    variance = V[0, 0] + V[1, 1] - 2 * V[0, 1]
    if not variance > 1e-20 * max(1.0, stack.m1**2 + stack.m0**2):
        stack = stack.with_refusal("no variation in the outcome to make an interval from")
        return stack.refused(MEAN_DIFFERENCE, MEAN, MEAN_METHOD, conf_level)
    sizes = {"n": stack.n, "n_arm": stack.n1, "n_versus": stack.n0}
    return stack.comparison(
        one(MEAN_DIFFERENCE, stack.m1 - stack.m0, variance, null, **sizes),
        one(MEAN, stack.m1, V[0, 0], None, n=stack.n1, n_arm=stack.n1),
        one(MEAN, stack.m0, V[1, 1], None, n=stack.n0, n_arm=stack.n0),
    )


def overlap_risk_difference(
    y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    conf_level: float = 0.95,
    null: float = 0.0,
) -> OverlapComparison:
    """The overlap-weighted difference of two risks: Wilson limits at effective sizes, combined by MOVER.

    Each weighted risk r with corrected sandwich variance V gets Wilson's limits at the effective number
    r (1 - r) / V, at most the subjects of its arm (Kish's number where r is 0 or 1); MOVER combines them
    with the correlation that the sandwich gives. p is the level at which the limit touches `null`.

    Parameters:
        y: who responded (booleans or 0 and 1), shape (n,), none missing (complete cases).
        treated: who is in the arm, shape (n,).
        X: covariates of the propensity model, shape (n, k) or name -> values; or the model, fitted to these subjects.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, strictly between -1 and 1.

    Returns:
        An OverlapComparison whose `notes` (and the difference's `reason`) say when a risk is so extreme
        that the interval covers less than its level. A risk of 0 or 1 has no standard error, and neither has
        a difference from it.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm, null outside -1 to 1.
    """
    check_conf_level(conf_level)
    if not -1 < null < 1:
        raise UsageError(f"null is {null!r}; a risk difference lies between -1 and 1 (0.1 is 10 points)")
    stack = _Stack.of(flags(y, "y").astype(np.float64), flags(treated, "treated"), X)
    if stack.refusal:
        return stack.refused(RISK_DIFFERENCE, RISK, RISK_METHOD, conf_level)
    V = stack.V
    r1, r0 = (_tidy(stack.m1), _tidy(stack.m0))
    e1 = _effective_n(r1, V[0, 0], stack.n1, stack.ess1)
    e0 = _effective_n(r0, V[1, 1], stack.n0, stack.ess0)
    product = V[0, 0] * V[1, 1]
    correlation = V[0, 1] / math.sqrt(product) if product > 0 and 0 < r1 < 1 and 0 < r0 < 1 else 0.0

    def limits(z: float) -> tuple[float, float]:
        l1, u1 = wilson_limits(r1, e1, z)
        l0, u0 = wilson_limits(r0, e0, z)
        return mover(r1, l1, u1, r0, l0, u0, correlation)

    z = normal_quantile(conf_level)
    lower, upper = limits(z)
    notes = (EXTREME_RISK_NOTE,) if not (0.1 <= r1 <= 0.9 and 0.1 <= r0 <= 0.9) else ()
    variance = max(0.0, V[0, 0] + V[1, 1] - 2 * V[0, 1])
    # at 0 or 1 the sandwich is 0: not an error of nothing, but one that it cannot see
    known = 0 < r1 < 1 and 0 < r0 < 1
    difference = Estimate(
        r1 - r0, math.sqrt(variance) if known else None, None, lower, upper, conf_level,
        p_by_touching(limits, r1 - r0, null), stack.n, stack.n1, stack.n0, RISK_METHOD, RISK_DIFFERENCE,
        reason="; ".join(notes),
    )  # fmt: skip

    def one(r: float, v: float, effective: float, n: int) -> Estimate:
        se = math.sqrt(max(0.0, v)) if 0 < r < 1 else None
        low, high = wilson_limits(r, effective, z)
        return Estimate(r, se, None, low, high, conf_level, None, n, n, None, ARM_RISK_METHOD, RISK)

    arm, versus = one(r1, V[0, 0], e1, stack.n1), one(r0, V[1, 1], e0, stack.n0)
    return stack.comparison(difference, arm, versus, notes)


def _tidy(risk: float) -> float:
    """A weighted risk, free of rounding at its ends."""
    if risk < 1e-12:
        return 0.0
    return 1.0 if risk > 1 - 1e-12 else risk


def _effective_n(risk: float, variance: float, n: int, kish: float) -> float:
    """The number of subjects at which a binomial risk would have this variance, at most the arm's."""
    if risk in (0.0, 1.0) or variance <= 0:
        return min(kish, n)
    return min(risk * (1 - risk) / variance, float(n))


@dataclass(frozen=True, slots=True)
class _Stack:
    """Propensity and both weighted means as one set of estimating equations, solved.

    `V` is the corrected covariance of the two means (arm first), shape (2, 2).
    """

    fit: Propensity
    n: int
    n1: int
    n0: int
    df: int
    m1: float
    m0: float
    V: Floats
    ess1: float
    ess0: float
    refusal: str

    @classmethod
    def of(cls, y: Floats, z: Bools, X: ArrayLike | Mapping[str, ArrayLike] | Propensity) -> _Stack:
        n = same_length({"y": y, "treated": z})
        fit = X if isinstance(X, Propensity) else propensity(X, z)
        if len(fit.X) != n:
            raise UsageError(f"the propensity model was fitted to {len(fit.X)} subjects; y holds {n}")
        df = n - len(fit.columns) - 1
        n1 = int(np.count_nonzero(z))
        build = partial(cls, fit=fit, n=n, n1=n1, n0=n - n1, df=df)
        refusal = fit.problem
        if not refusal and df < 1:
            refusal = f"{n} subjects are too few for {len(fit.columns)} propensity coefficients"
        if refusal:
            empty = np.zeros((2, 2))
            return build(m1=0.0, m0=0.0, V=empty, ess1=0.0, ess0=0.0, refusal=refusal)
        w = overlap_weights(fit.scores, z)
        m1, m0 = (float(w[g] @ y[g] / w[g].sum()) for g in (z, ~z))
        V = stacked_sandwich(y, z, fit, m1, m0) * n / df
        return build(
            m1=m1, m0=m0, V=V, refusal="",
            ess1=effective_sample_size(w[z]), ess0=effective_sample_size(w[~z]),
        )  # fmt: skip

    def with_refusal(self, reason: str) -> _Stack:
        return replace(self, refusal=reason)

    def comparison(
        self, difference: Estimate, arm: Estimate, versus: Estimate, notes: tuple[str, ...] = ()
    ) -> OverlapComparison:
        return OverlapComparison(
            difference, arm, versus, float(self.V[0, 1]), self.fit, self.ess1, self.ess0, notes
        )

    def refused(self, difference: str, part: str, method: str, conf_level: float) -> OverlapComparison:
        refuse = partial(Estimate.not_estimable, method=method, reason=self.refusal, conf_level=conf_level)
        return OverlapComparison(
            refuse(difference, n=self.n, n_arm=self.n1, n_versus=self.n0),
            refuse(part, n=self.n1, n_arm=self.n1),
            refuse(part, n=self.n0, n_arm=self.n0),
            None, self.fit, None, None,
        )  # fmt: skip


def stacked_sandwich(y: Floats, z: Bools, fit: Propensity, m1: float, m0: float) -> Floats:
    """The uncorrected covariance of the two overlap-weighted means, propensity estimated.

    With theta = (gamma, m1, m0), psi_i = ((z - e) x, z (1 - e)(y - m1), (1 - z) e (y - m0)):
    A = -mean d psi / d theta, B = mean psi psi', V = A^-1 B A^-T / n.

    Parameters:
        y: outcome, shape (n,); z: who is in the arm, shape (n,).
        fit: the propensity model; m1, m0: the weighted means.

    Returns:
        Shape (2, 2), the arm first.

    Source: Stefanski and Boos 2002, Am Stat 56:29, equations 5 to 8.
    """
    X, e = fit.X, fit.scores
    n, q = X.shape
    # gamma in standardised units: the means' block does not change, and A stays well conditioned
    X = X / np.linalg.norm(X, axis=0) * math.sqrt(n)
    treated = z.astype(np.float64)
    h = e * (1 - e)
    r1, r0 = y - m1, y - m0
    psi = np.column_stack([(treated - e)[:, None] * X, treated * (1 - e) * r1, (1 - treated) * e * r0])
    A = np.zeros((q + 2, q + 2))
    A[:q, :q] = (X * h[:, None]).T @ X / n
    A[q, :q] = (treated * h * r1) @ X / n
    A[q + 1, :q] = -((1 - treated) * h * r0) @ X / n
    A[q, q] = float((treated * (1 - e)).sum()) / n
    A[q + 1, q + 1] = float(((1 - treated) * e).sum()) / n
    B = psi.T @ psi / n
    half = np.linalg.solve(A, B)
    V = np.linalg.solve(A, half.T) / n
    return np.asarray(V[q:, q:])

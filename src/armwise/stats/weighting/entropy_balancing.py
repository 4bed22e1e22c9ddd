"""Entropy balancing: the weights nearest to equal ones by which covariate means are those of the target, exactly.

Each arm's weights are w_i proportional to exp(lambda' (x_i - mu)), mu the target's covariate means; lambda
minimises the log of their sum, which Newton's method solves to rounding. There is a solution exactly when
mu lies inside the convex hull of the arm's covariates; when it does not, the covariates that it lies
outside of are named.

With beta the weighted regression of the outcome on the covariates in an arm, a subject's influence on the
arm's mean is w (y - m - beta'(x - mu)) / mean(w) + beta' (influence on mu): the estimate is consistent
when the outcome is linear in the covariates, or the log odds of the arm are.

Source: Hainmueller 2012, Polit Anal 20:25, equations 4 to 8; Zhao and Percival 2017, J Causal Inference 5
(two robustnesses); Stefanski and Boos 2002, Am Stat 56:29 (stacked equations).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from armwise.errors import UsageError
from armwise.stats.propensity_score import Propensity, never_below
from armwise.stats.samples import Bools, Floats
from armwise.stats.weighting.arm_means import ArmMeans, Memory, Solution, Variance, arm_means, outcomes
from armwise.stats.weighting.covariate_design import covariate_design

BalanceTarget = Literal["everyone", "treated"]
METHODS: Mapping[str, str] = {
    "everyone": "entropy balancing to everyone",
    "treated": "entropy balancing to the treated",
}
ITERATIONS = 100
TOLERANCE = 1e-13
"""On the largest imbalance left, in standard deviations."""


def balanced_means(
    y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    target: BalanceTarget = "everyone",
    *,
    variance: Variance = "sandwich",
    small_sample: bool = True,
) -> ArmMeans:
    """The means (or risks) of both arms under entropy-balancing weights, with their covariance.

    Parameters:
        y: outcome, shape (n,), none missing.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        X: covariates, shape (n, k) or name -> values; or a propensity model, whose covariates are taken.
        target: "everyone" or "treated".
        variance: "sandwich", "jackknife" or "known".
        small_sample: sandwich times n/(n - p - 1), and t; False for neither.

    Returns:
        An ArmMeans; its `refusal` names the covariates outside the arm's range when there is no solution.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm, an unknown target or variance.
    """
    return many_balanced_means(
        outcomes(y, many=False), treated, X, target, variance=variance, small_sample=small_sample
    )[0]


def many_balanced_means(
    Y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity,
    target: BalanceTarget = "everyone",
    *,
    variance: Variance = "sandwich",
    small_sample: bool = True,
) -> list[ArmMeans]:
    """`balanced_means` of many outcomes of the same subjects, shape (m, n): one ArmMeans a row."""
    if target not in METHODS:
        raise UsageError(f'target is {target!r}; entropy balancing knows "everyone" and "treated"')
    outcome = outcomes(Y, many=True)
    z, S, columns = covariate_design(outcome, treated, X)
    return arm_means(
        outcome, z, S, partial(solve, target=target, columns=columns), target=target, method=METHODS[target],
        variance=variance, small_sample=small_sample,
    )  # fmt: skip


def solve(
    Y: Floats, z: Bools, X: Floats, memory: Memory, *, target: BalanceTarget, columns: tuple[str, ...]
) -> Solution:
    """Both arms' weights and weighted means (a `Solver`)."""
    n = len(z)
    t = np.ones(n) if target == "everyone" else z.astype(np.float64)
    C = X[:, 1:] - t @ X[:, 1:] / t.sum()
    influence_mu = C * (t * (n / t.sum()))[:, None]
    weights = np.zeros(n)
    means, influence, known = np.empty((len(Y), 2)), np.empty((len(Y), 2, n)), np.empty((len(Y), 2, n))
    ends: list[Floats] = []
    for a, here in enumerate((z, ~z)):
        if a == 0 and target == "treated":
            lam, share = np.zeros(C.shape[1]), np.full(int(here.sum()), 1 / here.sum())
        else:
            lam, share, balanced = dual(C[here], memory[a] if memory else None)
            if not balanced:
                return Solution.none(outside(C[here], columns[1:], a, target))
        ends.append(lam)
        weights[here] = share * len(share)
        w = np.zeros(n)
        w[here] = share * n  # mean 1 over all subjects: weights divided by their mean
        means[:, a] = Y @ w / n
        residual = Y - means[:, a, None]
        known[:, a] = residual * w
        S = (C * w[:, None]).T @ C / n
        beta = np.linalg.lstsq(S, C.T @ (residual * w).T / n, rcond=1e-12)[0]
        moved = a == 1 or target == "everyone"
        influence[:, a] = known[:, a] - ((C @ beta).T * w - (influence_mu @ beta).T if moved else 0.0)
    return Solution(means, influence, known, weights, tuple(ends))


def dual(C: Floats, start: Floats | None = None) -> tuple[Floats, Floats, bool]:
    """The weights nearest to equal ones with weighted column means 0, by Newton's method on the dual.

    Parameters:
        C: covariates less the target's means, well scaled, shape (n, k).
        start: lambda to begin at; None for 0.

    Returns:
        lambda, shape (k,); weights that sum to 1, shape (n,); whether the means are 0 to `TOLERANCE`.
    """
    lam = np.zeros(C.shape[1]) if start is None else start

    def value(lam: Floats) -> float:
        reach = C @ lam
        top = float(reach.max())
        return top + float(np.log(np.exp(reach - top).sum()))

    best, now = lam, value(lam)
    w = softmax(C @ lam)
    smallest = np.inf
    for _ in range(ITERATIONS):
        w = softmax(C @ lam)
        gradient = w @ C
        size = float(np.abs(gradient).max(initial=0.0))
        if size < smallest:
            best, smallest = lam, size
        if size < TOLERANCE:
            break
        step = np.linalg.lstsq((C * w[:, None]).T @ C - np.outer(gradient, gradient), gradient, rcond=1e-12)[
            0
        ]
        factor = 1.0
        while True:
            proposed = lam - factor * step
            then = value(proposed)
            if then <= now + 1e-15 * max(1.0, abs(now)) or factor < 1e-8:
                break
            factor /= 2
        lam, now = proposed, then
    w = softmax(C @ best)
    # far out the imbalance vanishes too, on an edge of the hull: some weights are 0 there, and near it next to 0
    inside = float(w.min()) > 1e-12 / len(w) or never_below(C) is None
    return best, w, smallest < 100 * TOLERANCE and inside


def outside(C: Floats, columns: tuple[str, ...], a: int, target: str) -> str:
    """Why an arm cannot be balanced: which covariates the target's means lie outside of."""
    alone = [name for name, c in zip(columns, C.T, strict=True) if not c.min() < 0 < c.max() and np.any(c)]
    whose = "all subjects" if target == "everyone" else "the treated"
    arm = "the arm" if a == 0 else "the arm compared with"
    if not alone:
        direction = never_below(C)
        if direction is None:
            return f"entropy balancing did not reach balance in {arm}"
        names = [name for name, d in zip(columns, direction, strict=True) if abs(d) > 1e-7]
        what = f"the combination of {', '.join(names)} of"
    else:
        what = f"the mean {', '.join(alone)} of"
    return (
        f"{what} {whose} lies outside the range of {arm}: "
        "no weights can balance it (entropy balancing has no solution)"
    )

"""Two adjusted arm means with their covariance: what every estimator gives, before any interval.

An estimator solves its estimating equations for the two means and gives each subject's influence on them
(how the means move when a subject counts a little more, all models refitted). From these follow

- "sandwich": V = sum of squared influences / n^2, the stacked sandwich A^-1 B A^-T / n, times
  n/(n - p - 1) for small samples, with t on n - p - 1, p the coefficients of the covariates' model;
- "jackknife": every subject left out once and everything refitted, t on n - p - 1;
- "known": weights and outcome models taken as known. For inverse-probability weights this is the robust
  standard error of a weighted regression, as most published analyses have it (too large, as a rule); for
  the augmented estimator the efficient influence function. Uncorrected, with the normal distribution.

Source: Stefanski and Boos 2002, Am Stat 56:29, equations 5 to 8; Miller 1974, Biometrika 61:1 (jackknife).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.propensity_score import Propensity
from armwise.stats.samples import Bools, Floats, flags, sample
from armwise.stats.weighting.targets import effective_sample_size

Variance = Literal["sandwich", "jackknife", "known"]
VARIANCES: Final = ("sandwich", "jackknife", "known")
Memory = tuple[Floats, ...]


@dataclass(frozen=True, slots=True)
class ArmMeans:
    """The adjusted means (or risks) of two arms in one target population.

    Attributes:
        m1, m0: of the arm and of the one that it is compared with; NaN with a `refusal`.
        covariance: of the two, the arm first, shape (2, 2), corrected; NaN with a `refusal`.
        df: degrees of freedom of t; None for the normal distribution.
        n, n1, n0: subjects used, and those of each arm.
        ess1, ess0: Kish's effective sizes under the weights; the arm's subjects where there are no weights.
        target: whom the means speak of: "everyone", "treated" or "overlap".
        method: the estimator and its variance, in words.
        propensity: the propensity model, where the estimator has one.
        weights: one a subject, shape (n,), where the estimator weights subjects.
        refusal: why there is no estimate; empty when there is one.
        notes: what a reader must know about the estimate.
    """

    m1: float
    m0: float
    covariance: Floats
    df: float | None
    n: int
    n1: int
    n0: int
    ess1: float
    ess0: float
    target: str
    method: str
    propensity: Propensity | None = None
    weights: Floats | None = None
    refusal: str = ""
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """Arm minus the one compared with."""
        return self.m1 - self.m0

    @property
    def variance(self) -> float:
        """The variance of the difference."""
        V = self.covariance
        return float(V[0, 0] + V[1, 1] - 2 * V[0, 1])


@dataclass(frozen=True, slots=True)
class Solution:
    """What an estimator found for m outcomes of the same n subjects.

    Attributes:
        means: arm first, shape (m, 2).
        influence: of each subject on the means, shape (m, 2, n); `known` the same with the models known.
        weights: one a subject, shape (n,); None without weights.
        memory: where the models' iterations ended, a start for a solution nearby.
        refusal: why there is no solution; empty when there is one.
    """

    means: Floats
    influence: Floats
    known: Floats
    weights: Floats | None
    memory: Memory
    refusal: str = ""

    @classmethod
    def none(cls, reason: str) -> Solution:
        """No solution, and why."""
        empty = np.empty((0, 2))
        return cls(empty, empty, empty, None, (), reason)


Solver = Callable[[Floats, Bools, Floats, Memory], Solution]
"""(Y of shape (m, n), who is in the arm, design with intercept, memory) -> Solution."""


def outcomes(y: ArrayLike, many: bool) -> Floats:
    """One outcome a subject, or one row of them an imputation, as a matrix of shape (m, n).

    Raises:
        UsageError: another shape, or missing values.
    """
    if not many:
        return sample(y, "y")[None, :]
    Y = np.asarray(y, dtype=np.float64)
    if Y.ndim != 2:
        raise UsageError(f"Y has shape {Y.shape}; expected one row an imputation, one column a subject")
    sample(Y.ravel(), "Y")
    return Y


def same_subjects(Y: Floats, treated: ArrayLike, subjects: int) -> Bools:
    """Who is in the arm, checked against the outcomes and the covariates.

    Raises:
        UsageError: other numbers of subjects.
    """
    z = flags(treated, "treated")
    if len(z) != Y.shape[1]:
        raise UsageError(
            f"lengths differ: y holds {Y.shape[1]} subjects, treated {len(z)}; "
            "each needs one value a subject, in the same order"
        )
    if subjects != len(z):
        raise UsageError(f"the propensity model was fitted to {subjects} subjects; y holds {len(z)}")
    return z


def arm_means(
    Y: Floats,
    z: Bools,
    X: Floats,
    solve: Solver,
    *,
    target: str,
    method: str,
    variance: Variance = "sandwich",
    small_sample: bool = True,
    propensity: Propensity | None = None,
    memory: Memory = (),
    refusal: str = "",
) -> list[ArmMeans]:
    """The means of each row of Y with their covariance, by one estimator.

    Parameters:
        Y: outcomes, shape (m, n); z: who is in the arm, shape (n,).
        X: design of the covariates with its intercept, well scaled, shape (n, p).
        solve: the estimator.
        target, method: for the result.
        variance, small_sample: see the module.
        propensity, memory: what is known before.
        refusal: why there can be no estimate, if that is known before.

    Returns:
        One ArmMeans a row of Y.

    Raises:
        UsageError: an unknown variance.
    """
    if variance not in VARIANCES:
        raise UsageError(f"variance is {variance!r}; expected one of {', '.join(map(repr, VARIANCES))}")
    n, p = X.shape
    n1 = int(np.count_nonzero(z))
    method = f"{method}, {'models as known' if variance == 'known' else words(variance, small_sample)}"
    make = partial(ArmMeans, n=n, n1=n1, n0=n - n1, target=target, method=method, propensity=propensity,
                   notes=(*dropped_notes(propensity), *size_notes(p, n1, n - n1)))  # fmt: skip
    if not refusal and n - p - 1 < 1:
        refusal = f"{n} subjects are too few for {p} coefficients"
    found = Solution.none(refusal) if refusal else solve(Y, z, X, memory)
    covariances = np.empty((0, 2, 2))
    refusal = found.refusal
    if not refusal and variance == "jackknife":
        covariances, refusal = jackknife(Y, z, X, solve, found.memory)
    elif not refusal:
        influence = found.known if variance == "known" else found.influence
        covariances = influence @ influence.transpose(0, 2, 1) / n**2
        if variance == "sandwich" and small_sample:
            covariances = covariances * (n / (n - p - 1))
    if refusal:
        nothing = np.full((2, 2), math.nan)
        one = make(m1=math.nan, m0=math.nan, covariance=nothing, df=None, ess1=0.0, ess0=0.0, refusal=refusal)
        return [one] * len(Y)
    w = found.weights
    ess = (float(n1), float(n - n1)) if w is None else tuple(map(effective_sample_size, (w[z], w[~z])))
    df = float(n - p - 1) if variance == "jackknife" or (variance == "sandwich" and small_sample) else None
    return [
        make(m1=float(m[0]), m0=float(m[1]), covariance=V, df=df, ess1=ess[0], ess0=ess[1], weights=w)
        for m, V in zip(found.means, covariances, strict=True)
    ]


def words(variance: str, small_sample: bool) -> str:
    """A variance in words."""
    if variance == "jackknife":
        return "jackknife that refits everything"
    return "stacked sandwich" if small_sample else "stacked sandwich, uncorrected"


def size_notes(p: int, n1: int, n0: int) -> tuple[str, ...]:
    """A note when the model has more than one covariate for ten subjects of the smaller arm."""
    covariates, smaller = p - 1, min(n1, n0)
    if 10 * covariates <= smaller:
        return ()
    return (
        f"{covariates} covariate columns for {smaller} subjects in the smaller arm: "
        "more than one for ten subjects",
    )


def dropped_notes(fit: Propensity | None) -> tuple[str, ...]:
    """A note when covariates had to be left out of the propensity model."""
    if fit is None or not fit.dropped:
        return ()
    return (
        f"left out of the propensity model, in the declared order, for want of a solution: {', '.join(fit.dropped)}",
    )


def jackknife(
    Y: Floats, z: Bools, X: Floats, solve: Solver, memory: Memory = ()
) -> tuple[NDArray[np.float64], str]:
    """The delete-one jackknife of both means, everything refitted without each subject in turn.

    Parameters:
        Y, z, X, solve, memory: as `arm_means`.

    Returns:
        Covariances, shape (m, 2, 2), and why there are none (empty when there are).

    Source: Miller 1974, Biometrika 61:1: (n - 1)/n times the sum of squares about their mean.
    """
    n = len(z)
    left_out = np.empty((n, len(Y), 2))
    keep = np.ones(n, dtype=np.bool_)
    for i in range(n):
        keep[i] = False
        if z[keep].all() or not z[keep].any():
            return np.empty((0, 2, 2)), "an arm of one subject: the jackknife cannot leave it out"
        found = solve(Y[:, keep], z[keep], X[keep], memory)
        if found.refusal:
            return np.empty((0, 2, 2)), f"with one subject left out there is no solution: {found.refusal}"
        left_out[i] = found.means
        keep[i] = True
    d = (left_out - left_out.mean(axis=0)).transpose(1, 2, 0)
    return d @ d.transpose(0, 2, 1) * ((n - 1) / n), ""

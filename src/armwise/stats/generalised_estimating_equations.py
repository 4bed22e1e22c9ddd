"""Generalised estimating equations: outcomes that repeat within a subject (levels, sides, visits), a mean model alone.

The working correlation is a guess that costs precision when it is wrong and nothing else; what is inferred rests on the
subjects, by a covariance corrected for their small number and t on subjects minus parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.cluster_covariance import COVARIANCES, Covariance, cluster_covariance
from armwise.stats.covariates import independent_columns
from armwise.stats.estimate import COEFFICIENT, MEAN_DIFFERENCE, ODDS_RATIO, Estimate, check_conf_level
from armwise.stats.means import t_quantile, t_two_sided
from armwise.stats.propensity_score import never_below
from armwise.stats.samples import Floats, flags, labels, sample

Family = Literal["normal", "binary"]
Correlation = Literal["independence", "exchangeable"]
_COVARIANCE_WORDS: Final = {
    "mancl-derouen": "Mancl-DeRouen covariance",
    "kauermann-carroll": "Kauermann-Carroll covariance",
    "robust": "robust covariance",
}
_ITERATIONS: Final = 60
_TOLERANCE: Final = 1e-10
#: A linear predictor that far out is a probability of 0 or 1 in all but name: the data separate.
_FAR: Final = 30.0
_SEPARATION: Final = "no finite estimate: the outcomes of a group are all alike (separation)"


@dataclass(frozen=True)
class Gee:
    """A fit by generalised estimating equations.

    Attributes:
        beta: coefficients, shape (p,); empty where there is no fit.
        covariance: of the coefficients, shape (p, p).
        df: subjects minus coefficients.
        correlation: the working correlation of two outcomes of a subject; 0 under independence.
        scale: mean squared Pearson residual.
        subjects, rows: how many were used.
        family: the mean model: identity link, or logit.
        method: in words.
        reason: why there is no fit; empty where there is one.
    """

    beta: Floats
    covariance: Floats
    df: int
    correlation: float
    scale: float
    subjects: int
    rows: int
    family: Family
    method: str
    reason: str = ""


def gee(
    y: ArrayLike,
    X: ArrayLike,
    subjects: ArrayLike,
    *,
    family: Family = "normal",
    correlation: Correlation = "exchangeable",
    covariance: Covariance = "mancl-derouen",
) -> Gee:
    """Fits a mean model to outcomes that repeat within subjects.

    Parameters:
        y: outcomes, shape (rows,): numbers, or 0 and 1 for a binary family.
        X: design matrix with its column of ones, shape (rows, p).
        subjects: whose outcome it is, shape (rows,).
        family: "normal" (identity link, constant variance) or "binary" (logit link, variance mu(1 - mu)).
        correlation: the working correlation within a subject; the exchangeable one is the mean product of two Pearson
            residuals of a subject over the scale, the scale their mean square (no correction for p in either).
        covariance: see `cluster_covariance`.

    Returns:
        A `Gee`; where there is none (separation, too few subjects, no convergence) its `reason` says why.

    Raises:
        UsageError: missing values, lengths that differ, a design with aliased columns, unknown words.

    Source: Liang and Zeger 1986, Biometrika 73:13, eq. 6.

    Example:
        >>> fit = gee([1.0, 2, 2, 3, 5, 4, 6, 7], [[1, 0]] * 4 + [[1, 1]] * 4, [1, 1, 2, 2, 3, 3, 4, 4])
        >>> fit.beta.round(6).tolist(), fit.df
        ([2.0, 3.5], 2)
    """
    outcome, design, groups = _checked(y, X, subjects, family, correlation, covariance)
    K, (n, p) = len(groups), design.shape
    words = f"GEE, {correlation} correlation, {_COVARIANCE_WORDS[covariance]}, t on subjects - parameters"

    def none(reason: str) -> Gee:
        return Gee(np.empty(0), np.empty((0, 0)), K - p, 0.0, 0.0, K, n, family, words, reason)

    if p >= K:
        return none(f"{K} subjects for {p} coefficients: nothing is left to judge the precision by")
    if family == "binary" and outcome.min() == outcome.max():
        return none(f"all {n} outcomes are alike")
    beta: Floats = np.zeros(p)
    if family == "normal":
        beta = np.asarray(np.linalg.lstsq(design, outcome, rcond=None)[0])

    def failed(reason: str) -> Gee:  # along a separation anything may break first: the residuals, the steps
        apart = family == "binary" and never_below(np.where(outcome == 1, 1.0, -1.0)[:, None] * design)
        return none(reason if apart is False or apart is None else _SEPARATION)

    for _ in range(_ITERATIONS):
        mu, slope = _mean(design @ beta, family)
        residual = (outcome - mu) / np.sqrt(slope)
        scale = float(residual @ residual) / n
        alpha = _exchangeable(residual, groups, scale) if correlation == "exchangeable" else 0.0
        longest = max(len(g) for g in groups)
        if alpha >= 1 or 1 + (longest - 1) * alpha <= 1e-8:
            return failed(f"the working correlation {alpha:.3g} is not possible: use independence")
        Z, e = _whitened(design, slope, residual, groups, alpha)
        try:
            step = np.linalg.solve(sum(z.T @ z for z in Z), sum(z.T @ r for z, r in zip(Z, e, strict=True)))
        except np.linalg.LinAlgError:
            step = np.full(p, np.nan)
        beta = beta + step
        reached = float(np.abs(design @ beta).max())
        if not np.isfinite(beta).all() or (family == "binary" and reached > _FAR):
            return none(_SEPARATION)
        if float(np.abs(design @ step).max()) <= _TOLERANCE * max(1.0, reached):
            break
    else:
        return failed(f"the fit did not converge in {_ITERATIONS} steps")
    mu, slope = _mean(design @ beta, family)
    Z, e = _whitened(design, slope, (outcome - mu) / np.sqrt(slope), groups, alpha)
    V = cluster_covariance(Z, e, covariance)
    if V is None:
        return failed("one subject alone decides a coefficient")
    return Gee(beta, V, K - p, alpha, scale, K, n, family, words)


def gee_contrast(
    fit: Gee,
    weights: ArrayLike,
    *,
    conf_level: float = 0.95,
    n_arm: int | None = None,
    n_versus: int | None = None,
) -> Estimate:
    """A combination of a fit's coefficients with its t interval and p; an odds ratio for a binary outcome.

    Parameters:
        fit: as `gee` gives it.
        weights: of the coefficients, shape (p,).
        conf_level: 0.95 for 95 %.
        n_arm, n_versus: subjects of the arms, where arms are compared.

    Returns:
        An Estimate of statistic "mean difference" where arms are compared (else "coefficient"), or "odds ratio" (its
        `se` is that of the logarithm); not estimable with the fit's reason where there is no fit.

    Raises:
        UsageError: not one weight a coefficient.
    """
    check_conf_level(conf_level)
    statistic = ODDS_RATIO if fit.family == "binary" else COEFFICIENT if n_arm is None else MEAN_DIFFERENCE

    def none(reason: str) -> Estimate:
        return Estimate.not_estimable(
            statistic,
            fit.method,
            reason,
            conf_level=conf_level,
            n=fit.subjects,
            n_arm=n_arm,
            n_versus=n_versus,
        )

    if fit.reason:
        return none(fit.reason)
    L = np.asarray(weights, dtype=np.float64)
    if L.shape != fit.beta.shape:
        raise UsageError(
            f"weights have shape {L.shape}; expected one for each of {fit.beta.size} coefficients"
        )
    d, se = float(L @ fit.beta), math.sqrt(max(0.0, float(L @ fit.covariance @ L)))
    if se <= 1e-12 * max(1.0, abs(d)):
        return none("no variation between subjects")
    half = t_quantile(fit.df, conf_level) * se
    ends = [d, d - half, d + half]
    if fit.family == "binary":
        ends = [math.exp(min(v, 700.0)) for v in ends]
    return Estimate(
        ends[0], se, fit.df, ends[1], ends[2], conf_level, t_two_sided(d / se, fit.df), fit.subjects, n_arm, n_versus,
        fit.method, statistic,
    )  # fmt: skip


def _checked(
    y: ArrayLike, X: ArrayLike, subjects: ArrayLike, family: str, correlation: str, covariance: str
) -> tuple[Floats, Floats, list[np.ndarray]]:
    for found, known in (
        (family, ("normal", "binary")),
        (correlation, ("independence", "exchangeable")),
        (covariance, COVARIANCES),
    ):
        if found not in known:
            raise UsageError(f"found {found!r}; expected one of {', '.join(known)}")
    outcome = flags(y, "y").astype(np.float64) if family == "binary" else sample(y, "y")
    design = np.asarray(X, dtype=np.float64)
    if design.ndim != 2 or not np.isfinite(design).all():
        raise UsageError(f"X has shape {design.shape}; expected numbers, one row an outcome, none missing")
    who = labels(subjects, "subjects").astype(str)
    if not len(outcome) == len(design) == len(who) or not len(who):
        raise UsageError(f"lengths differ: y {len(outcome)}, X {len(design)}, subjects {len(who)}")
    kept = independent_columns(design)
    if len(kept) < design.shape[1]:
        lost = [j for j in range(design.shape[1]) if j not in kept]
        raise UsageError(f"columns {lost} of X follow from those before them; leave them out")
    _, first, number = np.unique(who, return_index=True, return_inverse=True)
    order = np.argsort(first)  # subjects as they come
    return outcome, design, [np.flatnonzero(number == k) for k in order]


def _mean(eta: Floats, family: Family) -> tuple[Floats, Floats]:
    """The mean, and its variance function; with these links also the derivative of the mean by eta."""
    if family == "normal":
        return eta, np.ones_like(eta)
    mu = 1 / (1 + np.exp(-eta))
    return np.asarray(mu), np.asarray(np.maximum(mu * (1 - mu), 1e-300))


def _exchangeable(residual: Floats, groups: list[np.ndarray], scale: float) -> float:
    """The mean product of two different residuals of one subject, over the scale."""
    products, pairs = 0.0, 0
    for g in groups:
        r = residual[g]
        products += (float(r.sum()) ** 2 - float(r @ r)) / 2
        pairs += len(g) * (len(g) - 1) // 2
    return products / pairs / scale if pairs and scale > 0 else 0.0


def _whitened(
    design: Floats, slope: Floats, residual: Floats, groups: list[np.ndarray], alpha: float
) -> tuple[list[Floats], list[Floats]]:
    """Each subject's rows and residuals under its working covariance A^1/2 R A^1/2, made uncorrelated.

    D = A X for both links, so that A^-1/2 D = A^1/2 X.
    """
    rows = np.sqrt(slope)[:, None] * design
    factors: dict[int, Floats] = {}
    Z, e = [], []
    for g in groups:
        m = len(g)
        if m not in factors:
            R = np.full((m, m), alpha)
            np.fill_diagonal(R, 1.0)
            factors[m] = np.linalg.inv(np.linalg.cholesky(R))
        Z.append(factors[m] @ rows[g])
        e.append(factors[m] @ residual[g])
    return Z, e

"""Odds ratios that stay finite when a covariate separates yes from no: Firth's penalised logistic regression.

The likelihood is multiplied by the root of the determinant of the information (Jeffreys' prior), which takes
away the leading bias of the coefficients and keeps them finite. Intervals come from the profile of the
penalised likelihood: after separation it is far from a parabola, and estimate +- 1.96 SE misleads.
Probabilities predicted from this model are drawn towards one half: do not standardise risks with it.

Source: Firth 1993, Biometrika 80:27; Heinze and Schemper 2002, Stat Med 21:2409 (separation, profile
intervals).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from armwise.errors import UsageError
from armwise.stats.covariates import covariates_of, independent_columns
from armwise.stats.estimate import ODDS_RATIO, Estimate, check_conf_level
from armwise.stats.proportions import normal_quantile
from armwise.stats.samples import Bools, Floats, flags, same_length

METHOD: Final = "Firth logistic regression, profile interval"
INTERCEPT: Final = "(intercept)"
ITERATIONS: Final = 200
FARTHEST: Final = 60.0
"""Limits of a standardised log odds ratio are looked for no farther than this."""


@dataclass(frozen=True, slots=True)
class Firth:
    """A fitted penalised logistic regression.

    Attributes:
        columns: the columns of the model, intercept first; categories as "covariate[level]".
        coefficients: log odds a unit, shape (p,).
        se: from the inverse of the information at the estimate, shape (p,); unreliable after separation.
        odds_ratios: one a column but the intercept, with profile intervals and penalised likelihood ratio p.
        log_likelihood: the penalised one, at its maximum, in the covariates' units.
        aliased: columns left out because those before them determine them.
    """

    columns: tuple[str, ...]
    coefficients: Floats
    se: Floats
    odds_ratios: Mapping[str, Estimate]
    log_likelihood: float
    aliased: tuple[str, ...]


def firth_logistic(y: ArrayLike, X: ArrayLike | Mapping[str, ArrayLike], conf_level: float = 0.95) -> Firth:
    """Fit Firth's logistic regression, with profile intervals of the odds ratios.

    Parameters:
        y: the event (booleans or 0 and 1), shape (n,), none missing.
        X: covariates, shape (n, k) without intercept, or name -> values (text and booleans become treatment
            contrasts); none missing. Who is in the arm is one of them.
        conf_level: 0.95 for 95 %.

    Returns:
        A Firth.

    Raises:
        UsageError: missing values, lengths that differ, fewer subjects than coefficients.

    >>> fit = firth_logistic([0, 0, 0, 1, 1, 1], {"arm": [0, 0, 0, 1, 1, 1]})
    >>> round(fit.odds_ratios["arm"].estimate, 6)
    49.0
    """
    check_conf_level(conf_level)
    z = flags(y, "y")
    terms = covariates_of(X)
    same_length({"y": z} | {f"covariate {term.name}": term.X for term in terms})
    full = np.hstack([np.ones((z.size, 1)), *(term.X for term in terms)])
    names = (INTERCEPT, *(c for term in terms for c in term.columns))
    kept = independent_columns(full)
    if z.size <= len(kept):
        raise UsageError(f"{z.size} subjects are too few for {len(kept)} coefficients")
    design, columns = full[:, kept], tuple(names[j] for j in kept)
    centre, scale = design.mean(axis=0), design.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    S = (design - centre) / scale
    gamma, value, converged = _maximum(S, z, np.zeros(S.shape[1]), None)
    coefficients = gamma / scale
    coefficients[0] -= float(coefficients[1:] @ centre[1:])
    # standard errors in the units of the covariates: those of S, carried back by the same linear map
    back = np.diag(1 / scale)
    back[0, 1:] = -centre[1:] / scale[1:]
    se = np.sqrt(np.diag(back @ np.linalg.inv(_information(S, gamma)) @ back.T))
    ratios = {
        name: _odds_ratio(S, z, gamma, value, j, float(scale[j]), float(se[j]), conf_level, converged)
        for j, name in enumerate(columns)
        if j
    }
    aliased = tuple(name for j, name in enumerate(names) if j not in kept)
    # the determinant in the units of the covariates, not in standard deviations
    likelihood = value + float(np.log(scale).sum())
    return Firth(columns, coefficients, se, ratios, likelihood, aliased)


def _information(S: Floats, gamma: Floats) -> Floats:
    e = expit(S @ gamma)
    return np.asarray((S * (e * (1 - e))[:, None]).T @ S)


def _penalised(S: Floats, z: Bools, gamma: Floats) -> float:
    """The log-likelihood plus half the log determinant of the information."""
    sign, log_determinant = np.linalg.slogdet(_information(S, gamma))
    if sign <= 0:
        return -math.inf
    return float(log_expit(np.where(z, 1.0, -1.0) * (S @ gamma)).sum()) + float(log_determinant) / 2


def _maximum(S: Floats, z: Bools, gamma: Floats, fixed: int | None) -> tuple[Floats, float, bool]:
    """The penalised maximum, one coefficient held where it is when `fixed`, by Fisher scoring with halving.

    Score: S'(z - e + h (1/2 - e)), h the leverages (Firth 1993, equation for the logistic model).
    """
    p = S.shape[1]
    free = np.array([j for j in range(p) if j != fixed])
    value = _penalised(S, z, gamma)
    for _ in range(ITERATIONS):
        e = expit(S @ gamma)
        root = S * np.sqrt(e * (1 - e))[:, None]
        Q, R = np.linalg.qr(root)
        h = np.einsum("ij,ij->i", Q, Q)
        score = (S.T @ (z - e + h * (0.5 - e)))[free]
        information = (R.T @ R)[np.ix_(free, free)]
        if not free.size:
            return gamma, value, True
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:  # a held coefficient so far out that some probabilities are 0 or 1
            step = np.linalg.lstsq(information, score, rcond=None)[0]
        if float(score @ step) < 1e-22 * max(1.0, abs(value)):
            return gamma, value, True
        step = step / max(1.0, float(np.abs(step).max()) / 5.0)
        factor = 1.0
        while True:
            proposed = gamma.copy()
            proposed[free] += factor * step
            then = _penalised(S, z, proposed)
            if then >= value - 1e-14 * abs(value) or factor < 1e-10:
                break
            factor /= 2
        if factor < 1e-10:
            return gamma, value, float(score @ step) < 1e-12
        gamma, value = proposed, then
    return gamma, value, float(np.abs(score).max()) < 1e-6


def _odds_ratio(
    S: Floats,
    z: Bools,
    gamma: Floats,
    value: float,
    j: int,
    scale: float,
    se: float,
    conf_level: float,
    converged: bool,
) -> Estimate:
    """One odds ratio: the profile of the penalised likelihood crossed at the chi-squared quantile."""
    n, half = len(z), normal_quantile(conf_level) ** 2 / 2
    if not converged:
        reason = "the penalised likelihood did not reach its maximum"
        return Estimate.not_estimable(ODDS_RATIO, METHOD, reason, conf_level=conf_level, n=n, status="failed")

    def fall(at: float) -> float:
        held = gamma.copy()
        held[j] = at
        return value - _maximum(S, z, held, j)[1]

    def crossing(direction: float) -> float:
        inner, step = float(gamma[j]), max(1.0, se * scale)
        while True:
            outer = inner + direction * step
            if fall(outer) > half:
                return float(brentq(lambda at: fall(at) - half, inner, outer, xtol=1e-11, rtol=1e-12))
            if abs(outer) > FARTHEST:
                return direction * math.inf
            inner, step = outer, step * 1.5

    lower, upper = (crossing(-1.0) / scale, crossing(1.0) / scale)
    p = math.erfc(math.sqrt(max(0.0, fall(0.0))))  # chi-squared on 1 df of twice the fall
    estimate, below, above = (_ratio(x) for x in (float(gamma[j]) / scale, lower, upper))
    reason = "the data do not bound the odds ratio" if below == 0 or math.isinf(above) else ""
    return Estimate(
        estimate, None, None, below, above, conf_level, p, n, None, None, METHOD, ODDS_RATIO, reason=reason
    )


def _ratio(log_odds: float) -> float:
    return math.inf if log_odds > 709 else math.exp(log_odds)

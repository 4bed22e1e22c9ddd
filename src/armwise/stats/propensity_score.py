"""The propensity score by logistic regression, with separation detected and named.

When covariates separate the arms the likelihood has no maximum: coefficients run off to infinity and scores
to 0 and 1. That is said, with the columns that do it, instead of returning wherever the iteration stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.special import expit, log_expit

from armwise.errors import UsageError
from armwise.stats.covariates import covariates_of, independent_columns
from armwise.stats.samples import Bools, Floats, flags, same_length

INTERCEPT = "(intercept)"
ITERATIONS = 60
GRADIENT_TOLERANCE = 1e-10
SUSPICIOUS_SCORE = 1e-5
"""Scores nearer to 0 or 1 than this are looked into: separation drives them there."""


@dataclass(frozen=True, slots=True)
class Propensity:
    """A fitted propensity model.

    Attributes:
        columns: the columns of the model, intercept first; categories as "covariate[level]".
        coefficients: one a column, log odds a unit.
        scores: probability of the arm given the covariates, shape (n,).
        X: the design matrix used, shape (n, len(columns)).
        converged: whether the likelihood reached its maximum.
        separated: whether covariates separate the arms, so that there is no maximum.
        separating: the columns that do it (intercept left out).
        aliased: columns left out because those before them determine them.
    """

    columns: tuple[str, ...]
    coefficients: Floats
    scores: Floats
    X: Floats
    converged: bool
    separated: bool
    separating: tuple[str, ...]
    aliased: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Why the scores cannot be used, in words; empty when they can."""
        if self.separated:
            return (
                f"the covariates separate the arms ({', '.join(self.separating)}): some subjects could only "
                "have been in the arm that they were in, so the propensity model has no solution"
            )
        if not self.converged:
            return f"the propensity model did not converge in {ITERATIONS} iterations"
        return ""


def propensity(X: ArrayLike | Mapping[str, ArrayLike], treated: ArrayLike) -> Propensity:
    """Fit the probability of the arm given covariates: logistic regression by Newton's method.

    Parameters:
        X: covariates, shape (n, k) without intercept, or name -> values (text and booleans become
            treatment contrasts); none missing.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).

    Returns:
        A Propensity. Look at `problem` before using its scores.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm.

    Source: Rosenbaum and Rubin 1983, Biometrika 70:41; Konis 2007, thesis, Oxford (separation as a linear
    programme).
    """
    z = flags(treated, "treated")
    terms = covariates_of(X)
    same_length({"treated": z} | {f"covariate {term.name}": term.X for term in terms})
    if z.all() or not z.any():
        raise UsageError(
            f"all {z.size} subjects are in {'the arm' if z.any() else 'the arm compared with'}; "
            "a propensity needs both"
        )
    full = np.hstack([np.ones((z.size, 1)), *(term.X for term in terms)])
    names = (INTERCEPT, *(c for term in terms for c in term.columns))
    kept = independent_columns(full)
    design, columns = full[:, kept], tuple(names[j] for j in kept)

    # standardised columns keep Newton's steps well conditioned whatever the units (years, mg, days)
    centre, scale = design.mean(axis=0), design.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    S = (design - centre) / scale
    gamma, converged = _newton(S, z)
    scores = expit(S @ gamma)
    separating: tuple[int, ...] = ()
    if not converged or min(scores.min(), 1 - scores.max()) < SUSPICIOUS_SCORE:
        separating = _separating_columns(S, z)
    coefficients = gamma / scale
    coefficients[0] -= float(coefficients[1:] @ centre[1:])
    return Propensity(
        columns=columns,
        coefficients=coefficients,
        scores=scores,
        X=design,
        converged=converged and not separating,
        separated=bool(separating),
        separating=tuple(columns[j] for j in separating),
        aliased=tuple(name for j, name in enumerate(names) if j not in kept),
    )


def _log_likelihood(S: Floats, z: Bools, gamma: Floats) -> float:
    return float(log_expit(np.where(z, 1.0, -1.0) * (S @ gamma)).sum())


def _newton(S: Floats, z: Bools) -> tuple[Floats, bool]:
    """Newton's method with step halving; converged when the gradient vanishes."""
    n, q = S.shape
    gamma = np.zeros(q)
    likelihood = _log_likelihood(S, z, gamma)
    for _ in range(ITERATIONS):
        e = expit(S @ gamma)
        gradient = S.T @ (z - e)
        if float(np.abs(gradient).max()) < GRADIENT_TOLERANCE * n:
            return gamma, True
        information = (S * (e * (1 - e))[:, None]).T @ S
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return gamma, False
        factor = 1.0
        while True:
            proposed = gamma + factor * step
            value = _log_likelihood(S, z, proposed)
            if value >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-8:
                break
            factor /= 2
        gamma, likelihood = proposed, value
    return gamma, False


def _separating_columns(S: Floats, z: Bools) -> tuple[int, ...]:
    """Columns that separate the arms: each that does so alone, else those of a combination that does."""
    alone = tuple(j for j in range(1, S.shape[1]) if _direction(S[:, [0, j]], z) is not None)
    if alone:
        return alone
    direction = _direction(S, z)
    if direction is None:
        return ()
    return tuple(j for j in range(1, S.shape[1]) if abs(direction[j]) > 1e-7)


def _direction(S: Floats, z: Bools) -> Floats | None:
    """A direction along which the likelihood never falls, if there is one (a bounded linear programme)."""
    signed = np.where(z, 1.0, -1.0)[:, None] * S
    bounds = [(-1, 1)] * S.shape[1]
    solution = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(z)), bounds=bounds)
    if not solution.success or -solution.fun < 1e-6:
        return None
    return np.asarray(solution.x)

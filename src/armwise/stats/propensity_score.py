"""The propensity score by logistic regression, with separation detected and named.

When covariates separate the arms the likelihood has no maximum: coefficients run off to infinity and scores
to 0 and 1. That is said, with the columns that do it, instead of returning wherever the iteration stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.optimize import linprog
from scipy.special import expit, log_expit

from armwise.errors import UsageError
from armwise.stats.covariates import covariates_of, independent_columns
from armwise.stats.samples import Bools, Floats, flags, same_length

INTERCEPT = "(intercept)"
ITERATIONS = 60
GRADIENT_TOLERANCE = 1e-10
SURE_STEP = 0.01
"""At a maximum Newton's next step moves no linear predictor by this much; along a separation it stays near 1."""


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
        aliased: columns left out because those before them determine them (a covariate that does not vary too).
        dropped: covariates left out, in the declared order, because with them there was no solution.
        outside: who could only have been in the arm that they were in, by all covariates: indices, sorted.
        outside_by: the columns that tell them apart, before any covariate was dropped.
    """

    columns: tuple[str, ...]
    coefficients: Floats
    scores: Floats
    X: Floats
    converged: bool
    separated: bool
    separating: tuple[str, ...]
    aliased: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    outside: tuple[int, ...] = ()
    outside_by: tuple[str, ...] = ()

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

    def standardised(self) -> tuple[Floats, Floats]:
        """The design with centred, scaled columns (intercept first), and the coefficients in those units.

        Newton's steps and sandwiches stay well conditioned in them, whatever the units (years, mg, days).
        """
        S, centre, scale = standardised_columns(self.X)
        gamma = self.coefficients * scale
        gamma[0] += float(self.coefficients[1:] @ centre[1:])
        return S, gamma


def propensity(
    X: ArrayLike | Mapping[str, ArrayLike], treated: ArrayLike, *, droppable: Sequence[str] = ()
) -> Propensity:
    """Fit the probability of the arm given covariates: logistic regression by Newton's method.

    Parameters:
        X: covariates, shape (n, k) without intercept, or name -> values (text and booleans become
            treatment contrasts); none missing.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        droppable: covariates that may be left out when all of them have no solution, the first one first, and
            only as many as it takes; none by default.

    Returns:
        A Propensity. Look at `problem` before using its scores.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm, a droppable covariate that
            there is not.

    Source: Rosenbaum and Rubin 1983, Biometrika 70:41; Konis 2007, thesis, Oxford (separation as a linear
    programme).
    """
    z = flags(treated, "treated")
    full = dict(X) if isinstance(X, Mapping) else {c.name: c.X[:, 0] for c in covariates_of(X)}
    unknown = [name for name in droppable if name not in full]
    if unknown or len(set(droppable)) < len(droppable):
        raise UsageError(
            f"droppable holds {list(droppable)}; expected covariates, each once, of {', '.join(full) or 'none'}"
        )
    first = fit = _fitted(full, z)
    dropped = 0
    while fit.problem and dropped < len(droppable):
        dropped += 1
        fit = _fitted({name: x for name, x in full.items() if name not in droppable[:dropped]}, z)
    return replace(
        fit, dropped=tuple(droppable[:dropped]), outside=first.outside, outside_by=first.separating
    )


def _fitted(X: Mapping[str, ArrayLike], z: Bools) -> Propensity:
    columns, design, aliased = design_of(X, z)
    S, centre, scale = standardised_columns(design)
    fit = logistic(S, z)
    coefficients = fit.coefficients / scale
    coefficients[0] -= float(coefficients[1:] @ centre[1:])
    return Propensity(
        columns=columns,
        coefficients=coefficients,
        scores=fit.fitted,
        X=design,
        converged=fit.converged,
        separated=bool(fit.separating),
        separating=tuple(columns[j] for j in fit.separating),
        aliased=aliased,
        outside=_outside(S, z) if fit.separating else (),
    )


def design_of(
    X: ArrayLike | Mapping[str, ArrayLike], z: Bools
) -> tuple[tuple[str, ...], Floats, tuple[str, ...]]:
    """Covariates as a design with an intercept, without columns that those before them determine.

    Parameters:
        X: covariates, shape (n, k) without intercept, or name -> values; none missing.
        z: who is in the arm, shape (n,).

    Returns:
        Names of the columns, the design, and the names of the columns left out.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm.
    """
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
    constant = [term.name for term in terms if not term.columns]  # one category: no column to leave out
    aliased = (*(name for j, name in enumerate(names) if j not in kept), *constant)
    return tuple(names[j] for j in kept), full[:, kept], aliased


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression on a well scaled design.

    Attributes:
        coefficients: shape (p,); fitted: probabilities, shape (n,).
        converged: whether the likelihood reached its maximum.
        separating: indices of the columns that separate yes from no, so that there is no maximum.
    """

    coefficients: Floats
    fitted: Floats
    converged: bool
    separating: tuple[int, ...]


def logistic(S: Floats, z: Bools, start: Floats | None = None) -> Logistic:
    """Logistic regression by Newton's method, separation looked into where it may be.

    Parameters:
        S: design with the intercept first, well scaled, shape (n, p).
        z: yes or no a subject, both present, shape (n,).
        start: coefficients to begin at; None for 0.

    Returns:
        A Logistic.
    """
    gamma, converged, sure = _newton(S, z, start)
    fitted = expit(S @ gamma)
    separating: tuple[int, ...] = ()
    if not sure:
        separating = _separating_columns(S, z)
    return Logistic(gamma, fitted, converged and not separating, separating)


def standardised_columns(X: Floats) -> tuple[Floats, Floats, Floats]:
    """A design with its intercept first, centred and scaled to SD 1, and by what.

    Parameters:
        X: shape (n, p), no other column constant.

    Returns:
        The design, the centres and the scales (0 and 1 for the intercept).
    """
    centre, scale = X.mean(axis=0), X.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    return (X - centre) / scale, centre, scale


def _log_likelihood(S: Floats, z: Bools, gamma: Floats) -> float:
    return float(log_expit(np.where(z, 1.0, -1.0) * (S @ gamma)).sum())


def _newton(S: Floats, z: Bools, start: Floats | None = None) -> tuple[Floats, bool, bool]:
    """Newton's method with step halving: where it ended, whether the gradient vanished, and the next step too."""
    n, q = S.shape
    gamma = np.zeros(q) if start is None else start
    likelihood = _log_likelihood(S, z, gamma)
    for _ in range(ITERATIONS):
        e = expit(S @ gamma)
        gradient = S.T @ (z - e)
        vanished = float(np.abs(gradient).max()) < GRADIENT_TOLERANCE * n
        information = (S * (e * (1 - e))[:, None]).T @ S
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return gamma, vanished, False
        if vanished:
            # far out along a separation the gradient vanishes as well, but as fast as the information does
            return gamma, True, float(np.abs(S @ step).max()) < SURE_STEP
        factor = 1.0
        while True:
            proposed = gamma + factor * step
            value = _log_likelihood(S, z, proposed)
            if value >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-8:
                break
            factor /= 2
        gamma, likelihood = proposed, value
    return gamma, False, False


def _separating_columns(S: Floats, z: Bools) -> tuple[int, ...]:
    """Columns that separate the arms: each that does so alone, else those of a combination that does."""
    signed = np.where(z, 1.0, -1.0)[:, None] * S
    alone = tuple(j for j in range(1, S.shape[1]) if never_below(signed[:, [0, j]]) is not None)
    if alone:
        return alone
    direction = never_below(signed)
    if direction is None:
        return ()
    return tuple(j for j in range(1, S.shape[1]) if abs(direction[j]) > 1e-7)


def _outside(S: Floats, z: Bools) -> tuple[int, ...]:
    """Everybody whom some separating direction tells apart strictly: the largest such set, by one programme."""
    n, p = S.shape
    signed = sparse.csr_array(np.where(z, 1.0, -1.0)[:, None] * S)
    # slack s_i <= (signed d)_i, 0 <= s_i <= 1: directions add up, so all that can be strict are at once
    solution = linprog(
        np.concatenate([np.zeros(p), -np.ones(n)]), A_ub=sparse.hstack([-signed, sparse.eye_array(n)]),
        b_ub=np.zeros(n), bounds=[(None, None)] * p + [(0, 1)] * n,
    )  # fmt: skip
    return tuple(np.flatnonzero(solution.x[p:] > 0.5).tolist()) if solution.success else ()


def never_below(M: Floats) -> Floats | None:
    """A direction d with M d at least 0 in every row and above it in some, if there is one.

    With signed rows of a design the likelihood never falls along it; with rows less a point, the point lies
    outside the rows' convex hull or on its edge.

    Parameters:
        M: shape (n, p).

    Returns:
        d, shape (p,), largest component at most 1; None when there is none.

    Source: Konis 2007, thesis, Oxford (a bounded linear programme).
    """
    solution = linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=[(-1, 1)] * M.shape[1])
    if not solution.success or -solution.fun < 1e-6:
        return None
    return np.asarray(solution.x)

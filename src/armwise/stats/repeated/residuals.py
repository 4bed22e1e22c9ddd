"""Residuals of a fitted model for repeated measures, and the factors of the covariance that whiten them.

Three kinds, as in nlme (Pinheiro & Bates 2000, Mixed-Effects Models in S and S-PLUS, 4.3 and 5.4): what the fixed
effects leave; that divided by its standard deviation; and that decorrelated within the subject by the inverse of the
lower Cholesky factor of its covariance, visits in their order: a residual given the earlier ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.lapack import row_factor

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm
    from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

ResidualKind = Literal["raw", "pearson", "normalised"]


def residuals(fit: Mmrm, kind: ResidualKind = "raw") -> Floats:
    """Residuals of the fitted rows.

    Args:
        fit: a model that was fitted to rows.
        kind: `raw`, in the outcome's unit; `pearson`, divided by the standard deviation of the visit (and of the
            weight); `normalised`, in addition uncorrelated within a subject: with a right model they are independent
            and standard normal.

    Returns:
        Shape (N, m), in the order of the rows; NaN where a visit was not observed.

    Raises:
        UsageError: an unknown kind, or a model from cross-products alone.
    """
    if kind not in get_args(ResidualKind):
        raise UsageError(f"residuals of kind {kind!r}; expected one of {', '.join(get_args(ResidualKind))}")
    wide = rows_of(fit, "residuals")
    e = wide.y - marginal_means(fit, wide)
    if kind == "raw":
        return e
    seen = ~np.isnan(e)
    if wide.weights is not None:
        e = e * np.sqrt(np.where(seen, wide.weights, 1.0))
    if kind == "pearson":
        sd = np.sqrt(np.einsum("gjj->gj", fit.sigma))
        return np.asarray(e / (sd[0] if wide.group is None else sd[wide.group]))
    white = np.full_like(e, np.nan)
    for visits, g, subjects in patterns(wide):
        if len(visits):
            at = np.ix_(subjects, visits)
            white[at] = e[at] @ inverse_factor(fit, visits, g).T
    return white


def rows_of(fit: Mmrm, what: str) -> Wide:
    """The rows that a model was fitted to.

    Raises:
        UsageError: it was fitted to cross-products alone.
    """
    if fit.wide is None:
        raise UsageError(
            f"{what} need a subject's rows, and this model was fitted to cross-products alone; fit it with `mmrm`, "
            "`mmrm_wide` or `fit_wide` where the rows are"
        )
    return fit.wide


def coefficients_by_visit(fit: Mmrm) -> tuple[Floats, Floats]:
    """How a mean is made of covariates: at visit j it is y_centre[j] + (u - u_centre) @ a[j], with derivative X[j].

    Returns:
        a (m, d), and X (m, d, r): the columns in whitened coordinates, in which the coefficients are uncorrelated.
        Without precision weights; with them, the cross-products' covariates stand in blocks, one a visit.
    """
    a = fit.basis.shift + fit.basis.X @ fit.optimum.point.beta
    X = fit.basis.X @ fit.optimum.point.Fi.T
    if fit.products.weighted:
        m, d = len(fit.design.visits), len(fit.design.covariates)
        j = np.arange(m)
        return a.reshape(m, m, d)[j, j], X.reshape(m, m, d, -1)[j, j]
    return a, X


def marginal_means(fit: Mmrm, wide: Wide) -> Floats:
    """X beta at every visit, observed or not: shape (N, m)."""
    a, _ = coefficients_by_visit(fit)
    return np.asarray(fit.products.y_centre + (wide.u - fit.products.u_centre) @ a.T)


def patterns(wide: Wide) -> list[tuple[Ints, int, Ints]]:
    """The sets of observed visits: each with its visits, its covariance group, and the subjects who have it."""
    seen = ~np.isnan(wide.y)
    group = np.zeros(len(seen), dtype=np.intp) if wide.group is None else wide.group
    key = np.column_stack([group, np.packbits(seen, axis=1)])
    kinds, at = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(at.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(at.ravel(), minlength=len(kinds)))
    found = []
    for kind, subjects in zip(kinds, np.split(order, ends[:-1]), strict=True):
        found.append((np.flatnonzero(seen[subjects[0]]), int(kind[0]), subjects))
    return found


def inverse_factor(fit: Mmrm, visits: Ints, group: int) -> Floats:
    """Inverse of the lower Cholesky factor of the covariance of these visits, shape (len(visits), len(visits))."""
    S = fit.optimum.point.sigma[group]
    if fit.anchor is None:
        return np.linalg.inv(np.linalg.cholesky(S[np.ix_(visits, visits)]))
    # Sigma = L0 S L0' and L0[visits] = L Q with orthonormal rows Q: the factor is L chol(Q S Q'), with no difference
    # of nearly equal numbers.
    L, Q = row_factor(fit.anchor[group][visits])
    return np.asarray(np.linalg.inv(np.linalg.cholesky(Q @ S @ Q.T)) @ np.linalg.inv(L))

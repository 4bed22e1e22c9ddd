"""Between-within degrees of freedom: a coefficient is judged by the subjects or by the observations within them.

Schluchter & Elashoff 1990 (J. Statist. Comput. Simul. 37:69-87), as R's mmrm defines them: of n observations of N
subjects, N - p_between are between subjects and n - N - p_within within them, p_between the number of coefficients
whose columns are constant within every subject (the intercept among them), p_within that of the others. A coefficient
has those of its kind, the intercept those within subjects, and a contrast the fewest of the coefficients that it
involves. SAS's DDFM=BETWITHIN differs: with an unstructured covariance every effect has those between subjects.

What is constant within subjects is decided on the space that the columns span, so that the answer does not depend on
how the visits are coded: an arm that is entered by visit has the arm itself in that space, as the sum of its columns.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.basis import aliasing, centred_columns, independent_columns, square_root
from armwise.stats.repeated.cross_products import CrossProducts, cross_products

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Smaller coefficients than this share of a contrast's largest one are none.
INVOLVED = 1e-10
#: A column that changes by less than this share of its size does not: that is rounding.
NO_CHANGE = 1e-9


def between_within(fit: Mmrm, rows: Floats) -> Floats:
    """Degrees of freedom of contrasts.

    Args:
        fit: the model.
        rows: shape (l, q), contrasts of the coefficients.

    Returns:
        Shape (l,): N - p_between or n - N - p_within, the smaller one where a contrast involves both kinds; NaN for a
        contrast that is zero.

    Raises:
        UsageError: precision weights without rows: weighted sums do not say what is constant within subjects.
    """
    K, constant = between_space(fit)
    between = float(fit.n_subjects - K.shape[1])
    within = float(fit.n_observations - fit.n_subjects - (fit.rank - K.shape[1]))
    if fit.rank == K.shape[1]:
        within = between  # nothing varies within subjects
    # Coordinates: along the directions of K, and those of the coefficients that no direction of K ends in.
    c = rows[:, fit.basis.kept]
    ends = np.array([np.flatnonzero(k)[-1] for k in K.T], dtype=np.intp)
    others = np.setdiff1d(np.arange(fit.rank), ends)
    size = INVOLVED * np.abs(c).max(axis=1, initial=0.0)[:, None]
    along = np.abs(c @ K) > size * np.abs(K).max(axis=0, initial=1.0)
    across = np.abs(c[:, others]) > size
    is_between = along[:, ~constant].any(axis=1)
    is_within = across.any(axis=1) | along[:, constant].any(axis=1)
    df = np.full(len(c), np.nan)
    df[is_within] = within
    df[is_between] = between
    df[is_within & is_between] = min(between, within)
    return df


def between_space(fit: Mmrm) -> tuple[Floats, Bools]:
    """The combinations of columns that are constant within every subject.

    Returns:
        A basis K (r, p_between) in reduced echelon form: a column that is constant has a vector of its own, and so has
        one that is entered by visit. And which of them is the intercept: 1 for everyone.
    """
    products = _unweighted(fit)
    kept = fit.basis.kept
    B = centred_columns(products, fit.design)[:, :, kept]
    changes = _changes(products, B)
    if not changes.any():
        K = np.eye(len(kept))
    else:
        pivots, R = independent_columns(changes)
        free = np.setdiff1d(np.arange(len(kept)), pivots)
        K = np.zeros((len(kept), len(free)))
        K[free, range(len(free))] = 1.0
        K[pivots] = -aliasing(changes, pivots, np.asarray(np.linalg.inv(R)))
        K[np.abs(K) < 1e-8] = 0.0
    means = np.tensordot(fit.design.B[:, :, kept], K, axes=1)  # (m, d, p): each combination by covariates
    rest = np.abs(means - np.eye(means.shape[1])[0][:, None]).max(axis=(0, 1), initial=0.0)
    return K, np.asarray(rest < 1e-8)


def _unweighted(fit: Mmrm) -> CrossProducts:
    if not fit.products.weighted:
        return fit.products
    if fit.wide is None:
        raise UsageError(
            "between-within degrees of freedom of a model with weights need its rows, and it was fitted to "
            "cross-products alone; use 'kenward-roger', 'satterthwaite' or 'residual'"
        )
    return cross_products(replace(fit.wide, weights=None))


def _changes(products: CrossProducts, B: Floats) -> Floats:
    """A matrix D with |D k|^2 the sum of squared changes of the columns' combination k from visit to visit.

    A pattern's visits are compared each with the next one that was observed.
    """
    m, D, r = B.shape
    after = np.zeros((m, m, D, D))
    for seen, uu in zip(products.observed, products.uu, strict=True):
        visits = np.flatnonzero(seen)
        for j, k in pairwise(visits.tolist()):
            after[j, k] += uu
    pairs = np.argwhere(after.any(axis=(2, 3)))
    if not len(pairs):
        return np.zeros((0, r))
    first, second = pairs.T
    root = square_root(after[first, second])
    changes = (root @ (B[second] - B[first])).reshape(-1, r)
    size = np.sqrt(((root @ B[second]) ** 2 + (root @ B[first]) ** 2).sum(axis=(0, 1)))
    return np.asarray(np.where(np.linalg.norm(changes, axis=0) > NO_CHANGE * size, changes, 0.0))

"""Cross-products in a basis in which the model matrix has orthonormal columns: which columns are aliased, and the rest.

Orthonormal columns and an outcome reduced to its least-squares residual leave the REML likelihood as it is, and make
everything after this a computation with numbers near one. The triangular factor comes from a QR decomposition of square
roots of the moments, so that a covariate costs its condition number in digits, not the square of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.cross_products import CrossProducts
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.lapack import inverse_lower, triangular_factor
from armwise.stats.repeated.moments import Moments, residual_moments
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: A column is aliased when what the columns before it leave of it is less than this share of its length (as R's qr).
ALIASED = 1e-7
#: How far a contrast may be from the row space of the model matrix, relative to its size, and still be estimable.
ESTIMABLE = 1e-8
#: A column whose parts cancel to less than this share of their length is zero.
ROUNDING = 1e-12
#: A visit is fitted exactly when least squares leaves less than this share of its sum of squares.
SATURATED = 1e-13
#: Outcomes are known to this share of their size.
ROUNDED = 1e-14


@dataclass(frozen=True, eq=False)
class Basis:
    """The way from the orthonormal basis back to the coefficients.

    Attributes:
        kept: which of the q columns are not aliased, shape (r,).
        Ri: shape (r, r): columns kept = orthonormal columns @ inverse(Ri).
        b0: shape (r,): least-squares coefficients in the orthonormal basis, already taken from the outcome.
        X: shape (m, D, r): the orthonormal columns as functions of centred covariates.
        shift: shape (m, D): the outcome was reduced by u @ shift[j] at visit j, beyond its centre.
        aliasing: shape (r, q - r): the aliased columns as combinations of those kept.
    """

    kept: Ints
    Ri: Floats
    b0: Floats
    X: Floats
    shift: Floats
    aliasing: Floats

    def estimable(self, rows: Floats) -> Bools:
        """Which contrasts of the q coefficients, shape (l, q), lie in the row space of the model matrix: shape (l,)."""
        return estimable(rows, self.kept, self.aliasing)

    def coefficients(self, b: Floats) -> Floats:
        """Coefficients of the columns kept, from those of the orthonormal ones."""
        return np.asarray(self.Ri @ (self.b0 + b))


def orthonormal(products: CrossProducts, design: Design) -> tuple[Moments, Basis]:
    """Decides the rank, and moves the cross-products into the orthonormal basis.

    Raises:
        UsageError: the design is of other visits or covariates.
        FitError: not identified: a visit that nobody was observed at; fewer observations than coefficients.
    """
    _same(products, design)
    seen = products.observed.astype(np.float64)
    P, m = seen.shape
    D, q = products.uu.shape[1], len(design.columns)
    unseen = [v for v, count in zip(design.visits, seen.sum(axis=0), strict=True) if not count]
    if unseen or not P:
        raise FitError(
            f"nobody has an outcome at {', '.join(unseen) or 'any visit'}; leave such visits out of the model",
            "not identified", unseen,
        )  # fmt: skip
    B = centred_columns(products, design)
    per_visit = (seen.T @ products.uu.reshape(P, D * D)).reshape(m, D, D)
    K = (square_root(per_visit) @ B).reshape(m * D, q)
    # The squared length that each column would have if a visit's covariates were unrelated.
    kept, R = independent_columns(
        K, lambda: (per_visit.diagonal(0, 1, 2)[:, None, :] @ B**2).sum(axis=(0, 1))
    )
    Ri = inverse_lower(R.T).T
    X = (B.reshape(m * D, q)[:, kept] @ Ri).reshape(m, D, len(kept))
    n_obs = products.n_observations
    if n_obs <= len(kept):
        raise FitError(
            f"{n_obs} observations and {len(kept)} coefficients: nothing is left to estimate a covariance from; "
            "use fewer covariates",
            "not identified",
        )
    Xt = X.transpose(0, 2, 1)
    # The centres of the outcome are a function of the constant: what they hold of the model is coefficients.
    a = np.zeros((m, D))
    a[np.arange(m), products.constants] = products.y_centre
    b_centre = np.add.reduce(Xt @ (per_visit @ a[:, :, None]), axis=0)[:, 0]
    uy = np.add.reduce(products.uy, axis=0)  # (D, m)
    b_rest = uy.T.reshape(-1) @ X.reshape(m * D, -1)
    shift = X @ (b_centre + b_rest) - a
    r_uy, r_yy = residual_moments(products.uu, products.uy, products.yy, shift)
    r_uy, r_yy = r_uy * seen[:, None, :], r_yy * (seen[:, :, None] * seen[:, None, :])
    r_yy = (r_yy + r_yy.transpose(0, 2, 1)) / 2
    log_weights = 0.0 if products.log_weights is None else float(products.log_weights.sum())
    moments = Moments.structured(
        seen, products.group, len(products.groups), products.n, products.uu, r_uy, r_yy,
        X.reshape(m * D, len(kept)), n_obs,
        log_det_scale=2 * float(np.log(np.abs(np.diag(R))).sum()), log_weights=log_weights,
    )  # fmt: skip
    return moments, Basis(kept, Ri, b_centre + b_rest, X, shift, aliasing(K, kept, Ri))


def _same(products: CrossProducts, design: Design) -> None:
    for name in ("visits", "covariates"):
        mine, other = getattr(design, name), getattr(products, name)
        if mine != other:
            raise UsageError(
                f"the design's {name} are {mine}, those of the cross-products {other}; expected the same"
            )


def centred_columns(products: CrossProducts, design: Design) -> Floats:
    """B for covariates measured from their centres (and, with weights, given by visit): shape (m, D, q)."""
    B = design.B.copy()
    B[:, 0, :] += products.u_centre @ design.B
    if not products.weighted:
        return B
    m, d, q = B.shape
    wide = np.zeros((m, m * d, q))
    for j in range(m):
        wide[j, j * d : (j + 1) * d] = B[j]
    return wide


def square_root(S: Floats) -> Floats:
    """K with K'K = S for a stack of moment matrices, singular ones among them: shape (m, D, D)."""
    size = np.sqrt(np.maximum(np.einsum("jaa->ja", S), 0.0))
    size[size == 0] = 1.0
    S = S / (size[:, :, None] * size[:, None, :])
    try:
        L = np.linalg.cholesky(S)
        if np.diagonal(L, axis1=1, axis2=2).min() > 1e-3:
            return np.asarray(L.transpose(0, 2, 1) * size[:, None, :])
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(S)
    # What rounding alone leaves of a linear relation between covariates is none of it.
    values[values < 10 * S.shape[1] * np.finfo(float).eps * values[:, -1:]] = 0.0
    return np.asarray(np.sqrt(values)[:, :, None] * vectors.transpose(0, 2, 1) * size[:, None, :])


def independent_columns(K: Floats, squares: Callable[[], Floats] | None = None) -> tuple[Ints, Floats]:
    """Which columns are kept, first come first kept as in R, and R with K[:, kept] = Q R.

    A column much shorter than its parts (`squares`, their sum of squares) is what rounding leaves of zero.
    """
    length = np.sqrt(np.einsum("ij,ij->j", K, K))
    if squares is not None and length.min() < 1e-6 * length.max():
        length[length <= ROUNDING * np.sqrt(squares())] = 0.0
    q = K.shape[1]
    if K.shape[0] >= q and length.all():
        R = triangular_factor(K / length)
        if np.abs(R.diagonal()).min() > ALIASED:
            return np.arange(q), R * length
    kept: list[int] = []
    Q = np.empty((K.shape[0], 0))
    for k in np.flatnonzero(length):
        column = K[:, k] / length[k]
        for _ in range(2):  # twice is enough (Kahan)
            column = column - Q @ (Q.T @ column)
        size = np.linalg.norm(column)
        if size > ALIASED:
            kept.append(int(k))
            Q = np.column_stack([Q, column / size])
    R = Q.T @ K[:, kept]
    return np.array(kept, dtype=np.intp), np.triu(R)


def aliasing(K: Floats, kept: Ints, Ri: Floats) -> Floats:
    """The columns left out as combinations of those kept: shape (r, q - r)."""
    if len(kept) == K.shape[1]:
        return np.empty((len(kept), 0))
    others = np.setdiff1d(np.arange(K.shape[1]), kept)
    return np.asarray(Ri @ (Ri.T @ (K[:, kept].T @ K[:, others])))


def estimable(rows: Floats, kept: Ints, aliasing: Floats) -> Bools:
    """Which contrasts of the coefficients, shape (l, q), lie in the row space of the model matrix: shape (l,).

    Args:
        rows: the contrasts.
        kept: shape (r,), which columns are not aliased.
        aliasing: shape (r, q - r), the others as combinations of those.
    """
    if not aliasing.shape[1]:
        return np.ones(len(rows), dtype=bool)
    others = np.setdiff1d(np.arange(rows.shape[1]), kept)
    implied = rows[:, kept] @ aliasing
    scale = 1 + np.abs(rows[:, kept]) @ np.abs(aliasing) + np.abs(rows[:, others])
    return np.asarray((np.abs(rows[:, others] - implied) <= ESTIMABLE * scale).all(axis=1))


def visits_fitted_exactly(products: CrossProducts, basis: Basis) -> list[str]:
    """Visits whose own outcomes the model can fit without a residual, so that their variance has no estimate."""
    seen = products.observed.astype(np.float64)
    uu = np.tensordot(seen, products.uu, axes=(0, 0))
    uy = np.tensordot(seen, products.uy, axes=(0, 0))
    names = []
    for j, visit in enumerate(products.visits):
        X = basis.X[j]
        b = np.linalg.lstsq(X.T @ uu[j] @ X, X.T @ uy[j, :, j], rcond=1e-12)[0]
        total = float(products.yy[:, j, j].sum())
        left = total - 2 * b @ X.T @ uy[j, :, j] + b @ X.T @ uu[j] @ X @ b
        # As rounding leaves them: relative to the spread, and to the size of the outcomes.
        floor = SATURATED * total + float(products.n @ seen[:, j]) * (ROUNDED * products.y_centre[j]) ** 2
        if left <= floor:
            names.append(visit)
    return names


def fitted_exactly(wide: Wide, products: CrossProducts, basis: Basis, j: int) -> bool:
    """Whether least squares on the rows of visit j alone leaves no more than the rounding of its outcomes."""
    seen = ~np.isnan(wide.y[:, j])
    d, c = len(products.covariates), products.constants[j]
    X = (wide.u[seen] - products.u_centre) @ basis.X[j, c : c + d]
    y = wide.y[seen, j]
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return bool(np.linalg.norm(left) <= 1e-13 * np.linalg.norm(y) or not y.any())

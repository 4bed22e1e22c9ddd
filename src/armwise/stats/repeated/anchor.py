"""A second pass over the rows, where sums of the first one are small differences of large ones.

When two visits nearly determine each other, what the data say on the little that is left is a small difference of
large cross-products. Rows whitened at a rough covariance Sigma0 = L0 L0' have no such differences: with Sigma in the
form L0 S L0' a pattern's outcomes have the covariance Q S Q', where Q = L_p^-1 L0[observed] has orthonormal rows and S
is near the identity. Rows are lifted by Q' to all m visits, so that the likelihood is the one of `likelihood`, with S
in the place of Sigma.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from armwise.stats.repeated.basis import Basis, orthonormal
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, rows_by_pattern
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.lapack import row_factor
from armwise.stats.repeated.moments import Moments
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]

#: Smallest eigenvalue of the correlations under which the second pass is made.
NEARLY_SINGULAR = 1e-5
#: Share of a visit's sum of squares under which rounding of the sums would show: least squares is taken from the rows.
EXPLAINED = 1e-6
#: Share under which the sums alone say nothing.
NO_DIGITS = 1e-9


def nearly_all_explained(products: CrossProducts, moments: Moments, share: float) -> bool:
    """Whether least squares leaves less than a share of some visit's sum of squares."""
    left = np.add.reduce(moments.yy.diagonal(0, 1, 2), axis=0)
    return bool((left <= share * np.add.reduce(products.yy.diagonal(0, 1, 2), axis=0)).any())


def after_least_squares(
    wide: Wide, design: Design, products: CrossProducts, basis: Basis
) -> tuple[CrossProducts, Moments, Basis]:
    """Cross-products, moments and basis of rows from which least squares has been taken.

    The basis still leads from the outcomes as they were given.
    """
    d, constants = len(products.covariates), products.constants
    # The shift is that of centred covariates: bring it to the covariates themselves, by visit.
    shift = np.array([basis.shift[j, c : c + d] for j, c in enumerate(constants)])
    offset = products.y_centre + shift[:, 0] - shift @ products.u_centre
    fitted = wide.u[:, 1:] @ shift[:, 1:].T + offset
    rest = cross_products(replace(wide, y=wide.y - fitted))
    moments, second = orthonormal(rest, design)
    total = basis.shift + second.shift
    total[np.arange(len(constants)), constants] += products.y_centre
    return rest, moments, replace(second, b0=basis.b0 + second.b0, shift=total)


def anchored(
    wide: Wide, products: CrossProducts, moments: Moments, basis: Basis, anchor: Floats
) -> tuple[Moments, Basis]:
    """Moments of rows whitened at a covariance, in which the covariance to be found is near the identity.

    Args:
        wide: the rows.
        products: their cross-products.
        moments, basis: from `orthonormal`.
        anchor: shape (G, m, m), lower Cholesky factors L0 of a rough covariance of each group.

    Returns:
        Dense moments in a basis that is orthonormal after whitening, and that basis.
    """
    m, r = moments.visits, moments.rank
    D = products.uu.shape[1]
    P = len(products.n)
    lift, pad, log_det = np.zeros((P, m, m)), np.zeros((P, m, m)), np.empty(P)
    factors: list[tuple[NDArray[np.intp], Floats]] = []
    at = {code: p for p, code in enumerate(products.codes.tolist())}
    for p, (seen, g) in enumerate(zip(products.observed, products.group, strict=True)):
        of = np.flatnonzero(seen)
        L, lift[p, : len(of)] = row_factor(anchor[g][of])
        pad[p, range(len(of), m), range(len(of), m)] = 1.0
        factors.append((of, L))
        log_det[p] = 2 * np.log(np.diag(L)).sum()
    X: list[list[Floats]] = [[] for _ in range(P)]
    Y: list[list[Floats]] = [[] for _ in range(P)]
    for code, z, _ in rows_by_pattern(wide, products.u_centre, products.y_centre):
        if code not in at:  # nothing observed
            continue
        of, L = factors[at[code]]
        u, y = z[:, :D], z[:, D:][:, of] - z[:, :D] @ basis.shift[of].T
        x = np.tensordot(u, basis.X[of], axes=(1, 1))  # (n, m_p, r)
        both = np.concatenate([x, y[:, :, None]], axis=2).transpose(1, 0, 2).reshape(len(of), -1)
        both = solve_triangular(L, both, lower=True).reshape(len(of), len(u), r + 1).transpose(1, 0, 2)
        X[at[code]].append(both[:, :, :r])
        Y[at[code]].append(both[:, :, r])
    xs, ys = [np.concatenate(x) for x in X], [np.concatenate(y) for y in Y]
    long = np.concatenate([x.reshape(-1, r) for x in xs])
    q, R1 = np.linalg.qr(long)
    b1 = q.T @ np.concatenate([y.ravel() for y in ys])
    R1i = solve_triangular(R1, np.eye(r))
    uu, uy, yy = np.empty((P, m, m, r, r)), np.empty((P, m, m, r)), np.empty((P, m, m))
    for p, (x, y) in enumerate(zip(xs, ys, strict=True)):
        Q = lift[p, : x.shape[1]]
        x = x @ R1i
        y = y - x @ b1
        lx, ly = (Q.T @ x).reshape(len(x), m * r), y @ Q
        uu[p] = (lx.T @ lx).reshape(m, r, m, r).transpose(0, 2, 1, 3)
        uy[p] = (lx.T @ ly).reshape(m, r, m).transpose(0, 2, 1)
        yy[p] = ly.T @ ly
    found = replace(
        moments, pad=pad, lift=lift, uu=uu, uy=uy, yy=yy, X=None,
        log_det_scale=moments.log_det_scale + 2 * float(np.log(np.abs(np.diag(R1))).sum()),
        log_weights=moments.log_weights - float(moments.n @ log_det),
    )  # fmt: skip
    X1 = basis.X @ R1i
    moved = replace(basis, Ri=basis.Ri @ R1i, b0=R1 @ basis.b0 + b1, X=X1, shift=basis.shift + X1 @ b1)
    return found, moved

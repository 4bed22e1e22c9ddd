"""The likelihood of many data sets at once, with its derivatives: the formulas of `likelihood` on a stack of data sets.

Matrices over visits are kept as arrays (m, m, C, P) for C data sets with P patterns, so that one NumPy call handles an
entry of all of them; sums over patterns are products of matrices, one a data set.

Derivatives are in whitened coordinates, Sigma = L (I + T) L' with any L for which L L' is Sigma at the point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.anchor import EXPLAINED
from armwise.stats.repeated.likelihood import LOG_2PI, pairs
from armwise.stats.repeated.many.columns import Columns
from armwise.stats.repeated.many.products import ProductStack

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


#: Least share of a column's sum of squares that the columns before it leave, for sums to be precise enough.
INDEPENDENT = 1e-4


@dataclass(frozen=True, eq=False)
class Stack:
    """Moments of C data sets, whose outcomes are reduced by a least-squares fit.

    Attributes:
        columns: of the model matrix.
        reml: restricted likelihood, or maximum likelihood.
        n: shape (C, P), subjects.
        mask, pad: shapes (m, m, C, P): 1 for pairs of observed visits; the identity on visits not observed.
        uu: shape (C, P, d, d); ux: shape (C, P, d (d + 1) / 2 + m * d), its lower triangle and moments u y_j.
        yy: shape (m, m, C, P).
        n_observations: shape (C,).
    """

    columns: Columns
    reml: bool
    n: Floats
    mask: Floats
    pad: Floats
    uu: Floats
    ux: Floats
    yy: Floats
    n_observations: Floats

    def take(self, chosen: Bools) -> Stack:
        """Some of the data sets."""
        if chosen.all():
            return self
        first = {name: getattr(self, name)[chosen] for name in ("n", "uu", "ux", "n_observations")}
        return replace(
            self, **first, **{name: getattr(self, name)[:, :, chosen] for name in ("mask", "pad", "yy")}
        )

    @property
    def uu_lower(self) -> Floats:
        """Lower triangles of the moments of covariates, shape (C, P, d (d + 1) / 2)."""
        d = self.uu.shape[2]
        return self.ux[:, :, : d * (d + 1) // 2]

    @property
    def uy(self) -> Floats:
        """Moments of the outcome at each visit with each covariate: shape (C, P * m, d)."""
        d = self.uu.shape[2]
        return np.ascontiguousarray(self.ux[:, :, d * (d + 1) // 2 :]).reshape(len(self.n), -1, d)


@dataclass(frozen=True, eq=False)
class StackPoint:
    """The likelihood of each data set at a covariance of its own.

    Attributes:
        L: shape (C, m, m), with Sigma = L L'; any such matrix.
        W: shape (m, m, C, P), inverse of each pattern's covariance, 0 where not observed.
        Phi: shape (r, r, C), covariance of the coefficients.
        beta: shape (r, C), coefficients.
        loglik: shape (C,).
        sound: shape (C,), whether all of it could be computed.
    """

    L: Floats
    W: Floats
    Phi: Floats
    beta: Floats
    loglik: Floats
    sound: Bools

    @property
    def sigma(self) -> Floats:
        """The covariances, shape (C, m, m)."""
        return np.asarray(self.L @ self.L.transpose(0, 2, 1))

    def take(self, chosen: Bools) -> StackPoint:
        """Some of the data sets."""
        if chosen.all():
            return self
        return StackPoint(
            self.L[chosen], self.W[:, :, chosen], self.Phi[:, :, chosen], self.beta[:, chosen], self.loglik[chosen],
            self.sound[chosen],
        )  # fmt: skip

    def put(self, chosen: Bools, other: StackPoint) -> None:
        """Replaces some of the data sets."""
        self.L[chosen], self.loglik[chosen], self.sound[chosen] = other.L, other.loglik, other.sound
        self.W[:, :, chosen], self.Phi[:, :, chosen], self.beta[:, chosen] = other.W, other.Phi, other.beta


def inverses(A: Floats) -> tuple[Floats, Floats]:
    """Inverses of symmetric matrices A (k, k, ..) and their pivots (k, ..), all positive if and only if A is definite.

    Gauss and Jordan's elimination, one step for all matrices of the stack.
    """
    A = A.copy()
    pivots, product = np.empty(A.shape[1:]), np.empty_like(A)
    for i in range(len(A)):
        pivots[i] = A[i, i]
        inverse = 1.0 / pivots[i]
        column = A[:, i].copy()
        row = A[i] * inverse
        A -= np.multiply(column[:, None], row[None], out=product)
        A[:, i] = column * -inverse
        A[i] = row
        A[i, i] = inverse
    return A, pivots


def times(A: Floats, B: Floats) -> Floats:
    """Matrix products of stacks (m, m, ..)."""
    out = A[:, 0, None] * B[None, 0]
    for k in range(1, A.shape[1]):
        out += A[:, k, None] * B[None, k]
    return np.asarray(out)


def symmetric(lower: Floats, size: int) -> Floats:
    """Matrices (size, size, ..) from their lower triangles (size (size + 1) / 2, ..)."""
    return np.asarray(lower[_where(size)].reshape(size, size, *lower.shape[1:]))


@lru_cache(maxsize=64)
def _where(size: int) -> Ints:
    """Where an entry of a symmetric matrix stands in its lower triangle, shape (size * size,)."""
    j, k, _ = pairs(size)
    at = np.empty((size, size), dtype=np.intp)
    at[j, k] = at[k, j] = np.arange(len(j))
    return at.ravel()


def by_set(A: Floats) -> Floats:
    """From (k, .., C, P) to (C, k.., P), for a product of matrices in each data set."""
    return A.reshape(-1, *A.shape[-2:]).transpose(1, 0, 2)


def evaluate_stack(stack: Stack, L: Floats) -> StackPoint:
    """The likelihood at L L', L (C, m, m). Sets where it cannot be computed are marked as not sound."""
    r, sigma = stack.columns.rank, L @ L.transpose(0, 2, 1)
    with np.errstate(all="ignore"):
        W, pivots = inverses(sigma.transpose(1, 2, 0)[..., None] * stack.mask + stack.pad)
        sound = (pivots > 0).all(axis=(0, 2))
        W *= stack.mask
        found = normal_equations(stack, W)
        A, b = found[: r * r].reshape(r, r, -1), found[r * r :]
        Phi, d = inverses(A)
        beta = (Phi * b).sum(axis=1)
        c = np.einsum("jkcp,jkcp->c", W, stack.yy)
        n = stack.n_observations - (r if stack.reml else 0)
        log_det = (stack.n * np.log(pivots).sum(axis=0)).sum(axis=1)
        minus_two = n * LOG_2PI + log_det + c - (beta * b).sum(axis=0)
        if stack.reml:
            minus_two += np.log(d).sum(axis=0) + stack.columns.log_det_scale
        sound &= (d > 0).all(axis=0) & np.isfinite(minus_two)
    return StackPoint(L, W, Phi, beta, -0.5 * minus_two, sound)


def normal_equations(stack: Stack, W: Floats) -> Floats:
    """X'V^-1 X, then X'V^-1 y, given W (m, m, C, P): shape (r * r + r, C)."""
    j, k, _ = pairs(len(W))
    inner = by_set(W[j, k]) @ stack.ux
    return np.asarray(stack.columns.both @ np.ascontiguousarray(inner.reshape(len(inner), -1).T))


def sandwich(stack: Stack, Z: Floats) -> Floats:
    """Sum over patterns of X' Z_p X for symmetric Z (m, m, C, P): shape (r, r, C)."""
    j, k, _ = pairs(len(Z))
    inner = by_set(Z[j, k]) @ stack.uu_lower
    found = stack.columns.covariates @ np.ascontiguousarray(inner.reshape(len(inner), -1).T)
    return np.asarray(found.reshape(stack.columns.rank, stack.columns.rank, -1))


@dataclass(frozen=True, eq=False)
class StackDerivatives:
    """Derivatives with respect to the lower triangle of T in Sigma = L (I + T) L', K = m (m + 1) / 2 entries.

    Attributes:
        gradient: shape (C, m, m), each entry of T on its own.
        information: shape (C, K, K), minus the Hessian.
        tangents: shape (C, K * r, r), Kenward-Roger's P_a with its sign turned, one below the other.
        halves: shape (C, K * r, r), tangents @ Phi.
        Q, V: shapes (m, m, C, P), WL and L'WL.
    """

    gradient: Floats
    information: Floats
    tangents: Floats
    halves: Floats
    Q: Floats
    V: Floats

    def take(self, chosen: Bools) -> StackDerivatives:
        """Some of the data sets."""
        return StackDerivatives(
            self.gradient[chosen], self.information[chosen], self.tangents[chosen], self.halves[chosen],
            self.Q[:, :, chosen], self.V[:, :, chosen],
        )  # fmt: skip


def derivatives(stack: Stack, point: StackPoint) -> StackDerivatives:
    """Gradient and observed information at a point."""
    C, (m, _, r) = len(stack.n), stack.columns.X.shape
    K = m * (m + 1) // 2
    Phi = np.ascontiguousarray(point.Phi.transpose(2, 0, 1))
    r_uy, S = residuals(stack, (stack.columns.X @ point.beta).transpose(2, 0, 1))
    if stack.reml:
        S += symmetric(_hat(stack, point.Phi), m)
    L = np.ascontiguousarray(point.L.transpose(1, 2, 0))[..., None]
    Q = times(point.W, L)
    Lt, Qt = L.transpose(1, 0, 2, 3), Q.transpose(1, 0, 2, 3)
    V, F = times(Lt, Q), times(Qt, times(S, Q))
    nV = stack.n * V
    gradient = np.asarray(0.5 * (F - nV).sum(axis=3).transpose(2, 0, 1))
    F -= 0.5 * nV
    inner = stack.uu_lower.transpose(0, 2, 1) @ by_set(pair_products(Q)).transpose(0, 2, 1)
    # (pair of visits, moments, C, a)
    inner = np.ascontiguousarray(inner.reshape(C, -1, K, K).transpose(2, 1, 0, 3))
    found = stack.columns.covariates @ inner.reshape(-1, C * K)
    tangents = np.ascontiguousarray(found.T).reshape(C, K * r, r)
    h = _scores(stack, Q, r_uy)
    halves = tangents @ Phi
    information = _paired(V, F) - h @ Phi @ h.transpose(0, 2, 1)
    if stack.reml:
        information -= 0.5 * _trace(halves, K)
    return StackDerivatives(gradient, information, tangents, halves, Q, V)


def expected_information(stack: Stack, point: StackPoint, d: StackDerivatives) -> Floats:
    """The expected information, which is positive definite: shape (C, K, K)."""
    F = 0.5 * stack.n * d.V
    if not stack.reml:
        return _paired(d.V, F)
    H = symmetric(_hat(stack, point.Phi), len(F))
    F -= times(d.Q.transpose(1, 0, 2, 3), times(H, d.Q))
    return _paired(d.V, F) + 0.5 * _trace(d.halves, d.information.shape[1])


def _paired(V: Floats, F: Floats) -> Floats:
    """Sum over patterns of tr(E_a V E_b F), a and b pairs of visits: shape (C, K, K)."""
    m, _, C, _ = V.shape
    dup = pairs(m)[2]
    T = (by_set(V) @ by_set(F).transpose(0, 2, 1)).reshape(C, m, m, m, m)
    T = dup.T @ T.transpose(0, 4, 1, 2, 3).reshape(C, m * m, m * m) @ dup
    return np.asarray((T + T.transpose(0, 2, 1)) / 2)


def _trace(halves: Floats, K: int) -> Floats:
    """tr(P_a Phi P_b Phi), shape (C, K, K)."""
    C, _, r = halves.shape
    turned = halves.reshape(C, K, r, r).transpose(0, 1, 3, 2).reshape(C, K, r * r)
    return np.asarray(halves.reshape(C, K, r * r) @ turned.transpose(0, 2, 1))


def _scores(stack: Stack, Q: Floats, r_uy: Floats) -> Floats:
    """Sum over patterns of X' (q_j q_k' + q_k q_j') (the outcomes' residuals), q the columns of Q: shape (C, K, r)."""
    C, P = stack.n.shape
    m, d, r = stack.columns.X.shape
    j, k, _ = pairs(m)
    residual = np.ascontiguousarray(r_uy.reshape(C, P, m, d).transpose(2, 3, 0, 1))
    whitened = times(Q.transpose(1, 0, 2, 3), residual)  # (m, d, C, P)
    T = (by_set(Q) @ by_set(whitened).transpose(0, 2, 1)).reshape(C, m, m, m, d)
    T = T.transpose(0, 2, 3, 1, 4).reshape(C * m * m, m * d) @ stack.columns.X.reshape(m * d, r)
    T = T.reshape(C, m, m, r)
    return np.asarray(T[:, j, k] + T[:, k, j] * (j != k)[:, None])


def pair_products(Q: Floats) -> Floats:
    """Lower triangles of q_j q_k' + q_k q_j' (once on the diagonal), q the columns of Q (m, m, ..).

    Shape (K, K, ..), [entry, (j, k)].
    """
    m = len(Q)
    j, k, _ = pairs(m)
    first, second = Q[:, j], Q[:, k]
    out = np.empty((len(j), len(j), *Q.shape[2:]))
    other = np.empty((len(j), *Q.shape[2:]))
    for e, (s, t) in enumerate(zip(j, k, strict=True)):
        np.multiply(first[s], second[t], out=out[e])
        out[e] += np.multiply(second[s], first[t], out=other)
    out[:, j == k] *= 0.5
    return out


def residuals(stack: Stack, g: Floats) -> tuple[Floats, Floats]:
    """Moments of y_j - u'g_j, g (C, m, d), with covariates (C, P * m, d) and with each other (m, m, C, P)."""
    C, P = stack.n.shape
    m, d = g.shape[1:]
    g = np.ascontiguousarray(g.transpose(0, 2, 1))
    uy = stack.uy
    fitted = (stack.uu.reshape(C, P * d, d) @ g).reshape(C, P, d, m)
    r_uy = uy - fitted.transpose(0, 1, 3, 2).reshape(C, P * m, d)
    left = (uy @ g).reshape(C, P, m, m).transpose(3, 2, 0, 1)
    left = left + (r_uy @ g).reshape(C, P, m, m).transpose(2, 3, 0, 1)
    return r_uy, stack.yy - left


def _hat(stack: Stack, Phi: Floats) -> Floats:
    """Moments of the fitted part, lower triangles over visits: shape (K, C, P)."""
    m, _, r = stack.columns.X.shape
    inner = stack.columns.hat @ Phi.reshape(r * r, -1)
    inner = np.ascontiguousarray(inner.T).reshape(len(stack.n), m * (m + 1) // 2, -1)
    H = stack.uu_lower @ inner.transpose(0, 2, 1)
    return np.ascontiguousarray(H.transpose(2, 0, 1))


def reduced_stack(products: ProductStack, columns: Columns, reml: bool) -> tuple[Stack, Floats, Bools]:
    """Moments of outcomes from which a least-squares fit was taken.

    Returns:
        The stack; the fit's coefficients (r, C); and whether a set is ordinary: its columns are far from aliased, it
        has more observations than columns, each pair of visits is seen together, and each visit has residuals.
    """
    m, d, r = columns.X.shape
    seen = products.observed.astype(np.float64).transpose(2, 0, 1)  # (m, C, P)
    mask = np.ascontiguousarray(seen[:, None] * seen[None])
    pad = np.zeros_like(mask)
    pad[range(m), range(m)] = 1.0 - seen
    n_observations = (products.n * seen.sum(axis=0)).sum(axis=1)
    uu = np.ascontiguousarray(products.uu[:, :, _where(d)]).reshape(*products.n.shape, d, d)
    ux = np.concatenate([products.uu, products.uy], axis=2)
    stack = Stack(
        columns, reml, products.n, mask, pad, uu, ux,
        symmetric(np.ascontiguousarray(products.yy.transpose(2, 0, 1)), m), n_observations,
    )  # fmt: skip
    eye = np.zeros_like(mask)
    eye[range(m), range(m)] = seen
    with np.errstate(all="ignore"):
        found = normal_equations(stack, eye)
        A, b = found[: r * r].reshape(r, r, -1), found[r * r :]
        # The outcomes' centres are a function of the constant: what they hold of the model is coefficients.
        ones = np.einsum("jcp,cpa->cja", seen, uu[:, :, 0, :])  # sums of u over those seen at each visit
        b = b + np.einsum("jas,cj,cja->sc", columns.X, products.y_centre, ones)
        Phi, pivots = inverses(A)
        b0 = (Phi * b).sum(axis=1)
        ordinary = (pivots > INDEPENDENT * A[range(r), range(r)]).all(axis=0)
        before = np.einsum("jjcp->jc", stack.yy)
        shift = (columns.X @ b0).transpose(2, 0, 1)  # (C, m, d)
        shift[:, :, 0] -= products.y_centre
        r_uy, yy = residuals(stack, shift)
        seen = np.ascontiguousarray(seen.transpose(1, 2, 0))
        r_uy = (r_uy.reshape(*seen.shape, d) * seen[..., None]).reshape(*products.uy.shape)
        yy *= mask
        ux = np.concatenate([products.uu, r_uy], axis=2)
        stack = replace(stack, ux=ux, yy=(yy + yy.transpose(1, 0, 2, 3)) / 2)
        left = np.einsum("jjcp->jc", stack.yy)
        together = np.einsum("jkcp,cp->jkc", mask, products.n)
        ordinary &= (left > EXPLAINED * before).all(axis=0) & (together > 0).all(axis=(0, 1))
        ordinary &= (n_observations > r) & np.isfinite(left).all(axis=0)
    return stack, b0, ordinary

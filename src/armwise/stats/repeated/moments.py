"""What the likelihood needs of the data: moments by pattern, and the contractions of them with matrices over visits.

Two forms. The structured one holds moments of covariates, which every column of the model matrix is made of, and costs
little. The dense one holds moments of the columns themselves, for rows that were whitened, where the structure is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Numbers in the largest intermediate array; more pairs of visits are taken in turn.
LARGEST = 8_000_000


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments in the orthonormal basis. P patterns, m visits, r columns; patterns of a group are neighbours.

    Attributes:
        parts: for each covariance group, the slice of its patterns.
        n: shape (P,), subjects.
        mask: shape (P, m, m), 1 for pairs of observed visits.
        pad: shape (P, m, m), the identity on visits that were not observed.
        lift: shape (P, m, m) or None. None: the outcomes of a pattern are those of its observed visits. Otherwise its
            covariance is lift @ S @ lift', and outcomes and columns were brought to m entries by lift'.
        uu: shape (P, D * D), or (P, m, m, r, r) in the dense form: moments of the columns by pair of visits.
        uy: shape (P, D, m), or (P, m, m, r): moments of the columns at a visit and the outcome at another.
        yy: shape (P, m, m).
        X: shape (m * D, r): columns as functions of the covariates; None in the dense form.
    """

    parts: tuple[slice, ...]
    n: Floats
    mask: Floats
    pad: Floats
    lift: Floats | None
    uu: Floats
    uy: Floats
    yy: Floats
    X: Floats | None
    rank: int
    n_observations: int
    log_det_scale: float
    log_weights: float

    @classmethod
    def structured(
        cls,
        seen: Floats,
        group: Ints,
        groups: int,
        n: Floats,
        uu: Floats,
        uy: Floats,
        yy: Floats,
        X: Floats,
        n_observations: int,
        *,
        log_det_scale: float,
        log_weights: float,
    ) -> Moments:
        """Moments of covariates, by pattern of observed visits."""
        P, m = seen.shape
        pad = np.zeros((P, m, m))
        pad[:, np.arange(m), np.arange(m)] = 1.0 - seen
        return cls(
            _parts(group, groups), n, seen[:, :, None] * seen[:, None, :], pad, None, uu.reshape(P, -1), uy, yy, X,
            X.shape[1], n_observations, log_det_scale, log_weights,
        )  # fmt: skip

    @property
    def visits(self) -> int:
        """The number m of visits."""
        return int(self.mask.shape[1])

    def covariances(self, sigma: Floats) -> Floats:
        """Each pattern's covariance, the identity where nothing was observed: shape (P, m, m)."""
        if self.lift is not None:
            S = np.empty_like(self.mask)
            for g, part in enumerate(self.parts):
                S[part] = self.lift[part] @ sigma[g] @ self.lift[part].transpose(0, 2, 1)
            return S + self.pad
        if len(self.parts) == 1:
            return np.asarray(sigma[0] * self.mask + self.pad)
        S = np.empty_like(self.mask)
        for g, part in enumerate(self.parts):
            S[part] = sigma[g] * self.mask[part]
        return S + self.pad

    def normal_equations(self, W: Floats) -> tuple[Floats, Floats, float]:
        """A = X'V^-1 X (r, r), b = X'V^-1 y (r,) and y'V^-1 y, given the inverses W (P, m, m)."""
        m = self.visits
        c = float(np.vdot(W, self.yy))
        if self.X is None:
            A = np.tensordot(W, self.uu, axes=((0, 1, 2), (0, 1, 2)))
            b = np.tensordot(W, self.uy, axes=((0, 1, 2), (0, 1, 2)))
            return A, b, c
        b = np.add.reduce(self.uy @ W, axis=0).T.reshape(-1) @ self.X
        return self.sandwich(W.reshape(-1, m * m)), b, c

    def sandwich(self, Z: Floats) -> Floats:
        """Sum over patterns of X' (Z_p) X for symmetric Z (P, m * m): shape (r, r)."""
        m = self.visits
        if self.X is None:
            P = len(Z)
            return (Z.reshape(-1) @ self.uu.reshape(P * m * m, -1)).reshape(self.rank, self.rank)
        D = self.uy.shape[1]
        inner = (Z.T @ self.uu).reshape(m, m, D, D).transpose(0, 2, 1, 3).reshape(m * D, m * D)
        return np.asarray(self.X.T @ inner @ self.X)

    def residual(self, beta: Floats) -> tuple[Floats, Floats]:
        """Moments of columns (or covariates) and residuals, in the shape of `uy`, and of residuals (P, m, m)."""
        m = self.visits
        if self.X is None:
            xb = self.uu @ beta  # (P, j, k, r): columns at j and fitted values at k
            r_uy = self.uy - xb
            yb = self.uy @ beta  # (P, j, k): fitted values at j, outcome at k
            return r_uy, self.yy - yb - (r_uy @ beta).transpose(0, 2, 1)
        D = self.uy.shape[1]
        g = (self.X @ beta).reshape(m, D)
        return residual_moments(self.uu.reshape(-1, D, D), self.uy, self.yy, g)

    def hat(self, XF: Floats) -> Floats:
        """Moments of the fitted part, tr(x_j x_k' Phi) summed by pattern: (P, m, m). XF from `whitened`."""
        m = self.visits
        if self.X is None:
            return np.asarray(self.uu.reshape(len(self.n), m, m, -1) @ (XF @ XF.T).reshape(-1))
        D = self.uy.shape[1]
        inner = (XF @ XF.T).reshape(m, D, m, D).transpose(0, 2, 1, 3).reshape(m * m, D * D)
        return (self.uu @ inner.T).reshape(-1, m, m)

    def whitened(self, Fi: Floats) -> Floats:
        """The columns after the inverse factor Fi of A: X Fi' (m * D, r); Fi' in the dense form."""
        return np.asarray(Fi.T if self.X is None else self.X @ Fi.T)

    def tangents(self, part: slice, Q: Floats, XF: Floats, j: Ints, k: Ints) -> Floats:
        """Sum over a group's patterns of Fi X' (q_j q_k' + q_k q_j') X Fi', q the columns of Q (P, m, m).

        One matrix for each pair (j, k) of columns, the diagonal ones once: shape (pairs, r, r).
        """
        m, r, pairs = self.visits, self.rank, len(j)
        if self.X is None:
            # C[a, b] over visits becomes Q' C Q, pattern by pattern, so that the sum is over m * m matrices only.
            left = (Q.transpose(0, 2, 1) @ self.uu[part].reshape(-1, m, m * r * r)).reshape(-1, m, m, r * r)
            both = (Q.transpose(0, 2, 1)[:, None] @ left).sum(axis=0)
            T = XF.T @ both[j, k].reshape(pairs, r, r) @ XF
        else:
            D = self.uy.shape[1]
            T = np.empty((pairs, r, r))
            block = max(1, LARGEST // (m * m * D * D))
            for start in range(0, pairs, block):
                a, b = j[start : start + block], k[start : start + block]
                QQ = (Q.take(a, axis=2)[:, :, None] * Q.take(b, axis=2)[:, None]).reshape(-1, m * m * len(a))
                inner = (QQ.T @ self.uu[part]).reshape(m, m, len(a), D, D).transpose(2, 0, 3, 1, 4)
                half = (inner.reshape(len(a) * m * D, m * D) @ XF).reshape(len(a), m * D, r)
                T[start : start + block] = XF.T @ half
        return np.asarray(T + T.transpose(0, 2, 1) * (j != k)[:, None, None])

    def scores(self, part: slice, Q: Floats, XF: Floats, r_uy: Floats, j: Ints, k: Ints) -> Floats:
        """Sum over a group's patterns of Fi X' (q_j q_k' + q_k q_j') (outcome's residual): shape (pairs, r)."""
        m, r = self.visits, self.rank
        if self.X is None:
            half = (Q.transpose(0, 2, 1) @ r_uy[part].reshape(-1, m, m * r)).reshape(-1, m, m, r)
            h = (Q.transpose(0, 2, 1)[:, None] @ half).sum(axis=0) @ XF
        else:
            D = self.uy.shape[1]
            Y = (r_uy[part] @ Q).reshape(-1, D * m)
            T = (Q.reshape(-1, m * m).T @ Y).reshape(m, m, D, m).transpose(1, 3, 0, 2)
            h = T.reshape(m, m, m * D) @ XF
        return np.asarray(h[j, k] + h[k, j] * (j != k)[:, None])


def residual_moments(uu: Floats, uy: Floats, yy: Floats, g: Floats) -> tuple[Floats, Floats]:
    """Moments of y_j - u @ g[j] with u and with each other, from those of u and y: shapes of `uy` and `yy`."""
    r_uy = uy - uu @ g.T
    return r_uy, yy - g @ uy - r_uy.transpose(0, 2, 1) @ g.T


def _parts(group: Ints, groups: int) -> tuple[slice, ...]:
    if groups == 1:
        return (slice(0, len(group)),)
    bounds = np.searchsorted(group, np.arange(groups + 1))
    return tuple(slice(int(a), int(b)) for a, b in pairwise(bounds))

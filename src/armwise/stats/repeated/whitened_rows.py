"""A pass over the rows of a fit, whitened: x_i = L_i^-1 X_i and e_i = L_i^-1 r_i, L_i the lower Cholesky factor of the
subject's covariance, in coordinates in which the coefficients are uncorrelated with variance 1.

A row is x_ij = X_j' u_i with covariates u_i of the subject. So every entry of H_i = x_i x_i' and of a score's square
(x_i' v)(x_i' v)' is a combination of the products u_a u_b: these are formed once a subject, and no x_i ever is. Arrays
have the subjects last, as there are many of them and few of everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.cross_products import rows_by_pattern
from armwise.stats.repeated.residuals import inverse_factor, rows_of

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

#: Subjects in a chunk, and numbers in its largest array.
SUBJECTS, NUMBERS = 4096, 500_000


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some subjects.

    Attributes:
        u, e: shapes (D, n) and (m, n): covariates from their centres, and residuals, 0 where not observed; both times
            the roots of the weights.
        patterns, groups: which subjects are of each pattern, by its code, and of each group: neighbours.
    """

    u: Floats
    e: Floats
    patterns: list[tuple[int, slice]]
    groups: list[tuple[int, slice]]

    @cached_property
    def products(self) -> Floats:
        """Products of covariates: shape (D (D + 1) / 2, n)."""
        return products(self.u)


@dataclass(frozen=True, eq=False)
class WhitenedRows:
    """How the rows of a fit are whitened.

    Attributes:
        fit: the model.
        X: shape (G, m, D, r): the columns as functions of covariates, whitened by the covariance of all visits.
        a: shape (m, D): the outcome's mean as a function of covariates.
        inverse: by a pattern's code, the inverse factor of its covariance (m, m), 0 where not observed.
        lift: by code, a pattern's whitened columns are lift @ X (m, m). Its rows are orthonormal, so that nothing is
            lost when the covariance is nearly singular.
    """

    fit: Mmrm
    X: Floats
    a: Floats
    inverse: dict[int, Floats]
    lift: dict[int, Floats]
    _hats: dict[int, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, fit: Mmrm) -> WhitenedRows:
        """The rows that the model was fitted to.

        Raises:
            UsageError: it was fitted to cross-products alone.
        """
        rows_of(fit, "robust covariances")
        columns = fit.basis.X @ fit.optimum.point.Fi.T
        m = len(columns)
        whole = [inverse_factor(fit, np.arange(m), g) for g in range(len(fit.groups))]
        factors = [np.linalg.inv(Li) for Li in whole]
        X = np.array([np.tensordot(Li, columns, axes=1) for Li in whole])
        inverse, lift = {}, {}
        for seen, g in zip(fit.products.observed, fit.products.group.tolist(), strict=True):
            visits = np.flatnonzero(seen)
            code = int((1 << visits).sum()) + (g << m)
            inverse[code] = np.zeros((m, m))
            inverse[code][np.ix_(visits, visits)] = inverse_factor(fit, visits, g)
            lift[code] = inverse[code] @ factors[g]
        return cls(fit, X, fit.basis.shift + fit.basis.X @ fit.optimum.point.beta, inverse, lift)

    def chunks(self) -> Iterator[Chunk]:
        """One pass."""
        _, m, D, _ = self.X.shape
        most = max(min(SUBJECTS, NUMBERS // max(D * (D + 1) // 2, m * m)), 1)
        wide = rows_of(self.fit, "robust covariances")
        held: list[tuple[int, Floats]] = []
        count = 0
        for code, z, _ in rows_by_pattern(wide, self.fit.products.u_centre, self.fit.products.y_centre):
            if code not in self.inverse:  # nothing observed
                continue
            for start in range(0, len(z), most):
                block = z[start : start + most]
                if count + len(block) > most:
                    yield self._chunk(held, count)
                    held, count = [], 0
                held.append((code, block))
                count += len(block)
        if held:
            yield self._chunk(held, count)

    def _chunk(self, held: list[tuple[int, Floats]], count: int) -> Chunk:
        _, m, D, _ = self.X.shape
        zt = np.empty((D + m, count))
        patterns: list[tuple[int, slice]] = []
        groups: list[tuple[int, slice]] = []
        at = 0
        for code, block in held:
            of = slice(at, at + len(block))
            zt[:, of] = block.T
            patterns.append((code, of))
            if groups and groups[-1][0] == code >> m:
                of = slice(groups.pop()[1].start, of.stop)
            groups.append((code >> m, of))
            at = of.stop
        return Chunk(zt[:D], zt[D:] - self.a @ zt[:D], patterns, groups)

    def residuals(self, chunk: Chunk) -> Floats:
        """e_i: shape (1, m, n); 0 where not observed."""
        out = np.empty((1, *chunk.e.shape))
        for code, of in chunk.patterns:
            out[0, :, of] = self.inverse[code] @ chunk.e[:, of]
        return out

    def columns(self, chunk: Chunk, C: Floats) -> Floats:
        """x_i c for each column c of C (r, l): shape (l, m, n)."""
        out = np.empty((C.shape[1], *chunk.e.shape))
        for g, of in chunk.groups:
            out[:, :, of] = np.tensordot(C, self.X[g], axes=(0, 2)) @ chunk.u[:, of]
        for code, of in chunk.patterns:
            out[:, :, of] = self.lift[code] @ out[:, :, of]
        return out

    def hat(self, chunk: Chunk) -> Floats:
        """H_i: shape (m, m, n)."""
        _, m, D, r = self.X.shape
        H = np.empty((m * m, chunk.u.shape[1]))
        for code, of in chunk.patterns:
            if code not in self._hats:
                x = np.tensordot(self.lift[code], self.X[code >> m], axes=1).reshape(m * D, r)
                a, b = np.triu_indices(D)
                M = (x @ x.T).reshape(m, D, m, D).transpose(0, 2, 1, 3)
                self._hats[code] = (M[:, :, a, b] + M[:, :, b, a] * (a != b)).reshape(m * m, -1)
            H[:, of] = self._hats[code] @ chunk.products[:, of]
        return H.reshape(m, m, -1)

    def moments(self, count: int) -> Floats:
        """Room for `count` sums of products of v and of u, by group."""
        groups, m, D, _ = self.X.shape
        return np.zeros((groups, count, m * (m + 1) // 2, D * (D + 1) // 2))

    def add(self, total: Floats, chunk: Chunk, v: Floats) -> None:
        """Adds to `moments` what the scores x_i' v_i are made of, v of shape (l, m, n)."""
        lifted = np.empty_like(v)
        for code, of in chunk.patterns:
            lifted[:, :, of] = self.lift[code].T @ v[:, :, of]
        for g, of in chunk.groups:
            for k, t in enumerate(lifted[:, :, of]):
                total[g, k] += products(t) @ chunk.products[:, of].T

    def sandwich(self, total: Floats) -> Floats:
        """Sums of (x_i' v_i)(x_i' v_i)' from `moments`: shape (l, r, r)."""
        _, m, D, r = self.X.shape
        j, k = np.triu_indices(m)
        a, b = np.triu_indices(D)
        full = np.empty((total.shape[1], m, m, D, D))
        by_covariates = np.empty((total.shape[1], len(j), D, D))
        S = np.zeros((total.shape[1], r, r))
        for X, packed in zip(self.X, total, strict=True):
            by_covariates[:, :, a, b] = by_covariates[:, :, b, a] = packed
            full[:, j, k] = full[:, k, j] = by_covariates
            x = X.reshape(m * D, r)
            S += x.T @ full.transpose(0, 1, 3, 2, 4).reshape(-1, m * D, m * D) @ x
        return np.asarray((S + S.transpose(0, 2, 1)) / 2)


def products(x: Floats) -> Floats:
    """x_a x_b for a <= b: from (k, n) to (k (k + 1) / 2, n)."""
    k, n = x.shape
    out = np.empty((k * (k + 1) // 2, n))
    at = 0
    for a in range(k):
        np.multiply(x[a:], x[a], out=out[at : at + k - a])
        at += k - a
    return out

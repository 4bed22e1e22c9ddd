"""Robust covariances of the coefficients, from how far each subject's own score is from zero, with degrees of freedom.

Liang & Zeger 1986 (Biometrika 73:13-22): empirical. Mancl & DeRouen 2001 (Biometrics 57:126-134): jackknife, here with
no factor (N - 1) / N. Bell & McCaffrey 2002 (Survey Methodology 28:169-181): bias-reduced, and degrees of freedom.

With rows whitened by the lower Cholesky factor of the subject's covariance, x_i = L_i^-1 X_i and e_i = L_i^-1 r_i, and
Phi the model's covariance of the coefficients, a subject's score is s_i = x_i' A_i e_i and the covariance is
Phi (sum s_i s_i') Phi. A_i is the identity, (I - H_i)^-1, or its symmetric root, with H_i = x_i Phi x_i'. Everything is
in coordinates in which Phi is the identity.

One more pass over the rows. A row is x_ij = X_j' u_i, so that every entry of H_i and of s_i s_i' is a combination of
the products u_a u_b, which are formed once a subject; arrays have the subjects last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.cross_products import rows_by_pattern
from armwise.stats.repeated.residuals import inverse_factor, rows_of

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

#: A_i = (I - H_i) ^ power.
POWERS = {"empirical": 0.0, "jackknife": -1.0, "bias-reduced": -0.5}
#: Subjects in a chunk, and numbers in its largest array.
SUBJECTS, NUMBERS = 4096, 500_000
#: Trace of H_i up to which (I - H_i) ^ power is summed as a series; above, it comes from eigenvalues.
SERIES = 0.125
#: A subject alone decides on a direction when less than this is left of it: its residual there is zero, and stays so.
ALONE = 1e-10
#: Contrasts whose degrees of freedom are computed together.
CONTRASTS = 8


def robust_covariance(fit: Mmrm) -> Floats:
    """The covariance of the coefficients by `fit.vcov_method`, in whitened coordinates: shape (r, r).

    Args:
        fit: a model that was fitted to rows, with a robust `vcov_method`. The covariance of its coefficients is
            F @ result @ F.T, F = Ri @ Fi.T.

    Raises:
        UsageError: it was fitted to cross-products alone, which hold no fourth moments.
    """
    rows = _Rows.of(fit)
    total = rows.moments(1)
    for chunk in rows.chunks(fit):
        squares = _products(chunk.u)
        v = rows.residuals(chunk)
        if rows.power:
            v = _adjusted(rows.hat(chunk, squares), v, rows.power)
        rows.add(total, chunk, v, squares)
    return rows.sandwich(total)[0]


def bell_mccaffrey(fit: Mmrm, C: Floats) -> Floats:
    """Degrees of freedom of contrasts with a robust covariance: those of a chi-squared with its mean and variance.

    With h_i = A_i x_i c, a_i = x_i' h_i and d_i = h_i'h_i, the variance estimate is a quadratic form whose matrix has
    the traces sum(d_i - a_i'a_i) and, squared, sum(d_i^2 - 2 d_i a_i'a_i) + tr((sum a_i a_i')^2) under the model
    (section 4 of the paper); the degrees of freedom are the first squared over the second.

    Args:
        fit: a model that was fitted to rows, with a robust `vcov_method`.
        C: shape (r, l), the contrasts in whitened coordinates: columns Fi @ contrast.

    Returns:
        Shape (l,); NaN for a contrast that is zero.

    Raises:
        UsageError: it was fitted to cross-products alone.
    """
    rows = _Rows.of(fit)
    contrasts = C.shape[1]
    first, second = np.zeros(contrasts), np.zeros(contrasts)
    total = rows.moments(contrasts)
    scale = np.sqrt(np.einsum("rl,rl->l", C, C))
    C = C / np.where(scale > 0, scale, 1.0)
    for chunk in rows.chunks(fit):
        squares = _products(chunk.u)
        H = rows.hat(chunk, squares)
        for start in range(0, contrasts, CONTRASTS):
            some = slice(start, start + CONTRASTS)
            h = rows.columns(chunk, C[:, some])
            if rows.power:
                h = _adjusted(H, h, rows.power)
            d = np.einsum("lmn,lmn->ln", h, h)
            aa = np.einsum("lmn,lmn->ln", h, _times(H, h))
            first[some] += (d - aa).sum(axis=1)
            second[some] += (d * (d - 2 * aa)).sum(axis=1)
            rows.add(total[:, some], chunk, h, squares)
    Sa = rows.sandwich(total)
    second += np.einsum("lrs,lrs->l", Sa, Sa)
    return np.asarray(np.divide(first**2, second, out=np.full(contrasts, np.nan), where=second > 0))


def joint_bell_mccaffrey(fit: Mmrm, C: Floats, estimate: Floats) -> tuple[float, float]:
    """F and its denominator degrees of freedom for all contrasts of C together being zero, with a robust covariance.

    As Fai and Cornelius do for the model's covariance (and R's mmrm for both): contrasts are rotated to uncorrelated
    ones, whose t statistics have Bell and McCaffrey's degrees of freedom, and F has the mean of their squares.

    Args:
        fit: a model that was fitted to rows, with a robust `vcov_method`.
        C: shape (r, l), l independent contrasts in whitened coordinates.
        estimate: shape (l,), their estimates.

    Raises:
        UsageError: it was fitted to cross-products alone.
    """
    values, vectors = np.linalg.eigh(C.T @ fit.whitened_covariance @ C)
    nu = bell_mccaffrey(fit, C @ vectors)
    f, size = float(((vectors.T @ estimate) ** 2 / values).mean()), len(nu)
    if np.allclose(nu, nu[0], rtol=1e-12, atol=0):
        return f, float(nu[0])
    above = nu[nu > 2]
    expected = float((above / (above - 2)).sum())
    return f, 2 * expected / (expected - size) if expected > size else 0.0


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some subjects: covariates u (D, n) from their centres, residuals e (m, n) (0 where not observed), both times the
    roots of the weights; and the subjects of each pattern, by its code."""

    u: Floats
    e: Floats
    parts: list[tuple[int, slice]]


@dataclass(frozen=True, eq=False)
class _Pattern:
    """A set of observed visits: its group, the inverse factor of its covariance (m, m; 0 where not observed), the
    whitened columns as functions of those of all visits (m, m), which has orthonormal rows, and H_i as a function of
    the products of covariates (m * m, D (D + 1) / 2)."""

    group: int
    inverse: Floats
    lift: Floats
    hat: Floats


@dataclass(frozen=True, eq=False)
class _Rows:
    """How the rows of a fit are whitened.

    Attributes:
        power: A_i = (I - H_i) ^ power.
        X: shape (G, m, D, r): the columns as functions of covariates, whitened by the covariance of all visits. A
            pattern's are its lift @ X: nothing is lost when the covariance is nearly singular.
        a: shape (m, D): the outcome's mean as a function of covariates.
        patterns: by code.
    """

    power: float
    X: Floats
    a: Floats
    patterns: dict[int, _Pattern]

    @classmethod
    def of(cls, fit: Mmrm) -> _Rows:
        """From a fit, whose `vcov_method` says the power."""
        columns = fit.basis.X @ fit.optimum.point.Fi.T
        m = len(columns)
        whole = [inverse_factor(fit, np.arange(m), g) for g in range(len(fit.groups))]
        X = np.array([np.tensordot(Li, columns, axes=1) for Li in whole])
        patterns = {}
        for seen, g in zip(fit.products.observed, fit.products.group.tolist(), strict=True):
            visits = np.flatnonzero(seen)
            Li = np.zeros((m, m))
            Li[np.ix_(visits, visits)] = inverse_factor(fit, visits, g)
            lift = Li @ np.linalg.inv(whole[g])
            patterns[int((1 << visits).sum()) + (g << m)] = _Pattern(g, Li, lift, _hat(lift, X[g]))
        a = fit.basis.shift + fit.basis.X @ fit.optimum.point.beta
        return cls(POWERS[fit.vcov_method], X, a, patterns)

    def chunks(self, fit: Mmrm) -> Iterator[_Chunk]:
        """A pass over the rows."""
        _, m, D, _ = self.X.shape
        most = max(min(SUBJECTS, NUMBERS // max(D * (D + 1) // 2, m * m)), 1)
        wide = rows_of(fit, "robust covariances")
        held: list[tuple[int, Floats]] = []
        count = 0
        for code, z, _ in rows_by_pattern(wide, fit.products.u_centre, fit.products.y_centre):
            if code not in self.patterns:  # nothing observed
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

    def _chunk(self, held: list[tuple[int, Floats]], count: int) -> _Chunk:
        D = self.X.shape[2]
        zt = np.empty((held[0][1].shape[1], count))
        parts, at = [], 0
        for code, block in held:
            parts.append((code, slice(at, at + len(block))))
            zt[:, at : at + len(block)] = block.T
            at += len(block)
        return _Chunk(zt[:D], zt[D:] - self.a @ zt[:D], parts)

    def residuals(self, chunk: _Chunk) -> Floats:
        """e_i: shape (1, m, n); 0 where not observed."""
        out = np.empty((1, *chunk.e.shape))
        for code, of in chunk.parts:
            np.matmul(self.patterns[code].inverse, chunk.e[:, of], out=out[0, :, of])
        return out

    def columns(self, chunk: _Chunk, C: Floats) -> Floats:
        """x_i c for each column c of C: shape (l, m, n)."""
        out = np.empty((C.shape[1], *chunk.e.shape))
        Xc = np.einsum("gmdr,rl->glmd", self.X, C)
        for code, of in chunk.parts:
            pattern = self.patterns[code]
            out[:, :, of] = pattern.lift @ Xc[pattern.group] @ chunk.u[:, of]
        return out

    def hat(self, chunk: _Chunk, squares: Floats) -> Floats:
        """H_i: shape (m, m, n)."""
        m = self.X.shape[1]
        H = np.empty((m * m, squares.shape[1]))
        for code, of in chunk.parts:
            H[:, of] = self.patterns[code].hat @ squares[:, of]
        return H.reshape(m, m, -1)

    def moments(self, count: int) -> Floats:
        """Room for sums of products of v and of u, by group."""
        groups, m, D, _ = self.X.shape
        return np.zeros((groups, count, m * (m + 1) // 2, D * (D + 1) // 2))

    def add(self, total: Floats, chunk: _Chunk, v: Floats, squares: Floats) -> None:
        """Adds what the scores x_i' v_i, v (l, m, n), are made of."""
        for code, of in chunk.parts:
            pattern = self.patterns[code]
            for k, t in enumerate(pattern.lift.T @ v[:, :, of]):
                total[pattern.group, k] += _products(t) @ squares[:, of].T

    def sandwich(self, total: Floats) -> Floats:
        """Sum of (x_i' v_i)(x_i' v_i)': shape (l, r, r)."""
        groups, m, D, r = self.X.shape
        j, k = np.triu_indices(m)
        a, b = np.triu_indices(D)
        S = np.zeros((total.shape[1], r, r))
        full = np.empty((m, m, D, D))
        for g in range(groups):
            x = self.X[g].reshape(m * D, r)
            for l, packed in enumerate(total[g]):
                by_covariates = np.empty((len(j), D, D))
                by_covariates[:, a, b] = by_covariates[:, b, a] = packed
                full[j, k] = full[k, j] = by_covariates
                S[l] += x.T @ full.transpose(0, 2, 1, 3).reshape(m * D, m * D) @ x
        return np.asarray((S + S.transpose(0, 2, 1)) / 2)


def _hat(lift: Floats, X: Floats) -> Floats:
    """u' M_jk u as a combination of the products of u, M_jk = x_j x_k' with x = lift @ X."""
    m, D, r = X.shape
    x = np.tensordot(lift, X, axes=1).reshape(m * D, r)
    M = (x @ x.T).reshape(m, D, m, D).transpose(0, 2, 1, 3)
    a, b = np.triu_indices(D)
    both = M[:, :, a, b] + M[:, :, b, a] * (a != b)
    return np.asarray(both.reshape(m * m, -1))


def _products(x: Floats) -> Floats:
    """x_a x_b for a <= b: from (k, n) to (k (k + 1) / 2, n)."""
    k, n = x.shape
    out = np.empty((k * (k + 1) // 2, n))
    at = 0
    for a in range(k):
        np.multiply(x[a:], x[a], out=out[at : at + k - a])
        at += k - a
    return out


def _times(H: Floats, v: Floats) -> Floats:
    """H_i v_i for H (m, m, n) and v (l, m, n)."""
    out = H[:, 0] * v[:, None, 0]
    for k in range(1, len(H)):
        out += H[:, k] * v[:, None, k]
    return np.asarray(out)


def _adjusted(H: Floats, v: Floats, power: float) -> Floats:
    """(I - H_i) ^ power v_i, to rounding: a power series where H_i is small, else from its eigenvalues."""
    leverage = np.einsum("kkn->n", H)  # at least the largest eigenvalue
    large = np.flatnonzero(leverage > SERIES)
    rho = float(leverage.max(initial=0.0, where=leverage <= SERIES))
    terms = int(np.ceil(np.log(1e-17) / np.log(rho))) if rho > 0 else 0
    out = v
    for k in range(terms, 0, -1):
        out = v + ((k - 1 - power) / k) * _times(H, out)
    if len(large):
        values, vectors = np.linalg.eigh(H[:, :, large].transpose(2, 0, 1))
        left = 1.0 - values
        scaled = np.where(left > ALONE, np.maximum(left, ALONE) ** power, 0.0)
        A = (vectors * scaled[:, None, :]) @ vectors.transpose(0, 2, 1)
        out = out.copy() if out is v else out
        out[:, :, large] = (A @ v[:, :, large].transpose(2, 1, 0)).transpose(2, 1, 0)
    return out

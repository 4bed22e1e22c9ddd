"""The log-likelihood (REML or ML) at a covariance matrix, with its gradient and information.

Patterson & Thompson 1971 (Biometrika 58:545-554); Harville 1977 (JASA 72:320-338); Jennrich & Schluchter 1986
(Biometrics 42:805-820); Lindstrom & Bates 1988 (JASA 83:1014-1022). Derivatives are taken in whitened coordinates:
Sigma = L (I + T) L' with L the Cholesky factor at the point, T symmetric, so that they have no unit and stay finite
when Sigma is nearly singular.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from armwise.stats.repeated.lapack import cholesky, inverse_lower
from armwise.stats.repeated.moments import Moments

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, eq=False)
class Point:
    """The likelihood at one covariance.

    Attributes:
        moments, reml: of what.
        sigma, L: shapes (G, m, m): the covariance of each group and its lower Cholesky factor.
        W: shape (P, m, m), inverse of each pattern's covariance, 0 where not observed.
        Fi: shape (r, r), lower triangular, Fi A Fi' = I for A = X'V^-1 X; the covariance of beta is Fi'Fi.
        beta: shape (r,), generalised least squares, in the orthonormal basis.
        loglik: the log-likelihood.
    """

    moments: Moments
    reml: bool
    sigma: Floats
    L: Floats
    W: Floats
    Fi: Floats
    beta: Floats
    loglik: float

    @cached_property
    def derivatives(self) -> Derivatives:
        """Gradient and information here."""
        return _derivatives(self)


def evaluate(moments: Moments, sigma: Floats, reml: bool = True) -> Point | None:
    """The likelihood at covariances sigma (G, m, m); None where one is not positive definite to working precision."""
    factors = [cholesky(s) for s in sigma]
    if any(f is None for f in factors):
        return None
    L = np.array(factors)
    try:
        Lp = np.linalg.cholesky(moments.covariances(sigma))
    except np.linalg.LinAlgError:
        return None
    Li = np.linalg.inv(Lp)
    if moments.lift is not None:
        Li = Li @ moments.lift
        W = Li.transpose(0, 2, 1) @ Li
    else:
        W = (Li.transpose(0, 2, 1) @ Li) * moments.mask
    log_det = 2.0 * np.add.reduce(np.log(Lp.diagonal(0, 1, 2)), axis=1)
    A, b, c = moments.normal_equations(W)
    F = cholesky(A)
    if F is None:
        return None
    Fi = inverse_lower(F)
    z = Fi @ b
    n = moments.n_observations - (moments.rank if reml else 0)
    minus_two = n * LOG_2PI + moments.n @ log_det + c - z @ z - moments.log_weights
    if reml:
        minus_two += 2.0 * np.log(F.diagonal()).sum() + moments.log_det_scale
    if not math.isfinite(minus_two):
        return None
    return Point(moments, reml, sigma, L, W, Fi, Fi.T @ z, float(-0.5 * minus_two))


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivatives with respect to T, the lower triangle of each group in turn: k = G m (m + 1) / 2 entries.

    Attributes:
        gradient: shape (G, m, m): d loglik / dT, each entry of T on its own.
        V, Q: shapes (P, m, m): L'WL and WL of each pattern.
        tensor: shape (G, m * m, m * m): the part of the observed information that is a sum over patterns of
            tr(E_a V E_b F), as the sum of V[j, k] F[l, i].
        moments: of what.
        XF: the whitened columns.
        residuals: moments of columns and residuals.
        hat: shape (P, m, m), moments of the fitted part; None for ML.
    """

    gradient: Floats
    V: Floats
    Q: Floats
    tensor: Floats
    moments: Moments
    XF: Floats
    residuals: Floats
    hat: Floats | None

    @cached_property
    def tangents(self) -> Floats:
        """Minus d (Fi A Fi') / dT, that is minus Kenward-Roger's P_a, whitened: shape (k, r, r)."""
        mo = self.moments
        j, k, _ = pairs(mo.visits)
        found = [mo.tangents(part, self.Q[part], self.XF, j, k) for part in mo.parts]
        return found[0] if len(found) == 1 else np.concatenate(found)

    @cached_property
    def scores(self) -> Floats:
        """What T does to X'V^-1 y, whitened: shape (k, r)."""
        mo = self.moments
        j, k, _ = pairs(mo.visits)
        found = [mo.scores(part, self.Q[part], self.XF, self.residuals, j, k) for part in mo.parts]
        return found[0] if len(found) == 1 else np.concatenate(found)

    @cached_property
    def trace(self) -> Floats:
        """tr(Phi P_a Phi P_b), zero for ML: shape (k, k)."""
        flat = self.tangents.reshape(len(self.tangents), -1)
        return flat @ flat.T if self.hat is not None else np.zeros((len(flat), len(flat)))

    def observed(self, exponential: bool = False, of_patterns: bool = False) -> Floats:
        """Minus the Hessian, shape (k, k).

        Args:
            exponential: by T in Sigma = L exp(T) L', instead of the linear Sigma = L (I + T) L'.
            of_patterns: only the sum over patterns. What it leaves out is smaller by the number of coefficients over
                that of subjects, and costs half.
        """
        tensor, m = self.tensor, self.gradient.shape[1]
        if exponential:
            # <G, (E_a E_b + E_b E_a) / 2>, from the second derivative of exp: as a pattern with V = I and F = G.
            tensor = np.array(
                [T - np.outer(np.eye(m), G) for T, G in zip(tensor, self.gradient, strict=True)]
            )
        if of_patterns:
            return _by_pair(tensor, m)
        return _by_pair(tensor, m) - self.scores @ self.scores.T - 0.5 * self.trace

    def expected(self) -> Floats:
        """The expected information, shape (k, k), positive definite; for ML, that of known coefficients."""
        mo, m = self.moments, self.gradient.shape[1]
        fisher = np.empty_like(self.tensor)
        for g, part in enumerate(mo.parts):
            F = 0.5 * mo.n[part, None, None] * self.V[part]
            if self.hat is not None:
                F = F - self.Q[part].transpose(0, 2, 1) @ self.hat[part] @ self.Q[part]
            fisher[g] = self.V[part].reshape(-1, m * m).T @ F.reshape(-1, m * m)
        return _by_pair(fisher, m) + 0.5 * self.trace


@lru_cache(maxsize=64)
def pairs(m: int) -> tuple[Ints, Ints, Floats]:
    """Rows and columns of the lower triangle, and the duplication matrix (m * m, m (m + 1) / 2)."""
    j, k = np.tril_indices(m)
    duplication = np.zeros((m, m, len(j)))
    a = np.arange(len(j))
    duplication[j, k, a] = 1.0
    duplication[k, j, a] = 1.0
    return j, k, duplication.reshape(m * m, len(j))


def _derivatives(point: Point) -> Derivatives:
    mo = point.moments
    m, groups = mo.visits, len(mo.parts)
    XF = mo.whitened(point.Fi)
    residuals, S = mo.residual(point.beta)
    hat = mo.hat(XF) if point.reml else None
    T = S if hat is None else S + hat
    gradient = np.empty((groups, m, m))
    tensor = np.empty((groups, m * m, m * m))
    Q, V = np.empty_like(point.W), np.empty_like(point.W)
    for g, part in enumerate(mo.parts):
        L = point.L[g]
        q = Q[part] = point.W[part] @ L
        v = V[part] = L.T @ q
        half = (0.5 * mo.n[part])[:, None, None] * v
        F = q.transpose(0, 2, 1) @ T[part] @ q - half
        gradient[g] = 0.5 * np.add.reduce(F - half, axis=0)
        tensor[g] = v.reshape(-1, m * m).T @ F.reshape(-1, m * m)
    return Derivatives(gradient, V, Q, tensor, mo, XF, residuals, hat)


def _by_pair(tensor: Floats, m: int) -> Floats:
    """From the sums of V[j, k] F[l, i] to tr(E_a V E_b F) for the lower triangle's E_a, groups on the diagonal."""
    dup = pairs(m)[2]
    blocks = []
    for of in tensor:
        block = dup.T @ of.reshape(m, m, m, m).transpose(3, 0, 1, 2).reshape(m * m, m * m) @ dup
        blocks.append(0.5 * (block + block.T))
    return np.asarray(blocks[0] if len(blocks) == 1 else block_diag(*blocks))

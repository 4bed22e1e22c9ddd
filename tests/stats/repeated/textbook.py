"""A slow and plain oracle for models of repeated measures, written from the papers with n x n matrices.

y ~ N(X beta, V(theta)), V block-diagonal over subjects, V_i = D^-1/2 Sigma[visits_i] D^-1/2 with D the precision
weights. P = V^-1 - V^-1 X Phi X' V^-1. It shares no code with armwise and knows nothing of patterns or cross-products.

Sources: Harville 1977 (REML and its derivatives); Giesbrecht & Burns 1985, Fai & Cornelius 1996 (Satterthwaite);
Kenward & Roger 1997; Liang & Zeger 1986, Bell & McCaffrey 2002 (robust).
"""

# ruff: noqa: N802 (properties have the names of the papers)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_matrix
from textbook_structures import Floats, Structure, structure, theta_of


def apart(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest entry expected."""
    expected = np.asarray(expected, dtype=float)
    return float(np.max(np.abs(np.asarray(found) - expected)) / np.max(np.abs(expected)))


def apart_each(found: Any, expected: Any) -> float:
    """The largest relative difference."""
    return float(np.max(np.abs(np.asarray(found) / np.asarray(expected) - 1)))


@dataclass(frozen=True, eq=False)
class Subject:
    """One subject's observed rows: model matrix (n_i, q), outcomes (n_i,), visit numbers, covariance group, weights."""

    X: Floats
    y: Floats
    visits: NDArray[np.intp]
    group: int = 0
    weights: Floats | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """Subjects and the covariance of each group, as a function of that group's part of theta."""

    subjects: Sequence[Subject]
    structures: tuple[Structure, ...]
    reml: bool = True

    @cached_property
    def X(self) -> Floats:
        return np.vstack([s.X for s in self.subjects])

    @cached_property
    def y(self) -> Floats:
        return np.concatenate([s.y for s in self.subjects])

    def parts(self, theta: Any) -> list[Any]:
        """Each group's parameters."""
        ends = np.cumsum([s.size for s in self.structures])
        return np.split(np.asarray(theta), ends[:-1])

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], ...]:
        """For each pair of rows of one subject, by rows: group, visit of the row, of the column; columns; row ends."""
        parts, columns, ends, start = [], [], [0], 0
        for s in self.subjects:
            n = len(s.visits)
            parts.append(np.array([np.full(n * n, s.group), np.repeat(s.visits, n), np.tile(s.visits, n)]))
            columns.append(np.tile(np.arange(start, start + n), n))
            ends.extend(ends[-1] + n * np.arange(1, n + 1))
            start += n
        group, j, k = np.hstack(parts)
        return group, j, k, np.concatenate(columns), np.array(ends)

    @cached_property
    def _root_weights(self) -> Floats:
        return np.sqrt(
            np.concatenate([np.ones(len(s.y)) if s.weights is None else s.weights for s in self.subjects])
        )

    def block_diagonal(self, by_group: Floats) -> csr_matrix:
        """The n x n matrix with D^-1/2 S[visits] D^-1/2 for each subject, S (m, m) that of its group."""
        group, j, k, columns, ends = self._pairs
        rows = np.repeat(np.arange(len(self.y)), np.diff(ends))
        values = by_group[group, j, k] / (self._root_weights[rows] * self._root_weights[columns])
        return csr_matrix((values, columns, ends), shape=(len(self.y),) * 2)

    def blocks(self, by_group: Sequence[Any]) -> list[Any]:
        """The same, one block a subject."""
        found = []
        for s in self.subjects:
            block = by_group[s.group][np.ix_(s.visits, s.visits)]
            found.append(block if s.weights is None else block / np.sqrt(np.outer(s.weights, s.weights)))
        return found


def subjects_of(
    y: Floats,
    by_visit: Mapping[str, Floats] | None = None,
    overall: Mapping[str, Floats] | None = None,
    group: NDArray[np.intp] | None = None,
    weights: Floats | None = None,
) -> list[Subject]:
    """One row a subject (NaN: not observed) to subjects; columns: visits, each of `by_visit` by visit, `overall`."""
    m = y.shape[1]
    found = []
    for i, row in enumerate(y):
        visits = np.flatnonzero(~np.isnan(row))
        if not len(visits):
            continue
        one = np.eye(m)[visits]
        columns = [one, *(values[i] * one for values in (by_visit or {}).values())]
        columns += [np.full((len(visits), 1), values[i]) for values in (overall or {}).values()]
        found.append(
            Subject(
                np.hstack(columns),
                row[visits],
                visits,
                0 if group is None else int(group[i]),
                None if weights is None else weights[i, visits],
            )
        )
    return found


def loglik(model: Model, theta: Any) -> Any:
    """Log-likelihood with its full constant (REML without the term in |X'X|); theta may be complex."""
    V = model.blocks([S.sigma(part) for S, part in zip(model.structures, model.parts(theta), strict=True)])
    n, q = model.X.shape
    W = [np.linalg.inv(V_i) for V_i in V]
    XVX = sum(s.X.T @ W_i @ s.X for s, W_i in zip(model.subjects, W, strict=True))
    XVy = sum(s.X.T @ W_i @ s.y for s, W_i in zip(model.subjects, W, strict=True))
    beta = np.linalg.solve(XVX, XVy)
    log_det, weighted_squares = 0.0, 0.0
    for s, V_i, W_i in zip(model.subjects, V, W, strict=True):
        sign, log_abs = np.linalg.slogdet(V_i)
        log_det += np.log(sign) + log_abs
        weighted_squares += (s.y - s.X @ beta) @ W_i @ (s.y - s.X @ beta)
    value = (n - q * model.reml) * np.log(2 * np.pi) + log_det + weighted_squares
    if model.reml:
        sign, log_abs = np.linalg.slogdet(XVX)
        value += np.log(sign) + log_abs
    return -value / 2


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that a model says at one theta."""

    model: Model
    theta: Floats

    @cached_property
    def sigmas(self) -> list[Floats]:
        return [S(part) for S, part in zip(self.model.structures, self.model.parts(self.theta), strict=True)]

    @cached_property
    def V(self) -> list[Floats]:
        return self.model.blocks(self.sigmas)

    @cached_property
    def W(self) -> csr_matrix:
        """V^-1."""
        return block_diag([np.linalg.inv(V_i) for V_i in self.V], format="csr")

    @cached_property
    def dV(self) -> list[csr_matrix]:
        """dV/dtheta_a; a parameter is one of its group's."""
        found = []
        for g, (S, part) in enumerate(zip(self.model.structures, self.model.parts(self.theta), strict=True)):
            found += [self.model.block_diagonal(self._of_group(g, d)) for d in S.first(part)]
        return found

    @cached_property
    def d2V(self) -> dict[tuple[int, int], csr_matrix]:
        """d2V/dtheta_a dtheta_b where it is not zero; a and b are of one group."""
        found, start = {}, 0
        for g, (S, part) in enumerate(zip(self.model.structures, self.model.parts(self.theta), strict=True)):
            second = S.second(part)
            for a, b in zip(*np.nonzero(np.any(second, axis=(2, 3))), strict=True):
                found[start + a, start + b] = self.model.block_diagonal(self._of_group(g, second[a, b]))
            start += S.size
        return found

    def _of_group(self, g: int, S: Floats) -> Floats:
        """S for one group and zero for the others, shape (G, m, m)."""
        return np.array([S if h == g else np.zeros_like(S) for h in range(len(self.sigmas))])

    @cached_property
    def Phi(self) -> Floats:
        X = self.model.X
        return np.linalg.inv(X.T @ (self.W @ X))

    @cached_property
    def beta(self) -> Floats:
        return self.Phi @ (self.model.X.T @ (self.W @ self.model.y))

    @cached_property
    def P(self) -> Floats:
        WX = self.W @ self.model.X
        return self.W.toarray() - WX @ self.Phi @ WX.T

    @cached_property
    def Py(self) -> Floats:
        return self.W @ (self.model.y - self.model.X @ self.beta)

    @cached_property
    def loglik(self) -> float:
        return float(loglik(self.model, self.theta))

    @cached_property
    def gradient(self) -> Floats:
        """-1/2 tr(P V_a) + 1/2 y'P V_a P y; maximum likelihood: V^-1 in the trace."""
        Q = self.P if self.model.reml else self.W.toarray()
        return np.array([(-(V_a.multiply(Q)).sum() + self.Py @ (V_a @ self.Py)) / 2 for V_a in self.dV])

    @cached_property
    def _traces(self) -> Floats:
        """tr(P V_a P V_b); maximum likelihood: V^-1 for P."""
        Q = self.P if self.model.reml else self.W.toarray()
        QV = [(V_a.T @ Q.T).T for V_a in self.dV]
        return np.array([[np.sum(A * B.T) for B in QV] for A in QV])

    @cached_property
    def expected(self) -> Floats:
        """Expected information."""
        return self._traces / 2

    @cached_property
    def observed(self) -> Floats:
        """Minus the Hessian of the (profile) log-likelihood."""
        Q = self.P if self.model.reml else self.W.toarray()
        VPy = [V_a @ self.Py for V_a in self.dV]
        H = -self._traces / 2 + np.array([[u @ self.P @ v for v in VPy] for u in VPy])
        for (a, b), V_ab in self.d2V.items():
            H[a, b] += (V_ab.multiply(Q).sum() - self.Py @ (V_ab @ self.Py)) / 2
        return H

    @cached_property
    def decrement(self) -> float:
        """g' I^-1 g: the squared distance to the optimum in standard errors, to second order."""
        return float(self.gradient @ np.linalg.solve(self.observed, self.gradient))

    def information(self, kind: str) -> Floats:
        return {"observed": self.observed, "expected": self.expected}[kind]

    # -- Satterthwaite ------------------------------------------------------------------------------------------

    @cached_property
    def dPhi(self) -> list[Floats]:
        """dPhi/dtheta_a = Phi X'V^-1 V_a V^-1 X Phi."""
        WX = (self.W @ self.model.X) @ self.Phi
        return [WX.T @ (V_a @ WX) for V_a in self.dV]

    def satterthwaite(self, c: Floats, information: str = "observed") -> float:
        """Degrees of freedom of c'beta."""
        v = c @ self.Phi @ c
        gradient = np.array([c @ d @ c for d in self.dPhi])
        return float(2 * v**2 / (gradient @ np.linalg.solve(self.information(information), gradient)))

    def fai_cornelius(self, L: Floats) -> tuple[float, float]:
        """F and its denominator degrees of freedom, from the uncorrelated contrasts of L beta."""
        values, vectors = np.linalg.eigh(L @ self.Phi @ L.T)
        rows = vectors.T @ L
        l = len(L)  # noqa: E741
        F = float(np.sum((rows @ self.beta) ** 2 / values) / l)
        nu = np.array([self.satterthwaite(row) for row in rows])
        E = np.sum(nu / (nu - 2))
        return F, float(2 * E / (E - l))

    # -- Kenward-Roger ------------------------------------------------------------------------------------------

    @cached_property
    def kr_P(self) -> list[Floats]:
        """P_a = -X'V^-1 V_a V^-1 X."""
        WX = self.W @ self.model.X
        return [-WX.T @ (V_a @ WX) for V_a in self.dV]

    def kr_Q(self, a: int, b: int) -> Floats:
        """Q_ab = X'V^-1 V_a V^-1 V_b V^-1 X."""
        WX = self.W @ self.model.X
        return np.asarray((self.dV[a] @ WX).T @ (self.W @ (self.dV[b] @ WX)))

    def kr_R(self, a: int, b: int) -> Floats | float:
        """R_ab = X'V^-1 V_ab V^-1 X."""
        if (a, b) not in self.d2V:
            return 0.0
        WX = self.W @ self.model.X
        return np.asarray(WX.T @ (self.d2V[a, b] @ WX))

    def kenward_roger(self, *, second: bool, information: str = "observed") -> Floats:
        """The adjusted covariance Phi_A of beta; `second`: with R from the second derivatives of Sigma."""
        P, Phi, W = self.kr_P, self.Phi, np.linalg.inv(self.information(information))
        total = np.zeros_like(Phi)
        for a in range(len(P)):
            for b in range(len(P)):
                bracket = self.kr_Q(a, b) - P[a] @ Phi @ P[b]
                if second:
                    bracket = bracket - self.kr_R(a, b) / 4
                total += W[a, b] * bracket
        return Phi + 2 * Phi @ total @ Phi

    def kenward_roger_f(
        self, L: Floats, *, second: bool, information: str = "observed"
    ) -> tuple[float, float, float]:
        """(lambda F, m, lambda) of the hypothesis L beta = 0."""
        P, Phi, W = self.kr_P, self.Phi, np.linalg.inv(self.information(information))
        l = len(L)  # noqa: E741
        Theta = L.T @ np.linalg.solve(L @ Phi @ L.T, L)
        T = [Theta @ Phi @ P_a @ Phi for P_a in P]
        pairs = [(a, b) for a in range(len(P)) for b in range(len(P))]
        A1 = sum(W[a, b] * np.trace(T[a]) * np.trace(T[b]) for a, b in pairs)
        A2 = sum(W[a, b] * np.trace(T[a] @ T[b]) for a, b in pairs)
        B = (A1 + 6 * A2) / (2 * l)
        g = ((l + 1) * A1 - (l + 4) * A2) / ((l + 2) * A2)
        c1, c2, c3 = (x / (3 * l + 2 * (1 - g)) for x in (g, l - g, l + 2 - g))
        E = 1 / (1 - A2 / l)
        V = 2 / l * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
        rho = V / (2 * E**2)
        m = 4 + (l + 2) / (l * rho - 1)
        scale = m / (E * (m - 2))
        estimate = L @ self.beta
        covariance = L @ self.kenward_roger(second=second, information=information) @ L.T
        F = estimate @ np.linalg.solve(covariance, estimate) / l
        return float(scale * F), float(m), float(scale)

    # -- Robust -------------------------------------------------------------------------------------------------

    @cached_property
    def _whitened(self) -> list[tuple[Floats, Floats]]:
        """(L_i^-1 X_i, L_i^-1 r_i), L_i the lower Cholesky factor of V_i."""
        found = []
        for s, V_i in zip(self.model.subjects, self.V, strict=True):
            L = np.linalg.cholesky(V_i)
            found.append((np.linalg.solve(L, s.X), np.linalg.solve(L, s.y - s.X @ self.beta)))
        return found

    def _adjustment(self, x: Floats, kind: str) -> Floats:
        """A_i: the identity, (I - H_ii)^-1, or its symmetric root."""
        values, vectors = np.linalg.eigh(np.eye(len(x)) - x @ self.Phi @ x.T)
        power = {"empirical": 0.0, "jackknife": -1.0, "bias-reduced": -0.5}[kind]
        return np.asarray(vectors * values**power @ vectors.T)

    def robust(self, kind: str) -> Floats:
        """The covariance of beta, `empirical` (CR0), `jackknife` (CR3 with no factor) or `bias-reduced` (CR2)."""
        scores = [x.T @ self._adjustment(x, kind) @ e for x, e in self._whitened]
        return np.asarray(self.Phi @ sum(np.outer(s, s) for s in scores) @ self.Phi)

    def bell_mccaffrey(self, c: Floats, kind: str) -> float:
        """Degrees of freedom of c'beta: (tr G'G)^2 / tr (G'G)^2, with the columns (I - H)_.i A_i x_i Phi c of G."""
        x = np.vstack([x_i for x_i, _ in self._whitened])
        M = np.eye(len(x)) - x @ self.Phi @ x.T
        columns, start = [], 0
        for x_i, _ in self._whitened:
            rows = slice(start, start + len(x_i))
            columns.append(M[:, rows] @ self._adjustment(x_i, kind) @ x_i @ self.Phi @ c)
            start = rows.stop
        G = np.array(columns).T
        GG = G.T @ G
        return float(np.trace(GG) ** 2 / np.sum(GG**2))


def start(model: Model, name: str, m: int, times: Sequence[float] | None = None) -> Floats:
    """A plain start: residual variances of least squares, correlations of one half."""
    residuals = model.y - model.X @ np.linalg.lstsq(model.X, model.y, rcond=None)[0]
    visits = np.concatenate([s.visits for s in model.subjects])
    sd = np.sqrt([np.mean(residuals[visits == j] ** 2) for j in range(m)])
    if not name.endswith("h") and name not in ("us", "vech"):
        sd = np.full(m, np.sqrt(np.mean(residuals**2)))
    sigma = np.outer(sd, sd) * (0.5 + 0.5 * np.eye(m))
    return np.tile(theta_of(name, sigma, times), len(model.structures))


def optimum(model: Model, theta: Floats, steps: int = 100) -> Evaluation:
    """Newton's method on the exact observed information, halving; to a decrement of 1e-20 or the rounding floor."""
    at, halvings = Evaluation(model, theta), 0
    for _ in range(steps):
        information = at.observed
        if np.linalg.eigvalsh(information)[0] <= 0:
            information = at.expected
        step = np.linalg.solve(information, at.gradient)
        if at.gradient @ step < 1e-20 or halvings > 30:
            break
        scale, halvings = 1.0, 0
        while True:
            with np.errstate(all="ignore"):
                value = loglik(model, at.theta + scale * step)
            if value >= at.loglik - 1e-11 * abs(at.loglik) or halvings > 30:
                break
            scale, halvings = scale / 2, halvings + 1
        at = Evaluation(model, at.theta + scale * step)
    assert at.decrement < 1e-18, f"no optimum: decrement {at.decrement:.1e}"
    return at


def fitted(
    subjects: Sequence[Subject], name: str, *, times: Sequence[float] | None = None, reml: bool = True
) -> Evaluation:
    """The optimum of a structure of that name, one for each covariance group of the subjects."""
    m = 1 + max(int(s.visits.max()) for s in subjects)
    groups = 1 + max(s.group for s in subjects)
    model = Model(subjects, (structure(name, m, times),) * groups, reml)
    return optimum(model, start(model, name, m, times))


def evaluated(
    subjects: Sequence[Subject],
    name: str,
    sigmas: Sequence[Floats],
    *,
    times: Sequence[float] | None = None,
    reml: bool = True,
) -> Evaluation:
    """A structure of that name at these covariance matrices, one for each group."""
    model = Model(subjects, tuple(structure(name, len(s), times) for s in sigmas), reml)
    return Evaluation(model, np.concatenate([theta_of(name, s, times) for s in sigmas]))

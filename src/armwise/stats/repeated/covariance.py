"""Covariance structures over visits: parameters to a matrix, with first and second derivatives.

Parameters are logarithms of standard deviations, then correlations as rho = t / sqrt(1 + t^2); for compound symmetry
and the spatial exponential, a logistic onto the values that rho can take. This is the parametrisation of R's mmrm, so
that degrees of freedom and Kenward-Roger's second-order term, which depend on it, can be compared. The unstructured
covariance has log-Cholesky coordinates there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from armwise.errors import FitError, UsageError

Floats = NDArray[np.float64]

#: Correlations, their first (c, m, m) and second derivatives (c, c, m, m) by the c correlation parameters.
Correlations = Callable[[Floats, Floats], tuple[Floats, Floats, Floats]]


@dataclass(frozen=True)
class Structure:
    """A covariance structure.

    Attributes:
        name: as it is written in a protocol.
        label: in words.
        heterogeneous: one standard deviation a visit, or one for all.
        correlations: from rho (c,) and the distances between visits (m, m); None for the unstructured covariance.
        starting: rho (c,) from a correlation matrix and the distances.
        lowest: from m, the lower end of rho, when rho is a logistic of its parameter; None for t / sqrt(1 + t^2).
        depends_on: the order of the visits, their times, or neither.
    """

    name: str
    label: str
    heterogeneous: bool
    correlations: Correlations | None
    starting: Callable[[Floats, Floats], Floats]
    lowest: Callable[[int], float] | None = None
    depends_on: Literal["order", "times"] | None = None

    @property
    def is_unstructured(self) -> bool:
        """Whether every variance and covariance is a parameter."""
        return self.correlations is None

    def size(self, m: int) -> int:
        """The number of parameters with m visits."""
        if self.is_unstructured:
            return m * (m + 1) // 2
        return (m if self.heterogeneous else 1) + len(self.starting(np.eye(m), np.ones((m, m))))

    def start(self, sigma: Floats, distance: Floats) -> Floats:
        """Parameters near a covariance matrix (m, m); its correlations are shrunk until the structure allows them."""
        variances = np.diag(sigma)
        # A visit without spread has a start all the same.
        variances = np.maximum(variances, 1e-8 * variances.max())
        sd = np.sqrt(variances)
        rho = np.clip(self.starting(sigma / np.outer(sd, sd), distance), -0.95, 0.95)
        if self.lowest is not None:
            low = self.lowest(len(sigma))
            rho = np.clip(rho, low + 0.05 * (1 - low), 0.95)
        theta = 0.5 * np.log(variances if self.heterogeneous else [variances.mean()])
        for _ in range(60):
            t = rho / np.sqrt(1 - rho**2) if self.lowest is None else logit((rho - low) / (1 - low))
            found = np.concatenate([theta, t])
            if np.linalg.eigvalsh(self.at(found, distance)[0])[0] > 1e-3 * variances.min():
                return found
            rho = rho * 0.8
        raise FitError("no start: the residuals have no variance at any visit", "not identified")

    def at(self, theta: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
        """Sigma (m, m), its first (k, m, m) and second derivatives (k, k, m, m) by theta (k,)."""
        assert self.correlations is not None
        m = len(distance)
        s = m if self.heterogeneous else 1
        sd = np.exp(np.broadcast_to(theta[:s], m))
        t = theta[s:]
        if self.lowest is not None:
            low, share = self.lowest(m), expit(t)
            rho = low + (1 - low) * share
            d1 = (1 - low) * share * (1 - share)
            d2 = d1 * (1 - 2 * share)
        else:
            root = 1 / np.sqrt(1 + t**2)
            rho, d1, d2 = t * root, root**3, -3 * t * root**5
        R, dR, ddR = self.correlations(rho, distance)
        scale = np.outer(sd, sd)
        k = len(theta)
        # d log(sd_i sd_j) by the s log standard deviations
        a = np.eye(m)[:, :, None] + np.eye(m)[:, None, :] if self.heterogeneous else np.full((1, m, m), 2.0)
        sigma = scale * R
        first, second = np.empty((k, m, m)), np.empty((k, k, m, m))
        first[:s] = sigma * a
        second[:s, :s] = sigma * a[:, None] * a[None, :]
        slope = scale * dR * d1[:, None, None]
        first[s:] = slope
        mixed = a[:, None] * slope[None, :]
        second[:s, s:], second[s:, :s] = mixed, mixed.transpose(1, 0, 2, 3)
        second[s:, s:] = scale * ddR * (d1[:, None] * d1[None, :])[:, :, None, None]
        second[np.arange(s, k), np.arange(s, k)] += scale * dR * d2[:, None, None]
        return sigma, first, second


def per_unit_of_time(theta: Floats, gap: float) -> Floats:
    """Parameters of the spatial exponential (G, 2) by the unit of time, from those by a gap of so many units."""
    log_rho = log_expit(theta[:, -1]) / gap
    out = theta.copy()
    out[:, -1] = log_rho - np.log(-np.expm1(log_rho))
    return out


def log_cholesky(sigma: Floats) -> tuple[Floats, Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Sigma = D U U' D, D = exp(theta_1..m) on the diagonal, U unit lower triangular with the other parameters.

    Order: the m logarithms, then U row by row.

    Returns:
        First derivatives (K, m, m); a function from G (m, m) to the matrix of <G, d2 Sigma / d theta_a d theta_b>
        (K, K); and one from weights (K, K) to the sum of the weighted second derivatives (m, m).
    """
    m = len(sigma)
    L = np.linalg.cholesky(sigma)
    i, j = np.tril_indices(m, -1)
    rows, K = np.arange(m), m + len(i)
    dL = np.zeros((K, m, m))
    dL[rows, rows] = L  # row i of L, by its logarithm
    dL[m + np.arange(len(i)), i, j] = np.diag(L)[i]
    first = dL @ L.T
    first = first + first.transpose(0, 2, 1)

    def twice(a: int, b: int) -> tuple[int, slice | int] | None:
        """Where d2 L / d theta_a d theta_b is not zero: in a row of L, all of it or one entry."""
        if a == b < m:
            return a, slice(None)
        if a < m <= b and i[b - m] == a:
            return a, int(j[b - m])
        return None

    entries = [(a, b, at) for a in range(m) for b in range(K) if (at := twice(a, b)) is not None]

    def contracted(G: Floats) -> Floats:
        GdL = G @ dL
        out = 2 * np.einsum("aij,bij->ab", GdL, dL)
        GL = 2 * G @ L
        for a, b, (row, column) in entries:
            # d2 L is the row itself, or its diagonal entry in one column.
            value = GL[row] @ L[row] if isinstance(column, slice) else GL[row, column] * L[row, row]
            out[a, b] += value
            if a != b:
                out[b, a] += value
        return np.asarray(out)

    def weighted(W: Floats) -> Floats:
        D = np.einsum("aij,akj->ik", np.tensordot(W, dL, axes=1), dL)
        ddL = np.zeros((m, m))
        for a, b, (row, column) in entries:
            if isinstance(column, slice):
                ddL[row] += W[a, b] * L[row]
            else:
                ddL[row, column] += 2 * W[a, b] * L[row, row]
        # Sum of W_ab (ddL_ab L' + dL_a dL_b' and their transposes)
        return np.asarray(D + D.T + ddL @ L.T + L @ ddL.T)

    return first, contracted, weighted


def _lags(m: int) -> NDArray[np.intp]:
    return np.abs(np.subtract.outer(np.arange(m), np.arange(m)))


def _exchangeable(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    m = len(distance)
    off = 1.0 - np.eye(m)
    return np.eye(m) + rho[0] * off, off[None], np.zeros((1, 1, m, m))


def _autoregressive(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    return _powers(rho, _lags(len(distance)).astype(np.float64))


def _powers(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    """rho ** distance. Where a derivative's factor is 0 it is 0, also at rho = 0, where the power would be infinite."""

    def power(exponent: Floats, factor: Floats) -> Floats:
        return np.asarray(factor * rho[0] ** np.where(factor == 0, 0.0, exponent))

    first = power(distance - 1, distance)
    second = power(distance - 2, distance * (distance - 1))
    return rho[0] ** distance, first[None], second[None, None]


def _by_lag(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    m = len(distance)
    lags = _lags(m)
    dR = (lags == np.arange(1, m)[:, None, None]).astype(np.float64)
    return np.eye(m) + np.tensordot(rho, dR, axes=1), dR, np.zeros((m - 1, m - 1, m, m))


def _ante(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    """R[j, k] = rho_j ... rho_(k - 1) for j < k: products over neighbouring visits."""
    m = len(distance)
    R = np.eye(m)
    for j in range(m - 1):
        R[j, j + 1 :] = np.cumprod(rho[j:])
    dR, ddR = np.zeros((m - 1, m, m)), np.zeros((m - 1, m - 1, m, m))
    for a in range(m - 1):
        dR[a, : a + 1, a + 1 :] = np.outer(R[: a + 1, a], R[a + 1, a + 1 :])
        for b in range(a + 1, m - 1):
            ddR[a, b, : a + 1, b + 1 :] = np.outer(R[: a + 1, a], R[b + 1, b + 1 :]) * R[a + 1, b]
            ddR[b, a] = ddR[a, b]
    upper = np.triu(R, 1)
    return (
        np.eye(m) + upper + upper.T,
        dR + dR.transpose(0, 2, 1),
        ddR + ddR.transpose(0, 1, 3, 2),
    )


def _uncorrelated(rho: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    m = len(distance)
    return np.eye(m), np.zeros((0, m, m)), np.zeros((0, 0, m, m))


def _mean_by_lag(R: Floats, distance: Floats) -> Floats:
    return np.array([np.diagonal(R, lag).mean() for lag in range(1, len(R))])


def _lag_one(R: Floats, distance: Floats) -> Floats:
    return _mean_by_lag(R, distance)[:1]


def _mean_of_all(R: Floats, distance: Floats) -> Floats:
    m = len(R)
    return np.array([(R.sum() - m) / (m * (m - 1))]) if m > 1 else np.zeros(0)


def _neighbours(R: Floats, distance: Floats) -> Floats:
    return np.diagonal(R, 1).copy()


def _per_unit(R: Floats, distance: Floats) -> Floats:
    upper = np.triu_indices(len(R), 1)
    r = np.clip(R[upper], 0.05, 0.95)
    return np.array([np.exp((np.log(r) / distance[upper]).mean())]) if len(r) else np.zeros(0)


def _none(R: Floats, distance: Floats) -> Floats:
    return np.zeros(0)


def _zero(m: int) -> float:
    return 0.0


def _exchangeable_bound(m: int) -> float:
    """The smallest correlation that m exchangeable visits can have."""
    return -1.0 / (m - 1) if m > 1 else -1.0


def _structures() -> dict[str, Structure]:
    found = [Structure("unstructured", "unstructured", True, None, _none)]
    families: list[
        tuple[
            str,
            str,
            Correlations,
            Callable[[Floats, Floats], Floats],
            Callable[[int], float] | None,
            Literal["order"] | None,
        ]
    ]
    families = [
        ("toeplitz", "Toeplitz", _by_lag, _mean_by_lag, None, "order"),
        ("ar1", "AR(1)", _autoregressive, _lag_one, None, "order"),
        ("compound-symmetry", "compound symmetry", _exchangeable, _mean_of_all, _exchangeable_bound, None),
        ("ante-dependence", "ante-dependence", _ante, _neighbours, None, "order"),
        ("independence", "independence", _uncorrelated, _none, None, None),
    ]
    for name, label, correlations, starting, lowest, depends_on in families:
        found.append(Structure(name, label, False, correlations, starting, lowest, depends_on))
        found.append(
            Structure(
                f"heterogeneous-{name}",
                f"heterogeneous {label}",
                True,
                correlations,
                starting,
                lowest,
                depends_on,
            )
        )
    found.append(
        Structure("spatial-exponential", "spatial exponential", False, _powers, _per_unit, _zero, "times")
    )
    return {s.name: s for s in found}


STRUCTURES = _structures()
"""Every covariance structure by its name."""

#: The short names of R's mmrm and SAS, for those who know them.
SHORT = {
    "us": "unstructured", "un": "unstructured", "toep": "toeplitz", "toeph": "heterogeneous-toeplitz",
    "ar1h": "heterogeneous-ar1", "cs": "compound-symmetry", "csh": "heterogeneous-compound-symmetry",
    "ad": "ante-dependence", "adh": "heterogeneous-ante-dependence", "sp_exp": "spatial-exponential",
    "ind": "independence", "indh": "heterogeneous-independence",
}  # fmt: skip


def correlations(sigma: Floats) -> tuple[Floats, Floats]:
    """Standard deviations (.., m) and correlations (.., m, m) of covariances (.., m, m)."""
    sd = np.sqrt(np.diagonal(sigma, axis1=-2, axis2=-1))
    return sd, sigma / (sd[..., :, None] * sd[..., None, :])


def structure(name: str) -> Structure:
    """The structure of this name, long or short.

    Raises:
        UsageError: an unknown name; all names are listed.
    """
    found = STRUCTURES.get(SHORT.get(name, name))
    if found is None:
        raise UsageError(f"covariance {name!r} is not known; expected one of {', '.join(STRUCTURES)}")
    return found

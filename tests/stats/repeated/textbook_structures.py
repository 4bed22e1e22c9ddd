"""Covariance structures as functions Sigma(theta), with exact first and second derivatives by hyper-dual numbers.

The parametrisations are those of R's mmrm. Nothing here knows a derivative: a structure is written once, in scalars,
and the arithmetic of `HyperDual` carries f, df/da, df/db and d2f/dadb along (Fike & Alonso 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Entries = NDArray[Any]
"""An array of floats, or of hyper-dual numbers."""


@dataclass(frozen=True)
class HyperDual:
    """A number with its derivatives in two directions a and b, and the mixed one."""

    f: float
    a: float = 0.0
    b: float = 0.0
    ab: float = 0.0

    def _through(self, f: float, first: float, second: float) -> HyperDual:
        """A function of this number, from its value and its first two derivatives."""
        return HyperDual(f, first * self.a, first * self.b, first * self.ab + second * self.a * self.b)

    def __add__(self, other: HyperDual | float) -> HyperDual:
        if not isinstance(other, HyperDual):
            return HyperDual(self.f + other, self.a, self.b, self.ab)
        return HyperDual(self.f + other.f, self.a + other.a, self.b + other.b, self.ab + other.ab)

    def __mul__(self, other: HyperDual | float) -> HyperDual:
        if not isinstance(other, HyperDual):
            return HyperDual(self.f * other, self.a * other, self.b * other, self.ab * other)
        return HyperDual(
            self.f * other.f,
            self.a * other.f + self.f * other.a,
            self.b * other.f + self.f * other.b,
            self.ab * other.f + self.a * other.b + self.b * other.a + self.f * other.ab,
        )

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: HyperDual) -> HyperDual:
        return self * other._through(1 / other.f, -1 / other.f**2, 2 / other.f**3)

    def exp(self) -> HyperDual:
        e = math.exp(self.f)
        return self._through(e, e, e)

    def log(self) -> HyperDual:
        return self._through(math.log(self.f), 1 / self.f, -1 / self.f**2)

    def sqrt(self) -> HyperDual:
        root = math.sqrt(self.f)
        return self._through(root, 0.5 / root, -0.25 / root**3)


def _rho(t: Entries) -> Entries:
    """A correlation in (-1, 1) from a number on the whole line."""
    return t / np.sqrt(t * t + 1.0)


def _rho_above_bound(t: Entries, m: int) -> Entries:
    """Compound symmetry's correlation, in (-1/(m-1), 1): R mmrm from 0.3.16 on, by the inverse logit."""
    e = np.exp(t)
    return e / (e + 1.0) * (1 + 1 / (m - 1)) + -1 / (m - 1)


def _with_sd(log_sd: Entries, correlation: Callable[[int, int], Any], m: int) -> Entries:
    """SD_i SD_j rho(i, j), i > j; one log SD for all visits or one for each."""
    sd = np.exp(log_sd) if len(log_sd) == m else np.repeat(np.exp(log_sd), m)
    rows = [
        [sd[i] * sd[j] * (correlation(max(i, j), min(i, j)) if i != j else 1.0) for j in range(m)]
        for i in range(m)
    ]
    return np.array(rows)


def _split(theta: Entries, m: int, heterogeneous: bool) -> tuple[Entries, Entries]:
    k = m if heterogeneous else 1
    return theta[:k], theta[k:]


def unstructured(theta: Entries, m: int) -> Entries:
    """Log of the Cholesky diagonal, then the rows of L below the diagonal, each divided by that row's diagonal."""
    L = np.zeros((m, m), dtype=theta.dtype)
    below = iter(theta[m:])
    for i in range(m):
        diagonal = np.exp(theta[i : i + 1])[0]
        for j in range(i):
            L[i, j] = next(below) * diagonal
        L[i, i] = diagonal
    return L @ L.T


def linear(theta: Entries, m: int) -> Entries:
    """The lower triangle of Sigma itself, by rows."""
    sigma = np.zeros((m, m), dtype=theta.dtype)
    i, j = np.tril_indices(m)
    sigma[i, j] = sigma[j, i] = theta
    return sigma


def compound_symmetry(theta: Entries, m: int, heterogeneous: bool) -> Entries:
    log_sd, t = _split(theta, m, heterogeneous)
    rho = _rho_above_bound(t, m)[0]
    return _with_sd(log_sd, lambda i, j: rho, m)


def linear_compound_symmetry(theta: Entries, m: int) -> Entries:
    """sigma_subject + sigma_error on the diagonal, sigma_subject off it: a random intercept."""
    return np.array([[theta[0] + theta[1] if i == j else theta[0] for j in range(m)] for i in range(m)])


def autoregressive(theta: Entries, m: int, heterogeneous: bool) -> Entries:
    log_sd, t = _split(theta, m, heterogeneous)
    rho = _rho(t)[0]
    return _with_sd(log_sd, lambda i, j: math.prod([rho] * (i - j)), m)


def toeplitz(theta: Entries, m: int, heterogeneous: bool) -> Entries:
    log_sd, t = _split(theta, m, heterogeneous)
    rho = _rho(t)
    return _with_sd(log_sd, lambda i, j: rho[i - j - 1], m)


def ante_dependence(theta: Entries, m: int, heterogeneous: bool) -> Entries:
    log_sd, t = _split(theta, m, heterogeneous)
    rho = _rho(t)
    return _with_sd(log_sd, lambda i, j: math.prod(rho[j:i]), m)


def independence(theta: Entries, m: int, heterogeneous: bool) -> Entries:
    return _with_sd(theta, lambda i, j: 0.0, m)


def spatial_exponential(theta: Entries, m: int, times: Sequence[float]) -> Entries:
    """Log SD and the inverse logit of rho; the correlation is rho^distance."""
    e = np.exp(theta[1:])
    log_rho = np.log(e / (e + 1.0))[0]
    return _with_sd(theta[:1], lambda i, j: np.exp(np.array([log_rho * abs(times[i] - times[j])]))[0], m)


@dataclass(frozen=True)
class Structure:
    """A covariance structure: how many parameters, and Sigma of them."""

    size: int
    sigma: Callable[[Entries], Entries]

    def __call__(self, theta: Sequence[float] | Floats) -> Floats:
        """Sigma, shape (m, m)."""
        return np.asarray(self.sigma(np.asarray(theta, dtype=np.float64)), dtype=np.float64)

    def _part(self, theta: Sequence[float] | Floats, a: int, b: int, part: str) -> Floats:
        """One part of Sigma's entries, with the derivatives by theta_a and theta_b carried along."""
        duals = [HyperDual(float(t), float(k == a), float(k == b)) for k, t in enumerate(theta)]
        entries = self.sigma(np.array(duals, dtype=object))
        found = [getattr(e, part) if isinstance(e, HyperDual) else 0.0 for e in entries.ravel()]
        return np.array(found).reshape(entries.shape)

    def first(self, theta: Sequence[float] | Floats) -> Floats:
        """dSigma/dtheta_a, shape (K, m, m)."""
        return np.array([self._part(theta, a, a, "a") for a in range(self.size)])

    def second(self, theta: Sequence[float] | Floats) -> Floats:
        """d2Sigma/dtheta_a dtheta_b, shape (K, K, m, m)."""
        lower = {(a, b): self._part(theta, a, b, "ab") for a in range(self.size) for b in range(a + 1)}
        K = range(self.size)
        return np.array([[lower[max(a, b), min(a, b)] for b in K] for a in K])


def structure(name: str, m: int, times: Sequence[float] | None = None) -> Structure:
    """The structure of that name (R mmrm's short names; `vech` and `vech_cs` are linear in theta)."""
    homogeneous = {
        "cs": (compound_symmetry, 1),
        "ar1": (autoregressive, 1),
        "toep": (toeplitz, m - 1),
        "ad": (ante_dependence, m - 1),
        "ind": (independence, 0),
    }
    if name == "us":
        return Structure(m * (m + 1) // 2, partial(unstructured, m=m))
    if name == "vech":
        return Structure(m * (m + 1) // 2, partial(linear, m=m))
    if name == "vech_cs":
        return Structure(2, partial(linear_compound_symmetry, m=m))
    if name == "sp_exp":
        assert times is not None
        return Structure(2, partial(spatial_exponential, m=m, times=times))
    heterogeneous = name not in homogeneous
    function, correlations = homogeneous[name.removesuffix("h") if heterogeneous else name]
    return Structure(
        (m if heterogeneous else 1) + correlations, partial(function, m=m, heterogeneous=heterogeneous)
    )


def theta_of(name: str, sigma: Floats, times: Sequence[float] | None = None) -> Floats:
    """The parameters of a covariance matrix that has the structure."""
    m = len(sigma)
    sd = np.sqrt(np.diag(sigma))
    R = sigma / np.outer(sd, sd)
    if name == "us":
        L = np.linalg.cholesky(sigma)
        D = np.diag(L)
        return np.concatenate([np.log(D), *[L[i, :i] / D[i] for i in range(m)]])
    if name == "vech":
        return sigma[np.tril_indices(m)]
    if name == "vech_cs":
        return np.array([sigma[1, 0], sigma[0, 0] - sigma[1, 0]])
    if name == "sp_exp":
        assert times is not None
        rho = R[1, 0] ** (1 / abs(times[1] - times[0]))
        return np.array([np.log(sd[0]), np.log(rho / (1 - rho))])
    heterogeneous = name.endswith("h")
    kind = name.removesuffix("h") if heterogeneous else name
    rho = {
        "cs": lambda: R[1:2, 0],
        "ar1": lambda: R[1:2, 0],
        "toep": lambda: R[1:, 0],
        "ad": lambda: np.diag(R, -1),
        "ind": lambda: np.zeros(0),
    }[kind]()
    t = np.log((rho + 1 / (m - 1)) / (1 - rho)) if kind == "cs" else rho / np.sqrt(1 - rho**2)
    return np.concatenate([np.log(sd) if heterogeneous else np.log(sd[:1]), t])

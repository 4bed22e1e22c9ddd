"""The uncertainty of the covariance parameters, from which degrees of freedom and adjusted standard errors follow.

Everything is in whitened coordinates: coefficients after the factor Fi of their information, in which their covariance
is the identity, so that no K x K matrices of size q x q are ever formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FitError
from armwise.stats.repeated.covariance import Structure, log_cholesky
from armwise.stats.repeated.lapack import cholesky, inverse_lower
from armwise.stats.repeated.likelihood import Point, pairs
from armwise.stats.repeated.newton import jacobian, pulled_back, unanchored

Floats = NDArray[np.float64]

Parametrisation = Literal["linear", "log-cholesky"]


@dataclass(frozen=True, eq=False)
class Inference:
    """Variance parameters and what they do to the coefficients' covariance.

    Attributes:
        point: the likelihood at the estimates.
        W: shape (k, k), covariance of the parameters: inverse of the observed information.
        tangents: shape (k, r, r), minus Kenward-Roger's P_a, whitened.
        directions: for each group, dSigma/dtheta whitened: shape (k_g, m * m).
        bend: shape (G, m, m), sum of W_ab d2Sigma / dtheta_a dtheta_b, relative to the anchor if there is one; None
            where it is 0 (linear parameters of an unstructured Sigma) or left out (a structure's, with "linear").
    """

    point: Point
    W: Floats
    tangents: Floats
    directions: tuple[Floats, ...]
    bend: Floats | None


def inference(
    point: Point,
    structure: Structure,
    distance: Floats,
    theta: Floats | None,
    parametrisation: Parametrisation,
    anchor: Floats | None = None,
) -> Inference:
    """The uncertainty of the parameters at a point.

    Args:
        point: the likelihood, usually at its maximum. Elsewhere the information depends on the parametrisation.
        structure, distance, theta: of the covariance; theta is None for the unstructured one.
        parametrisation: `linear` as in SAS (the entries of an unstructured Sigma; for a structure, its second
            derivatives left out), or R's mmrm's own parameters with second derivatives.
        anchor: shape (G, m, m), when the point's covariances are relative to it.

    Raises:
        FitError: the information is not positive definite.
    """
    d = point.derivatives
    groups, m = point.sigma.shape[:2]
    dup = pairs(m)[2]
    if structure.is_unstructured and parametrisation == "linear":
        W = _inverse(d.observed())
        return Inference(point, W, d.tangents, (dup.T,) * groups, None)
    if structure.is_unstructured:
        # Log-Cholesky parameters are those of the outcomes' covariance, the point's may be relative to an anchor.
        found = [log_cholesky(s) for s in unanchored(point.sigma, anchor)]
        back = np.broadcast_to(np.eye(m), point.sigma.shape) if anchor is None else np.linalg.inv(anchor)
        J = jacobian(point, [A @ first @ A.T for A, (first, _, _) in zip(back, found, strict=True)])
        observed = J.T @ d.observed() @ J
        size = dup.shape[1]
        owns = [slice(g * size, (g + 1) * size) for g in range(groups)]
        for g, own in enumerate(owns):
            white = np.linalg.inv(point.L[g]) @ back[g]
            observed[own, own] -= found[g][1](white.T @ d.gradient[g] @ white)
        W = _inverse(observed)
        bend = [A @ found[g][2](W[own, own]) @ A.T for g, (A, own) in enumerate(zip(back, owns, strict=True))]
    else:
        assert theta is not None
        parts = [structure.at(t, distance) for t in theta]
        J = jacobian(point, [first for _, first, _ in parts])
        W = _inverse(pulled_back(point, parts)[1])
        size = theta.shape[1]
        bend = [
            np.tensordot(W[g * size : (g + 1) * size, g * size : (g + 1) * size], second, axes=2)
            for g, (_, _, second) in enumerate(parts)
        ]
    K = dup.shape[1]
    directions = tuple((dup @ J[g * K : (g + 1) * K, g * size : (g + 1) * size]).T for g in range(groups))
    tangents = np.tensordot(J.T, d.tangents, axes=1)
    return Inference(
        point, W, tangents, directions, np.array(bend) if parametrisation == "log-cholesky" else None
    )  # fmt: skip


def _inverse(information: Floats) -> Floats:
    L = cholesky(information)
    if L is None:
        raise FitError(
            "the observed information of the covariance is not positive definite here, so that there are no degrees of "
            "freedom; use a simpler covariance",
            "not identified",
        )
    Li = inverse_lower(L)
    return np.asarray(Li.T @ Li)

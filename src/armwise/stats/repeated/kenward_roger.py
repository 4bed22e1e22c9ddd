"""Kenward & Roger's small-sample covariance of the coefficients, and their F test.

Kenward & Roger 1997 (Biometrics 53:983-997). The term R of second derivatives depends on how the covariance is
parametrised: it is zero for the entries of an unstructured Sigma (SAS), and not for the log-Cholesky parameters that
R's mmrm uses by default. Which one was used is said with every result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FitError
from armwise.stats.repeated.inference import Inference

Floats = NDArray[np.float64]


def adjustment(inference: Inference) -> Floats:
    """Lambda, shape (r, r): the adjusted covariance is Fi' (I + 2 Lambda) Fi.

    Sum of W_ab (Q_ab - P_a Phi P_b - R_ab / 4), whitened. The sums over a and b are taken before the matrices of the
    coefficients are formed, so that their number does not matter.
    """
    point = inference.point
    mo = point.moments
    m = mo.visits
    Z = np.empty_like(point.W)
    at = 0
    for g, part in enumerate(mo.parts):
        E = inference.directions[g]
        own = slice(at, at + len(E))
        omega = (E.T @ inference.W[own, own] @ E).reshape(m, m, m, m).transpose(0, 3, 1, 2)
        # M_p = sum of W_ab E_a V_p E_b
        V, Q = point.derivatives.V[part], point.derivatives.Q[part]
        M = (V.reshape(-1, m * m) @ omega.reshape(m * m, m * m).T).reshape(-1, m, m)
        Z[part] = Q @ ((M + M.transpose(0, 2, 1)) / 2) @ Q.transpose(0, 2, 1)
        if inference.bend is not None:
            Z[part] -= 0.25 * point.W[part] @ inference.bend[g] @ point.W[part]
        at += len(E)
    q_and_r = point.Fi @ mo.sandwich(Z.reshape(-1, m * m)) @ point.Fi.T
    k, r, _ = inference.tangents.shape
    WP = np.tensordot(inference.W, inference.tangents, axes=1)
    p = inference.tangents.transpose(1, 0, 2).reshape(r, k * r) @ WP.reshape(k * r, r)
    total = q_and_r - p
    return np.asarray((total + total.T) / 2)


def joint_kenward_roger(
    inference: Inference, Lambda: Floats, C: Floats, estimate: Floats
) -> tuple[float, float, float]:
    """The scaled F, its denominator degrees of freedom and the scale, for all contrasts of C being zero.

    Args:
        inference: the uncertainty of the covariance parameters.
        Lambda: the adjustment.
        C: shape (r, l), l independent contrasts in whitened coordinates.
        estimate: shape (l,), their estimates.

    Raises:
        FitError: the moments of F are not those of an F distribution.
    """
    size = C.shape[1]
    adjusted = C.T @ C + 2 * C.T @ Lambda @ C
    f = float(estimate @ np.linalg.solve(adjusted, estimate)) / size
    # Theta is the projection on the contrasts, in whitened coordinates.
    basis = np.linalg.qr(C)[0]
    P = basis.T @ inference.tangents @ basis
    traces = np.einsum("kii->k", P)
    a1 = float(traces @ inference.W @ traces)
    flat = P.reshape(len(P), -1)
    a2 = float(np.vdot(inference.W, flat @ flat.T))
    if a2 <= 0:
        return f, np.inf, 1.0
    b = (a1 + 6 * a2) / (2 * size)
    g = ((size + 1) * a1 - (size + 4) * a2) / ((size + 2) * a2)
    below = 3 * size + 2 * (1 - g)
    c1, c2, c3 = g / below, (size - g) / below, (size + 2 - g) / below
    e = 1 / (1 - a2 / size)
    v = 2 / size * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    rho = v / (2 * e**2)
    df = 4 + (size + 2) / (size * rho - 1)
    if not (a2 < size and df > 2):
        raise FitError(
            "Kenward and Roger's F has no distribution here: with so few subjects the uncertainty of the covariance is "
            "larger than their approximation allows; use df='satterthwaite', or test contrasts one by one",
            "not converged",
        )
    scale = df / (e * (df - 2))
    return scale * f, df, scale

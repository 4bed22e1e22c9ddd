"""Satterthwaite's degrees of freedom of contrasts of a mixed model.

One degree of freedom in the numerator: Giesbrecht & Burns 1985 (Biometrics 41:477-486). Several: Fai & Cornelius 1996
(J. Statist. Comput. Simul. 54:363-378). The information of the covariance parameters is the observed one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.inference import Inference

Floats = NDArray[np.float64]


def satterthwaite(inference: Inference, C: Floats) -> Floats:
    """Degrees of freedom of each contrast.

    Args:
        inference: the uncertainty of the covariance parameters.
        C: shape (r, l), the contrasts in whitened coordinates: columns Fi @ contrast.

    Returns:
        Shape (l,): 2 v^2 / (g' W g), v the variance of the contrast and g its gradient. A contrast whose variance does
        not depend on the parameters has infinitely many.
    """
    k, r, _ = inference.tangents.shape
    v = np.einsum("rl,rl->l", C, C)
    g = np.einsum("krl,rl->kl", (inference.tangents.reshape(k * r, r) @ C).reshape(k, r, -1), C)
    variance = np.einsum("kl,kl->l", inference.W @ g, g)
    return np.asarray(np.divide(2 * v**2, variance, out=np.full(len(v), np.inf), where=variance > 0))


def joint_satterthwaite(inference: Inference, C: Floats, estimate: Floats) -> tuple[float, float]:
    """F and its denominator degrees of freedom for all contrasts of C together being zero.

    Args:
        inference: the uncertainty of the covariance parameters.
        C: shape (r, l), l independent contrasts in whitened coordinates.
        estimate: shape (l,), their estimates.
    """
    values, vectors = np.linalg.eigh(C.T @ C)
    rotated = C @ vectors
    t2 = (vectors.T @ estimate) ** 2 / values
    nu = satterthwaite(inference, rotated)
    f, size = float(t2.mean()), len(nu)
    if np.allclose(nu, nu[0], rtol=1e-12, atol=0):
        return f, float(nu[0])
    finite = nu[np.isfinite(nu) & (nu > 2)]
    expected = float((finite / (finite - 2)).sum()) + int(np.isinf(nu).sum())
    return f, 2 * expected / (expected - size) if expected > size else 0.0

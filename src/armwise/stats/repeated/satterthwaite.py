"""Satterthwaite's degrees of freedom of contrasts of a mixed model.

Giesbrecht & Burns 1985 (Biometrics 41:477-486). The information of the covariance parameters is the observed one. For
several contrasts together see `wald.fai_cornelius`.
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

"""Inference for many data sets at once: Kenward and Roger's covariance and Satterthwaite's degrees of freedom.

The formulas of `kenward_roger` and `satterthwaite` in the linear parametrisation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.likelihood import pairs
from armwise.stats.repeated.many.likelihood import by_set, sandwich, times
from armwise.stats.repeated.many.newton import StackOptimum

Floats = NDArray[np.float64]


def covariances(found: StackOptimum) -> Floats:
    """Phi, the model-based covariance of the coefficients: shape (C, r, r)."""
    return np.ascontiguousarray(found.point.Phi.transpose(2, 0, 1))


def adjusted_covariances(found: StackOptimum) -> Floats:
    """Phi + 2 Phi {sum of W_ab (Q_ab - P_a Phi P_b)} Phi: shape (C, r, r)."""
    Phi, d = covariances(found), found.derivatives
    m, _, C, P = d.V.shape
    K, r = found.W.shape[1], Phi.shape[1]
    dup = pairs(m)[2]
    # M_p = sum of W_ab E_a V_p E_b
    omega = (dup @ found.W @ dup.T).reshape(C, m, m, m, m).transpose(0, 1, 4, 2, 3).reshape(C, m * m, m * m)
    M = (omega @ by_set(d.V)).reshape(C, m, m, P).transpose(1, 2, 0, 3)
    M = (M + M.transpose(1, 0, 2, 3)) / 2
    Q = sandwich(found.stack, times(times(d.Q, M), d.Q.transpose(1, 0, 2, 3))).transpose(2, 0, 1)
    weighted = (found.W @ d.tangents.reshape(C, K, r * r)).reshape(C, K * r, r)
    side = d.halves.reshape(C, K, r, r).transpose(0, 2, 1, 3).reshape(C, r, K * r)
    total = Q - side @ weighted
    total = (total + total.transpose(0, 2, 1)) / 2
    return np.asarray(Phi + 2 * Phi @ total @ Phi)


def degrees_of_freedom(found: StackOptimum, rows: Floats) -> Floats:
    """Satterthwaite's, which are Kenward and Roger's for one contrast: shape (C, l).

    Args:
        found: the fits.
        rows: shape (l, r), contrasts of the coefficients of the stack's columns.
    """
    PR = covariances(found) @ rows.T  # (C, r, l)
    v = np.einsum("lr,crl->cl", rows, PR)
    (C, K, _), r = found.W.shape, PR.shape[1]
    turned = (found.derivatives.tangents @ PR).reshape(C, K, r, -1)
    g = np.einsum("ckrl,crl->ckl", turned, PR)
    variance = np.einsum("ckl,ckl->cl", found.W @ g, g)
    return np.asarray(np.divide(2 * v**2, variance, out=np.full(v.shape, np.inf), where=variance > 0))

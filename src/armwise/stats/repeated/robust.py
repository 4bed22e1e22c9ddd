"""Robust covariances of the coefficients, from how far each subject's own score is from zero, with degrees of freedom.

Liang & Zeger 1986 (Biometrika 73:13-22): empirical. Mancl & DeRouen 2001 (Biometrics 57:126-134): jackknife, here with
no factor (N - 1) / N. Bell & McCaffrey 2002 (Survey Methodology 28:169-181): bias-reduced, and degrees of freedom.

With rows whitened by the lower Cholesky factor of the subject's covariance, x_i = L_i^-1 X_i and e_i = L_i^-1 r_i, and
Phi the model's covariance of the coefficients, a subject's score is s_i = x_i' A_i e_i and the covariance is
Phi (sum s_i s_i') Phi. A_i is the identity, (I - H_i)^-1, or its symmetric root, with H_i = x_i Phi x_i'. Everything is
in coordinates in which Phi is the identity.

One more pass over the rows, in chunks; see `whitened_rows`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.whitened_rows import WhitenedRows

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

#: A_i = (I - H_i) ^ power.
POWERS = {"empirical": 0.0, "jackknife": -1.0, "bias-reduced": -0.5}
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
    rows, power = WhitenedRows.of(fit), POWERS[fit.vcov_method]
    total = rows.moments(1)
    for chunk in rows.chunks():
        v = rows.residuals(chunk)
        if power:
            v = adjusted(rows.hat(chunk), v, power)
        rows.add(total, chunk, v)
    S = rows.sandwich(total)
    return np.asarray(S[0])


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
    rows, power = WhitenedRows.of(fit), POWERS[fit.vcov_method]
    contrasts = C.shape[1]
    first, second = np.zeros(contrasts), np.zeros(contrasts)
    total = rows.moments(contrasts)
    scale = np.sqrt(np.einsum("rl,rl->l", C, C))
    C = C / np.where(scale > 0, scale, 1.0)
    for chunk in rows.chunks():
        H = rows.hat(chunk)
        for start in range(0, contrasts, CONTRASTS):
            some = slice(start, start + CONTRASTS)
            h = rows.columns(chunk, C[:, some])
            if power:
                h = adjusted(H, h, power)
            d = np.einsum("lmn,lmn->ln", h, h)
            aa = np.einsum("lmn,lmn->ln", h, times(H, h))
            first[some] += (d - aa).sum(axis=1)
            second[some] += (d * (d - 2 * aa)).sum(axis=1)
            rows.add(total[:, some], chunk, h)
    Sa = rows.sandwich(total)
    second += np.einsum("lrs,lrs->l", Sa, Sa)
    return np.asarray(np.divide(first**2, second, out=np.full(contrasts, np.nan), where=second > 0))


def times(H: Floats, v: Floats) -> Floats:
    """H_i v_i for H (m, m, n) and v (l, m, n)."""
    out = H[:, 0] * v[:, None, 0]
    for k in range(1, len(H)):
        out += H[:, k] * v[:, None, k]
    return np.asarray(out)


def adjusted(H: Floats, v: Floats, power: float) -> Floats:
    """(I - H_i) ^ power v_i, to rounding: a power series where H_i is small, else from its eigenvalues."""
    leverage = np.einsum("kkn->n", H)  # at least the largest eigenvalue
    large = np.flatnonzero(leverage > SERIES)
    rho = float(leverage.max(initial=0.0, where=leverage <= SERIES))
    terms = int(np.ceil(np.log(1e-17) / np.log(rho))) if rho > 0 else 0
    out = v
    for k in range(terms, 0, -1):
        out = v + ((k - 1 - power) / k) * times(H, out)
    if len(large):
        values, vectors = np.linalg.eigh(H[:, :, large].transpose(2, 0, 1))
        left = 1.0 - values
        scaled = np.where(left > ALONE, np.maximum(left, ALONE) ** power, 0.0)
        A = (vectors * scaled[:, None, :]) @ vectors.transpose(0, 2, 1)
        out = out.copy() if out is v else out
        out[:, :, large] = (A @ v[:, :, large].transpose(2, 1, 0)).transpose(2, 1, 0)
    return out

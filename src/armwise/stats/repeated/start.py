"""Where the optimiser begins: a covariance from least-squares residuals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.lapack import cholesky, solve_positive
from armwise.stats.repeated.moments import Moments

Floats = NDArray[np.float64]


def starting_covariance(moments: Moments, reml: bool = True) -> Floats:
    """A positive definite covariance for each group, shape (G, m, m).

    Each visit regressed on the visits before it, among subjects who were observed at all of them: given the
    coefficients this is the maximum likelihood itself when dropout is monotone. Where too few were observed at all
    visits, pairwise correlations. For REML, in proportion to the degrees of freedom left: for complete data whose
    coefficients are by visit, the start is then the optimum. One step of the EM algorithm then brings in the subjects
    who missed a visit between others, which saves a step of Newton's method.
    """
    n = moments.n_observations
    scale = n / (n - moments.rank) if reml else 1.0
    sigma = np.array([scale * _sequential(moments, part) for part in moments.parts])
    return _em_step(moments, sigma, scale)


def shrunk_covariance(moments: Moments) -> Floats:
    """Another start, with half the pairwise correlations: shape (G, m, m)."""
    return np.array([_pairwise(moments, part, 0.5) for part in moments.parts])


def _em_step(moments: Moments, sigma: Floats, scale: float) -> Floats:
    """Mean of the conditional moments of all visits given those observed: sigma + sigma D sigma / N."""
    if any(cholesky(s) is None for s in sigma):  # a visit without spread
        return sigma
    W = np.linalg.inv(moments.covariances(sigma)) * moments.mask
    D = W @ (scale * moments.yy) @ W - moments.n[:, None, None] * W
    out = np.empty_like(sigma)
    for g, part in enumerate(moments.parts):
        step = sigma[g] @ np.add.reduce(D[part], axis=0) @ sigma[g] / np.add.reduce(moments.n[part])
        out[g] = sigma[g] + 0.5 * (step + step.T)
        if cholesky(out[g]) is None:  # rounding, where visits nearly determine each other
            return sigma
    return out


def _sequential(moments: Moments, part: slice) -> Floats:
    yy, n = moments.yy[part], moments.n[part]
    m = moments.visits
    seen = np.diagonal(moments.mask[part], axis1=1, axis2=2) > 0
    through = np.logical_and.accumulate(seen, axis=1)  # observed at all visits up to j
    counts = n @ through
    if counts[-1] < m + 2:
        return _pairwise(moments, part)
    # (j, m, m): residual moments of those observed up to visit j
    S = (through.T.astype(np.float64) @ yy.reshape(len(n), -1)).reshape(m, m, m)
    sigma = np.empty((m, m))
    sigma[0, 0] = S[0, 0, 0] / counts[0]
    for j in range(1, m):
        factor = cholesky(S[j, :j, :j])
        if factor is None:
            return _pairwise(moments, part)
        slope = solve_positive(factor, S[j, :j, j])
        left = (S[j, j, j] - slope @ S[j, :j, j]) / counts[j]
        sigma[j, :j] = sigma[:j, j] = sigma[:j, :j] @ slope
        sigma[j, j] = left + slope @ sigma[:j, j]
        if not left > 1e-13 * sigma[j, j]:
            return _pairwise(moments, part)
    return sigma


def _pairwise(moments: Moments, part: slice, keep: float = 1.0) -> Floats:
    """Correlations of each pair of visits among subjects observed at both, shrunk until they fit together."""
    m = moments.visits
    mask, n = moments.mask[part], moments.n[part]
    counts = np.tensordot(n, mask, axes=1)
    products = moments.yy[part].sum(axis=0)
    # Sums of squares of visit j over those who were observed at k too: |correlation| <= 1.
    squares = np.maximum(np.einsum("pjj,pjk->jk", moments.yy[part], mask), 0.0)
    scale = np.sqrt(squares * squares.T)
    R = np.divide(products, scale, out=np.zeros((m, m)), where=scale > 0)
    sd = np.sqrt(np.maximum(np.diag(products), 0.0) / np.maximum(np.diag(counts), 1.0))
    R = keep * R
    np.fill_diagonal(R, 1.0)
    while np.linalg.eigvalsh(R)[0] < 0.02:
        R = 0.8 * R + 0.2 * np.eye(m)
    return np.asarray(R * np.outer(sd, sd))

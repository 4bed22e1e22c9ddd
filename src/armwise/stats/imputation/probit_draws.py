"""A draw of a binary variable's gaps from its probit regression on all others, for many imputations at once.

x = 1 where a latent z = a + Z b + e is above 0, e ~ N(0, 1), with the slopes' prior of the normal draw at s2 = 1.
Given x the latent values are normal, cut at 0; given them the coefficients are normal (Albert and Chib 1993, JASA
88:669-679). Each visit of the chain makes a few of these scans and keeps the latent values for the next. The prior
keeps the coefficients finite where the arm's covariates separate the zeros from the ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from armwise.stats.imputation.normal_draws import Regression, factor

Floats = NDArray[np.float64]

#: Scans of latent values and coefficients at each visit of the chain.
SCANS = 4
#: The smallest probability that is turned into a normal number.
TINY = 1e-300


def probit_normals(regression: Regression) -> int:
    """Standard normal numbers that one draw takes."""
    return SCANS * len(regression.predictors) + len(regression.missing)


def probit_uniforms(regression: Regression) -> int:
    """Uniform numbers that one draw takes."""
    return SCANS * len(regression.observed)


def probit_draw(
    completed: Floats,
    regression: Regression,
    ones: NDArray[np.bool_],
    latent: Floats,
    prior_subjects: float,
    normals: Floats,
    uniforms: Floats,
) -> tuple[NDArray[np.bool_], Floats]:
    """Which gaps of a binary variable become 1.

    Args:
        completed: shape (m, n, v), standardised, the first column 1.
        regression: rows and columns.
        ones: shape (n_observed,), where the variable was observed to be 1.
        latent: shape (m, n_observed), latent values of the last visit.
        prior_subjects: k, more than 0.
        normals: shape (m, `probit_normals`); `uniforms`: shape (m, `probit_uniforms`).

    Returns:
        Shape (m, n_missing), and the new latent values.
    """
    p, n = len(regression.predictors), len(regression.observed)
    x = completed[:, regression.observed][:, :, regression.predictors]
    sign = np.where(ones, 1.0, -1.0)
    beta = np.empty((len(completed), p))
    for scan in range(SCANS):
        beta = factor(completed, regression, prior_subjects, latent).coefficients(
            normals[:, scan * p : (scan + 1) * p]
        )
        eta = (x @ beta[:, :, None])[:, :, 0]
        share = uniforms[:, scan * n : (scan + 1) * n] * ndtr(sign * eta)
        latent = eta - sign * ndtri(np.maximum(share, TINY))
    x = completed[:, regression.missing][:, :, regression.predictors]
    return (x @ beta[:, :, None])[:, :, 0] + normals[:, SCANS * p :] > 0.0, latent


def first_latent(ones: NDArray[np.bool_], m: int) -> Floats:
    """Latent values to start from: the mean of a normal variable cut at 0, shape (m, n_observed)."""
    share = ones.mean()
    eta = float(ndtri(share))
    density = np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi)
    values = np.where(ones, eta + density / share, eta - density / (1 - share))
    return np.broadcast_to(values, (m, len(ones)))

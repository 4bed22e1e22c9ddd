"""The gaps of each subject given what was observed: means, or draws, of the strategy's normal distribution.

E(y_u | y_o) = mu_u + S_uo S_oo^-1 (y_o - mu_o), with covariance S_uu - S_uo S_oo^-1 S_ou.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.stats.imputation.outcomes import Pattern, TrialOutcomes
from armwise.stats.imputation.strategies import strategy_covariance, strategy_means

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Means and covariances of the visits in each arm, M times.

    Attributes:
        beta: shape (M, arms, m, p), coefficients of the constant and the covariates at each visit.
        sigma: shape (M, arms, m, m).
    """

    beta: Floats
    sigma: Floats

    def __len__(self) -> int:
        return len(self.beta)


def filled_gaps(trial: TrialOutcomes, parameters: Parameters, noise: Floats | None = None) -> Floats:
    """All gaps in row-major order, under each set of parameters.

    Args:
        trial: the outcomes.
        parameters: M sets.
        noise: shape (M, gaps), standard normal numbers for draws; conditional means without them.

    Returns:
        Shape (M, gaps).
    """
    out = np.empty((len(parameters), int(trial.missing.sum())))
    for pattern in trial.patterns:
        drawn = None if noise is None else noise[:, pattern.places]
        out[:, pattern.places] = _of_pattern(trial, parameters, pattern, drawn)
    return out


def completed(trial: TrialOutcomes, gaps: Floats) -> Floats:
    """Outcomes with their gaps filled, shape (M, N, m)."""
    out = np.repeat(trial.y[None], len(gaps), axis=0)
    out[:, trial.missing] = gaps
    return out


def _of_pattern(
    trial: TrialOutcomes, parameters: Parameters, pattern: Pattern, noise: Floats | None
) -> Floats:
    """Shape (M, n, missing)."""
    x, a, o, u = trial.x[pattern.subjects], pattern.arm, pattern.observed, pattern.missing
    own, reference = (x @ np.swapaxes(parameters.beta[:, k], 1, 2) for k in (a, 0))
    mu = strategy_means(own, reference, pattern.t, pattern.strategy)
    S_a = parameters.sigma[:, a]
    S_r = S_a if a == 0 else parameters.sigma[:, 0]
    S = strategy_covariance(S_a, S_r, pattern.t, pattern.strategy)
    mean, S_uu = mu[:, :, u], S[:, u[:, None], u]
    if len(o):
        S_ou = S[:, o[:, None], u]
        gain = np.linalg.solve(S[:, o[:, None], o], S_ou)  # transposed: S_oo^-1 S_ou
        mean = mean + (trial.y[pattern.subjects][:, o] - mu[:, :, o]) @ gain
        S_uu = S_uu - np.swapaxes(S_ou, 1, 2) @ gain
    if noise is None:
        return np.asarray(mean)
    L = np.linalg.cholesky((S_uu + np.swapaxes(S_uu, 1, 2)) / 2)
    return np.asarray(mean + noise @ np.swapaxes(L, 1, 2))

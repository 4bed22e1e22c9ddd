"""Simulated trials with known parameters, shared by the tests of model-based imputation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VISITS = ["m3", "m6", "m12"]
SIGMA = np.array([[90.0, 55, 45], [55, 110, 70], [45, 70, 130]])
REFERENCE = np.array([40.0, 38, 37])
EFFECT = np.array([-3.0, -6, -10])


def trial(
    seed: int, n: int = 40, effect: Floats = EFFECT, drop: float = 0.3, gaps: float = 0.0
) -> tuple[Floats, NDArray[np.str_], dict[str, Floats]]:
    """Outcomes (2n, 3), arms, covariates. Dropout follows m3 and depends on its residual."""
    rng = np.random.default_rng(seed)
    arm = np.repeat(["bmc", "control"], n)
    baseline = rng.normal(45, 12, 2 * n)
    e = rng.multivariate_normal(np.zeros(3), SIGMA, 2 * n)
    y = REFERENCE + np.outer(arm == "bmc", effect) + 0.4 * (baseline - 45)[:, None] + e
    gone = rng.normal(size=2 * n) < e[:, 0] / np.sqrt(SIGMA[0, 0]) + np.sqrt(2) * _quantile(drop)
    y[gone, 1:] = np.nan
    y[~gone, 1] = np.where(rng.random((~gone).sum()) < gaps, np.nan, y[~gone, 1])
    return y, arm, {"baseline": baseline}


def _quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p)) if p else -99.0

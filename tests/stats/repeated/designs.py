"""Simulated data sets on which fits of repeated measures are known to stop, and the sweep of ordinary ones.

Every set is two arms with a baseline by visit and an age; drawn from a seed, so that the same name is the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from textbook_structures import Floats


@dataclass(frozen=True, eq=False)
class Simulated:
    """Outcomes (N, m) with NaN where missing, covariates by visit and overall (N,), and the true covariance (m, m)."""

    y: Floats
    by_visit: dict[str, Floats]
    overall: dict[str, Floats]
    sigma: Floats
    group: NDArray[np.intp] | None = None
    weights: Floats | None = None


def autoregressive(m: int, rho: float, sd: float | Floats = 10.0) -> Floats:
    """SD_i SD_j rho^|i-j|."""
    sds = np.broadcast_to(np.asarray(sd, dtype=float), (m,))
    return np.outer(sds, sds) * rho ** np.abs(np.subtract.outer(np.arange(m), np.arange(m)))


def random_slope(m: int, sd: float, noise: float) -> Floats:
    """A random intercept, a slope over time and a little noise (its SD in units of sd)."""
    Z = np.column_stack([np.ones(m), np.linspace(0, 1, m)])
    return sd**2 * (Z @ np.array([[1.0, 0.05], [0.05, 0.1]]) @ Z.T + noise**2 * np.eye(m))


def simulate(
    rng: np.random.Generator, per_arm: int, sigma: Floats, mean: float = 0.0, unit: float | None = None
) -> Simulated:
    """Complete data of two arms; effects are in units of the first visit's SD."""
    n, m = 2 * per_arm, len(sigma)
    unit = float(np.sqrt(sigma[0, 0])) if unit is None else unit
    arm, baseline, age = np.repeat([0.0, 1.0], per_arm), rng.normal(size=n), rng.normal(50, 10, size=n)
    errors = rng.normal(size=(n, m)) @ np.linalg.cholesky(sigma).T
    time = np.linspace(0, 1, m)
    signal = (
        np.outer(arm, 0.5 * time) + np.outer(baseline, 0.6 - 0.3 * time) + 0.01 * (age - 50)[:, None] + time
    )
    return Simulated(mean + unit * signal + errors, {"arm": arm, "baseline": baseline}, {"age": age}, sigma)


def drop_out(rng: np.random.Generator, data: Simulated, rate: float) -> Simulated:
    """Monotone dropout: about that share has left before the last visit, and no one before the first."""
    n, m = data.y.shape
    y = data.y.copy()
    last = np.where(rng.random(n) < rate, rng.integers(1, m, size=n), m)
    y[np.arange(m) >= last[:, None]] = np.nan
    return replace(data, y=y)


def miss_at_random(rng: np.random.Generator, data: Simulated, rate: float) -> Simulated:
    """Each outcome missing with that probability, but for one visit of each subject."""
    n, m = data.y.shape
    missing = rng.random((n, m)) < rate
    missing[np.arange(n), rng.integers(m, size=n)] = False
    return replace(data, y=np.where(missing, np.nan, data.y))


def ten_visits_random_slope(seed: int = 1, noise: float = 0.07) -> Simulated:
    """Ten visits, SD 1e4, all correlations above 0.95."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 200, random_slope(10, 1e4, noise)), 0.2)


def small_sd_large_mean(seed: int = 2) -> Simulated:
    """SD 0.01 about a mean of 1e4: the mean is a million SDs."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 50, autoregressive(4, 0.7, 0.01), mean=1e4), 0.2)


def mean_a_million_sds(seed: int = 3) -> Simulated:
    """SD 10 about a mean of 1e7."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 100, autoregressive(4, 0.7, 10.0), mean=1e7), 0.2)


def seven_visits(seed: int = 4) -> Simulated:
    """Seven visits, 28 covariance parameters, 100 subjects, dropout."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 50, autoregressive(7, 0.8, np.linspace(8, 16, 7))), 0.3)


def near_collinear(one_minus_rho: float, seed: int = 5) -> Simulated:
    """Three visits, the last two with a correlation of 1 less that much; 15 % dropout."""
    rng = np.random.default_rng(seed)
    R = np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 1 - one_minus_rho], [0.5, 1 - one_minus_rho, 1.0]])
    return drop_out(rng, simulate(rng, 50, 100 * R), 0.15)


def monotone(seed: int = 6) -> Simulated:
    """Four visits, 40 % dropout."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 60, autoregressive(4, 0.7)), 0.4)


def single_subject_patterns(seed: int = 7) -> Simulated:
    """Sixty complete subjects, and one or none for each other set of four visits."""
    rng = np.random.default_rng(seed)
    data = simulate(rng, 37, autoregressive(4, 0.6))
    y = data.y.copy()
    for i, pattern in enumerate(range(1, 15)):
        y[5 * i, [j for j in range(4) if not pattern >> j & 1]] = np.nan
    return replace(data, y=y)


def two_by_twenty(seed: int = 8) -> Simulated:
    """Twenty subjects an arm, four visits, 25 % dropout."""
    rng = np.random.default_rng(seed)
    return drop_out(rng, simulate(rng, 20, autoregressive(4, 0.7)), 0.25)


def two_by_twelve(seed: int = 9) -> Simulated:
    """Twelve subjects an arm, four visits, 30 % missing at random: many such sets have no interior optimum."""
    rng = np.random.default_rng(seed)
    return miss_at_random(rng, simulate(rng, 12, autoregressive(4, 0.7)), 0.3)


def weighted(seed: int = 12) -> Simulated:
    """Precision weights that vary within a subject; some outcomes missing at random."""
    rng = np.random.default_rng(seed)
    data = simulate(rng, 40, autoregressive(4, 0.7))
    weights = rng.uniform(0.3, 3.0, size=data.y.shape)
    centre = data.y.mean(axis=0)
    return replace(
        miss_at_random(rng, replace(data, y=centre + (data.y - centre) / np.sqrt(weights)), 0.15),
        weights=weights,
    )


def grouped(seed: int = 13) -> Simulated:
    """Each arm has a covariance of its own: the second's SDs are twice the first's; 20 % dropout."""
    rng = np.random.default_rng(seed)
    data = simulate(rng, 40, autoregressive(4, 0.7))
    group = data.by_visit["arm"].astype(np.intp)
    y = np.where(group[:, None] == 1, 2 * data.y, data.y)
    return drop_out(rng, replace(data, y=y, group=group), 0.2)


IDENTIFIABLE: dict[str, Callable[[], Simulated]] = {
    "ten visits, random slope": ten_visits_random_slope,
    "ten visits, random slope, noise 2 %": lambda: ten_visits_random_slope(noise=0.02),
    "SD 0.01, mean 1e4": small_sd_large_mean,
    "mean a million SDs": mean_a_million_sds,
    "seven visits, 28 parameters": seven_visits,
    "1 - rho = 1e-6": lambda: near_collinear(1e-6),
    "1 - rho = 1e-9": lambda: near_collinear(1e-9),
    "monotone dropout": monotone,
    "single-subject patterns": single_subject_patterns,
    "2 x 20, 25 % dropout": two_by_twenty,
    "weights": weighted,
    "groups": grouped,
}
"""Sets with one interior optimum, which a fit must reach."""

#: (subjects an arm, visits, share that drops out) of the sweep.
SWEEP = ((20, 4, 0.25), (40, 4, 0.15), (60, 5, 0.2), (75, 6, 0.15), (100, 7, 0.2), (150, 10, 0.15))


def sweep(count: int = 500, seed: int = 2026) -> Iterator[Simulated]:
    """Identifiable sets from 2 x 20 to 300 subjects, 4 to 10 visits, correlations of neighbours from 0.6 to 0.999."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        per_arm, m, rate = SWEEP[number % len(SWEEP)]
        rho = (0.6, 0.8, 0.9, 0.95, 0.999)[number // len(SWEEP) % 5]
        sd = 10.0 ** rng.integers(-2, 5) * rng.uniform(0.7, 1.5, size=m)
        yield drop_out(rng, simulate(rng, per_arm, autoregressive(m, rho, sd)), rate)

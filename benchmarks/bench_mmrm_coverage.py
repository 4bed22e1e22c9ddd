"""How often 95 % intervals of the mixed model for repeated measures hold the truth, in small trials with dropout.

20 patients an arm, four visits, heterogeneous variances, correlations of 0.5 to 0.7, baseline as a covariate by visit.
A patient drops out after a visit with a probability that rises with the outcome seen there (missing at random), so that
25 % are gone by the last visit. SIMULATED, with a known difference of 5 points at the last visit.

    python benchmarks/bench_mmrm_coverage.py [--trials 20000] [--an-arm 20]
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import argparse

import numpy as np

from armwise.stats import mmrm_many
from armwise.stats.repeated.design import crossed_design

VISITS = ("m1", "m3", "m6", "m12")
TRUTH = np.array([2.0, 3.0, 4.0, 5.0])
SD = np.array([8.0, 9.0, 10.0, 11.0])
RHO = np.array([[1, 0.7, 0.6, 0.5], [0.7, 1, 0.7, 0.6], [0.6, 0.7, 1, 0.7], [0.5, 0.6, 0.7, 1]])
BLOCK = 2000


def trials(rng: np.random.Generator, count: int, an_arm: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (S, N, 4) and covariates (S, N, 3: 1, arm, baseline)."""
    n = 2 * an_arm
    arm = np.broadcast_to(np.repeat([0.0, 1.0], an_arm), (count, n))
    baseline = rng.normal(45, 10, (count, n))
    errors = rng.normal(size=(count, n, 4)) @ np.linalg.cholesky(RHO * np.outer(SD, SD)).T
    y = 40 + 0.5 * (baseline - 45)[..., None] + arm[..., None] * TRUTH + errors
    gone = np.zeros((count, n), dtype=bool)
    for j in range(1, 4):
        before = (y[:, :, j - 1] - 40) / 10
        gone = gone | (rng.random((count, n)) < 0.085 * np.exp(0.35 * before))
        y[:, :, j][gone] = np.nan
    return y, np.stack([np.ones((count, n)), arm, baseline], axis=2)


def main() -> None:
    """Prints coverage with its Monte-Carlo error, by method and visit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20000)
    parser.add_argument("--an-arm", type=int, default=20)
    chosen = parser.parse_args()
    design = crossed_design(VISITS, ["arm", "baseline"])
    L = [
        design.row(v, {"arm": 1, "baseline": 45}) - design.row(v, {"arm": 0, "baseline": 45}) for v in VISITS
    ]
    held = {"kenward-roger": np.zeros(4), "satterthwaite": np.zeros(4)}
    width = {name: np.zeros(4) for name in held}
    fitted, missing, total, failed = 0, 0.0, 0, 0
    for block in range(-(-chosen.trials // BLOCK)):
        rng = np.random.default_rng(np.random.SeedSequence(20261124, spawn_key=(block,)))
        count = min(BLOCK, chosen.trials - total)
        y, u = trials(rng, count, chosen.an_arm)
        total += count
        missing += float(np.isnan(y[:, :, 3]).mean()) * count
        for name in held:
            fits = mmrm_many(y, u, design, df=name, contrasts=np.array(L))
            found = fits.contrasts
            ok = fits.ok
            held[name] += ((found.lower[ok] <= TRUTH) & (found.upper[ok] >= TRUTH)).sum(axis=0)
            width[name] += (found.upper[ok] - found.lower[ok]).sum(axis=0)
        fitted += int(ok.sum())
        failed += int((~ok).sum())
    error = 100 * np.sqrt(0.95 * 0.05 / fitted)
    print(
        f"{total} trials of 2 x {chosen.an_arm}, {100 * missing / total:.1f} % missing at {VISITS[-1]}; {failed} "
        f"without a fit; Monte-Carlo error of a coverage {error:.2f} points"
    )
    for name, found in held.items():
        coverage = 100 * found / fitted
        print(f"  {name:<14}", *(f"{v} {c:5.2f} %" for v, c in zip(VISITS, coverage, strict=True)), end="   ")
        print("mean width", *(f"{w / fitted:.2f}" for w in width[name]))
    last = 100 * held["kenward-roger"][3] / fitted
    print(
        f"  Kenward-Roger at {VISITS[-1]}: {'met' if abs(last - 95) <= 3 * error else 'NOT MET'} (95 % within 3 errors)"
    )


if __name__ == "__main__":
    main()

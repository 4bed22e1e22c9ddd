"""Times `mmrm_many` on 1,000 trials of 2 x 40 subjects, as ratios to 1,000 X'X of the trials' long matrices.

Four visits, 15 effects (mean, arm and baseline by visit; three covariates overall), 15 % of the outcomes missing, from
wide arrays to estimates. The floor is one X'X of a trial's complete long matrix (320 x 15), a thousand times: about the
least that fitting anything to a thousand trials must do. It is taken twice: of one matrix that stays in the cache (the
goal is against this one), and of the thousand trials' own. All cases are timed in turn in one process on one thread,
several times, and the medians of the ratios are printed, of wall time and (in brackets) of processor time.

    python benchmarks/bench_mmrm_many.py [--trials N] [--runs N]
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is loaded

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from armwise.stats.repeated.contrasts import contrasts
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.fitting import fit_wide
from armwise.stats.repeated.many.fits import mmrm_many
from armwise.stats.repeated.wide import Wide

GOAL = 50.0
VISITS = ("month 1", "month 3", "month 6", "month 12")


def trials(count: int, per_arm: int = 40, missing: float = 0.15) -> tuple[Any, Any, Design]:
    """Outcomes (S, N, m), covariates (S, N, d) of each trial's own, and the design."""
    rng = np.random.default_rng(20260101)
    n, m = 2 * per_arm, len(VISITS)
    design = crossed_design(VISITS, ["arm", "baseline"], ["age", "sex", "pain"])
    arm = np.broadcast_to(np.repeat([0.0, 1.0], per_arm), (count, n))
    baseline, age, pain = (
        rng.normal(45, 15, (count, n)),
        rng.normal(50, 12, (count, n)),
        rng.normal(6, 2, (count, n)),
    )
    sex = rng.integers(0, 2, (count, n)).astype(float)
    u = np.stack([np.ones((count, n)), arm, baseline, age, sex, pain], axis=2)
    R = 0.7 ** np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    y = 12 * rng.normal(size=(count, n, m)) @ np.linalg.cholesky(R).T
    y += 10 + 0.5 * baseline[:, :, None] + arm[:, :, None] * np.array([-2.0, -4.0, -5.0, -5.0])
    y[rng.random(y.shape) < missing] = np.nan
    return y, u, design


def long_matrices(u: Any, design: Design) -> list[Any]:
    """X of each trial, complete: (N * m, q)."""
    return [np.einsum("nd,jdq->njq", one, design.B).reshape(-1, len(design.columns)) for one in u]


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def cases(y: Any, u: Any, design: Design) -> dict[str, Callable[[], Any]]:
    """What is timed; each gives all fits."""
    treated, control = (
        {"arm": a, "baseline": 45.0, "age": 50.0, "sex": 0.5, "pain": 6.0} for a in (1.0, 0.0)
    )
    L = np.array([design.row(v, treated) - design.row(v, control) for v in VISITS])
    bootstrap = np.random.default_rng(1).multinomial(
        y.shape[1], np.full(y.shape[1], 1 / y.shape[1]), size=len(y)
    )

    def one_by_one() -> None:
        for s in range(len(y)):
            contrasts(
                fit_wide(Wide(design.visits, design.covariates, y[s], u[s]), design, df="satterthwaite"), L
            )

    return {
        "fit": lambda: mmrm_many(y, u, design, df="satterthwaite"),
        "fit, Satterthwaite": lambda: mmrm_many(y, u, design, df="satterthwaite", contrasts=L),
        "fit, Kenward-Roger": lambda: mmrm_many(y, u, design, df="kenward-roger", contrasts=L),
        "bootstrap of one trial": lambda: mmrm_many(
            y[0], u[0], design, counts=bootstrap, df="satterthwaite", contrasts=L
        ),
        "one by one": one_by_one,
    }


def main() -> int:
    """Print the ratios beside the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    y, u, design = trials(given.trials)
    matrices = long_matrices(u, design)
    work = cases(y, u, design)
    fits = mmrm_many(y, u, design)
    mmrm_many(y[0], u[0], design, counts=np.ones((1, y.shape[1]), dtype=int))
    ratios: dict[str, list[tuple[float, ...]]] = {name: [] for name in work}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for run in range(given.runs):
        for name, do in work.items():
            if name == "one by one" and run > 2:
                continue
            wall, cpu = timed(do)
            cached, cached_cpu = timed(lambda: [matrices[0].T @ matrices[0] for _ in matrices])
            own, own_cpu = timed(lambda: [X.T @ X for X in matrices])
            ratios[name].append((wall / cached, cpu / cached_cpu, wall / own, cpu / own_cpu))
            seconds[name].append(wall)
    print(
        f"{given.trials:,} trials, {fits.ok.sum():,} with a fit, {fits.alone.sum():,} of them by the fit of one; "
        f"evaluations: mean {fits.evaluations.mean():.2f}, most {fits.evaluations.max()}"
    )
    for name in work:
        wall, cpu, own, own_cpu = (statistics.median(r[k] for r in ratios[name]) for k in range(4))
        each = 1000 * statistics.median(seconds[name]) / given.trials
        goal = f"  goal {GOAL:g}" if name == "fit" else ""
        print(
            f"{name:24} {each:.3f} ms a trial  {wall:6.1f} ({cpu:.1f}) times X'X in the cache{goal}, "
            f"{own:.1f} ({own_cpu:.1f}) times X'X of the trials"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

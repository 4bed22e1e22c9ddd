"""Reference-based imputation in simulated trials with known truth: bias, SD over trials, both standard errors; time.

Trials of 2 x 40, three visits, 30 % dropout after the first visit by its residual, effects -3, -6, -10. The SD over
trials and the bias are of the conditional means in --trials trials (all fitted together), the mean standard errors of
--errors. Times are processor time on one thread.

    python benchmarks/bench_reference_based.py [--trials 4000] [--errors 150]
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is loaded

import argparse
import time
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from armwise.stats import conditional_means, impute_outcomes, mmrm_many, mmrm_wide
from armwise.stats.imputation.conditional_normal import Parameters, completed, filled_gaps
from armwise.stats.imputation.marginal_fits import common_parameters
from armwise.stats.imputation.outcomes import trial_outcomes
from armwise.stats.imputation.strategies import STRATEGY_WORDS, Strategy
from armwise.stats.imputation.visit_regressions import visit_regressions
from armwise.stats.repeated.design import crossed_design

Floats = NDArray[np.float64]

VISITS = ["m3", "m6", "m12"]
SIGMA = np.array([[90.0, 55, 45], [55, 110, 70], [45, 70, 130]])
EFFECT = np.array([-3.0, -6, -10])
DROPOUT = 0.3
Z_DROPOUT = -0.5244005127080407  # the normal quantile of 0.3
ARM = np.repeat(["treated", "control"], 40)


def trial(seed: int) -> tuple[Floats, Floats]:
    """Outcomes (80, 3) and baseline (80,)."""
    rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(seed,)))
    baseline = rng.normal(45, 12, 80)
    e = rng.multivariate_normal(np.zeros(3), SIGMA, 80)
    y = np.array([40.0, 38, 37]) + np.outer(ARM == "treated", EFFECT) + 0.4 * (baseline - 45)[:, None] + e
    y[rng.normal(size=80) < e[:, 0] / np.sqrt(SIGMA[0, 0]) + np.sqrt(2) * Z_DROPOUT, 1:] = np.nan
    return y, baseline


def truth(strategy: Strategy) -> float:
    """The difference at the last visit. What dropouts' residuals add is the same in both arms."""
    of_dropouts = {
        "missing-at-random": EFFECT[2],
        "jump-to-reference": 0.0,
        "copy-reference": SIGMA[0, 2] / SIGMA[0, 0] * EFFECT[0],
        "copy-increments": EFFECT[0],
        "last-mean-carried-forward": EFFECT[0],
    }
    return float((1 - DROPOUT) * EFFECT[2] + DROPOUT * of_dropouts[strategy])


def many_estimates(count: int) -> dict[Strategy, Floats]:
    """Conditional-mean estimates of `count` trials by strategy."""
    data = [trial(s) for s in range(count)]
    y = np.stack([d[0] for d in data])
    u = np.stack([np.column_stack([np.ones(80), ARM == "treated", d[1]]) for d in data])
    fits = mmrm_many(y, u, crossed_design(VISITS, ["arm", "baseline"]), df="satterthwaite")
    all_of = common_parameters(fits, 2)
    out: dict[Strategy, list[float]] = {s: [] for s in get_args(Strategy)}
    for k in np.flatnonzero(fits.ok).tolist():
        parameters = Parameters(all_of.beta[k : k + 1], all_of.sigma[k : k + 1])
        for strategy, found in out.items():
            one = trial_outcomes(
                y[k], ARM, reference="control", covariates={"baseline": data[k][1]}, strategy=strategy
            )
            full = completed(one, filled_gaps(one, parameters))
            found.append(float(visit_regressions(full, one.regressors).coefficients[0, 1, 2]))
    return {s: np.array(v) for s, v in out.items()}


def standard_errors(strategy: Strategy, count: int) -> tuple[float, float]:
    """Mean standard errors, jackknife and Rubin."""
    both = []
    for s in range(count):
        y, baseline = trial(s)
        given: dict[str, Any] = {
            "reference": "control", "covariates": {"baseline": baseline}, "visits": VISITS, "strategy": strategy,
        }  # fmt: skip
        once = conditional_means(y, ARM, **given).difference("m12", "treated").se
        drawn = impute_outcomes(y, ARM, **given, imputations=50, seed=s).difference("m12", "treated").se
        both.append((once, drawn))
    jackknife, rubin = np.array(both, dtype=np.float64).mean(axis=0)
    return float(jackknife), float(rubin)


def seconds(fn: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs."""
    fn()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        fn()
        times.append(time.process_time() - start)
    return min(times)


def times() -> None:
    """100 imputations, and conditional means, of 2 x 40 patients with four visits, in single fits."""
    rng = np.random.default_rng(3)
    baseline, treated = rng.normal(45, 12, 80), np.where(ARM == "treated", 1.0, 0.0)
    y = 0.6 * baseline[:, None] + rng.normal(0, 9, (80, 1)) + rng.normal(0, 6, (80, 4))
    y -= np.outer(treated, [2, 5, 7, 10])
    for i in range(0, 80, 6):
        y[i, 1 + i % 3 :] = np.nan
    given: dict[str, Any] = {
        "reference": "control", "covariates": {"baseline": baseline}, "strategy": "jump-to-reference",
    }  # fmt: skip
    single = seconds(lambda: mmrm_wide(y, {"arm": treated, "baseline": baseline}).vcov, 50)
    drawn = seconds(lambda: impute_outcomes(y, ARM, **given, seed=1).difference("visit 4", "treated"), 10)
    once = seconds(lambda: conditional_means(y, ARM, **given).difference("visit 4", "treated"), 10)
    print(
        f"\na single fit {1000 * single:.2f} ms; 100 imputations {1000 * drawn:.1f} ms, {drawn / single:.0f} fits; "
        f"conditional means with the jackknife {1000 * once:.1f} ms, {once / single:.0f} fits"
    )


def main() -> None:
    """Prints the table of docs/imputation.md and the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--errors", type=int, default=150)
    asked = parser.parse_args()
    print("| strategy | truth | bias (Monte-Carlo error) | SD over trials | jackknife SE | Rubin's SE |")
    print("| --- | --- | --- | --- | --- | --- |")
    for strategy, found in many_estimates(asked.trials).items():
        bias, sd = found.mean() - truth(strategy), found.std(ddof=1)
        jackknife, rubin = standard_errors(strategy, asked.errors)
        error = sd / np.sqrt(len(found))
        print(
            f"| {STRATEGY_WORDS[strategy]} | {truth(strategy):.2f} | {bias:+.2f} ({error:.2f}) | {sd:.2f} | "
            f"{jackknife:.2f} | {rubin:.2f} |",
            flush=True,
        )
    times()


if __name__ == "__main__":
    main()

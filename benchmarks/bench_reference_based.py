"""What reference-based imputation costs, in single fits of the mixed model, on one thread.

100 imputations, and conditional means with their jackknife, of 2 x 40 patients with four visits; processor time. How
well both do is in reference_based_coverage.py.

    python benchmarks/bench_reference_based.py
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is loaded

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from armwise.stats import conditional_means, impute_outcomes, mmrm_wide

ARM = np.repeat(["treated", "control"], 40)


def seconds(fn: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs."""
    fn()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        fn()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
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
        f"a single fit {1000 * single:.2f} ms; 100 imputations {1000 * drawn:.1f} ms, {drawn / single:.0f} fits; "
        f"conditional means with the jackknife {1000 * once:.1f} ms, {once / single:.0f} fits"
    )


if __name__ == "__main__":
    main()

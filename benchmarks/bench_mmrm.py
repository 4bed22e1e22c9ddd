"""Times the mixed model for repeated measures, as ratios within one run on one thread.

The unit is one X'X of the long model matrix (subjects x visits rows, 15 coefficients): about the least that any fit
must do. Each thing is timed in turn with the unit next to it, and the median of the ratios is reported, so that a slow
moment of the machine falls on both. 4 visits, 15 coefficients, 15 % of outcomes missing.

    python benchmarks/bench_mmrm.py [--sizes 400 2000 20000 100000] [--rounds N] [--r]

`--r` adds nlme::gls (and mmrm, if it is installed) on the same data, when Rscript is there.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from armwise.stats import contrasts, mmrm, mmrm_wide
from armwise.stats.repeated.fitting import fit_wide

VISITS = ("m1", "m3", "m6", "m12")
GOALS = {400: 40.0, 2000: 10.0, 20000: 1.5, 100000: 0.9}
ROBUST_GOALS = {"empirical": 2.5, "jackknife": 6.0, "bias-reduced": 18.0}
FORMULA = "odi ~ arm * visit + baseline * visit + age + bmi + gender"


def data(n: int, seed: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outcomes (n, 4), covariates by visit, covariates with one coefficient. SIMULATED."""
    rng = np.random.default_rng(seed)
    arm = (np.arange(n) % 2).astype(float)
    baseline = rng.normal(45, 12, n)
    overall = {
        "age": rng.normal(58, 11, n),
        "bmi": rng.normal(29, 5, n),
        "gender": rng.integers(0, 2, n) * 1.0,
    }
    sigma = 100 * (0.6 * np.ones((4, 4)) + 0.4 * np.eye(4))
    y = rng.normal(size=(n, 4)) @ np.linalg.cholesky(sigma).T + 40 + 0.5 * (baseline - 45)[:, None]
    y -= arm[:, None] * np.array([2, 4, 5, 6])
    y[rng.random((n, 4)) < 0.15] = np.nan
    return y, {"arm": arm, "baseline": baseline}, overall


def long_frame(y: np.ndarray, by_visit: dict[str, Any], overall: dict[str, Any]) -> Any:
    """The same as a long pandas table with labels, observed rows only."""
    import pandas as pd

    i, j = np.nonzero(~np.isnan(y))
    subjects = np.array([f"S{k:07d}" for k in range(len(y))], dtype=object)
    return pd.DataFrame(
        {
            "subject": subjects[i],
            "visit": pd.Categorical.from_codes(j, VISITS),
            "arm": pd.Categorical.from_codes(by_visit["arm"][i].astype(int), ["control", "bmc"]),
            "gender": pd.Categorical.from_codes(overall["gender"][i].astype(int), ["F", "M"]),
            "baseline": by_visit["baseline"][i],
            "age": overall["age"][i],
            "bmi": overall["bmi"][i],
            "odi": y[i, j],
        }
    )


def seconds(work: Callable[[], Any]) -> float:
    """One run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(
    work: Callable[[], Any], unit: Callable[[], Any], rounds: int, units: int = 1
) -> tuple[float, float]:
    """Median of work / unit over rounds, each with the unit just before; and the median seconds of the work."""
    work()
    unit()
    ratios, times = [], []
    for _ in range(rounds):
        base = seconds(lambda: [unit() for _ in range(units)]) / units
        times.append(seconds(work))
        ratios.append(times[-1] / base)
    return statistics.median(ratios), statistics.median(times)


def formula_alone(frame: Any) -> Callable[[], Any]:
    """formulaic's own work for the same formula and frame."""
    from formulaic import model_matrix

    return lambda: model_matrix(FORMULA.split("~")[1], frame, output="numpy")


def report(what: str, found: float, wall: float, goal: float | None) -> None:
    """One line."""
    verdict = "" if goal is None else f"   goal {goal:g}: {'met' if found <= goal else 'NOT MET'}"
    print(f"  {what:<46} {found:8.2f}   ({wall * 1e3:9.3f} ms){verdict}", flush=True)


def one_size(n: int, rounds: int) -> None:
    """All ratios at one number of subjects."""
    y, by_visit, overall = data(n)
    fit = mmrm_wide(y, by_visit, overall, visits=VISITS)
    assert fit.wide is not None
    wide, design = fit.wide, fit.design
    X = np.einsum("nd,mdq->nmq", wide.u, design.B).reshape(-1, len(design.columns))
    units = max(1, 20000 // n)
    L = np.eye(15)[:12]
    print(
        f"{n} subjects, {fit.n_observations} outcomes ({fit.evaluations} evaluations); unit: one X'X of {X.shape}"
    )

    def unit() -> Any:
        return X.T @ X

    def arrays(df: Any) -> Callable[[], Any]:
        return lambda: contrasts(mmrm_wide(y, by_visit, overall, visits=VISITS, df=df), L)

    report(
        "arrays to fit and Satterthwaite", *ratio(arrays("satterthwaite"), unit, rounds, units), GOALS.get(n)
    )
    report("arrays to fit and Kenward-Roger", *ratio(arrays("kenward-roger"), unit, rounds, units), None)
    if n >= 100000:
        for vcov, goal in ROBUST_GOALS.items():
            plain = fit_wide(wide, design, df="satterthwaite")

            def robust(vcov: Any = vcov, plain: Any = plain) -> Any:
                return plain.using(vcov=vcov).vcov

            report(f"robust covariance of a fit: {vcov}", *ratio(robust, unit, max(5, rounds // 3)), goal)
    frame = long_frame(y, by_visit, overall)

    def by_formula() -> Any:
        return mmrm(FORMULA, frame, subject="subject", visit="visit", df="satterthwaite")

    def labels() -> Any:
        return frame["subject"].astype("category")

    alone, encode = formula_alone(frame), labels
    few = max(5, rounds // 3)
    found, wall = ratio(by_formula, alone, few)
    encoding = ratio(encode, alone, few)[0]
    fitted = ratio(arrays("satterthwaite"), alone, few)[0]
    print(
        f"  by formula from a labelled table: {found:.2f} times formulaic alone ({wall * 1e3:.1f} ms), of which the "
        f"fit from arrays {fitted:.2f} and encoding the labels {encoding:.2f}"
    )
    added = found - fitted - encoding
    print(
        f"  the interface itself: {added:.2f} times formulaic   goal 3 (1 + 2): {'met' if added <= 3 else 'NOT MET'}"
    )


R = """
args <- commandArgs(TRUE)
d <- read.csv(args[1]); d$visit <- factor(d$visit, levels = c("m1", "m3", "m6", "m12")); d$subject <- factor(d$subject)
t <- NA; u <- NA
if (requireNamespace("nlme", quietly = TRUE)) {
  f <- function() nlme::gls(odi ~ arm * visit + baseline * visit + age + bmi + gender, d, method = "REML",
    correlation = nlme::corSymm(form = ~ as.integer(visit) | subject), weights = nlme::varIdent(form = ~ 1 | visit))
  t <- median(replicate(3, system.time(f())["elapsed"]))
}
if (requireNamespace("mmrm", quietly = TRUE)) {
  g <- function() mmrm::mmrm(odi ~ arm * visit + baseline * visit + age + bmi + gender + us(visit | subject), d)
  u <- median(replicate(3, system.time(g())["elapsed"]))
}
cat(t, u)
"""


def beside_r(n: int) -> None:
    """nlme::gls and mmrm on the same data, in the same run."""
    script = shutil.which("Rscript")
    if script is None:
        print("  Rscript is not installed")
        return
    y, by_visit, overall = data(n)
    frame = long_frame(y, by_visit, overall)
    arrays = statistics.median(seconds(lambda: mmrm_wide(y, by_visit, overall)) for _ in range(5))
    formula = statistics.median(
        seconds(lambda: mmrm(FORMULA, frame, subject="subject", visit="visit")) for _ in range(5)
    )
    with tempfile.TemporaryDirectory() as folder:
        path, source = Path(folder) / "long.csv", Path(folder) / "time.R"
        frame.to_csv(path, index=False)
        source.write_text(R)
        out = subprocess.run(
            [script, str(source), str(path)], capture_output=True, text=True, check=True
        ).stdout
    for name, text in zip(("nlme::gls", "mmrm"), out.split()[-2:], strict=True):
        if text != "NA":
            print(f"  {name} at {n} subjects: {float(text) / arrays:.0f} times the time from arrays, "
                  f"{float(text) / formula:.0f} times that by formula ({float(text):.2f} s)")  # fmt: skip
        else:
            print(f"  {name} is not installed")


def main() -> None:
    """Prints every ratio beside its goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[400, 2000, 20000, 100000])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--r", action="store_true", help="beside R, at 400 and 2,000 subjects")
    chosen = parser.parse_args()
    for n in chosen.sizes:
        one_size(n, chosen.rounds if n < 20000 else max(9, chosen.rounds // 2))
    if chosen.r:
        for n in (400, 2000):
            beside_r(n)


if __name__ == "__main__":
    main()

"""How often the intervals of a comparison hold the truth, in SIMULATED non-randomised studies of 2 x 40.

Ten scenarios of a choice of treatment driven by age, BMI, opioid use and ODI, with dropout: A the published shares of
responders (67 and 8 %), B a moderate effect, C none, D nonlinear (every model wrong), E none with strong confounding,
F as A with dropout that depends on month 6, G none with rare responders, H extreme (90 and 2 %), S skewed outcomes and
a floor at 0, U a confounder that nobody measured (coverage must fail). docs/calibration.md holds the tables, which
benchmarks/calibration_page.py makes of the rows.

    python benchmarks/calibration.py [--studies 2000] [--scenarios ABCDEFGHSU] [--workers 2]
        [--treated 40] [--control 40] [--keep rows.jsonl]
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armwise.errors import ArmwiseError
from armwise.stats import (
    Estimate,
    ancova_fit,
    contrasts,
    impute_chained,
    many_weighted_means,
    mean_comparison,
    mmrm_wide,
    propensity,
    replicate,
    risk_comparison,
    risk_difference,
    weighted_means,
    welch,
)
from armwise.stats.imputation.pooled_arms import pool_arms
from armwise.stats.repeated.arm_models import arm_models_difference
from armwise.stats.weighting.entropy_balancing import balanced_means
from armwise.stats.weighting.outcome_models import augmented_means, standardised_outcomes

Floats = NDArray[np.float64]
SHARES = np.array([0.35, 0.6, 0.8, 1.0])
#: Residuals at months 1, 3, 6, 12 from four independent ones.
MIX = np.array(
    [
        [0.45, 0.6, 0.7, 0.6],
        [0, 0, 0, 0.8],
        [0, 0, 0.6, 0],
        [0.3, 0.6, 0, 0],
        [0.6, 0, 0, 0],
        [0.2, 0.3, 0, 0],
    ]
)
VISITS = ("m1", "m3", "m6", "m12")
IMPUTATIONS = 100


@dataclass(frozen=True)
class Scenario:
    """Means of the change at month 12, SDs, how the effect depends on the baseline, and how arms are chosen."""

    control: float
    treated: float
    sd_control: float
    sd_treated: float
    het: float = 0.0
    choice: float = 1.15
    nonlinear: bool = False
    dropout_by_month_6: bool = False
    skewed: bool = False
    unmeasured: float = 0.0


SCENARIOS = {
    "A": Scenario(0.6, -14.6, 7, 11.5, 0.25),
    "B": Scenario(-3, -9, 10, 10),
    "C": Scenario(-5, -5, 10, 10),
    "D": Scenario(0.6, -14.6, 7, 11.5, 0.25, nonlinear=True),
    "E": Scenario(-5, -5, 10, 10, choice=1.8),
    "F": Scenario(0.6, -14.6, 7, 11.5, 0.25, dropout_by_month_6=True),
    "G": Scenario(0.6, 0.6, 7, 7),
    "H": Scenario(5.5, -24, 7, 10, 0.1),
    "S": Scenario(-3, -9, 10, 10, skewed=True),
    "U": Scenario(-3, -9, 10, 10, unmeasured=0.8),
}


@dataclass(frozen=True)
class People:
    """Patients before treatment, and both of their courses.

    Attributes:
        X: age, BMI, opioid use, baseline ODI, shape (n, 4).
        score: the true probability of the treatment.
        odi, pain: month 1 to 12 under control and treatment, shape (2, n, 4).
        pain_0: baseline pain.
    """

    X: Floats
    score: Floats
    odi: Floats
    pain: Floats
    pain_0: Floats


def cut_normal(
    rng: np.random.Generator, mean: Floats | float, sd: float, lo: float, hi: float, n: int
) -> Floats:
    """Normal, drawn again where it falls outside."""
    x = rng.normal(mean, sd, n)
    while (bad := (x < lo) | (x > hi)).any():
        x[bad] = rng.normal(np.broadcast_to(mean, n)[bad], sd)
    return x


def people(s: Scenario, n: int, rng: np.random.Generator) -> People:
    """Patients of a scenario, with both potential courses."""
    age, bmi = cut_normal(rng, 60, 11, 28, 88, n), cut_normal(rng, 30, 5, 18, 50, n)
    opioid = (rng.random(n) < 0.4).astype(np.float64)
    level = 27.0 if s.skewed else 43.0
    odi_0 = cut_normal(rng, level + 5 * opioid, 12, 4 if s.skewed else 20, 84, n)
    za, zb, zo, o = (age - 60) / 11, (bmi - 30) / 5, (odi_0 - level - 2) / 12.2, opioid - 0.4
    hidden = rng.normal(size=n)
    logit = s.choice * (-0.60 * za - 0.30 * zb - 0.75 * o + 0.40 * zo) + s.unmeasured * hidden
    common = 2.4 * za + 1.4 * zb + 3.5 * o - 3.0 * zo - 6 * s.unmeasured * hidden
    if s.nonlinear:
        logit = logit + 0.35 * (za**2 - 1) + 0.4 * o * zo
        common = common + 1.5 * (za**2 - 1) + 2 * o * zo
    raw = rng.normal(size=(n, 6))
    if s.skewed:
        raw = rng.exponential(size=(n, 6)) - 1
    # columns u, v, w, x, z and one more w for months 1 and 3
    e = raw[:, [0, 1, 2, 3, 4, 2]] @ MIX
    own, g = rng.normal(size=(n, 4)), rng.normal(size=n)
    pain_0 = np.clip(np.rint(6.3 + 1.14 * zo + 1.52 * g), 0, 10)
    odi, pain = np.empty((2, n, 4)), np.empty((2, n, 4))
    for arm, (m, sd) in enumerate(((s.control, s.sd_control), (s.treated, s.sd_treated))):
        mean = m + common - arm * s.het * 12.2 * zo
        odi[arm] = np.clip(odi_0[:, None] + mean[:, None] * SHARES + sd * e, 0, 100)
        change = (
            mean[:, None] / 7 * SHARES - 0.38 * g[:, None] * SHARES + 1.15 * sd / 7 * (0.6 * e + 0.8 * own)
        )
        pain[arm] = np.clip(np.rint(pain_0[:, None] + change), 0, 10)
    X = np.column_stack([age, bmi, opioid, odi_0])
    return People(X, 1 / (1 + np.exp(-logit)), odi, pain, pain_0)


@dataclass(frozen=True)
class Study:
    """One study: covariates, who was treated, scores with gaps."""

    X: Floats
    z: NDArray[np.bool_]
    odi: Floats
    pain: Floats
    pain_0: Floats


def study(s: Scenario, treated: int, control: int, rng: np.random.Generator) -> Study:
    """Exactly so many of each arm, drawn by choice; dropout and gaps."""
    drawn = people(s, 6 * (treated + control), rng)
    chose = rng.random(len(drawn.score)) < drawn.score
    who = np.concatenate([np.flatnonzero(chose)[:treated], np.flatnonzero(~chose)[:control]])
    z = np.repeat([True, False], [treated, control])
    n, arm = len(who), z.astype(int)
    odi, pain, X = drawn.odi[arm, who], drawn.pain[arm, who], drawn.X[who]
    za, o = (X[:, 0] - 60) / 11, X[:, 2]
    logit = -1.80 + 0.35 * (arm - 0.5) + 0.35 * za + 0.45 * o
    if s.dropout_by_month_6:
        change, m = odi[:, 2] - X[:, 3], np.where(z, s.treated, s.control)
        logit = logit + 0.09 * (change - 0.8 * m)
    gone = rng.random(n) < 1 / (1 + np.exp(-logit))
    since = np.where(s.dropout_by_month_6, 3, rng.choice(4, n, p=[0.15, 0.20, 0.25, 0.40]))
    missing = gone[:, None] & (np.arange(4) >= since[:, None])
    gaps = 2 if s.dropout_by_month_6 else 3
    missing[:, :gaps] |= rng.random((n, gaps)) < 0.05
    odi = np.where(missing | (rng.random((n, 4)) < 0.02), np.nan, odi)
    pain = np.where(missing | (rng.random((n, 4)) < 0.03), np.nan, pain)
    return Study(X, z, odi, pain, drawn.pain_0[who])


def truths(s: Scenario, n: int = 2_000_000) -> dict[str, float]:
    """The effects at month 12 in each target population, from a sample so large that it is the truth."""
    everyone = people(s, n, np.random.default_rng(20261124))
    change, fall = everyone.odi[:, :, 3] - everyone.X[:, 3], everyone.pain[:, :, 3] - everyone.pain_0
    better = change <= -10
    either = better | (fall <= -2)
    e = everyone.score
    found: dict[str, float] = {}
    for target, w in (("overlap", e * (1 - e)), ("everyone", np.ones(n))):
        for name, y in (("mean", change), ("risk", better), ("composite", either)):
            found[f"{name} {target}"] = float(np.average(y[1].astype(float) - y[0], weights=w))
    return found


Method = Callable[[Study, "Drawn"], Estimate]


class Drawn:
    """The imputed data sets of a study, made once for all methods that use them."""

    def __init__(self, s: Study, seed: int) -> None:
        values = np.column_stack([s.X[:, [3]], s.odi, s.pain_0, s.pain, s.X[:, :3]])
        names = [
            "odi 0",
            *(f"odi {v}" for v in VISITS),
            "pain 0",
            *(f"pain {v}" for v in VISITS),
            "age",
            "bmi",
            "opioid",
        ]
        bounds = {n: (0.0, 100.0 if n.startswith("odi") else 10.0) for n in names[:10]}
        sets = impute_chained(
            values, names=names, arms=s.z, imputations=IMPUTATIONS, bounds=bounds,
            grid=dict.fromkeys(names[5:10], 1.0), seed=seed,
        )  # fmt: skip
        self.change = sets.variable("odi m12") - s.X[:, 3]
        self.fall = sets.variable("pain m12") - s.pain_0


def complete(s: Study) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Change of ODI at month 12, arm and covariates of those who have it."""
    seen = ~np.isnan(s.odi[:, 3])
    return s.odi[seen, 3] - s.X[seen, 3], s.z[seen], s.X[seen]


def unadjusted(s: Study, _: Drawn) -> Estimate:
    """Welch."""
    y, z, _X = complete(s)
    return welch(y[z], y[~z])


def ancova(s: Study, _: Drawn) -> Estimate:
    """Analysis of covariance of those observed."""
    y, z, X = complete(s)
    fit = ancova_fit(y, np.where(z, "b", "a"), {f"x{j}": X[:, j] for j in range(4)}, reference="a")
    return fit.differences["b"]


def mmrm_difference(s: Study, _: Drawn) -> Estimate:
    """MMRM, unstructured, every covariate by visit, Kenward-Roger."""
    by_visit = {"arm": s.z.astype(float), **{f"x{j}": s.X[:, j] for j in range(4)}}
    fit = mmrm_wide(s.odi - s.X[:, [3]], by_visit, visits=VISITS)
    ones = {**dict.fromkeys(by_visit, 0.0), "arm": 1.0}
    L = fit.design.row("m12", ones) - fit.design.row("m12", dict.fromkeys(by_visit, 0.0))
    c = contrasts(fit, L[None])
    n = len(s.z)
    return Estimate(
        c.estimate[0],
        c.se[0],
        c.df[0],
        c.lower[0],
        c.upper[0],
        0.95,
        None,
        n,
        None,
        None,
        "MMRM",
        "mean difference",
    )


def mmrm_by_arm(s: Study, _: Drawn) -> Estimate:
    """One MMRM an arm."""
    fits = []
    for here in (s.z, ~s.z):
        X = {f"x{j}": s.X[here, j] for j in range(4)}
        fits.append(mmrm_wide((s.odi - s.X[:, [3]])[here], X, visits=VISITS))
    return arm_models_difference(fits[0], fits[1], "m12", s.X)


def of_complete(make: Callable[..., object], kind: str, s: Study, _: Drawn) -> Estimate:
    """An estimator on those observed: means with t, risks with MOVER."""
    y, z, X = complete(s)
    if kind == "mean":
        return mean_comparison(make(y, z, X)).difference
    return risk_comparison(make((y <= -10).astype(float), z, X)).difference


def newcombe(s: Study, _: Drawn) -> Estimate:
    """Unadjusted risks, Newcombe."""
    y, z, _X = complete(s)
    r = y <= -10
    return risk_difference(
        int(r[z].sum()), int(z.sum()), int(r[~z].sum()), int((~z).sum()), method="newcombe"
    )


def composite_complete(s: Study, _: Drawn) -> Estimate:
    """Overlap weights on those whose composite is known."""
    seen = ~np.isnan(s.odi[:, 3]) & ~np.isnan(s.pain[:, 3])
    y = (s.odi[:, 3] - s.X[:, 3] <= -10) | (s.pain[:, 3] - s.pain_0 <= -2)
    return risk_comparison(weighted_means(y[seen].astype(float), s.z[seen], s.X[seen])).difference


def of_imputed(what: str, s: Study, drawn: Drawn) -> Estimate:
    """Imputed, then overlap weights."""
    fit = propensity(s.X, s.z)
    if what == "mean":
        return pool_arms(many_weighted_means(drawn.change, s.z, fit), "mean").difference
    y = np.round(drawn.change, 9) <= -10
    if what == "composite":
        y = y | (drawn.fall <= -2)
    return pool_arms(many_weighted_means(y.astype(float), s.z, fit), "risk").difference


everyone = partial(weighted_means, target="everyone")
jackknife = partial(weighted_means, variance="jackknife")
#: Name -> what it estimates, in whom, and how.
METHODS: dict[str, tuple[str, str, Method]] = {
    "unadjusted, Welch": ("mean", "overlap", unadjusted),
    "ANCOVA": ("mean", "overlap", ancova),
    "MMRM, covariates by visit": ("mean", "overlap", mmrm_difference),
    "MMRM, one model an arm": ("mean", "everyone", mmrm_by_arm),
    "g-computation, t": ("mean", "everyone", partial(of_complete, standardised_outcomes, "mean")),
    "inverse probability, t": ("mean", "everyone", partial(of_complete, everyone, "mean")),
    "AIPW, t": ("mean", "everyone", partial(of_complete, augmented_means, "mean")),
    "entropy balancing, t": ("mean", "everyone", partial(of_complete, balanced_means, "mean")),
    "overlap, t": ("mean", "overlap", partial(of_complete, weighted_means, "mean")),
    "overlap, jackknife": ("mean", "overlap", partial(of_complete, jackknife, "mean")),
    "imputed + overlap, t": ("mean", "overlap", partial(of_imputed, "mean")),
    "unadjusted, Newcombe": ("risk", "overlap", newcombe),
    "overlap, MOVER-Wilson": ("risk", "overlap", partial(of_complete, weighted_means, "risk")),
    "imputed + overlap, MOVER-Wilson": ("risk", "overlap", partial(of_imputed, "risk")),
    "composite: overlap, MOVER-Wilson": ("composite", "overlap", composite_complete),
    "composite: imputed + overlap, MOVER-Wilson": ("composite", "overlap", partial(of_imputed, "composite")),
}
SLOW = {"overlap, jackknife"}


def one(
    s: Scenario, sizes: tuple[int, int], names: Sequence[str], rng: np.random.Generator
) -> list[tuple[float, ...]]:
    """Every method on one study: estimate, SE, limits; NaN where there is none."""
    drawn_study = study(s, *sizes, rng)
    drawn = Drawn(drawn_study, int(rng.integers(2**31)))
    found = []
    for name in names:
        try:
            e = METHODS[name][2](drawn_study, drawn)
            numbers = (e.estimate, e.se, e.lower, e.upper)
        except ArmwiseError:
            numbers = (None,) * 4
        found.append(tuple(np.nan if x is None else x for x in numbers))
    return found


def block(
    s: Scenario, sizes: tuple[int, int], names: Sequence[str], generators: Sequence[np.random.Generator]
) -> list:
    """A block of studies."""
    return [one(s, sizes, names, g) for g in generators]


def summary(found: Floats, truth: float) -> dict[str, float]:
    """Bias, SE ratio, coverage and rejections of one method, in those studies where it gave an interval."""
    estimate, se, lower, upper = found.T
    ok = ~np.isnan(lower)
    return {
        "studies": int(ok.sum()), "without": int((~ok).sum()),
        "bias": float((estimate[ok] - truth).mean()), "bias_error": float(estimate[ok].std() / np.sqrt(ok.sum())),
        "se_ratio": float("nan") if np.isnan(se[ok]).all() else float(np.nanmean(se[ok]) / estimate[ok].std()),
        "coverage": float(((lower <= truth) & (truth <= upper))[ok].mean()),
        "rejected": float(((lower > 0) | (upper < 0))[ok].mean()),
    }  # fmt: skip


def run(chosen: argparse.Namespace) -> Iterator[dict[str, object]]:
    """One row a scenario and method."""
    sizes = (chosen.treated, chosen.control)
    names = [n for n in METHODS if chosen.jackknife or n not in SLOW]
    for letter in chosen.scenarios:
        s, truth = SCENARIOS[letter], truths(SCENARIOS[letter])
        done = replicate(partial(block, s, sizes, names), chosen.studies, chosen.seed, workers=chosen.workers)
        found = np.array(done.succeeded)
        for j, name in enumerate(names):
            what, target, _ = METHODS[name]
            yield {"scenario": letter, "treated": sizes[0], "control": sizes[1], "method": name, "target": target,
                   "truth": truth[f"{what} {target}"], **summary(found[:, j], truth[f"{what} {target}"])}  # fmt: skip


def main() -> None:
    """Prints the table, row by row, and keeps it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--scenarios", default="ABCDEFGHSU")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--treated", type=int, default=40)
    parser.add_argument("--control", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--jackknife", action="store_true", help="the slow methods too")
    parser.add_argument("--keep", type=Path, help="a .jsonl file to which the rows are added")
    chosen = parser.parse_args()
    for row in run(chosen):
        scale = 1.0 if "mean" in METHODS[str(row["method"])][0] else 100.0
        print(
            f"{row['scenario']} {row['method']:<44} bias {scale * row['bias']:+6.2f}  SE ratio {row['se_ratio']:.2f}  "
            f"coverage {100 * row['coverage']:5.1f} %  excludes 0 {100 * row['rejected']:5.1f} %  "
            f"none {row['without']}",
            flush=True,
        )
        if chosen.keep:
            with chosen.keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()

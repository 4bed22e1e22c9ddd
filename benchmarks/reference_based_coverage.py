"""How often the intervals of reference-based imputation hold the truth, in SIMULATED trials.

Three visits, effects of -3, -6 and -10 (or none); who drops out after the first or the second visit depends on what was
seen there: 35 % of controls and 27 % of the treated. The truth of a strategy is that of 2,000,000 patients in both arms
whose outcomes after dropout are drawn as the strategy says. Each trial is analysed under each strategy by conditional
means with the delete-one jackknife (a frequentist variance) and by 100 imputations with Rubin's rules (an
information-anchored one). docs/imputation.md holds the tables.

    python benchmarks/reference_based_coverage.py [--studies 2000] [--size 40] [--effect -3 -6 -10] [--keep rows.jsonl]
    python benchmarks/reference_based_coverage.py --write     writes the kept rows into the page
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from calibration import summary
from calibration_page import filled
from numpy.typing import NDArray
from scipy.special import ndtr

from armwise.errors import ArmwiseError
from armwise.stats import conditional_means, impute_outcomes, replicate
from armwise.stats.imputation.strategies import STRATEGY_WORDS, Strategy

Floats = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "reference_based_coverage.jsonl"
PAGE = ROOT / "docs" / "imputation.md"

VISITS = ("m3", "m6", "m12")
SIGMA = np.array([[90.0, 55, 45], [55, 110, 70], [45, 70, 130]])
REFERENCE = np.array([40.0, 38, 37])
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
#: Both ways to impute, by what their variance is.
VARIANCES = ("frequentist", "information-anchored")


def people(n: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Baseline (n,), residuals (n, 3), and what decides on dropout after each of the first two visits (n, 2)."""
    return rng.normal(45, 12, n), rng.multivariate_normal(np.zeros(3), SIGMA, n), rng.random((n, 2))


def outcomes(mean: Floats, baseline: Floats, e: Floats) -> Floats:
    """Outcomes (n, 3) about the means of the visits (3,) or of each patient (n, 3)."""
    return mean + 0.4 * (baseline - 45)[:, None] + e


def visits_seen(y: Floats, chance: Floats) -> NDArray[np.int64]:
    """How many visits each patient comes to, 1 to 3: the worse the last seen, the likelier the end."""
    leaves = chance < ndtr(-0.95 + 0.5 * (y[:, :2] - REFERENCE[:2]) / np.sqrt(np.diag(SIGMA)[:2]))
    return np.where(leaves[:, 0], 1, np.where(leaves[:, 1], 2, 3))


def trial(size: int, effect: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.str_], Floats]:
    """Outcomes (2 size, 3) with NaN after dropout, arms, baseline."""
    arm = np.repeat(["treated", "control"], size)
    baseline, e, chance = people(2 * size, rng)
    y = outcomes(REFERENCE + np.outer(arm == "treated", effect), baseline, e)
    return np.where(np.arange(3) < visits_seen(y, chance)[:, None], y, np.nan), arm, baseline


def means_after(strategy: Strategy, own: Floats, t: int) -> Floats:
    """The means (3,) of a patient whose arm has the means `own` and who was seen at t visits."""
    seen, last = np.arange(3) < t, own[t - 1]
    match strategy:
        case "missing-at-random":
            return own
        case "jump-to-reference":
            return np.where(seen, own, REFERENCE)
        case "copy-reference":
            return REFERENCE
        case "copy-increments":
            return np.where(seen, own, last + REFERENCE - REFERENCE[t - 1])
        case "last-mean-carried-forward":
            return np.where(seen, own, last)


def truth(strategy: Strategy, effect: Floats, n: int = 2_000_000) -> float:
    """The difference at month 12 with every outcome after dropout drawn as the strategy says.

    Both arms have the same patients, residuals and noise, so that what differs is the effect.
    """
    rng = np.random.default_rng(20261124)
    baseline, e, chance = people(n, rng)
    noise = rng.normal(size=n)
    arms = []
    for own in (REFERENCE + effect, REFERENCE):
        y = outcomes(own, baseline, e)
        last, left = y[:, 2].copy(), visits_seen(y, chance)
        for t in (1, 2):
            gone, mean = left == t, means_after(strategy, own, t)
            slopes = np.linalg.solve(SIGMA[:t, :t], SIGMA[:t, 2])
            sd = np.sqrt(SIGMA[2, 2] - SIGMA[2, :t] @ slopes)
            past = y[gone, :t] - outcomes(mean, baseline[gone], np.zeros((1, 3)))[:, :t]
            last[gone] = mean[2] + 0.4 * (baseline[gone] - 45) + past @ slopes + sd * noise[gone]
        arms.append(last)
    return float((arms[0] - arms[1]).mean())


def one(size: int, effect: Floats, imputations: int, rng: np.random.Generator) -> Floats:
    """Estimate, SE and limits of each strategy by both ways, shape (5, 2, 4); NaN where there is none."""
    y, arm, baseline = trial(size, effect, rng)
    seed = int(rng.integers(2**31))
    found = np.full((len(STRATEGIES), len(VARIANCES), 4), np.nan)
    for i, strategy in enumerate(STRATEGIES):
        given: dict[str, Any] = {
            "reference": "control", "covariates": {"baseline": baseline}, "visits": VISITS, "strategy": strategy,
        }  # fmt: skip
        ways = (
            partial(conditional_means, y, arm, **given),
            partial(impute_outcomes, y, arm, **given, imputations=imputations, seed=seed),
        )
        for j, way in enumerate(ways):
            try:
                result = way()
            except ArmwiseError:
                continue
            assert result.variance == VARIANCES[j]
            e = result.difference("m12", "treated")
            found[i, j] = [np.nan if x is None else x for x in (e.estimate, e.se, e.lower, e.upper)]
    return found


def block(
    size: int, effect: Floats, imputations: int, generators: Sequence[np.random.Generator]
) -> list[Floats]:
    """A block of trials."""
    return [one(size, effect, imputations, g) for g in generators]


def run(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a strategy and variance."""
    effect = np.array(chosen.effect, dtype=np.float64)
    work = partial(block, chosen.size, effect, chosen.imputations)
    found = np.array(replicate(work, chosen.studies, chosen.seed, workers=chosen.workers).succeeded)
    for i, strategy in enumerate(STRATEGIES):
        value = truth(strategy, effect) if effect.any() else 0.0
        for j, variance in enumerate(VARIANCES):
            yield {
                "size": chosen.size, "effect": chosen.effect[-1], "strategy": strategy, "variance": variance,
                "truth": value, "sd": float(np.nanstd(found[:, i, j, 0], ddof=1)), **summary(found[:, i, j], value),
            }  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]], size: int) -> str:
    """Trials of a size with an effect, in Markdown: what each variance is stands at its head."""
    found = {(r["strategy"], r["variance"]): r for r in rows if r["size"] == size and r["effect"]}
    lines = [
        "| strategy | truth | bias | SD over trials | frequentist: SE ratio | coverage, % | power, % |"
        " information-anchored: SE ratio | coverage, % | power, % |",
        "| --- " * 10 + "|",
    ]
    for strategy in STRATEGIES:
        once, drawn = (found[strategy, v] for v in VARIANCES)
        cells = [f"{once['truth']:.2f}", f"{once['bias']:+.2f}", f"{once['sd']:.2f}"]
        for r in (once, drawn):
            cells += [f"{r['se_ratio']:.2f}", f"{100 * r['coverage']:.1f}", f"{100 * r['rejected']:.0f}"]
        lines.append(f"| {STRATEGY_WORDS[strategy]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table_without_effect(rows: Sequence[Mapping[str, Any]], size: int) -> str:
    """Trials without an effect: SE ratio and type I error, in Markdown."""
    found = {(r["strategy"], r["variance"]): r for r in rows if r["size"] == size and not r["effect"]}
    lines = [
        "| strategy | frequentist: SE ratio | type I error, % | information-anchored: SE ratio | type I error, % |",
        "| --- " * 5 + "|",
    ]
    for strategy in STRATEGIES:
        both = [found[strategy, v] for v in VARIANCES]
        cells = [x for r in both for x in (f"{r['se_ratio']:.2f}", f"{100 * r['rejected']:.1f}")]
        lines.append(f"| {STRATEGY_WORDS[strategy]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def errors(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many trials there are, and the Monte-Carlo errors of what a table shows."""
    (n,) = {r["studies"] + r["without"] for r in rows}
    without = sum(r["without"] for r in rows)
    coverage, ratio = 100 * math.sqrt(0.95 * 0.05 / n), 100 / math.sqrt(2 * n)
    return (
        f"{n:,} trials, {without or 'none'} without an interval. Monte-Carlo errors: a coverage of 95 % or a type I"
        f" error of 5 %, {coverage:.2f} points; an SE ratio, {ratio:.1f} % of it; a bias,"
        f" up to {max(r['bias_error'] for r in rows):.2f}."
    )


def parts(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the page has between its marks, by the name of the mark."""
    made = {}
    for size in (40, 100):
        if here := [r for r in rows if r["size"] == size and r["effect"]]:
            made |= {f"2 x {size}": table(rows, size), f"2 x {size}, errors": errors(here)}
    if here := [r for r in rows if not r["effect"]]:
        made |= {"no effect": table_without_effect(rows, 40), "no effect, errors": errors(here)}
    return made


def main() -> None:
    """Prints the rows and keeps them, or writes the tables of the kept ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--size", type=int, default=40, help="patients an arm")
    parser.add_argument("--effect", type=float, nargs=3, default=[-3.0, -6.0, -10.0])
    parser.add_argument("--imputations", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--keep", type=Path, help="a .jsonl file to which the rows are added")
    parser.add_argument(
        "--write", action="store_true", help="the kept rows into docs/imputation.md; runs nothing"
    )
    chosen = parser.parse_args()
    if chosen.write:
        rows = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), parts(rows)), encoding="utf-8")
        return
    for row in run(chosen):
        print(
            f"{row['strategy']:<26} {row['variance']:<21} truth {row['truth']:6.2f}  bias {row['bias']:+.3f} "
            f"({row['bias_error']:.3f})  SE ratio {row['se_ratio']:.3f}  coverage {100 * row['coverage']:5.1f} %  "
            f"excludes 0 {100 * row['rejected']:5.1f} %  none {row['without']}",
            flush=True,
        )
        if chosen.keep:
            with chosen.keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()

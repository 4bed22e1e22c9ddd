"""Responders by several thresholds side by side, at every threshold at once, and without a threshold's count.

Each threshold is an endpoint like any other, made in exact fractions and compared as the analysis that the block is
`like`: its estimand, its adjustment, its rule for missing answers. The curve and the normal tail take observed changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from armwise.analysis.comparison import Comparison, analysed_rows, comparisons
from armwise.analysis.repeated_responders import over_visits
from armwise.analysis.results import Row, estimate_row, row
from armwise.analysis.risks import risk_difference_rows
from armwise.derive.derived import Derived
from armwise.derive.endpoints import endpoints, exact
from armwise.errors import UsageError
from armwise.protocol.model import Endpoint, Improvement, Thresholds
from armwise.protocol.scores import Score
from armwise.stats import normal_tail_risk_difference, propensity, responder_curve
from armwise.stats.estimate import RISK, RISK_DIFFERENCE
from armwise.stats.responder_curves import METHOD as CURVE
from armwise.stats.responder_curves import WEIGHTED_METHOD as CURVE_WEIGHTED

CHANGE = "change"
#: What a block takes over from the rows of its comparisons.
SHOWN = (RISK, RISK_DIFFERENCE, "responders")
#: At how many thresholds the curve is computed, about.
STEPS = 50
#: A gain that nobody can have, on any scale.
OUT_OF_REACH = 1e9


def thresholds(derived: Derived) -> Iterator[Row]:
    """Every block of thresholds: each threshold compared, the curve with its band, the normal tail."""
    for name, block in derived.study.protocol.thresholds.items():
        like = derived.study.protocol.analyses[block.like]
        own = _with_endpoints(derived, block)
        for index, threshold in enumerate(block.of):
            marks = {"category": threshold.words, "at": float(threshold.amount.removesuffix("%"))}
            analysis = like.model_copy(update={**_PLAIN, "endpoint": f"t{index}", "at": block.at})
            for c in comparisons(own, f"thresholds.{name}", analysis):
                yield from _compared(c, name, block, marks)
            if len(block.at) > 1:
                seen = analysis.model_copy(update={"missing": "complete-cases"})
                several = list(comparisons(own, f"thresholds.{name}", seen))
                about = {**_about(several[0], name, block), **marks, "visit": None, "target": "everyone"}
                yield from over_visits(several, **about)
        observed = like.model_copy(
            update={**_PLAIN, "endpoint": CHANGE, "at": block.at, "missing": "complete-cases"}
        )
        for c in comparisons(own, f"thresholds.{name}", observed):
            yield from _curve(c, name, block, derived.catalogue[block.score])
            yield from _tails(c, name, block)


#: What a threshold's comparison does not take over: companions, subgroups, a margin, and its place in the plan.
_PLAIN: dict[str, Any] = {
    "also": (), "subgroups": (), "modifiers": (), "margin": None, "supports": None, "role": "exploratory",
    "label": "", "delta": {},
}  # fmt: skip


def _with_endpoints(derived: Derived, block: Thresholds) -> Derived:
    """The study with the block's thresholds as its endpoints, and the change itself."""
    made = {
        f"t{i}": Endpoint(
            kind="responder",
            score=block.score,
            improvement=Improvement(at_least=t.at_least, more_than=t.more_than),
        )
        for i, t in enumerate(block.of)
    }
    made[CHANGE] = Endpoint(kind="change", score=block.score)
    protocol = derived.study.protocol.model_copy(update={"endpoints": made})
    frame = endpoints(protocol, derived.scores, derived.subjects, derived.catalogue)
    return replace(derived, study=replace(derived.study, protocol=protocol), endpoints=frame)


def _about(c: Comparison, name: str, block: Thresholds) -> dict[str, Any]:
    return {
        "analysis": "thresholds",
        "role": "exploratory",
        "planned": c.about["planned"],
        "endpoint": block.score,
        "analysis_set": c.about["analysis_set"],
        "visit": c.visit,
        "item": name,
        "label": block.label or name,
        "unit": "proportion",
    }


def _compared(c: Comparison, name: str, block: Thresholds, marks: dict[str, Any]) -> Iterator[Row]:
    """One threshold at one visit: risks and differences, adjusted and as the arms are, without p."""
    about = {**_about(c, name, block), **marks}
    try:
        made = [*risk_difference_rows(c), *analysed_rows(c)]
    except UsageError as error:
        for arm in c.arms:
            yield row(
                RISK_DIFFERENCE, None, status="not estimable", reason=str(error), target=c.about["target"],
                arm=arm, versus=c.reference, method=c.method, n=c.frame.height, **about,
            )  # fmt: skip
        made = list(analysed_rows(c))
    seen: set[str] = set()
    for found in made:
        if found["statistic"] not in SHOWN:
            continue
        kept = {k: v for k, v in found.items() if k not in ("id", "key", "statistic", "estimate")}
        unit = "subjects" if found["statistic"] == "responders" else "proportion"
        again = row(found["statistic"], found["estimate"], **{**kept, **about, "unit": unit, "p": None})
        if again["key"] not in seen:
            seen.add(again["key"])
            yield again


def _gains(c: Comparison) -> np.ndarray:
    """Each patient's improvement, positive for better: the float nearest to the exact difference."""
    up = c.higher_is_better is not False
    return np.array([float(exact(v) if up else -exact(v)) for v in c.frame["outcome"]], dtype=np.float64)


def _curve(c: Comparison, name: str, block: Thresholds, score: Score) -> Iterator[Row]:
    """The difference at each threshold of a fixed grid, with the band that covers all of them jointly."""
    grid = grid_of(score)
    if not grid:
        return
    gain, arms = _gains(c), c.frame["arm"].to_numpy()
    weighted = c.analysis.adjust == "overlap-weights"
    for arm in c.arms:
        pair = np.isin(arms, [arm, c.reference])
        treated = arms[pair] == arm
        about = {
            **_about(c, name, block),
            "arm": arm,
            "versus": c.reference,
            "target": "overlap" if weighted else "everyone",
        }
        try:
            X = None
            if weighted:
                X = propensity({k: v[pair] for k, v in c.covariates().items()}, treated)
            found = responder_curve(
                gain[pair], treated, grid, X, seed=block.seed, n_replicates=block.replicates,
                conf_level=c.analysis.conf_level,
            )  # fmt: skip
        except UsageError as error:
            why = {"status": "not estimable", "reason": str(error), "n": int(pair.sum())}
            method = CURVE_WEIGHTED if weighted else CURVE
            for at in grid:
                yield row(RISK_DIFFERENCE, None, method=method, at=at, **why, **about)
            continue
        for k, at in enumerate(grid):
            yield estimate_row(found.at(k), at=at, **about)


def grid_of(score: Score) -> list[float]:
    """The thresholds of the curve, from one step to the whole scale: about fifty, in steps of 1, 2 or 5 times a power.

    They follow from the scale and not from the data, so that the same row has the same id in every run.
    """
    if score.lo is None or score.hi is None or score.higher_is_better is None:
        return []
    span = score.hi - score.lo
    rough = span / STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    if score.decimals == 0:
        step = max(1.0, step)
    count = math.floor(span / step + 1e-9)
    return [float(round(step * k, 10)) for k in range(1, count + 1)]


def _tails(c: Comparison, name: str, block: Thresholds) -> Iterator[Row]:
    """The model-based risk at each threshold: a sensitivity analysis, and labelled one."""
    gain, arms = _gains(c), c.frame["arm"].to_numpy()
    baseline = c.frame["baseline"].to_numpy()
    for threshold in block.of:
        amount = float(threshold.exact)
        needed = amount * np.abs(baseline) if threshold.percent else np.full(len(gain), amount)
        if threshold.percent:  # no change is a share of nothing
            needed = np.where(baseline == 0, OUT_OF_REACH, needed)
        for arm in c.arms:
            pair = np.isin(arms, [arm, c.reference])
            about = {
                **_about(c, name, block), "role": "sensitivity", "target": "everyone",
                "category": threshold.words, "at": float(threshold.amount.removesuffix("%")),
            }  # fmt: skip
            X = {k: v[pair] for k, v in c.covariates().items()}
            try:
                found = normal_tail_risk_difference(
                    gain[pair], arms[pair] == arm, needed[pair], X or None, c.analysis.conf_level
                )
            except UsageError:
                continue  # nobody in an arm: the threshold's own comparison says so
            yield estimate_row(found.difference, arm=arm, versus=c.reference, **about)
            yield estimate_row(found.arm, arm=arm, **about)
            yield estimate_row(found.versus, arm=c.reference, versus=arm, **about)

"""Invented rows of the analysis `fragility`, as docs/results.md describes them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from armwise.analysis.fragility import LINEAR
from armwise.analysis.missing_answers import PLACED, PLAIN, POSSIBLE
from armwise.analysis.results import Results, Row, row, table
from armwise.analysis.shifted_answers import ENDS, LARGEST, TIPPING, TO_THE_END
from armwise.stats import LinearComparison, Missing, adjusted_for, e_value_of, robustness_value, tipping_grid
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED
from armwise.stats.sensitivity.unmeasured_confounding import METHOD as OMITTED

ABOUT: dict[str, Any] = {
    "analysis": "fragility", "role": "sensitivity", "analysis_set": "full", "target": "everyone", "visit": "m12",
    "arm": "bmc", "versus": "control",
}  # fmt: skip


def risk_rows(ratio: float = 3.0, limit: float = 1.5, weighted: bool = True, **seen: Missing) -> list[Row]:
    """The rows about the primary analysis."""
    about = {**ABOUT, "item": "primary", "endpoint": "primary", "n": 72, "n_arm": 36, "n_versus": 36}
    overlap = {**about, "target": "overlap", "unit": "ratio"}
    made = [
        row(
            "risk ratio",
            ratio,
            lower=limit,
            upper=ratio**2 / limit,
            conf_level=0.95,
            method="ratio",
            **overlap,
        ),
        row("e-value", e_value_of(ratio), category="estimate", method="E-value", **overlap),
        row(
            "e-value",
            e_value_of(limit) if limit > 1 else 1.0,
            category="nearer limit",
            method="E-value",
            **overlap,
        ),
    ]
    sides = {"arm": Missing(24, 36, 4), "versus": Missing(10, 33, 7)} | seen
    grid = tipping_grid(sides["arm"], sides["versus"])
    for method in (PLAIN, PLACED) if weighted else (PLAIN,):
        here = {**about, "method": method, "target": "everyone" if method == PLAIN else "overlap"}
        made.append(
            row(
                "combinations overturned",
                grid.overturned,
                **{**here, "n": grid.estimate.size, "unit": "combinations"},
            )
        )
        for i, j in itertools.product(*map(range, grid.estimate.shape)):
            made.append(
                row(POSSIBLE, float(grid.estimate[i, j]), lower=float(grid.lower[i, j]), upper=float(grid.upper[i, j]),
                    conf_level=0.95, at=float(i), at2=float(j), unit="proportion", **here)
            )  # fmt: skip
    made.append(row("overturning probability", grid.probability, method=PLAIN, unit="proportion", **about))
    return made


def mean_rows(
    estimate: float = -12.0, se: float = 3.0, shares: tuple[float, float] = (0.05, 0.3)
) -> list[Row]:
    """The rows about the analysis of the Oswestry Disability Index."""
    about = {
        **ABOUT,
        "item": "odi_ancova",
        "endpoint": "odi_change",
        "n": 72,
        "n_arm": 36,
        "n_versus": 36,
        "unit": "%",
    }
    found = LinearComparison(estimate, se, 66, {})
    own = adjusted_for(found, 0.0, 0.0)
    made = [
        row("mean difference", estimate, se=se, df=66.0, lower=own.lower, upper=own.upper, conf_level=0.95,
            method=LINEAR, **about)
    ]  # fmt: skip
    share = {**about, "unit": "proportion", "method": OMITTED}
    t = estimate / se
    for category, alpha in (("estimate", None), ("nearer limit", 0.05)):
        value = robustness_value(t, 66, alpha=alpha)
        made.append(row("robustness value", value, category=category, **share))
    made.append(row("partial r2", t * t / (t * t + 66), category="arm: outcome", **share))
    for k in (1.0, 2.0):
        beside = adjusted_for(found, shares[0] * k, shares[1] * k)
        made += [
            row("partial r2", shares[0] * k, category="odi_baseline: arm", at=k, **share),
            row("partial r2", shares[1] * k, category="odi_baseline: outcome", at=k, **share),
            row("mean difference", beside.estimate, se=beside.se, df=65.0, lower=beside.lower, upper=beside.upper,
                conf_level=0.95, category="odi_baseline", at=k, method=OMITTED, **about),
        ]  # fmt: skip
    for a, v in itertools.product((-10.0, 0.0, 10.0), repeat=2):
        moved = estimate + 0.1 * a - 0.2 * v
        made.append(
            row("mean difference", moved, se=se, lower=moved - 6, upper=moved + 6, conf_level=0.95, at=a, at2=v,
                method=SHIFTED, **about)
        )  # fmt: skip
    made.append(
        row("combinations overturned", 0, method=SHIFTED, **{**about, "n": 9, "unit": "combinations"})
    )
    return made


def shift_rows(
    estimate: float = -12.0,
    tips: tuple[float | None, ...] = (24.0, None, 15.0),
    rooms: tuple[float, ...] = (60.0, 40.0, 60.0),
    missing: tuple[int, int] = (4, 7),
    ends: float | None = -1.5,
) -> list[Row]:
    """The rows of a grid of shifts under imputation, with their tipping points: None where there is none."""
    about = {**ABOUT, "item": "odi_overlap", "endpoint": "odi_change", "target": "overlap", "unit": "%"}
    about |= {"method": IMPUTED}
    made = []
    for a, v in itertools.product((-20.0, 0.0, 20.0), repeat=2):
        moved = estimate + 0.1 * a - 0.2 * v
        made.append(
            row("mean difference", moved, se=3.0, lower=moved - 6, upper=moved + 6, conf_level=0.95, at=a, at2=v,
                **about)
        )  # fmt: skip
    held = sum(r["upper"] >= 0 for r in made)
    made.append(row("combinations overturned", held, **{**about, "n": 9, "unit": "combinations"}))
    sizes = (*missing, sum(missing))
    for category, tip, room, n in zip(("arm", "versus", "both"), tips, rooms, sizes, strict=True):
        here = {**about, "category": category, "n": n}
        made.append(row(LARGEST, room, **here, reason=TO_THE_END))
        status = "ok" if tip is not None else "not estimable"
        made.append(
            row(TIPPING, tip, **here, status=status, reason="" if tip else "no shift as large as that")
        )
    if ends is not None:
        made.append(
            row("mean difference", ends, se=3.0, lower=ends - 6, upper=ends + 6, conf_level=0.95, category=ENDS,
                **about)
        )  # fmt: skip
    return made


def with_rows(results: Results, rows: list[Row]) -> Results:
    """Results with these rows in the place of their own of this analysis."""
    kept = [r for r in results.rows() if r["analysis"] != "fragility"]
    return dataclasses.replace(results, table=table([*kept, *rows]))

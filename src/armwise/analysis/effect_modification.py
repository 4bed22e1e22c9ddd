"""Whether the difference between arms goes with a characteristic: interactions with their intervals, never a p."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from armwise.analysis.comparison import Comparison, comparisons, is_comparison
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.covariates import labels
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.effect_modification import Modifier
from armwise.stats import Estimate, ancova_interaction, difference_of_differences
from armwise.stats.effect_modification import METHOD
from armwise.stats.estimate import INTERACTION


def effect_modification(derived: Derived, rows: Sequence[Row]) -> Iterator[Row]:
    """Every interaction that an analysis asks for.

    Args:
        derived: the study.
        rows: the rows of its analyses: what a subgroup's difference is, is read from them.
    """
    for name, analysis in derived.study.protocol.analyses.items():
        if not any(m.covariate for m in analysis.modifiers):
            found = list(_splits(derived, name, rows)) if analysis.modifiers else []
            yield from found
            continue
        for c in comparisons(derived, name, analysis):
            for modifier in analysis.modifiers:
                yield from _interaction(derived, c, modifier)


def _about(c: Comparison, modifier: str) -> dict[str, Any]:
    fixed = {**c.about, "analysis": "effect_modification", "role": "exploratory", "p": None}
    return {**fixed, "item": f"{c.name}.{modifier}", "versus": c.reference}


def _interaction(derived: Derived, c: Comparison, modifier: Modifier) -> Iterator[Row]:
    """ANCOVA with arm by a covariate: the interaction, and the difference at declared values or in each category."""
    name = modifier.covariate or ""
    number = derived.covariates.schema[name] == pl.Float64
    frame = c.frame.drop_nulls([name])
    about = _about(c, name)
    unit = c.between(c.arms[0])["unit"]
    covariate_unit = labels(c.protocol, name)[1] if c.protocol.covariates[name].item else "points"
    about["unit"] = unit
    per = f"per {modifier.per:g} {covariate_unit}".strip()
    others = {n: frame[n].to_numpy() for n in c.analysis.covariates if n != name}
    values = (
        frame[name].to_numpy() / modifier.per if number else np.array(frame[name].to_list(), dtype=object)
    )
    try:
        found = ancova_interaction(
            frame["outcome"].to_numpy(), frame["arm"].to_numpy(), values, others, reference=c.reference,
            at=[at / modifier.per for at in modifier.at], conf_level=c.analysis.conf_level,
        )  # fmt: skip
    except UsageError as error:
        nobody = [a for a in c.protocol.arms if not (frame["arm"] == a).any()]
        why = f"nobody in {' and '.join(nobody)} is analysed" if nobody else str(error)
        step: dict[str, Any] = {"at": modifier.per, "category": per} if number else {}
        for arm in c.arms:
            yield row(
                INTERACTION, None, status="not estimable", reason=why, n=frame.height, method=METHOD,
                **{**about, **step, "arm": arm},
            )  # fmt: skip
        return
    drawn = c.imputed is not None or c.modelled is not None
    observed = "patients whose outcome was observed, none imputed" if drawn else ""
    lost = c.frame.height - frame.height
    without = f"without {lost} patient{'s' * (lost != 1)} whose {name} is missing" if lost else ""
    for arm in (a for a in c.arms if a in found):
        categories = list(found[arm].differences)
        for category, estimate in found[arm].interactions.items():
            against = "" if number else f"against {categories[0]}"
            why = estimate.reason or "; ".join(filter(None, (against, observed, without)))
            more: dict[str, Any] = {"at": modifier.per, "category": per} if number else {"category": category}
            yield estimate_row(estimate, **{**about, **more, "arm": arm, "reason": why})
        places = modifier.at if number else categories
        for place, estimate in zip(places, found[arm].differences.values(), strict=True):
            more = {"at": place} if number else {"category": place}
            yield estimate_row(estimate, **{**about, **more, "arm": arm})


def _splits(derived: Derived, name: str, rows: Sequence[Row]) -> Iterator[Row]:
    """The difference of the differences in the parts of a declared split: each part against the first."""
    protocol = derived.study.protocol
    analysis = protocol.analyses[name]
    mine = [r for r in rows if r["analysis"] == name and r["subgroup"] and is_comparison(protocol, r)]
    for modifier in analysis.modifiers:
        for visit in protocol.analysis_visits(analysis):
            for arm in protocol.arms:
                parts = [
                    r
                    for r in mine
                    if (r["visit"], r["arm"]) == (visit, arm)
                    and str(r["subgroup"]).partition("=")[0] == modifier.subgroup
                ]
                for part in parts[1:]:
                    yield _split(parts[0], part, f"{name}.{modifier.subgroup}")


def _split(first: Row, part: Row, item: str) -> Row:
    names = [str(r["subgroup"]).partition("=")[2] for r in (first, part)]
    found = difference_of_differences(_estimate(part), _estimate(first))
    columns = ("planned", "endpoint", "analysis_set", "target", "visit", "arm", "versus", "unit", "label")
    about = {column: part[column] for column in columns}
    return estimate_row(
        found, **about, analysis="effect_modification", role="exploratory", item=item, category=names[1],
        reason=found.reason or f"against {names[0]}",
    )  # fmt: skip


def _estimate(made: Row) -> Estimate:
    """The estimate that a row was made of."""
    return Estimate(
        made["estimate"], made["se"], made["df"], made["lower"], made["upper"], made["conf_level"] or 0.95, None,
        made["n"] or 0, made["n_arm"], made["n_versus"], made["method"], made["statistic"], made["status"],
        made["reason"] or "",
    )  # fmt: skip

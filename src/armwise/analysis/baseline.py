"""Table 1: who was in the arms, and how alike they were before and after weighting.

No p-values: a difference between arms that were not randomised is not a hypothesis, and in a randomised study
it is chance (STROBE, item 14). Standardised differences are over sqrt((s1^2 + s2^2)/2) of the unweighted sample,
so that before and after are on one scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.comparison import comparisons
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.covariates import labels
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.stats import (
    chance_imbalance,
    overlap_weights,
    propensity,
    standardised_difference,
    summary,
    variance_ratio,
)

#: A standardised difference beyond this is commonly called imbalance (Austin 2009, Stat Med 28:3083-3107).
THRESHOLD = 0.1


@dataclass(frozen=True)
class Variable:
    """A column of Table 1: its values by subject."""

    name: str
    label: str
    unit: str
    numeric: bool
    categories: Mapping[str, str]
    frame: pl.DataFrame  # subject, arm, value


def variables(derived: Derived) -> list[Variable]:
    """The protocol's covariates, then the baselines of its endpoints' scores."""
    protocol = derived.study.protocol
    found = []
    for name, covariate in protocol.covariates.items():
        label, unit, categories = labels(protocol, name)
        numeric = derived.covariates.schema[name] == pl.Float64
        if covariate.score:
            unit = derived.catalogue[covariate.score].unit
        frame = derived.covariates.select("subject", "arm", pl.col(name).alias("value"))
        found.append(Variable(name, label, unit, numeric, categories, frame))
    known = {c.score for c in protocol.covariates.values()}
    for ref in dict.fromkeys(
        e.score for e in protocol.endpoints.values() if e.score and e.score not in known
    ):
        score = derived.catalogue[ref]
        at_baseline = derived.scores.filter((pl.col("score") == ref) & (pl.col("visit") == protocol.baseline))
        frame = derived.subjects.select("subject", "arm").join(
            at_baseline.select("subject", "value"), on="subject", how="left", maintain_order="left"
        )
        if frame["value"].null_count() < frame.height:
            found.append(Variable(ref, score.label, score.unit, True, {}, frame))
    return found


def baseline(derived: Derived) -> Iterator[Row]:
    """The rows of Table 1, by arm; standardised differences of each arm from the reference, before and after."""
    protocol = derived.study.protocol
    reference = protocol.reference
    weights = _weights(derived)
    for variable in variables(derived):
        about = {
            "analysis": "baseline",
            "role": "descriptive",
            "item": variable.name,
            "label": variable.label,
        }
        for arm in protocol.arms:
            values = variable.frame.filter(pl.col("arm") == arm)["value"]
            yield from _summary(variable, values, {**about, "arm": arm, "target": "everyone"})
        for arm in protocol.arms:
            if arm != reference:
                yield from _difference(
                    variable, arm, reference, {**about, "arm": arm, "versus": reference, "target": "everyone"}
                )
        if weights is not None:
            yield from _weighted(variable, weights, reference, about)
    for arm in protocol.arms:
        sizes = [derived.subjects.filter(pl.col("arm") == a).height for a in (arm, reference)]
        if arm != reference and min(sizes) > 1:
            yield row(
                "chance imbalance", chance_imbalance(*sizes, THRESHOLD), at=THRESHOLD, n_arm=sizes[0], n_versus=sizes[1], analysis="baseline",
                role="descriptive", arm=arm, versus=reference, unit="proportion", method="one normal covariate, arms alike",
            )  # fmt: skip


def _summary(variable: Variable, values: pl.Series, about: dict[str, Any]) -> Iterator[Row]:
    known = values.drop_nulls()
    yield row("missing", values.null_count(), n=values.len(), **{**about, "unit": "subjects"})
    yield row("n", known.len(), n=known.len(), **{**about, "unit": "subjects"})
    if variable.numeric:
        found = summary(known.to_numpy())
        for name in ("mean", "sd", "median", "q1", "q3", "min", "max"):
            if (value := getattr(found, name)) is not None:
                yield row(name, value, n=found.n, unit=variable.unit, **about)
        return
    for code in variable.categories or known.unique().sort():
        number = int((known == code).sum())
        yield row("count", number, n=known.len(), category=code, **{**about, "unit": "subjects"})
        if known.len():
            yield row(
                "share", number / known.len(), n=known.len(), category=code, **{**about, "unit": "proportion"}
            )


def _difference(variable: Variable, arm: str, reference: str, about: dict[str, Any]) -> Iterator[Row]:
    pair = [
        variable.frame.filter((pl.col("arm") == a) & pl.col("value").is_not_null())["value"].to_numpy()
        for a in (arm, reference)
    ]
    if min(map(len, pair)) < 2:
        return
    kind = "numeric" if variable.numeric else "categorical"
    yield estimate_row(
        standardised_difference(*pair, kind=kind), **{**about, "conf_level": None, "unit": "SD"}
    )
    if variable.numeric:
        yield estimate_row(variance_ratio(*pair), **{**about, "conf_level": None, "unit": "ratio"})


def _weights(derived: Derived) -> pl.DataFrame | None:
    """`subject, arm, weight` of the patients in the primary analysis, where it uses overlap weights."""
    protocol = derived.study.protocol
    for name, analysis in protocol.analyses.items():
        if analysis.role == "primary" and analysis.adjust == "overlap-weights":
            c = next(iter(comparisons(derived, name, analysis)))
            treated = (c.frame["arm"] == c.arms[0]).to_numpy()
            try:
                fit = propensity(c.covariates(), treated)
            except UsageError:
                return None
            if fit.separated or not fit.converged:
                return None
            weights = pl.Series("weight", overlap_weights(fit.scores, treated))
            return c.frame.select("subject", "arm").with_columns(weights)
    return None


def _weighted(
    variable: Variable, weights: pl.DataFrame, reference: str, about: dict[str, Any]
) -> Iterator[Row]:
    """The same in the overlap population: the patients of the primary analysis under its weights."""
    joined = weights.join(
        variable.frame.select("subject", "value"), on="subject", how="left", maintain_order="left"
    )
    joined = joined.filter(pl.col("value").is_not_null())
    arms = [a for a in joined["arm"].unique(maintain_order=True) if a != reference]
    if not arms:
        return
    arm = arms[0]
    about = {**about, "target": "overlap", "method": "overlap weights of the primary analysis"}
    values: dict[str, NDArray[Any]] = {}
    for name in (arm, reference):
        mine = joined.filter(pl.col("arm") == name)
        values[name], w = mine["value"].to_numpy(), mine["weight"].to_numpy()
        if len(w) < 2:
            return
        if variable.numeric:
            mean = float(np.average(values[name], weights=w))
            yield row("mean", mean, n=len(w), arm=name, unit=variable.unit, **about)
        else:
            for code in variable.categories or sorted(set(joined["value"])):
                share = float(np.average(values[name] == code, weights=w))
                yield row("share", share, n=len(w), arm=name, category=code, unit="proportion", **about)
    kind = "numeric" if variable.numeric else "categorical"
    whole = [
        variable.frame.filter((pl.col("arm") == a) & pl.col("value").is_not_null())["value"].to_numpy()
        for a in (arm, reference)
    ]
    found = standardised_difference(
        values[arm], values[reference], kind=kind, sd_from=(whole[0], whole[1]),
        weights_arm=joined.filter(pl.col("arm") == arm)["weight"].to_numpy(),
        weights_versus=joined.filter(pl.col("arm") == reference)["weight"].to_numpy(),
    )  # fmt: skip
    yield estimate_row(
        found,
        **{
            **about,
            "arm": arm,
            "versus": reference,
            "conf_level": None,
            "unit": "SD",
            "method": found.method,
        },
    )

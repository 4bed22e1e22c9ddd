"""Table 1: who was in the arms, and how alike they were before and after weighting.

No p-values: a difference between arms that were not randomised is not a hypothesis, and in a randomised study
it is chance (STROBE, item 14). Standardised differences are over sqrt((s1^2 + s2^2)/2) of the unweighted sample,
so that before and after are on one scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from armwise.analysis.adjusted import WORDS
from armwise.analysis.results import Row, estimate_row, row
from armwise.analysis.weights import DRAWN_COVARIATES, Weights
from armwise.derive.covariates import labels
from armwise.derive.derived import Derived
from armwise.stats import (
    chance_imbalance,
    distribution_distance,
    standardised_difference,
    summary,
    variance_ratio,
)
from armwise.stats.balance import (
    DISTRIBUTION_DISTANCE,
    METHOD_CATEGORICAL,
    METHOD_DISTANCE,
    METHOD_NUMERIC,
    METHOD_RATIO,
)
from armwise.stats.estimate import STANDARDISED_DIFFERENCE, VARIANCE_RATIO

#: A standardised difference beyond this is commonly called imbalance (Austin 2009, Stat Med 28:3083-3107).
THRESHOLD = 0.1

#: What compares the arms on one covariate: statistic, method, unit.
CATEGORICAL = ((STANDARDISED_DIFFERENCE, METHOD_CATEGORICAL, "SD"),)
NUMERIC = (
    (STANDARDISED_DIFFERENCE, METHOD_NUMERIC, "SD"),
    (VARIANCE_RATIO, METHOD_RATIO, "ratio"),
    (DISTRIBUTION_DISTANCE, METHOD_DISTANCE, "distance"),
)


@dataclass(frozen=True)
class Variable:
    """A column of Table 1: its values by subject."""

    name: str
    label: str
    unit: str
    numeric: bool
    categories: Mapping[str, str]
    frame: pl.DataFrame  # subject, arm, value

    @property
    def kind(self) -> Literal["numeric", "categorical"]:
        """As the standardised difference names it."""
        return "numeric" if self.numeric else "categorical"

    def of(self, arm: str) -> pl.Series:
        """The values of an arm."""
        return self.frame.filter(pl.col("arm") == arm)["value"]


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


def baseline(derived: Derived, weights: Weights | None) -> Iterator[Row]:
    """The rows of Table 1, by arm; standardised differences of each arm from the reference, before and after.

    Args:
        derived: the derived study.
        weights: those of the primary analysis; None where it uses none.
    """
    protocol = derived.study.protocol
    reference = protocol.reference
    others = [arm for arm in protocol.arms if arm != reference]
    for variable in variables(derived):
        about = {
            "analysis": "baseline",
            "role": "descriptive",
            "item": variable.name,
            "label": variable.label,
        }
        before = {**about, "target": "everyone"}
        for arm in protocol.arms:
            yield from _summary(variable, variable.of(arm), {**before, "arm": arm})
        for arm in others:
            yield from _difference(variable, arm, reference, before)
        if weights is not None:
            yield from _weighted(variable, weights, others[0], reference, about)
    for arm in others:
        n_arm, n_versus = (derived.subjects.filter(pl.col("arm") == a).height for a in (arm, reference))
        if min(n_arm, n_versus) > 1:
            yield row(
                "chance imbalance", chance_imbalance(n_arm, n_versus, THRESHOLD), at=THRESHOLD, n_arm=n_arm,
                n_versus=n_versus, analysis="baseline", role="descriptive", arm=arm, versus=reference,
                unit="proportion", method="one normal covariate, arms alike",
            )  # fmt: skip


def is_weighted(made: Row) -> bool:
    """Whether a row of Table 1 is one after weighting."""
    return made["target"] not in (None, "everyone") or str(made["method"]).endswith(tuple(WORDS.values()))


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
    pair = [variable.of(a).drop_nulls().to_numpy() for a in (arm, reference)]
    fixed = {**about, "arm": arm, "versus": reference, "conf_level": None}
    yield estimate_row(standardised_difference(*pair, kind=variable.kind), **{**fixed, "unit": "SD"})
    if variable.numeric:
        yield estimate_row(variance_ratio(*pair), **{**fixed, "unit": "ratio"})
        yield estimate_row(distribution_distance(*pair), **{**fixed, "unit": "distance"})


def _weighted(
    variable: Variable, weights: Weights, arm: str, reference: str, about: dict[str, Any]
) -> Iterator[Row]:
    """The same in the population that the primary analysis speaks of: its subjects under its weights.

    Whoever that analysis left out (outcome missing, say) has no weight here, which every row says. What makes the
    weights stands in `method`: weights to everyone have the target of the unweighted rows. Where covariates were drawn,
    each completed data set has weights and values of its own: the rows are the means over the sets.
    """
    about = {**about, "target": weights.target}
    several = len(weights.sets) > 1
    over = f"; mean over {len(weights.sets)} {DRAWN_COVARIATES}" if several else ""
    reason = f"the {weights.size} subjects of the primary analysis, under its weights{over}"
    sets = [list(_in_set(variable, weights, frame, arm, reference, about, reason)) for frame in weights.sets]
    for rows in zip(*sets, strict=True):
        yield _mean(rows) if several else rows[0]


def _mean(rows: Sequence[Row]) -> Row:
    """One number of every completed data set as one row; not estimable where it is so in any of them."""
    without = [r for r in rows if r["estimate"] is None]
    if not without:
        return {**rows[0], "estimate": float(np.mean([r["estimate"] for r in rows]))}
    return {**without[0], "reason": f"{without[0]['reason']} (in {len(without)} of {len(rows)} data sets)"}


def _in_set(
    variable: Variable,
    weights: Weights,
    frame: pl.DataFrame,
    arm: str,
    reference: str,
    about: dict[str, Any],
    reason: str,
) -> Iterator[Row]:
    """The rows in one data set: the same rows in each, whatever was drawn."""
    if variable.name in frame.columns:  # drawn with the outcomes: nobody lacks it
        joined = frame.with_columns(pl.col(variable.name).alias("value"))
    else:
        joined = frame.join(
            variable.frame.select("subject", "value"), on="subject", how="left", maintain_order="left"
        ).filter(pl.col("value").is_not_null())
    values, w = {}, {}
    for name in (arm, reference):
        mine = joined.filter(pl.col("arm") == name)
        values[name], w[name] = mine["value"].to_numpy(), mine["weight"].to_numpy()
    fixed = {**about, "arm": arm, "versus": reference, "conf_level": None}
    if weights.problem or not all(len(x) for x in w.values()):
        reason = weights.problem or "nobody in an arm has a weight"
        measures = NUMERIC if variable.numeric else CATEGORICAL
        for statistic, method, unit in measures:
            yield row(
                statistic, None, status="not estimable", reason=reason, unit=unit,
                method=f"{method}, {weights.how}", **fixed,
            )  # fmt: skip
        return
    for name in (arm, reference):
        own = {**about, "arm": name, "n": len(w[name]), "method": weights.how, "reason": reason}
        if variable.numeric:
            yield row("mean", float(np.average(values[name], weights=w[name])), unit=variable.unit, **own)
            continue
        for code in variable.categories or variable.frame["value"].drop_nulls().unique().sort():
            share = float(np.average(values[name] == code, weights=w[name]))
            yield row("share", share, category=code, unit="proportion", **own)
    everyone = [variable.of(a).drop_nulls().to_numpy() for a in (arm, reference)]
    found = standardised_difference(
        values[arm], values[reference], kind=variable.kind, weights_arm=w[arm], weights_versus=w[reference],
        sd_from=(everyone[0], everyone[1]),
    )  # fmt: skip
    measured = [(found, "SD")]
    if variable.numeric:
        under = {"weights_arm": w[arm], "weights_versus": w[reference]}
        measured.append((variance_ratio(values[arm], values[reference], **under), "ratio"))
        measured.append((distribution_distance(values[arm], values[reference], **under), "distance"))
    for one, unit in measured:
        method = f"{one.method}, {weights.how}"
        yield estimate_row(one, **{**fixed, "unit": unit, "method": method, "reason": one.reason or reason})

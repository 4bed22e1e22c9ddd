"""Associations within an arm: rank correlation, slope alone and adjusted, curve, declared cut points.

Nobody was assigned a value of the measure: these are associations among subjects of one arm, and no row has a p. What
a study of this size could have found stands beside each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.cell_product import DIGITS
from armwise.analysis.describe import mean_row
from armwise.analysis.measures import MeasureValues, measure_values
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.protocol.associations import Association
from armwise.stats import detectable_correlation, rank_correlation, slopes, spline, welch

#: Percentiles of the measure at which a curve is drawn: fixed, so that a row's id does not depend on the data.
PERCENTILES = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95)
ALPHA = 0.05
#: Who has both values and still does not enter everything.
NO_COVARIATE = "covariate missing: not in what is adjusted"
LOSS = "a cut point throws away how far values lie from it; the slope leads"
_LOG = {"log2": np.log2, "log10": np.log10}
_STEP = {"log2": "doubling", "log10": "tenfold"}


@dataclass(frozen=True)
class _Pair:
    """The outcome and the measure of the subjects that have both.

    Attributes:
        declared: the association.
        facts: what the measure is.
        frame: `subject, outcome, _measure` (as recorded)`, _x` (on the declared scale) and the covariates,
            none of which is named so.
        about: the columns that every row has.
        unit: the outcome's unit.
        zeros: how many zeros took a value by the declared rule.
    """

    declared: Association
    facts: MeasureValues
    frame: pl.DataFrame
    about: Mapping[str, Any]
    unit: str
    zeros: int

    @property
    def step(self) -> str:
        """What a slope is per: `doubling`, `10 years`."""
        d = self.declared
        if d.scale != "linear":
            return _STEP[d.scale]
        return f"{d.per:g} {self.facts.unit}".strip() if d.per != 1 or self.facts.unit else "1"

    @property
    def adjusted(self) -> pl.DataFrame:
        """Those of them who have every covariate."""
        return self.frame.drop_nulls(list(self.declared.adjusted_for))

    @property
    def beside(self) -> str:
        """The second half of the adjusted method's name."""
        names = [n.replace("_", " ") for n in self.declared.adjusted_for]
        return f", adjusted for {', '.join(names)}" if names else ""


def associations(derived: Derived) -> Iterator[Row]:
    """Every association that the protocol declares, in its order."""
    for name, declared in derived.study.protocol.associations.items():
        frame, excluded, zeros, facts = _subjects(derived, declared)
        about = {
            "analysis": "associations", "role": declared.role, "planned": "pre-specified", "item": name,
            "endpoint": declared.endpoint, "analysis_set": "full", "visit": declared.at, "arm": declared.arm,
            "label": declared.label or facts.label,
        }  # fmt: skip
        pair = _Pair(declared, facts, frame, about, derived.unit_of(declared.endpoint), zeros)
        yield from _strength(pair)
        yield from _slopes(pair)
        if declared.spline:
            yield from _curve(pair)
        for cut in declared.cuts:
            yield from _halves(pair, cut)
        lost = frame.height - pair.adjusted.height
        for reason, count in [*excluded, *([(NO_COVARIATE, lost)] if lost else [])]:
            yield row("excluded", count, category=reason, **{**about, "unit": "subjects"})


def _subjects(
    derived: Derived, declared: Association
) -> tuple[pl.DataFrame, list[tuple[str, int]], int, MeasureValues]:
    """Who has outcome and measure, why others do not enter, and how many zeros took another value."""
    facts = measure_values(derived, declared.measure)
    mine = derived.endpoints.filter(
        (pl.col("endpoint") == declared.endpoint)
        & (pl.col("visit") == declared.at)
        & (pl.col("arm") == declared.arm)
    ).select("subject", "outcome", "baseline")
    people = (
        derived.subjects.filter(pl.col("arm") == declared.arm)
        .select("subject")
        .join(mine, on="subject", how="left", maintain_order="left")
        .join(facts.frame.rename({"measure": "_measure"}), on="subject", how="left", maintain_order="left")
        .join(
            derived.covariates.drop("arm", *({"baseline"} & set(derived.covariates.columns))),
            on="subject",
            how="left",
            maintain_order="left",
        )
    )
    why = (
        pl.when(pl.col("outcome").is_null())
        .then(pl.lit("outcome missing"))
        .when(pl.col("_measure").is_null())
        .then(pl.lit("measure missing"))
    )
    log = facts.number and declared.scale != "linear"
    if log:
        why = why.when(pl.col("_measure") < 0).then(pl.lit("measure below zero: it has no logarithm"))
        if declared.zero != "half-smallest-positive":
            why = why.when(pl.col("_measure") == 0).then(pl.lit("measure is zero: it has no logarithm"))
    people = people.with_columns(why.otherwise(None).alias("_why"))
    kept = people.filter(pl.col("_why").is_null()).drop("_why")
    found = {str(w): int(c) for w, c in people["_why"].drop_nulls().value_counts(sort=True).rows()}
    counts = {why: found.pop(why, 0) for why in ("outcome missing", "measure missing")} | found
    zeros = 0
    if not facts.number:
        kept = kept.with_columns(pl.col("_measure").alias("_x"))
    elif log:
        positive = kept.filter(pl.col("_measure") > 0)["_measure"]
        zeros = kept.height - positive.len()
        least = float(positive.min() or 1.0)  # type: ignore[arg-type]
        values = kept["_measure"].to_numpy()
        kept = kept.with_columns(
            pl.Series("_x", _LOG[declared.scale](np.where(values > 0, values, least / 2)))
        )
    else:
        kept = kept.with_columns((pl.col("_measure") / declared.per).alias("_x"))
    return kept, list(counts.items()), zeros, facts


def _strength(pair: _Pair) -> Iterator[Row]:
    """The rank correlation, and the smallest correlation that as many subjects could show."""
    n, level = pair.frame.height, pair.declared.conf_level
    if pair.facts.number:
        found = rank_correlation(pair.frame["_measure"], pair.frame["outcome"], conf_level=level)
        yield estimate_row(found, **{**pair.about, "p": None})
    about = {**pair.about, "at": pair.declared.power, "at2": ALPHA, "method": "Fisher's z", "n": n}
    if n < 4:
        why = f"{_subjects_of(n)}; a correlation needs four"
        yield row("detectable correlation", None, status="not estimable", reason=why, **about)
    else:
        found_r = detectable_correlation(n, pair.declared.power, ALPHA)
        yield row("detectable correlation", found_r, **about)
    if pair.facts.number and pair.declared.zero == "half-smallest-positive":
        why = "zeros that count as half of the smallest positive value"
        yield row("count", pair.zeros, n=n, category=why, **{**pair.about, "unit": "subjects"})


def _slopes(pair: _Pair) -> Iterator[Row]:
    """The slope (or the differences between categories) alone, then with the declared covariates held equal."""
    yield from _fitted(pair, pair.frame, {}, "")
    if pair.declared.adjusted_for:
        held = {name: pair.adjusted[name].to_numpy() for name in pair.declared.adjusted_for}
        yield from _fitted(pair, pair.adjusted, held, pair.beside)


def _fitted(
    pair: _Pair, frame: pl.DataFrame, covariates: Mapping[str, NDArray[Any]], beside: str
) -> Iterator[Row]:
    method = f"least squares{beside}"
    statistic = "slope" if pair.facts.number else "mean difference"
    step = f"per {pair.step}" if pair.facts.number else None
    about = {**pair.about, "method": method, "unit": pair.unit, "p": None}
    why = ""
    if frame.height < 3:
        what = "slope" if pair.facts.number else "difference"
        why = f"{_subjects_of(frame.height)} with all that it takes; a {what} needs three"
    elif pair.facts.number and frame["_x"].n_unique() == 1:
        why = "the measure is the same in everybody"
    if why:
        fixed = {**about, "category": step}
        yield row(statistic, None, n=frame.height, status="not estimable", reason=why, **fixed)
        return
    x = frame["_x"].to_numpy() if pair.facts.number else np.array(frame["_x"].to_list(), dtype=object)
    found = slopes(frame["outcome"].to_numpy(), x, covariates, conf_level=pair.declared.conf_level)
    if not found:
        why = "everybody is in one category"
        yield row(statistic, None, n=frame.height, status="not estimable", reason=why, **about)
    for category, estimate in found.items():
        first = "" if pair.facts.number else f"from {min(set(x.tolist()))}"
        yield estimate_row(
            estimate,
            **{**about, "category": category or step, "reason": estimate.reason or first},
        )


def _curve(pair: _Pair) -> Iterator[Row]:
    """The three-knot curve at fixed percentiles of the measure, with the measure there, and its bend."""
    frame, d = pair.adjusted, pair.declared
    method = f"restricted cubic spline, 3 knots{pair.beside}"
    about = {**pair.about, "method": method, "p": None}
    covariates = {name: frame[name].to_numpy() for name in d.adjusted_for}
    enough = frame.height > 0
    at = np.quantile(frame["_x"].to_numpy(), [p / 100 for p in PERCENTILES]) if enough else np.zeros(0)
    found = spline(
        frame["outcome"].to_numpy(), frame["_x"].to_numpy(), covariates, at=at, conf_level=d.conf_level
    )
    yield estimate_row(found.bend, **{**about, "category": "bend", "unit": pair.unit})
    if found.bend.estimate is None:
        return
    for percentile, x, mean in zip(PERCENTILES, at, found.curve, strict=True):
        here = {**about, "at": float(percentile)}
        yield row(
            "value at percentile", _recorded(d, float(x)), n=frame.height, **{**here, "unit": pair.facts.unit}
        )
        yield estimate_row(mean, **{**here, "unit": pair.unit})


def _subjects_of(n: int) -> str:
    return f"{n} subject{'s' * (n != 1)}"


def _recorded(declared: Association, x: float) -> float:
    """A value on the declared scale as it would have been recorded."""
    if declared.scale == "linear":
        return x * declared.per
    return float((2.0 if declared.scale == "log2" else 10.0) ** x)


def _halves(pair: _Pair, cut: float) -> Iterator[Row]:
    """The means below and from a declared cut point, and their difference."""
    level = pair.declared.conf_level
    value = pl.col("_measure").round_sig_figs(DIGITS)
    groups = {f"under {cut:g}": value < cut, f"{cut:g} or more": value >= cut}
    outcomes = {words: pair.frame.filter(inside)["outcome"].to_numpy() for words, inside in groups.items()}
    about = {**pair.about, "at": cut, "unit": pair.unit}
    for words, values in outcomes.items():
        yield mean_row(values, level, **{**about, "category": words, "reason": ""})
    (low_words, low), (high_words, high) = outcomes.items()
    found = welch(high, low, level)
    category = f"{high_words} against {low_words}"
    why = found.reason.replace("each arm", "each side").replace("either arm", "either side")
    fixed = {**about, "category": category, "p": None, "reason": why or LOSS}
    yield estimate_row(found, **fixed)

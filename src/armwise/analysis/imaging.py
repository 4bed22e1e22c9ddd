"""Imaging: shifts of grades by place, the change within an arm, and between arms where more than one was imaged.

Places are nested in subjects: what is inferred rests on subjects. A change within one arm has nothing to be compared
with, and its rows say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from armwise.analysis.imaging_agreement import agreement_rows
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.derive.imaging import Readings, leading, paired, readings
from armwise.errors import UsageError
from armwise.protocol.imaging import MEAN
from armwise.protocol.model import Protocol
from armwise.stats import Estimate, gee, gee_contrast, sign_flip_mean
from armwise.stats.covariates import covariate, independent_columns
from armwise.stats.estimate import MEAN_DIFFERENCE, ODDS_RATIO

MEAN_CHANGE: Final = "mean change"
UNCONTROLLED: Final = "uncontrolled: no other arm was imaged, so what would have happened anyway is not known"
NO_REFERENCE: Final = "within the arm: the reference was not imaged, so that arms are not compared"
WITHIN: Final = "within the arm: the comparison of the arms stands in rows of its own"
GEE: Final = "GEE, exchangeable correlation, Mancl-DeRouen covariance, t on subjects - parameters"
LATE: Final = "labelled baseline, made after time zero"
#: What a move down the scale, none, and one up is called, by the kind of scale.
MOVES: Final = {
    "ordinal": ("better", "same", "worse"),
    "binary": ("gone", "same", "new"),
    "nominal": ("changed", "same"),
}


def imaging(derived: Derived) -> Iterator[Row]:
    """Every row about images: who was imaged, by whom read and how blinded; shifts; changes; agreement."""
    protocol = derived.study.protocol
    found = readings(protocol, derived.study.tables, derived.subjects)
    if found is None:
        return
    yield from _imaged(found, derived)
    yield from _read(found)
    for name in found.declared.grades:
        for visit in found.visits[1:]:
            yield from _shifts(found, protocol, name, visit)
            yield from _changes(found, protocol, name, visit)
            yield from _between(found, derived, name, visit)
    yield from agreement_rows(found, protocol)


def about(found: Readings, protocol: Protocol, name: str) -> dict[str, Any]:
    """The columns that every row of a grade has."""
    return {
        "analysis": "imaging",
        "endpoint": f"{found.declared.form}.{name}",
        "label": found.declared.grades[name].called(name),
    }


def _imaged(found: Readings, derived: Derived) -> Iterator[Row]:
    """Subjects with a grade of the reading that leads, by arm and visit; and those whose baseline came too late."""
    led = pl.concat([leading(found, name) for name in found.declared.grades])
    for arm in found.arms:
        everyone = derived.subjects.filter(pl.col("arm") == arm).height
        fixed = {"analysis": "imaging", "role": "descriptive", "arm": arm, "unit": "subjects"}
        for visit in found.visits:
            mine = led.filter((pl.col("arm") == arm) & (pl.col("visit") == visit))
            yield row("imaged", mine["subject"].n_unique(), visit=visit, n=everyone, **fixed)
        late = found.late.filter(pl.col("arm") == arm)["subject"].n_unique()
        yield row("excluded", late, category=LATE, **fixed)


def _read(found: Readings) -> Iterator[Row]:
    """Scans by reader and whether they were read blind: the answers that were given, and those that were not."""
    for reader in found.sources:
        mine = found.scans.filter(pl.col("reader") == reader)
        fixed = {"analysis": "imaging", "role": "descriptive", "item": reader, "unit": "scans"}
        yield row("readings", mine.height, n=mine["subject"].n_unique(), **fixed)
        for what, column, declared in (
            ("arm", "blinded_arm", found.declared.blinded.arm),
            ("time", "blinded_time", found.declared.blinded.time),
        ):
            if declared is None:
                continue
            counts = {"blinded": "yes", "not blinded": "no", "not recorded": None}
            for said, value in counts.items():
                number = mine.filter(pl.col(column).eq_missing(pl.lit(value, dtype=pl.String))).height
                yield row("readings", number, category=f"{what}: {said}", **fixed)


def _shifts(found: Readings, protocol: Protocol, name: str, visit: str) -> Iterator[Row]:
    """Places by their grade before and after, every cell of the table; then moves, of places and of subjects."""
    if found.declared.leading == MEAN:
        return  # a mean of grades is on no step of the scale
    scale = found.scale(name, protocol)
    kind = found.declared.grades[name].scale
    both = paired(found, name, visit)
    for arm in found.arms:
        mine = both.filter(pl.col("arm") == arm)
        n = mine["subject"].n_unique()
        fixed = {**about(found, protocol, name), "role": "descriptive", "visit": visit, "arm": arm, "n": n}
        cells = mine.group_by("before", "after").len()
        number = {(int(b), int(a)): k for b, a, k in cells.iter_rows()}
        for b, before in enumerate(scale):
            for a, after in enumerate(scale):
                yield row(
                    "places", number.get((b, a), 0), category=f"{before} to {after}", unit="places", **fixed
                )
        step = (mine["after"] - mine["before"]).sign()
        if kind == "nominal":
            step = -step.abs()
        for word, sign in zip(MOVES[kind], (-1, 0, 1), strict=False):
            moved = mine.filter(step == sign)
            yield row("places", moved.height, category=word, unit="places", **fixed)
            if sign:
                yield row("subjects", moved["subject"].n_unique(), category=word, unit="subjects", **fixed)
        still = n - mine.filter(step != 0)["subject"].n_unique()
        yield row("subjects", still, category="no place", unit="subjects", **fixed)


def _values(both: pl.DataFrame, kind: str) -> pl.DataFrame:
    """`before` and `after` as what is compared: the grade, or whether the sign is there (nominal and binary)."""
    if kind == "ordinal":
        return both
    return both.with_columns((pl.col(c) > 0).cast(pl.Float64) for c in ("before", "after"))


def _changes(found: Readings, protocol: Protocol, name: str, visit: str) -> Iterator[Row]:
    """The mean change of each imaged arm: a subject's places averaged, then subjects, by flipping their signs."""
    kind = found.declared.grades[name].scale
    both = _values(paired(found, name, visit), kind)
    imaged = both.filter(pl.col("arm").is_in(found.arms))["arm"].n_unique()
    within = WITHIN if protocol.reference in found.arms else NO_REFERENCE
    for arm in found.arms:
        mine = both.filter(pl.col("arm") == arm)
        alone = imaged - (not mine.is_empty()) == 0  # in no other arm is there a change, whatever was planned
        by_subject = mine.group_by("subject", maintain_order=True).agg(
            (pl.col("after") - pl.col("before")).mean().alias("change")
        )
        e = sign_flip_mean(by_subject["change"].to_numpy(), found.declared.conf_level)
        reason = f"{UNCONTROLLED if alone else within}; {e.reason}"
        yield estimate_row(
            dataclasses.replace(e, statistic=MEAN_CHANGE), **about(found, protocol, name), role="exploratory",
            planned="pre-specified", visit=visit, arm=arm, p=None, reason=reason,
            unit="grades" if kind == "ordinal" else "proportion",
        )  # fmt: skip


def _between(found: Readings, derived: Derived, name: str, visit: str) -> Iterator[Row]:
    """Each arm against the reference, place by place given the grade at baseline; the subjects are the clusters."""
    protocol = derived.study.protocol
    others = [a for a in found.arms if a != protocol.reference]
    if protocol.reference not in found.arms or not others:
        return
    kind = found.declared.grades[name].scale
    both = _values(paired(found, name, visit), kind)
    known = derived.covariates.select("subject", *found.declared.covariates)
    both = both.join(known, on="subject", how="left", maintain_order="left").drop_nulls()
    sizes = {a: both.filter(pl.col("arm") == a)["subject"].n_unique() for a in found.arms}
    given = ", ".join(["the grade at baseline", *found.declared.covariates])
    for arm, e in _fitted(both, others, protocol.reference, found, kind, sizes):
        yield estimate_row(
            dataclasses.replace(e, method=GEE), **about(found, protocol, name), role="exploratory",
            planned="pre-specified", visit=visit, arm=arm, versus=protocol.reference, p=None,
            unit="grades" if kind == "ordinal" else "ratio",
            reason="; ".join(part for part in (e.reason, f"given {given}") if part),
        )  # fmt: skip


def _fitted(
    both: pl.DataFrame, others: list[str], reference: str, found: Readings, kind: str, sizes: dict[str, int]
) -> Iterator[tuple[str, Estimate]]:
    statistic = MEAN_DIFFERENCE if kind == "ordinal" else ODDS_RATIO
    level = found.declared.conf_level

    def none(arm: str, reason: str) -> Estimate:
        return Estimate.not_estimable(
            statistic, GEE, reason, conf_level=level, n=sizes[arm] + sizes[reference], n_arm=sizes[arm],
            n_versus=sizes[reference],
        )  # fmt: skip

    empty = [a for a in (*others, reference) if not sizes[a]]
    if empty:
        why = f"nobody of {', '.join(empty)} has images at both visits"
        yield from ((arm, none(arm, why)) for arm in others)
        return
    arms = np.column_stack([(both["arm"] == a).to_numpy().astype(np.float64) for a in others])
    columns = [np.ones((both.height, 1)), arms, both["before"].to_numpy()[:, None]]
    columns += [covariate(c, both[c].to_numpy()).X for c in found.declared.covariates]
    X = np.hstack(columns)
    kept = independent_columns(X)
    if not set(range(1, 1 + len(others))) <= set(kept):
        yield from ((arm, none(arm, "the arms cannot be told apart from the covariates")) for arm in others)
        return
    y = both["after"].to_numpy()
    family = "normal" if kind == "ordinal" else "binary"
    try:
        fit = gee(y, X[:, kept], both["subject"].to_numpy(), family=family)  # type: ignore[arg-type]
    except UsageError as error:
        yield from ((arm, none(arm, str(error))) for arm in others)
        return
    for index, arm in enumerate(others):
        weights = np.zeros(len(kept))
        weights[kept.index(1 + index)] = 1
        yield arm, gee_contrast(fit, weights, conf_level=level, n_arm=sizes[arm], n_versus=sizes[reference])

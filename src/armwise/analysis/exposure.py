"""Treatments received: conventional care and medication by class over time, and the procedure's injections."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import polars as pl

from armwise.analysis.medication import AT_LEAST
from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.derive.medication import received
from armwise.protocol.model import Form, Procedures
from armwise.stats import summary
from armwise.study.records import recorded

_SUMMARY = ("mean", "sd", "median", "q1", "q3", "min", "max")


def exposure(derived: Derived) -> Iterator[Row]:
    """Patients of each arm who received each kind of care or class of drug, by visit, of those who came."""
    protocol = derived.study.protocol
    language = protocol.study.language
    care = protocol.treatments.care if protocol.treatments else None
    complete = {d.form: d.complete for d in (protocol.medication, care) if d is not None}
    for (form, kind), found in received(protocol, derived.study.tables, derived.scores).items():
        label = _label(protocol.forms[form], kind, language)
        for visit, arm in product(protocol.visits, protocol.arms):
            here = found.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))
            known = here["used"].drop_nulls()
            about: dict[str, Any] = {
                "analysis": "exposure",
                "role": "descriptive",
                "visit": visit,
                "arm": arm,
            }
            about |= {"item": form, "category": kind, "unit": "subjects", "label": label}
            n, reason = (known.len(), None) if complete[form] else (None, AT_LEAST)
            yield row("count", int(known.sum()), n=n, reason=reason, **about)
            if known.len() < here.height:
                yield row("missing", here.height - known.len(), n=here.height, **about)
    yield from _procedures(derived)


def _label(form: Form, kind: str, language: str) -> str:
    """The kind's label among the form's choices."""
    found = [item.choices[kind] for item in form.items.values() if item.choices and kind in item.choices]
    return found[0] if found else kind


def _procedures(derived: Derived) -> Iterator[Row]:
    """Patients and injections by structure, level and side; injections and volume for each patient."""
    protocol = derived.study.protocol
    declared = protocol.treatments.procedures if protocol.treatments else None
    if declared is None or declared.form not in derived.study.tables:
        return
    people = derived.subjects.select("subject", "arm")
    table = derived.study.tables[declared.form]
    table = table.filter(recorded(table)).join(people, on="subject", how="inner", maintain_order="left")
    form = protocol.forms[declared.form]
    for arm in form.arms or protocol.arms:
        mine = table.filter(pl.col("arm") == arm)
        treated = mine["subject"].n_unique()
        about: dict[str, Any] = {"analysis": "procedures", "role": "descriptive", "arm": arm}
        yield row("count", treated, n=people.filter(pl.col("arm") == arm).height, unit="subjects", **about)
        yield from _places(mine, treated, form, declared, about)
        unknown = mine[declared.structure].null_count()
        if unknown:
            yield row("missing", unknown, n=mine.height, unit="injections", item="structure", **about)
        yield from _each_patient(mine, form, declared, about)


def _places(
    mine: pl.DataFrame, treated: int, form: Form, declared: Procedures, about: dict[str, Any]
) -> Iterator[Row]:
    """By structure; by structure and level; and by side within each: `patients` and `injections`."""
    labels = form.items[declared.structure].choices or {}
    for structure, label in labels.items():
        here = mine.filter(pl.col(declared.structure) == structure)
        fixed = {**about, "category": structure, "label": label}
        yield from _counts(here, treated, fixed)
        yield from _sides(here, treated, form, declared, fixed)
        if declared.level is None:
            continue
        for level in _levels(here, form, declared.level):
            at = here.filter(pl.col(declared.level) == level)
            yield from _counts(at, treated, {**fixed, "item": level})
            yield from _sides(at, treated, form, declared, {**fixed, "item": level})
        unknown = here.filter(pl.col(declared.level).is_null())
        if unknown.height:
            yield row("missing", unknown.height, n=here.height, unit="injections", **fixed)


def _levels(here: pl.DataFrame, form: Form, item: str) -> list[str]:
    """The levels that occur, in the order of the item's choices, or of the alphabet where it is text."""
    there = here[item].drop_nulls().unique().sort().to_list()
    order = list(form.items[item].choices or there)
    return [level for level in order if level in there]


def _sides(
    here: pl.DataFrame, treated: int, form: Form, declared: Procedures, fixed: dict[str, Any]
) -> Iterator[Row]:
    if declared.side is None:
        return
    for side in form.items[declared.side].choices or ():
        at = here.filter(pl.col(declared.side) == side)
        if at.height:
            yield from _counts(at, treated, {**fixed, "category": f"{fixed['category']}, {side}"})
    unknown = here[declared.side].null_count()
    if fixed.get("item") is None and 0 < unknown < here.height:  # a disc has no side: then none has one
        yield row("missing", unknown, n=here.height, unit="injections", **{**fixed, "item": "side"})


def _counts(here: pl.DataFrame, treated: int, fixed: dict[str, Any]) -> Iterator[Row]:
    yield row("patients", here["subject"].n_unique(), n=treated, unit="subjects", **fixed)
    yield row("injections", here.height, n=treated, unit="injections", **fixed)


def _each_patient(
    mine: pl.DataFrame, form: Form, declared: Procedures, about: dict[str, Any]
) -> Iterator[Row]:
    """Injections a patient, and the total volume of those whose every injection has one."""
    if mine.is_empty():
        return
    per = mine.group_by("subject", maintain_order=True).agg(pl.len().alias("injections"))
    yield from _summary(
        per["injections"],
        {**about, "item": "injections", "unit": "injections", "label": "Injections a patient"},
    )
    if declared.volume is None:
        return
    volumes = mine.group_by("subject", maintain_order=True).agg(
        pl.col(declared.volume).sum().alias("total"), pl.col(declared.volume).null_count().alias("gaps")
    )
    whole = volumes.filter(pl.col("gaps") == 0)["total"].cast(pl.Float64)
    unit = form.items[declared.volume].unit
    fixed = {**about, "item": "volume", "unit": unit, "label": "Total volume a patient"}
    yield from _summary(whole, fixed)
    if whole.len() < volumes.height:
        gaps = volumes.height - whole.len()
        yield row("missing", gaps, n=volumes.height, **{**fixed, "unit": "subjects"})


def _summary(values: pl.Series, fixed: dict[str, Any]) -> Iterator[Row]:
    found = summary(values.cast(pl.Float64).to_numpy())
    yield row("n", found.n, n=found.n, **{**fixed, "unit": "subjects"})
    for name in _SUMMARY if found.n else ():
        value = getattr(found, name)
        if value is not None:
            yield row(name, value, n=found.n, **fixed)

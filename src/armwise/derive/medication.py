"""Medication records -> what was in use at each visit: the daily dose of opioids, and kinds of treatment received.

A visit looks back over the declared number of days, its own day the last of them. A record counts with the share of
these days that it covers; whoever came and has no record took nothing where the protocol says that the list is
complete, and is not known otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from armwise.derive.scores import COLUMNS
from armwise.instruments.morphine_equivalents import VERSIONS, daily_mme, factor_of
from armwise.protocol.medication import DOSE, NUMBER, Medication
from armwise.protocol.model import Protocol
from armwise.study.medication import is_opioid, route_of, unknown_amount
from armwise.study.records import recorded
from armwise.study.tables import FILE, LINE
from armwise.yaml_lines import word

#: Why nothing is known of a patient who came.
NO_RECORD = "no record, and the list is not declared complete"
NO_DATE = "the visit has no date"
NOT_ASKED = "the form was not done at this visit"


def attended(
    protocol: Protocol, frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame] | None = None
) -> pl.DataFrame:
    """`subject, arm, visit, date, day, _file, _row`: visits at which a form was answered that every arm fills in.

    The date is the last day on which one of them was; file and row are of that record. A record of a drug or of care
    that is made by visit shows that its visit took place, whether or not another form was answered there.

    Args:
        protocol: the protocol.
        frame: scores, as `armwise.derive.scores.scores` gives them.
        tables: typed tables by form, where records by visit are to count.
    """
    forms = [name for name, form in protocol.forms.items() if form.arms is None]
    seen = frame.filter(pl.col("answered") & pl.col("form").is_in(forms))
    seen = seen.sort("date", LINE, nulls_last=False, maintain_order=True)
    columns = ("subject", "arm", "visit", "date", "day", FILE, LINE)
    last = seen.group_by("subject", "visit", maintain_order=True).last().select(columns)
    for table in _by_visit(protocol, tables or {}):
        arms = (tables or {})["subjects"].select("subject", "arm").unique("subject", keep="first")
        made = table.filter(recorded(table) & pl.col("visit").is_not_null()).drop("arm", strict=False)
        made = made.unique(["subject", "visit"], keep="first", maintain_order=True)
        made = made.join(arms, on="subject", how="inner", maintain_order="left")
        alone = made.join(last, on=["subject", "visit"], how="anti", maintain_order="left")
        last = pl.concat(
            [last, alone.with_columns(pl.lit(None, dtype=pl.Int64).alias("day")).select(columns)]
        )
    return last


def _by_visit(protocol: Protocol, tables: Mapping[str, pl.DataFrame]) -> list[pl.DataFrame]:
    """The tables of drugs and of care whose records have a visit instead of a first and a last day."""
    care = protocol.treatments.care if protocol.treatments else None
    declared = (protocol.medication, care)
    return [tables[d.form] for d in declared if d is not None and d.start is None and d.form in tables]


def in_use(
    table: pl.DataFrame, visits: pl.DataFrame, start: str | None, stop: str | None, look_back: int
) -> pl.DataFrame:
    """Each record at each attended visit at which it was in use, with the `share` of the days that it covers.

    An empty first day is before the study, an empty last day is not over. Records by visit cover all of it.

    Args:
        table: the form's table.
        visits: as `attended` gives them.
        start, stop: the date columns, or None where records are by visit.
        look_back: days, the visit's own day included.
    """
    records = table.filter(recorded(table)).drop("date" if "date" not in (start, stop) else [], strict=False)
    here = visits.select("subject", "visit", pl.col("date").alias("_day"))
    if start is None or stop is None:
        return records.join(here, on=["subject", "visit"], how="inner", maintain_order="left").with_columns(
            pl.lit(1.0).alias("share")
        )
    records = records.drop("visit", strict=False)
    both = records.join(here, on="subject", how="inner", maintain_order="left")
    first = pl.col("_day") - pl.duration(days=look_back - 1)
    begins = pl.max_horizontal(pl.col(start).fill_null(first), first)
    ends = pl.min_horizontal(pl.col(stop).fill_null(pl.col("_day")), pl.col("_day"))
    days = (ends - begins).dt.total_days() + 1
    return both.with_columns((days / look_back).alias("share")).filter(pl.col("share") > 0)


def not_asked(table: pl.DataFrame, start: str | None) -> set[tuple[str, str]]:
    """(subject, visit) where a form that is filled in at visits was not done: what was in use is not known there."""
    if start is not None or table.schema.get("status") != pl.String:
        return set()
    return set(table.filter(~recorded(table)).select("subject", "visit").iter_rows())


def opioid_doses(protocol: Protocol, tables: Mapping[str, pl.DataFrame], frame: pl.DataFrame) -> pl.DataFrame:
    """The scores `<form>.mme` and `<form>.opioids` of every attended visit; no row where there is no such form.

    Args:
        protocol: the protocol, with its section `medication`.
        tables: typed tables by form.
        frame: the other scores, whose records say who came when.

    Returns:
        Rows like those of `armwise.derive.scores.scores`; `status` says why there is no dose.
    """
    declared = protocol.medication
    if declared is None or declared.form not in tables:
        return pl.DataFrame(schema=COLUMNS)
    visits = attended(protocol, frame, tables)
    used = in_use(tables[declared.form], visits, declared.start, declared.stop, declared.look_back)
    records: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in used.iter_rows(named=True):
        if is_opioid(declared, record):
            records.setdefault((record["subject"], record["visit"]), []).append(record)
    rows, unasked = [], not_asked(tables[declared.form], declared.start)
    for visit in visits.iter_rows(named=True):
        mine = records.get((visit["subject"], visit["visit"]), [])
        dateless = visit["date"] is None and declared.start is not None
        nothing = NO_DATE if dateless else "" if mine or declared.complete else NO_RECORD
        if not mine and (visit["subject"], visit["visit"]) in unasked:
            nothing = NOT_ASKED
        dose, why, of = (None, nothing, visit) if nothing else _dose(declared, mine, visit)
        number = None if nothing else float(len({str(r[declared.drug]).strip().lower() for r in mine}))
        for name, value, status in ((DOSE, dose, why), (NUMBER, number, nothing)):
            about = {"form": declared.form, "score": f"{declared.form}.{name}", "reason": None}
            about |= {FILE: of[FILE], LINE: of[LINE]}
            rows.append({**visit, **about, "value": value, "answered": True, "status": status or "ok"})
    return pl.DataFrame(rows, schema=COLUMNS, orient="row") if rows else pl.DataFrame(schema=COLUMNS)


def _dose(
    declared: Medication, records: list[dict[str, Any]], visit: dict[str, Any]
) -> tuple[float | None, str, dict[str, Any]]:
    """MME/day of the opioids in use, averaged over the days looked back on, or why there is none.

    With the record that it came from: the one without a dose, else the first; without any, the visit's.
    """
    total = 0.0
    for record in records:
        if lacking := unknown_amount(declared, record):
            return None, f"the {lacking} of an opioid is not recorded", record
        drug, route = str(record[declared.drug]), route_of(declared, record)
        factor = factor_of(drug, route, declared.factors)
        if factor is None:  # a validated study has none
            return None, f"{VERSIONS[declared.factors]} has no factor for {drug}", record
        if factor.factor is None:
            return None, factor.note, record
        amount = record[declared.dose], word(record[declared.unit]), record[declared.times]
        one = daily_mme(drug, amount[0], amount[1], amount[2], route, version=declared.factors)
        total += (one or 0.0) * record["share"]
    return round(total, 6), "", records[0] if records else visit


def received(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], frame: pl.DataFrame
) -> dict[tuple[str, str], pl.DataFrame]:
    """(form, kind of treatment) -> `subject, arm, visit, used`: whether each attended visit's patient had it.

    The classes of drugs, where the protocol names them, and the kinds of care, in the order of their choices. `used`
    is null where it is not known: no record in a list that is not declared complete, a form that was not done, a record
    without its kind, which may be any of them.
    """
    sources: list[tuple[str, str, str | None, str | None, int, bool]] = []
    drugs, care = protocol.medication, protocol.treatments.care if protocol.treatments else None
    if drugs and drugs.drug_class:
        sources.append(
            (drugs.form, drugs.drug_class, drugs.start, drugs.stop, drugs.look_back, drugs.complete)
        )
    if care:
        sources.append((care.form, care.kind, care.start, care.stop, care.look_back, care.complete))
    visits = attended(protocol, frame, tables)
    found: dict[tuple[str, str], pl.DataFrame] = {}
    for form, item, start, stop, look_back, complete in sources:
        if form not in tables:
            continue
        used = in_use(tables[form], visits, start, stop, look_back)
        dated = visits if start is None else visits.filter(pl.col("date").is_not_null())
        kindless = set(used.filter(pl.col(item).is_null()).select("subject", "visit").iter_rows())
        unasked = pl.DataFrame(
            sorted(not_asked(tables[form], start) | kindless), schema=["subject", "visit"], orient="row"
        ).cast(pl.String)
        unknown = pl.lit(None, dtype=pl.Boolean)
        otherwise = pl.when("_unasked").then(unknown).otherwise(False) if complete else unknown
        dated = dated.join(
            unasked.with_columns(pl.lit(True).alias("_unasked")), on=["subject", "visit"], how="left"
        ).with_columns(pl.col("_unasked").fill_null(False))
        for kind in protocol.forms[form].items[item].choices or ():
            mine = used.filter(pl.col(item) == kind).select("subject", "visit").unique()
            there = dated.join(
                mine.with_columns(pl.lit(True).alias("used")), on=["subject", "visit"], how="left"
            )
            found[form, kind] = there.select(
                "subject", "arm", "visit", pl.coalesce("used", otherwise).alias("used")
            )
    return found

"""Records of medication and care against the protocol: drugs with a factor, doses in its unit, days in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from armwise.errors import Problem, Severity
from armwise.instruments.morphine_equivalents import TAKEN, factor_of, mistakes, morphine_factors
from armwise.protocol.medication import Medication
from armwise.protocol.model import Protocol
from armwise.study.records import recorded
from armwise.study.tables import FILE, LINE
from armwise.yaml_lines import word

Record = Mapping[str, Any]


def medication_problems(protocol: Protocol, tables: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    """What is wrong with the records of medication and of care.

    An opioid that the declared factors do not know is an error that names it: it is neither left out nor counted as 0.
    """
    declared = protocol.medication
    if declared is not None and declared.form in tables:
        table = tables[declared.form]
        yield from _days(table, declared.start, declared.stop)
        for record in table.filter(recorded(table)).iter_rows(named=True):
            yield from _drug(declared, record)
        yield from _twice(declared, table)
    care = protocol.treatments.care if protocol.treatments else None
    if care is not None and care.form in tables:
        table = tables[care.form]
        yield from _days(table, care.start, care.stop)
        empty = table.filter(pl.col(care.kind).is_null() & recorded(table))
        for record in empty.iter_rows(named=True):
            what, todo = "no kind of treatment: no kind is known not to have been given then", "fill it in"
            yield Problem("warning", record[FILE], record[LINE], care.kind, what, todo)
    yield from _injections(protocol, tables)


def _injections(protocol: Protocol, tables: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    """Injections that no structure, or no side, is recorded of: they are in the totals, and in no line below them."""
    declared = protocol.treatments.procedures if protocol.treatments else None
    if declared is None or declared.form not in tables:
        return
    table = tables[declared.form]
    table = table.filter(recorded(table))
    empty = [(declared.structure, table.filter(pl.col(declared.structure).is_null()))]
    if declared.side is not None:  # a structure none of whose injections has a side has no sides
        sided = pl.col(declared.side).is_not_null().any().over(declared.structure)
        empty.append((declared.side, table.filter(pl.col(declared.side).is_null() & sided)))
    for column, records in empty:
        for record in records.iter_rows(named=True):
            what = f"no {column} of an injection: it is counted in the totals alone"
            yield Problem("warning", record[FILE], record[LINE], column, what, "fill it in if it is known")


def _twice(declared: Medication, table: pl.DataFrame) -> Iterator[Problem]:
    """Records of one opioid that overlap: a dose that was changed counts twice where the old one was not ended."""
    if declared.start is None or declared.stop is None:
        return
    until: dict[tuple[str, str, str | None], Record] = {}
    records = table.filter(recorded(table)).sort(declared.start, nulls_last=False, maintain_order=True)
    for record in records.iter_rows(named=True):
        if record[declared.drug] is None or not is_opioid(declared, record):
            continue
        key = record["subject"], str(record[declared.drug]).strip().lower(), route_of(declared, record)
        before, stop = until.get(key), record[declared.stop]
        ended = before[declared.stop] if before else None
        if before and (ended is None or record[declared.start] is None or ended >= record[declared.start]):
            what = f"{record[declared.drug]} overlaps with that of row {before[LINE]}: the two doses are added up"
            todo = "end the other record where this is a change of dose"
            yield Problem("warning", record[FILE], record[LINE], declared.start, what, todo)
        if before is None or (ended is not None and (stop is None or stop > ended)):
            until[key] = record


def route_of(declared: Medication, record: Record) -> str | None:
    """How a record's drug was given; None where that is not recorded, so that the drug's only factor is taken."""
    return record[declared.route] if declared.route else None


def is_opioid(declared: Medication, record: Record) -> bool:
    """Whether a record is of an opioid: by its class; without one, by whether the factors know the drug.

    Where the protocol names no class every record is of an opioid.
    """
    if declared.drug_class is None:
        return True
    given, drug = record[declared.drug_class], record[declared.drug]
    if given is None and drug is not None:
        return _known(declared, str(drug))
    return bool(given == declared.opioid)


def _known(declared: Medication, drug: str) -> bool:
    return any(f.drug == drug.strip().lower() for f in morphine_factors(declared.factors))


def _drug(declared: Medication, record: Record) -> Iterator[Problem]:
    def problem(severity: Severity, column: str, what: str, todo: str) -> Problem:
        return Problem(severity, record[FILE], record[LINE], column, what, todo)

    drug = record[declared.drug]
    if declared.drug_class and record[declared.drug_class] is None:
        what = "no class of the drug: the record is counted in no class"
        yield problem("warning", declared.drug_class, what, "fill it in")
    if not is_opioid(declared, record):
        if drug is not None and _known(declared, str(drug)):
            what = f"{drug} is an opioid, found in the class `{record[declared.drug_class or '']}`"
            yield problem(
                "warning", declared.drug_class or "", what, "correct the class: it is counted in no dose"
            )
        return
    columns = {"drug": declared.drug, "route": declared.route or declared.drug, "unit": declared.unit}
    columns |= {"dose": declared.dose, "times": declared.times}
    if drug is not None:
        unit = record[declared.unit]
        amount = (record[declared.dose], None if unit is None else word(unit), record[declared.times])
        found = list(mistakes(str(drug), *amount, route_of(declared, record), version=declared.factors))
        for key, what, todo in found:
            yield problem("error", columns[key], what, todo)
        if found:
            return
    if lacking := unknown_amount(declared, record):
        what = f"the {lacking} of an opioid is not recorded: no dose in MME at the visits that it covers"
        yield problem("warning", declared.dose if drug else declared.drug, what, "fill it in if it is known")


def unknown_amount(declared: Medication, record: Record) -> str:
    """What is lacking to know an opioid's daily amount (`dose and the unit`, `name`); "" when nothing is."""
    if record[declared.drug] is None:
        return "name"
    factor = factor_of(str(record[declared.drug]), route_of(declared, record), declared.factors)
    if factor is None or factor.factor is None:
        return ""
    lacking = [
        name for name, column in (("dose", declared.dose), ("unit", declared.unit)) if record[column] is None
    ]
    if factor.unit in TAKEN and record[declared.times] is None:
        lacking.append("number of doses a day")
    return " and the ".join(lacking)


def _days(table: pl.DataFrame, start: str | None, stop: str | None) -> Iterator[Problem]:
    if start is None or stop is None:
        return
    for record in table.filter(pl.col(stop) < pl.col(start)).iter_rows(named=True):
        what = f"ends on {record[stop]}, before it starts on {record[start]}"
        yield Problem("error", record[FILE], record[LINE], stop, what, "correct one of the dates")

"""A study's tables against its protocol -> problems: what stops the run, and what a reader must know.

Each check is a function of the tables that yields problems; `validate` runs them all. A problem names file and
row, never a subject: problems are printed, logged and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from armwise.errors import Problem
from armwise.instruments import check_answers
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of
from armwise.study.tables import FILE, LINE, keys_of
from armwise.study.timing import time_zero
from armwise.yaml_lines import nearest

Tables = Mapping[str, pl.DataFrame]


def validate(protocol: Protocol, tables: Tables, folder: Path) -> list[Problem]:
    """Every problem of a study's tables, in the order of the files and rows."""
    problems: list[Problem] = []
    if "subjects" not in tables:
        return problems
    subjects = tables["subjects"]
    problems += _arms(protocol, subjects)
    for name, table in tables.items():
        form = protocol.forms.get(name, Form())
        problems += _empty(table, "subject") if name != "screening" else []
        problems += _duplicates(name, form, protocol, table)
        if name not in ("subjects", "screening"):
            problems += _strangers(table, subjects)
            problems += _wrong_arm(form, table, subjects)
        problems += _visits(form, protocol, table) if form.at != "none" else []
        problems += _required(form, table)
        problems += _answers(form, table, folder)
    problems += _timing(protocol, tables)
    return sorted(problems, key=lambda p: (p.file, p.row or 0, p.column))


def _each(frame: pl.DataFrame, column: str, severity: str, what: str, todo: str) -> Iterator[Problem]:
    """A problem for each row; `what` may name the row's columns in braces."""
    for values in frame.iter_rows(named=True):
        yield Problem(severity, values[FILE], values[LINE], column, what.format(**values), todo)  # type: ignore[arg-type]


def _arms(protocol: Protocol, subjects: pl.DataFrame) -> Iterator[Problem]:
    yield from _each(
        subjects.filter(pl.col("arm").is_null()),
        "arm",
        "error",
        "no arm",
        "every enrolled subject has an arm",
    )
    odd = subjects.filter(pl.col("arm").is_not_null() & ~pl.col("arm").is_in(list(protocol.arms)))
    for values in odd.iter_rows(named=True):
        yield Problem(
            "error",
            values[FILE],
            values[LINE],
            "arm",
            f"unknown arm `{values['arm']}`",
            nearest(values["arm"], protocol.arms),
        )
    for arm in protocol.arms:
        if subjects.filter(pl.col("arm") == arm).is_empty():
            yield Problem(
                "error",
                "data/subjects.csv",
                None,
                "arm",
                f"nobody is in the arm `{arm}`",
                "check the arm's name in the table and in the protocol",
            )


def _empty(table: pl.DataFrame, column: str) -> Iterator[Problem]:
    yield from _each(
        table.filter(pl.col(column).is_null()), column, "error", f"no {column}", f"fill in the {column}"
    )


def _duplicates(name: str, form: Form, protocol: Protocol, table: pl.DataFrame) -> Iterator[Problem]:
    keys = [k for k in keys_of(name, form, protocol) if k in table.columns]
    if name == "screening" and table["subject"].null_count():
        return
    counted = table.with_columns(pl.col(LINE).first().over(keys).alias("_first"))
    again = counted.filter((pl.col(LINE) != pl.col("_first")) & pl.all_horizontal(pl.col(keys).is_not_null()))
    what = f"the same {', '.join(keys)} as in row {{_first}}"
    yield from _each(again, ", ".join(keys), "error", what, "keep the right one")


def _strangers(table: pl.DataFrame, subjects: pl.DataFrame) -> Iterator[Problem]:
    known = subjects["subject"].drop_nulls().to_list()
    odd = table.filter(pl.col("subject").is_not_null() & ~pl.col("subject").is_in(known))
    yield from _each(
        odd,
        "subject",
        "error",
        "this subject is not in the table subjects",
        "enrol the subject, or correct the number",
    )


def _wrong_arm(form: Form, table: pl.DataFrame, subjects: pl.DataFrame) -> Iterator[Problem]:
    if form.arms is None:
        return
    joined = table.join(subjects.select("subject", pl.col("arm").alias("_arm")), on="subject", how="inner")
    odd = joined.filter(~pl.col("_arm").is_in(list(form.arms)))
    yield from _each(
        odd,
        "subject",
        "warning",
        "a record in arm {_arm}, for which this form is not planned",
        "check the subject's arm",
    )


def _visits(form: Form, protocol: Protocol, table: pl.DataFrame) -> Iterator[Problem]:
    if protocol.visits_by == "date":
        yield from _each(
            table.filter(pl.col("date").is_null()),
            "date",
            "error",
            "no date, but visits are told by date",
            "fill in the date",
        )
        return
    yield from _each(
        table.filter(pl.col("visit").is_null()),
        "visit",
        "error",
        "no visit",
        "fill in the visit's name from the protocol",
    )
    odd = table.filter(pl.col("visit").is_not_null() & ~pl.col("visit").is_in(list(protocol.visits)))
    for values in odd.iter_rows(named=True):
        yield Problem(
            "error",
            values[FILE],
            values[LINE],
            "visit",
            f"unknown visit `{values['visit']}`",
            nearest(values["visit"], protocol.visits),
        )
    if isinstance(form.at, tuple):
        unplanned = table.filter(
            pl.col("visit").is_in(list(protocol.visits)) & ~pl.col("visit").is_in(list(form.at))
        )
        yield from _each(
            unplanned,
            "visit",
            "warning",
            "a record at {visit}, where this form is not planned",
            "check the visit's name",
        )


def _required(form: Form, table: pl.DataFrame) -> Iterator[Problem]:
    done = pl.col("status").is_null() | (pl.col("status") != "not done")
    for code, item in form.items.items():
        shown = pl.lit(True)
        if item.show_if:
            shown = (pl.col(item.show_if.item).cast(pl.String) == str(item.show_if.equals)).fill_null(False)
            yield from _each(
                table.filter(pl.col(code).is_not_null() & ~shown), code, "warning",
                f"an answer, although `{item.show_if.item}` is not {item.show_if.equals}", "check both answers",
            )  # fmt: skip
        if item.required:
            yield from _each(
                table.filter(pl.col(code).is_null() & done & shown),
                code,
                "warning",
                f"`{code}` is required and empty",
                "fill it in if it is known",
            )


def _answers(form: Form, table: pl.DataFrame, folder: Path) -> Iterator[Problem]:
    instrument = instrument_of(form, folder)
    if instrument is None:
        return
    for finding in check_answers(
        table, instrument, columns=form.columns or None, options=form.options or None
    ):
        where = table.row(finding.index, named=True)
        what = f"found {finding.found}, expected {finding.expected}"
        yield Problem(
            "error",
            where[FILE],
            where[LINE],
            finding.column,
            what,
            "correct the answer against the source, or leave it empty",
        )


def _timing(protocol: Protocol, tables: Tables) -> Iterator[Problem]:
    """Records before enrolment, outside their visit's window, and subjects without a time zero."""
    zero = time_zero(protocol, tables)
    yield from _each(
        zero.filter(pl.col("time_zero").is_null()), "subject", "warning",
        "this subject has no time zero", "fill in the date that `time_zero` names; until then visits go by their label",
    )  # fmt: skip
    first = protocol.visits[protocol.baseline]
    earliest = first.day + (first.window[0] if first.window else 0)
    for name, form in protocol.forms.items():
        if name not in tables or form.at == "none":
            continue
        table = tables[name].join(zero.select("subject", "time_zero"), on="subject", how="inner")
        table = table.with_columns((pl.col("date") - pl.col("time_zero")).dt.total_days().alias("_day"))
        early = table.filter(pl.col("_day") < min(earliest, 0))
        yield from _each(
            early,
            "date",
            "warning",
            f"day {{_day}}: before the baseline window opens (day {earliest})",
            "check the date",
        )
        if protocol.visits_by == "label":
            yield from _windows(protocol, table)


def _windows(protocol: Protocol, table: pl.DataFrame) -> Iterator[Problem]:
    for visit, planned in protocol.visits.items():
        if planned.window is None:
            continue
        lo, hi = planned.day + planned.window[0], planned.day + planned.window[1]
        if visit == protocol.baseline:
            lo = -(10**6)  # reported as early already
        odd = table.filter(
            (pl.col("visit") == visit) & pl.col("_day").is_not_null() & ~pl.col("_day").is_between(lo, hi)
        )
        what = f"{visit} on day {{_day}}, outside its window (day {planned.day + planned.window[0]} to {hi})"
        yield from _each(odd, "date", "warning", what, "the record is used, and counted in the report")

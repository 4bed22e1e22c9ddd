"""A study's tables against its protocol -> problems: what stops the run, and what a reader must know.

Each check is a function of the tables that yields problems; `validate` runs them all. A problem names file and
row, never a subject: problems are printed, logged and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from armwise.errors import Problem, Severity
from armwise.instruments import Instrument, check_answers
from armwise.protocol.known import RESERVED
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of
from armwise.study.imaging import imaging_problems
from armwise.study.medication import medication_problems
from armwise.study.records import NOT_DONE
from armwise.study.tables import FILE, LINE, UNDECLARED, keys_of
from armwise.study.timing import contradicts, time_zero
from armwise.yaml_lines import nearest, word

Tables = Mapping[str, pl.DataFrame]
Row = Mapping[str, Any]
#: What `status` may say of a record.
STATUS = ("complete", "partial", NOT_DONE)


def validate(protocol: Protocol, tables: Tables, folder: Path) -> list[Problem]:
    """Every problem of a study's tables, in the order of the files and rows."""
    problems: list[Problem] = []
    if "subjects" not in tables:
        return problems
    subjects = tables["subjects"]
    problems += _arms(protocol, subjects)
    for name, table in tables.items():
        form = protocol.forms.get(name, Form())
        instrument = instrument_of(form, folder)
        codes = [form.columns.get(i.code, i.code) for i in instrument.items] if instrument else []
        problems += _empty(table, "subject", "fill in the subject") if name != "screening" else []
        problems += _duplicates(name, form, protocol, table)
        if name not in ("subjects", "screening"):
            problems += _strangers(table, subjects)
            problems += _wrong_arm(form, protocol, table, subjects)
        problems += _visits(form, protocol, table) if form.at != "none" else []
        answers = [c for c in (*codes, *form.items) if c not in RESERVED]
        problems += _status(table, answers) if "status" not in form.items and answers else []
        problems += _required(form, table)
        problems += _answers(form, instrument, table)
        problems += _reasons(protocol, name, table, answers)
    problems += _screened(tables)
    problems += _timing(protocol, tables)
    problems += medication_problems(protocol, tables)
    problems += imaging_problems(protocol, tables)
    return sorted(problems, key=lambda p: (p.file, p.row or 0, p.column))


def _each(
    frame: pl.DataFrame, column: str, severity: Severity, what: str | Callable[[Row], str], todo: str
) -> Iterator[Problem]:
    """A problem for each row; what it says may depend on the row."""
    for values in frame.iter_rows(named=True):
        said = what if isinstance(what, str) else what(values)
        yield Problem(severity, values[FILE], values[LINE], column, said, todo)


def _unknown(table: pl.DataFrame, column: str, known: Iterable[str], severity: Severity) -> Iterator[Problem]:
    """A problem for each cell that holds none of the known words."""
    words = list(known)
    for values in table.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(words)).iter_rows(
        named=True
    ):
        found = values[column]
        yield Problem(
            severity, values[FILE], values[LINE], column, f"unknown {column} `{found}`", nearest(found, words)
        )


def _empty(table: pl.DataFrame, column: str, todo: str) -> Iterator[Problem]:
    yield from _each(table.filter(pl.col(column).is_null()), column, "error", f"no {column}", todo)


def _arms(protocol: Protocol, subjects: pl.DataFrame) -> Iterator[Problem]:
    yield from _empty(subjects, "arm", "every enrolled subject has an arm")
    yield from _unknown(subjects, "arm", protocol.arms, "error")
    file = subjects[FILE][0] if subjects.height else "data/subjects.csv"
    todo = "check the arm's name in the table and in the protocol"
    for arm in protocol.arms:
        if subjects.filter(pl.col("arm") == arm).is_empty():
            yield Problem("error", file, None, "arm", f"nobody is in the arm `{arm}`", todo)


def _duplicates(name: str, form: Form, protocol: Protocol, table: pl.DataFrame) -> Iterator[Problem]:
    keys = list(keys_of(name, form, protocol))
    counted = table.with_columns(pl.col(LINE).first().over(keys).alias("_first"))
    again = counted.filter((pl.col(LINE) != pl.col("_first")) & pl.all_horizontal(pl.col(keys).is_not_null()))
    alike = ", ".join(keys)
    repeats = form.at == "none" and not form.keys and name not in ("subjects", "screening", "events")
    todo = "say what tells its rows apart: `keys: [subject, date, ...]`" if repeats else "keep the right one"
    yield from _each(again, alike, "error", lambda row: f"the same {alike} as in row {row['_first']}", todo)


def _strangers(table: pl.DataFrame, subjects: pl.DataFrame) -> Iterator[Problem]:
    known = subjects["subject"].drop_nulls().to_list()
    odd = table.filter(pl.col("subject").is_not_null() & ~pl.col("subject").is_in(known))
    what, todo = "this subject is not in the table subjects", "enrol the subject, or correct the number"
    yield from _each(odd, "subject", "error", what, todo)


def _wrong_arm(
    form: Form, protocol: Protocol, table: pl.DataFrame, subjects: pl.DataFrame
) -> Iterator[Problem]:
    others = [arm for arm in protocol.arms if arm not in (form.arms or protocol.arms)]
    arm = subjects.unique("subject", keep="first").select("subject", pl.col("arm").alias("_arm"))
    odd = table.join(arm, on="subject", how="inner", maintain_order="left").filter(
        pl.col("_arm").is_in(others)
    )
    yield from _each(
        odd,
        "subject",
        "warning",
        lambda row: f"a record in arm {row['_arm']}, for which this form is not planned",
        "check the subject's arm",
    )


def _visits(form: Form, protocol: Protocol, table: pl.DataFrame) -> Iterator[Problem]:
    if protocol.visits_by == "date":
        yield from _empty(table, "date", "fill it in: visits are told by date")
        return
    yield from _empty(table, "visit", "fill in the visit's name from the protocol")
    yield from _unknown(table, "visit", protocol.visits, "error")
    if isinstance(form.at, tuple):
        others = [visit for visit in protocol.visits if visit not in form.at]
        yield from _each(
            table.filter(pl.col("visit").is_in(others)),
            "visit",
            "warning",
            lambda row: f"a record at {row['visit']}, where this form is not planned",
            "check the visit's name",
        )


def _status(table: pl.DataFrame, answers: list[str]) -> Iterator[Problem]:
    """`status` is a word that armwise knows, and a record that was not done has no answers."""
    yield from _unknown(table, "status", STATUS, "warning")
    odd = table.filter((pl.col("status") == NOT_DONE) & pl.any_horizontal(pl.col(answers).is_not_null()))
    yield from _each(
        odd, "status", "warning", "not done, but there are answers: they are used", "check which is true"
    )


def _required(form: Form, table: pl.DataFrame) -> Iterator[Problem]:
    done = (pl.col("status") != NOT_DONE).fill_null(True)
    for code, item in form.items.items():
        shown = pl.lit(True)
        if item.show_if:
            on, equals = item.show_if.item, item.show_if.equals
            shown = _is(table.schema[on], on, equals).fill_null(False)
            odd = table.filter(pl.col(code).is_not_null() & ~shown)
            yield from _each(
                odd, code, "warning", f"an answer, although `{on}` is not {equals}", "check both answers"
            )
        if item.required:
            odd = table.filter(pl.col(code).is_null() & done & shown)
            yield from _each(
                odd, code, "warning", f"`{code}` is required and empty", "fill it in if it is known"
            )


def _is(dtype: pl.DataType, column: str, value: str | int | float | bool) -> pl.Expr:
    if dtype.is_numeric():
        try:
            return pl.col(column) == float(value)
        except ValueError:
            return pl.lit(False)
    return pl.col(column).cast(pl.String) == word(value)


def _answers(form: Form, instrument: Instrument | None, table: pl.DataFrame) -> Iterator[Problem]:
    if instrument is None:
        return
    todo = "correct the answer against the source, or leave it empty"
    for finding in check_answers(
        table, instrument, columns=form.columns or None, options=form.options or None
    ):
        where = table.row(finding.index, named=True)
        found = f"{finding.found:g}" if isinstance(finding.found, float) else str(finding.found)
        what = f"found {found}, expected {finding.expected}"
        yield Problem("error", where[FILE], where[LINE], finding.column, what, todo)


def _reasons(protocol: Protocol, name: str, table: pl.DataFrame, answers: list[str]) -> Iterator[Problem]:
    """Reasons that are no category of the protocol: the page does not show them, for they may name a person.

    The reason of a record that has answers says something of one item, and is shown nowhere.
    """
    odd = table.filter(pl.col("reason").is_not_null() & ~pl.col("reason").is_in(protocol.reasons))
    if name not in UNDECLARED and answers:
        odd = odd.filter(pl.all_horizontal(pl.col(answers).is_null()))
    if odd.height:
        rows = ", ".join(map(str, odd[LINE][:10])) + (", ..." if odd.height > 10 else "")
        what = f"{odd.height} reason{'s' * (odd.height != 1)} not among the protocol's `reasons` (row {rows})"
        todo = 'the page calls them "another reason": declare the categories, or write one of them'
        yield Problem("warning", odd[FILE][0], None, "reason", what, todo)


def _screened(tables: Tables) -> Iterator[Problem]:
    """Everyone enrolled was screened: without their rows the flow does not add up."""
    screening = tables.get("screening")
    if screening is None or screening.is_empty():
        return
    enrolled = tables["subjects"]["subject"].drop_nulls().unique()
    lacking = enrolled.len() - enrolled.is_in(screening["subject"].drop_nulls().to_list()).sum()
    if lacking:
        what = f"{lacking} enrolled subject{'s have' if lacking != 1 else ' has'} no row in screening"
        todo = "add everyone enrolled: the numbers screened, not enrolled and enrolled do not add up"
        yield Problem("warning", screening[FILE][0], None, "subject", what, todo)


def _timing(protocol: Protocol, tables: Tables) -> Iterator[Problem]:
    """Records before enrolment or outside their visit's window, and subjects without a time zero."""
    zero = time_zero(protocol, tables)
    todo = "fill in the date that `time_zero` names; until then visits go by their label"
    lacking = zero.filter(pl.col("time_zero").is_null())
    yield from _each(lacking, "subject", "warning", "this subject has no time zero", todo)
    enrolled = (
        tables["subjects"]
        .unique("subject", keep="first")
        .select("subject", pl.col("enrolled").alias("_zero"))
    )
    for name, table in tables.items():
        form = protocol.forms.get(name, Form())
        if name in ("subjects", "screening") or table.schema["date"] != pl.Date:
            continue
        first = enrolled if form.at == "none" else zero.select("subject", pl.col("time_zero").alias("_zero"))
        days = table.join(first, on="subject", how="inner", maintain_order="left").with_columns(
            (pl.col("date") - pl.col("_zero")).dt.total_days().alias("_day")
        )
        days = days.with_columns(pl.col("_day").cast(pl.String).str.replace("-", "−").alias("_at"))
        if form.at == "none":
            early = days.filter(pl.col("_day") < 0)
            yield from _each(
                early,
                "date",
                "warning",
                lambda row: f"dated before enrolment (day {row['_at']})",
                "check the date",
            )
        else:
            yield from _windows(protocol, days)


def _signed(day: int) -> str:
    return str(day).replace("-", "−")


def _windows(protocol: Protocol, days: pl.DataFrame) -> Iterator[Problem]:
    first = protocol.visits[protocol.baseline]
    opens = min(first.day + (first.window[0] if first.window else 0), 0)
    if protocol.visits_by == "label":
        yield from _each(
            days.filter(contradicts(protocol, "_day")),
            "date",
            "error",
            lambda row: f"labelled {row['visit']}, but dated before time zero (day {row['_at']})",
            "correct the date or the visit: one of them is wrong",
        )
        days = days.filter(~contradicts(protocol, "_day"))
    yield from _each(
        days.filter(pl.col("_day") < opens),
        "date",
        "warning",
        lambda row: f"day {row['_at']}: before the baseline window opens (day {_signed(opens)})",
        "check the date",
    )
    if protocol.visits_by == "date":
        return
    days = days.filter(pl.col("_day") >= opens)
    late = days.filter((pl.col("visit") == protocol.baseline) & (pl.col("_day") > 0))
    yield from _each(
        late,
        "date",
        "warning",
        lambda row: f"recorded as {protocol.baseline} on day {row['_at']}, after time zero: not a baseline",
        "check the date and the visit",
    )
    for visit in protocol.visits_after_baseline():
        day, window = protocol.visits[visit].day, protocol.visits[visit].window
        if window is None:
            continue
        lo, hi = day + window[0], day + window[1]
        odd = days.filter((pl.col("visit") == visit) & ~pl.col("_day").is_between(lo, hi))
        planned = f"outside its window (day {_signed(lo)} to {_signed(hi)})"
        yield from _each(
            odd,
            "date",
            "warning",
            lambda row, planned=planned: f"{row['visit']} on day {row['_at']}, {planned}",  # type: ignore[misc]
            "the record is used, and counted in the report",
        )

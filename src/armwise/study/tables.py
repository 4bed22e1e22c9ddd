"""A study's tables: files -> typed frames whose rows know their file and line.

A cell that cannot be read as its item's type becomes empty and a problem: nothing is dropped in silence, and
nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from armwise.errors import FileError, Problem
from armwise.instruments import Instrument
from armwise.protocol.check import BUILT_IN, RESERVED
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of
from armwise.study.cells import read_cells
from armwise.yaml_lines import nearest

#: Hidden columns of every table: where a row came from.
FILE, LINE = "_file", "_row"
#: Tables that may be there without a form of their own in the protocol.
UNDECLARED = ("screening", "events")
_DATES = ("date", "enrolled")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table may have: its type (an item's, or `answer` of an instrument) and what it may hold."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    required: bool = False


def columns_of(name: str, form: Form, instrument: Instrument | None, protocol: Protocol) -> dict[str, Column]:
    """The columns that a form's table may have, by name; without the required ones it means nothing."""
    needed = {*keys_of(name, form, protocol), *BUILT_IN.get(name, ())}
    needed |= {"visit" if protocol.visits_by == "label" else "date"} if form.at != "none" else set()
    needed -= {"subject", "enrolled"} if name == "screening" else set()
    found = {
        c: Column(c, "date" if c in _DATES else "text", required=c in needed)
        for c in (*RESERVED, *BUILT_IN.get(name, ()))
    }
    if name == "screening":
        found["enrolled"] = Column("enrolled", "text")
    if instrument:
        for item in instrument.items:
            column = form.columns.get(item.code, item.code)
            found[column] = Column(column, "answer", range=(item.lo, item.hi), required=not item.optional)
    for code, declared in form.items.items():
        required = declared.required or code in needed
        found[code] = Column(code, declared.type, tuple(declared.choices or ()), declared.range, required)
    return found


def keys_of(name: str, form: Form, protocol: Protocol) -> tuple[str, ...]:
    """The columns whose values may not repeat together."""
    if form.keys:
        return form.keys
    if name in ("subjects", "screening") or form.at == "none":
        return ("subject",) if name != "events" else ("subject", "date", "event")
    return ("subject", "visit") if protocol.visits_by == "label" else ("subject", "date")


def read_tables(folder: Path, protocol: Protocol) -> tuple[dict[str, pl.DataFrame], list[Problem]]:
    """Reads `data/` of a study folder.

    Args:
        folder: the study folder.
        protocol: what the tables should hold.

    Returns:
        The tables by form name, typed, with `_file` and `_row`; and what was wrong. A form without a file has no table.

    Raises:
        FileError: there is no folder `data`.
    """
    data = folder / "data"
    if not data.is_dir():
        todo = "put the study's tables there, or draw some with `armwise simulate`"
        raise FileError(f"{data}: no such folder; {todo}")
    forms = {**{name: Form() for name in UNDECLARED}, **protocol.forms}
    files, problems = _files(data, forms)
    tables: dict[str, pl.DataFrame] = {}
    for name, form in forms.items():
        if name in files:
            columns = columns_of(name, form, instrument_of(form, folder), protocol)
            table, found = read_table(files[name], f"data/{files[name].name}", columns)
            problems += found
            if table is not None:
                tables[name] = table
        elif name == "subjects":
            what = "no such file: it says who was enrolled, when, and into which arm"
            todo = "add it, or draw a study with `armwise simulate`"
            problems.append(Problem("error", "data/subjects.csv", None, "", what, todo))
        elif name not in UNDECLARED:
            what = "no such file: nothing was recorded on this form"
            todo = "add it, or take the form out of the protocol"
            problems.append(Problem("warning", f"data/{name}.csv", None, "", what, todo))
    return tables, problems


def _files(data: Path, forms: Mapping[str, Form]) -> tuple[dict[str, Path], list[Problem]]:
    """The table of each form, and files that look like one and are not used."""
    files: dict[str, Path] = {}
    problems: list[Problem] = []
    for path in sorted(p for p in data.iterdir() if p.is_file()):
        table = path.suffix.lower() in (".csv", ".parquet")
        if table and path.stem in files:
            what = f"there is {files[path.stem].name} too: two files for one form"
            problems.append(Problem("error", f"data/{path.name}", None, "", what, "keep one of them"))
        elif table and path.stem not in forms:
            what = f"no form `{path.stem}` in the protocol: the file is not used"
            todo = nearest(path.stem, forms)
            problems.append(Problem("warning", f"data/{path.name}", None, "", what, todo))
        elif table:
            files[path.stem] = path
        elif path.stem in forms:
            what = f"the file is not used: `{path.suffix}` is not read"
            problems.append(
                Problem("warning", f"data/{path.name}", None, "", what, "save it as CSV or Parquet")
            )
    return files, problems


def read_table(
    path: Path, shown: str, columns: Mapping[str, Column]
) -> tuple[pl.DataFrame | None, list[Problem]]:
    """One file -> a typed table and its problems; the table is None when the file cannot be read at all."""
    cells = read_cells(path, shown)
    if isinstance(cells, Problem):
        return None, [cells]
    raw, lines = cells.frame, cells.lines
    problems = [*cells.problems, *_header(raw, shown, columns)]
    typed: dict[str, pl.Series] = {}
    for name, column in columns.items():
        if name in raw.columns:
            typed[name], found = typed_column(raw[name], lines, column, shown)
            problems += found
        else:
            typed[name] = pl.Series(name, [None] * raw.height, dtype=_DTYPES[column.type])
    frame = pl.DataFrame(typed).with_columns(pl.lit(shown).alias(FILE), lines.alias(LINE))
    return frame, problems


def _header(raw: pl.DataFrame, shown: str, columns: Mapping[str, Column]) -> Iterator[Problem]:
    for name in raw.columns:
        if name and name != name.strip() and name.strip() in columns:
            what = f"the column name `{name}` has spaces around it"
            yield Problem("error", shown, 1, name.strip(), what, f"write `{name.strip()}`")
        elif name and name not in columns:
            near = nearest(name, columns)
            todo = near if near.startswith("did you mean") else "add it to the form's items, if it matters"
            yield Problem("warning", shown, 1, name, f"unknown column `{name}`: it is not used", todo)
    stripped = [name.strip() for name in raw.columns]
    for name, column in columns.items():
        if column.required and name not in stripped:
            todo = nearest(name, [c for c in raw.columns if c and c not in columns])
            if not todo.startswith("did you mean"):
                todo = (
                    "add it, with empty cells where there is no answer"
                    if column.type == "answer"
                    else "add it"
                )
            yield Problem("error", shown, 1, name, f"the column `{name}` is missing", todo)


_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "choice": pl.String(),
    "date": pl.Date(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "answer": pl.Float64(),
}


def typed_column(
    text: pl.Series, lines: pl.Series, column: Column, shown: str
) -> tuple[pl.Series, list[Problem]]:
    """A column of text -> its type; a cell that is not of that type is null and a problem.

    Args:
        text: the cells, null where empty.
        lines: the line of each cell.
        column: what the column may hold.
        shown: the file's name in problems.
    """
    made, expected = _CONVERT[column.type](text)
    problems: list[Problem] = []

    def wrong(cells: pl.Series, what: Callable[[int], str], todo: Callable[[int], str]) -> None:
        for at in cells.fill_null(False).arg_true():
            problems.append(Problem("error", shown, lines[at], column.name, what(at), todo(at)))

    unread = text.is_not_null() & made.is_null()
    wrong(
        unread, lambda at: f"found `{text[at]}`, expected {expected}", lambda at: _hint(text[at], column.type)
    )
    if column.choices:
        listed = ", ".join(column.choices[:12]) + (", ..." if len(column.choices) > 12 else "")
        odd = made.is_not_null() & ~made.is_in(list(column.choices))
        wrong(
            odd,
            lambda at: f"found `{made[at]}`, expected one of {listed}",
            lambda at: _near(made[at], column.choices),
        )
    if column.range and column.type != "answer":  # an instrument's answers are checked by the instrument
        lo, hi = column.range
        odd = made.is_not_null() & ~made.is_between(lo, hi)
        todo = "correct the value, or the range of the item"
        wrong(odd, lambda at: f"found {made[at]:g}, expected {lo:g} to {hi:g}", lambda at: todo)
    return made, problems


def _near(found: str, choices: tuple[str, ...]) -> str:
    near = nearest(found, choices)
    return near if near.startswith("did you mean") else "correct the cell, or leave it empty"


def _hint(found: str, kind: str) -> str:
    if found.lower() in ("na", "n/a", "nan", "null", "none", "missing", "unknown", ".", "-", "?"):
        return "leave the cell empty where nothing is known"
    if kind in ("number", "answer", "integer") and "," in found:
        return "write the decimal point as a point"
    if kind == "date":
        part = re.fullmatch(
            r"\d{4}([-/.]?\d{1,2})?([-/.](uu|un|unk|xx|\?\?|--))*|\d{1,2}[-/.]\d{4}", found.lower()
        )
        return "leave it empty where the day is not known" if part else "write dates as 2026-03-31"
    return "correct the cell, or leave it empty"


def _integers(text: pl.Series) -> tuple[pl.Series, str]:
    number = text.cast(pl.Float64, strict=False)
    # Beyond 2^53 a float does not hold every whole number: a cell there is no count and no answer.
    whole = (number == number.round(0)) & (number.abs() < 2.0**53)
    return number.set(~whole.fill_null(False), None).cast(pl.Int64, strict=False), "a whole number"


def _numbers(text: pl.Series) -> tuple[pl.Series, str]:
    number = text.cast(pl.Float64, strict=False)
    return number.set(~number.is_finite().fill_null(False), None), "a number"


def _dates(text: pl.Series) -> tuple[pl.Series, str]:
    """The day of an ISO date or of an ISO date and time, from 1900 on."""
    iso = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$").fill_null(False)
    day = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    kept = iso & (day.dt.year() >= 1900).fill_null(False)
    return pl.select(pl.when(kept).then(day)).to_series().alias(text.name), "a date"


_CONVERT: dict[str, Callable[[pl.Series], tuple[pl.Series, str]]] = {
    "text": lambda text: (text, "text"),
    "choice": lambda text: (text, "one of the choices"),
    "date": _dates,
    "integer": _integers,
    "number": _numbers,
    "answer": _numbers,
}

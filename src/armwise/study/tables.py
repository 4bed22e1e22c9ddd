"""A study's tables: files -> typed frames whose rows know their file and line.

A cell that cannot be read as its item's type becomes empty and a problem: nothing is dropped in silence, and
nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from armwise.errors import FileError, Problem
from armwise.instruments import Instrument
from armwise.protocol.check import BUILT_IN, RESERVED
from armwise.protocol.model import Form, Item, Protocol
from armwise.protocol.scores import instrument_of
from armwise.yaml_lines import nearest

#: Hidden columns of every table: where a row came from.
FILE, LINE = "_file", "_row"
#: Tables that may be there without a form of their own in the protocol.
UNDECLARED = ("screening", "events")
_DATES = ("date", "enrolled")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table may have: its type (an item's, or `answer` for an instrument's item) and what it may hold."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    required: bool = False


def columns_of(name: str, form: Form, instrument: Instrument | None) -> dict[str, Column]:
    """The columns that a form's table may have, by name."""
    found = {c: Column(c, "date" if c in _DATES else "text") for c in (*RESERVED, *BUILT_IN.get(name, ()))}
    if name == "screening":
        found["enrolled"] = Column("enrolled", "text")
    if instrument:
        for item in instrument.items:
            column = form.columns.get(item.code, item.code)
            found[column] = Column(column, "answer", range=(item.lo, item.hi), required=not item.optional)
    for code, declared in form.items.items():
        found[code] = _declared(code, declared)
    return found


def _declared(code: str, item: Item) -> Column:
    return Column(code, item.type, tuple(item.choices or ()), item.range, item.required)


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
        FileError: there is no folder `data`, or no `subjects` table in it.
    """
    data = folder / "data"
    if not data.is_dir():
        raise FileError(
            f"{data}: no such folder; put the study's tables there, or draw some with `armwise simulate`"
        )
    forms = {**{name: Form() for name in UNDECLARED}, **protocol.forms}
    files = {
        path.stem: path for path in sorted(data.iterdir()) if path.suffix.lower() in (".csv", ".parquet")
    }
    problems: list[Problem] = []
    for stem, path in files.items():
        if stem not in forms:
            what = f"no form `{stem}` in the protocol: the file is not used"
            problems.append(Problem("warning", f"data/{path.name}", None, "", what, nearest(stem, forms)))
    tables: dict[str, pl.DataFrame] = {}
    for name, form in forms.items():
        if name not in files:
            if name not in UNDECLARED:
                severity = "error" if name == "subjects" else "warning"
                what = "no such file: nothing was recorded on this form"
                problems.append(
                    Problem(
                        severity,
                        f"data/{name}.csv",
                        None,
                        "",
                        what,
                        "add it, or take the form out of the protocol",
                    )
                )
            continue
        instrument = instrument_of(form, folder)
        table, found = read_table(files[name], f"data/{files[name].name}", columns_of(name, form, instrument))
        problems += found
        if table is not None:
            tables[name] = table
    return tables, problems


def read_table(
    path: Path, shown: str, columns: Mapping[str, Column]
) -> tuple[pl.DataFrame | None, list[Problem]]:
    """One file -> a typed table and its problems; the table is None when the file cannot be read at all."""
    try:
        raw = _read(path)
    except (OSError, pl.exceptions.PolarsError, UnicodeDecodeError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        todo = (
            "save it as comma-separated UTF-8 text with one header line"
            if path.suffix.lower() == ".csv"
            else "write it again"
        )
        return None, [Problem("error", shown, None, "", f"cannot be read: {first[:160]}", todo)]
    problems = list(_header(raw, shown, columns))
    typed: dict[str, pl.Series] = {}
    for name, column in columns.items():
        if name in raw.columns:
            typed[name], found = _typed(raw[name], column, shown)
            problems += found
        else:
            typed[name] = pl.Series(name, [None] * raw.height, dtype=_DTYPES[column.type])
    frame = pl.DataFrame(typed).with_columns(
        pl.lit(shown).alias(FILE), pl.int_range(2, raw.height + 2, dtype=pl.Int64, eager=True).alias(LINE)
    )
    return frame, problems


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() == ".parquet":
        return pl.read_parquet(path).with_columns(pl.all().cast(pl.String))
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    header = text.split("\n", 1)[0]
    if not header.strip():
        raise ValueError("the file is empty")
    if ";" in header and "," not in header:
        raise ValueError("its columns are separated by semicolons")
    return pl.read_csv(text.encode(), infer_schema=False)


def _header(raw: pl.DataFrame, shown: str, columns: Mapping[str, Column]) -> Iterator[Problem]:
    for name in raw.columns:
        if "_duplicated_" in name:
            stem = name.split("_duplicated_")[0]
            yield Problem(
                "error", shown, 1, stem, f"two columns are named `{stem}`", "give each its own name"
            )
        elif name != name.strip() and name.strip() in columns:
            yield Problem(
                "error",
                shown,
                1,
                name,
                f"the column name `{name}` has spaces around it",
                f"write `{name.strip()}`",
            )
        elif name not in columns:
            yield Problem(
                "warning", shown, 1, name, f"unknown column `{name}`: it is not used", nearest(name, columns)
            )
    for name, column in columns.items():
        if name not in raw.columns and (name == "subject" or column.required):
            yield Problem(
                "error", shown, 1, name, f"the column `{name}` is missing", nearest(name, raw.columns)
            )


_DTYPES: dict[str, pl.DataType] = {
    **{"text": pl.String(), "choice": pl.String(), "date": pl.Date()},
    **{"integer": pl.Int64(), "number": pl.Float64(), "answer": pl.Float64()},
}


def _typed(raw: pl.Series, column: Column, shown: str) -> tuple[pl.Series, list[Problem]]:
    text = raw.str.strip_chars()
    text = text.set(text == "", None)
    made, expected = _CONVERT[column.type](text)
    unread = text.is_not_null() & made.is_null()
    problems = [
        Problem(
            "error",
            shown,
            at + 2,
            column.name,
            f"found `{text[at]}`, expected {expected}",
            _hint(text[at], column.type),
        )
        for at in unread.arg_true()
    ]
    if column.choices:
        odd = made.is_not_null() & ~made.is_in(list(column.choices))
        problems += [
            Problem(
                "error", shown, at + 2, column.name, f"found `{made[at]}`", nearest(made[at], column.choices)
            )
            for at in odd.arg_true()
        ]
    if column.range and column.type != "answer":  # an instrument's answers are checked by the instrument
        lo, hi = column.range
        odd = made.is_not_null() & ~made.is_between(lo, hi)
        problems += [
            Problem(
                "error",
                shown,
                at + 2,
                column.name,
                f"found {made[at]:g}, expected {lo:g} to {hi:g}",
                "correct the value or the range of the item",
            )
            for at in odd.arg_true()
        ]
    return made, problems


def _hint(found: str, kind: str) -> str:
    if kind in ("number", "answer", "integer") and "," in found:
        return "write the decimal point as a point"
    if kind == "date":
        return "write dates as 2026-03-31"
    return "correct the cell, or leave it empty"


def _integers(text: pl.Series) -> tuple[pl.Series, str]:
    number = text.cast(pl.Float64, strict=False)
    whole = (number == number.round(0)) & number.is_finite()
    return number.set(~whole.fill_null(False), None).cast(pl.Int64, strict=False), "a whole number"


def _numbers(text: pl.Series) -> tuple[pl.Series, str]:
    number = text.cast(pl.Float64, strict=False)
    return number.set(~number.is_finite().fill_null(False), None), "a number"


_CONVERT: dict[str, Callable[[pl.Series], tuple[pl.Series, str]]] = {
    "text": lambda text: (text, "text"),
    "choice": lambda text: (text, "one of the choices"),
    "date": lambda text: (text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False), "a date"),
    "integer": _integers,
    "number": _numbers,
    "answer": _numbers,
}

"""A file -> its cells as text, each row with the line it stands on; and what is wrong with the file as a file.

CSV is read by Python's own reader, because it knows the line of every row: a text of several lines, an empty line and
a row with a cell too many must not shift the line that a problem names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from armwise.errors import Problem

_SAVE = "save it as comma-separated UTF-8 text with one header line"


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Attributes:
        frame: the cells; empty ones are null. Of two columns with one name the first is kept.
        lines: the line of each row, counted from 1; in Parquet the row's number plus one, as if there were a header.
        problems: rows that are too long or too short, columns named twice.
    """

    frame: pl.DataFrame
    lines: pl.Series
    problems: tuple[Problem, ...]


def read_cells(path: Path, shown: str) -> Cells | Problem:
    """Reads a CSV or Parquet file; a file that is not one gives the problem instead.

    Args:
        path: the file.
        shown: its name in problems.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path, shown)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Problem("error", shown, None, "", f"cannot be read: {error.strerror}", "check the file")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(
            "error", shown, line, "", f"not UTF-8 text (byte {error.object[error.start]:#04x})", _SAVE
        )
    return _csv(text, shown)


def _parquet(path: Path, shown: str) -> Cells | Problem:
    try:
        frame = pl.read_parquet(path)
        floats = [c for c, dtype in frame.schema.items() if dtype.is_float()]
        frame = frame.with_columns(pl.col(floats).fill_nan(None)).with_columns(pl.all().cast(pl.String))
    except (
        OSError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:  # a broken file may panic
        what = f"cannot be read: {(str(error).strip().splitlines() or ['no Parquet'])[0][:160]}"
        return Problem("error", shown, None, "", what, "write it again")
    return Cells(_trimmed(frame), pl.Series(range(2, frame.height + 2), dtype=pl.Int64), ())


def _csv(text: str, shown: str) -> Cells | Problem:
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    try:
        for row in reader:
            if row or rows:  # lines that are empty before the header are nothing
                rows.append(row)
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        what = f"the row that begins here cannot be read: {error}"
        return Problem(
            "error", shown, before + 1, "", what, "close every quote, and write a quote in a text twice"
        )
    header = [name.strip() if name.isspace() else name for name in rows[0]] if rows else []
    if not any(header):
        return Problem("error", shown, None, "", "the file is empty", _SAVE)
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            return Problem("error", shown, 1, "", f"its columns are separated by {word}", _SAVE)
    kept = [at for at, name in enumerate(header) if name and name not in header[:at]]
    # A line with nothing in it is no row, except where nothing is an answer: in a file of one column.
    full = [at for at in range(1, len(rows)) if any(rows[at]) or (len(header) == 1)]
    problems = (*_twice(header, shown), *_ragged(rows, lines, len(header), full, shown))
    columns = [[rows[at][c].strip() or None if c < len(rows[at]) else None for at in full] for c in kept]
    frame = pl.DataFrame(
        dict(zip((header[c] for c in kept), columns, strict=True)), schema=[header[c] for c in kept]
    )
    return Cells(frame.cast(pl.String), pl.Series([lines[at] for at in full], dtype=pl.Int64), problems)


def _trimmed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.all().str.strip_chars().replace("", None))


def _twice(header: list[str], shown: str) -> Iterator[Problem]:
    for name in dict.fromkeys(header):
        if header.count(name) > 1 and name:
            yield Problem(
                "error", shown, 1, name, f"two columns are named `{name}`", "give each its own name"
            )
    if header.count(""):
        what = f"{header.count('')} of {len(header)} columns have no name: they are not used"
        yield Problem("warning", shown, 1, "", what, "name them, or take them out")


def _ragged(
    rows: list[list[str]], lines: list[int], width: int, full: list[int], shown: str
) -> Iterator[Problem]:
    for at in full:
        row = rows[at]
        if len(row) == width or (not row and width == 1) or (len(row) > width and not any(row[width:])):
            continue
        what = f"the row has {len(row)} cells, expected {width}"
        todo = (
            "put a text with commas in quotes" if len(row) > width else "write a comma for every empty cell"
        )
        yield Problem("error", shown, lines[at], "", what, todo)

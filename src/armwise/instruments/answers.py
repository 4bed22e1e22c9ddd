"""The answers' columns: which column holds which item, of which type; and the answers that are wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import narwhals as nw

from armwise.errors import InstrumentError, UsageError
from armwise.instruments.definition import Instrument, Item
from armwise.instruments.library import load
from armwise.instruments.reading import is_number, nearest


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that is not one of its item's answers.

    Attributes:
        row: 1 for the first row of data.
        index: 0 for the first row of data.
        item: the item's code.
        column: the column that holds it.
        found: the value as it stands there.
        expected: what is an answer, in words.
    """

    row: int
    index: int
    item: str
    column: str
    found: object
    expected: str

    def __str__(self) -> str:
        """`row 3, odi_4: found 7; expected a whole number from 0 to 5`."""
        return f"row {self.row}, {self.column}: found {_shown(self.found)}; expected {self.expected}"


def _shown(value: object) -> str:
    return (
        f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def frame_of(frame: Any) -> Any:
    """Any frame as a Narwhals frame.

    Raises:
        UsageError: it is not a frame.
    """
    try:
        return nw.from_native(frame)
    except TypeError as error:
        found = type(frame).__name__
        raise UsageError(f"found {found}; expected a frame (Polars eager or lazy, pandas, ...)") from error


def item_columns(
    instrument: Instrument, present: Iterable[str], items: Iterable[str], columns: Mapping[str, str] | None
) -> dict[str, str]:
    """Item -> column, for those items whose column is there.

    Args:
        instrument: the instrument.
        present: the frame's columns.
        items: the items that are wanted.
        columns: item -> column, where an item's column is not named by its code.

    Raises:
        InstrumentError: a wanted item that is not optional has no column, or `columns` names an unknown item.
    """
    given = dict(columns or {})
    known = [item.code for item in instrument.items]
    for code in given:
        if code not in known:
            raise InstrumentError(
                f'{instrument.id}: columns= names the unknown item "{code}"; {nearest(code, known)}'
            )
    there = list(present)
    found: dict[str, str] = {}
    absent: list[str] = []
    for code in items:
        column = given.get(code, code)
        if column in there:
            found[code] = column
        elif not instrument.item(code).optional or code in given:
            absent.append(f'"{column}" ({instrument.item(code).label}; {nearest(column, there)})')
    if absent:
        count = "column is" if len(absent) == 1 else f"{len(absent)} columns are"
        raise InstrumentError(
            f"{instrument.id}: the {count} missing: {', '.join(absent)}; "
            "rename the column, or name it in columns={item: column}"
        )
    return found


def check_answers(
    frame: Any,
    instrument: str | Instrument,
    *,
    columns: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
) -> list[Finding]:
    """The answers that are out of range, not whole where they must be, or not numbers.

    A missing answer (null, NaN) is no finding. Only wrong cells are taken out of the frame.

    Args:
        frame: any frame that Narwhals reads; a lazy one is collected, its item columns only.
        instrument: an instrument or its name.
        columns: item -> column, where an item's column is not named by its code.
        options: checked like those of `score`; they do not change what an answer is.

    Returns:
        One finding a wrong cell, by row, then by item.

    Raises:
        InstrumentError: a column that is missing.
        UsageError: what was given is not a frame.

    Example:
        >>> import polars as pl
        >>> [str(f) for f in check_answers(pl.DataFrame({"nrs_1": [3, 11, None]}), "nrs")]
        ['row 2, nrs_1: found 11; expected a whole number from 0 to 10']
    """
    chosen = load(instrument) if isinstance(instrument, str) else instrument
    if options is not None:
        from armwise.instruments.options import choose

        choose(chosen, options, scores=())
    data = frame_of(frame)
    there = data.collect_schema().names()
    codes = [item.code for item in chosen.items]
    needed = {code for one in chosen.scores for code in one.rule.items}
    unused = [code for code in codes if code not in needed and (columns or {}).get(code, code) in there]
    found = item_columns(chosen, there, [code for code in codes if code in needed or code in unused], columns)
    selected = data.select(*dict.fromkeys(found.values()))
    eager = selected.collect() if isinstance(selected, nw.LazyFrame) else selected
    findings = [one for code, column in found.items() for one in _wrong(eager, chosen.item(code), column)]
    order = {code: i for i, code in enumerate(codes)}
    return sorted(findings, key=lambda finding: (finding.row, order[finding.item]))


def _wrong(frame: nw.DataFrame[Any], item: Item, column: str) -> list[Finding]:
    """The wrong cells of one column."""
    series = frame[column]
    if series.dtype.is_numeric():
        numbers = series if series.dtype.is_integer() or series.dtype.is_float() else series.cast(nw.Float64)
        bad = ~numbers.is_between(item.lo, item.hi)
        if item.integer and not numbers.dtype.is_integer():
            bad = bad | (numbers != numbers.floor())
        if not numbers.dtype.is_integer():
            bad = bad & ~numbers.is_nan()
        bad = (bad & ~numbers.is_null()).fill_null(False)
    else:
        missing = series.is_null().to_list()
        cells = zip(series.to_list(), missing, strict=True)
        wrong = [not (empty or _is_answer(value, item)) for value, empty in cells]
        bad = nw.new_series("bad", wrong, nw.Boolean, backend=frame.implementation)
    rows = [int(i) for i in bad.arg_true().to_list()]
    cells_found = zip(rows, series.filter(bad.to_list()).to_list(), strict=True) if rows else ()
    return [Finding(i + 1, i, item.code, column, value, item.answers) for i, value in cells_found]


def _is_answer(value: object, item: Item) -> bool:
    """Whether one value of a column that is not numeric is an answer.

    A text that reads as a number is not an answer here: `score` would not take it.
    """
    if not is_number(value):
        return False
    number = float(cast("float", value))
    return math.isnan(number) or (item.lo <= number <= item.hi and (not item.integer or number.is_integer()))

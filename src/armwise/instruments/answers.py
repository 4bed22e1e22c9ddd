"""The answers' columns: which column holds which item, of which type; and the answers that are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from armwise.errors import InstrumentError
from armwise.instruments.definition import Instrument, Item
from armwise.instruments.library import load
from armwise.instruments.reading import nearest


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

    Example:
        >>> import polars as pl
        >>> [str(f) for f in check_answers(pl.DataFrame({"nrs_1": [3, 11, None]}), "nrs")]
        ['row 2, nrs_1: found 11; expected a whole number from 0 to 10']
    """
    chosen = load(instrument) if isinstance(instrument, str) else instrument
    if options is not None:
        from armwise.instruments.options import choose

        choose(chosen, options, scores=())
    data = nw.from_native(frame)
    codes = [item.code for item in chosen.items]
    needed = {code for score in chosen.scores for code in score.rule.items}
    found = item_columns(chosen, data.collect_schema().names(), [c for c in codes if c in needed], columns)
    extra = [c for c in codes if c not in needed]
    found |= item_columns(chosen, data.collect_schema().names(), extra, columns)
    selected = data.select(*dict.fromkeys(found.values()))
    eager = selected.collect() if isinstance(selected, nw.LazyFrame) else selected
    findings = [one for code, column in found.items() for one in _wrong(eager, chosen.item(code), column)]
    order = {code: i for i, code in enumerate(codes)}
    return sorted(findings, key=lambda finding: (finding.row, order[finding.item]))


def _wrong(frame: nw.DataFrame[Any], item: Item, column: str) -> list[Finding]:
    """The wrong cells of one column."""
    series = frame[column]
    if series.dtype.is_numeric():
        bad = ~series.is_between(item.lo, item.hi)
        if item.integer and not series.dtype.is_integer():
            bad = bad | (series != series.round(0))
        if not series.dtype.is_integer():
            bad = bad & ~series.is_nan()
        bad = (bad & ~series.is_null()).fill_null(False)
        rows = [int(i) for i in bad.arg_true().to_list()]
        cells = list(zip(rows, series.filter(bad).to_list(), strict=True)) if rows else []
    else:
        cells = [(i, value) for i, value in enumerate(series.to_list()) if not _is_answer(value, item)]
    return [Finding(i + 1, i, item.code, column, value, item.answers) for i, value in cells]


def _is_answer(value: object, item: Item) -> bool:
    """Whether one value of a column that is not numeric is an answer or missing.

    A text that reads as a number is not an answer here: `score` would not take it.
    """
    if value is None or value != value:  # NaN is the one value that differs from itself
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return item.lo <= value <= item.hi and (not item.integer or value == int(value))

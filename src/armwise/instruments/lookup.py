"""Look-up tables: whole numbers -> values, over a column of a frame, whatever the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw


@dataclass(frozen=True, slots=True)
class LookUp:
    """A column to be made: `table[column]` where `where` is 0 (null elsewhere), or everywhere.

    Attributes:
        column: the column of keys; its values are whole numbers from 0 on wherever they are looked up.
        table: key -> value, for every key that can occur.
        where: the column that is 0 in those rows that are looked up; None for all rows.
    """

    column: str
    table: Mapping[int, float | str]
    where: str | None = None


def look_up(data: Any, wanted: Mapping[str, LookUp]) -> Any:
    """Add one column for each look-up.

    A table of whole numbers is an array, and Polars can gather from one: measured, 3 ms for a million rows
    instead of 15 ms for `replace_strict`, which every other engine gets.

    Args:
        data: a Narwhals frame, eager or lazy.
        wanted: new column -> what to look up.

    Returns:
        The frame with those columns.
    """
    first: dict[tuple[object, ...], str] = {}
    for name, one in wanted.items():
        first.setdefault((one.column, one.where, id(one.table)), name)
    once = {name: wanted[name] for name in first.values()}
    if not once:
        return data
    if data.implementation.is_polars():
        data = _gathered(data, once)
    else:
        data = data.with_columns(**{name: _replaced(one) for name, one in once.items()})
    again = {
        name: nw.col(first[(one.column, one.where, id(one.table))])
        for name, one in wanted.items()
        if name not in once
    }
    return data.with_columns(**again) if again else data


def _replaced(one: LookUp) -> nw.Expr:
    keys, values = list(one.table), list(one.table.values())
    dtype = nw.String if isinstance(values[0], str) else nw.Float64
    value = nw.col(one.column).replace_strict(keys, values, default=None, return_dtype=dtype)
    return value if one.where is None else nw.when(nw.col(one.where) == 0).then(value)


def _gathered(data: Any, wanted: Mapping[str, LookUp]) -> Any:
    import polars as pl

    exprs = {}
    for name, one in wanted.items():
        size = max(one.table) + 1
        values = pl.Series([one.table.get(key) for key in range(size)])
        index = pl.col(one.column)
        if one.where is not None:
            index = pl.when(pl.col(one.where) == 0).then(index)
        exprs[name] = pl.lit(values).gather(index.cast(pl.Int64))
    return nw.from_native(data.to_native().with_columns(**exprs))

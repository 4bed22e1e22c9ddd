"""Answers -> scores: the public verb. What goes in comes out: Polars eager or lazy, pandas, DuckDB, ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import narwhals as nw

from armwise.errors import InstrumentError
from armwise.instruments.answers import frame_of, item_columns
from armwise.instruments.definition import Instrument, Item, ScoreDef
from armwise.instruments.expressions import Answer, Plan
from armwise.instruments.library import load
from armwise.instruments.lookup import LookUp, look_up
from armwise.instruments.options import choose
from armwise.instruments.reading import is_number, nearest

WORK = "__armwise_"
Frame = TypeVar("Frame")


def score(
    frame: Frame,
    instrument: str | Instrument,
    *,
    prefix: str | None = None,
    columns: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    scores: Iterable[str] | None = None,
) -> Frame:
    """Score a frame of answers, one questionnaire a row.

    Args:
        frame: any frame that Narwhals reads (Polars eager or lazy, pandas, ...), one column an item.
        instrument: an instrument or its name.
        prefix: what stands before each score's name in the new columns; `<instrument>_` when None.
        columns: item -> column, where an item's column is not named by its code.
        options: option -> choice; an option without a default must be given.
        scores: the scores that are wanted; all of them when None.

    Returns:
        The same frame with two columns a score added: `<prefix><score>` (float) and
        `<prefix><score>_status`: "ok", "missing items", "out of range", "not an integer", or "not collected"
        (the column of an optional item is absent). A score is null wherever its status is not "ok".

    Raises:
        InstrumentError: a missing column, a column that does not hold numbers, an option.
        UsageError: what was given is not a frame.

    Example:
        >>> import polars as pl
        >>> answers = pl.DataFrame({f"odi_{i}": [2, 5, 9] for i in range(1, 11)})
        >>> score(answers, "odi")["odi_total"].to_list()
        [40.0, 100.0, None]
    """
    chosen = load(instrument) if isinstance(instrument, str) else instrument
    wanted = _wanted(chosen, scores)
    complete = choose(chosen, options, [one.name for one in wanted])
    data = frame_of(frame)
    schema = data.collect_schema()
    needed = dict.fromkeys(code for one in wanted for code in one.rule.items)
    found = item_columns(chosen, schema.names(), needed, columns)
    start = f"{chosen.id}_" if prefix is None else prefix
    _check_names(chosen, wanted, start, schema.names())
    answers = {
        code: _answer(chosen, data, chosen.item(code), column, schema) for code, column in found.items()
    }
    plans = [Plan(one, complete, answers, chosen.file) for one in wanted]
    scored = _staged(data, plans, start)
    narwhal = isinstance(frame, nw.DataFrame | nw.LazyFrame)
    return scored if narwhal else nw.to_native(scored)  # type: ignore[no-any-return]


def _wanted(instrument: Instrument, scores: Iterable[str] | None) -> tuple[ScoreDef, ...]:
    if scores is None:
        return instrument.scores
    known = [one.name for one in instrument.scores]
    for name in (wanted := tuple(scores)):
        if name not in known:
            raise InstrumentError(f'{instrument.id}: unknown score "{name}"; {nearest(name, known)}')
    return tuple(instrument.score(name) for name in wanted)


def _check_names(
    instrument: Instrument, wanted: Iterable[ScoreDef], prefix: str, present: Iterable[str]
) -> None:
    """The new columns must not take an existing column's place."""
    there = set(present)
    if reserved := next((name for name in there if name.startswith(WORK)), None):
        raise InstrumentError(
            f'{instrument.id}: the column "{reserved}" has a name that scoring needs; rename it'
        )
    for one in wanted:
        for name in (f"{prefix}{one.name}", f"{prefix}{one.name}_status"):
            if name in there or "." in name:
                why = "is there already" if name in there else "has a dot in its name"
                raise InstrumentError(
                    f'{instrument.id}: the new column "{name}" {why}; '
                    f'choose another prefix= (found "{prefix}")'
                )


def _answer(instrument: Instrument, data: Any, item: Item, column: str, schema: Any) -> Answer:
    """An item's column as 64-bit numbers; a column of anything else is refused, unless it is empty."""
    dtype = schema[column]
    x = nw.col(column)
    if dtype.is_integer():
        narrow = dtype not in (nw.Int64, nw.UInt64, nw.Int128, nw.UInt128)
        return Answer(item, x, x.cast(nw.Int64) if narrow else x, floats=False)
    if dtype.is_numeric():
        x = x if dtype in (nw.Float64, nw.Float32) else x.cast(nw.Float64)
        return Answer(item, x, x.cast(nw.Float64) if dtype == nw.Float32 else x, floats=True)
    if dtype == nw.Unknown:
        x = x.cast(nw.Float64)  # a column of nulls alone has no type yet
        return Answer(item, x, x, floats=False)
    if isinstance(data, nw.DataFrame):
        series = data[column]
        if series.null_count() == len(series):
            x = nw.lit(None, dtype=nw.Float64)
            return Answer(item, x, x, floats=False)
        if dtype == nw.Object and all(is_number(value) for value in series.drop_nulls().to_list()):
            x = nw.when(~x.is_null()).then(x).cast(nw.Float64)  # pandas' NA alone does not become a float
            return Answer(item, x, x, floats=True)
    raise InstrumentError(
        f'{instrument.id}: the column "{column}" holds {dtype}; expected numbers ({item.answers}); '
        "check_answers() lists the cells that are none"
    )


def _staged(data: Any, plans: list[Plan], prefix: str) -> Any:
    """Add the scores' columns in stages, and drop what stood between."""
    before = data.collect_schema().names()
    work: dict[tuple[object, ...], str] = {}
    for number in (1, 2):
        new: dict[str, nw.Expr] = {}
        for plan in plans:
            for key, make in plan.stage(number, dict(work)):
                if key not in work:
                    work[key] = f"{WORK}{len(work)}"
                    new[work[key]] = make()
        data = data.with_columns(**new) if new else data
    out: dict[str, nw.Expr | LookUp] = {}
    for plan in plans:
        out[f"{prefix}{plan.score.name}"] = plan.final(work)
        out[f"{prefix}{plan.score.name}_status"] = plan.status(work)
    data = look_up(data, {name: one for name, one in out.items() if isinstance(one, LookUp)})
    rest = {name: one for name, one in out.items() if not isinstance(one, LookUp)}
    data = data.with_columns(**rest) if rest else data
    return data.select(*before, *out)

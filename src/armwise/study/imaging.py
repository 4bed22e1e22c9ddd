"""Readings of images against the protocol: each row says which place, whose reading, and which one of his."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from armwise.errors import Problem
from armwise.protocol.imaging import Imaging
from armwise.protocol.model import Protocol
from armwise.study.tables import FILE, LINE


def imaging_problems(protocol: Protocol, tables: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    """Grades whose place or reader is not known, and first readings that are there twice.

    Without its place or its reader a grade belongs to no pair of visits and to no pair of readers: it is neither left
    out nor guessed.
    """
    declared = protocol.imaging
    if declared is None or declared.form not in tables:
        return
    items = protocol.forms[declared.form].items
    held = [item for name, grade in declared.grades.items() for item in grade.held_in(name) if item in items]
    table = tables[declared.form]
    graded = table.filter(pl.any_horizontal(pl.col(held).is_not_null())) if held else table.clear()
    for column, said in ((declared.level, "level"), (declared.reader, "reader")):
        if column is None or column not in items:
            continue
        for record in graded.filter(pl.col(column).is_null()).iter_rows(named=True):
            what = f"a grade, and no {said}: it can be counted nowhere"
            yield Problem("error", record[FILE], record[LINE], column, what, f"fill in the {said}")
    if declared.reading in items:
        yield from _readings(declared, graded)


def _readings(declared: Imaging, graded: pl.DataFrame) -> Iterator[Problem]:
    """A reading without its number is the first; where that is there already, one of the two is another."""
    reading, keys = declared.reading or "", ["subject", "visit", declared.level, declared.reader or ""]
    first: dict[tuple[Any, ...], int] = {
        tuple(r[k] for k in keys): r[LINE] for r in graded.filter(pl.col(reading) == 1).iter_rows(named=True)
    }
    for record in graded.filter(pl.col(reading).is_null()).iter_rows(named=True):
        place = tuple(record[k] for k in keys)
        other = first.setdefault(place, record[LINE])
        if other == record[LINE]:
            what, todo = "which reading it is is not said: it counts as the first", "write 1, or 2"
            yield Problem("warning", record[FILE], record[LINE], reading, what, todo)
        else:
            what = f"which reading it is is not said, and row {other} is the first of the same place"
            yield Problem(
                "error", record[FILE], record[LINE], reading, what, "write 2, or keep the right one"
            )

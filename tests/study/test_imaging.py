"""What is wrong with readings of images: no level, no reader, and a first reading that is there twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from armwise.errors import Problem
from armwise.protocol.load import parse_protocol
from armwise.study.imaging import imaging_problems
from armwise.study.tables import FILE, LINE

PROTOCOL = """
study: {id: MRI, version: "1", title: Images, allocation: nonrandomised, masking: open-label}
arms: {new: {label: New}, usual: {label: Usual, reference: true}}
visits: {baseline: {day: 0}, m12: {day: 365}}
forms:
  subjects: {items: {age: {type: integer}}}
  odi: {instrument: odi, at: all}
  mri:
    at: all
    keys: [subject, visit, level, reader, reading]
    items:
      level: {type: choice, choices: [L4, L5]}
      reader: {type: choice, choices: [ann, ben]}
      reading: {type: integer}
      disc: {type: integer, range: [1, 5]}
      modic: {type: integer, range: [0, 3]}
endpoints: {change: {score: odi.total, kind: change}}
imaging:
  form: mri
  reader: reader
  reading: reading
  leading: ann
  grades: {disc: {scheme: pfirrmann}, modic: {scheme: modic}}
analyses: {main: {endpoint: change, at: m12, role: exploratory, method: mean-difference}}
"""
GOOD = {
    "subject": "a",
    "visit": "m12",
    "level": "L4",
    "reader": "ann",
    "reading": 1,
    "disc": 3,
    "modic": None,
}


def told(*rows: dict[str, Any]) -> list[Problem]:
    schema = {**dict.fromkeys(("subject", "visit", "level", "reader"), pl.String), "reading": pl.Int64}
    schema |= {"disc": pl.Int64, "modic": pl.Int64}
    frame = pl.DataFrame([{**GOOD, **row} for row in rows], schema=schema).with_columns(
        pl.lit(dt.date(2026, 1, 1)).alias("date"), pl.lit("data/mri.csv").alias(FILE),
        pl.int_range(2, len(rows) + 2).alias(LINE),
    )  # fmt: skip
    return list(imaging_problems(parse_protocol(PROTOCOL, "p"), {"mri": frame}))


def test_readings_in_order_have_no_problem() -> None:
    assert told({}, {"reading": 2}, {"reader": "ben"}, {"level": "L5"}, {"visit": "baseline"}) == []


@pytest.mark.parametrize(
    ("row", "severity", "column", "what"),
    [
        ({"level": None}, "error", "level", "a grade, and no level: it can be counted nowhere"),
        ({"reader": None}, "error", "reader", "a grade, and no reader: it can be counted nowhere"),
        ({"reading": None, "level": "L5"}, "warning", "reading",
         "which reading it is is not said: it counts as the first"),
        ({"reading": None}, "error", "reading",
         "which reading it is is not said, and row 2 is the first of the same place"),
    ],
)  # fmt: skip
def test_a_grade_that_belongs_nowhere_is_told_at_its_row(
    row: dict[str, Any], severity: str, column: str, what: str
) -> None:
    (problem,) = told({}, row)
    assert (problem.severity, problem.file, problem.row) == (severity, "data/mri.csv", 3)
    assert (problem.column, problem.what) == (column, what)
    assert problem.todo


def test_two_readings_without_their_number_are_not_both_the_first() -> None:
    assert [p.severity for p in told({"reading": None}, {"reading": None})] == ["warning", "error"]


def test_a_row_without_a_grade_is_nothing_to_judge() -> None:
    nothing = {"disc": None, "level": None, "reader": None, "reading": None}
    assert told({}, nothing) == []
    (problem,) = told({}, {**nothing, "modic": 0, "level": "L4", "reading": 2})
    assert problem.column == "reader"


def test_a_study_without_images_has_none_of_these() -> None:
    protocol = parse_protocol(PROTOCOL, "p")
    assert list(imaging_problems(protocol, {})) == []
    assert list(imaging_problems(protocol.model_copy(update={"imaging": None}), {})) == []

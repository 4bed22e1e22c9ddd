"""Readings of images: places, sides, readers, and the reading that leads."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from armwise.derive.imaging import leading, paired, readings
from armwise.protocol.load import parse_protocol

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
      reader: {type: choice, choices: [ann, ben, consensus]}
      reading: {type: integer}
      blind: {type: choice, choices: ["yes", "no"]}
      disc: {type: integer, range: [1, 5]}
      left: {type: integer, range: [0, 3]}
      right: {type: integer, range: [0, 3]}
endpoints: {change: {score: odi.total, kind: change}}
imaging:
  form: mri
  reader: reader
  reading: reading
  leading: LEADING
  blinded: {arm: blind}
  grades: {disc: {scheme: pfirrmann}, facets: {scheme: weishaupt, items: [left, right]}}
analyses: {main: {endpoint: change, at: m12, role: exploratory, method: mean-difference}}
"""
SUBJECTS = pl.DataFrame(
    {"subject": ["a", "b"], "arm": ["new", "usual"], "time_zero": [dt.date(2026, 1, 10)] * 2}
)
LEVELS = {"baseline": dt.date(2026, 1, 1), "m12": dt.date(2027, 1, 10)}


def table(*rows: tuple[object, ...]) -> pl.DataFrame:
    names = ("subject", "visit", "level", "reader", "reading", "blind", "disc", "left", "right")
    frame = pl.DataFrame(
        rows,
        schema=dict.fromkeys(names, pl.String) | dict.fromkeys(("reading", *names[6:]), pl.Int64),
        orient="row",
    )
    return frame.with_columns(date=pl.col("visit").replace_strict(LEVELS, return_dtype=pl.Date))


MRI = table(
    ("a", "baseline", "L4", "ann", 1, "yes", 3, 0, 1),
    ("a", "baseline", "L4", "ben", 1, "no", 4, 1, 1),
    ("a", "baseline", "L4", "consensus", 1, None, 4, 1, 1),
    ("a", "m12", "L4", "ann", 1, "yes", 2, 0, 3),
    ("a", "m12", "L4", "ann", 2, "yes", 5, 0, None),
    ("a", "m12", "L4", "ben", None, None, 3, 0, 1),
    ("a", "m12", "L5", "ben", 1, "yes", 1, 0, 1),
    ("b", "baseline", "L4", "ann", 1, "yes", 2, 0, 1),
)  # fmt: skip


def read(leads: str, mri: pl.DataFrame = MRI):  # type: ignore[no-untyped-def]
    found = readings(parse_protocol(PROTOCOL.replace("LEADING", leads), "p"), {"mri": mri}, SUBJECTS)
    assert found is not None
    return found


def test_a_grade_is_its_number_on_the_scale_and_a_side_is_a_place() -> None:
    found = read("ann")
    disc = found.long.filter(pl.col("grade") == "disc")
    assert disc.height == 8
    assert disc["category"].to_list() == [2, 3, 3, 1, 4, 2, 0, 1]
    facets = found.long.filter((pl.col("grade") == "facets") & (pl.col("reader") == "ann"))
    assert set(facets["place"]) == {"L4 left", "L4 right"}
    assert facets.height == 7  # an empty cell is no reading
    assert (found.readers, found.sources) == (("ann", "ben"), ("ann", "ben", "consensus"))
    assert (found.arms, found.visits) == (("new", "usual"), ("baseline", "m12"))


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ("ann", [("a", 2.0, 1.0)]),  # the first reading, not the second
        ("ben", [("a", 3.0, 2.0)]),  # an empty `reading` is the first
        ("consensus", []),  # no consensus at month 12
        ("mean", [("a", 2.5, 1.5)]),  # of those that both graded: not L5
    ],
)
def test_the_declared_reading_leads(leads: str, expected: list[tuple[object, ...]]) -> None:
    both = paired(read(leads), "disc", "m12")
    assert both.select("subject", "before", "after").rows() == expected
    assert leading(read(leads), "disc").select("subject", "visit", "place").is_duplicated().sum() == 0


def test_a_scan_is_read_blind_where_every_row_says_so() -> None:
    scans = {
        (s, v, r, k): b
        for s, v, r, k, b in read("ann")
        .scans.select("subject", "visit", "reader", "reading", "blinded_arm")
        .iter_rows()
    }
    assert scans[("a", "baseline", "ann", 1)] == "yes"
    assert scans[("a", "baseline", "ben", 1)] == "no"
    assert scans[("a", "m12", "ben", 1)] is None  # one of its two rows says nothing
    assert len(scans) == 7


def test_a_baseline_made_after_time_zero_is_no_baseline() -> None:
    late = MRI.with_columns(
        date=pl.when(pl.col("subject") == "b").then(dt.date(2026, 2, 1)).otherwise("date")
    )
    found = read("ann", late)
    assert found.late.rows() == [("b", "usual")]
    assert "b" not in found.long["subject"]


def test_a_row_without_a_grade_is_no_scan() -> None:
    empty = table(
        ("b", "m12", "L4", "ann", 1, None, None, None, None),
        ("b", "m12", None, None, None, None, None, None, None),
    )
    noted = pl.concat([MRI, empty.with_columns(date=LEVELS["m12"])])
    assert read("ann", noted).scans.rows() == read("ann").scans.rows()
    done = noted.with_columns(status=pl.when(pl.col("subject") == "b").then(pl.lit("not done")))
    assert read("ann", done).scans.height == 7  # the baseline of b has grades: they are used


def test_a_form_without_a_table_has_no_readings_and_no_section_gives_none() -> None:
    protocol = parse_protocol(PROTOCOL.replace("LEADING", "ann"), "p")
    nothing = readings(protocol, {}, SUBJECTS)
    assert nothing is not None
    assert nothing.long.is_empty()
    assert nothing.scans.is_empty()
    assert readings(protocol.model_copy(update={"imaging": None}), {"mri": MRI}, SUBJECTS) is None

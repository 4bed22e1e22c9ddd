"""Adverse events as drawn: their numbers, their course, and what they were related to."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.protocol.model import Form
from armwise.simulate.adverse_events import draw_adverse_events
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.table_kinds import AdverseEvents

FORM = Form.model_validate(
    {
        "keys": ["subject", "date", "term"],
        "items": {
            "date": {"type": "date"},
            "end": {"type": "date"},
            "term": {"type": "text"},
            "severity": {"type": "integer", "range": [1, 5]},
            "serious": {"type": "choice", "choices": ["yes", "no"]},
            "related": {"type": "choice", "choices": ["no", "treatment", "procedure"]},
            "outcome": {"type": "choice", "choices": ["recovered", "not_recovered"]},
        },
    }
)
TABLE = AdverseEvents.model_validate(
    {
        "kind": "adverse-events",
        "terms": {
            "bruise": {"by_arm": {"new": 0.5}, "days": [0, 4], "procedure": True},
            "headache": {"by_arm": {"new": 0.2, "old": 0.4}, "days": [1, 300]},
        },
        "severity": {1: 0.7, 2: 0.3},
        "serious": 0.1,
        "related": 0.25,
        "lasts": [2, 20],
        "recovered": 0.9,
        "status": "assumed",
        "source": "invented",
    }
)
N = 4000
START = 737425  # 2020-01-01


class Attendance:
    """Everyone enters on one day and is seen for a year; the last hundred leave on day 30."""

    zero = np.full(N, START)
    left = np.where(np.arange(N) >= N - 100, START + 30, 0)

    def until(self) -> np.ndarray:
        return np.where(self.left > 0, self.left, START + 365)


class People:
    arm = np.arange(N) % 2


@pytest.fixture(scope="module")
def drawn() -> pl.DataFrame:
    subject = np.array([f"s{i:05d}" for i in range(N)])
    enrolled = Enrolled(None, subject, ("new", "old"), People(), Attendance())  # type: ignore[arg-type]
    made = draw_adverse_events(TABLE, FORM, enrolled, np.random.default_rng(3))
    dated = [pl.col(c).str.to_date() for c in ("date", "end")]
    number = pl.col("subject").str.slice(1).cast(pl.Int64).alias("number")
    return made.with_columns(*dated, number)


def share(values: pl.Series) -> float:
    return float(values.mean())  # type: ignore[arg-type]


def test_events_come_at_the_declared_rate_in_each_arm(drawn: pl.DataFrame) -> None:
    counted = drawn.group_by("term", pl.col("number") % 2 == 0).len().sort("term", "number")
    found = {(term, "new" if new else "old"): n / (N / 2) for term, new, n in counted.rows()}
    assert ("bruise", "old") not in found
    # two bruises of one patient on one day are one
    assert found["bruise", "new"] == pytest.approx(0.5, abs=0.07)
    assert found["headache", "new"] == pytest.approx(0.2, abs=0.04)
    assert found["headache", "old"] == pytest.approx(0.4, abs=0.05)


def test_an_event_that_has_ended_ends_after_it_began_and_before_the_patient_left(drawn: pl.DataFrame) -> None:
    ended = drawn.filter(pl.col("end").is_not_null())
    length = (ended["end"] - ended["date"]).dt.total_days()
    assert (length.min(), length.max()) == (2, 20)
    late = ended.filter((pl.col("number") >= N - 100) & (pl.col("end") > pl.date(2020, 1, 31)))
    assert late.is_empty()
    assert (drawn["end"].is_not_null() == (drawn["outcome"] == "recovered")).all()
    assert share(drawn.filter(pl.col("number") < N - 100)["outcome"] == "recovered") == pytest.approx(
        0.9, abs=0.03
    )


def test_events_of_the_procedure_are_related_to_it_and_the_others_as_declared(drawn: pl.DataFrame) -> None:
    bruises, headaches = (drawn.filter(pl.col("term") == t)["related"] for t in ("bruise", "headache"))
    assert bruises.unique().to_list() == ["procedure"]
    assert set(headaches.unique()) == {"treatment", "no"}
    assert share(headaches == "treatment") == pytest.approx(0.25, abs=0.04)


def test_a_serious_event_is_of_grade_3_at_least(drawn: pl.DataFrame) -> None:
    serious = drawn.filter(pl.col("serious") == "yes")
    assert serious["severity"].unique().to_list() == [3]
    assert share(drawn["serious"] == "yes") == pytest.approx(0.1, abs=0.02)
    assert set(drawn.filter(pl.col("serious") == "no")["severity"].unique()) == {1, 2}


def test_only_the_form_s_items_are_written_and_its_keys_tell_rows_apart(drawn: pl.DataFrame) -> None:
    assert set(drawn.columns) - {"number"} == {"subject", *FORM.items}
    assert not drawn.select("subject", "date", "term").is_duplicated().any()
    assert drawn["number"].is_sorted()

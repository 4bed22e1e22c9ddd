"""Time zero: by arm, from the date that the protocol names, the first where there are several."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from armwise.protocol.load import load_protocol
from armwise.study.study import load_study
from armwise.study.tables import FILE, LINE
from armwise.study.timing import time_zero


def test_each_arm_has_the_date_that_the_protocol_names(study: Path) -> None:
    found = load_study(study)
    zero = time_zero(found.protocol, found.tables)
    assert dict(zip(zero["subject"], zero["time_zero"], strict=True)) == {
        "s1": dt.date(2026, 1, 10), "s2": dt.date(2026, 1, 11), "s3": dt.date(2026, 1, 7), "s4": dt.date(2026, 1, 8),
    }  # fmt: skip
    assert zero.columns == ["subject", "arm", "time_zero", FILE, LINE]
    assert zero[LINE].to_list() == [2, 3, 4, 5]


def test_of_several_dates_the_first_day_counts(study: Path, told: Callable[..., list[str]]) -> None:
    told(("procedures.csv", "s1,2026-01-10,2.5\n", "s1,2026-01-20,1\ns1,2026-01-10,2.5\ns1,,1\n"))
    found = load_study(study)
    assert time_zero(found.protocol, found.tables)["time_zero"][0] == dt.date(2026, 1, 10)


def test_without_its_table_nobody_has_a_time_zero(study: Path) -> None:
    found = load_study(study)
    zero = time_zero(found.protocol, {"subjects": found.tables["subjects"]})
    assert zero["time_zero"].null_count() == 2
    assert zero.height == 4


def test_one_date_may_serve_every_arm(study: Path) -> None:
    protocol = load_protocol(study).model_copy(update={"time_zero": "subjects.enrolled"})
    zero = time_zero(protocol, load_study(study).tables)
    assert zero["time_zero"].to_list() == [dt.date(2026, 1, d) for d in (5, 6, 7, 8)]


def test_a_subject_of_an_unknown_arm_is_not_among_them(study: Path, told: Callable[..., list[str]]) -> None:
    told(("subjects.csv", "s1,new", "s1,New"), ("subjects.csv", "s2,new", ",new"))
    found = load_study(study)
    assert time_zero(found.protocol, found.tables)["subject"].to_list() == ["s3", "s4"]

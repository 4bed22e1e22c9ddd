from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.simulate import simulate
from armwise.simulate.attendance import attend, pick
from armwise.simulate.people import enrolled
from armwise.simulate.streams import stream

ARMS = ("control", "bmc")


@pytest.fixture(scope="module")
def many(reference):
    people = enrolled(reference.assumptions, ARMS, {"bmc": 4000, "control": 4000}, stream(5, "people"))
    return people, attend(reference.protocol, reference.assumptions, people, ARMS, 5)


def test_patients_enter_in_order_within_the_months_of_enrolment(many):
    _, attendance = many
    assert (np.diff(attendance.enrolled) >= 0).all()
    assert attendance.enrolled[-1] - attendance.enrolled[0] <= 15 * 31


def test_the_baseline_is_on_or_before_time_zero_and_within_its_window(many):
    people, attendance = many
    wait = attendance.zero - attendance.day[:, 0]
    assert (wait[people.arm == 0] == 0).all()
    assert wait[people.arm == 1].min() == 5
    assert wait[people.arm == 1].max() == 21


def test_visits_lie_within_their_windows_but_for_the_declared_share(reference, many):
    _, attendance = many
    for v, visit in enumerate(list(reference.protocol.visits.values())[1:], start=1):
        off = attendance.day[:, v] - attendance.zero - visit.day
        late = off > visit.window[1]
        assert (off >= visit.window[0]).all()
        assert late.mean() == pytest.approx(reference.assumptions.visits.late, abs=0.006)
        assert off[late].max() <= visit.window[1] + reference.assumptions.visits.late_by[1]
    assert (np.diff(attendance.day, axis=1) > 0).all()


def test_the_declared_shares_leave_before_each_visit(reference, many):
    people, attendance = many
    dropout = reference.assumptions.missing.dropout
    for a, arm in enumerate(ARMS):
        came = attendance.came[people.arm == a]
        for v, visit in enumerate(list(reference.protocol.visits)[1:], start=1):
            gone = 1 - came[came[:, v - 1], v].mean()
            assert gone == pytest.approx(dropout.by_arm[arm].get(visit, 0), abs=0.012)


def test_who_has_left_does_not_come_back_and_left_between_two_visits(many):
    _, attendance = many
    assert (np.diff(attendance.came.astype(int), axis=1) <= 0).all()
    for i in np.flatnonzero(attendance.left)[:200]:
        first = int(np.argmin(attendance.came[i]))
        assert attendance.day[i, first - 1] < attendance.left[i] < attendance.day[i, first]
        assert attendance.left_reason[i] != ""
    assert (attendance.left_reason[attendance.left == 0] == "").all()


def test_opioid_users_leave_more_often_as_the_effect_says(many):
    people, attendance = many
    user = people.covariates["opioid_use"] == "yes"
    left = attendance.left > 0
    assert left[user].mean() > left[~user].mean() + 0.01


def test_words_are_drawn_by_their_weights():
    drawn = pick(stream(1, "w"), {"a": 3, "b": 1}, 8000)
    assert (drawn == "a").mean() == pytest.approx(0.75, abs=0.02)


def test_a_form_that_was_not_filled_in_is_a_row_with_a_reason_and_no_answers(reference):
    tables = simulate(reference.protocol, reference.assumptions, seed=2, per_arm={"bmc": 500, "control": 500})
    odi = tables["odi"]
    missing = odi.filter(pl.col("status") == "not done")
    after = odi.filter(pl.col("visit") != "baseline")
    assert missing.height / after.height == pytest.approx(0.015, abs=0.006)
    assert missing["reason"].null_count() == 0
    assert missing.select(pl.all_horizontal(pl.col("^odi_.*$").is_null()).all()).item()
    assert missing.filter(pl.col("visit") == "baseline").is_empty()
    assert odi.filter(pl.col("status") != "not done")["reason"].null_count() == odi.height - missing.height


def test_single_answers_are_left_out_and_the_form_is_then_partial(reference):
    tables = simulate(reference.protocol, reference.assumptions, seed=2, per_arm={"bmc": 500, "control": 500})
    odi = tables["odi"].filter(pl.col("status") != "not done")
    shares = {c: odi[c].null_count() / odi.height for c in odi.columns if c.startswith("odi_")}
    assert shares.pop("odi_8") == pytest.approx(0.06, abs=0.02)  # the item that may not apply
    assert np.mean(list(shares.values())) == pytest.approx(0.003, abs=0.0015)
    empty = odi.select(pl.any_horizontal(pl.col("^odi_.*$").is_null())).to_series()
    assert (odi["status"] == "partial").to_list() == empty.to_list()

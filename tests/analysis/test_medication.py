"""Opioids by visit: users, doses of users, cut points, unknown doses and changes of use; nothing is compared here."""

from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.medication import AT_LEAST, COURSES, SELECTED, medication
from armwise.analysis.results import Row, table
from armwise.analysis.run import analyse
from armwise.derive.derived import derive

OXYCODONE = {"subject": "p1", "drug": "oxycodone"}  # 30 MME
RECORDS = [
    {**OXYCODONE, "stop": 40},  # stops after the first month
    {**OXYCODONE, "subject": "p2", "dose": 10},  # 60
    {**OXYCODONE, "subject": "p4", "start": 60, "times": 12},  # starts, 90
]


@pytest.fixture(scope="module")
def rows(small: Any) -> list[Row]:
    made = list(medication(derive(small.treated(RECORDS, medication={"cut_points": [50, 90]}))))
    table(made)  # keys are unique
    return made


def one(rows: list[Row], **where: Any) -> Row:
    (found,) = [r for r in rows if all(r[k] == v for k, v in where.items())]
    return found


@pytest.mark.parametrize(
    ("visit", "arm", "users", "n"),
    [("baseline", "new", 2, 2), ("m3", "new", 0, 1), ("m3", "old", 1, 2), ("m1", "old", 0, 1)],
)
def test_users_are_counted_among_those_who_came(
    rows: list[Row], visit: str, arm: str, users: int, n: int
) -> None:
    found = one(rows, item="any opioid", statistic="count", visit=visit, arm=arm)
    assert (found["estimate"], found["n"]) == (users, n)
    risk = one(rows, item="any opioid", statistic="risk", visit=visit, arm=arm)
    assert risk["estimate"] == users / n


def test_the_doses_of_users_are_described_with_the_sentence_that_they_were_selected(rows: list[Row]) -> None:
    found = one(rows, item="dose of users", statistic="median", visit="baseline", arm="new")
    assert (found["estimate"], found["n"], found["unit"]) == (45, 2, "MME/day")
    assert found["reason"] == SELECTED
    assert found["method"] == "CDC 2022 factors"
    assert one(rows, item="dose of users", statistic="n", visit="m3", arm="new")["estimate"] == 0
    nobody = [r for r in rows if (r["item"], r["visit"], r["arm"]) == ("dose of users", "m3", "new")]
    assert [r["statistic"] for r in nobody] == ["n"]


def test_nothing_is_compared_and_nothing_has_a_p(rows: list[Row]) -> None:
    assert {r["versus"] for r in rows} == {r["p"] for r in rows} == {None}
    assert {r["role"] for r in rows} == {"descriptive"}


def test_cut_points_count_everyone_whose_dose_is_known_the_point_included(rows: list[Row]) -> None:
    at_90 = one(rows, item="dose at or above", at=90.0, visit="m3", arm="old")
    assert (at_90["estimate"], at_90["n"]) == (1, 2)
    at_50 = one(rows, item="dose at or above", at=50.0, visit="baseline", arm="new")
    assert (at_50["estimate"], at_50["n"]) == (1, 2)


def test_use_is_set_against_use_at_baseline_and_adds_up_to_those_known_at_both(rows: list[Row]) -> None:
    for visit, arm in (("m1", "new"), ("m3", "new"), ("m1", "old"), ("m3", "old")):
        mine = [
            r for r in rows if r["item"] == "use since baseline" and (r["visit"], r["arm"]) == (visit, arm)
        ]
        assert [r["category"] for r in mine] == list(COURSES.values())
        assert sum(r["estimate"] for r in mine) == mine[0]["n"]
    assert one(rows, item="use since baseline", category="stopped", visit="m3", arm="new")["estimate"] == 1
    assert one(rows, item="use since baseline", category="started", visit="m3", arm="old")["estimate"] == 1
    assert not [r for r in rows if r["item"] == "use since baseline" and r["visit"] == "baseline"]


def test_a_user_without_a_dose_is_counted_with_the_reason_and_in_no_dose(small: Any) -> None:
    patch = {"subject": "p1", "drug": "buprenorphine", "dose": 10, "unit": "mcg/h", "times": None}
    found = list(medication(derive(small.treated([patch], medication={"cut_points": [50]}))))
    gap = one(found, item="dose of users", statistic="missing", visit="m1", arm="new")
    assert (gap["estimate"], gap["n"]) == (1, 1)
    assert gap["category"] == "buprenorphine has no factor in CDC 2022: it is a partial agonist"
    assert one(found, item="any opioid", statistic="count", visit="m1", arm="new")["estimate"] == 1
    assert one(found, item="dose at or above", at=50.0, visit="m1", arm="new")["n"] == 1


def test_without_a_complete_list_those_without_a_record_are_counted_as_not_known(small: Any) -> None:
    found = list(
        medication(derive(small.treated(RECORDS, medication={"complete": False, "cut_points": [50]})))
    )
    unknown = one(found, item="any opioid", statistic="missing", visit="m3", arm="old")
    assert (unknown["estimate"], unknown["n"]) == (1, 2)
    count = one(found, item="any opioid", statistic="count", visit="m3", arm="old")
    assert (count["estimate"], count["n"]) == (
        1,
        None,
    )  # at least one: of nobody is it known that they took none
    assert count["reason"] == AT_LEAST
    share = one(found, item="any opioid", statistic="risk", visit="m3", arm="old")
    assert (share["status"], share["estimate"], share["reason"]) == ("not estimable", None, AT_LEAST)
    assert {r["n"] for r in found if r["item"] == "dose at or above"} == {None}
    assert not [r for r in found if r["item"] == "use since baseline"]


def test_a_study_without_the_section_has_no_such_rows(small: Any) -> None:
    study = small.study(
        {"subjects": small.people(["new", "old"]), "scale": small.scale({"p1": (40, 30, 20)})}
    )
    assert list(medication(derive(study))) == []


def test_a_change_in_per_cent_leaves_out_and_counts_those_who_took_none_at_baseline(small: Any) -> None:
    endpoints = {**small.protocol["endpoints"], "percent": {"score": "drugs.mme", "kind": "percent-change"}}
    percent = {"endpoint": "percent", "at": "m1", "role": "exploratory", "method": "mann-whitney"}
    analyses = {**small.protocol["analyses"], "percent": percent}
    results = analyse(small.treated(RECORDS, endpoints=endpoints, analyses=analyses))
    found = results.rows(analysis="percent", statistic="excluded", category="outcome missing: baseline is 0")
    assert {r["arm"]: r["estimate"] for r in found} == {"old": 1}
    change = results.one(analysis="percent", statistic="mean", arm="new", method="as analysed")
    assert change is not None
    assert (change["estimate"], change["n"]) == (0, 2)


def test_the_method_permutation_compares_the_doses_and_says_how_many_arrangements(small: Any) -> None:
    endpoints = {**small.protocol["endpoints"], "dose": {"score": "drugs.mme", "kind": "change"}}
    dose = {"endpoint": "dose", "at": "m1", "role": "exploratory", "method": "permutation"}
    records = [{**OXYCODONE, "start": 10}]
    study = small.treated(records, endpoints=endpoints, analyses={**small.protocol["analyses"], "dose": dose})
    found = analyse(study).one(analysis="dose", statistic="mean difference")
    assert found is not None
    assert found["status"] == "not estimable"  # one patient of the old arm came
    assert found["reason"] == "each arm needs 2 values, found 2 and 1"
    assert found["method"] == "permutation of Welch's t"

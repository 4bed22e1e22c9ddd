from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from armwise.derive.derived import Derived, derive
from armwise.study.study import load_study

BY_DATE = {"visits_by": "date"}


def used(derived: Derived, score: str = "scale.points") -> dict[tuple[str, str], float | None]:
    """(subject, visit) -> value."""
    rows = derived.scores.filter(pl.col("score") == score).select("subject", "visit", "value")
    assert rows.select("subject", "visit").is_unique().all()
    return {(subject, visit): value for subject, visit, value in rows.iter_rows()}


def left(derived: Derived) -> dict[int, str]:
    """File row of the scale -> why no visit uses it."""
    return {e["row"]: e["reason"] for e in derived.left_out if e["file"].startswith("data/scale")}


def test_the_baseline_is_the_last_scoreable_record_on_or_before_time_zero(small: Any) -> None:
    rows = small.records("p1", ("", -20, 40), ("", -3, 35), ("", 0, 30), ("", 1, 10), ("", 30, 20))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, **BY_DATE))
    assert used(derived) == {("p1", "baseline"): 30, ("p1", "m1"): 20}
    assert left(derived) == {
        2: "before treatment, but not the last scoreable record",
        3: "before treatment, but not the last scoreable record",
        5: "in no visit's window",
    }


def test_a_last_record_that_cannot_be_scored_falls_back_to_the_earlier_one(small: Any) -> None:
    rows = small.records("p1", ("", -3, 35), ("", 0, None), ("", 30, 20))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, **BY_DATE))
    assert used(derived)["p1", "baseline"] == 35
    assert left(derived) == {3: "before treatment, but not the last scoreable record"}


def test_where_no_record_before_treatment_can_be_scored_the_last_one_says_why(small: Any) -> None:
    rows = small.records("p1", ("", -3, None), ("", 0, None))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, **BY_DATE))
    kept = derived.scores.filter(pl.col("score") == "scale.points").to_dicts()
    assert [(r["visit"], r["value"], r["status"], r["_row"]) for r in kept] == [
        ("baseline", None, "missing", 3)
    ]


def test_a_record_labelled_baseline_after_time_zero_is_a_problem_and_not_a_baseline(small: Any) -> None:
    rows = small.records("p1", ("baseline", 2, 30), ("m1", 30, 20))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}))
    assert used(derived) == {("p1", "m1"): 20}
    assert left(derived) == {2: "labelled baseline, but recorded after time zero"}
    found = [p for p in derived.problems if "day 2, after time zero" in p.what]
    assert [(p.severity, p.file, p.row, p.column) for p in found] == [
        ("warning", "data/scale.csv", 2, "date")
    ]


def test_a_follow_up_dated_before_time_zero_is_no_baseline_and_stops_the_analysis(small: Any) -> None:
    rows = small.records("p1", ("baseline", -1, 40), ("m1", -335, 36), ("m3", 90, 12))
    good = small.study({"subjects": small.people(["new", "old"]), "scale": rows[::2]})
    pl.DataFrame(rows).write_csv(good.folder / "data" / "scale.csv")
    study = load_study(good.folder)
    assert [(p.row, p.column) for p in study.errors] == [(3, "date")]
    assert study.errors[0].what == "labelled m1, but dated before time zero (day −335)"
    derived = derive(study)
    assert used(derived) == {("p1", "baseline"): 40, ("p1", "m3"): 12}
    assert left(derived) == {3: "labelled m1, dated before time zero"}


def test_a_later_misdated_record_does_not_take_the_place_of_the_baseline(small: Any) -> None:
    rows = small.records("p1", ("baseline", -20, 40), ("m3", -1, 12))
    good = small.study({"subjects": small.people(["new", "old"]), "scale": rows[:1]})
    pl.DataFrame(rows).write_csv(good.folder / "data" / "scale.csv")
    assert used(derive(load_study(good.folder))) == {("p1", "baseline"): 40}


def test_a_visit_that_is_planned_before_time_zero_may_be_dated_so(small: Any) -> None:
    visits = {"baseline": {"day": -14}, "eve": {"day": -1}, "m1": {"day": 30}, "m3": {"day": 90}}
    rows = small.records("p1", ("baseline", -15, 40), ("eve", -1, 38), ("m1", 30, 20))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, visits=visits))
    assert used(derived) == {("p1", "baseline"): 40, ("p1", "eve"): 38, ("p1", "m1"): 20}
    assert left(derived) == {}


def test_no_baseline_is_a_problem_of_the_subject_and_score(small: Any) -> None:
    study = small.study(
        {"subjects": small.people(["new", "old"]), "scale": small.records("p1", ("m1", 30, 20))}
    )
    found = [p for p in derive(study).problems if "no scoreable record of scale.points" in p.what]
    assert [(p.file, p.row, p.column) for p in found] == [
        ("data/subjects.csv", 2, "scale.points"),
        ("data/subjects.csv", 3, "scale.points"),
    ]


def test_time_zero_is_the_first_procedure_in_one_arm_and_enrolment_in_the_other(small: Any) -> None:
    forms = {
        "forms": {
            **small.protocol["forms"],
            "procedures": {"arms": ["new"], "keys": ["subject", "part"], "items": {
                "date": {"type": "date"}, "part": {"type": "text"}}},
        },
        "time_zero": {"new": "procedures.date", "old": "subjects.enrolled"},
    }  # fmt: skip
    procedures = [
        {"subject": "p1", "date": "2026-01-20", "part": "second"},
        {"subject": "p1", "date": "2026-01-11", "part": "first"},
    ]
    rows = [row for p in ("p1", "p2") for row in small.records(p, ("baseline", 0, 40), ("m1", 10, 30))]
    tables = {"subjects": small.people(["new", "old"]), "procedures": procedures, "scale": rows}
    derived = derive(small.study(tables, **forms))
    days = {(r["subject"], r["visit"]): r["day"] for r in derived.scores.iter_rows(named=True)}
    # p1 was enrolled ten days before the injection, so that the same two dates are other days
    assert days == {("p1", "baseline"): -10, ("p1", "m1"): 0, ("p2", "baseline"): 0, ("p2", "m1"): 10}


@pytest.mark.parametrize(
    ("rule", "days", "chosen"),
    [
        ("nearest", (22, 29, 33), 29),
        ("nearest", (28, 32), 28),  # equally near: the earlier one
        ("first", (22, 29, 33), 22),
        ("last", (22, 29, 33), 33),
    ],
)
def test_of_two_records_in_a_window_the_rule_picks_one_and_the_other_is_listed(
    small: Any, rule: str, days: tuple[int, ...], chosen: int
) -> None:
    rows = small.records("p1", ("", 0, 40), *(("", d, d) for d in days))
    derived = derive(
        small.study({"subjects": small.people(["new", "old"]), "scale": rows}, **BY_DATE, window_rule=rule)
    )
    assert used(derived)["p1", "m1"] == chosen
    assert len(left(derived)) == len(days) - 1
    assert set(left(derived).values()) == {f"another record of the visit is used (rule: {rule})"}


def test_a_record_that_can_be_scored_goes_before_a_nearer_one_that_cannot(small: Any) -> None:
    rows = small.records("p1", ("", 0, 40), ("", 30, None), ("", 38, 12))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, **BY_DATE))
    assert used(derived)["p1", "m1"] == 12


def test_two_records_with_one_label_are_one_visit_too(small: Any) -> None:
    forms = {
        **small.protocol["forms"],
        "scale": {**small.protocol["forms"]["scale"], "keys": ["subject", "date"]},
    }
    rows = small.records("p1", ("baseline", 0, 40), ("m1", 25, 30), ("m1", 31, 20))
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "scale": rows}, forms=forms))
    assert used(derived)["p1", "m1"] == 20
    assert derived.endpoints.select("subject", "visit", "endpoint").is_unique().all()


def test_without_a_time_zero_visits_by_date_are_not_known_and_listed(small: Any) -> None:
    people = small.people(["new", "old"], enrolled=[None, "2026-01-01"])
    derived = derive(small.study({"subjects": people, "scale": small.records("p1", ("", 0, 40))}, **BY_DATE))
    assert left(derived) == {2: "no time zero, so that its visit is not known"}


def test_without_a_time_zero_or_a_date_visits_go_by_their_label(small: Any) -> None:
    people = small.people(["new", "old"], enrolled=[None, "2026-01-01"])
    rows = [
        *small.records("p1", ("baseline", 0, 40), ("m1", 5, 30)),
        {"subject": "p2", "visit": "baseline", "date": None, "points": 20},
        {"subject": "p2", "visit": "m1", "date": None, "points": 10},
    ]
    derived = derive(small.study({"subjects": people, "scale": rows}))
    assert used(derived) == {
        ("p1", "baseline"): 40, ("p1", "m1"): 30, ("p2", "baseline"): 20, ("p2", "m1"): 10,
    }  # fmt: skip


def test_a_record_that_only_one_score_of_its_form_leaves_out_names_that_score(small: Any) -> None:
    items = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    forms = {**small.protocol["forms"], "pair": {"at": "all", "items": items}}
    pair = [
        {"subject": "p1", "date": "2025-12-30", "a": 1, "b": 2},
        {"subject": "p1", "date": "2026-01-01", "a": 3, "b": None},
    ]
    tables = {"subjects": small.people(["new", "old"]), "pair": pair}
    derived = derive(small.study(tables, forms=forms, **BY_DATE))
    assert used(derived, "pair.a")["p1", "baseline"] == 3
    assert used(derived, "pair.b")["p1", "baseline"] == 2
    listed = {e["row"]: e["excluded_from"] for e in derived.left_out}
    assert listed == {2: "pair.a", 3: "pair.b"}


def test_a_prorated_instrument_is_scored_where_its_rule_allows(small: Any) -> None:
    forms = {**small.protocol["forms"], "odi": {"instrument": "odi", "at": "all"}}
    codes = [f"odi_{i}" for i in range(1, 11)]
    answers = [dict.fromkeys(codes, 2) | {"odi_8": None, "odi_1": 0}, dict.fromkeys(codes[:6], 2)]
    odi = [{"subject": "p1", "visit": v, "date": f"2026-0{1 + i}-01", **a} for i, (v, a) in
           enumerate(zip(("baseline", "m1"), answers, strict=True))]  # fmt: skip
    derived = derive(small.study({"subjects": small.people(["new", "old"]), "odi": odi}, forms=forms))
    rows = {r["visit"]: (r["value"], r["status"]) for r in derived.scores.iter_rows(named=True)}
    assert rows["baseline"] == (pytest.approx(100 * 16 / 45), "ok")
    assert rows["m1"] == (None, "missing items")


def test_a_study_without_any_record_derives_to_missing_outcomes(small: Any) -> None:
    derived = derive(small.study({"subjects": small.people(["new", "old"])}))
    assert derived.scores.height == 0
    assert derived.endpoints["outcome"].null_count() == derived.endpoints.height > 0


records = st.lists(
    st.tuples(st.integers(-40, 130), st.none() | st.integers(0, 50)), max_size=9, unique_by=lambda r: r[0]
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=records, two=records, rule=st.sampled_from(["nearest", "first", "last"]))
def test_every_record_is_either_used_or_listed_and_the_order_of_rows_does_not_matter(
    small: Any, one: list[tuple[int, int | None]], two: list[tuple[int, int | None]], rule: str
) -> None:
    rows = [
        r
        for p, found in (("p1", one), ("p2", two))
        for r in small.records(p, *(("", d, v) for d, v in found))
    ]
    people = small.people(["new", "old"])
    empty = [{"subject": None, "date": None, "points": None}]
    derived = derive(small.study({"subjects": people, "scale": rows or empty[:0]} if rows else {"subjects": people},
                                 **BY_DATE, window_rule=rule))  # fmt: skip
    kept = set(derived.scores["_row"].to_list())
    listed = set(left(derived))
    assert kept.isdisjoint(listed)
    assert kept | listed == set(range(2, len(rows) + 2))
    if rows:
        again = derive(small.study({"subjects": people, "scale": rows[::-1]}, **BY_DATE, window_rule=rule))
        assert used(again) == used(derived)

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.derive.derived import Derived, derive
from armwise.derive.populations import after_events, filled, in_set
from armwise.protocol.model import Estimand


def outcomes(rows: pl.DataFrame, subject: str) -> list[float | None]:
    return rows.filter(pl.col("subject") == subject)["outcome"].to_list()


def reasons(rows: pl.DataFrame, subject: str) -> list[str | None]:
    return rows.filter(pl.col("subject") == subject)["missing"].to_list()


def after(derived: Derived, endpoint: str, **events: str) -> pl.DataFrame:
    rows = derived.endpoints.filter(pl.col("endpoint") == endpoint)
    return after_events(
        derived.study.protocol,
        Estimand(events=events),  # type: ignore[arg-type]
        rows,
        derived.study.tables.get("events"),
        derived.subjects,
    )


def with_events(small: Any, *events: tuple[str, int, str], scale: Any = None, **sections: Any) -> Derived:
    import datetime as dt

    start = dt.date(2026, 1, 1)
    rows = [
        {"subject": s, "date": start + dt.timedelta(days=d), "event": e, "reason": ""} for s, d, e in events
    ]
    tables = {
        "subjects": small.people(["new", "old"]),
        "scale": small.scale({"p1": (40, 20, 10), "p2": (40, 39, 38)}) if scale is None else scale,
        "events": rows,
    }
    known = {e: {} for _, _, e in events}
    return derive(small.study(tables, events=known, **sections))


def test_a_set_keeps_those_whose_item_has_the_value_and_says_why_the_others_are_out(small: Any) -> None:
    sets = {"women": {"where": {"subjects.sex": "f"}}}
    study = small.study(
        {"subjects": small.people(["new", "old", "old"], sex=["f", "m", None])}, analysis_sets=sets
    )
    derived = derive(study)
    found = in_set(study.protocol, study.tables, derived.subjects, "women")
    why = "not in the set women: subjects.sex is not f"
    assert found["left_out"].to_list() == [None, why, why]
    assert in_set(study.protocol, study.tables, derived.subjects, "full")["left_out"].null_count() == 3


def test_nobody_is_in_a_set_whose_form_has_no_file(small: Any) -> None:
    forms = {**small.protocol["forms"], "review": {"keys": ["subject"], "items": {"kept": {"type": "text"}}}}
    study = small.study(
        {"subjects": small.people(["new", "old"])},
        forms=forms,
        analysis_sets={"pp": {"where": {"review.kept": "yes"}}},
    )
    found = in_set(study.protocol, study.tables, derive(study).subjects, "pp")
    assert found["left_out"].null_count() == 0


@pytest.mark.parametrize(
    ("strategy", "endpoint", "expected"),
    [
        ("treatment-policy", "better", [1, 1]),
        ("non-response", "better", [1, 0]),
        ("hypothetical", "better", [1, None]),
        ("hypothetical", "change", [-20, None]),
    ],
)
def test_a_strategy_applies_to_the_outcomes_after_the_event(
    small: Any, strategy: str, endpoint: str, expected: list[float | None]
) -> None:
    derived = with_events(small, ("p1", 60, "surgery"))
    rows = after(derived, endpoint, surgery=strategy)
    assert outcomes(rows, "p1") == expected
    assert reasons(rows, "p1") == [None, "after surgery" if expected[1] is None else None]
    assert outcomes(rows, "p2") == outcomes(derived.endpoints.filter(pl.col("endpoint") == endpoint), "p2")
    assert rows.columns == derived.endpoints.columns


@pytest.mark.parametrize(("event_day", "hit"), [(89, True), (90, True), (91, False)])
def test_an_outcome_recorded_on_the_events_day_is_after_it(small: Any, event_day: int, hit: bool) -> None:
    derived = with_events(small, ("p1", event_day, "surgery"))
    assert outcomes(after(derived, "better", surgery="non-response"), "p1") == [1, 0 if hit else 1]


def test_the_day_of_the_record_counts_and_not_the_planned_one(small: Any) -> None:
    scale = small.records("p1", ("baseline", 0, 40), ("m1", 30, 20), ("m3", 80, 10))
    derived = with_events(small, ("p1", 85, "surgery"), scale=scale)  # due on day 90, answered on day 80
    assert outcomes(after(derived, "better", surgery="non-response"), "p1") == [1, 1]


@pytest.mark.parametrize(("event_day", "expected"), [(90, 0), (91, None)])
def test_where_nothing_was_recorded_the_planned_day_counts(
    small: Any, event_day: int, expected: float | None
) -> None:
    scale = small.records("p1", ("baseline", 0, 40), ("m1", 30, 20))
    derived = with_events(small, ("p1", event_day, "surgery"), scale=scale)
    assert outcomes(after(derived, "better", surgery="non-response"), "p1") == [1, expected]


def test_an_event_before_time_zero_is_history(small: Any) -> None:
    derived = with_events(small, ("p1", -5, "surgery"))
    assert outcomes(after(derived, "better", surgery="non-response"), "p1") == [1, 1]
    # and does not hide a later one
    derived = with_events(small, ("p1", -5, "surgery"), ("p1", 60, "surgery"))
    assert outcomes(after(derived, "better", surgery="non-response"), "p1") == [1, 0]


@pytest.mark.parametrize(("first", "second", "expected"), [(20, 50, [0, 0]), (50, 20, [None, None])])
def test_of_several_events_the_earliest_decides(
    small: Any, first: int, second: int, expected: list[float | None]
) -> None:
    derived = with_events(small, ("p1", first, "surgery"), ("p1", second, "off_study"))
    for order in ({"surgery": "non-response", "off_study": "hypothetical"},
                  {"off_study": "hypothetical", "surgery": "non-response"}):  # fmt: skip
        assert outcomes(after(derived, "better", **order), "p1") == expected


def test_events_on_one_day_go_in_the_order_of_the_protocol(small: Any) -> None:
    derived = with_events(small, ("p1", 60, "off_study"), ("p1", 60, "surgery"))
    rows = after(derived, "better", surgery="non-response", off_study="hypothetical")
    assert outcomes(rows, "p1") == [1, 0]


def test_an_event_without_a_date_or_that_the_protocol_does_not_know_is_a_problem(small: Any) -> None:
    tables = {
        "subjects": small.people(["new", "old"]),
        "events": [
            {"subject": "p1", "date": None, "event": "surgery"},
            {"subject": "p2", "date": "2026-02-01", "event": "off_study"},
        ],
    }
    estimands = {"main": {"events": {"surgery": "hypothetical"}}}
    derived = derive(small.study(tables, events={"surgery": {}, "off-study": {}}, estimands=estimands))
    found = {(p.row, p.column): p.what for p in derived.problems if p.file == "data/events.csv"}
    assert "without a date" in found[2, "date"]
    assert "`off_study` is not in the protocol" in found[3, "event"]


def gaps(small: Any) -> Derived:
    """p1 has everything, p2 leaves after m1, p3 has only a baseline, p4 nothing; q the same in the reference arm."""
    scale = {"p1": (40, 20, 10), "p2": (40, 20, None), "p3": (40, None, None), "p5": (40, None, None)}
    mood = {"p1": (8, 1, 1), "p2": (8, 1, None), "p3": (8, None, None), "p5": (8, None, None)}
    tables = {
        "subjects": small.people(["new"] * 4 + ["old"]),
        "scale": small.scale(scale),
        "mood": small.scale(mood),
    }
    endpoints = {**small.protocol["endpoints"], "value": {"score": "scale.points", "kind": "value"}}
    return derive(small.study(tables, endpoints=endpoints))


@pytest.mark.parametrize(
    ("rule", "endpoint", "expected"),
    [
        ("complete-cases", "better", [1, None, None, None, None]),
        ("non-response", "better", [1, 0, 0, 0, 0]),
        ("worst-case", "better", [1, 0, 0, 0, 1]),
        ("locf", "better", [1, 1, 0, None, 0]),
        ("locf", "either", [1, 1, 0, None, 0]),
        ("locf", "change", [-30, -20, 0, None, 0]),
        ("locf", "value", [10, 20, 40, None, 40]),
    ],
)
def test_the_rule_for_a_missing_outcome(
    small: Any, rule: Any, endpoint: str, expected: list[float | None]
) -> None:
    derived = gaps(small)
    protocol = derived.study.protocol
    rows = derived.endpoints.filter(pl.col("endpoint") == endpoint)
    found = filled(rows, rule, protocol, protocol.endpoints[endpoint].kind).filter(pl.col("visit") == "m3")
    assert found.sort("subject")["outcome"].to_list() == expected
    before = rows.filter(pl.col("visit") == "m3").sort("subject")["outcome"].is_null().to_list()
    marked = [gap and value is not None for gap, value in zip(before, expected, strict=True)]
    assert found.sort("subject")["filled"].to_list() == marked


def test_what_a_hypothetical_strategy_removes_the_missing_rule_fills(small: Any) -> None:
    derived = with_events(small, ("p1", 60, "surgery"))
    rows = after(derived, "change", surgery="hypothetical")
    protocol = derived.study.protocol
    assert outcomes(filled(rows, "locf", protocol, "change"), "p1") == [-20, -20]


@pytest.mark.parametrize(
    ("day", "endpoint", "expected"),
    [
        (60, "change", [-20, -20]),  # the last one before it
        (60, "better", [1, 1]),
        (30, "change", [None, None]),  # nothing but the baseline was before it
        (100, "change", [-20, -30]),
    ],
)
def test_while_on_treatment_takes_the_last_outcome_before_the_event(
    small: Any, day: int, endpoint: str, expected: list[float | None]
) -> None:
    derived = with_events(small, ("p1", day, "death"))
    found = after(derived, endpoint, death="while-on-treatment")
    assert outcomes(found, "p1") == expected
    why = [None if value is not None else "after death" for value in expected]
    assert reasons(found, "p1") == why
    assert outcomes(found, "p2") == outcomes(derived.endpoints.filter(pl.col("endpoint") == endpoint), "p2")


def test_while_on_treatment_reaches_over_a_gap_and_is_not_filled_from_after_the_event(small: Any) -> None:
    scale = small.scale({"p1": (40, 25, None), "p2": (40, 39, 38)})
    derived = with_events(small, ("p1", 60, "death"), scale=scale)
    assert outcomes(after(derived, "change", death="while-on-treatment"), "p1") == [-15, -15]
    assert outcomes(after(derived, "change", death="hypothetical"), "p1") == [-15, None]

"""Adverse events derived: what counts as emergent, what is odd, and for how long each subject was watched."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from armwise.derive.adverse_events import AdverseEvents, adverse_events, first_days, month_of
from armwise.derive.derived import derive

ITEMS = {
    "date": {"type": "date"},
    "end": {"type": "date"},
    "term": {"type": "text"},
    "severity": {"type": "integer", "range": [1, 5]},
    "serious": {"type": "choice", "choices": ["yes", "no"]},
    "related": {"type": "choice", "choices": ["no", "treatment", "procedure"]},
    "outcome": {"type": "choice", "choices": ["recovered", "fatal"]},
}
SAFETY: dict[str, Any] = {
    "end": "end", "grade": "severity", "serious": "serious", "outcome": "outcome",
    "related": {"item": "related", "values": ["treatment", "procedure"]},
    "procedure_related": {"item": "related", "values": ["procedure"]},
}  # fmt: skip


def on(day: int) -> dt.date:
    return dt.date(2026, 1, 1) + dt.timedelta(days=day)


def event(day: int | None, subject: str = "p1", **more: Any) -> dict[str, Any]:
    fixed = {"subject": subject, "date": None if day is None else on(day), "end": None, "term": "headache"}
    return {**fixed, "severity": 1, "serious": "no", "related": "no", "outcome": "recovered", **more}


def found(
    small: Any, events: list[dict[str, Any]], tables: dict[str, Any] | None = None, **safety: Any
) -> AdverseEvents:
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
    }
    subjects = small.people(["new", "new", "old"])
    study = small.study(
        {"subjects": subjects, "adverse_events": events, **(tables or {})},
        forms=forms, safety={**SAFETY, **safety},
    )  # fmt: skip
    made = derive(study).adverse_events
    assert made is not None
    assert made.problems == tuple(p for p in derive(study).problems if p.file == "data/adverse_events.csv")
    return made


def said(made: AdverseEvents) -> list[tuple[int | None, str, str]]:
    return [(p.row, p.column, p.what) for p in made.problems]


def test_a_row_of_the_form_becomes_one_tidy_row(small: Any) -> None:
    made = found(small, [event(5, term="  Back  PAIN flare", severity=3, serious="yes", related="procedure")])
    (row,) = made.events.to_dicts()
    wanted = {"subject": "p1", "arm": "new", "term": "back pain flare", "day": 5, "grade": 3, "serious": True}
    wanted |= {
        "related": True,
        "procedure_related": True,
        "withdrawal": None,
        "outcome": "recovered",
        "fatal": False,
    }
    assert {k: row[k] for k in wanted} == wanted
    assert made.problems == ()


@pytest.mark.parametrize(
    ("events", "problems"),
    [
        ({"end": 3}, [("date", "ended before it began")]),
        ({"end": 5}, []),
        ({"serious": "yes", "outcome": None}, [("outcome", "serious, and no outcome")]),
        ({"outcome": None}, []),
        ({"severity": 5, "serious": "yes"}, [("outcome", "grade 5 (death), and the outcome is not fatal")]),
        ({"severity": 5, "serious": "yes", "outcome": "fatal"}, []),
        ({"severity": 4, "serious": "yes", "outcome": "fatal"},
         [("severity", "a fatal outcome, and the grade is not 5")]),
        ({"severity": 5, "outcome": "fatal"}, [("serious", "a fatal outcome, and the event is not serious")]),
        ({"severity": None}, [("severity", "no grade: not among those of grade 3 or more")]),
        ({"serious": None}, [("serious", "not said whether it was serious: not among the serious ones")]),
        ({"related": None}, [("related", "no relation recorded: counted as related")]),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_is_unknown_is_a_warning_at_its_row(
    small: Any, events: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    if "end" in events:
        events = {"end": on(events["end"])}
    made = found(small, [event(1, "p2"), event(5, **events)])
    assert said(made) == [(3, column, what) for column, what in problems]
    assert {p.severity for p in made.problems} <= {"warning"}


def test_an_event_before_time_zero_is_told_apart_and_not_counted(small: Any) -> None:
    made = found(small, [event(-3), event(0), event(-1, "p3"), event(4, "p3")])
    assert made.events.select("subject", "day").rows() == [("p1", 0), ("p3", 4)]
    assert made.before == {"new": 1, "old": 1}
    assert [(row, what[:22]) for row, _, what in said(made)] == [
        (2, "began before time zero"),
        (4, "began before time zero"),
    ]


def test_what_is_not_known_counts_against_the_treatment(small: Any) -> None:
    made = found(small, [event(None), event(3, "p2", related=None)])
    assert made.events["subject"].to_list() == ["p1", "p2"]
    assert made.events["day"].to_list() == [None, 3]
    assert made.events["related"].to_list() == [False, True]
    assert said(made)[0] == (2, "date", "no first day: counted as treatment-emergent")


def test_person_time_ends_with_the_study_the_data_cut_or_the_last_record(small: Any) -> None:
    tables = {
        "events": [{"subject": "p1", "date": on(20), "event": "off-study"}],
        "scale": [*small.records("p1", ("m3", 90, 5)), *small.records("p2", ("m3", 90, 5))],
    }
    last = found(small, [event(1, "p3")], tables)
    assert last.watched.rows() == [("p1", "new", 21), ("p2", "new", 91), ("p3", "old", 2)]
    cut = found(small, [event(1, "p3")], tables, data_cut=on(60))
    assert cut.watched.rows() == [("p1", "new", 21), ("p2", "new", 61), ("p3", "old", 61)]
    early = found(small, [event(1, "p3")], tables, data_cut=on(10))
    assert early.watched["days"].to_list() == [11, 11, 11]


def test_an_event_after_the_data_cut_is_not_counted_and_one_after_leaving_is(small: Any) -> None:
    tables = {"events": [{"subject": "p1", "date": on(20), "event": "off_study"}]}
    events = [event(30), event(80, "p2")]
    made = found(small, events, tables, data_cut=on(60))
    assert made.events["subject"].to_list() == ["p1"]
    assert [what[:36] for _, _, what in said(made)] == [
        "began after the data cut: not counte",
        "began after the subject had left the",
    ]


def test_only_the_analysis_set_is_watched(small: Any) -> None:
    made = found(small, [event(1), event(1, "p3")])
    assert made.watched.height == 3
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
    }
    study = small.study(
        {"subjects": small.people(["new", "new", "old"]), "adverse_events": [event(1), event(1, "p2"), event(1, "p3")]},
        forms=forms, safety={**SAFETY, "set": "women"}, analysis_sets={"women": {"where": {"subjects.sex": "f"}}},
    )  # fmt: skip
    part = derive(study).adverse_events
    assert part is not None
    assert part.watched["subject"].to_list() == ["p1", "p3"]
    assert part.events["subject"].to_list() == ["p1", "p3"]
    assert said(part) == [(None, "", "1 events of subjects who are not in the analysis set `women`")]


def test_grades_in_words_are_read_as_the_protocol_says(small: Any) -> None:
    items = {**ITEMS, "severity": {"type": "choice", "choices": ["mild", "severe"]}}
    forms = {**small.protocol["forms"], "adverse_events": {"keys": ["subject", "date"], "items": items}}
    study = small.study(
        {
            "subjects": small.people(["new", "old"]),
            "adverse_events": [event(1, severity="severe"), event(2, severity="mild")],
        },
        forms=forms, safety={**SAFETY, "grades": {"mild": 1, "severe": 3}},
    )  # fmt: skip
    made = derive(study).adverse_events
    assert made is not None
    assert made.events["grade"].to_list() == [3, 1]


@pytest.mark.parametrize("term", [
        "fall of P01-417 at home", "fall on 2026-03-01", "fall, 1.3.26", "fall 3 March", "fall in 3/2026",
        "fall, Mar 3rd", "fall 1-3-2026", "fall in 2026-03",
    ],
)  # fmt: skip
def test_a_term_that_could_name_somebody_does_not_reach_the_results(small: Any, term: str) -> None:
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
    }
    people = [
        {**p, "subject": name}
        for p, name in zip(small.people(["new", "old"]), ("p01-417", "p02"), strict=True)
    ]
    study = small.study(
        {
            "subjects": people,
            "adverse_events": [
                event(1, "p01-417", term=term),
                event(2, "p02", term="grade 2 marginal fall, may be C5/6"),
            ],
        },
        forms=forms, safety=SAFETY,
    )  # fmt: skip
    made = derive(study).adverse_events
    assert made is not None
    assert made.events["term"].to_list() == ["another event", "grade 2 marginal fall, may be c5/6"]
    assert said(made) == [
        (2, "term", "the term holds a date or a subject's number: the page calls it another event")
    ]


def test_time_at_risk_ends_on_the_day_of_the_first_event() -> None:
    watched = pl.DataFrame({"subject": ["a", "b", "c"], "arm": ["x"] * 3, "days": [100, 50, 10]})
    events = pl.DataFrame({"subject": ["a", "a", "b", "c"], "day": [30, 9, None, 40]})
    made = first_days(events, watched)
    # a: day 9 is the tenth day; b: the day is not known; c: recorded after the time that was watched
    assert made["days"].to_list() == [10, 50, 10]
    assert made["had"].to_list() == [True, True, True]
    assert first_days(events.clear(), watched)["had"].to_list() == [False] * 3


def test_months_are_counted_from_one() -> None:
    assert [month_of(day) for day in (0, 30, 31, 364, None)] == [1, 1, 2, 12, None]


def test_a_study_that_declares_no_safety_has_no_adverse_events(small: Any) -> None:
    study = small.study({"subjects": small.people(["new", "old"])})
    assert derive(study).adverse_events is None
    assert adverse_events(study.protocol, study.tables, derive(study).subjects) is None


def test_a_form_without_a_file_is_no_event_in_the_whole_time(small: Any) -> None:
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
    }
    study = small.study({"subjects": small.people(["new", "old"])}, forms=forms, safety=SAFETY)
    made = derive(study).adverse_events
    assert made is not None
    assert made.events.is_empty()
    assert made.watched["days"].to_list() == [0, 0]
    assert not made.recorded  # no table is not a table without events


def test_a_row_that_says_that_nothing_was_recorded_is_no_event(small: Any) -> None:
    nothing = dict.fromkeys(event(1))
    made = found(small, [{**nothing, "subject": "p1", "status": "not done"}])
    assert (made.events.height, made.problems, made.recorded) == (0, (), True)
    kept = found(small, [{**event(1), "status": "not done"}])
    assert kept.events.height == 1  # not done, but there are answers: they are used


def test_person_time_ends_with_death_recorded_as_an_event_or_as_an_outcome(small: Any) -> None:
    tables = {
        "events": [{"subject": "p1", "date": on(20), "event": "death"}],
        "scale": [r for p in ("p1", "p2", "p3") for r in small.records(p, ("m3", 90, 5))],
    }
    fatal = event(30, "p2", end=on(33), severity=5, serious="yes", outcome="fatal")
    for cut, others in ((None, 91), (on(60), 61)):
        made = found(small, [fatal, event(5, "p3", end=on(9))], tables, data_cut=cut)
        assert made.watched.rows() == [("p1", "new", 21), ("p2", "new", 34), ("p3", "old", others)]
        assert made.problems == ()


def test_an_ongoing_event_and_one_without_a_day_change_no_person_time(small: Any) -> None:
    tables = {"scale": small.records("p1", ("m3", 90, 5))}
    made = found(small, [event(40, end=None), event(None)], tables)
    assert made.watched["days"].to_list() == [91, 0, 0]
    assert first_days(made.events, made.watched)["days"].to_list() == [41, 0, 0]


@pytest.mark.parametrize(("day", "told"), [(95, False), (2900, True)])
def test_an_event_long_after_everything_else_is_told_because_it_lengthens_the_time_watched(
    small: Any, day: int, told: bool
) -> None:
    made = found(small, [event(day)], {"scale": small.records("p1", ("m3", 90, 5))})
    assert made.watched["days"].to_list()[0] == day + 1
    assert [w.startswith("began after the last visit’s window") for _, _, w in said(made)] == [True] * told
    cut = found(small, [event(day)], {"scale": small.records("p1", ("m3", 90, 5))}, data_cut=on(100))
    assert [w.startswith("began after the data cut") for _, _, w in said(cut)] == [True] * told


def test_a_body_system_that_could_name_somebody_does_not_reach_the_results(small: Any) -> None:
    items = {**ITEMS, "system": {"type": "text"}}
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": items},
    }
    people = [{**p, "subject": f"p01-{i}"} for i, p in enumerate(small.people(["new", "old"]))]
    rows = [{**event(1, "p01-0"), "system": "see P01-1"}, {**event(1, "p01-1"), "system": "spine"}]
    study = small.study(
        {"subjects": people, "adverse_events": rows},
        forms=forms, safety={**SAFETY, "body_system": "system"},
    )  # fmt: skip
    made = derive(study).adverse_events
    assert made is not None
    assert made.events["body_system"].to_list() == ["another event", "spine"]
    assert [(row, column) for row, column, _ in said(made)] == [(2, "system")]

from __future__ import annotations

from typing import Any

from tests.conftest import day

from armwise.analysis.intercurrent_events import intercurrent_events
from armwise.derive.derived import derive

EVENTS = {"surgery": {"label": "Surgery"}, "death": {"label": "Death"}}


def test_patients_with_an_event_are_counted_once_by_arm_and_history_is_not_counted(small: Any) -> None:
    events = [
        {"subject": "p1", "date": day(20), "event": "surgery"},
        {"subject": "p1", "date": day(40), "event": "surgery"},  # a second one of the same patient
        {"subject": "p2", "date": day(-5), "event": "surgery"},  # before time zero
        {"subject": "p2", "date": None, "event": "death"},  # it happened, nobody knows when
        {"subject": "p3", "date": day(0), "event": "surgery"},
    ]
    tables = {
        "subjects": small.people(["new", "old", "new", "old"]),
        "scale": small.scale({f"p{i}": (40, 35, 30) for i in range(1, 5)}),
        "events": events,
    }
    study = small.study(tables, events=EVENTS)
    rows = {(r["item"], r["arm"]): (r["estimate"], r["n"]) for r in intercurrent_events(derive(study))}
    assert rows == {
        ("surgery", "new"): (2, 2), ("surgery", "old"): (0, 2), ("death", "new"): (0, 2), ("death", "old"): (1, 2),
    }  # fmt: skip


def test_a_study_without_the_table_has_nobody_with_an_event(small: Any) -> None:
    tables = {
        "subjects": small.people(["new", "old"]),
        "scale": small.scale({"p1": (40, 35, 30), "p2": (30, 30, 30)}),
    }
    study = small.study(tables, events=EVENTS)
    assert [r["estimate"] for r in intercurrent_events(derive(study))] == [0, 0, 0, 0]

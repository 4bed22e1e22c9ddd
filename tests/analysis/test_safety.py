"""The rows on adverse events: counted again by hand, with exact limits that say their side, and nobody named."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from armwise.analysis.results import Results, Row
from armwise.analysis.run import analyse
from armwise.analysis.safety import BOTH_ARMS, CATEGORIES, NO_PROCEDURE, NO_TABLE, NOT_SEEN

ITEMS = {
    "date": {"type": "date"},
    "term": {"type": "text"},
    "system": {"type": "choice", "choices": ["spine", "skin"]},
    "severity": {"type": "integer", "range": [1, 5]},
    "serious": {"type": "choice", "choices": ["yes", "no"]},
    "related": {"type": "choice", "choices": ["no", "treatment", "procedure"]},
    "stopped": {"type": "choice", "choices": ["yes", "no"]},
    "outcome": {
        "type": "choice",
        "choices": {"recovered": "Recovered", "open": "Not recovered", "fatal": "Fatal"},
    },
}
SAFETY: dict[str, Any] = {
    "grade": "severity", "serious": "serious", "outcome": "outcome", "withdrawal": "stopped", "body_system": "system",
    "related": {"item": "related", "values": ["treatment", "procedure"]},
    "procedure_related": {"item": "related", "values": ["procedure"]},
}  # fmt: skip
#: subject (p1 to p4 new, p5 to p7 old), day, term, system, grade, serious, related, stopped, outcome.
EVENTS: list[tuple[Any, ...]] = [
    ("p1", 0, "bruise", "skin", 1, "no", "procedure", "no", "recovered"),
    ("p1", 40, "pain flare", "spine", 3, "yes", "treatment", "yes", "recovered"),
    ("p1", 60, "pain flare", "spine", 2, "no", "no", "no", "recovered"),
    ("p2", 2, "bruise", "skin", 4, "yes", "procedure", "no", "open"),
    ("p3", 45, "pain flare", "spine", 3, "yes", "treatment", "yes", "recovered"),
    ("p5", 10, "pain flare", "spine", 2, "no", "no", "no", "recovered"),
    ("p5", -4, "pain flare", "spine", 2, "no", "no", "no", "recovered"),
]
KEYS = ("subject", "date", "term", "system", "severity", "serious", "related", "stopped", "outcome")


def on(day: int) -> dt.date:
    return dt.date(2026, 1, 1) + dt.timedelta(days=day)


def results(
    small: Any, events: list[tuple[Any, ...]] = EVENTS, table: bool = True, more: Any = None, **safety: Any
) -> Results:
    forms = {
        **small.protocol["forms"],
        "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
    }
    people = small.people(["new"] * 4 + ["old"] * 3)
    rows = [dict(zip(KEYS, (e[0], on(e[1]), *e[2:]), strict=True)) for e in events]
    if not rows and table:  # a table that says that there was nothing to record
        rows = [{**dict.fromkeys(KEYS), "subject": "p1", "status": "not done"}]
    visits = [r for p in people for r in small.records(p["subject"], ("baseline", 0, 30), ("m3", 99, 20))]
    declared = {k: v for k, v in {**SAFETY, **safety}.items() if v is not None}
    tables = {"subjects": people, "scale": visits, "adverse_events": rows}
    sections = {**(more or {}), "safety": declared}
    sections["forms"] = {**forms, **sections.get("forms", {})}
    study = small.study({k: v for k, v in tables.items() if v}, **sections)
    return analyse(study)


@pytest.fixture(scope="module")
def made(small: Any) -> Results:
    return results(small)


def numbers(made: Results, statistic: str, category: str, item: str | None = None) -> list[float | None]:
    """New, old."""
    rows = made.rows(analysis="safety", statistic=statistic, category=category, item=item, versus=None)
    return [r["estimate"] for arm in ("new", "old") for r in rows if r["arm"] == arm]


@pytest.mark.parametrize(
    ("category", "subjects", "events"),
    [
        ("any event", [3, 1], [5, 1]),
        ("serious", [3, 0], [3, 0]),
        ("grade 3 or more", [3, 0], [3, 0]),
        ("fatal", [0, 0], [0, 0]),
        ("withdrawal", [2, 0], [2, 0]),
        ("related", [3, 0], [4, 0]),
        ("procedure-related", [2, 0], [2, 0]),
    ],
)
def test_subjects_and_events_are_counted_apart(
    made: Results, category: str, subjects: list[int], events: list[int]
) -> None:
    assert numbers(made, "subjects", category) == subjects
    assert numbers(made, "events", category) == events


def test_without_the_procedure_s_events_the_arms_have_what_both_can_have(made: Results) -> None:
    assert numbers(made, "subjects", "any event", BOTH_ARMS) == [2, 1]
    assert numbers(made, "events", "any event", BOTH_ARMS) == [3, 1]
    assert numbers(made, "subjects", "serious", BOTH_ARMS) == [2, 0]


def difference(made: Results, category: str) -> Row | None:
    return made.one(analysis="safety", statistic="risk difference", category=category)


def test_arms_are_compared_in_what_both_can_have_without_a_test(made: Results) -> None:
    from armwise.stats import risk_difference

    found = difference(made, "any event")
    assert found is not None
    expected = risk_difference(2, 4, 1, 3, "miettinen-nurminen")
    assert [found[k] for k in ("estimate", "lower", "upper")] == [
        expected.estimate,
        expected.lower,
        expected.upper,
    ]
    assert (found["item"], found["p"], found["versus"]) == (BOTH_ARMS, None, "old")
    assert found["reason"] == "events of the procedure are left out; not adjusted"
    assert difference(made, "related") is None
    assert difference(made, "procedure-related") is None
    assert all(r["p"] is None for r in made.rows(analysis="safety"))


def test_without_a_declared_procedure_all_events_are_compared(small: Any) -> None:
    found = difference(results(small, procedure_related=None), "any event")
    assert found is not None
    assert (found["item"], found["reason"], found["estimate"]) == (
        None,
        "not adjusted",
        pytest.approx(3 / 4 - 1 / 3),
    )


def test_every_share_has_exact_limits_whose_side_is_in_the_key(made: Results) -> None:
    for category in CATEGORIES:
        for r in made.rows(analysis="safety", statistic="risk", category=category, item=None):
            assert r["method"] in r["key"]
    one, two = (
        made.one(analysis="safety", statistic="risk", category="serious", item=None, arm="old", method=method)
        for method in ("Clopper-Pearson, one-sided upper", "Clopper-Pearson, two-sided")
    )
    assert one is not None and two is not None
    assert one["upper"] == pytest.approx(1 - 0.05 ** (1 / 3), rel=1e-12)
    assert two["upper"] == pytest.approx(1 - 0.025 ** (1 / 3), rel=1e-12)


def test_an_event_that_nobody_had_is_not_ruled_out(made: Results) -> None:
    rows = made.rows(analysis="safety", category=NOT_SEEN, arm="new")
    assert {r["method"]: r["upper"] for r in rows} == pytest.approx(
        {
            "Clopper-Pearson, two-sided": 1 - 0.025 ** (1 / 4),
            "Clopper-Pearson, one-sided upper": 1 - 0.05 ** (1 / 4),
            "rule of three": 0.75,
        },
        rel=1e-12,
    )


def test_rates_are_of_first_events_until_they_come_and_of_all_events_in_all_time(made: Results) -> None:
    years = made.one(analysis="safety", statistic="patient-years", arm="new")
    assert years is not None
    assert years["estimate"] == pytest.approx(4 * 100 / 365.25, rel=1e-12)
    # first events of any kind: p1 on its first day, p2 on its third, p3 on its 46th, p4 none in 100 days
    (first, _) = numbers(made, "incidence rate", "any event")
    (every, _) = numbers(made, "event rate", "any event")
    assert first == pytest.approx(3 / ((1 + 3 + 46 + 100) / 365.25) * 100, rel=1e-12)
    assert every == pytest.approx(5 / (400 / 365.25) * 100, rel=1e-12)
    none = made.one(analysis="safety", statistic="event rate", category="fatal", arm="old")
    assert none is not None
    assert none["upper"] == pytest.approx(-math.log(0.025) / (300 / 365.25) * 100, rel=1e-10)
    assert none["unit"] == "per 100 patient-years"


def test_terms_and_body_systems_are_listed_the_most_frequent_first(made: Results) -> None:
    rows = made.rows(analysis="safety", category="term", statistic="subjects")
    assert [(r["item"], r["arm"], r["estimate"]) for r in rows] == [
        ("pain flare", "new", 2), ("pain flare", "old", 1), ("bruise", "new", 2), ("bruise", "old", 0),
    ]  # fmt: skip
    systems = made.rows(analysis="safety", category="body system", statistic="events")
    assert {(r["item"], r["arm"]): r["estimate"] for r in systems} == {
        ("spine", "new"): 3, ("spine", "old"): 1, ("skin", "new"): 2, ("skin", "old"): 0,
    }  # fmt: skip


def test_every_serious_event_is_listed_and_those_alike_are_one_row(made: Results) -> None:
    rows = made.rows(analysis="safety", statistic="serious events")
    assert [(r["arm"], r["item"], r["category"], r["at"], r["estimate"]) for r in rows] == [
        ("new", "bruise", "grade 4 (life-threatening); related to the procedure; open", 1, 1),
        ("new", "pain flare", "grade 3 (severe); related; recovered", 2, 2),
    ]


def test_no_row_names_a_subject_or_a_date(made: Results) -> None:
    text = "\n".join(made.table.filter(made.table["analysis"] == "safety").write_csv().splitlines())
    assert not any(f"p{i}" in text.replace("upper", "") for i in range(1, 8))
    assert "2026-" not in text


def test_events_before_time_zero_are_counted_apart(made: Results) -> None:
    assert numbers(made, "count", "before time zero") == [0, 1]
    assert any("began before time zero" in p.what for p in made.problems)


def test_what_the_protocol_does_not_declare_has_no_row(small: Any) -> None:
    keys = ("grade", "serious", "outcome", "withdrawal", "related", "procedure_related", "body_system")
    made = results(small, **dict.fromkeys(keys))
    assert {r["category"] for r in made.rows(analysis="safety", statistic="subjects")} == {
        "any event",
        "term",
    }
    assert made.rows(analysis="safety", statistic="serious events") == []


def test_a_study_without_any_event_still_says_what_it_could_have_missed(small: Any) -> None:
    made = results(small, events=[])
    assert numbers(made, "subjects", "any event") == [0, 0]
    assert made.rows(analysis="safety", category=NOT_SEEN)
    assert made.rows(analysis="safety", category="term") == []


def test_without_a_table_of_events_there_is_no_risk_and_no_count_of_nobody(small: Any) -> None:
    rows = results(small, events=[], table=False).rows(analysis="safety")
    assert {(r["arm"], r["statistic"], r["status"], r["estimate"], r["reason"]) for r in rows} == {
        (arm, "risk", "not estimable", None, NO_TABLE) for arm in ("new", "old")
    }
    assert [r["n"] for r in rows] == [4, 3]


INJECTED = {
    "keys": ["subject", "structure"], "arms": ["new"],
    "items": {"structure": {"type": "choice", "choices": ["disc"]}},
}  # fmt: skip
PROCEDURE = {
    "forms": {"injected": INJECTED},
    "treatments": {"procedures": {"form": "injected", "structure": "structure"}},
}


def test_what_came_of_the_procedure_has_no_risk_in_an_arm_that_had_none(small: Any, made: Results) -> None:
    found = results(small, more=PROCEDURE)

    def old(of: Results) -> dict[str, tuple[Any, ...]]:
        rows = of.rows(analysis="safety", category="procedure-related", arm="old")
        return {r["key"]: (r["statistic"], r["estimate"], r["upper"], r["reason"]) for r in rows}

    assert old(found).keys() == old(made).keys()  # the rows are the same ones
    for statistic, estimate, upper, reason in old(found).values():
        counted = statistic in ("subjects", "events")
        assert (estimate, upper, reason) == (0 if counted else None, None, NO_PROCEDURE)
    assert numbers(found, "subjects", "procedure-related") == [2, 0]
    crossed = results(
        small, [*EVENTS, ("p6", 9, "bruise", "skin", 1, "no", "procedure", "no", "open")], more=PROCEDURE
    )
    assert numbers(crossed, "subjects", "procedure-related") == [
        2,
        1,
    ]  # a patient who crossed over can have one


def test_events_of_which_something_is_not_known_are_counted(small: Any) -> None:
    made = results(small, [(*EVENTS[0][:4], None, None, *EVENTS[0][6:7], None, None), *EVENTS[1:]])
    for category in ("serious", "grade 3 or more", "fatal", "withdrawal"):
        rows = made.rows(analysis="safety", statistic="missing", category=category)
        assert [(r["arm"], r["estimate"], r["n"]) for r in rows] == [("new", 1, 5), ("old", 0, 1)]


def test_the_rule_of_three_stands_at_95_per_cent_alone(small: Any) -> None:
    made = results(small, conf_level=0.9)
    methods = {r["method"] for r in made.rows(analysis="safety", category=NOT_SEEN)}
    assert methods == {"Clopper-Pearson, two-sided", "Clopper-Pearson, one-sided upper"}


def test_keys_do_not_depend_on_how_many_had_an_event(small: Any, made: Results) -> None:
    def keys(of: Results) -> set[str]:
        found = of.rows(analysis="safety")
        return {r["key"] for r in found if r["category"] in (*CATEGORIES, NOT_SEEN)}

    assert keys(results(small, events=EVENTS[:1])) == keys(made)

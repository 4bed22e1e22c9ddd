from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from armwise.analysis.flow import off_study
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.derive.derived import derive


def event(
    subject: str, on: int, reason: str | None = "moved away", name: str = "off_study"
) -> dict[str, Any]:
    return {
        "subject": subject,
        "date": dt.date(2026, 1, 1) + dt.timedelta(days=on),
        "event": name,
        "reason": reason,
    }


def counts(results: Results, category: str, **where: Any) -> dict[Any, float]:
    rows = results.rows(analysis="flow", category=category, **where)
    return {(r["arm"], r["visit"], r["item"]): r["estimate"] for r in rows}


def visit_of(small: Any, on: int | None, scale: Any, name: str = "off_study", **people: Any) -> str | None:
    row = event("p1", on or 0, name=name)
    tables = {"subjects": small.people(["new", "old"], **people), "scale": scale, "events": [row]}
    (found,) = off_study(derive(small.study(tables))).to_dicts()
    assert found["subject"] == "p1"
    return found["visit"]


@pytest.mark.parametrize(
    ("on", "answered", "missed"),
    [
        (5, (40, None, None), "m1"),
        (25, (40, None, None), "m1"),
        (25, (40, 30, None), "m3"),  # came at 1 month, before leaving
        (35, (40, None, None), "m1"),  # the window of 1 month is open until day 40
        (41, (40, None, None), "m3"),  # 1 month was missed for another reason
        (90, (40, 30, None), "m3"),
        (100, (40, 30, 20), None),  # everything answered
        (150, (40, None, None), None),  # left after the last window closed
    ],
)
def test_who_leaves_is_lost_at_the_first_visit_missed_by_leaving(
    small: Any, on: int, answered: tuple[Any, Any, Any], missed: str | None
) -> None:
    assert visit_of(small, on, small.scale({"p1": answered})) == missed


@pytest.mark.parametrize("name", ["off_study", "off-study"])
def test_leaving_is_written_with_a_dash_or_an_underscore(small: Any, name: str) -> None:
    assert visit_of(small, 35, small.scale({"p1": (40, None, None)}), name) == "m1"


def test_without_a_time_zero_the_first_visit_without_an_answer_is_the_one_missed(small: Any) -> None:
    scale = small.scale({"p1": (40, 30, None)})
    assert visit_of(small, 35, scale, enrolled=[None, "2026-01-01"]) == "m3"


def test_only_the_first_departure_counts_and_reasons_may_be_missing(small: Any) -> None:
    events = [
        event("p1", 50, "second"),
        event("p1", 20, None),
        event("p2", 20, "tired"),
        event("p3", 20, "tired"),
    ]
    tables = {"subjects": small.people(["new", "new", "new", "old"]), "events": events}
    results = analyse(small.study(tables, reasons=["tired"]))
    assert counts(results, "off study") == {
        ("new", "m1", "tired"): 2,
        ("new", "m1", "reason not recorded"): 1,
    }


def test_participants_are_counted_from_screening_to_analysis(small: Any) -> None:
    answers = [
        ("p1", "yes", ""),
        ("p2", "yes", ""),
        ("p3", "yes", ""),
        *[("", "no", "too young")] * 2,
        ("", "no", ""),
        ("", "no", "Mr John Smith of 3 Mill Lane rang: no time"),
    ]
    screening = [{"subject": s, "date": "2026-01-01", "enrolled": e, "reason": r} for s, e, r in answers]
    tables = {
        "subjects": small.people(["new", "new", "old"], enrolled=["2026-01-01", None, "2026-01-01"]),
        "screening": screening,
        "scale": small.scale({"p1": (40, 30, 20), "p3": (40, None, 30)}),
    }
    zero = {"new": "operation.date", "old": "subjects.enrolled"}
    forms = {**small.protocol["forms"], "operation": {"at": "none", "items": {"levels": {"type": "integer"}}}}
    tables["operation"] = [{"subject": "p1", "date": "2026-01-01", "levels": 2}]
    results = analyse(small.study(tables, reasons=["too young"], time_zero=zero, forms=forms))
    assert counts(results, "screened") == {(None, None, None): 7}
    assert counts(results, "not enrolled") == {
        (None, None, "too young"): 2,
        (None, None, "another reason"): 1,
        (None, None, "reason not recorded"): 1,
    }
    assert counts(results, "enrolled") == {(None, None, None): 3}
    assert counts(results, "allocated") == {("new", None, None): 2, ("old", None, None): 1}
    # the day of enrolment says nothing of a treatment
    assert counts(results, "treated") == {("new", None, None): 1}
    assert counts(results, "assessed", visit="m1") == {("new", "m1", None): 1, ("old", "m1", None): 0}
    assert counts(results, "analysed") == {("new", None, None): 1, ("old", None, None): 1}


def test_nobody_is_counted_as_treated_because_of_being_enrolled(small: Any) -> None:
    results = analyse(small.study({"subjects": small.people(["new", "old"])}))
    assert counts(results, "allocated") == {("new", None, None): 1, ("old", None, None): 1}
    assert counts(results, "treated") == {}


def test_a_text_that_the_protocol_does_not_declare_is_nowhere_in_the_results(
    small: Any, tmp_path: Path
) -> None:
    private = "Mr John Smith of 3 Mill Lane, tel 0555 1234"
    scale = small.records("p1", ("baseline", 0, 40), ("m1", 30, None), ("m3", 90, None), reason=private)
    tables = {
        "subjects": small.people(["new", "new", "old"]),
        "screening": [{"subject": "", "date": "2026-01-01", "enrolled": "no", "reason": private}],
        "events": [event("p2", 10, private)],
        "scale": scale,
    }
    study = small.study(tables)
    results = analyse(study)
    results.write(tmp_path / "results")
    for name in ("results.csv", "exclusions.csv"):
        assert "Smith" not in (tmp_path / "results" / name).read_text(encoding="utf-8")
    assert counts(results, "not enrolled") == {(None, None, "another reason"): 1}
    assert counts(results, "off study") == {("new", "m1", "another reason"): 1}
    missing = completion(results, "scale", "m1", "new")
    assert (missing["another reason"], missing["left the study: another reason"]) == (1, 1)
    assert "Smith" in (study.folder / "data" / "events.csv").read_text(encoding="utf-8")  # the file keeps it


def test_without_a_screening_table_the_flow_starts_at_enrolment(small: Any) -> None:
    results = analyse(small.study({"subjects": small.people(["new", "old"])}))
    assert counts(results, "screened") == {}
    assert counts(results, "enrolled") == {(None, None, None): 2}


def test_a_form_of_one_arm_does_not_make_its_patients_assessed(small: Any) -> None:
    forms = {
        **small.protocol["forms"],
        "blood": {"at": "all", "arms": ["new"], "items": {"crp": {"type": "number"}}},
    }
    blood = [{"subject": "p1", "visit": "m1", "date": "2026-01-31", "crp": 3.5}]
    results = analyse(small.study({"subjects": small.people(["new", "old"]), "blood": blood}, forms=forms))
    assert counts(results, "assessed", visit="m1") == {("new", "m1", None): 0, ("old", "m1", None): 0}
    arms = {r["arm"] for r in results.rows(analysis="completion", item="blood")}
    assert arms == {"new"}  # expected of one arm only


def completion(results: Results, item: str, visit: str, arm: str) -> dict[Any, float]:
    rows = results.rows(analysis="completion", item=item, visit=visit, arm=arm)
    return {r["category"] or r["statistic"]: r["estimate"] for r in rows}


def test_every_questionnaire_expected_is_received_or_missing_for_a_reason(small: Any) -> None:
    scale = [
        *small.records("p1", ("baseline", 0, 40), ("m1", 30, 30), reason=None),
        *small.records("p2", ("baseline", 0, 40), ("m1", 30, None), reason="on holiday"),
        *small.records("p3", ("baseline", 0, 40), reason=None),
        *small.records("p4", ("baseline", 0, 40), reason=None),
    ]
    tables = {"subjects": small.people(["new"] * 4 + ["old"]), "scale": scale, "events": [event("p3", 10)]}
    results = analyse(small.study(tables, reasons=["on holiday", "moved away"]))
    assert completion(results, "scale", "m1", "new") == {
        "expected": 4, "received": 1, "scored": 1, "on holiday": 1, "left the study: moved away": 1, "not recorded": 1,
    }  # fmt: skip
    assert completion(results, "scale", "m1", "old") == {
        "expected": 1,
        "received": 0,
        "scored": 0,
        "not recorded": 1,
    }


def test_a_questionnaire_that_nobody_sent_back_is_expected_all_the_same(small: Any) -> None:
    results = analyse(small.study({"subjects": small.people(["new", "old"])}))
    assert completion(results, "mood", "m3", "new") == {
        "expected": 1,
        "received": 0,
        "scored": 0,
        "not recorded": 1,
    }


def test_a_form_received_but_not_scoreable_is_received(small: Any) -> None:
    forms = {**small.protocol["forms"], "odi": {"instrument": "odi", "at": ["m1"]}}
    answers = {**dict.fromkeys([f"odi_{i}" for i in range(1, 11)]), "odi_1": 2}
    odi = [{"subject": "p1", "visit": "m1", "date": "2026-01-31", **answers}]
    results = analyse(small.study({"subjects": small.people(["new", "old"]), "odi": odi}, forms=forms))
    assert completion(results, "odi", "m1", "new") == {"expected": 1, "received": 1, "scored": 0}
    assert {r["visit"] for r in results.rows(analysis="completion", item="odi")} == {"m1"}


def test_in_both_examples_received_and_missing_make_expected(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        rows = results.rows(analysis="completion")
        cells = {(r["item"], r["visit"], r["arm"]) for r in rows}
        assert cells
        for item, visit, arm in cells:
            found = [r for r in rows if (r["item"], r["visit"], r["arm"]) == (item, visit, arm)]
            total: Counter[str] = Counter()
            for r in found:
                total[r["statistic"]] += r["estimate"]
            assert total["expected"] == total["received"] + total["missing"] > 0


def test_in_both_examples_nobody_is_assessed_after_leaving(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        assert results.rows(analysis="flow", category="off study")
        assert all(sum(counts(results, "assessed", arm=arm).values()) for arm in results.protocol.arms)
        for arm in results.protocol.arms:
            everyone = counts(results, "allocated", arm=arm)[arm, None, None]
            gone = 0.0
            for visit in results.protocol.visits_after_baseline():
                gone += sum(counts(results, "off study", arm=arm, visit=visit).values())
                assert counts(results, "assessed", arm=arm, visit=visit)[arm, visit, None] <= everyone - gone


def test_a_form_of_two_scores_is_scored_when_both_are(small: Any) -> None:
    options = {"items_reversed": True}
    forms = {
        **small.protocol["forms"],
        "global": {"instrument": "promis_global", "at": ["m1"], "options": options},
    }
    answers = {f"global{i:02d}": 3 for i in range(1, 11)}
    record = {"subject": "p1", "visit": "m1", "date": "2026-01-31", **answers}
    tables = {"subjects": small.people(["new", "old"])}
    whole = analyse(small.study({**tables, "global": [record]}, forms=forms))
    assert completion(whole, "global", "m1", "new") == {"expected": 1, "received": 1, "scored": 1}
    mental_lost = analyse(small.study({**tables, "global": [{**record, "global02": None}]}, forms=forms))
    assert completion(mental_lost, "global", "m1", "new") == {"expected": 1, "received": 1, "scored": 0}

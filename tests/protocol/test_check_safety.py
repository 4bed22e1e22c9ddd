"""What `safety` may get wrong: forms and items that are not there, and items that cannot say what is asked."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol

YES_NO = {"type": "choice", "choices": ["yes", "no"]}
FORM = {
    "keys": ["subject", "date", "term"],
    "items": {
        "date": {"type": "date"},
        "ended": {"type": "date"},
        "term": {"type": "text"},
        "severity": {"type": "integer", "range": [1, 5]},
        "degree": {"type": "choice", "choices": ["mild", "moderate", "severe"]},
        "serious": YES_NO,
        "related": {"type": "choice", "choices": ["none", "treatment", "procedure"]},
        "outcome": {"type": "choice", "choices": ["recovered", "fatal"]},
        "note": {"type": "text"},
    },
}
WHOLE = {
    "end": "ended", "grade": "severity", "serious": "serious",
    "related": {"item": "related", "values": ["treatment", "procedure"]},
    "procedure_related": {"item": "related", "values": ["procedure"]}, "outcome": "outcome",
}  # fmt: skip


def mistakes(small: Any, tmp_path: Path, safety: dict[str, Any], **form: Any) -> list[tuple[str, str]]:
    data = copy.deepcopy(small.protocol)
    data["forms"]["adverse_events"] = {**FORM, **form}
    data["safety"] = safety
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return [(p.column, p.what) for p in read_protocol(tmp_path)[1] if p.severity == "error"]


@pytest.mark.parametrize(
    "safety",
    [{}, WHOLE, {"grade": "degree", "grades": {"mild": 1, "moderate": 2, "severe": 3}}, {"data_cut": "2026-01-01"},
     {"outcome": "outcome", "fatal": ["fatal"]}],
)  # fmt: skip
def test_what_can_be_counted_passes(small: Any, tmp_path: Path, safety: dict[str, Any]) -> None:
    assert mistakes(small, tmp_path, safety) == []


@pytest.mark.parametrize(
    ("safety", "key", "words"),
    [
        ({"form": "events_form"}, "safety.form", "unknown form `events_form`"),
        ({"set": "safe"}, "safety.set", "unknown analysis set `safe`"),
        ({"term": "terms"}, "safety.term", "unknown item `terms` of adverse_events"),
        ({"end": "note"}, "safety.end", "`note` is of type text, expected date"),
        ({"outcome": "note"}, "safety.outcome", "a free text could name a patient on the page"),
        ({"serious": "note"}, "safety.serious", "a free text cannot be counted"),
        ({"serious": "grave"}, "safety.serious", "unknown item `grave`"),
        ({"related": "related"}, "safety.related",
         "`related` has the choices none, treatment, procedure: none of them is yes"),
        ({"related": {"item": "related", "values": ["procedur"]}}, "safety.related.values[0]",
         "unknown choice of related `procedur`"),
        ({"grade": "degree"}, "safety.grades", "no grade for the choice `mild` of degree"),
        ({"grades": {"mild": 1}}, "safety.grades", "no item that holds them"),
        ({"grade": "severity", "grades": {"mild": 1}}, "safety.grades", "`severity` is a number already"),
        ({"grade": "degree", "grades": {"mild": 1, "moderate": 2, "severe": 3, "worse": 4}},
         "safety.grades.worse", "unknown choice of degree `worse`"),
        ({"outcome": "outcome", "fatal": ["death"]}, "safety.fatal[0]", "no outcome would be a death"),
        ({"outcome": "serious"}, "safety.outcome", "no outcome would be a death"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_a_mistake_with_its_key(
    small: Any, tmp_path: Path, safety: dict[str, Any], key: str, words: str
) -> None:
    found = mistakes(small, tmp_path, safety)
    assert found[0][0] == key
    assert words in found[0][1]


def test_a_grade_beyond_the_five_steps_is_a_mistake(small: Any, tmp_path: Path) -> None:
    items = {**FORM["items"], "severity": {"type": "integer", "range": [0, 10]}}  # type: ignore[dict-item]
    (found,) = mistakes(small, tmp_path, {"grade": "severity"}, items=items)
    assert found == ("safety.grade", "`severity` runs from 0 to 10, and grades run from 1 to 5")


def test_a_form_of_one_arm_cannot_compare_arms(small: Any, tmp_path: Path) -> None:
    (found,) = mistakes(small, tmp_path, {}, arms=["new"])
    assert found[0] == "safety.form"
    assert "the other arms would have no event" in found[1]

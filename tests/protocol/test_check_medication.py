"""The section on medication: what leads nowhere, or to an item that cannot say what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

FORM: dict[str, Any] = {
    "keys": ["subject", "drug", "start"],
    "items": {
        "class": {"type": "choice", "choices": ["opioid", "nsaid"]},
        "drug": {"type": "text"},
        "route": {"type": "text"},
        "dose": {"type": "number"},
        "unit": {"type": "text"},
        "times": {"type": "number"},
        "start": {"type": "date"},
        "stop": {"type": "date"},
    },
}
SECTION: dict[str, Any] = {
    "route": "route", "start": "start", "stop": "stop", "drug_class": "class", "complete": True,
}  # fmt: skip


def declared(form: dict[str, Any] | None = None, /, **section: Any) -> tuple[str, str]:
    """The replacement that puts a form and the section into the good protocol."""
    made = {**SECTION, **section}
    made = {key: value for key, value in made.items() if value != "-"}
    text = yaml.safe_dump({"medications": {**FORM, **(form or {})}}, default_flow_style=True, width=10_000)
    form_line = text.strip().removeprefix("{").removesuffix("}")
    line = yaml.safe_dump({"medication": made}, default_flow_style=True, width=10_000).strip()
    return "\nevents:\n", f"  {form_line}\n\n{line.removeprefix('{').removesuffix('}')}\n\nevents:\n"


def test_a_declared_list_of_drugs_is_no_mistake_and_its_dose_can_be_compared(
    mistakes: Callable[..., list[str]],
) -> None:
    change = ("dose: {score: opioids.mme, kind: change}", "dose: {score: medications.mme, kind: change}")
    assert mistakes(declared(), change) == []


def test_a_list_that_is_not_complete_has_no_contrast_and_that_is_told(
    mistakes: Callable[..., list[str]],
) -> None:
    change = ("dose: {score: opioids.mme, kind: change}", "dose: {score: medications.mme, kind: change}")
    (found,) = mistakes(declared(complete=False), change)
    assert "`medications.mme` is known only of those who take an opioid" in found
    assert "declare `complete: true` if a patient without a record took none" in found
    assert mistakes(declared(complete=False)) == []  # nothing is compared


def test_records_by_visit_need_no_days(mistakes: Callable[..., list[str]]) -> None:
    form = {"at": "all", "keys": ["subject", "visit", "drug"]}
    assert mistakes(declared(form, start="-", stop="-")) == []


@pytest.mark.parametrize(
    ("form", "section", "expected"),
    [
        (
            {},
            {"form": "medication"},
            "(medication.form): unknown form `medication`; did you mean `medications`?",
        ),
        ({}, {"drug": "drugs"}, "(medication.drug): unknown item `drugs`; did you mean `drug`?"),
        ({}, {"dose": "drug"}, "(medication.dose): `drug` is of type text, expected number or integer"),
        (
            {},
            {"start": "-"},
            "(medication.start): the form `medications` is at no visit, and no item says the start",
        ),
        ({}, {"opioid": "opioids"}, "(medication.opioid): unknown choice `opioids`"),
        (
            {},
            {"drug_class": "-", "opioid": "strong"},
            "(medication.opioid): a class is named, but no item holds",
        ),
        ({}, {"cut_points": [90, 50]}, "(medication.cut_points): the cut points do not rise"),
        ({"at": "all"}, {}, "(medication.start): the records of `medications` are by visit"),
        (
            {"at": "all"},
            {"start": "-", "stop": "-"},
            "(forms.medications.keys): the form `medications` is filled in",
        ),
        (
            {"items": {**FORM["items"], "mme": {"type": "number"}}},
            {},
            "(forms.medications.items.mme): the form `medications` has an item `mme`, and `mme` is computed",
        ),
        ({}, {"factors": "cdc_2016"}, "cdc_2022"),
    ],
)
def test_each_mistake_is_told_with_its_line(
    mistakes: Callable[..., list[str]], form: dict[str, Any], section: dict[str, Any], expected: str
) -> None:
    found = mistakes(declared(form, **section))
    assert any(expected in line for line in found), found
    assert all(line.startswith("protocol.yaml:") for line in found)

"""The section on treatments received: what leads nowhere, or to an item that cannot say what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

CARE: dict[str, Any] = {
    "at": "all",
    "keys": ["subject", "visit", "kind"],
    "items": {
        "kind": {"type": "choice", "choices": ["exercise"]},
        "first": {"type": "date"},
        "note": {"type": "text"},
    },
}
GOOD: dict[str, Any] = {"care": {}, "procedures": {"structure": "level", "volume": "volume"}}


def declared(care: dict[str, Any] | None = None, /, **section: Any) -> tuple[str, str]:
    form = yaml.safe_dump({"care": {**CARE, **(care or {})}}, default_flow_style=True, width=10_000).strip()
    line = yaml.safe_dump({"treatments": {**GOOD, **section}}, default_flow_style=True, width=10_000).strip()
    return "\nevents:\n", f"  {form[1:-1]}\n\n{line[1:-1]}\n\nevents:\n"


def test_declared_care_and_procedures_are_no_mistake(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes(declared()) == []


@pytest.mark.parametrize(
    ("care", "section", "expected"),
    [
        ({}, {"care": {"form": "cares"}}, "(treatments.care.form): unknown form `cares`; did you mean `care`?"),
        ({}, {"care": {"kind": "note"}}, "(treatments.care.kind): `note` is of type text, expected choice"),
        ({}, {"care": {"start": "first"}}, "(treatments.care.start): the records of `care` are by visit"),
        ({"at": "none", "keys": ["subject", "kind", "first"]}, {}, "the form `care` is at no visit"),
        ({}, {"procedures": {"structure": "structure"}}, "(treatments.procedures.structure): unknown item `structure`"),
        ({}, {"procedures": {"structure": "level", "volume": "level"}}, "`level` is of type choice, expected number"),
        ({}, {"care": None, "procedures": None}, "say where it stands"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(
    mistakes: Callable[..., list[str]], care: dict[str, Any], section: dict[str, Any], expected: str
) -> None:
    found = mistakes(declared(care, **section))
    assert any(expected in line for line in found), found
    assert all(line.startswith("protocol.yaml:") for line in found)

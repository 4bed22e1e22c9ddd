"""docs/instruments.md: every shipped instrument stands there, up to date, and its examples run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from armwise.instruments import load, names
from armwise.instruments.value_sets import columns

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "instruments.md"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("name", names())
def test_every_item_score_option_and_source_of_a_shipped_instrument_stands_on_the_page(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    instrument = load(name)
    assert f"## {name}\n" in text
    for code in [item.code for item in instrument.items] + list(instrument.options):
        assert f"`{code}`" in text
    for one in instrument.scores:
        assert f"`{name}.{one.name}`" in text
    for citation in [source.citation for source in instrument.sources] + [
        m.citation for m in instrument.mcids
    ]:
        assert citation in text


def test_every_value_set_stands_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in columns("eq5d3l.csv", "eq5d3l.yaml") if f"| `{name}` |" not in text]


def test_the_made_part_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert module("make_instruments").renew(text) == text, "run: python docs/make_instruments.py"


def test_the_examples_of_the_page_give_what_they_say(tmp_path: Path) -> None:
    examples = module("run_examples")
    outcomes = [(block.line, expected, found) for block, expected, found in examples.run(PAGE, tmp_path)]
    assert len(outcomes) >= 5
    assert not [line for line, expected, found in outcomes if not examples.agrees(expected, found)]

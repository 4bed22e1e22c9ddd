"""Broken definitions: each kind of mistake, where it stands, what was found and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from armwise.errors import InstrumentError
from armwise.instruments.parse import parse

GOOD = """\
id: own
title: My scale
items:
  q1: {label: First, range: [0, 4]}
  q2: {label: Second, range: [0, 4]}
  q3: {label: Third, range: [1, 5]}
options:
  limit: {choices: [0, 1], default: 0, meaning: how many may be missing}
scores:
  total:
    label: Total
    range: [0, 13]
    higher_is_better: false
    rule: sum
    items: all
mcids:
  - {score: total, value: 2, kind: points, population: anyone, citation: nobody, status: unconfirmed}
sources: [A book]
"""


def message(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(InstrumentError) as caught:
        parse(GOOD.replace(old, new), "own.yaml")
    return str(caught.value)


def test_the_good_definition_is_read() -> None:
    instrument = parse(GOOD, "own.yaml")
    assert [item.code for item in instrument.items] == ["q1", "q2", "q3"]
    assert instrument.score("total").rule.items == ("q1", "q2", "q3")
    assert instrument.mcids[0].status == "unconfirmed"


BROKEN = yaml.safe_load((Path(__file__).parent / "fixtures" / "broken_definitions.yaml").read_text())


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken["write"].strip()[:40])
def test_each_mistake_says_file_line_key_found_and_expected(broken: dict[str, str]) -> None:
    assert broken["says"] in message(broken["instead_of"], broken["write"])


@pytest.mark.parametrize("file", ["../own.csv", "/tmp/own.csv", "sets/own.csv", ".hidden", "a\\\\b.csv", ""])
def test_a_value_set_is_a_files_name_and_never_a_path(file: str) -> None:
    found = message("rule: sum\n", f'rule: value_set\n    column: ours\n    value_set: "{file}"\n')
    assert "(scores.total.value_set): found" in found
    assert "expected a file's name, such as mine.csv: it stands beside the definition" in found


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    broken = (
        GOOD.replace("kind: points", "kind: sd")
        .replace("rule: sum", "rule: som")
        .replace("id: own", "id: OWN")
    )
    with pytest.raises(InstrumentError) as caught:
        parse(broken, "own.yaml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "own.yaml: 3 mistakes in the definition"
    assert [line.split(" ")[2] for line in lines[1:]] == ["own.yaml:1", "own.yaml:14", "own.yaml:17"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: [", "own.yaml:1: not YAML"),
        ("id: {a: 1", "own.yaml:1: not YAML"),
        ("", "own.yaml: expected keys such as `id:`, `items:`, `scores:`; found none"),
        ("- a\n- b\n", "own.yaml: expected keys such as"),
        ("items: 3\n", 'own.yaml:1 (items): found "3"; expected keys and values'),
        ("items: {}\n", "own.yaml:1 (items): no item; expected at least one item"),
        ("scores: {}\n", "own.yaml:1 (scores): no score; expected at least one score"),
        ("mcids: {}\n", "own.yaml:1 (mcids): no list; expected a list of differences"),
        ("? [a]\n: b\n", "own.yaml:1: not YAML: found unhashable key"),
    ],
)
def test_files_that_are_no_definition_at_all(text: str, expected: str) -> None:
    with pytest.raises(InstrumentError) as caught:
        parse(text, "own.yaml")
    assert expected in str(caught.value)

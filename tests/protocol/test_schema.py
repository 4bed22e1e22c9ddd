"""The JSON Schema accepts what the loader accepts, and what it rejects the loader rejects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from armwise.protocol.load import read_protocol
from armwise.protocol.schema import schema, schema_text
from armwise.yaml_lines import read_yaml

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).with_name("fixtures") / "protocol.yaml"
FILES = [GOOD, *sorted((ROOT / "examples").glob("*/protocol.yaml"))]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def data_of(text: str) -> Any:
    """As an editor sees the file: dates are text in JSON."""
    return json.loads(json.dumps(read_yaml(text, "protocol.yaml")[0], default=str))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(schema_text()) == schema()
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name)
def test_a_good_protocol_fits_the_schema(file: Path) -> None:
    errors = [
        e.json_path + ": " + e.message
        for e in VALIDATOR.iter_errors(data_of(file.read_text(encoding="utf-8")))
    ]
    assert errors == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("window_rule: nearest", "window_rul: nearest"),
        ("  title: Injection against usual care\n", ""),
        ("allocation: nonrandomised", "allocation: chosen"),
        ('version: "1.0"', "version: 1.0"),
        ("m1: {day: 30", "m1: {day: thirty"),
        ("m1: {day: 30", "m1: {day: 300000"),
        ("window: [-10, 14]", "window: [-10]"),
        ("age: {type: integer", "age: {type: int"),
        ("change: {score: odi.total", "change: {score: total"),
        ("{at_least: 10}", "{at_least: ten}"),
        ("{at_least: 10}", "{at_least: 1/3}"),
        ("{at_least: 10}", "10"),
        ("method: mann-whitney", "method: gee"),
        ("missing: worst-case", "missing: bayes"),
        ("at: [m1, m3], role", "at: [], role"),
        ("at: [m1, m3], role", "at: 5, role"),
        ("age: subjects.age", "age: {itm: subjects.age}"),
        ("main: [primary]", "main: primary"),
        ("usual: {label", "Usual: {label"),
    ],
)
def test_what_the_schema_rejects_the_loader_rejects(old: str, new: str, tmp_path: Path) -> None:
    text = GOOD.read_text(encoding="utf-8").replace(old, new, 1)
    assert list(VALIDATOR.iter_errors(data_of(text)))
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    assert any(p.severity == "error" for p in read_protocol(tmp_path)[1])


def test_the_short_forms_of_the_grammar_fit_the_schema() -> None:
    text = GOOD.read_text(encoding="utf-8")
    assert "at: m3" in text  # a visit as a word
    assert "choices: [L4, L5]" in text  # choices as a list
    assert "at_least: 50%" in text  # a per cent
    assert "main: [primary]" in text  # a family as a list
    assert "age: subjects.age" in text  # a covariate as a word
    assert VALIDATOR.is_valid(data_of(text))

"""Pydantic's errors in our words, for any model."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from armwise.protocol.mistakes import build
from armwise.yaml_lines import read_yaml


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = Field(default=1, ge=1)
    kind: Literal["a", "b"] = "a"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: str
    parts: dict[str, Part] = {}
    at: Literal["all"] | tuple[str, ...] = "all"
    share: float = Field(default=0.5, gt=0, lt=1)


def told(text: str) -> tuple[Any, list[str]]:
    data, lines = read_yaml(text, "f.yaml")
    made, problems = build(Whole, data, lines, "f.yaml")
    return made, [str(p) for p in problems]


def test_good_data_make_the_model_and_nothing_to_tell() -> None:
    made, problems = told("name: x\nparts: {p: {size: 2}}\n")
    assert made.parts["p"].size == 2
    assert problems == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: 3", "f.yaml:1 (name): found `3`, expected text; put it in quotes"),
        ("name: true", "f.yaml:1 (name): found `true`, expected text; put it in quotes"),
        ("name: [a]", "f.yaml:1 (name): found a list of 1, expected text"),
        (
            "name: x\nparts:\n  p: {sise: 2}",
            "f.yaml:3 (parts.p.sise): unknown key `sise`; did you mean `size`?",
        ),
        ("name: x\nparts: {p: {kind: c}}", "f.yaml:2 (parts.p.kind): found `c`, expected one of a, b"),
        ("name: x\nparts: {p: 3}", "f.yaml:2 (parts.p): found `3`, expected keys: size, kind"),
        ("name: x\nparts: 3", "f.yaml:2 (parts): found `3`, expected named entries: `name: ...`"),
        ("name: x\nat: 3", "f.yaml:2 (at): found `3`, expected `all` or a list: [..., ...]"),
        ("name: x\nat:\n  - a\n  - 3", "f.yaml:4 (at[1]): found `3`, expected text; put it in quotes"),
        ("name: x\nshare: 1", "f.yaml:2 (share): found `1`, expected less than 1"),
        ("name: x\nshare: 1e999", "f.yaml:2 (share): found `inf`, expected a number"),
        ("name: x\nshare:", "f.yaml:2 (share): found nothing, expected a number"),
    ],
)
def test_each_kind_of_mistake_says_what_was_found_and_expected(text: str, line: str) -> None:
    assert told(text)[1] == [line]


def test_what_is_wrong_is_left_out_and_the_rest_is_built() -> None:
    made, problems = told("name: x\nparts: {p: {size: 0}, q: {size: 2, sise: 3}, r: {kind: 1}}\nshare: 2\n")
    assert len(problems) == 4
    assert {name: part.size for name, part in made.parts.items()} == {"p": 1, "q": 2, "r": 1}
    assert made.share == 0.5


def test_what_cannot_be_built_is_none() -> None:
    assert told("parts: {}")[0] is None
    assert told("- a")[1] == [
        "f.yaml:1: found a list of 1, expected keys: name, parts, at, share; start from `armwise init`"
    ]

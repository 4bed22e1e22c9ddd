"""Thresholds side by side and anchors: what they may point to, and what may not test these arms."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol
from armwise.protocol.schema import schema

EXAMPLE = Path(__file__).parents[2] / "examples" / "bmc-low-back-pain" / "protocol.yaml"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return dict(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))


def told(example: dict[str, Any], folder: Path, *path: Any, to: Any) -> list[str]:
    """The mistakes of the example with one value changed."""
    data = copy.deepcopy(example)
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return [f"{p.column}: {p.what}; {p.todo}" for p in read_protocol(folder)[1] if p.severity == "error"]


ODI = ("thresholds", "odi")
PGIC = ("anchors", "pgic")
OWN = "a threshold from this study's own anchor"
CASES: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "unknown score": ((*ODI, "score"), "odi.totl", "thresholds.odi.score: unknown score `odi.totl`"),
    "score without baseline": ((*ODI, "score"), "pgic.change", "thresholds.odi.score: `pgic.change` has no baseline"),
    "unknown visit": ((*ODI, "at"), ["m13"], "thresholds.odi.at[0]: unknown visit `m13`"),
    "baseline visit": ((*ODI, "at"), "baseline", "thresholds.odi.at[0]: `baseline` is the baseline"),
    "unknown analysis": ((*ODI, "like"), "primry", "thresholds.odi.like: unknown analysis `primry`"),
    "analysis of means": ((*ODI, "like"), "odi", "thresholds.odi.like: `odi` is of method mmrm"),
    "impossible points": (
        (*ODI, "of", 0, "at_least"), 101, "thresholds.odi.of[0]: an improvement of 101 cannot happen",
    ),
    "impossible share": (
        (*ODI, "of", 3, "at_least"), "120%", "thresholds.odi.of[3]: an improvement of 120% cannot happen",
    ),
    "both operators": (
        (*ODI, "of", 0, "more_than"), 10, "thresholds.odi.of[0]: say exactly one of at_least and more_than",
    ),
    "a threshold from the anchor": (
        (*ODI, "of", 0, "source"), "our own pgic", f"thresholds.odi.of[0].source: {OWN} `pgic` would test the arms",
    ),
    "an anchor's path": ((*ODI, "of", 0, "source"), "anchors.pgic", "thresholds.odi.of[0].source: "),
    "an endpoint's threshold from the anchor": (
        ("endpoints", "odi_mcid", "improvement", "at_least"), "anchor.pgic",
        f"endpoints.odi_mcid.improvement.at_least: found `anchor.pgic`: {OWN} would test the arms",
    ),
    "rating without direction": (
        ("forms", "pgic", "items", "change", "direction"), None,
        "anchors.pgic.rating: the direction of `pgic.change` is not known",
    ),
    "a rating that cannot be given": (
        (*PGIC, "improved"), [0, 1], "anchors.pgic.improved: `pgic.change` runs from 1 to 7, found 0",
    ),
    "the best rating left out": (
        (*PGIC, "improved"), [2, 3], "anchors.pgic.improved: the best rating, 1, does not count as improved",
    ),
    "a visit without the rating": (
        ("forms", "pgic", "at"), ["m1", "m3"], "anchors.pgic.at: the form of `pgic.change` is not filled in at m12",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_with_its_place(name: str, example: dict[str, Any], tmp_path: Path) -> None:
    path, to, said = CASES[name]
    assert any(line.startswith(said) for line in told(example, tmp_path, *path, to=to)), told(
        example, tmp_path, *path, to=to
    )


def test_the_example_has_no_mistake(example: dict[str, Any], tmp_path: Path) -> None:
    assert told(example, tmp_path, "study", "version", to="1.0") == []


def test_a_threshold_twice_is_a_mistake(example: dict[str, Any], tmp_path: Path) -> None:
    of = example["thresholds"]["odi"]["of"]
    lines = told(example, tmp_path, *ODI, "of", to=[of[0], of[0]])
    assert any("the threshold at least 10 stands twice" in line for line in lines)


def test_the_schema_takes_numbers_and_per_cents_as_thresholds() -> None:
    amounts = schema()["$defs"]["Threshold"]["properties"]["at_least"]["anyOf"]
    assert [part["type"] for part in amounts] == ["number", "string"]


def test_another_study_s_threshold_by_a_rating_of_the_same_name_is_a_warning_and_no_mistake(
    example: dict[str, Any], tmp_path: Path
) -> None:
    said = "Farrar 2001, Pain 94:149, by the PGIC of ten trials"
    assert told(example, tmp_path, *ODI, "of", 0, "source", to=said) == []
    (found,) = [p for p in read_protocol(tmp_path)[1] if p.column == "thresholds.odi.of[0].source"]
    assert (found.severity, found.what) == (
        "warning", "the source names `pgic`, as this study's own anchor is called",
    )  # fmt: skip

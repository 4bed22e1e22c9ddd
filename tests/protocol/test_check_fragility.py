"""What `fragility` may get wrong: names that lead nowhere, and questions that its analyses cannot answer."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol

RISK = {"endpoint": "better", "at": "m3", "role": "secondary", "method": "risk-difference"}
RANKS = {"endpoint": "change", "at": "m3", "role": "secondary", "method": "mann-whitney"}


def mistakes(small: Any, tmp_path: Path, fragility: dict[str, Any]) -> list[tuple[str, str]]:
    data = copy.deepcopy(small.protocol)
    data["analyses"] |= {"risk": RISK, "ranks": RANKS}
    data["analyses"]["primary"]["covariates"] = ["scale_0", "age"]
    data["fragility"] = fragility
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return [(p.column, p.what) for p in read_protocol(tmp_path)[1] if p.severity == "error"]


@pytest.mark.parametrize(
    "fragility",
    [{}, {"analyses": ["primary", "risk"], "benchmarks": ["scale_0"], "strengths": [1, 2.5], "deltas": [-5, 0, 5]},
     {"analyses": ["risk"], "negative_controls": ["happier"]}],
)  # fmt: skip
def test_what_can_be_asked_passes(small: Any, tmp_path: Path, fragility: dict[str, Any]) -> None:
    assert mistakes(small, tmp_path, fragility) == []


@pytest.mark.parametrize(
    ("fragility", "where", "what"),
    [
        ({"analyses": ["primry"]}, "fragility.analyses[0]", "unknown analysis `primry`"),
        ({"analyses": ["primary", "ranks"]}, "fragility.analyses[1]", "mann-whitney gives no difference"),
        ({"benchmarks": ["sex"]}, "fragility.benchmarks[0]", "unknown covariate of these analyses `sex`"),
        ({"negative_controls": ["hapier"]}, "fragility.negative_controls[0]", "unknown endpoint `hapier`"),
        (
            {"negative_controls": ["change"]},
            "fragility.negative_controls[0]",
            "is the endpoint of an analysis",
        ),
        (
            {"analyses": ["risk"], "deltas": [1]},
            "fragility.deltas",
            "about an analysis of a measured endpoint",
        ),
        ({"deltas": [1, 1]}, "fragility.deltas", "stands there twice"),
        ({"negative_controls": ["happier", "happier"]}, "fragility.negative_controls", "stands there twice"),
        (
            {"negative_controls": ["better"]},
            "fragility.negative_controls[0]",
            "is made of `scale.points`, as `change` is",
        ),
        (
            {"analyses": ["risk"], "negative_controls": ["either"]},
            "fragility.negative_controls[0]",
            "as `better` is",
        ),
        ({"analyses": ["primary", "primary"]}, "fragility.analyses", "stands there twice"),
        ({"strengths": [0]}, "fragility.strengths", "expected more than 0"),
    ],
)
def test_what_cannot_be_asked_is_said_where_it_stands(
    small: Any, tmp_path: Path, fragility: dict[str, Any], where: str, what: str
) -> None:
    found = mistakes(small, tmp_path, fragility)
    assert len(found) == 1, found
    assert found[0][0].startswith(where)
    assert what in found[0][1]


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ({"arms": ["new"]}, "the form `mood` of `happier` is not filled in by the arm old"),
        ({"at": "baseline"}, "`happier` is recorded at no visit after baseline"),
    ],
)
def test_a_control_must_be_recorded_in_both_arms_after_baseline(
    small: Any, tmp_path: Path, form: dict[str, Any], what: str
) -> None:
    data = copy.deepcopy(small.protocol)
    data["analyses"]["risk"] = RISK
    data["forms"]["mood"] |= form
    data["fragility"] = {"analyses": ["risk"], "negative_controls": ["happier"]}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    found = [p.what for p in read_protocol(tmp_path)[1] if p.column.startswith("fragility")]
    assert found == [what]


def test_a_primary_analysis_that_gives_no_difference_is_not_tested_without_being_named(
    small: Any, tmp_path: Path
) -> None:
    data = copy.deepcopy(small.protocol)
    data["analyses"] = {"primary": {**RANKS, "role": "primary"}, "risk": RISK}
    for fragility, said in (
        ({}, ["the primary analysis `primary` is mann-whitney"]),
        ({"analyses": ["risk"]}, []),
    ):
        data["fragility"] = fragility
        (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        found = [p for p in read_protocol(tmp_path)[1] if p.severity == "error"]
        assert [p.what.partition(",")[0] for p in found] == said

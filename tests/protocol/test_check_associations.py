"""What associations and interactions may get wrong; each mistake is told with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol

CELLS = {"at": "baseline", "arms": ["new"], "items": {"cfu": {"type": "number", "unit": "/mL", "range": [0, 9]},
                                                      "late": {"type": "number"}}}  # fmt: skip
GOOD = {
    "endpoint": "change", "at": "m3", "arm": "new", "measure": "cells.cfu", "role": "secondary", "scale": "log2",
    "zero": "left-out", "adjusted_for": ["age"], "spline": True,
}  # fmt: skip
ANALYSIS = {
    "endpoint": "change", "at": "m3", "role": "primary", "method": "ancova", "adjust": "covariates",
    "covariates": ["baseline"],
}  # fmt: skip

RISK: dict[str, Any] = {"endpoint": "better", "method": "risk-difference", "adjust": "none", "covariates": []}


def told(small: Any, tmp_path: Path, **sections: Any) -> list[str]:
    data = {**small.protocol, "forms": {**small.protocol["forms"], "cells": CELLS}, **sections}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return [f"{p.severity} {p.column}: {p.what}; {p.todo}" for p in read_protocol(tmp_path)[1]]


def test_the_good_one_is_good(small: Any, tmp_path: Path) -> None:
    assert told(small, tmp_path, associations={"a": GOOD}) == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"endpoint": "chnge"}, "associations.a.endpoint: unknown endpoint `chnge`"),
        ({"endpoint": "better"}, "is yes or no, and an association is with a number"),
        ({"at": "baseline"}, "has no value at baseline"),
        ({"arm": "nwe"}, "unknown arm `nwe`"),
        ({"arm": "old"}, "the form `cells` is not filled in by the arm old"),
        ({"measure": "cells.cfuf"}, "unknown measure `cells.cfuf`; "),
        ({"measure": "dose.cfu"}, "unknown measure `dose.cfu`"),
        ({"zero": None}, "a value of 0 has no logarithm, and `cells.cfu` may be 0"),
        ({"adjusted_for": ["aeg"]}, "unknown covariate `aeg`"),
        ({"adjusted_for": ["age", "age"]}, "`age` stands twice"),
        ({"measure": "age"}, "`age` stands twice"),
        ({"measure": "sex"}, "`sex` is a category, and spline belongs to a number"),
        ({"measure": "sex"}, "scale belongs to a number"),
        ({"cuts": [5, 2]}, "the cut points do not rise"),
        ({"scale": "linear"}, "`zero` says what the logarithm of a zero is"),
        ({"per": 2}, "leave `per` out"),
    ],
)
def test_a_mistake_is_told_with_its_key(
    small: Any, tmp_path: Path, change: dict[str, Any], wanted: str
) -> None:
    declared = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    found = told(small, tmp_path, associations={"a": declared})
    assert any(wanted in line and line.startswith("error") for line in found), found


def test_a_cut_point_is_a_warning(small: Any, tmp_path: Path) -> None:
    (line,) = told(small, tmp_path, associations={"a": {**GOOD, "cuts": [2]}})
    assert line.startswith("warning associations.a.cuts") and "throws away" in line


def test_only_one_pair_may_lead(small: Any, tmp_path: Path) -> None:
    (line,) = told(small, tmp_path, associations={"a": GOOD, "b": GOOD})
    assert "`b` and `a` both have the role secondary" in line


def test_a_measure_whose_range_lies_above_zero_needs_no_rule_for_zeros(small: Any, tmp_path: Path) -> None:
    cells = {**CELLS, "items": {"cfu": {"type": "number", "range": [1, 9]}}}
    forms = {**small.protocol["forms"], "cells": cells}
    assert (
        told(small, tmp_path, forms=forms, associations={"a": {k: v for k, v in GOOD.items() if k != "zero"}})
        == []
    )


@pytest.mark.parametrize(
    ("change", "modifier", "wanted"),
    [
        ({}, "aeg", "unknown covariate `aeg`"),
        ({}, {"covariate": "sex", "per": 10}, "`sex` is a category: it has no `per` and no `at`"),
        ({}, {"subgroup": "by_sex"}, "ancova keeps a number a number"),
        ({}, {"covariate": "age", "subgroup": "by_sex"}, "exactly one of covariate and subgroup"),
        ({}, {"subgroup": "by_sex", "per": 2}, "belong to a covariate that is a number"),
        ({"method": "mmrm"}, "age", "no interaction for mmrm"),
        (RISK, "age", "takes a subgroup"),
        (RISK, {"subgroup": "by_sex"},
         "does not compare within `by_sex`"),
    ],
)  # fmt: skip
def test_an_interaction_that_cannot_be_is_told(
    small: Any, tmp_path: Path, change: dict[str, Any], modifier: Any, wanted: str
) -> None:
    analyses = {"primary": {**ANALYSIS, **change, "modifiers": [modifier]}}
    found = told(small, tmp_path, analyses=analyses, subgroups={"by_sex": {"covariate": "sex"}})
    assert any(wanted in line for line in found), found


def test_a_word_is_a_covariate(small: Any, tmp_path: Path) -> None:
    assert told(small, tmp_path, analyses={"primary": {**ANALYSIS, "modifiers": ["sex", "age"]}}) == []

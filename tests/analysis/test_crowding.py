"""Covariates that a regression cannot carry are named in the reason, where no planned size warned of them before."""

from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse

LINEAR = {"endpoint": "change", "at": "m6", "role": "secondary", "method": "ancova", "adjust": "covariates"}
ODDS = {**LINEAR, "endpoint": "better", "method": "odds-ratio"}


def reason(results: Results) -> str:
    (row,) = [
        r
        for r in results.rows(analysis="model", versus="old")
        if r["statistic"] in ("mean difference", "odds ratio")
    ]
    return str(row["reason"] or "")


def of(small: Any, n: int, model: dict[str, Any], **sections: Any) -> str:
    people = small.people(["new", "old"] * (n // 2), sex=["f"] * n)
    model = {**model, "covariates": ["scale_0", "age", "sex"]}
    return reason(analyse(small.repeated(small.drawn(n, gone=0.0), model, {"subjects": people}, **sections)))


@pytest.mark.parametrize(
    "model", [LINEAR, ODDS, {**LINEAR, "method": "mmrm", "at": ["m6"]}], ids=["ancova", "odds", "mmrm"]
)
def test_a_category_that_everybody_has_is_named_whatever_the_size(small: Any, model: dict[str, Any]) -> None:
    for n in (24, 80):
        assert "not used, as it does not vary: sex" in of(small, n, model)


def test_more_than_one_covariate_for_ten_is_said_unless_the_size_was_planned(small: Any) -> None:
    said = "2 covariate columns for 12 patients in the smallest arm: more than one for ten"
    assert said in of(small, 24, LINEAR)
    assert "more than one for ten" not in of(small, 80, LINEAR)
    arms = {name: {**arm, "planned": 40} for name, arm in small.protocol["arms"].items()}
    assert "more than one for ten" not in of(small, 24, LINEAR, arms=arms)


def test_of_a_response_the_rarer_answer_counts(small: Any) -> None:
    assert "patients with the rarer answer: more than one for ten" in of(small, 24, ODDS)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol

WEIGHTED = {
    "endpoint": "change", "at": "m3", "role": "sensitivity", "estimand": "overlap", "method": "mean-difference",
    "adjust": "overlap-weights", "covariates": ["age"], "missing": "impute",
}  # fmt: skip
ANCOVA = {
    "endpoint": "change", "at": "m3", "role": "sensitivity", "method": "ancova", "adjust": "covariates",
    "covariates": ["age"], "missing": "jump-to-reference",
}  # fmt: skip
ESTIMANDS = {"overlap": {"target": "overlap"}, "treated": {"target": "treated"}}


def told(small: Any, tmp_path: Path, analysis: dict[str, Any], **sections: Any) -> list[str]:
    """What is said of a protocol whose analysis `extra` is this one."""
    data = {**small.protocol, "estimands": ESTIMANDS, **sections}
    data["analyses"] = {
        **small.protocol["analyses"],
        "extra": {k: v for k, v in analysis.items() if v is not None},
    }
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    _, problems = read_protocol(tmp_path)
    return [f"{p.column}: {p.what}; {p.todo}" for p in problems]


def test_what_can_be_pooled_is_accepted(small: Any, tmp_path: Path) -> None:
    for analysis in (
        WEIGHTED,
        ANCOVA,
        {**ANCOVA, "missing": "impute", "variance": "rubin"},
        {**ANCOVA, "variance": "jackknife", "delta": {"new": 2.5}},
        {**WEIGHTED, "missing": "complete-cases", "variance": "jackknife"},
        {**WEIGHTED, "adjust": "inverse-probability", "estimand": "treated", "missing": "complete-cases",
         "variance": "known"},
        {**WEIGHTED, "method": "risk-difference", "endpoint": "better", "droppable": ["age"]},
    ):  # fmt: skip
        assert told(small, tmp_path, analysis) == []


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ({**WEIGHTED, "missing": "copy-reference"}, "analyses.extra.missing: copy-reference draws a measured "
         "outcome at "
         "every visit, and mean-difference does not pool it; use `method: ancova`"),
        ({**WEIGHTED, "adjust": "none", "covariates": None, "estimand": None}, "analyses.extra.missing: "
         "mean-difference "
         "does not pool imputed data; use ancova, or mean-difference and risk-difference adjusted by overlap-weights, "
         "inverse-probability, entropy-balancing, g-computation, aipw"),
        ({**WEIGHTED, "variance": "jackknife"}, "analyses.extra.variance: mean-difference with `adjust: "
         "overlap-weights` "
         "and `missing: impute` has no variance `jackknife`; use sandwich"),
        ({**ANCOVA, "missing": None, "variance": "rubin"}, "analyses.extra.variance: ancova with `adjust: "
         "covariates` and "
         "`missing: complete-cases` has no variance `rubin`; leave it out"),
        ({**ANCOVA, "delta": {"neww": 1}}, "analyses.extra.delta.neww: unknown arm `neww`; did you mean `new`?"),
        ({**ANCOVA, "missing": None, "delta": {"new": 1}}, "analyses.extra.delta: a delta is added to measured "
         "outcomes "
         "that were drawn; use `missing: impute` with a measured endpoint, or leave it out"),
        ({**ANCOVA, "margin": {"kind": "equivalence", "value": 3}}, "analyses.extra.margin: a margin is not tested on "
         "imputed data in this version; compare the interval with the margin, or use another rule"),
        ({**ANCOVA, "droppable": ["age"]}, "analyses.extra.droppable: nothing is dropped from a model of `adjust: "
         "covariates`; leave it out"),
        ({**WEIGHTED, "droppable": ["sex"]}, "analyses.extra.droppable[0]: unknown covariate of the analysis "
         "`sex`; known "
         "here: `age`"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_once_with_what_to_do(
    small: Any, tmp_path: Path, analysis: dict[str, Any], said: str
) -> None:
    assert told(small, tmp_path, analysis) == [said]


def test_scores_and_steps_of_the_imputation_exist_and_a_flat_prior_is_warned_of(
    small: Any, tmp_path: Path
) -> None:
    arms = {"new": {"label": "New", "planned": 40}, "old": {"label": "Old", "reference": True, "planned": 90}}
    found = told(
        small, tmp_path, WEIGHTED, arms=arms,
        imputation={"scores": ["mood.point"], "steps": {"scale.point": 1}, "prior_subjects": 0},
    )  # fmt: skip
    assert found == [
        "imputation.scores[0]: unknown score `mood.point`; did you mean `mood.points`?",
        "imputation.steps.scale.point: unknown score `scale.point`; did you mean `scale.points`?",
        "imputation.prior_subjects: no prior, with 40 planned patients in the smaller arm; below 60 an arm the "
        "draws are"
        " too wide: leave `prior_subjects` at 3",
    ]

from __future__ import annotations

from typing import Any

import polars as pl

from armwise.derive.covariates import labels
from armwise.derive.derived import derive


def test_covariates_are_items_and_baseline_scores_one_row_a_subject(small: Any) -> None:
    tables = {
        "subjects": small.people(["new", "old", "old"], age=[50, None, 70]),
        "scale": small.scale({"p1": (40, 1, 2), "p3": (None, 5, 6)}),
    }
    found = derive(small.study(tables)).covariates
    assert found.to_dicts() == [
        {"subject": "p1", "arm": "new", "age": 50, "sex": "f", "scale_0": 40},
        {"subject": "p2", "arm": "old", "age": None, "sex": "m", "scale_0": None},
        {"subject": "p3", "arm": "old", "age": 70, "sex": "f", "scale_0": None},
    ]
    assert (found.schema["age"], found.schema["sex"], found.schema["scale_0"]) == (
        pl.Float64,
        pl.String,
        pl.Float64,
    )


def test_a_covariate_of_a_form_without_a_file_is_missing_for_everybody(small: Any) -> None:
    forms = {
        **small.protocol["forms"],
        "history": {"keys": ["subject"], "items": {"years": {"type": "number"}}},
    }
    covariates = {"years": "history.years", "age": "subjects.age"}
    study = small.study({"subjects": small.people(["new", "old"])}, forms=forms, covariates=covariates)
    found = derive(study).covariates
    assert found["years"].to_list() == [None, None]
    assert found.schema["years"] == pl.Float64
    assert found["age"].to_list() == [40, 47]


def test_labels_are_the_covariates_own_then_the_items_then_its_name(small: Any) -> None:
    study = small.study({"subjects": small.people(["new", "old"])})
    assert labels(study.protocol, "age") == ("age", "years", {})
    assert labels(study.protocol, "sex") == ("sex", "", {"f": "f", "m": "m"})
    assert labels(study.protocol, "scale_0")[0] == "scale_0"


def test_a_value_that_a_dated_form_records_after_time_zero_is_no_covariate_and_is_told(small: Any) -> None:
    forms = {
        **small.protocol["forms"],
        "lab": {"keys": ["subject"], "items": {"date": {"type": "date"}, "level": {"type": "number"}}},
    }
    lab = [
        {"subject": "p1", "date": "2026-01-01", "level": 1},
        {"subject": "p2", "date": "2026-01-02", "level": 2},
        {"subject": "p3", "date": None, "level": 3},
    ]
    tables = {"subjects": small.people(["new", "old", "old"]), "lab": lab}
    found = derive(small.study(tables, forms=forms, covariates={"level": "lab.level", "age": "subjects.age"}))
    assert found.covariates["level"].to_list() == [1.0, None, 3.0]
    (told,) = [p for p in found.problems if p.column == "level"]
    assert (told.severity, told.file, told.row) == ("warning", "data/lab.csv", 3)
    assert told.what == "`level` is recorded after time zero (day 1): no covariate"

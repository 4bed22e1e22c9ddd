from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from armwise.analysis.results import Row
from armwise.analysis.thresholds import thresholds
from armwise.derive.derived import derive
from armwise.stats import gee
from armwise.stats.means import t_quantile
from armwise.study.study import Study


@pytest.fixture(scope="module")
def several(reference_study: Study) -> Study:
    """The reference study with one threshold at three visits, and no event that counts as no response."""
    protocol = reference_study.protocol
    block = protocol.thresholds["odi"]
    block = block.model_copy(update={"at": ("m3", "m6", "m12"), "of": block.of[:1], "like": "complete_cases"})
    main = protocol.estimands["main"].model_copy(update={"events": {}})
    update = {"thresholds": {"odi": block}, "estimands": {**protocol.estimands, "main": main}}
    return replace(reference_study, protocol=protocol.model_copy(update=update))


def rows(study: Study) -> list[Row]:
    return [r for r in thresholds(derive(study)) if r["statistic"] == "odds ratio"]


def test_several_visits_have_one_odds_ratio_by_gee_with_t_on_patients(several: Study) -> None:
    derived = derive(several)
    odi = derived.scores.filter(pl.col("score") == "odi.total").drop_nulls("value")
    before = odi.filter(pl.col("visit") == "baseline").select("subject", b="value")
    people = derived.subjects.select("subject", "arm").join(
        derived.covariates.drop("arm", strict=False), on="subject"
    )
    long = odi.filter(pl.col("visit").is_in(["m3", "m6", "m12"])).select("subject", "visit", "value")
    long = long.join(before, on="subject").join(people, on="subject").sort("subject", "visit")
    X = np.column_stack(
        [
            np.ones(long.height), long["arm"] == "bmc", long["visit"] == "m6", long["visit"] == "m12", long["age"],
            long["bmi"], long["opioid_use"] == "yes", long["odi_baseline"],
        ]
    ).astype(float)  # fmt: skip
    y = ((long["b"] - long["value"]).round(9) >= 10).to_numpy().astype(float)
    fit = gee(y, X, long["subject"].to_numpy(), family="binary")
    half = t_quantile(fit.df, 0.95) * np.sqrt(fit.covariance[1, 1])
    (row,) = rows(several)
    assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx(
        (np.exp(fit.beta[1]), np.exp(fit.beta[1] - half), np.exp(fit.beta[1] + half)), rel=1e-6
    )
    assert (row["visit"], row["p"], row["n"], row["n_arm"] + row["n_versus"]) == (
        None, None, fit.subjects, fit.subjects,
    )  # fmt: skip


def test_one_visit_has_none(reference_study: Study) -> None:
    assert {r["item"] for r in rows(reference_study)} == {"odi_course"}

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from armwise.analysis.repeated_responders import INDEPENDENT, METHOD
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


def with_values(study: Study, value: pl.Expr) -> list[Row]:
    """The odds ratios where every ODI after baseline is made by an expression."""
    derived = derive(study)
    odi = (pl.col("score") == "odi.total") & pl.col("value").is_not_null()
    first = pl.when(odi & (pl.col("visit") == "baseline")).then(50.0)
    changed = first.when(odi).then(value).otherwise(pl.col("value")).alias("value")
    derived = replace(derived, scores=derived.scores.with_columns(changed))
    return [r for r in thresholds(derived) if r["statistic"] == "odds ratio"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (pl.lit(10.0), "everybody of bmc responded at any of the visits: no finite estimate"),
        (pl.lit(50.0), "nobody of bmc responded at any of the visits: no finite estimate"),
        (
            pl.when(pl.col("arm") == "control").then(50.0).otherwise(10.0 + 40 * (pl.col("visit") == "m3")),
            "nobody of control responded at any of the visits: no finite estimate",
        ),
    ],
)
def test_an_arm_whose_answers_are_all_alike_has_no_odds_ratio_and_is_named(
    several: Study, value: pl.Expr, said: str
) -> None:
    usual, (row,) = rows(several), with_values(several, value)
    assert (row["status"], row["reason"]) == ("not estimable", said)
    assert row["id"] == usual[0]["id"]  # what cannot be estimated has the key of what can
    assert usual[0]["method"] == METHOD


def test_patients_who_answer_alike_at_every_visit_are_fitted_as_if_independent_and_it_is_said(
    several: Study,
) -> None:
    third = pl.col("subject").str.slice(-1).is_in(["1", "2", "3", "4"])
    (row,) = with_values(several, pl.when(third).then(10.0).otherwise(50.0))
    assert (row["status"], row["reason"]) == ("ok", INDEPENDENT)
    assert row["lower"] < row["estimate"] < row["upper"]

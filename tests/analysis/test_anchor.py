from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from armwise.analysis.anchor import NOT_A_TEST, ONLY, anchor
from armwise.analysis.results import Results
from armwise.derive.derived import derive
from armwise.stats import anchored_change
from armwise.stats.anchor import ADJUSTED, ROC, SPEARMAN
from armwise.study.study import Study


def test_all_patients_together_are_rated_and_no_row_names_an_arm(
    reference: Results, reference_study: Study
) -> None:
    derived = derive(reference_study)

    def of(ref: str, visit: str, name: str) -> pl.DataFrame:
        here = derived.scores.filter((pl.col("score") == ref) & (pl.col("visit") == visit))
        return here.select("subject", pl.col("value").alias(name)).drop_nulls()

    people = of("pgic.change", "m12", "rating").join(of("odi.total", "m12", "after"), on="subject")
    people = people.join(of("odi.total", "baseline", "before"), on="subject").sort("subject")
    expected = anchored_change(
        (people["before"] - people["after"]).round(9).to_numpy(), -people["rating"].to_numpy(),
        (people["rating"] <= 2).to_numpy(), seed=1, n_replicates=1000,
    )  # fmt: skip
    rows = reference.rows(analysis="anchor")
    assert {(r["arm"], r["versus"], r["p"]) for r in rows} == {(None, None, None)}
    for estimate in (expected.adjusted, expected.predictive, expected.roc):
        row = reference.one(analysis="anchor", statistic="minimal important change", method=estimate.method)
        assert row is not None
        assert row["estimate"] == pytest.approx(estimate.estimate, abs=1e-6)
        assert row["n"] == people.height
        assert NOT_A_TEST in row["reason"]
    adjusted = reference.one(
        analysis="anchor", statistic="minimal important change", method=expected.adjusted.method
    )
    assert adjusted is not None
    assert (adjusted["lower"], adjusted["upper"]) == pytest.approx(
        (expected.adjusted.lower, expected.adjusted.upper), abs=1e-6
    )
    count = reference.one(analysis="anchor", statistic="count")
    assert count is not None
    assert (count["estimate"], count["n"]) == ((people["rating"] <= 2).sum(), people.height)


def test_nobody_who_rated_is_a_row_that_says_so(reference_study: Study) -> None:
    derived = derive(reference_study)
    empty = replace(derived, scores=derived.scores.filter(pl.col("score") != "pgic.change"))
    rows = list(anchor(empty))
    why = "nobody has a rating, a score then and one at baseline"
    assert {(r["status"], r["reason"], r["n"]) for r in rows} == {("not estimable", why, 0)}
    usual = {r["id"] for r in anchor(derived) if r["statistic"] == "minimal important change"}
    assert {r["id"] for r in rows} == usual  # what cannot be estimated has the key of what can


def test_where_one_arm_alone_rated_its_change_a_row_names_it(reference_study: Study) -> None:
    derived = derive(reference_study)
    others = (pl.col("score") == "pgic.change") & (pl.col("arm") == "control")
    rows = list(anchor(replace(derived, scores=derived.scores.filter(~others))))
    (count,) = [r for r in rows if r["statistic"] == "count"]
    assert count["reason"] == f"{ONLY} bmc"
    whole = [r["reason"] for r in anchor(derived) if r["statistic"] == "count"]
    assert whole == [None]


def test_a_rating_that_is_the_same_in_everybody_says_why_there_is_nothing(reference_study: Study) -> None:
    derived = derive(reference_study)
    same = pl.when(pl.col("score") == "pgic.change").then(4.0).otherwise(pl.col("value")).alias("value")
    rows = list(anchor(replace(derived, scores=derived.scores.with_columns(same))))
    assert all(r["reason"] for r in rows if r["status"] == "not estimable")
    (spearman,) = [r for r in rows if r["method"] == SPEARMAN]
    assert spearman["reason"] == "one of the two measurements is the same in everybody"


def test_the_cut_of_the_roc_curve_says_nothing_of_resamples_that_it_does_not_have(
    reference_study: Study,
) -> None:
    derived = derive(reference_study)
    few = derived.subjects["subject"].sort().head(14)  # some resamples fail
    rows = list(
        anchor(replace(derived, scores=derived.scores.filter(pl.col("subject").is_in(few.to_list()))))
    )
    found = {r["method"]: r["reason"] for r in rows if r["statistic"] == "minimal important change"}
    assert "of 1000" in found[ADJUSTED] and "of 1000" not in found[ROC]

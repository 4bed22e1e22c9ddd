from __future__ import annotations

import polars as pl
import pytest

from armwise.analysis.anchor import NOT_A_TEST, anchor
from armwise.analysis.results import Results
from armwise.derive.derived import derive
from armwise.stats import anchored_change
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
    from dataclasses import replace

    derived = derive(reference_study)
    empty = replace(derived, scores=derived.scores.filter(pl.col("score") != "pgic.change"))
    rows = list(anchor(empty))
    assert [(r["status"], r["reason"]) for r in rows] == [("not estimable", "nobody rated the change")]

from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.comparison import comparisons
from armwise.analysis.ordinal import ALIKE, UNLIKE, proportional_odds_rows
from armwise.analysis.results import Results
from armwise.derive.derived import derive
from armwise.stats import better_outcome, proportional_odds
from armwise.study.study import Study


@pytest.fixture(scope="module")
def compared(reference_study: Study) -> Any:
    derived = derive(reference_study)
    return next(comparisons(derived, "pgic", reference_study.protocol.analyses["pgic"]))


def test_the_comparison_is_the_adjusted_odds_ratio_of_a_better_category(
    reference: Results, compared: Any
) -> None:
    treated = (compared.frame["arm"] == "bmc").to_numpy()
    y = compared.frame["outcome"].to_numpy()
    expected = proportional_odds(y, treated, compared.covariates(), higher_is_better=False)
    row = reference.one(analysis="pgic", statistic="odds ratio")
    beside = reference.one(analysis="pgic.unadjusted", statistic="odds ratio")
    plain = proportional_odds(y, treated, higher_is_better=False)
    for found, wanted in ((row, expected), (beside, plain)):
        assert found is not None
        e = wanted.odds_ratio
        assert (found["estimate"], found["lower"], found["upper"]) == pytest.approx(
            (e.estimate, e.lower, e.upper), rel=1e-10
        )
        assert (found["p"], found["unit"], found["arm"], found["versus"]) == (None, "ratio", "bmc", "control")


def test_a_lower_rating_is_better(reference: Results, compared: Any) -> None:
    e = better_outcome(
        compared.outcome("bmc"), compared.outcome("control"), higher_is_better=False
    ).probability
    row = reference.one(analysis="pgic", statistic="probability of a better outcome")
    assert row is not None
    assert row["estimate"] == e.estimate
    assert row["estimate"] > 0.5  # the treated arm was drawn to improve
    odds = reference.one(analysis="pgic", statistic="win odds")
    assert odds is not None
    assert odds["estimate"] == pytest.approx(e.estimate / (1 - e.estimate))


def test_every_category_of_the_scale_is_counted_in_both_arms(reference: Results, compared: Any) -> None:
    rows = [r for r in reference.rows(analysis="pgic", statistic="count") if r["at"] is not None]
    assert [(r["arm"], r["at"]) for r in rows] == [
        (a, float(v)) for a in ("bmc", "control") for v in range(1, 8)
    ]
    for arm in ("bmc", "control"):
        assert sum(r["estimate"] for r in rows if r["arm"] == arm) == len(compared.outcome(arm))


def test_the_odds_ratio_at_each_cut_and_a_verdict_stand_beside_it(reference: Results) -> None:
    cuts = reference.rows(analysis="pgic.cuts", statistic="odds ratio")
    assert [r["at"] for r in cuts] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]  # the worst has no cut below it
    verdict = reference.one(analysis="pgic", statistic="proportionality")
    assert verdict is not None
    assert verdict["reason"] in (ALIKE, UNLIKE)
    assert (verdict["p"], verdict["df"]) == (None, sum(r["status"] == "ok" for r in cuts) - 1)


def test_an_arm_without_anybody_makes_no_row_of_its_own(compared: Any) -> None:
    import polars as pl

    alone = compared.within(pl.col("arm") == "control", "x=y")
    assert [r for r in proportional_odds_rows(alone) if r["versus"]] == []

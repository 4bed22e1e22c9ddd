from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from armwise.analysis.compare import compare
from armwise.analysis.results import Results, table
from armwise.analysis.thresholds import grid_of
from armwise.analysis.thresholds import thresholds as thresholds_of
from armwise.derive.derived import derive
from armwise.protocol.scores import Score
from armwise.stats import overlap_risk_difference, propensity, responder_curve, risk_difference
from armwise.stats.responder_model import METHOD as NORMAL_TAIL
from armwise.study.study import Study


@pytest.fixture(scope="module")
def observed(reference_study: Study) -> Results:
    """The thresholds of the reference study, among those who have both answers, whatever else happened to them."""
    protocol = reference_study.protocol
    like = protocol.analyses["primary"].model_copy(update={"missing": "complete-cases"})
    main = protocol.estimands["main"].model_copy(update={"events": {}})
    protocol = protocol.model_copy(
        update={
            "analyses": {**protocol.analyses, "primary": like},
            "estimands": {**protocol.estimands, "main": main},
        }
    )
    derived = derive(replace(reference_study, protocol=protocol))
    return Results(table(list(thresholds_of(derived))), protocol, "")


WORDS = ["at least 10", "at least 12.8", "at least 15", "at least 30%"]


def thresholds(results: Results, **where):
    return results.rows(analysis="thresholds", item="odi", **where)


@pytest.fixture(scope="module")
def changes(reference_study: Study) -> pl.DataFrame:
    """`subject, arm, baseline, value` and covariates of everyone with an ODI at baseline and month 12, by hand."""
    derived = derive(reference_study)
    odi = derived.scores.filter(pl.col("score") == "odi.total").drop_nulls("value")
    before = odi.filter(pl.col("visit") == "baseline").select("subject", baseline="value")
    after = odi.filter(pl.col("visit") == "m12").select("subject", "value")
    people = derived.covariates.drop("arm", strict=False)
    return (
        derived.subjects.select("subject", "arm")
        .join(before, on="subject")
        .join(after, on="subject")
        .join(people, on="subject")
    )


def test_each_threshold_has_one_row_a_difference_and_none_has_a_p(observed: Results) -> None:
    found = thresholds(observed, statistic="risk difference")
    named = [r for r in found if r["category"]]
    assert [r["category"] for r in named if r["target"] == "overlap"] == WORDS
    assert [r["category"] for r in named if r["method"] == NORMAL_TAIL] == WORDS
    assert {r["p"] for r in thresholds(observed)} == {None}
    assert {r["role"] for r in named if r["method"] == NORMAL_TAIL} == {"sensitivity"}


@pytest.mark.parametrize(
    ("category", "amount", "share"), [(WORDS[1], 12.8, 0), (WORDS[3], 0, Fraction(3, 10))]
)
def test_counts_and_differences_are_those_of_fractions_counted_by_hand(
    observed: Results, changes: pl.DataFrame, category: str, amount: float, share: Fraction
) -> None:
    def fell(before: float, after: float) -> bool:
        b, a = (Fraction(v).limit_denominator(100_000) for v in (before, after))
        return b - a >= (share * b if share else Fraction(str(amount)))

    responded = np.array([fell(b, v) for b, v in zip(changes["baseline"], changes["value"], strict=True)])
    treated = (changes["arm"] == "bmc").to_numpy()
    counts = [int(responded[g].sum()) for g in (treated, ~treated)]
    found = {r["arm"]: r for r in thresholds(observed, category=category, statistic="responders")}
    assert [found[a]["estimate"] for a in ("bmc", "control")] == counts
    plain = risk_difference(counts[0], int(treated.sum()), counts[1], int((~treated).sum()))
    X = {c: changes[c].to_numpy() for c in ("age", "bmi", "opioid_use", "odi_baseline")}
    weighted = overlap_risk_difference(responded, treated, X).difference
    both = [
        r
        for r in thresholds(observed, category=category, statistic="risk difference")
        if r["method"] != NORMAL_TAIL
    ]
    for row, expected in zip(both, (weighted, plain), strict=True):
        assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx(
            (expected.estimate, expected.lower, expected.upper), rel=1e-10
        )


def test_each_threshold_is_compared_as_the_analysis_that_it_is_like(reference_study: Study) -> None:
    """Ten points are an endpoint of the protocol too: its own analysis gives the same, missing answers drawn or not."""
    protocol = reference_study.protocol
    for name in ("primary", "nonresponse"):
        like = protocol.analyses[name].model_copy(update={"endpoint": "odi_mcid", "also": (), "delta": {}})
        block = protocol.thresholds["odi"].model_copy(
            update={"like": name, "of": protocol.thresholds["odi"].of[:1]}
        )
        changed = protocol.model_copy(
            update={"analyses": {**protocol.analyses, name: like}, "thresholds": {"odi": block}}
        )
        derived = derive(replace(reference_study, protocol=changed))
        (own,) = [r for r in compare(derived, name, like).rows if r["statistic"] == "risk difference"
                  and r["analysis"] == name and not r["subgroup"]]  # fmt: skip
        found = [r for r in thresholds_of(derived) if r["category"] and r["target"] == "overlap"
                 and r["statistic"] == "risk difference"]  # fmt: skip
        assert [(r["estimate"], r["lower"], r["upper"], r["method"]) for r in found] == [
            (own["estimate"], own["lower"], own["upper"], own["method"])
        ]


def test_the_curve_is_that_of_the_gains_with_its_band(observed: Results, changes: pl.DataFrame) -> None:
    gain = (changes["baseline"] - changes["value"]).to_numpy()
    treated = (changes["arm"] == "bmc").to_numpy()
    fit = propensity(
        {c: changes[c].to_numpy() for c in ("age", "bmi", "opioid_use", "odi_baseline")}, treated
    )
    grid = np.arange(2.0, 102.0, 2.0)
    expected = responder_curve(np.round(gain, 9), treated, grid, fit, seed=1, n_replicates=2000)
    rows = thresholds(observed, statistic="risk difference", category=None)
    assert [r["at"] for r in rows] == grid.tolist()
    assert [r["estimate"] for r in rows] == pytest.approx(expected.difference, abs=1e-9)
    assert [r["lower"] for r in rows] == pytest.approx(expected.lower, abs=1e-6)


def test_the_band_is_wider_than_the_interval_of_one_threshold(observed: Results) -> None:
    one = thresholds(observed, category="at least 10", statistic="risk difference", target="overlap")[0]
    band = thresholds(observed, statistic="risk difference", category=None, at=10.0)[0]
    assert band["upper"] - band["lower"] > one["upper"] - one["lower"]
    assert band["estimate"] == pytest.approx(one["estimate"], abs=1e-12)


@pytest.mark.parametrize(
    ("lo", "hi", "decimals", "first", "count"),
    [
        (0, 100, 1, 2.0, 50),
        (0, 10, 0, 1.0, 10),
        (0, 10, 1, 0.2, 50),
        (16.2, 67.7, 1, 2.0, 25),
        (-0.1, 1, 3, 0.05, 22),
    ],
)
def test_the_grid_follows_from_the_scale(
    lo: float, hi: float, decimals: int, first: float, count: int
) -> None:
    grid = grid_of(Score("a.b", "a", "b", "", lo, hi, True, decimals, "points"))
    assert (grid[0], len(grid)) == (first, count)
    assert grid[-1] <= hi - lo + 1e-9


def test_a_scale_without_ends_has_no_curve() -> None:
    assert grid_of(Score("a.b", "a", "b", "", None, 10, True, 1, "points")) == []


def test_an_event_that_counts_as_no_response_is_no_response_on_the_curve_either(
    reference_study: Study,
) -> None:
    rows = [r for r in thresholds_of(derive(reference_study)) if r["statistic"] == "risk difference"]
    like = reference_study.protocol.analyses["primary"].model_copy(update={"missing": "complete-cases"})
    protocol = reference_study.protocol.model_copy(
        update={"analyses": {**reference_study.protocol.analyses, "primary": like}}
    )
    strict = [
        r for r in thresholds_of(derive(replace(reference_study, protocol=protocol))) if r["item"] == "odi"
    ]
    named = next(r for r in strict if r["category"] == "at least 10" and r["target"] == "overlap")
    curve = {
        r["at"]: r["estimate"] for r in strict if r["statistic"] == "risk difference" and not r["category"]
    }
    assert curve[10.0] == pytest.approx(named["estimate"], abs=1e-12)
    assert [r["at"] for r in rows if not r["category"] and r["item"] == "odi"] == list(curve)


def test_missing_scores_are_drawn_once_for_all_thresholds_of_a_block(
    reference_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from armwise.analysis import imputation

    drawn: list[object] = []
    original = imputation.impute_chained  # type: ignore[attr-defined]

    def counted(*args: object, **how: object) -> object:
        drawn.append(how["seed"])
        return original(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(imputation, "impute_chained", counted)
    derived = derive(reference_study)
    several = list(thresholds_of(derived))
    assert len(drawn) == 1
    block = reference_study.protocol.thresholds["odi"]
    alone: list[dict[str, object]] = []
    for threshold in block.of:  # each in a run of its own
        only = {"odi": block.model_copy(update={"of": (threshold,)})}
        changed = reference_study.protocol.model_copy(update={"thresholds": only})
        alone += thresholds_of(derive(replace(reference_study, protocol=changed)))
    found = {r["id"]: r for r in several}
    assert all(found[r["id"]] == r for r in alone) and len(drawn) == 1 + len(block.of)


def test_the_draws_of_the_analysis_that_a_block_is_like_are_used_again(
    reference_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from armwise.analysis import imputation

    protocol = reference_study.protocol
    like = protocol.analyses["primary"].model_copy(update={"endpoint": "odi_mcid"})
    changed = protocol.model_copy(update={"analyses": {**protocol.analyses, "primary": like}})
    derived = derive(replace(reference_study, protocol=changed))
    compare(derived, "primary", like)
    monkeypatch.setattr(imputation, "impute_chained", None)  # a draw would fail
    assert any(r["target"] == "overlap" and r["estimate"] is not None for r in thresholds_of(derived))


def test_nobody_is_a_responder_by_a_share_of_a_baseline_of_nothing_in_the_model_either(
    reference_study: Study,
) -> None:
    derived = derive(reference_study)
    first = (pl.col("score") == "odi.total") & (pl.col("visit") == "baseline")
    nothing = pl.when(first).then(0.0).otherwise(pl.col("value")).alias("value")
    rows = thresholds_of(replace(derived, scores=derived.scores.with_columns(nothing)))
    found = [r for r in rows if r["method"] == NORMAL_TAIL and r["category"] == "at least 30%"]
    assert found and {r["estimate"] for r in found if r["item"] == "odi"} == {0.0}


def test_a_curve_that_cannot_be_made_has_the_rows_of_one_that_can_and_each_says_why(
    reference_study: Study,
) -> None:
    derived = derive(reference_study)
    nobody = derived.scores.filter(~((pl.col("visit") == "m12") & (pl.col("arm") == "bmc")))
    made = [list(thresholds_of(d)) for d in (derived, replace(derived, scores=nobody))]
    usual, empty = (
        [r for r in rows if r["item"] == "odi" and r["category"] is None and r["visit"] == "m12"]
        for rows in made
    )
    assert {r["id"] for r in usual} == {r["id"] for r in empty}
    assert all(r["status"] == "not estimable" and r["reason"] for r in empty)

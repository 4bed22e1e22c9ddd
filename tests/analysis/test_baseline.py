from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armwise.analysis.baseline import is_weighted
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.study.study import Study

WEIGHTED = {
    "endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", "adjust": "overlap-weights",
    "covariates": ["age", "sex", "scale_0"], "estimand": "overlap",
}  # fmt: skip
OVERLAP = {"overlap": {"target": "overlap"}}


def only(results: Results, **where: Any) -> dict[str, Any]:
    found = results.one(**where)
    assert found is not None, where
    return found


def weighted(small: Any, n: int = 24, **people: Any) -> Study:
    rng = np.random.default_rng(2)
    arms = [("new", "old")[int(x)] for x in rng.random(n) < 0.5]
    values = {f"p{i + 1}": (int(rng.integers(15, 45)), None, int(rng.integers(5, 45))) for i in range(n)}
    values["p3"] = (*values["p3"][:2], None)  # no outcome: no weight
    tables = {"subjects": small.people(arms, **people), "scale": small.scale(values)}
    return small.study(tables, analyses={"primary": WEIGHTED}, estimands=OVERLAP)


def test_table_one_is_what_pandas_makes_of_the_subjects(reference: Results, reference_study: Study) -> None:
    people = pd.read_csv(reference_study.folder / "data" / "subjects.csv")
    for arm in ("bmc", "control"):
        mine = people[people["arm"] == arm]
        for item in ("age", "bmi"):
            rows = reference.rows(analysis="baseline", item=item, arm=arm, target="everyone", versus=None)
            found = {r["statistic"]: r["estimate"] for r in rows}
            x = mine[item].dropna()
            assert found == pytest.approx(
                {"missing": len(mine) - len(x), "n": len(x), "mean": x.mean(), "sd": x.std(), "median": x.median(),
                 "q1": x.quantile(0.25), "q3": x.quantile(0.75), "min": x.min(), "max": x.max()}
            )  # fmt: skip
        counts = Counter(mine["gender"])
        for code in ("female", "male"):
            where = {
                "analysis": "baseline",
                "item": "gender",
                "arm": arm,
                "category": code,
                "target": "everyone",
            }
            assert only(reference, **where, statistic="count")["estimate"] == counts[code]
            share = only(reference, **where, statistic="share")
            assert share["estimate"] == pytest.approx(counts[code] / len(mine))
    assert all(r["p"] is None for r in reference.rows(analysis="baseline"))


def test_standardised_differences_before_weighting_are_over_the_mean_of_the_variances(
    reference: Results, reference_study: Study
) -> None:
    people = pd.read_csv(reference_study.folder / "data" / "subjects.csv")
    a, b = (people.loc[people["arm"] == arm, "age"] for arm in ("bmc", "control"))
    found = only(
        reference, analysis="baseline", item="age", statistic="standardised difference", target="everyone"
    )
    assert found["estimate"] == pytest.approx((a.mean() - b.mean()) / math.sqrt((a.var() + b.var()) / 2))
    ratio = only(reference, analysis="baseline", item="age", statistic="variance ratio", target="everyone")
    assert ratio["estimate"] == pytest.approx(a.var() / b.var())


def test_overlap_weights_balance_their_covariates_exactly_numbers_and_categories(small: Any) -> None:
    results = analyse(weighted(small))
    for item in ("age", "sex", "scale_0"):
        before = only(
            results, analysis="baseline", item=item, statistic="standardised difference", target="everyone"
        )
        after = only(
            results, analysis="baseline", item=item, statistic="standardised difference", target="overlap"
        )
        assert abs(after["estimate"]) < 1e-6 < abs(before["estimate"])
    shares = results.rows(analysis="baseline", item="sex", statistic="share", target="overlap", category="f")
    assert shares[0]["estimate"] == pytest.approx(shares[1]["estimate"], abs=1e-8)


def test_weighted_rows_say_whom_they_speak_of(small: Any) -> None:
    results = analyse(weighted(small))
    rows = results.rows(analysis="baseline", target="overlap")
    assert {r["reason"] for r in rows} == {"the 23 subjects of the primary analysis, under its weights"}
    sizes = {r["arm"]: r["n"] for r in rows if r["statistic"] == "mean" and r["item"] == "age"}
    assert sum(sizes.values()) == 23


def test_a_covariate_with_gaps_is_weighted_among_those_who_have_it(small: Any) -> None:
    bmi = [None if i % 5 == 0 else 25 + i % 7 for i in range(24)]
    forms = {**small.protocol["forms"]}
    forms["subjects"] = {"items": {**forms["subjects"]["items"], "bmi": {"type": "number"}}}
    rng = np.random.default_rng(2)
    arms = [("new", "old")[int(x)] for x in rng.random(24) < 0.5]
    values = {f"p{i + 1}": (int(rng.integers(15, 45)), None, int(rng.integers(5, 45))) for i in range(24)}
    study = small.study(
        {"subjects": small.people(arms, bmi=bmi), "scale": small.scale(values)}, forms=forms, estimands=OVERLAP,
        analyses={"primary": WEIGHTED}, covariates={**small.protocol["covariates"], "bmi": "subjects.bmi"},
    )  # fmt: skip
    results = analyse(study)
    rows = results.rows(analysis="baseline", item="bmi", statistic="mean", target="overlap")
    assert sum(r["n"] for r in rows) == 24 - 5
    missing = results.rows(analysis="baseline", item="bmi", statistic="missing")
    assert sum(r["estimate"] for r in missing) == 5


def test_where_the_arms_are_separated_the_weighted_difference_says_so(small: Any) -> None:
    arms = ["new"] * 6 + ["old"] * 6
    study = small.study(
        {"subjects": small.people(arms, age=[30] * 6 + [60] * 6),
         "scale": small.scale({f"p{i + 1}": (30 + i, None, 20) for i in range(12)})},
        analyses={"primary": {**WEIGHTED, "covariates": ["age"]}}, estimands=OVERLAP,
    )  # fmt: skip
    results = analyse(study)
    rows = results.rows(analysis="baseline", target="overlap")
    assert {r["statistic"] for r in rows} == {
        "standardised difference",
        "variance ratio",
        "distribution distance",
    }
    assert all(r["status"] == "not estimable" and "separate the arms (age)" in r["reason"] for r in rows)
    # the keys are those of a study that could be weighted
    keys = {r["key"] for r in analyse(weighted(small)).rows(analysis="baseline", target="overlap")}
    assert {r["key"] for r in rows} <= keys


@pytest.mark.parametrize(("adjust", "target"), [("overlap-weights", "overlap"), ("inverse-probability", "everyone"),
                                                ("inverse-probability", "treated")])  # fmt: skip
def test_spread_and_shape_are_measured_under_the_weights_of_the_analysis_and_its_target(
    small: Any, adjust: str, target: str
) -> None:
    primary = {**WEIGHTED, "adjust": adjust, "estimand": "o"}
    rng = np.random.default_rng(2)
    arms = [("new", "old")[int(x)] for x in rng.random(24) < 0.5]
    people = small.people(arms)
    scale = small.scale({f"p{i + 1}": (20 + (i * 5) % 21, None, 5 + (i * 11) % 30) for i in range(24)})
    study = small.study(
        {"subjects": people, "scale": scale},
        analyses={"primary": primary},
        estimands={"o": {"target": target}},
    )
    results = analyse(study)
    z = np.array([a == "new" for a in arms])
    age = np.array([p["age"] for p in people], dtype=float)
    X = np.column_stack(
        [np.ones(24), age, [p["sex"] == "m" for p in people], [20 + (i * 5) % 21 for i in range(24)]]
    )
    b = np.zeros(4)
    for _ in range(40):  # logistic regression by Newton's method, written here
        e = 1 / (1 + np.exp(-X @ b))
        b = b + np.linalg.solve((X.T * (e * (1 - e))) @ X, X.T @ (z - e))
    w = {"overlap": np.where(z, 1 - e, e), "everyone": np.where(z, 1 / e, 1 / (1 - e)),
         "treated": np.where(z, 1.0, e / (1 - e))}[target]  # fmt: skip

    def variance(who: Any) -> float:
        v, x = w[who], age[who]
        return float(v @ (x - v @ x / v.sum()) ** 2 / (v.sum() - v @ v / v.sum()))

    def share(who: Any, at: float) -> float:
        return float(w[who][age[who] <= at].sum() / w[who].sum())

    about = {"analysis": "baseline", "item": "age", "target": target}
    found = {r["statistic"]: r for r in results.rows(**about) if is_weighted(r) and r["versus"]}
    assert found["variance ratio"]["estimate"] == pytest.approx(variance(z) / variance(~z), rel=1e-7)
    gap = max(abs(share(z, x) - share(~z, x)) for x in age)
    assert found["distribution distance"]["estimate"] == pytest.approx(gap, abs=1e-8)
    before = [
        r for r in results.rows(analysis="baseline", item="age", target="everyone") if not is_weighted(r)
    ]
    assert {r["statistic"] for r in before} >= {"variance ratio", "distribution distance"}


def test_without_weights_in_the_primary_analysis_there_is_nothing_after_weighting(pilot: Results) -> None:
    assert pilot.rows(analysis="baseline", target="overlap") == []


def test_three_arms_are_each_compared_with_the_reference(pilot: Results) -> None:
    rows = pilot.rows(analysis="baseline", item="age", statistic="standardised difference")
    assert [(r["arm"], r["versus"]) for r in rows] == [("low", "placebo"), ("high", "placebo")]
    # the published baseline of the efficacy population is in test_run; here everybody randomised
    assert [r["estimate"] for r in pilot.rows(analysis="baseline", item="age", statistic="n")] == [86, 84, 84]


def test_the_baselines_of_the_endpoints_scores_are_rows_too(small: Any) -> None:
    results = analyse(weighted(small))
    items = {r["item"] for r in results.rows(analysis="baseline") if r["item"]}
    assert items == {
        "age",
        "sex",
        "scale_0",
    }  # scale.points is there as scale_0; nobody filled in mood.points
    covariates = {"age": "subjects.age", "sex": "subjects.sex"}
    plain = small.study(
        {"subjects": small.people(["new", "old"]), "scale": small.scale({"p1": (40, None, 20)})},
        covariates=covariates,
    )
    items = {r["item"] for r in analyse(plain).rows(analysis="baseline") if r["item"]}
    assert items == {"age", "sex", "scale.points"}


def test_a_category_that_nobody_has_is_counted_zero(small: Any) -> None:
    study = small.study({"subjects": small.people(["new", "old"], sex=["f", "f"])})
    rows = {
        r["arm"]: r["estimate"]
        for r in analyse(study).rows(analysis="baseline", item="sex", statistic="count", category="m")
    }
    assert rows == {"new": 0, "old": 0}


def test_chance_alone_is_there_for_arms_of_two_or_more(small: Any, reference: Results) -> None:
    found = only(reference, analysis="baseline", statistic="chance imbalance")
    assert (found["n_arm"], found["n_versus"], found["at"]) == (40, 40, 0.1)
    assert round(found["estimate"], 2) == 0.66
    study = small.study({"subjects": small.people(["new", "old"])})
    assert analyse(study).rows(statistic="chance imbalance") == []

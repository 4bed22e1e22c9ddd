"""Comparisons of chosen arms, with missing outcomes left out or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.compare import compare
from armwise.analysis.comparison import comparisons
from armwise.derive.derived import derive
from armwise.stats import (
    impute_chained,
    many_weighted_means,
    overlap_mean_difference,
    propensity,
    weighted_means,
)
from armwise.stats.imputation.pooled_arms import pool_arms

ESTIMANDS = {
    "overlap": {"target": "overlap"},
    "everyone": {"target": "everyone"},
    "treated": {"target": "treated"},
}
OVERLAP = {
    "endpoint": "change", "at": "m6", "role": "secondary", "method": "mean-difference", "adjust": "overlap-weights",
    "covariates": ["baseline", "age"], "estimand": "overlap", "missing": "impute",
}  # fmt: skip


def made(small: Any, points: Any = None, **changes: Any) -> Any:
    """The study with its analysis `model`, and the rows of it."""
    study = small.repeated(
        points or small.drawn(), {**OVERLAP, **changes.pop("model", {})}, estimands=ESTIMANDS,
        imputation={"sets": 20, "seed": 3, **changes.pop("imputation", {})}, **changes,
    )  # fmt: skip
    return study, compare(derive(study), "model", study.protocol.analyses["model"])


def people(small: Any, **columns: list[Any]) -> dict[str, Any]:
    """The table of the 40 subjects with other covariates."""
    return {"subjects": small.people(["new" if i % 2 == 0 else "old" for i in range(40)], **columns)}


def difference(found: Any) -> dict[str, Any]:
    (only,) = [r for r in found.rows if r["versus"] == "old" and r["analysis"] == "model"]
    return only


def test_imputed_then_weighted_is_what_the_parts_give_by_hand(small: Any) -> None:
    points = small.drawn()
    study, found = made(small, points)
    names = ["baseline", "m1", "m3", "m6"]
    scores = np.array([[points[s].get(v, np.nan) for v in names] for s in points])
    age = derive(study).covariates["age"].to_numpy()
    arms = np.array(["new" if i % 2 == 0 else "old" for i in range(40)])
    columns = [f"scale.points {v}" for v in names]
    drawn = impute_chained(
        np.column_stack([scores, age]), names=[*columns, "age"], arms=arms, imputations=20, seed=3,
        bounds=dict.fromkeys(columns, (0.0, 50.0)),
    )  # fmt: skip
    change = drawn.variable(columns[3]) - drawn.variable(columns[0])
    X = {"baseline": scores[:, 0], "age": age}
    expected = pool_arms(
        many_weighted_means(change, arms == "new", propensity(X, arms == "new")), "mean"
    ).difference
    row = difference(found)
    assert [row["estimate"], row["se"], row["df"], row["lower"], row["upper"]] == pytest.approx(
        [expected.estimate, expected.se, expected.df, expected.lower, expected.upper], rel=1e-10
    )
    assert (row["n"], row["n_arm"], row["target"]) == (40, 20, "overlap")
    assert row["method"] == "multiple imputation, overlap weights, stacked sandwich"


def test_without_gaps_imputation_changes_nothing(small: Any) -> None:
    points = small.drawn(gone=0.0)
    _, drawn = made(small, points)
    _, complete = made(small, points, model={"missing": "complete-cases"})
    one, other = difference(drawn), difference(complete)
    numbers = ("estimate", "se", "df", "lower", "upper", "n")
    assert [one[k] for k in numbers] == pytest.approx([other[k] for k in numbers], rel=1e-9)


def test_nobody_is_left_out_for_a_missing_outcome_and_how_many_were_drawn_is_a_row(small: Any) -> None:
    points = small.drawn()
    _, found = made(small, points)
    gone = sum("m6" not in seen for seen in points.values())
    assert gone > 3
    (sets,) = [r for r in found.rows if r["statistic"] == "imputations"]
    assert (sets["estimate"], sets["n"]) == (20, gone)
    assert not found.lost
    assert [r for r in found.rows if r["statistic"] == "excluded"] == []
    missing = {r["arm"]: r["estimate"] for r in found.rows if r["statistic"] == "missing outcomes"}
    assert sum(missing.values()) == gone
    assert found.used == {"new": 20, "old": 20}


def test_what_was_observed_stays_as_it_was_and_a_missing_response_follows_from_the_drawn_score(
    small: Any,
) -> None:
    study, _ = made(small, model={"endpoint": "better", "method": "risk-difference"})
    (c,) = comparisons(derive(study), "model", study.protocol.analyses["model"])
    assert c.imputed is not None
    observed = dict(zip(c.frame["subject"], c.frame["outcome"], strict=True))
    for j, subject in enumerate(c.imputed.people["subject"]):
        if subject in observed:
            assert set(c.imputed.outcomes[:, j]) == {observed[subject]}
    assert set(np.unique(c.imputed.outcomes)) <= {0.0, 1.0}
    assert c.imputed.missing.sum() == 40 - len(observed)


def test_a_composite_keeps_the_component_that_was_observed(small: Any) -> None:
    points = {
        f"p{i + 1}": {"baseline": 30.0 + i % 7, "m6": 30.0 - 15 * (i % 3 == 0) + i % 5} for i in range(24)
    }
    felt = {i: 5 - 3 * (i % 5 < 2) for i in range(4, 24)}  # of the first four it was not recorded
    mood = [
        row
        for i in range(24)
        for row in small.records(
            f"p{i + 1}", ("baseline", 0, 5), *([("m6", 180, felt[i])] if i in felt else [])
        )
    ]
    study, _ = made(
        small, points, tables={"mood": mood}, model={"endpoint": "either", "method": "risk-difference",
        "covariates": ["age"]},
    )  # fmt: skip
    (c,) = comparisons(derive(study), "model", study.protocol.analyses["model"])
    assert c.imputed is not None
    place = {s: j for j, s in enumerate(c.imputed.people["subject"])}
    for i in range(4):  # mood was not recorded; where the scale improved, either did in every set
        outcome = c.imputed.outcomes[:, place[f"p{i + 1}"]]
        if points[f"p{i + 1}"]["baseline"] - points[f"p{i + 1}"]["m6"] >= 10:
            assert set(outcome) == {1.0}
        else:
            assert 0 < outcome.mean() < 1


@pytest.mark.parametrize(
    ("adjust", "estimand", "method"),
    [
        ("inverse-probability", "everyone", "inverse-probability weights, stacked sandwich"),
        ("inverse-probability", "treated", "inverse-probability weights, stacked sandwich"),
        ("entropy-balancing", "everyone", "entropy balancing, stacked sandwich"),
        ("entropy-balancing", "treated", "entropy balancing, stacked sandwich"),
        ("g-computation", "everyone", "g-computation, stacked sandwich"),
        ("aipw", "treated", "augmented inverse-probability weights, stacked sandwich"),
    ],
)
def test_each_adjustment_names_its_target_and_its_method(
    small: Any, adjust: str, estimand: str, method: str
) -> None:
    _, found = made(small, model={"adjust": adjust, "estimand": estimand, "missing": "complete-cases"})
    row = difference(found)
    assert (row["target"], row["method"], row["status"]) == (estimand, method, "ok")
    beside = [
        r for r in found.rows if r["analysis"] == "model.unadjusted" and r["statistic"] == "mean difference"
    ]
    assert [r["target"] for r in beside] == ["everyone"]


def test_inverse_probability_weights_to_the_treated_are_those_of_the_statistics(small: Any) -> None:
    study, found = made(
        small, model={"adjust": "inverse-probability", "estimand": "treated", "missing": "complete-cases"}
    )
    (c,) = comparisons(derive(study), "model", study.protocol.analyses["model"])
    z = (c.frame["arm"] == "new").to_numpy()
    expected = weighted_means(c.frame["outcome"].to_numpy(), z, c.covariates(), "treated")
    assert difference(found)["estimate"] == pytest.approx(expected.difference, rel=1e-12)


def test_the_jackknife_is_said_and_gives_the_same_estimate(small: Any) -> None:
    _, found = made(small, model={"variance": "jackknife", "missing": "complete-cases"})
    row = difference(found)
    assert row["method"] == "overlap weights, jackknife"
    study, _ = made(small)
    (c,) = comparisons(
        derive(study),
        "model",
        study.protocol.analyses["model"].model_copy(update={"missing": "complete-cases"}),
    )
    plain = overlap_mean_difference(c.frame["outcome"].to_numpy(), c.treated, c.covariates()).difference
    assert row["estimate"] == pytest.approx(plain.estimate, rel=1e-12)
    assert row["se"] != pytest.approx(plain.se, rel=1e-3)


def test_draws_that_cannot_be_made_leave_a_row_with_the_reason(small: Any) -> None:
    points = small.drawn(12)
    for i, seen in enumerate(points.values()):
        if i % 2:
            seen.pop("m6", None)  # nobody of the reference arm was seen
    _, found = made(small, points)
    row = difference(found)
    assert row["status"] == "not estimable"
    assert "nobody in old" in row["reason"]


def test_a_visit_that_nobody_has_reached_yet_is_not_drawn_and_does_not_stop_the_others(small: Any) -> None:
    points = small.drawn()
    for seen in points.values():
        seen.pop("m6", None)
    _, found = made(small, points, model={"at": ["m3", "m6"]})
    by_visit = {r["visit"]: r for r in found.rows if r["versus"] == "old" and r["analysis"] == "model"}
    assert by_visit["m3"]["status"] == "ok"
    assert by_visit["m6"]["status"] == "not estimable"


def test_a_missing_covariate_is_drawn_with_the_scores_and_each_set_has_its_own_propensity(small: Any) -> None:
    points = small.drawn()
    for subject in ("p3", "p8"):
        points[subject].pop("baseline")
    study, found = made(small, points)
    (c,) = comparisons(derive(study), "model", study.protocol.analyses["model"])
    assert c.imputed is not None
    assert c.imputed.covariates_differ
    assert c.imputed.covariates["baseline"].shape == (20, 40)
    assert difference(found)["n"] == 40


def test_a_covariate_that_does_not_vary_is_named_beside_the_estimate(small: Any) -> None:
    for adjust, estimand in (("overlap-weights", "overlap"), ("g-computation", "everyone")):
        model = {
            "missing": "complete-cases",
            "adjust": adjust,
            "estimand": estimand,
            "covariates": ["age", "sex"],
        }
        _, found = made(small, model=model, tables=people(small, sex=["f"] * 40))
        assert difference(found)["reason"] == "not used, as it does not vary or others determine it: sex"


def test_standardisation_over_arms_that_a_covariate_separates_says_that_it_rests_on_the_model(
    small: Any,
) -> None:
    model = {
        "missing": "complete-cases",
        "adjust": "g-computation",
        "estimand": "everyone",
        "covariates": ["age"],
    }
    age = [50 + i % 7 if i % 2 == 0 else 20 + i % 5 for i in range(40)]
    _, found = made(small, model=model, tables=people(small, age=age))
    row = difference(found)
    assert row["status"] == "ok"
    assert "the covariates separate the arms (age)" in row["reason"]
    assert row["reason"].endswith("what is said of them rests on the model alone")

"""Which scores are drawn for a comparison, what they are drawn from, and which outcomes follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.compare import compare
from armwise.analysis.comparison import Comparison, comparisons
from armwise.derive.derived import derive
from armwise.errors import UsageError

ANALYSIS = {
    "endpoint": "change", "at": "m6", "role": "secondary", "method": "mean-difference", "adjust": "overlap-weights",
    "covariates": ["baseline", "age"], "estimand": "overlap", "missing": "impute",
}  # fmt: skip
ESTIMANDS = {
    "overlap": {"target": "overlap"},
    "failed": {"target": "overlap", "events": {"surgery": "non-response"}},
    "as_if_not": {"target": "overlap", "events": {"surgery": "hypothetical"}},
}
EVENTS = {"surgery": {"label": "Surgery"}}
RISK = {"endpoint": "better", "method": "risk-difference"}


def made(small: Any, points: Any = None, **changes: Any) -> tuple[Comparison, Any]:
    """The comparison of the analysis `model` of a small study, and what it gives."""
    study = small.repeated(
        points or small.drawn(), {**ANALYSIS, **changes.pop("model", {})}, estimands=ESTIMANDS, events=EVENTS,
        imputation={"sets": 20, "seed": 3, **changes.pop("imputation", {})}, **changes,
    )  # fmt: skip
    derived, analysis = derive(study), study.protocol.analyses["model"]
    (c,) = comparisons(derived, "model", analysis)
    return c, compare(derived, "model", analysis)


def difference(found: Any) -> dict[str, Any]:
    """The row of the comparison itself."""
    only: dict[str, Any]
    (only,) = [
        r
        for r in found.rows
        if r["analysis"] == "model" and r["statistic"] in ("mean difference", "risk difference")
    ]
    return only


def people(small: Any, **columns: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """The table subjects of forty people, with columns of one's own."""
    return {"subjects": small.people(["new", "old"] * 20, **columns)}


def put(rows: list[dict[str, Any]], **columns: list[Any]) -> None:
    """Puts columns into the rows of a table."""
    for i, row in enumerate(rows):
        row.update({name: values[i] for name, values in columns.items()})


def adds_up(found: Any, enrolled: int = 20) -> bool:
    """Whether those compared and those excluded are everyone, in both arms."""
    gone = {
        arm: sum(r["estimate"] for r in found.rows if r["statistic"] == "excluded" and r["arm"] == arm)
        for arm in ("new", "old")
    }
    row = difference(found)
    return bool(row["n_arm"] + gone["new"] == enrolled == row["n_versus"] + gone["old"])


def test_a_state_is_drawn_from_its_score_and_needs_no_baseline(small: Any) -> None:
    points = small.drawn()
    for seen in points.values():
        del seen["baseline"]
    low = {"score": "scale.points", "kind": "state", "at_most": 22.4}
    c, found = made(
        small, points, endpoints={**small.protocol["endpoints"], "low": low},
        model={**RISK, "endpoint": "low", "covariates": ["age"]},
    )  # fmt: skip
    assert c.imputed is not None
    assert set(np.unique(c.imputed.outcomes)) == {0.0, 1.0}
    seen = [points[s].get("m6") for s in c.people["subject"]]
    for j, value in enumerate(seen):
        if value is not None:
            assert set(c.imputed.outcomes[:, j]) == {float(value <= 22.4)}
    share = c.imputed.outcomes[:, c.imputed.missing].mean()
    assert 0 < share < 1
    assert (difference(found)["status"], difference(found)["n"]) == ("ok", 40)


def test_nobody_gets_a_per_cent_of_a_baseline_of_0_and_they_are_counted_out(small: Any) -> None:
    points = {**small.drawn(), "p1": {"baseline": 0.0, "m1": 3.0, "m6": 9.0}, "p2": {"baseline": 0.0}}
    share = {"score": "scale.points", "kind": "percent-change"}
    for changes in ({}, {"method": "ancova", "adjust": "covariates", "estimand": None}):
        c, found = made(
            small, points, endpoints={**small.protocol["endpoints"], "share": share},
            model={"endpoint": "share", **changes},
        )  # fmt: skip
        assert (difference(found)["status"], difference(found)["n"]) == ("ok", 38)
        assert adds_up(found)
        assert c.lost["excluded"].to_list() == ["outcome missing: baseline is 0"] * 2


def test_a_baseline_that_is_drawn_as_0_makes_no_per_cent_and_is_said(small: Any) -> None:
    points = small.drawn()
    for i, seen in enumerate(points.values()):
        seen["baseline"] = 0.5 + (i % 4) / 10
    del points["p3"]["baseline"]
    share = {"score": "scale.points", "kind": "percent-change"}
    _, found = made(
        small, points, model={"endpoint": "share", "covariates": ["age"]},
        imputation={"steps": {"scale.points": 2}}, endpoints={**small.protocol["endpoints"], "share": share},
    )  # fmt: skip
    row = difference(found)
    assert row["status"] == "not estimable"
    assert "a baseline was drawn as 0 in" in row["reason"]


def test_a_number_of_0_and_1_is_drawn_as_0_or_1(small: Any) -> None:
    tables = people(small)
    put(tables["subjects"], age=[None if i % 9 == 0 else i // 2 % 2 for i in range(40)])
    c, found = made(small, tables=tables)
    assert c.imputed is not None
    drawn = c.imputed.covariates["age"]
    assert drawn.shape == (20, 40)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert len(np.unique(drawn[:, 0])) == 2
    assert (difference(found)["status"], difference(found)["n"]) == ("ok", 40)


def test_an_unknown_category_is_drawn_only_where_there_are_two(small: Any) -> None:
    tables = people(small)
    put(tables["subjects"], sex=[None if i % 9 == 0 else "f" for i in range(40)])
    c, found = made(small, tables=tables, model={"covariates": ["baseline", "sex"]})
    assert c.lost["excluded"].to_list() == ["covariate missing: sex"] * 5
    assert (difference(found)["status"], difference(found)["n"]) == ("ok", 35)
    assert adds_up(found)


@pytest.mark.parametrize("estimand", ["failed", "as_if_not"])
def test_what_was_recorded_after_an_event_has_no_part_in_the_draws(small: Any, estimand: str) -> None:
    found = []
    for after in (5.0, 45.0):
        points = small.drawn()
        points["p1"] = {"baseline": 30.0, "m1": 29.0, "m3": 28.0, "m6": after}
        points["p4"] = {"baseline": 33.0, "m1": after, "m3": after, "m6": after}
        events = [
            {"subject": "p1", "event": "surgery", "date": "2026-04-11"},
            {"subject": "p4", "event": "surgery", "date": "2026-01-21"},
        ]
        c, _ = made(
            small, points, tables={"events": events},
            model={**RISK, "estimand": estimand},
        )  # fmt: skip
        assert c.imputed is not None
        found.append(c.imputed)
    np.testing.assert_array_equal(found[0].outcomes, found[1].outcomes)
    both = [found[0].people["subject"].to_list().index(s) for s in ("p1", "p4")]
    if estimand == "failed":
        assert not found[0].outcomes[:, both].any()
        assert not found[0].missing[both].any()
    else:
        assert found[0].missing[both].all()


def test_what_was_recorded_after_an_event_of_treatment_policy_is_used(small: Any) -> None:
    outcomes = []
    for after in (5.0, 45.0):
        points = small.drawn()
        points["p4"] = {"baseline": 33.0, "m1": after, "m3": after, "m6": after}
        events = [{"subject": "p4", "event": "surgery", "date": "2026-01-21"}]
        c, _ = made(small, points, tables={"events": events})
        assert c.imputed is not None
        outcomes.append(c.imputed.outcomes[:, c.imputed.missing])
    assert outcomes[0].shape == outcomes[1].shape
    assert not np.array_equal(outcomes[0], outcomes[1])


def test_a_visit_that_one_arm_alone_has_is_no_source_of_draws_and_is_said(small: Any) -> None:
    points = small.drawn()
    for i, seen in enumerate(points.values()):
        if i % 2:
            seen.pop("m6", None)
    _, found = made(small, points, model={"at": "m3"})
    (sets,) = [r for r in found.rows if r["statistic"] == "imputations"]
    assert "scale.points m6 was not used: nobody of an arm has it" in sets["reason"]
    assert difference(found)["status"] == "ok"


def test_a_delta_moves_the_drawn_outcomes_of_its_arm_alone_and_is_said(small: Any) -> None:
    plain, _ = made(small)
    moved, found = made(small, model={"delta": {"new": 5}})
    assert plain.imputed is not None
    assert moved.imputed is not None
    new = (plain.people["arm"] == "new").to_numpy() & plain.imputed.missing
    np.testing.assert_allclose(moved.imputed.outcomes - plain.imputed.outcomes, 5.0 * new[None].repeat(20, 0))
    assert "added to the drawn outcomes: new +5" in difference(found)["reason"]


def test_a_part_of_the_patients_does_not_take_the_draws_of_all(small: Any) -> None:
    c, _ = made(small)
    with pytest.raises(UsageError, match="a subgroup of imputed data"):
        c.within(pl.col("age") > 50, "old")


def test_while_on_treatment_components_too_look_back_over_their_visits(small: Any) -> None:
    """p1 has no mood and surgery before m6: the composite is missing, its first component stays as it last was."""
    points = {**small.drawn(gone=0.0), "p1": {"baseline": 45.0, "m1": 5.0, "m3": 5.0}}
    mood = [
        row
        for i, subject in enumerate(points)
        if subject != "p1"
        for row in small.records(
            subject, *((v, int(small.visits[v]["day"]), 3 + (i + k) % 5) for k, v in enumerate(small.visits))
        )
    ]
    surgery = [{"subject": "p1", "date": small.records("p1", ("m6", 150, 0))[0]["date"], "event": "surgery"}]
    study = small.repeated(
        points, {**ANALYSIS, **RISK, "endpoint": "either", "covariates": ["age"]}, {"mood": mood, "events": surgery},
        estimands={"overlap": {"target": "overlap", "events": {"surgery": "while-on-treatment"}}}, events=EVENTS,
        imputation={"sets": 20, "seed": 3},
    )  # fmt: skip
    (c,) = comparisons(derive(study), "model", study.protocol.analyses["model"])
    assert c.imputed is not None
    at = c.people["subject"].to_list().index("p1")
    assert c.imputed.missing[at]
    assert set(c.imputed.outcomes[:, at]) == {1.0}

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.analysis.comparison import STATISTIC, comparisons, exclusion_rows, is_comparison
from armwise.analysis.results import row
from armwise.derive.derived import derive
from armwise.protocol.model import METHODS, Protocol
from armwise.stats.fisher import METHOD as FISHER


def one(small: Any, tables: dict[str, Any], analysis: dict[str, Any], **sections: Any) -> Any:
    declared = {"endpoint": "change", "at": "m3", "role": "primary", "method": "ancova", "adjust": "covariates",
                "covariates": ["baseline", "age"], **analysis}  # fmt: skip
    derived = derive(small.study(tables, analyses={"primary": declared}, **sections))
    return next(comparisons(derived, "primary", derived.study.protocol.analyses["primary"]))


TABLES = {
    "p1": (40, 30, 20),
    "p2": (40, 30, 25),
    "p3": (40, 30, None),  # outcome missing
    "p4": (None, 30, 20),  # no baseline
    "p5": (40, 30, 35),
    "p6": (40, 30, 30),  # no age
}
RISKS = {"endpoint": "better", "method": "risk-difference", "adjust": "none", "covariates": []}
ARMS = ["new", "new", "new", "old", "old", "old"]


def tables(small: Any) -> dict[str, Any]:
    ages = [50, 51, 52, 53, 54, None]
    return {"subjects": small.people(ARMS, age=ages), "scale": small.scale(TABLES)}


def test_the_analysed_are_complete_and_the_others_have_a_reason_file_and_row(small: Any) -> None:
    c = one(small, tables(small), {})
    assert c.frame["subject"].to_list() == ["p1", "p2", "p5"]
    lost = {r["subject"]: (r["excluded"], r["_file"], r["_row"]) for r in c.lost.iter_rows(named=True)}
    assert lost == {
        "p3": ("outcome missing: not recorded", "data/subjects.csv", 4),
        "p4": ("outcome missing: no baseline", "data/scale.csv", 11),
        "p6": ("covariate missing: age", "data/scale.csv", 17),
    }
    assert c.counts("new") == (-35, 2)
    assert {k: v.tolist() for k, v in c.covariates().items()} == {
        "baseline": [40, 40, 40],
        "age": [50, 51, 54],
    }


def test_outcomes_are_counted_missing_before_any_rule_fills_them(small: Any) -> None:
    analysis = {
        "endpoint": "better",
        "method": "risk-difference",
        "adjust": "none",
        "covariates": [],
        "missing": "non-response",
    }
    c = one(small, tables(small), analysis)
    assert c.frame.height == 6
    assert c.n_missing == {"new": (1, 3), "old": (1, 3)}
    rows = {r["arm"]: (r["estimate"], r["n"]) for r in exclusion_rows(c)}
    assert rows == {"new": (1, 3), "old": (1, 3)}


def test_who_is_not_in_the_set_is_excluded_for_that_and_nothing_else(small: Any) -> None:
    sets = {"women": {"where": {"subjects.sex": "f"}}}
    c = one(
        small, tables(small), {"estimand": "women"}, analysis_sets=sets, estimands={"women": {"set": "women"}}
    )  # fmt: skip
    reasons = dict(c.lost.select("subject", "excluded").iter_rows())
    women = {p["subject"] for p in small.people(ARMS) if p["sex"] == "f"}
    for subject, reason in reasons.items():
        assert (reason == "not in the set women: subjects.sex is not f") == (subject not in women)
    assert {arm: n for arm, (_, n) in c.n_missing.items()} == {"new": 2, "old": 1}
    assert c.about["analysis_set"] == "women"


def test_the_estimands_strategy_comes_before_the_rule_for_missing_outcomes(small: Any) -> None:
    events = [{"subject": "p1", "date": "2026-02-15", "event": "surgery"}]
    for strategy, missing, outcome in (
        ("treatment-policy", "complete-cases", 1),
        ("non-response", "complete-cases", 0),
        ("hypothetical", "complete-cases", None),
        ("hypothetical", "locf", 1),
    ):
        analysis = {"endpoint": "better", "method": "risk-difference", "adjust": "none", "covariates": [],
                    "missing": missing, "estimand": "e"}  # fmt: skip
        c = one(
            small, {**tables(small), "events": events}, analysis, events={"surgery": {}},
            estimands={"e": {"events": {"surgery": strategy}}},
        )  # fmt: skip
        found = dict(c.frame.select("subject", "outcome").iter_rows())
        assert found.get("p1") == outcome
        if outcome is None:
            assert (
                dict(c.lost.select("subject", "excluded").iter_rows())["p1"]
                == "outcome missing: after surgery"
            )


def test_a_comparison_within_a_subgroup_keeps_everything_but_the_others(small: Any) -> None:
    c = one(small, tables(small), {})
    part = c.within(pl.col("age") < 51, "age=under 51")
    assert part.frame["subject"].to_list() == ["p1"]
    assert part.about == {**c.about, "subgroup": "age=under 51"}
    assert c.frame.height == 3


def test_several_visits_are_several_comparisons(small: Any) -> None:
    main = small.protocol["analyses"]["primary"]
    analyses = {"primary": main, "all": {**main, "role": "exploratory", "at": "all"}}
    derived = derive(small.study(tables(small), analyses=analyses))
    found = list(comparisons(derived, "all", derived.study.protocol.analyses["all"]))
    assert [c.visit for c in found] == ["m1", "m3"]
    assert [c.about["role"] for c in found] == ["exploratory", "exploratory"]


@pytest.mark.parametrize("planned", [True, False])
def test_a_comparison_says_what_it_is(small: Any, planned: bool) -> None:
    c = one(small, tables(small), {"planned": planned, "label": "Main"})
    assert c.about == {
        "analysis": "primary", "role": "primary", "planned": "pre-specified" if planned else "post hoc",
        "endpoint": "change", "analysis_set": "full", "target": "everyone", "visit": "m3", "unit": "points",
        "label": "Main",
    }  # fmt: skip
    assert c.higher_is_better is False
    assert one(small, tables(small), {"endpoint": "better", "method": "risk-difference", "adjust": "none",
                                      "covariates": []}).higher_is_better is True  # fmt: skip


def test_every_method_has_its_statistic() -> None:
    assert STATISTIC.keys() == METHODS.keys()


def test_a_companion_is_not_a_comparison(small: Any) -> None:
    analyses = {
        "risk": {"endpoint": "better", "at": "m3", "role": "primary", "method": "odds-ratio"},
        "exact": {"endpoint": "better", "at": "m3", "role": "secondary", "method": "fisher-exact"},
    }
    protocol = Protocol.model_validate(
        {**small.protocol, "analyses": analyses, "families": {"main": ["risk"]}}
    )
    score = row("odds ratio", 2.0, analysis="risk", arm="new", versus="old", method="Miettinen-Nurminen")
    fisher = row(
        "odds ratio",
        2.0,
        analysis="risk",
        arm="new",
        versus="old",
        method=FISHER,
    )
    assert is_comparison(protocol, score)
    assert not is_comparison(protocol, fisher)
    assert is_comparison(protocol, {**fisher, "analysis": "exact"})
    assert not is_comparison(protocol, {**score, "versus": None})
    assert not is_comparison(protocol, {**score, "analysis": "risk.unadjusted"})
    assert not is_comparison(protocol, {**score, "statistic": "risk ratio"})

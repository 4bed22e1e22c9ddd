from __future__ import annotations

from typing import Any

import polars as pl

from armwise.analysis.compare import compare
from armwise.analysis.within_sites import ONE_ARM, within_sites
from armwise.derive.derived import derive
from armwise.protocol.model import Protocol

KNOWN = pl.DataFrame(
    {
        "subject": list("abcdefg"),
        "arm": ["new", "old", "new", "new", "new", "old", "old"],
        "left_out": [None, None, None, None, None, "not in the set", None],
        "where": ["1", "1", "2", "2", "3", "3", None],
    }
)


def left_out(adjust: str, covariates: list[str]) -> list[str | None]:
    plan = {
        "endpoint": "change", "at": "m1", "role": "primary", "method": "mean-difference", "adjust": adjust,
        "covariates": covariates,
    }  # fmt: skip
    protocol = Protocol.model_validate(
        {
            "study": {"id": "S", "version": "1", "title": "t", "allocation": "nonrandomised", "masking": "open-label"},
            "arms": {"new": {"label": "New"}, "old": {"label": "Old", "reference": True}},
            "visits": {"baseline": {"day": 0}, "m1": {"day": 30}},
            "forms": {"scale": {"at": "all", "items": {"points": {"type": "number"}}}},
            "covariates": {"where": "subjects.site"},
            "endpoints": {"change": {"score": "scale.points", "kind": "change"}},
            "analyses": {"main": plan},
        }
    )  # fmt: skip
    return within_sites(protocol, protocol.analyses["main"], KNOWN)["left_out"].to_list()


def test_sites_with_one_arm_among_those_in_the_set_are_left_out_where_weights_compare_within_sites() -> None:
    assert left_out("overlap-weights", ["where"]) == [
        None,
        None,
        ONE_ARM,
        ONE_ARM,
        ONE_ARM,
        "not in the set",
        None,
    ]


def test_a_regression_keeps_them_and_so_does_an_analysis_without_the_site() -> None:
    for adjust, covariates in (("covariates", ["where"]), ("overlap-weights", ["baseline"])):
        assert left_out(adjust, covariates) == KNOWN["left_out"].to_list()


def test_a_site_that_loses_an_arm_to_missing_outcomes_does_not_separate_the_arms(small: Any) -> None:
    """Site 2 had both arms; its only patient of the reference arm has no answer at the visit."""
    arms = ["new", "old"] * 10 + ["new", "old"]
    scale = {f"p{i + 1}": (40, None, 20 + (i * 7) % 13) for i in range(22)} | {"p22": (40, None, None)}
    study = small.study(
        {"subjects": small.people(arms, site=["1"] * 20 + ["2"] * 2), "scale": small.scale(scale)},
        covariates={"where": "subjects.site", "age": "subjects.age"},
        estimands={"overlap": {"target": "overlap"}},
        analyses={
            "primary": {
                "endpoint": "change", "at": "m3", "role": "primary", "method": "mean-difference",
                "adjust": "overlap-weights", "estimand": "overlap", "covariates": ["age", "where"],
            }
        },
    )  # fmt: skip
    rows = compare(derive(study), "primary", study.protocol.analyses["primary"]).rows
    (found,) = [r for r in rows if r["analysis"] == "primary" and r["statistic"] == "mean difference"]
    assert (found["status"], found["n_arm"], found["n_versus"]) == ("ok", 10, 10)
    left = {(r["arm"], r["category"]): r["estimate"] for r in rows if r["statistic"] == "excluded"}
    assert left == {("new", ONE_ARM): 1, ("old", "outcome missing: not recorded"): 1}

from __future__ import annotations

import polars as pl

from armwise.analysis.within_sites import ONE_ARM, within_sites
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

"""Several sites: which carry a comparison, and the primary result without each, against the study without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.analysis.sites import BOTH_ARMS, NOT_RECORDED
from armwise.analysis.within_sites import ONE_ARM
from armwise.study.study import Study

NAMES = ("A", "B", "C", "D")


def several(
    small: Any, *, among: tuple[str, ...] = NAMES, compared_within: bool = False, unknown: int = 0,
    allocation: str = "nonrandomised", **changes: Any,
) -> Study:  # fmt: skip
    """Forty-eight patients of four sites; D treated one arm only. `among`: the sites that are in the study."""
    rng = np.random.default_rng(3)
    site = [NAMES[i % 4] for i in range(48)]
    arms = ["old" if s == "D" or rng.random() < 0.5 else "new" for s in site]
    points = {
        f"p{i + 1}": (
            int(rng.integers(20, 45)),
            None,
            None if i % 9 == 4 else int(rng.integers(5, 40)),
        )
        for i in range(48)
    }
    recorded = [None if i < unknown else s for i, s in enumerate(site)]
    people = [p for p, s in zip(small.people(arms, site=recorded), site, strict=True) if s in among]
    kept = {p["subject"] for p in people}
    primary = {
        "endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", "adjust": "overlap-weights",
        "covariates": ["age", "scale_0", *(["site"] if compared_within else [])], "estimand": "o", **changes,
    }  # fmt: skip
    return small.study(
        {"subjects": people, "scale": small.scale({s: v for s, v in points.items() if s in kept})},
        study={**small.protocol["study"], "allocation": allocation}, analyses={"primary": primary},
        estimands={"o": {"target": "overlap"}}, covariates={**small.protocol["covariates"], "site": "subjects.site"},
    )  # fmt: skip


def without(results: Results, category: str) -> dict[str, Any]:
    found = results.one(analysis="sites", category=category, statistic="risk difference")
    assert found is not None
    return found


@pytest.mark.parametrize("missing", ["complete-cases", "impute"])
@pytest.mark.parametrize("compared_within", [False, True])
def test_leaving_a_site_out_gives_what_the_study_without_that_site_gives(
    small: Any, missing: str, compared_within: bool
) -> None:
    results = analyse(several(small, missing=missing, compared_within=compared_within))
    for site in "ABC":
        others = tuple(n for n in NAMES if n != site)
        study = several(small, among=others, missing=missing, compared_within=compared_within)
        alone = analyse(study).one(analysis="primary", statistic="risk difference")
        assert alone is not None
        found = without(results, f"without {site}")
        for column in ("estimate", "lower", "upper"):
            assert found[column] == pytest.approx(alone[column], abs=1e-12)
        assert found["n"] == alone["n"]
        assert (found["p"], found["role"], found["item"]) == (None, "sensitivity", "primary")


def test_a_site_with_one_arm_is_named_and_the_sites_with_both_are_compared_alone(small: Any) -> None:
    results = analyse(several(small))
    rows = results.rows(analysis="sites", statistic="count")
    assert {(r["category"], r["arm"]): r["estimate"] for r in rows if r["category"] == "D"} == {
        ("D", "new"): 0,
        ("D", "old"): 12,
    }
    assert {r["category"] for r in rows if r["reason"] == ONE_ARM} == {"D"}
    assert sum(r["estimate"] for r in rows) == 48
    assert without(results, BOTH_ARMS)["estimate"] == pytest.approx(
        without(results, "without D")["estimate"], abs=1e-12
    )


def test_with_the_site_among_the_covariates_the_balance_of_sites_is_exact_and_one_armed_sites_are_left_out(
    small: Any,
) -> None:
    results = analyse(several(small, compared_within=True))
    gone = results.rows(analysis="primary", statistic="excluded", category=ONE_ARM)
    assert {r["arm"]: r["estimate"] for r in gone} == {"old": 12}
    shares = results.rows(analysis="baseline", item="site", statistic="share", target="overlap")
    for site in "ABC":
        new, old = (r["estimate"] for r in shares if r["category"] == site)
        assert new == pytest.approx(old, abs=1e-8)
    assert results.rows(analysis="sites", category=[BOTH_ARMS, "without D"]) == []
    main = results.one(analysis="primary", statistic="risk difference")
    alone = analyse(several(small, among=("A", "B", "C"), compared_within=True)).one(
        analysis="primary", statistic="risk difference"
    )
    assert main is not None
    assert alone is not None
    assert main["estimate"] == pytest.approx(alone["estimate"], abs=1e-12)


def test_without_both_arms_elsewhere_a_site_cannot_be_left_out_and_the_row_says_why(small: Any) -> None:
    found = without(analyse(several(small, among=("A", "D"))), "without A")
    assert found["status"] == "not estimable"
    assert "new" in found["reason"]


def test_patients_whose_site_is_not_recorded_are_counted(small: Any) -> None:
    rows = analyse(several(small, unknown=3)).rows(analysis="sites", category=NOT_RECORDED)
    assert sum(r["estimate"] for r in rows) == 3


def test_one_site_and_a_randomised_study_have_no_such_rows(small: Any, pilot: Results) -> None:
    assert analyse(several(small, among=("A",))).rows(analysis="sites") == []
    assert pilot.rows(analysis="sites") == []
    trial = several(small, allocation="randomised")
    assert analyse(trial).rows(analysis="sites") == []

"""The trial of `fixtures/trial` against R (fixtures/make_trial.R), then what R does not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.study.study import load_study

FIXTURES = Path(__file__).with_name("fixtures")
ARMS = ("high", "low")


@pytest.fixture(scope="module")
def trial() -> Results:
    return analyse(load_study(FIXTURES / "trial"))


@pytest.fixture(scope="module")
def r() -> dict[str, Any]:
    return json.loads((FIXTURES / "trial.json").read_text(encoding="utf-8"))


def only(results: Results, **where: Any) -> dict[str, Any]:
    found = results.one(**where)
    assert found is not None, where
    return found


@pytest.mark.parametrize("arm", ARMS)
def test_ancova_is_rs_lm(trial: Results, r: dict[str, Any], arm: str) -> None:
    found = only(trial, analysis="primary", statistic="mean difference", arm=arm, subgroup=None)
    expected = r["ancova"][arm]
    for name in ("estimate", "se", "p"):
        assert found[name] == pytest.approx(expected[name], rel=1e-9)
    assert [found["lower"], found["upper"]] == pytest.approx(expected["interval"], rel=1e-9)
    assert found["n"] == r["n"] == 41


def test_ls_means_are_emmeans(trial: Results, r: dict[str, Any]) -> None:
    for arm, expected in r["ls_means"].items():
        found = only(trial, analysis="primary", statistic="ls mean", arm=arm)
        assert found["estimate"] == pytest.approx(expected, rel=1e-9)
        assert found["se"] == pytest.approx(r["ls_means_se"][arm], rel=1e-9)
        assert found["p"] is None
        assert "every category of clinic weighted equally" in found["reason"]


@pytest.mark.parametrize("arm", ARMS)
def test_the_unadjusted_difference_is_rs_welch(trial: Results, r: dict[str, Any], arm: str) -> None:
    expected = r["welch"][arm]
    for analysis in ("plain", "primary.unadjusted"):
        found = only(trial, analysis=analysis, statistic="mean difference", arm=arm, subgroup=None)
        for name in ("estimate", "se", "df"):
            assert found[name] == pytest.approx(expected[name], rel=1e-9)
        assert [found["lower"], found["upper"]] == pytest.approx(expected["interval"], rel=1e-9)
        assert found["p"] is None  # neither is in a family
        assert only(trial, analysis=analysis, statistic="hedges g", arm=arm)["p"] is None


@pytest.mark.parametrize("arm", ARMS)
def test_the_shift_is_rs_wilcoxon(trial: Results, r: dict[str, Any], arm: str) -> None:
    found = only(trial, analysis="ranks", statistic="shift", arm=arm)
    assert found["estimate"] == r["wilcoxon"][arm]["shift"]
    assert found["p"] == pytest.approx(r["wilcoxon"][arm]["p"], rel=1e-9)
    # the key does not depend on whether the data have ties
    assert (found["method"], found["reason"]) == ("Mann-Whitney", "normal approximation with tie correction")


def test_holm_over_arms_and_analyses_is_rs(trial: Results, r: dict[str, Any]) -> None:
    rows = trial.rows(statistic="adjusted p")
    assert [(x["analysis"], x["arm"]) for x in rows] == [
        (a, arm) for a in ("primary", "ranks") for arm in ARMS
    ]
    assert [x["p"] for x in rows] == pytest.approx(r["holm"], rel=1e-9)


@pytest.mark.parametrize("arm", ARMS)
def test_a_subgroup_is_the_same_comparison_among_some(trial: Results, r: dict[str, Any], arm: str) -> None:
    found = only(trial, analysis="plain", statistic="mean difference", arm=arm, subgroup="age50=under 50")
    for name in ("estimate", "se"):
        assert found[name] == pytest.approx(r["subgroup"][arm][name], rel=1e-9)
    assert (found["p"], found["role"]) == (None, "exploratory")


def test_subgroups_of_a_categorical_covariate_that_is_in_the_model_are_estimated_without_it(
    trial: Results,
) -> None:
    rows = trial.rows(analysis="primary", statistic="mean difference", arm="high")
    names = [x["subgroup"] for x in rows]
    assert names == [None, "clinics=north", "clinics=south", "clinics=west"]
    assert all(x["status"] == "ok" for x in rows)
    assert sum(x["n"] for x in rows[1:]) == rows[0]["n"]


def test_a_randomised_trial_has_no_row_on_lords_paradox(trial: Results) -> None:
    assert trial.rows(statistic="lord") == []


@pytest.mark.parametrize(("far", "word"), [(0, "agree"), (15, "differ")])
def test_lords_row_says_whether_the_two_answers_differ(small: Any, far: int, word: str) -> None:
    """Arms far apart at baseline regress to the mean: the change and the conditional difference part."""
    import numpy as np

    rng = np.random.default_rng(3)
    arms = ["new"] * 20 + ["old"] * 20
    start = np.where(np.array(arms) == "new", 20 + far, 20) + rng.normal(0, 4, 40)
    end = 12 + 0.4 * start + rng.normal(0, 2, 40)
    scale = small.scale(
        {f"p{i + 1}": (round(float(start[i]), 1), None, round(float(end[i]), 1)) for i in range(40)}
    )
    found = analyse(small.study({"subjects": small.people(arms), "scale": scale}))
    lord = only(found, statistic="lord")
    conditional = only(found, analysis="primary", statistic="mean difference")
    plain = only(found, analysis="primary.unadjusted", statistic="mean difference")
    apart = abs(conditional["estimate"] - plain["estimate"]) / conditional["se"]
    assert lord["estimate"] == pytest.approx(apart)
    assert lord["reason"] == word


@pytest.mark.parametrize(
    ("endpoint", "covariates", "there"),
    [
        ("change", ["baseline"], True),
        ("change", ["scale_0"], True),  # the same baseline under another name
        ("change", ["age"], False),  # not conditional on the baseline
        ("value", ["baseline"], False),  # no difference in mean change stands beside it
    ],
)
def test_lords_row_belongs_to_a_change_compared_with_and_without_its_baseline(
    small: Any, endpoint: str, covariates: list[str], there: bool
) -> None:
    endpoints = {**small.protocol["endpoints"], "value": {"score": "scale.points", "kind": "value"}}
    primary = {**small.protocol["analyses"]["primary"], "endpoint": endpoint, "covariates": covariates}
    scale = small.scale({f"p{i + 1}": (30 + (i * 7) % 11, None, 10 + (i * 5) % 13) for i in range(12)})
    tables = {"subjects": small.people(["new", "old"] * 6), "scale": scale}
    results = analyse(small.study(tables, endpoints=endpoints, analyses={"primary": primary}))
    assert bool(results.rows(statistic="lord")) is there


def test_a_difference_of_changes_in_per_cent_is_in_percentage_points(small: Any) -> None:
    endpoints = {
        **small.protocol["endpoints"],
        "relative": {"score": "scale.points", "kind": "percent-change"},
    }
    scale = small.scale({f"p{i + 1}": (40, None, 40 - (i * 7) % 23) for i in range(12)})
    margin = {"kind": "non-inferiority", "value": 5}
    about = {"endpoint": "relative", "at": "m3"}
    declared = {
        "primary": {**about, "role": "primary", "method": "ancova", "adjust": "covariates", "covariates": ["baseline"],
                    "margin": margin},
        "ranks": {**about, "role": "exploratory", "method": "mann-whitney"},
        "plain": {**about, "role": "exploratory", "method": "mean-difference"},
    }  # fmt: skip
    tables = {"subjects": small.people(["new", "old"] * 6), "scale": scale}
    results = analyse(small.study(tables, endpoints=endpoints, analyses=declared))
    units = {
        (r["analysis"], r["statistic"]): r["unit"] for r in results.rows(endpoint="relative", subgroup=None)
    }
    for key in (("primary", "mean difference"), ("primary.unadjusted", "mean difference"), ("primary", "margin"),
                ("ranks", "shift"), ("plain", "mean difference")):  # fmt: skip
        assert units[key] == "percentage points", key
    for key in (("primary", "ls mean"), ("primary", "mean"), ("ranks", "sd"), ("plain", "mean")):
        assert units[key] == "per cent", key


def test_overlap_weighted_means_stand_beside_the_unadjusted_ones(small: Any) -> None:
    analysis = {
        "endpoint": "change", "at": "m3", "role": "primary", "method": "mean-difference", "adjust": "overlap-weights",
        "covariates": ["age"], "estimand": "overlap",
    }  # fmt: skip
    arms = ["new", "old"] * 10
    scale = small.scale({f"p{i + 1}": (40, None, 40 - (i * 7) % 23) for i in range(20)})
    study = small.study(
        {"subjects": small.people(arms), "scale": scale},
        analyses={"primary": analysis}, estimands={"overlap": {"target": "overlap"}},
    )  # fmt: skip
    found = analyse(study)
    difference = only(found, analysis="primary", statistic="mean difference")
    means = {
        x["arm"]: x["estimate"] for x in found.rows(analysis="primary", statistic="mean", target="overlap")
    }
    assert difference["estimate"] == pytest.approx(means["new"] - means["old"])
    assert difference["target"] == "overlap"
    assert only(found, analysis="primary.unadjusted", statistic="mean difference")["target"] == "everyone"
    sizes = found.rows(analysis="primary", statistic="effective sample size")
    assert [(x["arm"], x["n"], x["estimate"] <= 10) for x in sizes] == [("new", 10, True), ("old", 10, True)]

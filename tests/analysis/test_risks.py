from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.stats import firth_logistic
from armwise.study.study import load_study

FIXTURES = Path(__file__).with_name("fixtures")


def only(results: Results, **where: Any) -> dict[str, Any]:
    found = results.one(**where)
    assert found is not None, where
    return found


def responders(small: Any, new: tuple[int, int], old: tuple[int, int], **analysis: Any) -> Results:
    """A study in which so many of so many respond at m3."""
    values = [20] * new[0] + [40] * (new[1] - new[0]) + [20] * old[0] + [40] * (old[1] - old[0])
    arms = ["new"] * new[1] + ["old"] * old[1]
    scale = small.scale({f"p{i + 1}": (40, None, v) for i, v in enumerate(values)})
    declared = {"endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", **analysis}
    return analyse(
        small.study({"subjects": small.people(arms), "scale": scale}, analyses={"primary": declared})
    )


@pytest.fixture(scope="module")
def trial() -> Results:
    return analyse(load_study(FIXTURES / "trial"))


@pytest.fixture(scope="module")
def r() -> dict[str, Any]:
    return json.loads((FIXTURES / "trial.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("analysis", ["risks", "exact", "odds", "ratio"])
def test_counts_are_rs_with_the_threshold_in_whole_numbers(
    trial: Results, r: dict[str, Any], analysis: str
) -> None:
    for arm, expected in r["counts"].items():
        found = only(trial, analysis=analysis, statistic="responders", arm=arm)
        assert [found["estimate"], found["n"]] == expected


@pytest.mark.parametrize("arm", ["high", "low"])
def test_the_conditional_odds_ratio_is_rs(trial: Results, r: dict[str, Any], arm: str) -> None:
    found = only(trial, analysis="exact", statistic="odds ratio", arm=arm)
    expected = r["fisher"][arm]  # R's root-finder stops early: four digits
    assert found["estimate"] == pytest.approx(expected["estimate"], rel=1e-3)
    assert [found["lower"], found["upper"]] == pytest.approx(expected["interval"], rel=1e-3)


def test_companions_have_their_own_names_and_no_p(trial: Results) -> None:
    rows = [x for x in trial.rows(analysis="risks", arm="high") if x["versus"]]
    methods = {(x["statistic"], x["method"]) for x in rows}
    assert methods == {
        ("risk difference", "Newcombe"),
        ("risk ratio", "Miettinen-Nurminen"),
        ("odds ratio", "Fisher exact, conditional odds ratio"),
    }
    assert all(x["p"] is None for x in rows)
    assert {x["unit"] for x in rows} == {"proportion", "ratio"}


def test_ratios_alone_are_the_companions_of_a_difference(trial: Results) -> None:
    beside = only(trial, analysis="risks", statistic="risk ratio", arm="low")
    alone = only(trial, analysis="ratio", statistic="risk ratio", arm="low")
    for name in ("estimate", "lower", "upper", "n", "n_arm", "n_versus"):
        assert alone[name] == beside[name]
    exact = only(trial, analysis="exact", statistic="odds ratio", arm="low")
    beside = only(trial, analysis="risks", statistic="odds ratio", arm="low")
    assert (exact["estimate"], exact["lower"], exact["upper"]) == (
        beside["estimate"],
        beside["lower"],
        beside["upper"],
    )
    assert only(trial, analysis="odds", statistic="odds ratio", arm="low")["method"] == "Miettinen-Nurminen"


def test_newcombes_table_two_comes_out_of_the_whole_walk(small: Any) -> None:
    found = only(responders(small, (56, 70), (48, 80)), analysis="primary", statistic="risk difference")
    assert (round(found["lower"], 4), round(found["upper"], 4)) == (0.0524, 0.3339)
    declared = responders(small, (56, 70), (48, 80), interval="miettinen-nurminen")
    found = only(declared, analysis="primary", statistic="risk difference")
    assert (round(found["lower"], 4), round(found["upper"], 4)) == (0.0528, 0.3382)
    assert found["method"] == "Miettinen-Nurminen"


def test_arms_have_wilsons_risks(small: Any) -> None:
    results = responders(small, (0, 20), (5, 20))
    rows = {x["arm"]: x for x in results.rows(analysis="primary", statistic="risk")}
    assert (rows["new"]["estimate"], rows["new"]["lower"]) == (0, 0)
    assert rows["new"]["upper"] == pytest.approx(3.8414588 / 23.8414588, abs=1e-6)
    assert rows["old"]["method"] == "Wilson"


@pytest.mark.parametrize(
    ("new", "old"), [((0, 20), (0, 20)), ((10, 10), (0, 10)), ((5, 5), (5, 5)), ((1, 1), (0, 1))]
)
def test_zero_cells_have_an_interval_and_no_half_is_added(
    small: Any, new: tuple[int, int], old: tuple[int, int]
) -> None:
    also = ["risk-ratio", "odds-ratio", "fisher-exact", "number-needed-to-treat"]
    results = responders(small, new, old, also=also)
    found = only(results, analysis="primary", statistic="risk difference")
    assert found["estimate"] == new[0] / new[1] - old[0] / old[1]
    assert found["lower"] < found["estimate"] < found["upper"] or abs(found["estimate"]) == 1
    for statistic in ("risk ratio", "odds ratio"):
        for x in results.rows(analysis="primary", statistic=statistic):
            assert x["status"] == "ok" or (x["reason"] and x["estimate"] is None)
    needed = only(results, analysis="primary", statistic="number needed to treat")
    assert needed["estimate"] == (math.inf if found["estimate"] == 0 else 1)


def test_the_number_needed_to_treat_is_there_when_asked_for_and_names_its_direction(small: Any) -> None:
    asked = responders(small, (9, 20), (7, 20), also=["number-needed-to-treat"])
    needed = only(asked, analysis="primary", statistic="number needed to treat")
    difference = only(asked, analysis="primary", statistic="risk difference")
    assert needed["estimate"] == pytest.approx(10)
    assert needed["reason"].startswith(
        "to benefit; the interval runs from the lower limit to benefit through infinity"
    )
    assert needed["lower"] == pytest.approx(1 / difference["upper"])
    assert needed["upper"] == pytest.approx(-1 / difference["lower"])
    harm = responders(small, (1, 20), (15, 20), also=["number-needed-to-treat"])
    assert only(harm, analysis="primary", statistic="number needed to treat")["reason"] == "to harm"
    assert responders(small, (9, 20), (7, 20)).rows(statistic="number needed to treat") == []


@pytest.mark.parametrize("asked", [True, False])
def test_after_weighting_it_is_there_when_asked_for_too(small: Any, asked: bool) -> None:
    analysis = {
        "endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference", "adjust": "overlap-weights",
        "covariates": ["age"], "estimand": "overlap", "also": ["number-needed-to-treat"] if asked else [],
    }  # fmt: skip
    arms = ["new", "old"] * 10
    scale = small.scale({f"p{i + 1}": (40, None, 40 - (i * 7) % 23 - 9 * (i % 4 == 0)) for i in range(20)})
    results = analyse(
        small.study(
            {"subjects": small.people(arms), "scale": scale}, analyses={"primary": analysis},
            estimands={"overlap": {"target": "overlap"}},
        )
    )  # fmt: skip
    rows = {r["analysis"]: r for r in results.rows(statistic="number needed to treat")}
    assert set(rows) == ({"primary", "primary.unadjusted"} if asked else set())
    for name, needed in rows.items():
        difference = only(results, analysis=name, statistic="risk difference")
        assert needed["estimate"] == pytest.approx(1 / abs(difference["estimate"]))


def test_an_odds_ratio_given_covariates_is_firths_with_the_unadjusted_one_beside_it(small: Any) -> None:
    """Nobody of the control arm responds: the plain odds ratio is infinite, Firth's is not."""
    results = responders(
        small, (6, 12), (0, 12), method="odds-ratio", adjust="covariates", covariates=["age", "sex"]
    )
    found = only(results, analysis="primary", statistic="odds ratio")
    arm = [1] * 12 + [0] * 12
    age = [40 + (i * 7) % 19 for i in range(24)]
    sex = ["fmfmmf"[i % 6] for i in range(24)]
    expected = firth_logistic([1] * 6 + [0] * 18, {"arm": arm, "age": age, "sex": sex}).odds_ratios["arm"]
    for name in ("estimate", "lower", "upper", "p"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-9)
    assert (found["method"], found["n_arm"], found["n_versus"]) == (expected.method, 12, 12)
    assert found["target"] == "everyone"
    beside = only(results, analysis="primary.unadjusted", statistic="odds ratio")
    assert math.isinf(beside["estimate"])
    assert beside["p"] is None


def test_firths_regression_with_more_coefficients_than_patients_says_so(small: Any) -> None:
    results = responders(
        small, (1, 2), (0, 2), method="odds-ratio", adjust="covariates", covariates=["age", "sex", "baseline"]
    )
    found = only(results, analysis="primary", statistic="odds ratio")
    assert found["status"] == "not estimable"
    assert "subjects are too few for" in found["reason"]

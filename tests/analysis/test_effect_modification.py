"""Interactions as rows: by ANCOVA with a covariate, by the difference of the differences within a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.stats import ancova_interaction, difference_of_differences, risk_difference

N = 24
ARMS = ["new"] * N + ["old"] * N
AGE = np.random.default_rng(1).integers(30, 80, 2 * N)
SEX = np.random.default_rng(2).choice(["f", "m"], 2 * N)
START = np.round(np.random.default_rng(3).uniform(25, 40, 2 * N))
CHANGE = np.round(np.random.default_rng(4).normal(-6, 7, 2 * N))
ANALYSES = {
    "primary": {
        "endpoint": "change", "at": "m3", "role": "primary", "method": "ancova", "adjust": "covariates",
        "covariates": ["scale_0"], "modifiers": [{"covariate": "age", "per": 10, "at": [50]}, "sex"],
    },
    "risks": {
        "endpoint": "better", "at": "m3", "role": "exploratory", "method": "risk-difference", "subgroups": ["by_sex"],
        "modifiers": [{"subgroup": "by_sex"}],
    },
}  # fmt: skip


@pytest.fixture
def results(small: Any) -> Results:
    people = small.people(ARMS)
    scale = []
    for i, person in enumerate(people):
        person |= {"age": int(AGE[i]), "sex": str(SEX[i])}
        name = person["subject"]
        scale.append({"subject": name, "visit": "baseline", "date": "2026-01-01", "points": START[i]})
        scale.append({"subject": name, "visit": "m3", "date": "2026-04-01", "points": START[i] + CHANGE[i]})
    return analyse(
        small.study(
            {"subjects": people, "scale": scale},
            analyses=ANALYSES,
            subgroups={"by_sex": {"covariate": "sex"}},
        )
    )


def test_the_interaction_with_a_number_is_that_of_the_model_and_keeps_the_number(results: Results) -> None:
    wanted = ancova_interaction(CHANGE, ARMS, AGE / 10, {"s": START}, reference="old", at=[5.0])["new"]
    found = results.one(analysis="effect_modification", item="primary.age", statistic="interaction")
    assert found is not None
    assert (found["estimate"], found["lower"], found["upper"]) == pytest.approx(
        (wanted.interactions[""].estimate, wanted.interactions[""].lower, wanted.interactions[""].upper),
        rel=1e-8,
    )
    assert (found["category"], found["at"], found["p"], found["role"]) == (
        "per 10 years",
        10.0,
        None,
        "exploratory",
    )
    at = results.one(analysis="effect_modification", item="primary.age", statistic="mean difference")
    assert at is not None and at["at"] == 50
    assert at["estimate"] == pytest.approx(wanted.differences["5"].estimate, rel=1e-8)


def test_the_interaction_with_a_category_says_against_which(results: Results) -> None:
    found = results.one(analysis="effect_modification", item="primary.sex", statistic="interaction")
    assert found is not None and (found["category"], found["reason"]) == ("m", "against f")
    parts = results.rows(analysis="effect_modification", item="primary.sex", statistic="mean difference")
    assert [r["category"] for r in parts] == ["f", "m"]
    assert parts[1]["estimate"] - parts[0]["estimate"] == pytest.approx(found["estimate"], rel=1e-8)


def test_risks_have_the_difference_of_their_differences(results: Results) -> None:
    better, new = CHANGE <= -10, np.array(ARMS) == "new"

    def difference(sex: str) -> Any:
        mine = sex == SEX
        counts = [(int(better[g & mine].sum()), int((g & mine).sum())) for g in (new, ~new)]
        return risk_difference(*counts[0], *counts[1])

    wanted = difference_of_differences(difference("m"), difference("f"))
    found = results.one(analysis="effect_modification", item="risks.by_sex", statistic="interaction")
    assert found is not None
    assert (found["estimate"], found["lower"], found["upper"]) == pytest.approx(
        (wanted.estimate, wanted.lower, wanted.upper), rel=1e-10
    )
    assert (found["category"], found["reason"], found["unit"], found["n"]) == (
        "m",
        "against f",
        "proportion",
        2 * N,
    )


def test_an_arm_without_anybody_leaves_a_row_that_says_so(small: Any) -> None:
    study = small.study({"subjects": small.people(["new", "old"])}, analyses={"primary": ANALYSES["primary"]})
    rows = analyse(study).rows(analysis="effect_modification", statistic="interaction")
    assert len(rows) == 2 and all(r["status"] == "not estimable" and r["reason"] for r in rows)


def test_who_lacks_the_characteristic_is_left_out_and_counted(small: Any) -> None:
    people = small.people(ARMS)
    scale = []
    for i, person in enumerate(people):
        person |= {"age": None if i % 12 == 0 else int(AGE[i]), "sex": str(SEX[i])}
        for visit, date, points in (("baseline", "2026-01-01", 0), ("m3", "2026-04-01", CHANGE[i])):
            scale.append(
                {"subject": person["subject"], "visit": visit, "date": date, "points": START[i] + points}
            )
    study = small.study(
        {"subjects": people, "scale": scale}, analyses=ANALYSES, subgroups={"by_sex": {"covariate": "sex"}}
    )
    found = analyse(study).one(analysis="effect_modification", item="primary.age", statistic="interaction")
    assert found is not None
    assert (found["n"], found["reason"]) == (2 * N - 4, "without 4 patients whose age is missing")


def test_an_interaction_without_one_arm_says_so_and_keeps_its_id(small: Any, results: Results) -> None:
    people = small.people(ARMS)
    scale = []
    for i, person in enumerate(people):
        person |= {"age": int(AGE[i]), "sex": str(SEX[i])}
        for visit, date in (("baseline", "2026-01-01"), ("m3", "2026-04-01")):
            if visit == "baseline" or person["arm"] == "old":
                scale.append({"subject": person["subject"], "visit": visit, "date": date, "points": START[i]})
    found = analyse(
        small.study(
            {"subjects": people, "scale": scale},
            analyses=ANALYSES,
            subgroups={"by_sex": {"covariate": "sex"}},
        )
    )
    where = {"analysis": "effect_modification", "item": "primary.age", "statistic": "interaction"}
    one, usual = found.one(**where), results.one(**where)
    assert one is not None and usual is not None
    assert (one["status"], one["reason"]) == ("not estimable", "nobody in new is analysed")
    assert one["id"] == usual["id"]

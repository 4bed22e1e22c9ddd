"""Associations within an arm: the rows agree with the statistics on the data that they should have used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.associations import NO_COVARIATE
from armwise.analysis.results import Results, Row
from armwise.analysis.run import analyse
from armwise.stats import detectable_correlation, rank_correlation, slopes, spline, welch

N = 36
FORMS = {
    "cells": {
        "at": "baseline",
        "arms": ["new"],
        "items": {"cfu": {"type": "number", "unit": "/mL", "range": [0, 90000]}},
    }
}
ABOUT = {"endpoint": "change", "at": "m3", "arm": "new"}
DECLARED: dict[str, Any] = {
    "lead": {
        **ABOUT, "measure": "cells.cfu", "role": "secondary", "scale": "log2", "zero": "half-smallest-positive",
        "adjusted_for": ["age"], "spline": True, "cuts": [2000],
    },
    "out": {**ABOUT, "measure": "cells.cfu", "scale": "log10", "zero": "left-out"},
    "age": {**ABOUT, "measure": "age", "per": 10, "adjusted_for": ["baseline", "sex"]},
    "sex": {**ABOUT, "measure": "sex"},
}  # fmt: skip


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    cfu = np.round(np.exp(rng.normal(8, 0.6, N)))
    cfu[4] = 0
    start = np.round(rng.uniform(20, 40, N))
    change = np.round(-8 - 2 * np.log2(np.maximum(cfu, 500) / 3000) + rng.normal(0, 5, N))
    return {
        "cfu": cfu, "age": rng.integers(30, 80, N), "sex": rng.choice(["f", "m"], N), "start": start, "change": change,
    }  # fmt: skip


def study_of(small: Any, data: dict[str, Any], **sections: Any) -> Results:
    """The arm `new` of N, two of whom lack the outcome or the measure; one in the arm `old`."""
    people = small.people(["new"] * N + ["old"])
    for i, person in enumerate(people[:N]):
        person |= {"age": int(data["age"][i]), "sex": str(data["sex"][i])}
    people[N] |= {"age": 50, "sex": "f"}
    scale: list[Row] = []
    for i in range(N):
        scale.append(
            {"subject": f"p{i + 1}", "visit": "baseline", "date": "2026-01-01", "points": data["start"][i]}
        )
        if i != 0:
            after = data["start"][i] + data["change"][i]
            scale.append({"subject": f"p{i + 1}", "visit": "m3", "date": "2026-04-01", "points": after})
    cells = [
        {"subject": f"p{i + 1}", "visit": "baseline", "date": "2026-01-01", "cfu": data["cfu"][i]}
        for i in range(N)
        if i != 1
    ]
    forms = {**small.protocol["forms"], "scale": {"at": "all", "items": {"points": {
        "type": "number", "range": [-50, 90], "direction": "lower-better"}}}, **FORMS}  # fmt: skip
    tables = {"subjects": people, "scale": scale, "cells": cells}
    return analyse(small.study(tables, **{"forms": forms, "associations": DECLARED, **sections}))


@pytest.fixture
def results(small: Any, data: dict[str, Any]) -> Results:
    return study_of(small, data)


def one(results: Results, item: str, statistic: str, **where: Any) -> Row:
    found = results.one(analysis="associations", item=item, statistic=statistic, **where)
    assert found is not None, (item, statistic)
    return found


def test_correlation_slope_and_adjusted_slope_use_those_with_both_values(
    results: Results, data: dict[str, Any]
) -> None:
    kept = np.arange(2, N)
    cfu, y, age = data["cfu"][kept], data["change"][kept], data["age"][kept]
    least = cfu[cfu > 0].min() / 2
    x = np.log2(np.where(cfu > 0, cfu, least))
    ranked = one(results, "lead", "correlation")
    assert ranked["estimate"] == pytest.approx(rank_correlation(cfu, y).estimate, rel=1e-10)
    assert ranked["n"] == N - 2
    alone = one(results, "lead", "slope", method="least squares")
    assert (alone["estimate"], alone["lower"]) == pytest.approx(
        (slopes(y, x)[""].estimate, slopes(y, x)[""].lower), rel=1e-9
    )
    assert alone["category"] == "per doubling" and alone["unit"] == "points"
    held = one(results, "lead", "slope", method="least squares, adjusted for age")
    assert held["estimate"] == pytest.approx(slopes(y, x, {"age": age})[""].estimate, rel=1e-9)
    assert one(results, "lead", "count")["estimate"] == 1
    assert one(results, "lead", "excluded", category="outcome missing")["estimate"] == 1
    assert one(results, "lead", "excluded", category="measure missing")["estimate"] == 1


def test_zeros_may_be_left_out_instead(results: Results, data: dict[str, Any]) -> None:
    kept = np.array([i for i in range(2, N) if data["cfu"][i] > 0])
    found = one(results, "out", "slope")
    assert found["estimate"] == pytest.approx(
        slopes(data["change"][kept], np.log10(data["cfu"][kept]))[""].estimate, rel=1e-9
    )
    assert found["category"] == "per tenfold"
    assert one(results, "out", "excluded", category="measure is zero: it has no logarithm")["estimate"] == 1


def test_a_covariate_keeps_its_step_and_a_category_its_difference(
    results: Results, data: dict[str, Any]
) -> None:
    kept = np.arange(1, N)
    found = one(results, "age", "slope", method="least squares")
    assert found["estimate"] == pytest.approx(
        slopes(data["change"][kept], data["age"][kept] / 10)[""].estimate, rel=1e-9
    )
    assert found["category"] == "per 10 years"
    held = one(results, "age", "slope", method="least squares, adjusted for baseline, sex")
    covariates = {"b": data["start"][kept], "s": data["sex"][kept]}
    wanted = slopes(data["change"][kept], data["age"][kept] / 10, covariates)[""]
    assert held["estimate"] == pytest.approx(wanted.estimate, rel=1e-9)
    sex = one(results, "sex", "mean difference")
    assert (sex["category"], sex["reason"]) == ("m", "from f")
    assert results.rows(analysis="associations", item="sex", statistic="correlation") == []


def test_the_curve_stands_at_fixed_percentiles_with_the_measure_as_recorded(
    results: Results, data: dict[str, Any]
) -> None:
    kept = np.arange(2, N)
    cfu, y = data["cfu"][kept], data["change"][kept]
    x = np.log2(np.where(cfu > 0, cfu, cfu[cfu > 0].min() / 2))
    at = np.quantile(x, 0.5)
    wanted = spline(y, x, {"age": data["age"][kept]}, at=[at])
    found = one(results, "lead", "fitted mean", at=50.0)
    assert (found["estimate"], found["upper"]) == pytest.approx(
        (wanted.curve[0].estimate, wanted.curve[0].upper), rel=1e-8
    )
    assert one(results, "lead", "value at percentile", at=50.0)["estimate"] == pytest.approx(2**at, rel=1e-9)
    assert one(results, "lead", "coefficient")["estimate"] == pytest.approx(wanted.bend.estimate, rel=1e-7)


def test_a_cut_point_compares_those_at_or_above_it_and_says_what_it_costs(
    results: Results, data: dict[str, Any]
) -> None:
    kept = np.arange(2, N)
    cfu, y = data["cfu"][kept], data["change"][kept]
    found = one(results, "lead", "mean difference")
    assert found["estimate"] == pytest.approx(welch(y[cfu >= 2000], y[cfu < 2000]).estimate, rel=1e-10)
    assert found["at"] == 2000 and "throws away" in found["reason"]
    low = one(results, "lead", "mean", category="under 2000")
    assert low["n"] == int((cfu < 2000).sum())


def test_what_could_be_detected_follows_from_the_size_alone(results: Results) -> None:
    found = one(results, "lead", "detectable correlation")
    assert found["estimate"] == pytest.approx(detectable_correlation(N - 2), rel=1e-12)
    assert (found["at"], found["at2"]) == (0.8, 0.05)


def test_no_association_has_a_p_and_only_the_declared_pair_leads(results: Results) -> None:
    rows = results.rows(analysis="associations")
    assert {r["p"] for r in rows} == {None}
    assert {r["item"]: r["role"] for r in rows} == {
        "lead": "secondary", "out": "exploratory", "age": "exploratory", "sex": "exploratory",
    }  # fmt: skip


def test_ids_do_not_depend_on_the_data(small: Any, data: dict[str, Any], results: Results) -> None:
    other = study_of(small, {**data, "change": data["change"] + np.arange(N), "cfu": data["cfu"] * 1.5})
    same = [{r["id"] for r in made.rows(analysis="associations")} for made in (results, other)]
    assert same[0] == same[1]


def test_an_empty_study_has_rows_that_say_why(small: Any) -> None:
    forms = {**small.protocol["forms"], **FORMS}
    study = small.study({"subjects": small.people(["new", "old"])}, forms=forms, associations=DECLARED)
    rows = [
        r for r in analyse(study).rows(analysis="associations") if r["statistic"] in ("slope", "correlation")
    ]
    assert len(rows) == 8 and all(r["status"] == "not estimable" and r["reason"] for r in rows)


def test_covariates_may_be_called_x_or_measure(small: Any, data: dict[str, Any], results: Results) -> None:
    covariates = {**small.protocol["covariates"], "x": "subjects.age", "measure": "subjects.sex"}
    renamed = {**DECLARED["lead"], "adjusted_for": ["x", "measure"]}
    usual = {**DECLARED["lead"], "adjusted_for": ["age", "sex"]}
    made = [
        study_of(small, data, covariates=covariates, associations={"lead": declared})
        for declared in (renamed, usual)
    ]
    found = [r["estimate"] for m in made for r in m.rows(analysis="associations", statistic="slope")]
    assert found[:2] == pytest.approx(found[2:], rel=1e-12)


def test_who_lacks_a_covariate_is_counted_and_the_two_slopes_say_how_many_each_has(
    small: Any, data: dict[str, Any]
) -> None:
    forms = {**small.protocol["forms"], "subjects": {"items": {
        **small.protocol["forms"]["subjects"]["items"], "mass": {"type": "number"}}}, **FORMS}  # fmt: skip
    people = small.people(["new"] * 12 + ["old"])
    for i, person in enumerate(people):
        person |= {"age": 40 + i, "sex": "f", "mass": None if i < 3 else 70.0 + i * i % 7}
    scale = [
        {"subject": f"p{i + 1}", "visit": v, "date": d, "points": 30 - (i * k % 5)}
        for i in range(12) for v, d, k in (("baseline", "2026-01-01", 0), ("m3", "2026-04-01", 3))
    ]  # fmt: skip
    study = small.study(
        {"subjects": people, "scale": scale}, forms=forms,
        covariates={**small.protocol["covariates"], "mass": "subjects.mass"},
        associations={"age": {**ABOUT, "measure": "age", "adjusted_for": ["mass"]}},
    )  # fmt: skip
    found = analyse(study)
    alone, held = found.rows(analysis="associations", statistic="slope")
    assert (alone["n"], held["n"]) == (12, 9)
    lost = found.rows(analysis="associations", statistic="excluded")
    assert {r["category"]: r["estimate"] for r in lost} == {
        "outcome missing": 0, "measure missing": 0, NO_COVARIATE: 3,
    }  # fmt: skip


def test_a_measure_that_is_the_same_in_everybody_is_said_in_words(small: Any, data: dict[str, Any]) -> None:
    found = study_of(small, {**data, "cfu": np.full(N, 3000.0)})
    rows = found.rows(analysis="associations", item="out", statistic="slope")
    assert [(r["status"], r["reason"]) for r in rows] == [
        ("not estimable", "the measure is the same in everybody")
    ]


def test_a_slope_has_the_same_id_whether_it_can_be_estimated_or_not(
    small: Any, data: dict[str, Any], results: Results
) -> None:
    nobody = study_of(small, {**data, "cfu": np.full(N, 0.0)})
    ids = [
        {r["id"] for r in made.rows(analysis="associations", item="out", statistic="slope")}
        for made in (results, nobody)
    ]
    assert ids[0] == ids[1]
    (row,) = nobody.rows(analysis="associations", item="out", statistic="slope")
    assert row["reason"] == "0 subjects with all that it takes; a slope needs three"

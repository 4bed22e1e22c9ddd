"""Rows on fragility, against what the data of the study give by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.compare import compare
from armwise.analysis.fragility import LINEAR, fragility, put_to_test
from armwise.analysis.results import Results, Row, table
from armwise.analysis.run import analyse
from armwise.derive.derived import derive
from armwise.protocol.fragility import Fragility
from armwise.stats import ancova_fit, overlap_mean_difference
from armwise.study.study import Study


def only(results: Results, **where: Any) -> Row:
    found = results.one(analysis="fragility", **where)
    assert found is not None, where
    return found


def changed(study: Study, **section: Any) -> Study:
    protocol = study.protocol.model_copy(update={"fragility": Fragility(**section)})
    return dataclasses.replace(study, protocol=protocol)


def wide(study: Study, endpoint: str) -> pl.DataFrame:
    """Everyone with the endpoint at month 12 (null where missing) and the covariates."""
    derived = derive(study)
    here = derived.endpoints.filter((pl.col("endpoint") == endpoint) & (pl.col("visit") == "m12"))
    return derived.covariates.join(here.select("subject", "outcome"), on="subject", how="left")


@pytest.fixture(scope="module")
def calm(reference_study: Study) -> Study:
    """The reference study without any event, so that its outcomes are as they were recorded."""
    tables = {**reference_study.tables, "events": reference_study.tables["events"].head(0)}
    return dataclasses.replace(reference_study, tables=tables)


@pytest.fixture(scope="module")
def found_calm(calm: Study) -> Results:
    return analyse(calm)


@pytest.fixture(scope="module")
def small_study(small: Any) -> Any:
    """Six patients in each arm at month 3, some of them missing."""

    def study(new: str, old: str, **protocol: Any) -> Results:
        answers = {"y": (40, None, 20), "n": (40, None, 40), "-": (40, None, None)}
        letters = new + old
        scale = small.scale({f"p{i + 1}": answers[x] for i, x in enumerate(letters)})
        people = small.people(["new"] * len(new) + ["old"] * len(old))
        declared = {"endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference"}
        return analyse(
            small.study(
                {"subjects": people, "scale": scale}, analyses={"primary": declared}, fragility={}, **protocol
            )
        )

    return study


def test_a_study_without_the_section_has_no_such_row(reference_study: Study) -> None:
    plain = dataclasses.replace(
        reference_study, protocol=reference_study.protocol.model_copy(update={"fragility": None})
    )
    assert list(fragility(derive(plain), [])) == []
    assert put_to_test(plain.protocol) == []


def test_the_ratio_is_that_of_the_weighted_risks_and_its_limits_those_of_their_intervals(
    reference: Results,
) -> None:
    ratio = only(reference, item="primary", statistic="risk ratio")
    arms = {
        r["arm"]: r
        for r in reference.rows(analysis="primary", statistic="risk", target="overlap", visit="m12")
        if r["method"] != "as analysed"
    }
    assert ratio["estimate"] == pytest.approx(arms["bmc"]["estimate"] / arms["control"]["estimate"])
    assert (ratio["target"], ratio["n"], ratio["p"]) == (
        "overlap",
        arms["bmc"]["n"] + arms["control"]["n"],
        None,
    )
    leading = reference.one(analysis="primary", statistic="risk difference", subgroup=None)
    assert leading is not None
    assert (ratio["lower"] > 1) == (leading["lower"] > 0)


def test_the_e_values_are_those_of_the_ratio_and_of_its_nearer_limit(reference: Results) -> None:
    ratio = only(reference, item="primary", statistic="risk ratio")
    for category, part in (("estimate", "estimate"), ("nearer limit", "lower")):
        found = only(reference, item="primary", statistic="e-value", category=category)
        r = ratio[part]
        assert r > 1
        assert found["estimate"] == pytest.approx(r + math.sqrt(r * (r - 1)), rel=1e-12)


def test_the_e_values_of_a_mean_difference_are_made_of_its_size_in_standard_deviations(
    found_calm: Results, calm: Study
) -> None:
    leading = found_calm.one(analysis="odi_ancova", statistic="mean difference", subgroup=None)
    assert leading is not None
    known = wide(calm, "odi_change").drop_nulls(["outcome", "odi_baseline", "age", "bmi", "opioid_use"])
    groups = [g["outcome"].to_numpy() for _, g in known.group_by("arm")]
    pooled = math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / (known.height - len(groups)))
    for category, part in (("estimate", "estimate"), ("nearer limit", "upper")):
        found = only(found_calm, item="odi_ancova", statistic="e-value", category=category)
        r = math.exp(0.91 * abs(leading[part]) / pooled)
        assert found["estimate"] == pytest.approx(r + math.sqrt(r * (r - 1)), rel=1e-9)
        assert found["reason"] == "approximate"


def test_the_linear_comparison_is_the_declared_analysis_of_covariance(reference: Results) -> None:
    leading = reference.one(analysis="odi_ancova", statistic="mean difference", subgroup=None)
    found = only(reference, item="odi_ancova", method=LINEAR)
    assert leading is not None
    for part in ("estimate", "se", "df", "lower", "upper", "n", "n_arm", "n_versus"):
        assert found[part] == pytest.approx(leading[part], rel=1e-9)


def test_a_benchmark_has_the_strength_that_leaving_it_out_shows(found_calm: Results, calm: Study) -> None:
    names = ["odi_baseline", "age", "bmi", "opioid_use"]
    known = wide(calm, "odi_change").drop_nulls(["outcome", *names])
    arm = known["arm"].to_numpy()
    X = {n: known[n].to_numpy() for n in names}
    rest = {n: x for n, x in X.items() if n != "odi_baseline"}
    y = known["outcome"].to_numpy()
    rss = [
        ancova_fit(y, arm, c, reference="control").residual_sd ** 2  # type: ignore[operator]
        * ancova_fit(y, arm, c, reference="control").df
        for c in (X, rest)
    ]
    outcome = only(
        found_calm, item="odi_ancova", category="odi_baseline: outcome", at=None, statistic="partial r2"
    )
    assert outcome["estimate"] == pytest.approx(1 - rss[0] / rss[1], rel=1e-9)
    strong = [
        only(found_calm, item="odi_ancova", category="odi_baseline: arm", at=k, statistic="partial r2")[
            "estimate"
        ]
        for k in (1.0, 2.0, 3.0)
    ]
    assert strong == pytest.approx([strong[0] * k for k in (1, 2, 3)], rel=1e-12)


def test_a_confounder_that_would_explain_all_of_the_outcome_has_no_interval(reference: Results) -> None:
    for k in (1.0, 2.0, 3.0):
        share = only(
            reference, item="odi_ancova", category="odi_baseline: outcome", at=k, statistic="partial r2"
        )
        beside = only(
            reference, item="odi_ancova", category="odi_baseline", at=k, statistic="mean difference"
        )
        assert (beside["lower"] is None) == (share["estimate"] >= 1)
        assert beside["status"] == "ok"


def test_a_negative_control_is_compared_as_the_analysis_compares_its_own(calm: Study) -> None:
    study = changed(calm, negative_controls=("eq5d_change",))
    rows = [r for r in fragility(derive(study), []) if r["category"] == "negative control"]
    names = ["age", "bmi", "opioid_use", "odi_baseline"]
    known = wide(study, "eq5d_change").drop_nulls(["outcome", *names])
    wanted = overlap_mean_difference(
        known["outcome"].to_numpy(),
        (known["arm"] == "bmc").to_numpy(),
        {n: known[n].to_numpy() for n in names},
    ).difference
    assert len(rows) == 1
    assert (rows[0]["estimate"], rows[0]["lower"]) == pytest.approx((wanted.estimate, wanted.lower), rel=1e-9)
    assert (rows[0]["item"], rows[0]["target"], rows[0]["p"]) == ("primary", "overlap", None)


def test_a_randomised_study_is_asked_about_missing_answers_alone(small_study: Any) -> None:
    design = {"id": "R", "version": "1", "title": "R", "allocation": "randomised", "masking": "open-label"}
    results = small_study("yyyynn-", "ynnn--", study=design)
    rows = results.rows(analysis="fragility")
    assert {r["statistic"] for r in rows} == {
        "possible risk difference", "combinations overturned", "overturning probability",
    }  # fmt: skip


def test_an_analysis_without_an_estimate_has_rows_that_say_why(small_study: Any) -> None:
    results = small_study("---", "ynn-")
    found = results.rows(analysis="fragility", statistic="e-value")
    assert [r["status"] for r in found] == ["not estimable"] * 2
    assert all(r["reason"] for r in found)
    assert table(results.rows()).height == results.table.height


def test_no_row_has_a_p_and_every_row_names_its_analysis(reference: Results) -> None:
    rows = reference.rows(analysis="fragility")
    assert {r["item"] for r in rows} == {"primary", "odi_overlap", "odi_ancova"}
    assert all(r["p"] is None and r["role"] == "sensitivity" for r in rows)


def test_every_combination_of_the_small_study_is_the_difference_of_its_counts(small_study: Any) -> None:
    results = small_study("yyyynn--", "ynnnn-")
    for k1, k0 in itertools.product(range(3), range(2)):
        found = only(results, statistic="possible risk difference", at=float(k1), at2=float(k0))
        assert found["estimate"] == pytest.approx((4 + k1) / 8 - (1 + k0) / 6, abs=1e-14)
        assert (found["n_arm"], found["n_versus"]) == (8, 6)
    count = only(results, statistic="combinations overturned")
    held = sum(
        r["lower"] <= 0 <= r["upper"]
        for r in results.rows(analysis="fragility", statistic="possible risk difference")
    )
    assert (count["estimate"], count["n"]) == (held, 6)
    assert np.isfinite(only(results, statistic="overturning probability")["estimate"])


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.2, 0.05, 0.0])
def test_whatever_is_missing_the_rows_are_there_and_hold_no_nan(reference_study: Study, kept: float) -> None:
    dice = np.random.default_rng(int(100 * kept))
    tables = {
        name: frame.filter(pl.Series(dice.uniform(size=frame.height) < kept))
        if name in ("odi", "nrs")
        else frame
        for name, frame in reference_study.tables.items()
    }
    section = Fragility(
        analyses=("primary", "odi_ancova"), negative_controls=("eq5d_change", "pain_2pt"), deltas=(-5.0, 5.0)
    )
    protocol = reference_study.protocol.model_copy(update={"fragility": section})
    derived = derive(dataclasses.replace(reference_study, tables=tables, protocol=protocol))
    made = [r for name in section.analyses for r in compare(derived, name, protocol.analyses[name]).rows]
    rows = list(fragility(derived, made))
    assert table(rows).height == len(rows)  # no NaN, no key twice
    assert {r["statistic"] for r in rows} >= {"e-value", "combinations overturned", "mean difference"}
    for r in rows:
        assert r["status"] == "ok" or r["reason"], r["key"]

"""Negative controls: compared as the analysis compares its own, and read with care."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.negative_control import (
    ADJUSTED,
    ARM,
    DIFFERS,
    INCLUDES,
    UNADJUSTED,
    as_compared,
    negative_control,
    reading,
)
from armwise.analysis.results import Results, Row, row
from armwise.derive.derived import Derived, derive
from armwise.stats import overlap_mean_difference, risk_difference
from armwise.study.study import Study

CONTROL = "influenza_vaccination"
NAMES = ["age", "bmi", "opioid_use", "odi_baseline"]


@pytest.fixture(scope="module")
def derived(reference_study: Study) -> Derived:
    return derive(reference_study)


def of(rows: list[Row], category: str) -> list[Row]:
    return [r for r in rows if r["category"] == category]


def changed(derived: Derived, name: str, **fields: Any) -> Derived:
    """The study with an analysis changed."""
    protocol = derived.study.protocol
    analyses = {**protocol.analyses, name: protocol.analyses[name].model_copy(update=fields)}
    study = dataclasses.replace(derived.study, protocol=protocol.model_copy(update={"analyses": analyses}))
    return dataclasses.replace(derived, study=study)


def recorded(derived: Derived, endpoint: str = CONTROL) -> pl.DataFrame:
    """Everyone with the outcome as it was recorded, and the covariates."""
    here = derived.endpoints.filter((pl.col("endpoint") == endpoint) & (pl.col("visit") == "m12"))
    known = derived.covariates.join(here.select("subject", "outcome"), on="subject")
    return known.drop_nulls(["outcome", *NAMES])


def test_the_example_declares_one_and_its_rows_are_there(reference: Results) -> None:
    assert reference.protocol.fragility is not None
    assert reference.protocol.fragility.negative_controls == (CONTROL,)
    for name in ("primary", "odi_ancova"):
        found = reference.one(analysis="fragility", item=name, category=ADJUSTED)
        assert found is not None
        assert (found["endpoint"], found["visit"], found["p"]) == (CONTROL, "m12", None)


def test_the_weights_are_those_of_the_analysis_and_the_estimate_a_weighted_difference(
    derived: Derived,
) -> None:
    (found,) = of(list(negative_control(derived, "primary", CONTROL, "fragility")), ADJUSTED)
    known = recorded(derived)
    treated = (known["arm"] == "bmc").to_numpy()
    wanted = overlap_mean_difference(
        known["outcome"].to_numpy(), treated, {n: known[n].to_numpy() for n in NAMES}
    ).difference
    assert found["estimate"] == pytest.approx(wanted.estimate, rel=1e-9)
    assert (found["target"], found["n"]) == ("overlap", known.height)


def test_an_event_after_which_the_analysis_counts_a_failure_leaves_a_control_as_it_was_recorded(
    derived: Derived,
) -> None:
    """Surgery in every treated patient: no answer about a vaccination becomes a `no`."""
    subjects = derived.subjects.filter(pl.col("arm") == "bmc")
    events = derived.study.tables["events"]
    surgery = pl.DataFrame(
        {
            "subject": subjects["subject"],
            "date": subjects["time_zero"].dt.offset_by("30d"),
            "event": ["surgery"] * subjects.height,
        }
    )
    more = pl.concat([events, surgery.cast({"date": events.schema["date"]})], how="diagonal")
    tables = {**derived.study.tables, "events": more}
    operated = dataclasses.replace(derived, study=dataclasses.replace(derived.study, tables=tables))
    before, after = (
        [(r["category"], r["estimate"]) for r in negative_control(d, "primary", CONTROL, "fragility")]
        for d in (derived, operated)
    )
    assert before == after


def test_the_unadjusted_difference_is_that_of_the_same_people(derived: Derived) -> None:
    found = list(negative_control(derived, "primary", CONTROL, "fragility"))
    known = recorded(derived)
    counts = [
        (int(g["outcome"].sum()), g.height)
        for g in (known.filter(pl.col("arm") == a) for a in ("bmc", "control"))
    ]
    (plain,) = of(found, UNADJUSTED)
    wanted = risk_difference(*counts[0], *counts[1], method="newcombe")
    assert (plain["estimate"], plain["lower"], plain["upper"]) == pytest.approx(
        (wanted.estimate, wanted.lower, wanted.upper), rel=1e-12
    )
    assert {r["arm"] for r in of(found, ARM)} == {"bmc", "control"}
    assert all(r["role"] == "sensitivity" and r["p"] is None for r in found)


def test_beside_a_linear_model_a_response_is_adjusted_for_the_same_covariates(derived: Derived) -> None:
    """By the risks that a logistic model gives everyone, made here from its own equations."""
    (found,) = of(list(negative_control(derived, "odi_ancova", CONTROL, "fragility")), ADJUSTED)
    known = recorded(derived)
    arm = (known["arm"] == "bmc").to_numpy().astype(float)
    columns = [known["age"], known["bmi"], (known["opioid_use"] == "yes").cast(float), known["odi_baseline"]]
    X = np.column_stack([np.ones(known.height), arm, *(c.to_numpy().astype(float) for c in columns)])
    X[:, 2:] -= X[:, 2:].mean(axis=0)
    y, beta = known["outcome"].to_numpy(), np.zeros(X.shape[1])
    for _ in range(50):  # Newton
        p = 1 / (1 + np.exp(-X @ beta))
        beta = beta + np.linalg.solve(X.T @ (X * (p * (1 - p))[:, None]), X.T @ (y - p))
    risks = []
    for value in (1.0, 0.0):
        Z = X.copy()
        Z[:, 1] = value
        risks.append(float((1 / (1 + np.exp(-Z @ beta))).mean()))
    assert found["method"].startswith("g-computation")
    assert found["target"] == "everyone"
    assert found["estimate"] == pytest.approx(risks[0] - risks[1], rel=1e-7)


def test_a_measured_control_of_a_linear_model_is_compared_by_one(derived: Derived) -> None:
    rows = list(negative_control(derived, "odi_ancova", "gmh_change", "fragility"))
    (found,) = of(rows, ADJUSTED)
    assert (found["statistic"], found["method"]) == ("mean difference", "ANCOVA")
    assert {r["statistic"] for r in of(rows, ARM)} == {"ls mean"}


def test_a_measured_control_of_weighted_means_has_the_mean_of_each_arm(derived: Derived) -> None:
    rows = list(negative_control(derived, "odi_overlap", "gmh_change", "fragility"))
    assert {r["statistic"] for r in of(rows, ARM)} == {"mean"}


def test_the_baseline_of_the_analysis_s_own_outcome_stays_a_covariate_of_the_control(
    derived: Derived,
) -> None:
    protocol = derived.study.protocol
    own = protocol.analyses["odi_ancova"].model_copy(update={"covariates": ("baseline", "age")})
    same, unlike = as_compared(protocol, own, "gmh_change")
    assert (same.covariates, unlike) == (("odi_baseline", "age"), "")
    # the EQ-5D index at baseline is no covariate of the protocol: then the row says what was not adjusted for
    same, unlike = as_compared(protocol, protocol.analyses["eq5d"], "gmh_change")
    assert same.covariates == ("age", "bmi", "opioid_use")
    assert unlike.startswith("not adjusted for the baseline of the analysis")


def test_nothing_of_the_analysis_s_own_outcome_is_taken_over(derived: Derived) -> None:
    protocol = derived.study.protocol
    own = protocol.analyses["primary"].model_copy(update={"delta": {"bmc": -5.0}, "variance": "rubin"})
    same, _ = as_compared(protocol, own, CONTROL)
    assert (same.delta, same.variance, same.missing, same.also) == ({}, None, "complete-cases", ())
    assert (same.adjust, same.covariates, same.estimand) == (own.adjust, own.covariates, own.estimand)


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        (-0.1, 0.2, INCLUDES),
        (0.0, 0.2, INCLUDES),
        (0.01, 0.2, DIFFERS),
        (-0.3, -0.1, DIFFERS),
        (None, None, ""),
    ],
)
def test_an_interval_is_read_with_care(lower: float | None, upper: float | None, said: str) -> None:
    status = {} if lower is not None else {"status": "not estimable", "reason": "nobody"}
    estimate = None if lower is None else (lower + (upper or 0)) / 2
    assert reading(row("risk difference", estimate, analysis="x", lower=lower, upper=upper, **status)) == said
    assert "no proof" in INCLUDES
    assert "chance" in DIFFERS


def test_the_reading_stands_in_the_reason_of_the_adjusted_row_alone(derived: Derived) -> None:
    rows = list(negative_control(derived, "primary", CONTROL, "fragility"))
    (found,) = of(rows, ADJUSTED)
    assert found["reason"].endswith(INCLUDES if found["lower"] <= 0 <= found["upper"] else DIFFERS)
    assert not [r for r in rows if r is not found and ("proof" in (r["reason"] or ""))]


def test_a_control_that_nobody_answered_has_a_row_that_says_so(derived: Derived) -> None:
    empty = dataclasses.replace(derived, endpoints=derived.endpoints.filter(pl.col("endpoint") != CONTROL))
    rows = list(negative_control(empty, "primary", CONTROL, "fragility"))
    assert rows
    assert all(r["status"] != "ok" and r["reason"] for r in rows)

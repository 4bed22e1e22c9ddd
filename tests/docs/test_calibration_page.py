"""The tables of the page on calibration are those of the kept rows, and the rows show what the page says."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "benchmarks" / "calibration.jsonl"
PAGE = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
ROWS: list[dict[str, Any]] = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
MADE = (
    "errors", "brief", "unequal, errors", "unequal, coverage", "unequal, power",
    *(f"{what}, {of}" for what in ("mean", "risk", "composite") for of in ("coverage", "power")),
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The script that makes the tables of the rows."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module("calibration_page")
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def calibration(page: Any) -> Any:
    """The script that made the rows."""
    return sys.modules["calibration"]


@pytest.mark.parametrize("name", MADE)
def test_each_table_is_what_the_script_makes_of_the_kept_rows(page: Any, name: str) -> None:
    made = page.parts(ROWS)
    assert set(made) == set(MADE)
    assert f"<!-- {name} -->\n{made[name]}\n<!-- / -->" in PAGE, (
        "run: python benchmarks/calibration_page.py --write"
    )


def test_the_page_says_how_many_studies_the_rows_are_of(page: Any) -> None:
    equal = [r for r in ROWS if r["treated"] == r["control"] == 40]
    said = re.findall(r"([\d,]+) studies in", page.errors(ROWS, page.EQUAL))
    assert {int(n.replace(",", "")) for n in said} == {r["studies"] + r["without"] for r in equal}
    assert min(r["studies"] + r["without"] for r in ROWS) >= 1000


def test_errors_are_those_of_shares_and_of_a_ratio(page: Any) -> None:
    row = {**ROWS[0], "studies": 4000, "without": 0, "bias_error": 0.05}
    risk = {**row, "method": "unadjusted, Newcombe", "bias_error": 0.002, "studies": 3990, "without": 10}
    said = page.errors([row, risk], page.EQUAL)
    assert said.startswith("4,000 studies in each. ")
    assert "0.34 points; a power of 50 %, 0.79 points; an SE ratio, 1.1 % of it" in said
    assert said.endswith(
        "0.05 to 0.05 points of ODI and 0.2 to 0.2 percentage points. No interval:"
        " unadjusted, Newcombe in 10 of 4,000 (A)."
    )


def test_new_rows_take_the_place_of_those_of_the_same_study_and_no_others(page: Any) -> None:
    new = {**ROWS[3], "coverage": 0.5}
    other = {**ROWS[3], "treated": 25, "control": 55, "coverage": 0.6}
    rows = page.added(ROWS, [new, other])
    keys = [(r["scenario"], r["treated"], r["control"], r["method"]) for r in rows]
    assert len(set(keys)) == len(keys)
    assert new in rows
    assert other in rows
    assert ROWS[3] not in rows
    assert page.added(ROWS, []) == ROWS  # in the order of the tables, each once


def of(method: str, scenarios: str, sizes: tuple[int, int] = (40, 40)) -> list[dict[str, Any]]:
    """The rows of a method."""
    found = [
        r
        for r in ROWS
        if r["method"] == method and r["scenario"] in scenarios and (r["treated"], r["control"]) == sizes
    ]
    assert len(found) == len(scenarios)
    return found


def coverage(
    method: str, scenarios: str, sizes: tuple[int, int] = (40, 40), errors: float = 2
) -> list[float]:
    """Coverage in per cent with Monte-Carlo errors above it."""
    return [
        100 * (r["coverage"] + errors * (r["coverage"] * (1 - r["coverage"]) / r["studies"]) ** 0.5)
        for r in of(method, scenarios, sizes)
    ]


@pytest.mark.parametrize(
    "method", ["MMRM, covariates by visit", "imputed + overlap, t", "imputed + overlap, MOVER-Wilson"]
)
def test_the_defaults_keep_their_level_where_the_confounders_were_measured(method: str) -> None:
    assert min(coverage(method, "ABCEF")) >= 94.5
    assert min(coverage(method, "DGHS")) >= 94


@pytest.mark.parametrize("method", ["MMRM, covariates by visit", "imputed + overlap, t"])
def test_the_defaults_for_means_err_by_chance_only_and_are_unbiased_where_their_models_are_right(
    method: str,
) -> None:
    for r in of(method, "CEG"):
        assert r["truth"] == 0
        assert r["rejected"] < 0.05 + 2 * (0.05 * 0.95 / r["studies"]) ** 0.5
    for r in of(method, "ABCEGH"):
        assert abs(r["bias"]) < 0.25
        assert abs(r["se_ratio"] - 1) < 0.05


@pytest.mark.parametrize("method", ["inverse probability, t", "AIPW, t", "entropy balancing, t"])
def test_what_is_not_a_default_has_too_small_standard_errors_and_no_more_power_than_its_level_costs(
    method: str,
) -> None:
    assert max(r["se_ratio"] for r in of(method, "ABCEFGH")) < 0.95
    assert min(r["rejected"] for r in of(method, "CEG")) > 0.06
    (mmrm,), (other,) = of("MMRM, covariates by visit", "B"), of(method, "B")
    assert other["rejected"] - mmrm["rejected"] < 2 * (2 * 0.25 / other["studies"]) ** 0.5


def test_a_common_covariance_is_too_narrow_where_the_smaller_arm_varies_more_and_the_others_keep_their_level() -> (
    None
):
    sizes = (25, 55)
    (common,) = of("MMRM, covariates by visit", "A", sizes)
    assert common["se_ratio"] < 0.9
    assert max(coverage("MMRM, covariates by visit", "A", sizes)) < 93
    for method in ("MMRM, one model an arm", "imputed + overlap, t"):
        assert min(coverage(method, "A", sizes)) >= 94.5


def test_in_arms_of_any_size_a_model_in_each_arm_and_imputation_with_weights_keep_their_level() -> None:
    unequal = {(r["scenario"], r["treated"], r["control"]) for r in ROWS if r["treated"] != r["control"]}
    assert ("A", 25, 55) in unequal
    for letter, *sizes in unequal:
        for method in ("MMRM, one model an arm", "imputed + overlap, t"):
            assert min(coverage(method, letter, (sizes[0], sizes[1]))) >= 94.5, (letter, sizes, method)


def test_a_common_covariance_errs_to_the_other_side_in_the_other_sizes_and_not_with_equal_sds() -> None:
    found = {
        (r["scenario"], r["treated"]): r["se_ratio"]
        for r in ROWS
        if r["method"] == "MMRM, covariates by visit"
    }
    assert found["A", 25] < 0.9 < found["A", 40] < found.get(("A", 55), 2.0)
    assert found.get(("A", 55), 2.0) > 1.05
    assert abs(found.get(("B", 25), 1.0) - 1) < 0.05


def test_a_confounder_that_nobody_measured_breaks_every_interval_of_a_mean() -> None:
    for row in ROWS:
        if row["scenario"] == "U" and abs(row["truth"]) > 1:
            assert row["coverage"] < 0.9


def test_a_simulated_study_is_drawn_as_the_page_says(calibration: Any) -> None:
    import numpy as np

    s = calibration.SCENARIOS["A"]
    drawn = [calibration.study(s, 40, 40, np.random.default_rng(i)) for i in range(150)]
    assert {(int(d.z.sum()), len(d.z)) for d in drawn} == {(40, 80)}
    gone = np.mean([np.isnan(d.odi[:, 3]).mean() for d in drawn])
    assert 0.13 < gone < 0.21
    better = [
        np.nanmean(np.where(np.isnan(d.odi[d.z, 3]), np.nan, d.odi[d.z, 3] - d.X[d.z, 3] <= -10))
        for d in drawn
    ]
    assert 0.6 < np.mean(better) < 0.75

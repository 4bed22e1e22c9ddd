"""The tables of the page on calibration are those of the kept rows, and the rows show what the page says."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "benchmarks" / "calibration.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def calibration() -> Any:
    """The script that made the rows."""
    spec = importlib.util.spec_from_file_location("calibration", ROOT / "benchmarks" / "calibration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("of", ["mean", "risk", "composite"])
def test_each_table_is_what_the_script_makes_of_the_kept_rows(calibration: Any, of: str) -> None:
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert calibration.table(KEPT, (of,)) in page


def coverage(method: str, scenarios: str) -> list[float]:
    """Coverage in per cent with two Monte-Carlo errors above it."""
    found = [r for r in ROWS if r["method"] == method and r["scenario"] in scenarios]
    assert len(found) == len(scenarios)
    return [
        100 * (r["coverage"] + 2 * (r["coverage"] * (1 - r["coverage"]) / r["studies"]) ** 0.5) for r in found
    ]


@pytest.mark.parametrize(
    "method", ["MMRM, covariates by visit", "imputed + overlap, t", "imputed + overlap, MOVER-Wilson"]
)
def test_the_defaults_keep_their_level_where_the_confounders_were_measured(method: str) -> None:
    assert min(coverage(method, "ABCEF")) >= 94.5
    assert min(coverage(method, "DGHS")) >= 94


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

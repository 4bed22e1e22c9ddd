"""The tables of coverage on the page on imputation are those of the kept rows, and the rows show what the page says."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "imputation.md").read_text(encoding="utf-8")
KEPT = ROOT / "benchmarks" / "reference_based_coverage.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
REFERENCE_BASED = ("jump-to-reference", "copy-reference", "copy-increments", "last-mean-carried-forward")
FREQUENTIST, ANCHORED = "frequentist", "information-anchored"


@pytest.fixture(scope="module")
def coverage() -> Iterator[Any]:
    """The script that made the rows."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module("reference_based_coverage")
    sys.path.remove(str(ROOT / "benchmarks"))


def test_each_table_is_what_the_script_makes_of_the_kept_rows(coverage: Any) -> None:
    made = coverage.parts(ROWS)
    assert set(made) == set(re.findall(r"<!-- (\w.*?) -->", PAGE))
    for name, block in made.items():
        assert f"<!-- {name} -->\n{block}\n<!-- / -->" in PAGE, name


def test_every_strategy_has_one_row_of_each_variance_in_each_kind_of_trial() -> None:
    keys = [(r["size"], r["effect"], r["strategy"], r["variance"]) for r in ROWS]
    assert len(set(keys)) == len(keys)
    assert len(keys) % 10 == 0
    assert {r["studies"] for r in ROWS if r["size"] == 40 and r["effect"]} == {2000}


def error(p: float, n: int) -> float:
    return float(np.sqrt(p * (1 - p) / n))


def test_the_jackknifes_intervals_hold_the_truth_as_often_as_they_say_under_every_strategy() -> None:
    for r in ROWS:
        if r["variance"] == FREQUENTIST:
            assert abs(r["coverage"] - 0.95) < 3 * error(0.95, r["studies"]), r
            assert abs(r["se_ratio"] - 1) < 3 / np.sqrt(2 * r["studies"]), r
            assert abs(r["bias"]) < 3 * r["bias_error"], r


def test_rubins_are_too_wide_by_this_measure_where_something_is_copied_and_as_wide_as_they_say_at_random() -> (
    None
):
    for r in ROWS:
        if r["variance"] != ANCHORED or not r["effect"]:
            continue
        if r["strategy"] in REFERENCE_BASED:
            assert r["coverage"] > 0.95 + 2 * error(0.95, r["studies"]), r
            assert r["se_ratio"] > 1.08, r
        else:
            assert abs(r["coverage"] - 0.95) < 3 * error(0.95, r["studies"]), r


def test_rubins_standard_error_is_about_the_same_under_every_strategy() -> None:
    here = [r for r in ROWS if r["variance"] == ANCHORED and r["size"] == 40 and r["effect"]]
    se = [r["se_ratio"] * r["sd"] for r in here]
    assert max(se) / min(se) < 1.06
    sd = {r["strategy"]: r["sd"] for r in here}
    assert sd["jump-to-reference"] < 0.85 * sd["missing-at-random"]


def test_the_simulated_truths_are_those_of_the_strategies_means_and_the_shares_that_drop_out(
    coverage: Any,
) -> None:
    """What dropouts' residuals add is the same in both arms given the past, so that only means count."""
    effect, S = np.array([-3.0, -6, -10]), coverage.SIGMA
    baseline, e, chance = coverage.people(400_000, np.random.default_rng(4))
    kept = {r["strategy"]: r["truth"] for r in ROWS if r["effect"] == -10}
    for strategy in coverage.STRATEGIES:
        means = []
        for own in (coverage.REFERENCE + effect, coverage.REFERENCE):
            left = coverage.visits_seen(coverage.outcomes(own, baseline, e), chance)
            mean = np.mean(left == 3) * own[2]
            for t in (1, 2):
                after = coverage.means_after(strategy, own, t)
                slopes = S[2, :t] @ np.linalg.inv(S[:t, :t])
                mean += np.mean(left == t) * (after[2] + slopes @ (own - after)[:t])
            means.append(mean)
        assert kept[strategy] == pytest.approx(means[0] - means[1], abs=0.02), strategy


def test_without_an_effect_every_strategy_has_the_truth_zero(coverage: Any) -> None:
    for strategy in coverage.STRATEGIES:
        assert coverage.truth(strategy, np.zeros(3), 20_000) == pytest.approx(0, abs=1e-12)


def test_a_trial_of_the_script_is_analysed_to_finite_intervals_in_both_ways(coverage: Any) -> None:
    found = coverage.one(40, np.array([-3.0, -6, -10]), 5, np.random.default_rng(1))
    assert found.shape == (5, 2, 4)
    assert np.isfinite(found).all()
    assert (found[:, :, 2] < found[:, :, 0]).all()
    assert (found[:, :, 0] < found[:, :, 3]).all()

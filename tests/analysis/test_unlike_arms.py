"""A covariance common to arms that differ in size and in SD: the reason says so, and which analysis leads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.analysis.unlike_arms import UNLIKE, verdict_in

APART = {
    "endpoint": "change", "at": ["m6"], "role": "sensitivity", "supports": "model", "method": "mmrm",
    "models": "per-arm", "adjust": "covariates", "covariates": ["baseline"], "label": "Each arm alone",
}  # fmt: skip


def unequal(
    small: Any, *, few: str, spread: str, n: int = 96, times: float = 6.0
) -> dict[str, dict[str, float]]:
    """Patients, every other one in each arm, of whom one arm has lost half and one arm's outcomes vary more."""
    found = {}
    rng = np.random.default_rng(8)
    for i, (subject, seen) in enumerate(small.drawn(n, gone=0.0).items()):
        arm = "old" if i % 2 else "new"
        if arm == few and i % 4 > 1:
            continue
        more = rng.normal(0, times, 4) if arm == spread else np.zeros(4)
        found[subject] = {
            v: x if v == "baseline" else round(float(np.clip(x + e, 0, 50)), 1)
            for (v, x), e in zip(seen.items(), more, strict=True)
        }
    return found


def study(small: Any, points: dict[str, dict[str, float]], **analyses: Any) -> Any:
    """A study of these patients, whose arms go by their numbers."""
    people = small.people(["new" if i % 2 == 0 else "old" for i in range(96)])
    kept = [p for p in people if p["subject"] in points]
    return small.repeated(points, {"covariates": ["baseline"]}, {"subjects": kept}, analyses=analyses)


def differences(results: Results, analysis: str = "model") -> dict[str, Any]:
    return {
        r["visit"]: r for r in results.rows(analysis=analysis, statistic="mean difference", subgroup=None)
    }


@pytest.mark.parametrize(
    ("few", "spread", "width"),
    [("new", "new", "narrow"), ("old", "old", "narrow"), ("old", "new", "wide"), ("new", "old", "wide")],
)
def test_an_interval_is_too_narrow_where_the_smaller_arm_varies_more_and_too_wide_where_it_varies_less(
    small: Any, few: str, spread: str, width: str
) -> None:
    row = differences(analyse(study(small, unequal(small, few=few, spread=spread))))["m3"]
    assert row["reason"].startswith(UNLIKE)
    assert f"makes the interval too {width}; " in row["reason"]
    assert "`models: per-arm`" in row["reason"]
    sizes = {int(n) for n in re.findall(r"(\d+) observed", row["reason"])}
    assert sizes == {24, 48}


def test_the_analysis_that_keeps_its_level_is_named_and_has_no_such_reason_itself(small: Any) -> None:
    results = analyse(study(small, unequal(small, few="new", spread="new"), apart=APART))
    assert "“Each arm alone” (one model an arm) leads here" in differences(results)["m6"]["reason"]
    assert "would keep its level" in differences(results)["m3"]["reason"]  # the other is not of this visit
    assert verdict_in(differences(results, "apart")["m6"]["reason"]) == ""


def test_a_model_in_each_arm_of_the_same_patients_leads_before_weights(small: Any) -> None:
    weighted = {
        "endpoint": "change", "at": ["m6"], "role": "sensitivity", "supports": "model", "method": "mean-difference",
        "adjust": "overlap-weights", "covariates": ["baseline"], "missing": "impute", "estimand": "overlap",
    }  # fmt: skip
    points = unequal(small, few="new", spread="new")
    more = {
        "estimands": {"overlap": {"target": "overlap"}},
        "imputation": {"sets": 5, "seed": 1},
    }
    people = [
        p for p in small.people(["new" if i % 2 == 0 else "old" for i in range(96)]) if p["subject"] in points
    ]
    for analyses, named in (
        ({"weighted": weighted}, "“weighted” (imputed and weighted) leads here"),
        ({"weighted": weighted, "apart": APART}, "“Each arm alone” (one model an arm) leads here"),
    ):
        made = small.repeated(
            points, {"covariates": ["baseline"]}, {"subjects": people}, analyses=analyses, **more
        )
        assert differences(analyse(made))["m6"]["reason"].endswith(named)


@pytest.mark.parametrize(
    ("few", "spread", "times"), [("", "new", 6.0), ("new", "", 6.0), ("new", "new", 0.2)]
)
def test_arms_that_differ_in_one_of_both_only_are_not_warned_of(
    small: Any, few: str, spread: str, times: float
) -> None:
    found = differences(analyse(study(small, unequal(small, few=few, spread=spread, times=times))))
    assert [verdict_in(r["reason"]) for r in found.values()] == ["", "", ""]


def test_an_analysis_of_covariance_is_warned_of_by_what_its_regression_leaves(small: Any) -> None:
    declared = {k: v for k, v in APART.items() if k not in ("models", "label")} | {"method": "ancova"}
    points = unequal(small, few="new", spread="new")
    results = analyse(study(small, points, one=declared, apart={**APART, "supports": "one"}))
    row = differences(results, "one")["m6"]
    assert (
        "one residual variance for all arms makes the interval too narrow; “Each arm alone”" in row["reason"]
    )
    y, x, new = (
        np.array([f(i, p) for i, p in ((int(s[1:]) - 1, p) for s, p in points.items())])
        for f in (lambda _, p: p["m6"] - p["baseline"], lambda _, p: p["baseline"], lambda i, _: i % 2 == 0)
    )
    X = np.column_stack([np.ones(len(y)), new, x])
    left = y - X @ np.linalg.solve(X.T @ X, X.T @ y)
    for arm, of in (("New", new), ("Old", ~new)):
        assert f"{arm}: {of.sum()} observed, SD {left[of].std(ddof=1):.3g}" in row["reason"]
    level = analyse(study(small, unequal(small, few="", spread="new"), one=declared))
    assert verdict_in(differences(level, "one")["m6"]["reason"]) == ""


def test_the_reason_changes_no_number_and_no_rows_key(small: Any) -> None:
    points = unequal(small, few="new", spread="new")
    warned, alone = (analyse(study(small, points, **more)) for more in ({"apart": APART}, {}))
    for visit, row in differences(warned).items():
        other = differences(alone)[visit]
        assert {k: v for k, v in row.items() if k != "reason"} == {
            k: v for k, v in other.items() if k != "reason"
        }


def test_a_verdict_is_the_end_of_a_reason() -> None:
    assert verdict_in(f"a note; {UNLIKE} (why): so") == f"{UNLIKE} (why): so"
    assert verdict_in("a note") == verdict_in(None) == ""

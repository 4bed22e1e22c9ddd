"""Outcomes of all visits imputed on one model: Rubin's rules by hand, visits to come, what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis.compare import compare
from armwise.analysis.comparison import comparisons
from armwise.derive.derived import derive

ANALYSIS = {
    "endpoint": "change", "at": "m6", "role": "secondary", "method": "ancova", "adjust": "covariates",
    "covariates": ["baseline", "age"], "missing": "impute",
}  # fmt: skip


def made(small: Any, points: Any = None, **model: Any) -> Any:
    """The derived study and its analysis."""
    study = small.repeated(points or small.drawn(), {**ANALYSIS, **model}, imputation={"sets": 20, "seed": 3})
    return derive(study), study.protocol.analyses["model"]


def differences(found: Any) -> dict[str, dict[str, Any]]:
    """The rows of the comparison itself, by visit."""
    return {
        r["visit"]: r for r in found.rows if r["statistic"] == "mean difference" and r["analysis"] == "model"
    }


def test_the_row_is_the_analysis_of_covariance_of_every_set_pooled_by_hand(small: Any) -> None:
    derived, analysis = made(small)
    (c,) = comparisons(derived, "model", analysis)
    assert c.modelled is not None
    people, sets = c.people, c.modelled.found.values  # type: ignore[union-attr]
    treated = (people["arm"] == "new").to_numpy().astype(float)
    X = np.column_stack([np.ones(40), treated, people["baseline"].to_numpy(), people["age"].to_numpy()])
    estimates, variances = [], []
    for completed in sets:
        y = completed[:, -1]
        beta = np.linalg.lstsq(X, y, rcond=None)[0]
        s2 = float(((y - X @ beta) ** 2).sum()) / (40 - 4)
        estimates.append(beta[1])
        variances.append(s2 * np.linalg.inv(X.T @ X)[1, 1])
    between = np.var(estimates, ddof=1) * (1 + 1 / len(sets))
    total = np.mean(variances) + between
    share = between / total
    old, seen = (len(sets) - 1) / share**2, (36 + 1) / (36 + 3) * 36 * (1 - share)
    row = differences(compare(derived, "model", analysis))["m6"]
    expected = [np.mean(estimates), np.sqrt(total), 1 / (1 / old + 1 / seen)]
    assert [row["estimate"], row["se"], row["df"]] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rule", ["impute", "jump-to-reference"])
def test_a_visit_that_nobody_has_reached_yet_does_not_stop_the_others(small: Any, rule: str) -> None:
    points = small.drawn()
    for seen in points.values():
        seen.pop("m6", None)
    derived, analysis = made(small, points, at=["m3", "m6"], missing=rule)
    rows = differences(compare(derived, "model", analysis))
    assert rows["m3"]["status"] == "ok"
    assert rows["m3"]["n"] == 40
    assert rows["m6"]["status"] == "not estimable"
    assert rows["m6"]["reason"] == "nobody in new and old is analysed"


def test_a_delta_is_said_beside_the_difference(small: Any) -> None:
    derived, analysis = made(small, delta={"new": 5.0})
    moved = differences(compare(derived, "model", analysis))["m6"]
    assert "added to the drawn outcomes: new +5" in moved["reason"]
    plain = differences(compare(*(lambda d, a: (d, "model", a))(*made(small))))["m6"]
    assert plain["reason"] == "information-anchored variance"
    assert moved["estimate"] - plain["estimate"] == pytest.approx(5 * 4 / 20, abs=0.3)


@pytest.mark.parametrize("weights", ["equal", "observed"])
def test_without_gaps_the_adjusted_means_are_those_of_the_analysis_of_covariance(
    small: Any, weights: str
) -> None:
    points = small.drawn(gone=0.0)
    found = {}
    for rule in ("impute", "complete-cases"):
        derived, analysis = made(
            small, points, missing=rule, ls_means=weights, covariates=["baseline", "sex"], at="m6"
        )
        rows = compare(derived, "model", analysis).rows
        found[rule] = {r["arm"]: [r["estimate"], r["se"]] for r in rows if r["statistic"] == "ls mean"}
    assert found["impute"].keys() == {"new", "old"}
    for arm, numbers in found["impute"].items():
        assert numbers == pytest.approx(found["complete-cases"][arm], rel=1e-9)


@pytest.mark.parametrize("rule", ["impute", "jump-to-reference"])
@pytest.mark.parametrize("variance", ["rubin", "jackknife"])
def test_covariates_that_say_nothing_are_named_and_change_nothing(
    small: Any, rule: str, variance: str
) -> None:
    """Everybody is of one sex, and the scale at baseline stands there twice under two names."""
    arms = ["new" if i % 2 == 0 else "old" for i in range(40)]
    model = {**ANALYSIS, "missing": rule, "variance": variance}
    rows = []
    for covariates in (["scale_0", "age"], ["scale_0", "sex", "age", "again"]):
        study = small.repeated(
            small.drawn(), {**model, "covariates": covariates}, {"subjects": small.people(arms, sex=["f"] * 40)},
            imputation={"sets": 20, "seed": 3},
            covariates={**small.protocol["covariates"], "again": {"score": "scale.points", "label": "Again"}},
        )  # fmt: skip
        found = compare(derive(study), "model", study.protocol.analyses["model"])
        rows.append(differences(found)["m6"])
    plain, more = rows
    assert [more[k] for k in ("estimate", "se", "df")] == pytest.approx(
        [plain[k] for k in ("estimate", "se", "df")], rel=1e-9
    )
    assert "not used" not in plain["reason"]
    assert more["reason"].endswith("not used, as it does not vary or others determine it: again, sex")


def test_a_covariate_that_determines_the_arm_is_not_dropped_in_silence(small: Any) -> None:
    arms = ["new" if i % 2 == 0 else "old" for i in range(40)]
    people = small.people(arms, sex=["f" if a == "new" else "m" for a in arms])
    study = small.repeated(
        small.drawn(), {**ANALYSIS, "covariates": ["scale_0", "sex"]}, {"subjects": people},
        imputation={"sets": 20, "seed": 3},
    )  # fmt: skip
    row = differences(compare(derive(study), "model", study.protocol.analyses["model"]))["m6"]
    assert row["status"] == "not estimable"
    assert row["reason"].startswith("missing outcomes could not be imputed")

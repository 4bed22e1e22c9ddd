from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from armwise.analysis import adjusted
from armwise.analysis.comparison import comparisons
from armwise.analysis.run import analyse
from armwise.analysis.weights import weights_of
from armwise.derive.derived import derive
from armwise.stats import overlap_weights, propensity

OVERLAP = {
    "endpoint": "change", "at": "m3", "role": "primary", "method": "mean-difference", "adjust": "overlap-weights",
    "covariates": ["age"], "estimand": "overlap",
}  # fmt: skip


def weighted(small: Any, arms: list[str], **changes: Any) -> Any:
    scale = small.scale(
        {f"p{i + 1}": (40, None, None if i == 3 else 40 - (i * 7) % 23) for i in range(len(arms))}
    )
    return small.study(
        {"subjects": small.people(arms), "scale": scale},
        analyses={"primary": {**OVERLAP, **changes}}, estimands={"overlap": {"target": "overlap"}},
    )  # fmt: skip


def test_the_weights_are_those_of_the_subjects_whom_the_comparison_used(small: Any) -> None:
    study = weighted(small, ["new", "old"] * 10)
    (c,) = comparisons(derive(study), "primary", study.protocol.analyses["primary"])
    found = weights_of(c)
    assert found is not None
    assert found.problem == ""
    assert found.sets[0]["subject"].to_list() == [f"p{i + 1}" for i in range(20) if i != 3]
    age = [40 + (i * 7) % 19 for i in range(20) if i != 3]
    treated = [i % 2 == 0 for i in range(20) if i != 3]
    expected = overlap_weights(propensity({"age": age}, treated).scores, treated)
    assert found.sets[0]["weight"].to_list() == pytest.approx(list(expected), abs=1e-12)


def test_table_1_is_weighted_by_the_model_that_the_primary_analysis_fitted(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fit, however often it is used: by the difference, by the p at the margin, by Table 1."""
    fitted: list[int] = []

    def counting(X: Any, treated: Any, **how: Any) -> Any:
        fitted.append(len(treated))
        return propensity(X, treated, **how)

    monkeypatch.setattr(adjusted, "propensity", counting)
    monkeypatch.setattr("armwise.stats.weighting.propensity_weights.propensity", counting)
    study = weighted(small, ["new", "old"] * 10, margin={"kind": "equivalence", "value": 40})
    results = analyse(study)
    assert fitted == [19]
    after = results.one(
        analysis="baseline", item="age", statistic="standardised difference", target="overlap"
    )
    assert after is not None
    assert after["estimate"] == pytest.approx(0, abs=1e-9)


def test_without_weights_or_with_one_arm_alone_there_are_none_and_the_problem_says_why(small: Any) -> None:
    study = weighted(small, ["new", "old"] * 10, adjust="none", covariates=[], estimand=None)
    (c,) = comparisons(derive(study), "primary", study.protocol.analyses["primary"])
    assert weights_of(c) is None
    study = weighted(small, ["new"] * 3 + ["old"])  # the only one of the reference has no outcome
    (c,) = comparisons(derive(study), "primary", study.protocol.analyses["primary"])
    found = weights_of(c)
    assert found is not None
    assert found.sets[0].is_empty()
    assert found.problem


def gappy(small: Any, adjusted_for: list[str], **more: Any) -> Any:
    """Forty people of whom two have no baseline: it is drawn, and is a covariate."""
    points = small.drawn()
    for subject in ("p3", "p8"):
        points[subject].pop("baseline")
    plan = {
        "endpoint": "change", "at": "m6", "role": "primary", "method": "mean-difference", "missing": "impute",
        "adjust": "overlap-weights", "estimand": "overlap", "covariates": adjusted_for,
    }  # fmt: skip
    return small.repeated(
        points,
        analyses={"main": plan},
        estimands={"overlap": {"target": "overlap"}},
        imputation={"sets": 20, "seed": 1},
        **more,
    )


def test_where_covariates_were_drawn_table_1_is_the_mean_over_the_weighted_sets(small: Any) -> None:
    study = gappy(small, ["age", "baseline"])
    (c,) = comparisons(derive(study), "main", study.protocol.analyses["main"])
    assert c.imputed is not None and c.imputed.covariates_differ
    expected = []
    for i in range(20):
        covariates = c.imputed.covariates_of(i)
        w = overlap_weights(propensity(covariates, c.treated).scores, c.treated)
        expected.append(
            np.average(np.asarray(covariates["baseline"], float)[c.treated], weights=w[c.treated])
        )
    assert np.ptp(expected) > 0.01
    results = analyse(study)
    mean, difference = (
        results.one(analysis="baseline", item="scale_0", statistic=statistic, target="overlap", arm="new")
        for statistic in ("mean", "standardised difference")
    )
    assert mean is not None and difference is not None
    assert mean["estimate"] == pytest.approx(np.mean(expected), rel=1e-10)
    assert mean["n"] == int(c.treated.sum())
    assert difference["estimate"] == pytest.approx(0, abs=1e-7)  # exact balance in every set, of everyone
    over = "the 40 subjects of the primary analysis, under its weights; mean over 20 data sets with drawn covariates"
    assert mean["reason"] == difference["reason"] == over


def test_a_covariate_by_name_that_was_drawn_is_balanced_in_every_set(small: Any) -> None:
    after = analyse(gappy(small, ["age", "scale_0"])).one(
        analysis="baseline", item="scale_0", statistic="standardised difference", target="overlap"
    )
    assert after is not None
    assert after["estimate"] == pytest.approx(0, abs=1e-7)

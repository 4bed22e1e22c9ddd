from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from armwise.stats.weighting import (
    AdjustedComparison,
    OverlapComparison,
    balanced_means,
    mean_comparison,
    overlap_mean_difference,
    overlap_risk_difference,
    risk_comparison,
    standardised_outcomes,
    weighted_means,
)


def study(seed, n=80):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    z = rng.random(n) < expit(X @ [0.7, 0.1, -0.5])
    return X, z, 2 * z + X @ [1, 1.5, 2] + rng.normal(size=n)


def test_the_overlap_comparisons_are_weighted_means_made_into_intervals():
    X, z, y = study(1)
    means = mean_comparison(weighted_means(y, z, X), 0.9, 0.3, "overlap weights, stacked sandwich")
    assert means.difference == overlap_mean_difference(y, z, X, 0.9, 0.3).difference
    risks = risk_comparison(weighted_means((y > 1).astype(float), z, X), 0.9, 0.1, "m", "a").difference
    whole = overlap_risk_difference(y > 1, z, X, 0.9, 0.1).difference
    assert (risks.lower, risks.upper, risks.p) == (whole.lower, whole.upper, whole.p)
    assert OverlapComparison is AdjustedComparison


@pytest.mark.parametrize("target", ["everyone", "treated", "overlap"])
def test_every_comparison_names_its_target_and_its_method(target):
    X, z, y = study(2)
    found = mean_comparison(standardised_outcomes(y, z, X, target))
    assert found.target == target
    assert found.difference.method == "g-computation, linear models by arm, stacked sandwich"
    assert found.difference.df == 80 - 4 - 1


def test_a_refusal_is_the_reason_of_all_three_estimates():
    _, z, y = study(3)
    found = mean_comparison(balanced_means(y, z, {"z": z * 1.0}))
    for e in (found.difference, found.arm, found.versus):
        assert e.status == "not estimable" and "lies outside the range" in e.reason
    assert found.covariance is None and found.ess_arm is None and found.propensity is None
    assert risk_comparison(weighted_means(y > 0, z, {"z": z * 1.0})).difference.status == "not estimable"


def test_notes_on_the_size_of_the_model_and_on_extreme_risks_stand_together():
    X, z, y = study(4, n=40)
    found = risk_comparison(weighted_means((y > 3.5).astype(float), z, X))
    assert len(found.notes) == 2
    assert "covariate columns" in found.notes[0] and "beyond 10 or 90 %" in found.notes[1]

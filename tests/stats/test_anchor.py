from __future__ import annotations

import numpy as np
import pytest

from armwise.stats import anchored_change, rank_correlation
from armwise.stats.anchor import SPEARMAN, adjusted_change, predictive_change


def found(case, **more):
    return anchored_change(
        case["gain"], case["rating"], case["improved"], **{"seed": 1, "n_replicates": 200, **more}
    )


@pytest.mark.parametrize("k", range(3))
def test_predictive_adjusted_and_roc_changes_are_r_s(witness, k):
    r = witness("anchor")["cases"][k]
    m = found(r)
    assert m.predictive.estimate == pytest.approx(r["predictive"], rel=1e-8)
    assert m.adjusted.estimate == pytest.approx(r["adjusted"], rel=1e-8)
    assert m.roc.estimate == pytest.approx(r["roc"], rel=1e-12)
    assert m.point_biserial.estimate == pytest.approx(r["point_biserial"], rel=1e-10)
    assert m.correlation.estimate == pytest.approx(r["spearman"], rel=1e-10)


def test_the_adjustment_is_nothing_where_half_improved():
    gain = np.arange(-5.0, 5.0)
    improved = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
    m = anchored_change(gain, improved, improved, seed=1, n_replicates=200)
    assert m.adjusted.estimate == m.predictive.estimate


def test_the_same_seed_gives_the_same_interval_and_another_unit_scales_it(witness):
    r = witness("anchor")["cases"][0]
    one = found(r)
    again = found(r)
    ten = found({**r, "gain": [10 * g for g in r["gain"]]})
    assert (one.adjusted.lower, one.adjusted.upper) == (again.adjusted.lower, again.adjusted.upper)
    assert ten.adjusted.lower == pytest.approx(10 * one.adjusted.lower, rel=1e-8)
    assert one.adjusted.lower < one.adjusted.estimate < one.adjusted.upper
    assert one.roc.lower is None


def truth_study(rng, n, mean):
    """A true change, a score that measures it with error, patients who call 12 points and more an improvement.

    The setting of Terluin and others 2017: ratings are reliable, thresholds differ a little between patients.
    """
    true = rng.normal(mean, 11, n)
    gain = true + rng.normal(0, 6, n)
    return gain, true >= 12 + rng.normal(0, 2, n)


@pytest.mark.parametrize("mean", [4, 12, 20])
def test_the_adjusted_change_recovers_the_true_one_whatever_share_improved(mean):
    rng = np.random.default_rng(8)
    gain, improved = truth_study(rng, 60_000, mean)
    predictive = predictive_change(gain, improved)
    assert adjusted_change(predictive, gain, improved) == pytest.approx(12, abs=0.4)
    if mean != 12:  # and the unadjusted one does not
        assert abs(predictive - 12) > 1.5


def test_the_bootstrap_interval_of_the_adjusted_change_covers_the_truth():
    rng = np.random.default_rng(12)
    covered, n = 0, 40
    for i in range(n):
        gain, improved = truth_study(rng, 80, 8)
        e = anchored_change(gain, improved, improved, seed=i, n_replicates=200).adjusted
        covered += e.lower <= 12 <= e.upper
    assert covered / n >= 0.85


def test_a_weak_anchor_is_said_to_be_one():
    rng = np.random.default_rng(6)
    gain, rating = rng.normal(size=90), rng.integers(1, 8, 90)
    m = anchored_change(gain + 0.02 * rating, rating, rating >= 5, seed=1, n_replicates=200)
    if m.adjusted.status == "ok":
        assert "too weak an anchor" in m.notes[0]
    assert abs(m.correlation.estimate) < 0.3


@pytest.mark.parametrize(
    ("gain", "improved", "reason"),
    [
        ([1.0, 2, 3, 4], [1, 1, 1, 1], "all of 4 improved by their rating"),
        ([1.0, 2, 3, 4], [0, 0, 0, 0], "none of 4 improved by their rating"),
        ([2.0, 2, 2, 2], [0, 1, 0, 1], "the change has no spread"),
        ([1.0, 2, 3, 4], [0, 0, 1, 1], "the change separates the improved from the others"),
        ([1.0, 2, 3, 4, 5], [1, 1, 0, 1, 0], "change and rating do not go together"),
    ],
)
def test_what_cannot_be_told_is_not_estimable_with_its_reason(gain, improved, reason):
    m = anchored_change(gain, improved, improved, seed=1)
    assert (m.adjusted.status, m.adjusted.reason) == ("not estimable", reason)


def test_too_many_failed_samples_leave_no_interval_and_are_counted():
    gain = np.r_[np.zeros(6), np.ones(6), 2.0]
    improved = np.r_[np.zeros(6), np.ones(6), 0.0] == 1
    m = anchored_change(gain, improved, improved, seed=1, n_replicates=200)
    assert m.adjusted.lower is None
    assert "of 200 replicates failed" in m.failed


def test_the_correlation_of_the_rating_is_the_one_rank_correlation_without_a_test(witness):
    r = witness("anchor")["cases"][0]
    found_here, there = found(r).correlation, rank_correlation(r["rating"], r["gain"])
    assert (found_here.estimate, found_here.lower, found_here.upper) == (
        there.estimate,
        there.lower,
        there.upper,
    )
    assert there.p is not None and found_here.p is None and found_here.method == SPEARMAN

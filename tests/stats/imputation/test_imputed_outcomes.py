from __future__ import annotations

import numpy as np
import pytest
from imputation_trials import VISITS, trial

from armwise.errors import UsageError
from armwise.stats import conditional_means, impute_outcomes, pool

Y, ARM, COVARIATES = trial(11, gaps=0.1)
GIVEN = {"reference": "control", "covariates": COVARIATES, "visits": VISITS, "strategy": "jump-to-reference"}


@pytest.fixture(scope="module", params=["drawn", "once"])
def found(request):
    if request.param == "drawn":
        return lambda **kw: impute_outcomes(Y, ARM, **GIVEN, imputations=20, seed=1, **kw)
    return lambda **kw: conditional_means(Y, ARM, **GIVEN, **kw)


def at_m12(result):
    return result.difference("m12", "bmc")


def test_a_delta_of_zero_changes_nothing(found):
    assert at_m12(found(delta={"bmc": 0.0})) == at_m12(found())


def test_the_estimate_is_linear_in_delta(found):
    base = found()
    moves = [at_m12(base.shifted({"bmc": d})).estimate - at_m12(base).estimate for d in (1.0, 2.0, -5.0)]
    assert moves[1] == pytest.approx(2 * moves[0], rel=1e-9)
    assert moves[2] == pytest.approx(-5 * moves[0], rel=1e-9)
    both = at_m12(base.shifted({"bmc": 2.0, "control": 3.0})).estimate
    apart = at_m12(base.shifted({"control": 3.0})).estimate - at_m12(base).estimate
    assert both == pytest.approx(at_m12(base).estimate + moves[1] + apart, rel=1e-9)


def test_a_shifted_result_is_the_result_with_that_delta(found):
    delta = {"bmc": [0.0, 2.0, 4.0]}
    one, other = at_m12(found().shifted(delta)), at_m12(found(delta=delta))
    assert one.estimate == pytest.approx(other.estimate, rel=1e-10)
    assert one.se == pytest.approx(other.se, rel=1e-8)
    back = at_m12(found(delta=delta).shifted({}))
    assert back.estimate == pytest.approx(at_m12(found()).estimate, rel=1e-10)
    assert back.se == pytest.approx(at_m12(found()).se, rel=1e-8)
    assert "jump to reference, with delta" in one.method


def test_delta_moves_imputed_outcomes_after_the_event_and_no_others(found):
    base, moved = found(), found(delta={"bmc": 7.0})
    change = moved.values - base.values
    change = change if change.ndim == 2 else change[0]
    gone = np.isnan(Y[:, 2]) & (ARM == "bmc")
    np.testing.assert_allclose(change[gone], np.tile([0, 7.0, 7.0], (gone.sum(), 1)), atol=1e-9)
    np.testing.assert_allclose(change[~gone], 0, atol=1e-12)  # a gap before a later visit is not moved


def test_without_covariates_delta_moves_the_difference_by_the_share_that_dropped_out():
    result = conditional_means(Y, ARM, reference="control", visits=VISITS)
    share = np.isnan(Y[ARM == "bmc", 2]).mean()
    moved = at_m12(result.shifted({"bmc": 10.0})).estimate - at_m12(result).estimate
    assert moved == pytest.approx(10 * share, rel=1e-9)


def test_an_array_of_deltas_is_taken_as_it_is(found):
    full = np.where((ARM == "bmc")[:, None], [[0.0, 2.0, 4.0]], 0.0)
    one, other = at_m12(found(delta=full)), at_m12(found(delta={"bmc": [0.0, 2, 4]}))
    assert one.estimate == pytest.approx(other.estimate, rel=1e-12)


def test_drawn_outcomes_are_pooled_by_rubins_rules():
    result = impute_outcomes(Y, ARM, **GIVEN, imputations=20, seed=1)
    u = np.column_stack([np.ones(80), ARM == "bmc", COVARIATES["baseline"]])
    estimates, variances = [], []
    for values in result.values:
        beta, rss, *_ = np.linalg.lstsq(u, values[:, 2], rcond=None)
        estimates.append(beta[1])
        variances.append(rss[0] / 77 * np.linalg.inv(u.T @ u)[1, 1])
    expected = pool(estimates, variances, 77)
    assert at_m12(result).estimate == pytest.approx(expected.estimate, rel=1e-9)
    assert at_m12(result).se == pytest.approx(expected.se, rel=1e-9)
    assert at_m12(result).df == pytest.approx(expected.df, rel=1e-8)
    assert (at_m12(result).n, at_m12(result).n_arm, at_m12(result).n_versus) == (80, 40, 40)


def test_a_difference_of_means_is_the_difference(found):
    result = found()
    gap = result.mean("m12", "bmc").estimate - result.mean("m12", "control").estimate
    assert gap == pytest.approx(at_m12(result).estimate, rel=1e-9)
    assert result.mean("m12", "bmc").p is None


def test_wrong_deltas_and_arms_are_refused(found):
    result = found()
    for delta, words in (
        ({"x": 1}, "arm 'x'; expected one of control, bmc"),
        ({"bmc": [1, 2]}, r"delta of bmc has shape \(2,\); expected a number or \(3,\)"),
        (np.zeros(3), r"delta has shape \(3,\); expected \(80, 3\)"),
        ({"bmc": np.nan}, "delta is not finite"),
    ):
        with pytest.raises(UsageError, match=words):
            result.shifted(delta)
    with pytest.raises(UsageError, match="control is the reference; expected one of bmc"):
        result.difference("m12", "control")

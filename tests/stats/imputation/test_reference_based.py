"""Identities that hold exactly, and simulations with known truth."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from imputation_trials import EFFECT, REFERENCE, SIGMA, VISITS, trial
from scipy.special import ndtri
from scipy.stats import norm

from armwise.errors import FitError, UsageError
from armwise.stats import conditional_means, contrasts, impute_outcomes, mmrm_many, mmrm_wide
from armwise.stats.imputation.conditional_normal import Parameters, completed, filled_gaps
from armwise.stats.imputation.marginal_fits import common_parameters
from armwise.stats.imputation.outcomes import trial_outcomes
from armwise.stats.imputation.strategies import Strategy
from armwise.stats.imputation.visit_regressions import visit_regressions
from armwise.stats.repeated.design import crossed_design

STRATEGIES = get_args(Strategy)


def given(covariates):
    return {"reference": "control", "covariates": covariates, "visits": VISITS}


def mmrm_difference(y, arm, covariates, visit="m12"):
    treated = (arm == "bmc") * 1.0
    fit = mmrm_wide(y, {"arm": treated, **covariates}, visits=VISITS)
    at = {k: float(v.mean()) for k, v in covariates.items()}
    return contrasts(
        fit, fit.design.row(visit, {"arm": 1, **at}) - fit.design.row(visit, {"arm": 0, **at})
    ), contrasts(fit, fit.design.row(visit, {"arm": 1, **at}))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_dropout_every_strategy_gives_the_complete_data_estimate(strategy):
    y, arm, covariates = trial(1, drop=0.0)
    expected, mean = mmrm_difference(y, arm, covariates)
    drawn = impute_outcomes(y, arm, **given(covariates), strategy=strategy, imputations=5, seed=1)
    once = conditional_means(y, arm, **given(covariates), strategy=strategy)
    for found in (drawn, once):
        assert found.difference("m12", "bmc").estimate == pytest.approx(expected.estimate[0], rel=1e-9)
        assert found.mean("m12", "bmc").estimate == pytest.approx(mean.estimate[0], rel=1e-9)
    assert drawn.difference("m12", "bmc").se == pytest.approx(expected.se[0], rel=1e-8)
    assert drawn.difference("m12", "bmc").df == pytest.approx(expected.df[0], rel=1e-8)


@pytest.mark.parametrize("visit", VISITS)
def test_conditional_means_at_random_give_the_mixed_models_estimates_exactly(visit):
    """Every covariate has a coefficient at each visit: the model's score equations are those of the completed data."""
    y, arm, covariates = trial(2, gaps=0.1)
    difference, mean = mmrm_difference(y, arm, covariates, visit)
    found = conditional_means(y, arm, **given(covariates))
    assert found.difference(visit, "bmc").estimate == pytest.approx(difference.estimate[0], rel=1e-8)
    assert found.mean(visit, "bmc").estimate == pytest.approx(mean.estimate[0], rel=1e-8)


def test_the_jackknife_is_that_of_fitting_all_again_without_each_subject():
    y, arm, covariates = trial(3, n=12)
    strategy = "copy-increments"
    found = conditional_means(y, arm, **given(covariates), strategy=strategy)
    left = []
    for i in range(24):
        rows = np.arange(24) != i
        some = {k: v[rows] for k, v in covariates.items()}
        alone = conditional_means(y[rows], arm[rows], **given(some), strategy=strategy)
        left.append(alone.difference("m12", "bmc").estimate)
    se = np.sqrt(23 / 24 * ((np.array(left) - np.mean(left)) ** 2).sum())
    estimate = found.difference("m12", "bmc")
    assert estimate.se == pytest.approx(se, rel=1e-7)
    assert estimate.df == 24 - 3


@pytest.mark.parametrize("strategy", ["copy-reference", "jump-to-reference", "copy-increments"])
def test_the_reference_arm_is_imputed_at_random_under_each_reference_based_strategy(strategy):
    y, arm, covariates = trial(4, gaps=0.1)
    control = arm == "control"
    by_strategy = impute_outcomes(y, arm, **given(covariates), strategy=strategy, imputations=5, seed=3)
    at_random = impute_outcomes(y, arm, **given(covariates), imputations=5, seed=3)
    np.testing.assert_allclose(by_strategy.values[:, control], at_random.values[:, control], rtol=1e-12)
    assert (by_strategy.values[:, ~control] != at_random.values[:, ~control]).any()


def test_an_arm_that_has_its_event_before_the_first_visit_differs_by_zero_under_jump_to_reference():
    y, arm, covariates = trial(5)
    y[arm == "bmc"] = np.nan
    found = conditional_means(y, arm, **given(covariates), strategy="jump-to-reference")
    for visit in VISITS:
        estimate = found.difference(visit, "bmc")
        assert estimate.estimate == pytest.approx(0, abs=1e-9)
        assert estimate.se == pytest.approx(
            0, abs=1e-9
        )  # a copy does not vary: that is the frequentist variance
    drawn = impute_outcomes(y, arm, **given(covariates), strategy="jump-to-reference", imputations=50, seed=1)
    estimate = drawn.difference("m12", "bmc")
    assert abs(estimate.estimate) < 4 * drawn.pooled("m12", "bmc").monte_carlo_error
    assert estimate.se > 1.5


def test_set_i_depends_on_the_seed_and_i_alone():
    y, arm, covariates = trial(6)
    many = impute_outcomes(y, arm, **given(covariates), strategy="jump-to-reference", imputations=60, seed=2)
    few = impute_outcomes(y, arm, **given(covariates), strategy="jump-to-reference", imputations=9, seed=2)
    assert (many.values[:9] == few.values).all()


def test_draws_average_to_the_conditional_means():
    """Up to the curvature of the estimate in the parameters, of which a trial of 2 x 200 has little."""
    y, arm, covariates = trial(7, n=200)
    for strategy in ("missing-at-random", "jump-to-reference"):
        drawn = impute_outcomes(y, arm, **given(covariates), strategy=strategy, imputations=400, seed=1)
        once = conditional_means(y, arm, **given(covariates), strategy=strategy)
        pooled = drawn.pooled("m12", "bmc")
        gap = pooled.estimate - once.difference("m12", "bmc").estimate
        assert abs(gap) < 4 * pooled.monte_carlo_error


def test_what_the_variance_is_stands_in_the_result():
    y, arm, covariates = trial(8)
    drawn = impute_outcomes(y, arm, **given(covariates), strategy="jump-to-reference", imputations=20, seed=1)
    once = conditional_means(y, arm, **given(covariates), strategy="jump-to-reference")
    assert (drawn.variance, once.variance) == ("information-anchored", "frequentist")
    assert drawn.difference("m12", "bmc").method.startswith("jump to reference: 20 imputations on MMRM")
    assert once.difference("m12", "bmc").method.endswith("t on n - 3; frequentist variance")
    assert once.difference("m12", "bmc").se < drawn.difference("m12", "bmc").se


def test_a_model_in_each_arm_may_be_asked_for():
    y, arm, covariates = trial(9)
    common = conditional_means(y, arm, **given(covariates))
    by_arm = conditional_means(y, arm, **given(covariates), covariance="by-arm")
    gap = by_arm.difference("m12", "bmc").estimate - common.difference("m12", "bmc").estimate
    assert 1e-6 < abs(gap) < 3
    with pytest.raises(UsageError, match="covariance 'own'; expected one of common, by-arm"):
        conditional_means(y, arm, **given(covariates), covariance="own")


def test_too_few_subjects_for_the_model_is_an_error():
    y, arm, covariates = trial(9, n=3)
    with pytest.raises(FitError, match="the imputation model has no fit: "):
        conditional_means(y, arm, **given(covariates))
    with pytest.raises(FitError, match="the imputation model has no fit: "):
        impute_outcomes(y, arm, **given(covariates), imputations=2, seed=1)
    with pytest.raises(UsageError, match="imputations is 1; expected at least 2"):
        impute_outcomes(y, arm, **given(covariates), imputations=1, seed=1)


def estimates(trials, strategies):
    """Conditional-mean estimates of month 12 without the jackknife, shape (trials, strategies); all fitted together."""
    y = np.stack([t[0] for t in trials])
    u = np.stack([np.column_stack([np.ones(len(y[0])), t[1] == "bmc", t[2]["baseline"]]) for t in trials])
    fits = mmrm_many(y, u, crossed_design(VISITS, ["arm", "baseline"]), df="satterthwaite")
    assert fits.ok.all()
    parameters = common_parameters(fits, 2)
    out = np.empty((len(trials), len(strategies)))
    for s, (values, arm, covariates) in enumerate(trials):
        one = Parameters(parameters.beta[s : s + 1], parameters.sigma[s : s + 1])
        for k, strategy in enumerate(strategies):
            data = trial_outcomes(values, arm, strategy=strategy, **given(covariates))
            full = completed(data, filled_gaps(data, one))
            out[s, k] = visit_regressions(full, data.regressors).coefficients[0, 1, 2]
    return out


def test_estimates_of_many_trials_are_those_of_each():
    trials = [trial(s) for s in range(2)]
    found = estimates(trials, ["copy-increments"])
    for (y, arm, covariates), value in zip(trials, found[:, 0], strict=True):
        alone = conditional_means(y, arm, **given(covariates), strategy="copy-increments")
        assert value == pytest.approx(alone.difference("m12", "bmc").estimate, rel=1e-8)


def test_jump_to_reference_without_an_effect_is_missing_at_random_in_expectation():
    trials = [trial(s, effect=np.zeros(3)) for s in range(600)]
    found = estimates(trials, ["jump-to-reference", "missing-at-random"])
    gaps = found[:, 0] - found[:, 1]
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    assert error < 0.06  # Monte-Carlo error; the effect elsewhere in these tests is -10
    assert abs(gaps.mean()) < 3.5 * error


def confounded(seed, known):
    """A trial without an effect whose arm was chosen by the baseline; or other numbers in its place."""
    y, _, covariates = trial(seed, n=80, effect=np.zeros(3))
    rng = np.random.default_rng(90_000 + seed)
    baseline = covariates["baseline"]
    arm = np.where(rng.random(160) < 1 / (1 + np.exp(-(baseline - 45) / 12)), "bmc", "control")
    return y, arm, {"baseline": baseline if known else rng.normal(45, 12, 160)}


@pytest.mark.parametrize("known", [True, False])
def test_with_the_confounders_in_the_model_and_only_then_jump_to_reference_without_an_effect_is_missing_at_random(
    known,
):
    found = estimates([confounded(s, known) for s in range(600)], ["jump-to-reference", "missing-at-random"])
    gaps = found[:, 0] - found[:, 1]
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    assert error < 0.04
    if known:
        assert abs(gaps.mean()) < 3.5 * error
        assert np.all(abs(found.mean(axis=0)) < 3.5 * found.std(axis=0, ddof=1) / np.sqrt(len(found)))
    else:  # the reference arm's means are those of other patients
        assert gaps.mean() < -20 * error


def truths(drop: float = 0.3) -> dict[str, float]:
    """The difference at m12: those who drop out after m3 (share pi in each arm, by their residual, which cancels)."""
    pi = norm.cdf(ndtri(drop) * np.sqrt(2) / np.sqrt(2))  # P(z < e + sqrt(2) q), e and z standard normal
    slope = SIGMA[0, 2] / SIGMA[0, 0]
    dropped = {
        "missing-at-random": EFFECT[2],
        "jump-to-reference": 0.0,
        "copy-reference": slope * EFFECT[0],
        "copy-increments": EFFECT[0],
        "last-mean-carried-forward": EFFECT[0],
    }
    return {s: (1 - pi) * EFFECT[2] + pi * d for s, d in dropped.items()}


def test_each_strategy_estimates_its_known_truth():
    assert REFERENCE.shape == (3,)
    truth = truths()
    found = estimates([trial(1000 + s, n=80) for s in range(300)], STRATEGIES)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert error.max() < 0.2
    for k, strategy in enumerate(STRATEGIES):
        assert abs(found[:, k].mean() - truth[strategy]) < 3.5 * error[k], strategy
    assert abs(truth["jump-to-reference"] - truth["missing-at-random"]) > 10 * error.max()


def test_the_jackknife_measures_the_variance_over_trials_and_rubins_is_that_of_missing_at_random():
    strategies = ["missing-at-random", "jump-to-reference"]
    sd = estimates([trial(5000 + s) for s in range(500)], strategies).std(axis=0, ddof=1)  # to 3 %
    jackknife, rubin = np.empty((2, 20, 2))
    for s in range(20):
        y, arm, covariates = trial(5000 + s)
        for k, strategy in enumerate(strategies):
            given_here = given(covariates) | {"strategy": strategy}
            jackknife[s, k] = conditional_means(y, arm, **given_here).difference("m12", "bmc").se
            drawn = impute_outcomes(y, arm, **given_here, imputations=50, seed=s)
            rubin[s, k] = drawn.difference("m12", "bmc").se
    np.testing.assert_allclose(jackknife.mean(axis=0) / sd, 1, atol=0.13)
    assert rubin[:, 0].mean() / sd[0] == pytest.approx(1, abs=0.13)
    assert rubin[:, 1].mean() / rubin[:, 0].mean() == pytest.approx(1, abs=0.06)
    assert sd[1] / sd[0] < 0.85  # what is copied from the reference does not vary


def test_a_set_that_has_a_fit_is_drawn_although_another_of_its_block_is_whole_without_one(monkeypatch):
    """A block holds more sets than are asked for: one beyond them that has no fit must take nothing from the others."""
    from armwise.stats.imputation import reference_based

    y, arm, covariates = trial(3)
    expected = impute_outcomes(y, arm, **given(covariates), imputations=3, seed=2).values
    real = reference_based.bootstrap_parameters

    def one_fails(*arguments):
        parameters, taken, ok, _ = real(*arguments)
        parameters.beta[10], parameters.sigma[10], ok[10] = np.nan, np.nan, False
        return parameters, taken, ok, "singular"

    monkeypatch.setattr(reference_based, "bootstrap_parameters", one_fails)
    found = impute_outcomes(y, arm, **given(covariates), imputations=3, seed=2).values
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(FitError, match="no fit in"):
        impute_outcomes(y, arm, **given(covariates), imputations=11, seed=2)

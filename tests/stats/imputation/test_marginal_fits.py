from __future__ import annotations

import numpy as np
from imputation_trials import VISITS, trial

from armwise.stats import mmrm_wide
from armwise.stats.imputation.marginal_fits import bootstrap_parameters, fitted_parameters
from armwise.stats.imputation.outcomes import trial_outcomes


def outcomes(seed=1, **kw):
    y, arm, covariates = trial(seed, gaps=0.05)
    return trial_outcomes(y, arm, reference="control", covariates=covariates, visits=VISITS, **kw)


ALL = np.ones((1, 80), dtype=np.int64)


def test_parameters_of_all_subjects_are_those_of_the_mixed_model():
    data = outcomes()
    found, ok, reason = fitted_parameters(data, ALL, "common")
    assert ok.all()
    assert reason == ""
    fit = mmrm_wide(data.y, {"arm": (data.arm == 1) * 1.0, "baseline": data.x[:, 1]}, visits=VISITS)
    b = dict(zip(fit.design.columns, fit.beta, strict=True))
    for j, v in enumerate(VISITS):
        np.testing.assert_allclose(found.beta[0, 0, j], [b[v], b[f"baseline:{v}"]], rtol=1e-8)
        np.testing.assert_allclose(found.beta[0, 1, j], [b[v] + b[f"arm:{v}"], b[f"baseline:{v}"]], rtol=1e-8)
    np.testing.assert_allclose(found.sigma[0, 1], fit.sigma[0], rtol=1e-7)


def test_by_arm_each_arm_has_the_model_that_it_has_alone():
    data = outcomes()
    found, ok, _ = fitted_parameters(data, ALL, "by-arm")
    assert ok.all()
    for a in (0, 1):
        mine = data.arm == a
        fit = mmrm_wide(data.y[mine], {"baseline": data.x[mine, 1]}, visits=VISITS)
        np.testing.assert_allclose(found.beta[0, a].T.ravel(), fit.beta, rtol=1e-8)
        np.testing.assert_allclose(found.sigma[0, a], fit.sigma[0], rtol=1e-7)


def test_bootstrap_samples_keep_the_size_of_each_arm_and_depend_on_their_generator_alone():
    data = outcomes()
    make = [lambda i=i: np.random.default_rng(i) for i in range(6)]
    found, taken, ok, _ = bootstrap_parameters(data, [g() for g in make], "common")
    again, *_ = bootstrap_parameters(data, [g() for g in make[::-1]], "common")
    assert ok.all()
    assert (taken == 1).all()
    np.testing.assert_allclose(found.beta, again.beta[::-1], rtol=1e-9)
    rng = np.random.default_rng(2)
    rows = [np.flatnonzero(data.arm == a) for a in (0, 1)]
    counts = np.zeros((1, 80), dtype=np.int64)
    for mine in rows:
        counts[0, mine] = np.bincount(rng.integers(40, size=40), minlength=40)
    alone, _, _ = fitted_parameters(data, counts, "common")
    np.testing.assert_allclose(alone.beta[0], found.beta[2], rtol=1e-9)


def test_a_mean_that_no_strategy_uses_need_not_be_identified():
    y, arm, covariates = trial(1)
    y[arm == "bmc", 1:] = np.nan
    for strategy, fine in (
        ("jump-to-reference", True),
        ("copy-reference", True),
        ("missing-at-random", False),
    ):
        data = trial_outcomes(y, arm, reference="control", covariates=covariates, strategy=strategy)
        _, ok, reason = fitted_parameters(data, ALL, "common")
        assert ok[0] == fine
        assert ("nobody was observed" in reason) != fine


def test_a_reference_without_outcomes_at_a_visit_is_refused_and_not_taken_from_the_other_arm():
    y, arm, covariates = trial(1)
    y[arm == "control", 2] = np.nan
    data = trial_outcomes(y, arm, reference="control", covariates=covariates, strategy="jump-to-reference")
    assert not fitted_parameters(data, ALL, "common")[1][0]
    _, taken, fine, reason = bootstrap_parameters(data, [np.random.default_rng(1)], "common")
    assert (taken[0], fine[0]) == (10, False)
    assert "nobody was observed" in reason


def test_a_sample_without_a_fit_is_replaced_by_the_next():
    y, arm, covariates = trial(1, drop=0.0)
    y[arm == "control", 2] = np.nan
    y[np.flatnonzero(arm == "control")[:2], 2] = [30.0, 44.0]  # in 13 % of samples neither is there
    data = trial_outcomes(y, arm, reference="control", covariates=covariates)
    found, taken, ok, _ = bootstrap_parameters(data, [np.random.default_rng(i) for i in range(60)], "common")
    assert ok.all()
    assert taken.max() > 1
    assert np.isfinite(found.beta).all()

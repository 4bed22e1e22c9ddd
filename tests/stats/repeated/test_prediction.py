"""Predictions are the closed and the dense formulas; simulated outcomes have the moments that the predictions say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import designs
import numpy as np
import pytest
from designs import Simulated
from scipy.special import ndtri
from textbook_structures import Floats

from armwise.errors import UsageError
from armwise.stats.repeated.contrasts import contrasts
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import evaluate_at, mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.prediction import fitted_values, predict, simulate
from armwise.stats.repeated.wide import Wide

SETS = ("two_by_twenty", "weighted", "grouped", "single_subject_patterns")


@cache
def data_of(name: str) -> Simulated:
    found: Simulated = getattr(designs, name)()
    return found


@cache
def fit_of(name: str) -> Mmrm:
    d = data_of(name)
    return mmrm_wide(d.y, d.by_visit, d.overall, group=d.group, weights=d.weights, df="satterthwaite")


def rows(fit: Mmrm) -> Wide:
    assert fit.wide is not None
    return fit.wide


@cache
def dense(name: str) -> tuple[Floats, Floats, Floats]:
    """Conditional means, their variances, and those of an outcome (N, m), from one covariance of all N m outcomes.

    Given y_o, an outcome y_u has the best linear unbiased prediction x_u b + V_uo V_oo^-1 (y_o - X_o b).
    """
    data, fit = data_of(name), fit_of(name)
    n, m = data.y.shape
    X = np.einsum("nd,jdq->njq", rows(fit).u, fit.design.B).reshape(n * m, -1)
    V = np.zeros((n, m, n, m))
    for i in range(n):
        w = np.ones(m) if data.weights is None else data.weights[i]
        V[i, :, i] = fit.sigma[0 if data.group is None else data.group[i]] / np.sqrt(np.outer(w, w))
    V = V.reshape(n * m, n * m)
    y = data.y.ravel()
    o, u = np.flatnonzero(~np.isnan(y)), np.flatnonzero(np.isnan(y))
    Voo = np.linalg.inv(V[np.ix_(o, o)])
    Phi = np.linalg.inv(X[o].T @ Voo @ X[o])
    b = Phi @ X[o].T @ Voo @ y[o]
    gain = V[np.ix_(u, o)] @ Voo
    mean, of_mean, of_outcome = y.copy(), np.zeros_like(y), np.zeros_like(y)
    mean[u] = X[u] @ b + gain @ (y[o] - X[o] @ b)
    l = X[u] - gain @ X[o]  # noqa: E741
    of_mean[u] = np.einsum("uq,qr,ur->u", l, Phi, l)
    of_outcome[u] = of_mean[u] + np.diag(V[np.ix_(u, u)] - gain @ V[np.ix_(o, u)])
    return mean.reshape(n, m), of_mean.reshape(n, m), of_outcome.reshape(n, m)


@pytest.mark.parametrize("name", SETS)
def test_conditional_predictions_are_the_dense_formulas(name: str) -> None:
    mean, of_mean, of_outcome = dense(name)
    fit = fit_of(name)
    confidence = predict(fit, conditional=True)
    prediction = predict(fit, conditional=True, interval="prediction", conf_level=0.9)
    for found, variance in ((confidence, of_mean), (prediction, of_outcome)):
        np.testing.assert_allclose(found.estimate, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.se**2, variance, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(prediction.upper, mean + ndtri(0.95) * np.sqrt(of_outcome), rtol=1e-9)
    np.testing.assert_allclose(confidence.lower, mean - ndtri(0.975) * np.sqrt(of_mean), rtol=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_marginal_predictions_are_contrasts_and_outcomes_add_their_variance(name: str) -> None:
    data, fit = data_of(name), fit_of(name)
    L = np.einsum("nd,jdq->njq", rows(fit).u, fit.design.B)
    expected = contrasts(fit, L.reshape(-1, L.shape[2]))
    found = predict(fit)
    np.testing.assert_allclose(found.estimate.ravel(), expected.estimate, rtol=1e-10)
    np.testing.assert_allclose(found.se.ravel(), expected.se, rtol=1e-10)
    np.testing.assert_allclose(found.upper, found.estimate + ndtri(0.975) * found.se, rtol=1e-12)
    np.testing.assert_array_equal(fitted_values(fit), found.estimate)
    outcome = predict(fit, interval="prediction")
    sigma = fit.sigma[np.zeros(len(data.y), int) if data.group is None else data.group]
    weights = np.ones_like(data.y) if data.weights is None else data.weights
    np.testing.assert_allclose(outcome.se**2 - found.se**2, np.einsum("njj->nj", sigma) / weights, rtol=1e-9)


def test_of_two_visits_the_second_is_predicted_by_its_regression_on_the_first() -> None:
    """The normal distribution of two, complete subjects and others without the second visit (Anderson 1957)."""
    rng = np.random.default_rng(4)
    y = rng.multivariate_normal([50, 40], [[100, 60], [60, 90]], size=30)
    y[20:, 1] = np.nan
    x, z = y[:20].T
    slope = np.cov(x, z)[0, 1] / np.var(x, ddof=1)
    found = predict(mmrm_wide(y), conditional=True)
    np.testing.assert_allclose(found.estimate[20:, 1], z.mean() + slope * (y[20:, 0] - x.mean()), rtol=1e-9)
    np.testing.assert_array_equal(found.estimate[:20], y[:20])
    assert not found.se[:20].any()


def test_with_nothing_observed_the_conditional_prediction_is_the_marginal_one() -> None:
    fit = fit_of("two_by_twenty")
    new = replace(rows(fit), y=np.full_like(rows(fit).y, np.nan))
    for interval in ("confidence", "prediction"):
        a, b = (predict(fit, new, conditional=c, interval=interval) for c in (True, False))  # type: ignore[arg-type]
        np.testing.assert_array_equal(a.estimate, b.estimate)
        np.testing.assert_array_equal(a.se, b.se)


def test_new_subjects_are_predicted_one_by_one_as_together_with_groups_by_name() -> None:
    fit, data = fit_of("grouped"), data_of("grouped")
    together = predict(fit, conditional=True, interval="prediction")
    assert data.group is not None
    missing = np.isnan(data.y).any(axis=1)
    for i in (
        *np.flatnonzero(missing & (data.group == 0))[:2],
        *np.flatnonzero(missing & (data.group == 1))[:2],
    ):
        own = rows(fit)
        name = fit.groups[data.group[i]]
        one = Wide(own.visits, own.covariates, own.y[[i]], own.u[[i]], np.array([0]), (name,))
        found = predict(fit, one, conditional=True, interval="prediction")
        np.testing.assert_allclose(found.estimate[0], together.estimate[i], rtol=1e-12)
        np.testing.assert_allclose(found.se[0], together.se[i], rtol=1e-12)


def test_an_unknown_weight_is_one() -> None:
    fit, own = fit_of("weighted"), rows(fit_of("weighted"))
    assert own.weights is not None
    seen = ~np.isnan(own.y)
    a = predict(fit, replace(own, weights=np.where(seen, own.weights, np.nan)), conditional=True)
    b = predict(fit, replace(own, weights=np.where(seen, own.weights, 1.0)), conditional=True)
    np.testing.assert_array_equal(a.estimate, b.estimate)
    np.testing.assert_array_equal(a.se, b.se)


def test_a_robust_or_adjusted_covariance_is_the_one_of_the_predictions() -> None:
    data = data_of("two_by_twenty")
    for df, vcov in (("kenward-roger", "model"), ("satterthwaite", "jackknife")):
        fit = mmrm_wide(data.y, data.by_visit, data.overall, df=df, vcov=vcov)  # type: ignore[arg-type]
        L = np.einsum("nd,jdq->njq", rows(fit).u, fit.design.B).reshape(-1, fit.rank)
        variance = np.einsum("lq,qr,lr->l", L, fit.vcov, L)
        np.testing.assert_allclose(predict(fit).se.ravel() ** 2, variance, rtol=1e-9)


def test_a_row_that_needs_an_aliased_column_is_not_predicted() -> None:
    data = data_of("two_by_twenty")
    age = data.overall["age"]
    fit = mmrm_wide(data.y, data.by_visit, {"age": age, "years": age / 2})
    own = rows(fit)
    np.testing.assert_allclose(predict(fit).estimate, predict(fit_of("two_by_twenty")).estimate, rtol=1e-8)
    u = own.u.copy()
    u[0, -1] += 5.0
    found = predict(fit, replace(own, u=u))
    assert np.isnan([found.estimate[0], found.se[0], found.lower[0]]).all()
    assert np.isfinite(found.upper[1:]).all()


def test_the_nearly_collinear_visit_is_predicted_by_its_twin() -> None:
    data = designs.near_collinear(1e-9)
    fit = mmrm_wide(data.y, data.by_visit, data.overall)
    assert fit.anchor is not None
    y = data.y.copy()
    twin = np.flatnonzero(~np.isnan(y).any(axis=1))
    y[twin, 2] = np.nan
    found = predict(fit, replace(rows(fit), y=y), conditional=True, interval="prediction")
    z = (found.estimate[twin, 2] - data.y[twin, 2]) / found.se[twin, 2]
    assert found.se[twin, 2].max() < 0.01
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.5


# -- Simulation -------------------------------------------------------------------------------------------------------

N_DRAWS = 4000


def close(found: Floats, expected: Floats, sd: Floats) -> None:
    """Within five Monte-Carlo standard errors, each of them, and with their mean square near one."""
    z = (found - expected) / (sd / np.sqrt(N_DRAWS))
    assert np.abs(z).max() < 5
    assert 0.7 < np.mean(z**2) < 1.3


@pytest.mark.parametrize("beta", ["fixed", "drawn"])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("name", ["weighted", "grouped"])
def test_simulated_outcomes_have_the_mean_and_the_variance_of_the_predictions(
    name: str, conditional: bool, beta: str
) -> None:
    fit = fit_of(name)
    draws = simulate(fit, N_DRAWS, np.random.default_rng(8), conditional=conditional, beta=beta)  # type: ignore[arg-type]
    expected = predict(fit, conditional=conditional, interval="prediction")
    variance = expected.se**2 - (predict(fit, conditional=conditional).se ** 2 if beta == "fixed" else 0.0)
    free = variance > 0
    if conditional:
        known = ~np.isnan(data_of(name).y)
        assert (free == ~known).all()
        assert (draws[:, known] == data_of(name).y[known]).all()
    x = draws[:, free]
    if beta == "fixed":  # drawn coefficients are shared by all subjects, whose means then vary together
        close(x.mean(axis=0), expected.estimate[free], np.sqrt(variance[free]))
    assert np.abs(x.mean(axis=0) - expected.estimate[free]).max() < 5 * np.sqrt(
        variance[free].max() / N_DRAWS
    )
    ratio = x.var(axis=0) / variance[free]
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(2 / N_DRAWS)
    assert abs(ratio.mean() - 1) < 0.02


def test_simulated_visits_of_a_subject_have_the_fitted_covariance() -> None:
    fit = fit_of("grouped")
    draws = simulate(fit, N_DRAWS, np.random.default_rng(9))
    group = data_of("grouped").group
    assert group is not None
    for g in (0, 1):
        e = (draws - fitted_values(fit))[:, group == g].reshape(-1, 4)
        S = fit.sigma[g]
        se = np.sqrt((np.outer(np.diag(S), np.diag(S)) + S**2) / len(e))
        assert np.abs((e.T @ e / len(e) - S) / se).max() < 4


def test_drawn_coefficients_have_their_covariance() -> None:
    """Refitting each draw's mean by visit: means of many subjects move with the coefficients alone."""
    fit = fit_of("two_by_twenty")
    rng = np.random.default_rng(10)
    drawn = simulate(fit, N_DRAWS, rng, beta="drawn").mean(axis=1)
    u = rows(fit).u.mean(axis=0)
    L = np.einsum("d,jdq->jq", u, fit.design.B)
    expected = L @ fit.vcov @ L.T + fit.sigma[0] / len(rows(fit).u)
    se = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / N_DRAWS)
    assert np.abs((np.cov(drawn.T) - expected) / se).max() < 4


def test_draws_are_those_of_the_generator_and_can_be_of_the_observed_visits_alone() -> None:
    fit = fit_of("two_by_twenty")
    a, b = (simulate(fit, 3, np.random.default_rng(1), conditional=True, beta="drawn") for _ in range(2))
    np.testing.assert_array_equal(a, b)
    seen = simulate(fit, 2, np.random.default_rng(1), visits="observed")
    assert (np.isnan(seen) == np.isnan(data_of("two_by_twenty").y)).all()
    refit = mmrm_wide(seen[0], data_of("two_by_twenty").by_visit, data_of("two_by_twenty").overall)
    assert refit.n_observations == fit.n_observations


def test_what_does_not_fit_the_model_is_refused() -> None:
    fit = fit_of("two_by_twenty")
    own = rows(fit)
    with pytest.raises(UsageError, match=r"the model's visits are .* those of the rows"):
        predict(fit, replace(own, visits=("a", "b", "c", "d")))
    with pytest.raises(UsageError, match=r"the model's covariates are .* expected the same"):
        predict(fit, Wide(own.visits, own.covariates[:-1], own.y, own.u[:, :-1]))
    with pytest.raises(UsageError, match=r"covariates of rows \[1\] are not finite"):
        u = own.u.copy()
        u[1, 2] = np.nan
        predict(fit, replace(own, u=u))
    with pytest.raises(UsageError, match=r"the rows' groups are .*; give each subject one of these"):
        predict(fit, replace(own, group=np.zeros(len(own.y), int), groups=("other",)))
    with pytest.raises(UsageError, match="interval 'both'; expected one of confidence, prediction"):
        predict(fit, interval="both")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="beta 'new' and visits 'all'; expected fixed or drawn"):
        simulate(fit, 1, np.random.default_rng(1), beta="new")  # type: ignore[arg-type]
    alone = mmrm_cross_products(cross_products(own), fit.design)
    for refused in (
        lambda: fitted_values(alone),
        lambda: predict(alone),
        lambda: simulate(alone, 1, np.random.default_rng(1)),
    ):
        with pytest.raises(UsageError, match="need a subject's rows"):
            refused()
    assert predict(alone, own, conditional=True).estimate.shape == own.y.shape


def test_predictions_do_not_lose_digits_to_a_mean_a_million_sds_away() -> None:
    data = designs.small_sd_large_mean()
    near = replace(data, y=data.y - 1e4)
    fit = mmrm_wide(near.y, near.by_visit, near.overall)
    far = mmrm_wide(data.y, data.by_visit, data.overall)
    at = evaluate_at(rows(far), far.design, fit.sigma)
    np.testing.assert_allclose(
        predict(at, conditional=True).estimate - 1e4,
        predict(fit, conditional=True).estimate,
        rtol=0,
        atol=1e-10,
    )

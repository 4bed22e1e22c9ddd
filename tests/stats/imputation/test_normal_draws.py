"""One regression with the ridge prior, against least squares on data augmented by the prior's pseudo-rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from armwise.errors import FitError
from armwise.stats.imputation.normal_draws import Regression, normal_draw


@pytest.fixture
def sets():
    rng = np.random.default_rng(3)
    z = np.ones((5, 25, 5))
    z[:, :, 1:] = rng.normal(size=(5, 25, 4))
    z[:, :, 4] += z[:, :, 1]
    return z


REGRESSION = Regression("y", "", 4, np.array([0, 1, 2, 3]), np.arange(20), np.arange(20, 25))


def augmented(z, k):
    """Estimate, inverse of A, RSS and effective parameters by least squares with k pseudo-rows of sqrt(k)."""
    x, y = z[:20, :4], z[:20, 4]
    rows = np.vstack([x, np.sqrt(k) * np.eye(4)[1:]])
    beta = np.linalg.lstsq(rows, np.concatenate([y, np.zeros(3)]), rcond=None)[0]
    inverse = np.linalg.inv(rows.T @ rows)
    return beta, inverse, ((y - x @ beta) ** 2).sum(), np.trace(x @ inverse @ x.T)


@pytest.mark.parametrize("k", [0.0, 3.0])
def test_without_noise_the_draw_is_the_ridge_prediction(sets, k):
    found, df = normal_draw(sets, REGRESSION, k, np.zeros((5, REGRESSION.normals)), np.full(5, 0.5))
    for i, z in enumerate(sets):
        beta, _, _, effective = augmented(z, k)
        np.testing.assert_allclose(found[i], z[20:, :4] @ beta, rtol=1e-10)
        assert df[i] == pytest.approx(20 - effective, rel=1e-10)


@pytest.mark.parametrize("k", [0.0, 3.0])
def test_residual_noise_is_scaled_by_rss_over_chi_squared_on_n_less_effective_parameters(sets, k):
    normals = np.zeros((5, REGRESSION.normals))
    normals[:, 4:] = 1.0
    found, _ = normal_draw(sets, REGRESSION, k, normals, np.full(5, 0.3))
    for i, z in enumerate(sets):
        beta, _, rss, effective = augmented(z, k)
        s = np.sqrt(rss / stats.chi2.ppf(0.3, 20 - effective))
        np.testing.assert_allclose(found[i], z[20:, :4] @ beta + s, rtol=1e-9)


def test_coefficients_are_drawn_with_the_posterior_covariance(sets):
    # With unit normals in turn for each coefficient the moves of the draws are a root of the covariance.
    z = sets[:1]
    beta, inverse, rss, effective = augmented(z[0], 3.0)
    s2 = rss / stats.chi2.ppf(0.5, 20 - effective)
    moves = []
    for j in range(4):
        normals = np.zeros((1, REGRESSION.normals))
        normals[0, j] = 1.0
        found, _ = normal_draw(z, REGRESSION, 3.0, normals, np.array([0.5]))
        moves.append(found[0] - z[0, 20:, :4] @ beta)
    x = z[0, 20:, :4]
    np.testing.assert_allclose(
        np.array(moves).T @ np.array(moves), s2 * x @ inverse @ x.T, rtol=1e-9, atol=1e-12
    )


def test_predictors_that_determine_each_other_are_refused_without_a_prior_and_taken_with_one(sets):
    sets[:, :, 3] = 0.0  # nobody of the observed differs
    noise = np.zeros((5, REGRESSION.normals))
    with pytest.raises(FitError, match=r"y: its regression on the 3 other variables is not identified"):
        normal_draw(sets, REGRESSION, 0.0, noise, np.full(5, 0.5))
    assert np.isfinite(normal_draw(sets, REGRESSION, 3.0, noise, np.full(5, 0.5))[0]).all()


def test_no_degrees_of_freedom_is_an_error_that_says_how_many(sets):
    few = Regression("y", "bmc", 4, np.array([0, 1, 2, 3]), np.arange(4), np.arange(20, 25))
    with pytest.raises(
        FitError, match=r"arm bmc, y: 4 observed values and 3 other variables leave 0\.0 degrees"
    ):
        normal_draw(sets, few, 1e-9, np.zeros((5, few.normals)), np.full(5, 0.5))

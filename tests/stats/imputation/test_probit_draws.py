"""The probit draw against the posterior by brute force on a grid."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr

from armwise.stats.imputation.normal_draws import Regression
from armwise.stats.imputation.probit_draws import first_latent, probit_draw, probit_normals, probit_uniforms


def test_the_probability_of_a_one_is_that_of_the_posterior_on_a_grid():
    rng = np.random.default_rng(2)
    n, k, m = 24, 3.0, 3000
    x = rng.normal(size=n)
    ones = x[:20] + 0.6 * rng.normal(size=20) > 0.2
    z = np.ones((m, n, 3))
    z[:, :, 1] = x
    z[:, :, 2] = 0.0
    r = Regression("x", "", 2, np.array([0, 1]), np.arange(20), np.arange(20, 24))
    latent = first_latent(ones, m)
    for _ in range(12):
        new, latent = probit_draw(
            z,
            r,
            ones,
            latent,
            k,
            rng.standard_normal((m, probit_normals(r))),
            rng.random((m, probit_uniforms(r))),
        )
    a, b = np.meshgrid(np.linspace(-4, 4, 321), np.linspace(-3, 6, 361), indexing="ij")
    eta = a[..., None] + b[..., None] * x[:20]
    log_p = log_ndtr(np.where(ones, 1, -1) * eta).sum(-1) - k * b**2 / 2
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    for i in range(4):
        expected = (p * ndtr(a + b * x[20 + i])).sum()
        assert abs(new[:, i].mean() - expected) < 4 * np.sqrt(0.25 / m)


def test_a_separated_arm_keeps_finite_values():
    x = np.linspace(-2, 2, 24)
    z = np.ones((4, 24, 3))
    z[:, :, 1] = x
    seen = np.flatnonzero(np.abs(x) > 0.3)
    r = Regression("x", "", 2, np.array([0, 1]), seen, np.setdiff1d(np.arange(24), seen))
    ones = x[seen] > 0
    rng = np.random.default_rng(1)
    latent = first_latent(ones, 4)
    for _ in range(200):
        _, latent = probit_draw(
            z,
            r,
            ones,
            latent,
            3.0,
            rng.standard_normal((4, probit_normals(r))),
            rng.random((4, probit_uniforms(r))),
        )
    assert np.isfinite(latent).all()
    assert np.abs(latent).max() < 20
    assert ((latent > 0) == ones).all()

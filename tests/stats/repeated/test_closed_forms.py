"""Where the model for repeated measures has a closed form, it gives that."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.fitted import DfMethod
from armwise.stats.repeated.fitting import mmrm_wide

Floats = NDArray[np.float64]


def correlated(n: int, m: int, seed: int = 3) -> Floats:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(m, m))
    return np.asarray(rng.normal(size=(n, m)) @ (A + 2 * np.eye(m)).T + rng.normal(size=m))


@pytest.mark.parametrize(("n", "m"), [(12, 3), (9, 5), (40, 7)])
def test_complete_data_give_hotellings_t_squared_from_kenward_rogers_f(n: int, m: int) -> None:
    y = correlated(n, m)
    test = joint_test(mmrm_wide(y, df="kenward-roger"), np.eye(m))
    mean, S = y.mean(axis=0), np.cov(y.T)
    t2 = n * mean @ np.linalg.solve(S, mean)
    f = (n - m) / (m * (n - 1)) * t2
    assert test.df1 == m
    assert test.df2 == pytest.approx(n - m, rel=1e-12)
    assert test.scale == pytest.approx((n - m) / (n - 1), rel=1e-12)
    assert test.f == pytest.approx(f, rel=1e-12)
    assert test.p == pytest.approx(float(stats.f.sf(f, m, n - m)), rel=1e-9)


def test_two_arms_of_complete_data_give_the_two_sample_hotelling_test() -> None:
    y, n1 = correlated(30, 4), 13
    arm = np.r_[np.zeros(n1), np.ones(30 - n1)]
    fit = mmrm_wide(y, {"arm": arm}, visits=["a", "b", "c", "d"])
    L = np.array([fit.design.row(v, {"arm": 1}) - fit.design.row(v, {"arm": 0}) for v in fit.design.visits])
    test = joint_test(fit, L)
    a, b = y[:n1], y[n1:]
    n2, m = len(b), 4
    pooled = ((n1 - 1) * np.cov(a.T) + (n2 - 1) * np.cov(b.T)) / (n1 + n2 - 2)
    d = b.mean(axis=0) - a.mean(axis=0)
    t2 = n1 * n2 / (n1 + n2) * d @ np.linalg.solve(pooled, d)
    f = (n1 + n2 - m - 1) / (m * (n1 + n2 - 2)) * t2
    assert test.f == pytest.approx(f, rel=1e-12)
    assert test.df2 == pytest.approx(n1 + n2 - m - 1, rel=1e-12)


@pytest.mark.parametrize("df", ["kenward-roger", "satterthwaite", "residual"])
def test_one_visit_is_ordinary_least_squares(df: DfMethod) -> None:
    rng = np.random.default_rng(5)
    n = 25
    x, arm = rng.normal(40, 12, n), np.arange(n) % 2
    y = 3 + 0.4 * x - 2 * arm + rng.normal(0, 3, n)
    fit = mmrm_wide(y[:, None], {"arm": arm, "x": x}, df=df)
    X = np.column_stack([np.ones(n), arm, x])
    b, rss = np.linalg.lstsq(X, y, rcond=None)[:2]
    s2 = float(rss[0]) / (n - 3)
    found = contrasts(fit, np.eye(3))
    np.testing.assert_allclose(found.estimate, b, rtol=1e-11)
    np.testing.assert_allclose(found.se, np.sqrt(s2 * np.diag(np.linalg.inv(X.T @ X))), rtol=1e-11)
    np.testing.assert_allclose(found.df, n - 3, rtol=1e-11)
    assert fit.sigma[0, 0, 0] == pytest.approx(s2, rel=1e-12)


@pytest.mark.parametrize("covariance", ["unstructured", "compound-symmetry", "toeplitz", "ar1"])
def test_two_complete_visits_are_the_paired_analysis(covariance: str) -> None:
    y = correlated(17, 2)
    found = contrasts(mmrm_wide(y, covariance=covariance), [-1, 1])
    d = y[:, 1] - y[:, 0]
    paired = stats.ttest_1samp(d, 0)
    assert found.estimate[0] == pytest.approx(d.mean(), rel=1e-12)
    assert found.se[0] == pytest.approx(d.std(ddof=1) / math.sqrt(17), rel=1e-11)
    assert found.df[0] == pytest.approx(16, rel=1e-9)
    assert found.p[0] == pytest.approx(paired.pvalue, rel=1e-9)


def test_monotone_dropout_has_the_closed_form_of_the_regression_estimator() -> None:
    """ML of the second mean with dropout after the first visit (Anderson 1957, JASA 52:200-203)."""
    y = correlated(40, 2)
    y[25:, 1] = np.nan
    fit = mmrm_wide(y, reml=False)
    both = y[:25]
    slope = np.cov(both.T, bias=True)[0, 1] / both[:, 0].var()
    mean = both[:, 1].mean() + slope * (y[:, 0].mean() - both[:, 0].mean())
    assert fit.beta[1] == pytest.approx(mean, rel=1e-12)
    left = both[:, 1].var() - slope**2 * both[:, 0].var()
    assert fit.sigma[0, 1, 1] == pytest.approx(left + slope**2 * y[:, 0].var(), rel=1e-10)


def test_compound_symmetry_of_complete_data_gives_the_moments_of_the_analysis_of_variance() -> None:
    y = correlated(15, 4)
    fit = mmrm_wide(y, covariance="compound-symmetry")
    residual = y - y.mean(axis=0)
    S = residual.T @ residual / 14
    variance = np.trace(S) / 4
    covariance = (S.sum() - np.trace(S)) / 12
    assert fit.sigma[0, 0, 0] == pytest.approx(variance, rel=1e-9)
    assert fit.sigma[0, 0, 1] == pytest.approx(covariance, rel=1e-9)


def test_groups_with_their_own_covariance_and_coefficients_are_separate_fits() -> None:
    y, arm = correlated(31, 3), (np.arange(31) < 14).astype(float)
    y[3, 1] = y[20, 2] = y[25, 0] = np.nan
    both = mmrm_wide(y, {"arm": arm}, group=arm)
    for g, value in enumerate((0.0, 1.0)):
        alone = mmrm_wide(y[arm == value])
        np.testing.assert_allclose(both.sigma[g], alone.sigma[0], rtol=1e-9)
        L = np.array([both.design.row(v, {"arm": value}) for v in both.design.visits])
        mine, own = contrasts(both, L), contrasts(alone, np.eye(3))
        for name in ("estimate", "se", "df"):
            np.testing.assert_allclose(getattr(mine, name), getattr(own, name), rtol=1e-8, err_msg=name)
    first, second = (mmrm_wide(y[arm == v]).loglik for v in (0.0, 1.0))
    # REML of both has the same determinant, up to the coding of the arm (of determinant 1).
    assert both.loglik == pytest.approx(first + second, rel=1e-10)

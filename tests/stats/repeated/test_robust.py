"""Robust covariances and their degrees of freedom: closed forms, leaving subjects out, and an independent oracle.

That they are those of R's mmrm and of clubSandwich is in `test_agreement`.
"""

from __future__ import annotations

from dataclasses import replace

import designs
import numpy as np
import pytest
from designs import Simulated, autoregressive
from textbook import evaluated, subjects_of
from textbook_structures import Floats

from armwise.errors import UsageError
from armwise.stats.repeated import robust, whitened_rows
from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.fitted import Mmrm, VcovMethod
from armwise.stats.repeated.fitting import evaluate_at, mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.robust import bell_mccaffrey, robust_covariance
from armwise.stats.repeated.whitened_rows import WhitenedRows
from armwise.stats.repeated.wide import Wide

ROBUST: tuple[VcovMethod, ...] = ("empirical", "jackknife", "bias-reduced")


def fit_of(data: Simulated, vcov: VcovMethod) -> Mmrm:
    return mmrm_wide(
        data.y,
        data.by_visit,
        data.overall,
        group=data.group,
        weights=data.weights,
        vcov=vcov,
        df="satterthwaite",
    )


def whitened(fit: Mmrm, L: Floats) -> Floats:
    return np.asarray(fit.optimum.point.Fi @ fit.basis.Ri.T @ L[:, fit.basis.kept].T)


def apart(found: Floats, expected: Floats) -> float:
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


def many_subjects() -> Simulated:
    """So many that (I - H) ^ power is a series for most of them, and comes from eigenvalues for some."""
    rng = np.random.default_rng(3)
    data = designs.drop_out(rng, designs.simulate(rng, 90, autoregressive(4, 0.7)), 0.3)
    data.by_visit["baseline"][:3] += 7.0
    return data


@pytest.mark.parametrize("vcov", ROBUST)
def test_covariance_and_degrees_of_freedom_of_many_subjects_are_the_oracles(vcov: VcovMethod) -> None:
    data = many_subjects()
    fit = fit_of(data, vcov)
    e = evaluated(subjects_of(data.y, data.by_visit, data.overall), "us", [fit.sigma[0]])
    assert apart(fit.vcov, e.robust(vcov)) < 1e-10
    L = np.vstack([np.eye(fit.rank), np.random.default_rng(1).normal(size=(3, fit.rank))])
    found = contrasts(fit, L).df
    assert np.max(np.abs(found / [e.bell_mccaffrey(c, vcov) for c in L] - 1)) < 1e-10
    rows = WhitenedRows.of(fit)
    leverage = np.concatenate([np.einsum("jjn->n", rows.hat(chunk)) for chunk in rows.chunks()])
    assert 2 < np.sum(leverage > robust.SERIES) < 20
    assert leverage.sum() == pytest.approx(fit.rank, rel=1e-10)


@pytest.mark.parametrize("power", [-1.0, -0.5])
def test_the_series_and_the_eigenvalues_give_the_same_numbers(
    power: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 5, 3))
    H = x @ x.transpose(0, 2, 1)
    H *= (rng.uniform(1e-6, 0.12, size=300) / np.einsum("njj->n", H))[:, None, None]
    H, v = np.ascontiguousarray(H.transpose(1, 2, 0)), rng.normal(size=(2, 5, 300))
    series = robust.adjusted(H, v, power)
    monkeypatch.setattr(robust, "SERIES", 0.0)
    np.testing.assert_allclose(series, robust.adjusted(H, v, power), rtol=0, atol=2e-14)


@pytest.mark.parametrize("name", ["two_by_twenty", "weighted", "grouped", "single_subject_patterns"])
def test_the_jackknife_is_what_leaving_each_subject_out_does_to_the_coefficients(name: str) -> None:
    """At a fixed covariance, each subject's estimate without it less the one with it, squared and added up."""
    data: Simulated = getattr(designs, name)()
    fit = fit_of(data, "jackknife")
    wide = fit.wide
    assert wide is not None
    total = np.zeros_like(fit.vcov)
    for i in range(len(wide.y)):
        y = wide.y.copy()
        y[i] = np.nan
        change = evaluate_at(replace(wide, y=y), fit.design, fit.sigma).beta - fit.beta
        total += np.outer(change, change)
    assert apart(fit.vcov, total) < 1e-9


def one_visit(n: tuple[int, int]) -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(5)
    arm = np.repeat([0.0, 1.0], n)
    y = rng.normal(size=sum(n)) * (1 + 2 * arm) + arm
    return y, arm, np.column_stack([np.ones(sum(n)), arm]), np.array(n, dtype=float)


@pytest.mark.parametrize(("vcov", "power"), [("empirical", 0.0), ("bias-reduced", 1.0), ("jackknife", 2.0)])
def test_one_visit_gives_hc0_hc2_and_hc3(vcov: VcovMethod, power: float) -> None:
    y, arm, X, _ = one_visit((9, 14))
    fit = mmrm_wide(y[:, None], {"arm": arm}, vcov=vcov, df="satterthwaite")
    XX = np.linalg.inv(X.T @ X)
    e = y - X @ (XX @ X.T @ y)
    h = np.einsum("ij,jk,ik->i", X, XX, X)
    assert apart(fit.vcov, XX @ (X.T * (e**2 / (1 - h) ** power)) @ X @ XX) < 1e-12


def test_two_arms_at_one_visit_give_welchs_standard_error_and_bell_and_mccaffreys_closed_form() -> None:
    """Under equal variances, s_a^2 / n_a has mean 1 / n_a and variance 2 / (n_a^2 (n_a - 1))."""
    y, arm, _, n = one_visit((9, 14))
    fit = mmrm_wide(y[:, None], {"arm": arm}, vcov="bias-reduced", df="satterthwaite")
    found = contrasts(fit, [0.0, 1.0])
    s2 = np.array([np.var(y[arm == a], ddof=1) for a in (0, 1)])
    assert found.se[0] == pytest.approx(np.sqrt((s2 / n).sum()), rel=1e-12)
    assert found.df[0] == pytest.approx((1 / n).sum() ** 2 / (1 / (n**2 * (n - 1))).sum(), rel=1e-12)


def test_complete_nearly_collinear_visits_give_the_sandwich_of_each_visits_least_squares() -> None:
    """With covariates by visit and complete data the estimates do not depend on the covariance, however singular."""
    data = designs.near_collinear(1e-9)
    rng = np.random.default_rng(5)
    rough = designs.simulate(rng, 50, data.sigma)
    fit = mmrm_wide(rough.y, rough.by_visit, vcov="empirical", df="satterthwaite")
    assert fit.anchor is not None
    X = np.column_stack([np.ones(100), *rough.by_visit.values()])
    pinv = np.linalg.pinv(X)
    e = rough.y - X @ (pinv @ rough.y)
    scores = np.einsum("cn,nj->ncj", pinv, e).reshape(100, -1)  # columns: covariate, then visit
    assert apart(fit.vcov, scores.T @ scores) < 1e-7


@pytest.mark.parametrize("vcov", ROBUST)
def test_the_size_of_the_chunks_changes_nothing(vcov: VcovMethod, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_of(designs.weighted(), vcov)
    C = np.random.default_rng(2).normal(size=(fit.rank, 20))
    whole, df = robust_covariance(fit), bell_mccaffrey(fit, C)
    monkeypatch.setattr(whitened_rows, "SUBJECTS", 7)
    monkeypatch.setattr(robust, "CONTRASTS", 3)
    assert apart(robust_covariance(fit), whole) < 1e-12
    np.testing.assert_allclose(bell_mccaffrey(fit, C), df, rtol=1e-11)


@pytest.mark.parametrize("vcov", ROBUST)
def test_other_units_and_a_shifted_outcome_change_only_the_scale(vcov: VcovMethod) -> None:
    data = designs.two_by_twenty()
    fit = fit_of(data, vcov)
    a, shift = 250.0, 1e5 + 30 * data.by_visit["arm"]
    moved = fit_of(replace(data, y=a * data.y + shift[:, None]), vcov)
    np.testing.assert_allclose(moved.se, a * fit.se, rtol=1e-8)
    eye = np.eye(fit.rank)
    np.testing.assert_allclose(contrasts(moved, eye).df, contrasts(fit, eye).df, rtol=1e-8)


@pytest.mark.parametrize("vcov", ["jackknife", "bias-reduced"])
def test_a_subject_who_alone_decides_a_coefficient_counts_only_for_that_one(vcov: VcovMethod) -> None:
    """Its residuals are zero, so that the others' covariance is the one without it."""
    data = designs.two_by_twenty()
    complete = int(np.flatnonzero(~np.isnan(data.y).any(axis=1))[0])
    own = np.zeros(len(data.y))
    own[complete] = 1.0
    fit = mmrm_wide(data.y, {**data.by_visit, "own": own}, vcov=vcov, df="satterthwaite")
    assert fit.wide is not None
    others = np.arange(len(data.y)) != complete
    rest = Wide(fit.wide.visits, fit.wide.covariates[:-1], data.y[others], fit.wide.u[others, :-1])
    without = evaluate_at(
        rest,
        mmrm_wide(data.y, data.by_visit).design,
        fit.sigma,
        vcov=vcov,
        df="satterthwaite",
    )
    q = without.rank
    assert apart(fit.vcov[:q, :q], without.vcov) < 1e-9
    # The subject's own coefficients are its outcomes less what the others predict.
    X = np.kron(fit.wide.u[complete, :-1], np.eye(4))
    own_rows = np.eye(fit.rank)[q:]
    assert apart(fit.vcov[q:, q:], X @ without.vcov @ X.T) < 1e-9
    np.testing.assert_allclose(contrasts(fit, own_rows).df, contrasts(without, X).df, rtol=1e-8)


@pytest.mark.parametrize("vcov", ROBUST)
def test_the_joint_test_rotates_to_uncorrelated_contrasts(vcov: VcovMethod) -> None:
    data = designs.two_by_twenty()
    fit = fit_of(data, vcov)
    L = np.eye(fit.rank)[4:7]
    found = joint_test(fit, L)
    f, df = found.f, found.df2
    assert f == pytest.approx(
        float(L @ fit.beta @ np.linalg.solve(L @ fit.vcov @ L.T, L @ fit.beta)) / 3, rel=1e-10
    )
    e = evaluated(subjects_of(data.y, data.by_visit, data.overall), "us", [fit.sigma[0]])
    _, vectors = np.linalg.eigh(L @ e.robust(vcov) @ L.T)
    nu = np.array([e.bell_mccaffrey(c, vcov) for c in vectors.T @ L])
    E = np.sum(nu / (nu - 2))
    assert df == pytest.approx(2 * E / (E - 3), rel=1e-9)
    test = joint_test(fit, L)
    assert (test.f, test.df2) == (pytest.approx(f, rel=1e-12), pytest.approx(df, rel=1e-12))
    one = contrasts(fit, L[0])
    found = joint_test(fit, L[:1])
    f, df = found.f, found.df2
    assert (f, df) == (pytest.approx(one.t[0] ** 2, rel=1e-10), pytest.approx(one.df[0], rel=1e-10))


def test_a_contrast_that_is_zero_has_no_degrees_of_freedom() -> None:
    fit = fit_of(designs.two_by_twenty(), "empirical")
    C = np.zeros((fit.rank, 2))
    C[0, 1] = 1e-9
    df = bell_mccaffrey(fit, C)
    assert np.isnan(df[0])
    assert df[1] > 2


def test_a_fit_without_rows_has_no_robust_covariance() -> None:
    fit = fit_of(designs.two_by_twenty(), "empirical")
    assert fit.wide is not None
    alone = replace(mmrm_cross_products(cross_products(fit.wide), fit.design), vcov_method="jackknife")
    with pytest.raises(
        UsageError, match=r"robust covariances need a subject's rows, .* cross-products alone; fit it"
    ):
        robust_covariance(alone)


def test_the_method_in_words_names_the_degrees_of_freedom_that_are_used() -> None:
    fit = fit_of(designs.two_by_twenty(), "jackknife")
    assert fit.method.endswith("unstructured covariance, Bell-McCaffrey, jackknife covariance")
    assert fit.using(df="residual").method.endswith("residual, jackknife covariance")

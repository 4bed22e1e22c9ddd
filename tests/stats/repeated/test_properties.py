"""What must not matter does not matter, and what must scale scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from armwise.stats.repeated.contrasts import contrasts
from armwise.stats.repeated.covariance import STRUCTURES
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
VISITS = ["m1", "m3", "m6", "m12"]


def trial(seed: int = 0, n: int = 60, m: int = 4) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
    rng = np.random.default_rng(seed)
    rho = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    y = rng.normal(size=(n, m)) @ np.linalg.cholesky(100 * 0.7**rho).T + 40
    y[rng.random((n, m)) < 0.15] = np.nan
    arm = (np.arange(n) % 2).astype(float)
    return y, {"arm": arm, "baseline": rng.normal(45, 12, n)}, {"age": rng.normal(60, 9, n)}


def differences(fit: Mmrm) -> Floats:
    d = fit.design
    rest = dict.fromkeys(d.covariates[2:], 0.0)
    return np.array([d.row(v, {"arm": 1.0, **rest}) - d.row(v, {"arm": 0.0, **rest}) for v in d.visits])


def compare(a: Mmrm, b: Mmrm, factor: float = 1.0, rtol: float = 1e-9) -> None:
    x, y = contrasts(a, differences(a)), contrasts(b, differences(b))
    np.testing.assert_allclose(y.estimate, factor * x.estimate, rtol=rtol)
    np.testing.assert_allclose(y.se, abs(factor) * x.se, rtol=rtol)
    np.testing.assert_allclose(y.df, x.df, rtol=rtol)


@given(st.integers(0, 2**31))
@settings(max_examples=8, deadline=None)
def test_the_order_of_subjects_does_not_matter(seed: int) -> None:
    y, by_visit, overall = trial(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    other = mmrm_wide(
        y[order], {k: v[order] for k, v in by_visit.items()}, {k: v[order] for k, v in overall.items()}
    )
    compare(mmrm_wide(y, by_visit, overall), other)


@given(st.permutations(range(4)))
@settings(max_examples=8, deadline=None)
def test_the_order_of_visits_does_not_matter_to_an_unstructured_covariance(order: list[int]) -> None:
    y, by_visit, overall = trial()
    a = mmrm_wide(y, by_visit, overall, visits=VISITS)
    b = mmrm_wide(y[:, order], by_visit, overall, visits=[VISITS[j] for j in order])
    assert b.loglik == pytest.approx(a.loglik, rel=1e-12)
    np.testing.assert_allclose(b.sigma[0], a.sigma[0][np.ix_(order, order)], rtol=1e-8)
    x, z = contrasts(a, differences(a)), contrasts(b, differences(b))
    for name in ("estimate", "se", "df", "p"):
        np.testing.assert_allclose(getattr(z, name), getattr(x, name)[order], rtol=1e-8, err_msg=name)


@given(st.floats(-6, 6), st.booleans(), st.floats(-1e6, 1e6), st.floats(-30, 30))
@settings(max_examples=25, deadline=None)
def test_a_change_of_unit_and_any_shift_within_the_model_go_through(
    power: float, minus: bool, intercept: float, slope: float
) -> None:
    y, by_visit, overall = trial()
    a = 10**power * (-1 if minus else 1)
    shift = intercept + slope * by_visit["baseline"] + 2 * slope * overall["age"]
    plain = mmrm_wide(y, by_visit, overall)
    other = mmrm_wide(a * (y + shift[:, None]), by_visit, overall)
    # The outcomes themselves are rounded at the size of the shift.
    rounding = 1e-15 * (abs(intercept) + 100 * abs(slope) + 100)
    compare(plain, other, a, rtol=1e-9 + 10 * rounding)
    assert other.evaluations <= plain.evaluations + 1


def test_a_subject_with_no_observed_visit_changes_nothing() -> None:
    y, by_visit, overall = trial()
    more = [np.vstack([y, np.full((3, 4), np.nan)])]
    wide = {k: np.r_[v, [0.0, 1e3, -5]] for k, v in by_visit.items()}
    fit = mmrm_wide(more[0], wide, {"age": np.r_[overall["age"], [1.0, 2, 3]]})
    plain = mmrm_wide(y, by_visit, overall)
    compare(plain, fit, rtol=1e-11)
    assert fit.n_subjects == plain.n_subjects == 60
    assert fit.bic == pytest.approx(plain.bic, rel=1e-12)


def test_duplicated_subjects_shrink_standard_errors_by_the_root_of_two() -> None:
    y, by_visit, overall = trial()
    twice = mmrm_wide(
        np.vstack([y, y]),
        {k: np.r_[v, v] for k, v in by_visit.items()},
        {k: np.r_[v, v] for k, v in overall.items()},
        reml=False,
        df="satterthwaite",
    )
    once = mmrm_wide(y, by_visit, overall, reml=False, df="satterthwaite")
    a, b = contrasts(once, differences(once)), contrasts(twice, differences(twice))
    np.testing.assert_allclose(b.estimate, a.estimate, rtol=1e-9)
    np.testing.assert_allclose(b.se * np.sqrt(2), a.se, rtol=1e-9)
    np.testing.assert_allclose(twice.sigma, once.sigma, rtol=1e-9)


@pytest.mark.parametrize("covariance", sorted(STRUCTURES))
@pytest.mark.parametrize("reml", [True, False])
def test_every_structure_reaches_its_maximum(covariance: str, reml: bool) -> None:
    y, by_visit, overall = trial()
    fit = mmrm_wide(y, by_visit, overall, covariance=covariance, reml=reml, times=[0, 2, 5, 11])
    assert fit.decrement < 1e-20
    us = mmrm_wide(y, by_visit, overall, reml=reml)
    assert fit.loglik <= us.loglik + 1e-9
    found = contrasts(fit, differences(fit))
    assert np.all(np.isfinite(found.se)) and np.all(found.df > 5)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_sum_over_ten_chunks_gives_the_fit_of_the_whole(groups: int, weighted: bool) -> None:
    y, by_visit, overall = trial(n=200)
    rng = np.random.default_rng(8)
    group = None if groups == 1 else rng.integers(0, 2, 200)
    weights = rng.uniform(0.4, 3, (200, 4)) if weighted else None
    whole = mmrm_wide(y, by_visit, overall, group=group, weights=weights)
    assert whole.wide is not None
    chunks = []
    for part in np.array_split(np.arange(200), 10):
        rows = Wide(
            whole.wide.visits, whole.wide.covariates, y[part], whole.wide.u[part],
            None if group is None else group[part], whole.wide.groups, None if weights is None else weights[part],
        )  # fmt: skip
        chunks.append(cross_products(rows))
    summed = mmrm_cross_products(sum(chunks[::-1]), whole.design)
    compare(whole, summed, rtol=1e-10)
    assert summed.loglik == pytest.approx(whole.loglik, rel=1e-12)
    assert summed.n_observations == whole.n_observations


def test_equal_weights_only_scale_the_covariance() -> None:
    y, by_visit, overall = trial()
    plain = mmrm_wide(y, by_visit, overall)
    weighted = mmrm_wide(y, by_visit, overall, weights=np.full(len(y), 4.0))
    compare(plain, weighted)
    np.testing.assert_allclose(weighted.sigma, 4 * plain.sigma, rtol=1e-8)
    assert weighted.loglik == pytest.approx(plain.loglik, rel=1e-12)


def test_a_weight_of_an_integer_is_the_mean_of_as_many_outcomes_when_visits_are_independent() -> None:
    rng = np.random.default_rng(2)
    k = rng.integers(1, 5, 80)
    raw = [rng.normal(3, 2, size=size) for size in k]
    means = np.array([r.mean() for r in raw])[:, None]
    fit = mmrm_wide(means, weights=k)
    assert fit.beta[0] == pytest.approx(np.concatenate(raw).mean(), rel=1e-12)


def test_aliased_columns_are_named_left_out_and_contrasts_of_them_are_marked() -> None:
    y, by_visit, overall = trial()
    by_visit = {**by_visit, "again": 2 * by_visit["arm"] - 1}
    fit = mmrm_wide(y, by_visit, overall, visits=VISITS)
    assert fit.aliased == tuple(f"again:{v}" for v in VISITS)
    assert np.isnan(fit.beta).sum() == 4
    plain = mmrm_wide(y, {k: by_visit[k] for k in ("arm", "baseline")}, overall, visits=VISITS)
    rest = {"baseline": 0.0, "age": 0.0}
    possible = [
        fit.design.row(v, {"arm": 1, "again": 1, **rest}) - fit.design.row(v, {"arm": 0, "again": -1, **rest})
        for v in VISITS
    ]
    impossible = fit.design.row("m3", {"arm": 1, "again": 0, **rest}) - fit.design.row(
        "m3", {"arm": 0, "again": 0, **rest}
    )
    found = contrasts(fit, [*possible, impossible])
    assert found.estimable.tolist() == [True] * 4 + [False]
    assert np.isnan(found.estimate[-1]) and np.isnan(found.p[-1]) and np.isnan(found.lower[-1])
    expected = contrasts(plain, differences(plain))
    np.testing.assert_allclose(found.estimate[:4], expected.estimate, rtol=1e-10)
    np.testing.assert_allclose(found.se[:4], expected.se, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_effects_a_million_times_the_sd_leave_nine_digits(weighted: bool) -> None:
    rng = np.random.default_rng(11)
    y, by_visit, overall = trial()
    weights = rng.uniform(0.5, 2, y.shape) if weighted else None
    b = by_visit["baseline"][:, None]
    huge = 2.0**20 * np.round(b) * np.array([1, 2, 3, -1]) + 2.0**22 * by_visit["arm"][:, None]
    by_visit["baseline"] = np.round(by_visit["baseline"])
    grid = 2.0**-20  # outcomes that stay exact when the effects are added
    y = np.round(y / grid) * grid
    plain = mmrm_wide(y, by_visit, overall, weights=weights)
    shifted = mmrm_wide(y + huge, by_visit, overall, weights=weights)
    a, c = contrasts(plain, differences(plain)), contrasts(shifted, differences(shifted))
    np.testing.assert_allclose(c.estimate - 2.0**22, a.estimate, rtol=1e-6)
    np.testing.assert_allclose(c.se, a.se, rtol=1e-9)
    np.testing.assert_allclose(c.df, a.df, rtol=1e-9)
    assert shifted.loglik == pytest.approx(plain.loglik, rel=1e-9)

"""Residuals are those of their definition, and of nlme."""

from __future__ import annotations

from dataclasses import replace

import designs
import numpy as np
import pytest
from designs import Simulated
from r_models import r_data, witness
from textbook_structures import Floats

from armwise.errors import UsageError
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import evaluate_at, mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.residuals import inverse_factor, residuals
from armwise.stats.repeated.wide import Wide

CASES = [
    pytest.param(k, id=f"{c['data']}-{c['covariance']}")
    for k, c in enumerate(witness("residuals")["residuals"])
]


def fit_of(data: Simulated, reml: bool = True) -> Mmrm:
    return mmrm_wide(data.y, data.by_visit, data.overall, group=data.group, weights=data.weights, reml=reml)


@pytest.mark.parametrize("kind", ["raw", "pearson", "normalised"])
@pytest.mark.parametrize("k", CASES)
def test_at_its_covariance_the_residuals_are_nlmes(k: int, kind: str) -> None:
    w = witness("residuals")["residuals"][k]
    data = r_data(w["data"])
    y, by_visit, overall = data.wide(w["names"])
    design = crossed_design(data.visits, tuple(by_visit), tuple(overall))
    u = np.column_stack([np.ones(len(y)), *by_visit.values(), *overall.values()])
    fit = evaluate_at(Wide(data.visits, design.covariates, y, u), design, w["sigma"])
    found = residuals(fit, kind)  # type: ignore[arg-type]
    subjects = list(data.by_subject)
    at = [(subjects.index(s), data.visits.index(v)) for s, v in zip(w["subject"], w["visit"], strict=True)]
    expected = np.array(w[kind])
    assert np.max(np.abs(found[tuple(np.array(at).T)] - expected)) < 1e-9 * np.max(np.abs(expected))
    assert np.isnan(found).sum() == found.size - len(expected)


@pytest.mark.parametrize("name", ["weighted", "grouped", "single_subject_patterns"])
def test_each_kind_is_its_definition_with_weights_groups_and_odd_patterns(name: str) -> None:
    data: Simulated = getattr(designs, name)()
    fit = fit_of(data)
    raw, pearson, normalised = np.full((3, *data.y.shape), np.nan)
    for i, y in enumerate(data.y):
        of = np.flatnonzero(~np.isnan(y))
        X = (fit.wide.u[i] @ fit.design.B)[of] if fit.wide is not None else None
        assert X is not None
        w = np.ones(len(of)) if data.weights is None else data.weights[i, of]
        V = fit.sigma[0 if data.group is None else data.group[i]][np.ix_(of, of)] / np.sqrt(np.outer(w, w))
        raw[i, of] = y[of] - X @ fit.beta
        pearson[i, of] = raw[i, of] / np.sqrt(np.diag(V))
        normalised[i, of] = np.linalg.solve(np.linalg.cholesky(V), raw[i, of])
    np.testing.assert_allclose(residuals(fit), raw, rtol=0, atol=1e-10)
    np.testing.assert_allclose(residuals(fit, "pearson"), pearson, rtol=0, atol=1e-11)
    np.testing.assert_allclose(residuals(fit, "normalised"), normalised, rtol=0, atol=1e-11)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", ["monotone", "weighted", "grouped", "near_collinear"])
def test_at_the_optimum_the_squares_of_normalised_residuals_add_up_to_their_degrees_of_freedom(
    name: str, reml: bool
) -> None:
    """The likelihood does not change with the scale of the covariance: r'V^-1 r = n with ML, n - q with REML."""
    if name == "near_collinear":
        data = designs.near_collinear(1e-9)
        data.y[::7, 1] = np.nan  # gaps, so that the factors are not parts of one another
    else:
        data = getattr(designs, name)()
    fit = fit_of(data, reml)
    e = residuals(fit, "normalised")
    expected = fit.n_observations - (fit.rank if reml else 0)
    assert np.nansum(e**2) == pytest.approx(expected, rel=1e-8)


def test_the_factor_relative_to_an_anchor_is_the_factor_of_the_covariance() -> None:
    fit = fit_of(designs.two_by_twenty())
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 8, 4))
    L0, S = np.linalg.cholesky(x[:1].transpose(0, 2, 1) @ x[:1]), x[1:].transpose(0, 2, 1) @ x[1:]
    point = replace(fit.optimum.point, sigma=S)
    anchored = replace(fit, anchor=L0, optimum=replace(fit.optimum, point=point))
    for visits in ([0, 1, 2, 3], [0, 2], [1, 3], [2]):
        V = anchored.sigma[0][np.ix_(visits, visits)]
        found = inverse_factor(anchored, np.array(visits), 0)
        np.testing.assert_allclose(found, np.linalg.inv(np.linalg.cholesky(V)), rtol=1e-10, atol=1e-12)


def test_the_order_of_the_rows_is_kept_and_a_subject_without_visits_has_none() -> None:
    data = designs.monotone()
    order = np.random.default_rng(1).permutation(len(data.y))
    fit = mmrm_wide(data.y, data.by_visit)
    y: Floats = np.vstack([data.y[order], np.full((1, 4), np.nan)])
    turned = mmrm_wide(y, {name: np.append(x[order], 1.0) for name, x in data.by_visit.items()})
    found = residuals(turned, "normalised")
    np.testing.assert_allclose(found[:-1], residuals(fit, "normalised")[order], rtol=0, atol=1e-9)
    assert np.isnan(found[-1]).all()


def test_a_kind_that_does_not_exist_and_a_fit_without_rows_are_refused() -> None:
    data = designs.monotone()
    fit = mmrm_wide(data.y, data.by_visit)
    with pytest.raises(UsageError, match="'scaled'; expected one of raw, pearson, normalised"):
        residuals(fit, "scaled")  # type: ignore[arg-type]
    assert fit.wide is not None
    alone = mmrm_cross_products(cross_products(fit.wide), fit.design)
    with pytest.raises(UsageError, match=r"residuals need a subject's rows, .* cross-products alone"):
        residuals(alone)

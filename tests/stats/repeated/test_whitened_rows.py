"""The rows of a fit, whitened in chunks, are each subject's own matrices."""

from __future__ import annotations

import designs
import numpy as np
import pytest
from designs import Simulated
from textbook_structures import Floats

from armwise.stats.repeated import whitened_rows
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_wide
from armwise.stats.repeated.whitened_rows import WhitenedRows, products


def fit_of(data: Simulated) -> Mmrm:
    return mmrm_wide(data.y, data.by_visit, data.overall, group=data.group, weights=data.weights)


def own(fit: Mmrm, data: Simulated, i: int) -> tuple[Floats, Floats]:
    """x_i and e_i from the definition, 0 at visits that were not observed."""
    assert fit.wide is not None
    seen = ~np.isnan(data.y[i])
    F = fit.basis.Ri @ fit.optimum.point.Fi.T
    X = (fit.wide.u[i] @ fit.design.B)[seen]
    w = np.ones(seen.sum()) if data.weights is None else data.weights[i, seen]
    V = fit.sigma[0 if data.group is None else data.group[i]][np.ix_(seen, seen)] / np.sqrt(np.outer(w, w))
    L = np.linalg.cholesky(V)
    x, e = np.zeros((4, fit.rank)), np.zeros(4)
    x[seen] = np.linalg.solve(L, X @ F)
    e[seen] = np.linalg.solve(L, data.y[i, seen] - X @ fit.beta)
    return x, e


def in_one_order(columns: Floats) -> Floats:
    """Subjects as columns, sorted by their lengths: chunks bring them in an order of their own."""
    return columns[:, np.argsort(np.linalg.norm(columns, axis=0))]


@pytest.mark.parametrize("subjects", [4096, 7])
@pytest.mark.parametrize("name", ["two_by_twenty", "weighted", "grouped", "single_subject_patterns"])
def test_residuals_columns_and_leverages_are_each_subjects_own(
    name: str, subjects: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whitened_rows, "SUBJECTS", subjects)
    data: Simulated = getattr(designs, name)()
    fit = fit_of(data)
    C = np.random.default_rng(1).normal(size=(fit.rank, 2))
    rows, found, scores = WhitenedRows.of(fit), [], 0.0
    total = rows.moments(2)
    for chunk in rows.chunks():
        assert chunk.u.shape[1] <= subjects
        x, e, H = rows.columns(chunk, C), rows.residuals(chunk), rows.hat(chunk)
        n = H.shape[2]
        found.append(np.vstack([e[0], x.reshape(8, n), H.reshape(16, n)]))
        rows.add(total, chunk, x)
    expected = []
    for i in range(len(data.y)):
        x, e = own(fit, data, i)
        expected.append(np.concatenate([e, (x @ C).T.ravel(), (x @ x.T).ravel()]))
        s = np.einsum("mr,ml->lr", x, x @ C)
        scores = scores + s[:, :, None] * s[:, None, :]
    np.testing.assert_allclose(
        in_one_order(np.hstack(found)), in_one_order(np.array(expected).T), rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(rows.sandwich(total), scores, rtol=0, atol=1e-11 * np.abs(scores).max())


def test_leverages_add_up_to_the_number_of_coefficients() -> None:
    fit = fit_of(designs.weighted())
    rows = WhitenedRows.of(fit)
    leverage = sum(float(np.einsum("jjn->", rows.hat(chunk))) for chunk in rows.chunks())
    assert leverage == pytest.approx(fit.rank, rel=1e-10)


def test_a_subject_without_visits_is_in_no_chunk() -> None:
    data = designs.two_by_twenty()
    data.y[3] = np.nan
    rows = WhitenedRows.of(fit_of(data))
    assert sum(chunk.u.shape[1] for chunk in rows.chunks()) == len(data.y) - 1


def test_products_are_those_of_each_pair_once() -> None:
    x = np.array([[2.0, 1.0], [3.0, 5.0], [7.0, 11.0]])
    assert products(x).T.tolist() == [[4, 6, 14, 9, 21, 49], [1, 5, 11, 25, 55, 121]]

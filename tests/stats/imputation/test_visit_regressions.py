from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.imputation.visit_regressions import blocks, coefficients_without, visit_regressions


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    u = np.column_stack([np.ones(12), np.repeat([0, 1], 6), rng.normal(50, 10, 12)])
    return rng.normal(size=(3, 12, 2)) * 5, u


def test_coefficients_and_variances_are_those_of_least_squares(data):
    values, u = data
    found = visit_regressions(values, u)
    c = np.array([1.0, 0.3, 52.0])
    for s in range(3):
        for j in range(2):
            beta, rss, *_ = np.linalg.lstsq(u, values[s, :, j], rcond=None)
            estimate, variance = found.contrast(c, j)
            assert estimate[s] == pytest.approx(c @ beta, rel=1e-10)
            assert variance[s] == pytest.approx(rss[0] / 9 * c @ np.linalg.inv(u.T @ u) @ c, rel=1e-9)


def test_leaving_one_out_is_deleting_its_row(data):
    values, u = data
    found = coefficients_without(values, u, 4)
    for k in range(3):
        rows = np.arange(12) != 4 + k
        expected = np.linalg.lstsq(u[rows], values[k][rows], rcond=None)[0]
        np.testing.assert_allclose(found[k], expected, rtol=1e-8, atol=1e-10)


def test_blocks_hold_every_subject_once():
    parts = blocks(5000, 4)
    assert len(parts) > 1
    assert [i for p in parts for i in range(p.start, p.stop)] == list(range(5000))


def test_regressors_that_determine_each_other_are_refused(data):
    values, u = data
    with pytest.raises(UsageError, match=r"3 regressors .* of 12 subjects determine each other"):
        visit_regressions(values, np.column_stack([u[:, :2], 2 * u[:, 1]]))

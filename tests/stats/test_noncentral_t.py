from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincinv, ndtr, stdtr

from armwise.stats.noncentral_t import noncentral_t


def quadrature(df, nc, t):
    """P(Z + nc <= t S), averaged over the quantiles of S = sqrt(chi2/df)."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    S = np.sqrt(2 * gammaincinv(df / 2, (nodes + 1) / 2) / df)
    return float(weights @ ndtr(t * S - nc)) / 2


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 400), st.floats(0, 15), st.floats(-15, 25))
def test_the_distribution_is_the_average_of_its_definition(df, nc, t):
    assert noncentral_t(df, nc, t) == pytest.approx(quadrature(df, nc, t), abs=1e-6)


def test_without_noncentrality_it_is_student_s_t():
    assert noncentral_t(7, 0.0, -1.3) == pytest.approx(float(stdtr(7, -1.3)), rel=1e-12)


@pytest.mark.parametrize(("df", "nc", "t"), [(4, 12, -4.604), (2, 7.2, -10), (5000, 3.7, -4), (3, 37, 0.5)])
def test_where_scipy_has_no_number_the_probability_is_none(df, nc, t):
    assert noncentral_t(df, nc, t) == pytest.approx(0.0, abs=1e-13)
    assert quadrature(df, nc, t) < 1e-13

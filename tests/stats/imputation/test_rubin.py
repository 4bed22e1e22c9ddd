from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import pool, pool_vector
from armwise.stats.imputation.rubin import barnard_rubin


@pytest.mark.parametrize("number", range(4))
def test_pooling_is_that_of_mice(imputation_witness, number):
    case = imputation_witness("rubin")["cases"][number]
    df = case["df_complete"] if case["df_complete"] > 0 else math.inf
    found = pool(case["estimates"], case["variances"], df)
    for name, value in (
        ("estimate", case["qbar"]), ("within", case["ubar"]), ("between", case["b"]), ("variance", case["t"]),
        ("riv", case["riv"]), ("df", case["df"]), ("fmi", case["fmi"]),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(value, rel=1e-12), name


def test_sets_that_agree_have_the_complete_data_variance_and_degrees_of_freedom():
    found = pool([3.1] * 20, [0.4] * 20, 71.5)
    assert (found.estimate, found.df, found.riv, found.fmi) == (pytest.approx(3.1), 71.5, 0.0, 0.0)
    assert found.se == pytest.approx(math.sqrt(0.4), rel=1e-14)


def test_degrees_of_freedom_never_exceed_those_of_complete_data():
    for share in (1e-6, 0.1, 0.5, 0.9):
        assert barnard_rubin(1000, share, 30.0) < 30.0


def test_a_contrast_of_a_pooled_vector_is_the_contrast_pooled():
    rng = np.random.default_rng(1)
    q = rng.normal(size=(30, 2))
    roots = rng.normal(size=(30, 2, 2))
    u = roots @ np.swapaxes(roots, 1, 2)
    vector = pool_vector(q, u, 60)
    difference = vector.contrast([1, -1])
    alone = pool(q[:, 0] - q[:, 1], u[:, 0, 0] + u[:, 1, 1] - 2 * u[:, 0, 1], 60)
    assert difference.estimate == pytest.approx(alone.estimate, rel=1e-12)
    assert difference.df == pytest.approx(alone.df, rel=1e-12)
    c = np.array([1.0, -1.0])
    assert c @ vector.total @ c == pytest.approx(alone.variance, rel=1e-12)
    assert vector.part(1).variance == pytest.approx(vector.total[1, 1], rel=1e-12)
    np.testing.assert_allclose(vector.between, np.cov(q.T), rtol=1e-12)


def test_limits_and_p_are_of_the_same_t():
    found = pool([2.0, 2.4, 1.9], [0.25, 0.24, 0.26], 70)
    lower, _ = found.limits(0.95)
    assert found.p(null=lower) == pytest.approx(0.05, rel=1e-9)


def test_risks_that_are_the_same_without_variance_pool_to_themselves():
    found = pool([1.0] * 5, [0.0] * 5, 30)
    assert (found.estimate, found.se, found.p()) == (1.0, 0.0, None)


@pytest.mark.parametrize(
    ("estimates", "variances", "df", "words"),
    [
        ([1.0], [1.0], 10, "at least 2 sets"),
        ([1.0, 2.0], [1.0], 10, "expected at least 2 sets"),
        ([1.0, math.nan], [1.0, 1.0], 10, r"sets \[1\] have no finite"),
        ([1.0, 2.0], [1.0, -1.0], 10, "negative"),
        ([1.0, 2.0], [0.0, 0.0], 10, "all 0 while the estimates run from 1 to 2"),
        ([1.0, 2.0], [1.0, 1.0], 0, "df_complete is 0"),
    ],
)
def test_what_cannot_be_pooled_is_refused(estimates, variances, df, words):
    with pytest.raises(UsageError, match=words):
        pool(estimates, variances, df)

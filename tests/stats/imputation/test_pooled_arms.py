from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import many_weighted_means, overlap_mean_difference, overlap_risk_difference, pool
from armwise.stats.imputation.pooled_arms import pool_arms
from armwise.stats.means import t_quantile
from armwise.stats.proportions import mover, wilson_limits

Z = np.repeat([True, False], [22, 18])
RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 2)) + Z[:, None] * 0.4
Y = 2 * Z + X @ [1.0, -0.5] + RNG.normal(size=(6, 40)) * 0.3 + RNG.normal(size=40)


def test_a_difference_of_means_is_rubins_with_barnard_and_rubins_degrees_of_freedom():
    sets = many_weighted_means(Y, Z, X)
    found = pool_arms(sets, "mean", conf_level=0.9, null=1.0)
    expected = pool([s.difference for s in sets], [s.variance for s in sets], 40 - 3 - 1)
    d = found.difference
    half = t_quantile(expected.df, 0.9) * expected.se
    assert [d.estimate, d.se, d.df] == pytest.approx([expected.estimate, expected.se, expected.df], rel=1e-12)
    assert [d.lower, d.upper] == pytest.approx(
        [expected.estimate - half, expected.estimate + half], rel=1e-12
    )
    assert d.p == pytest.approx(expected.p(1.0), rel=1e-10)
    for i, one in enumerate((found.arm, found.versus)):
        part = pool([(s.m1, s.m0)[i] for s in sets], [s.covariance[i, i] for s in sets], 36)
        assert [one.estimate, one.se, one.df] == pytest.approx([part.estimate, part.se, part.df], rel=1e-12)


def test_sets_that_agree_give_the_estimate_of_the_complete_data():
    same = np.repeat(Y[:1], 5, axis=0)
    found = pool_arms(many_weighted_means(same, Z, X), "mean").difference
    alone = overlap_mean_difference(Y[0], Z, X).difference
    numbers = [alone.estimate, alone.se, alone.df, alone.lower, alone.upper, alone.p]
    assert [found.estimate, found.se, found.df, found.lower, found.upper, found.p] == pytest.approx(
        numbers, rel=1e-10
    )
    risk = pool_arms(many_weighted_means((same > 0.5).astype(float), Z, X), "risk").difference
    complete = overlap_risk_difference(Y[0] > 0.5, Z, X).difference
    assert [risk.estimate, risk.lower, risk.upper, risk.p] == pytest.approx(
        [complete.estimate, complete.lower, complete.upper, complete.p], rel=1e-9
    )


def test_a_difference_of_risks_is_mover_of_wilson_limits_written_out():
    sets = many_weighted_means((Y > 0.5).astype(float), Z, X)
    found = pool_arms(sets, "risk").difference
    r = np.mean([(s.m1, s.m0) for s in sets], axis=0)
    between = np.cov([(s.m1, s.m0) for s in sets], rowvar=False)
    V = np.mean([s.covariance for s in sets], axis=0) + (1 + 1 / 6) * between
    limits = []
    for risk, v, n in zip(r, np.diag(V), (22, 18), strict=True):
        limits += wilson_limits(risk, min(risk * (1 - risk) / v, n), 1.959963984540054)
    rho = V[0, 1] / math.sqrt(V[0, 0] * V[1, 1])
    lower, upper = mover(r[0], *limits[:2], r[1], *limits[2:], rho)
    assert [found.estimate, found.lower, found.upper] == pytest.approx([r[0] - r[1], lower, upper], rel=1e-10)


def test_sets_without_an_estimate_are_not_left_out_in_silence():
    apart = np.column_stack([Z * 1.0, X[:, 0]])
    sets = [*many_weighted_means(Y[:2], Z, X), many_weighted_means(Y[:1], Z, apart)[0]]
    found = pool_arms(sets, "mean").difference
    assert found.status == "not estimable"
    assert "separate the arms" in found.reason
    assert "1 of 3 imputed data sets" in found.reason
    assert pool_arms(sets, "risk").difference.status == "not estimable"


def test_one_set_or_sets_of_other_subjects_are_refused():
    sets = many_weighted_means(Y, Z, X)
    with pytest.raises(UsageError, match="1 sets; expected at least 2"):
        pool_arms(sets[:1], "mean")
    with pytest.raises(UsageError, match="different subjects"):
        pool_arms([sets[0], many_weighted_means(Y[:1, 1:], Z[1:], X[1:])[0]], "mean")


def test_a_note_of_some_sets_says_of_how_many_and_the_fewest_degrees_of_freedom_count():
    sets = many_weighted_means(Y, Z, X)
    dropped = [
        replace(s, notes=("left out: sex",), df=35.0) if i in (2, 4) else s for i, s in enumerate(sets)
    ]
    found = pool_arms(dropped, "mean")
    assert "left out: sex (2 of 6 imputed data sets)" in found.notes
    expected = pool([s.difference for s in sets], [s.variance for s in sets], 35)
    assert found.difference.df == pytest.approx(expected.df, rel=1e-12)
    every = [replace(s, notes=("left out: sex",)) for s in sets]
    assert pool_arms(every, "risk").notes[0] == "left out: sex"

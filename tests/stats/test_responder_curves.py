from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtrit

from armwise.errors import UsageError
from armwise.stats import overlap_weights, propensity, responder_curve
from armwise.stats.responder_curves import _half_width, _influence

GRID = np.arange(2.0, 62.0, 2.0)


def drawn(rng, n1=40, n0=40, confounded=False):
    n = n1 + n0
    x = rng.normal(size=n)
    z = np.arange(n) < n1
    if confounded:
        z = rng.random(n) < 1 / (1 + np.exp(-0.8 * x))
    g = np.where(z, 12.0, 1.0) + 3 * x + rng.normal(size=n) * np.where(z, 11, 7)
    return np.round(g / 2) * 2, z, x


def test_each_difference_is_that_of_the_shares_at_the_threshold():
    g, z, _ = drawn(np.random.default_rng(1))
    found = responder_curve(g, z, GRID, seed=1, n_replicates=200)
    for t, d, a, b in zip(GRID, found.difference, found.arm, found.versus, strict=True):
        assert (a, b) == pytest.approx((np.mean(g[z] >= t), np.mean(g[~z] >= t)), abs=1e-14)
        assert d == pytest.approx(a - b, abs=1e-14)


def test_with_covariates_the_shares_are_overlap_weighted():
    g, z, x = drawn(np.random.default_rng(2), confounded=True)
    found = responder_curve(g, z, [10.0], {"x": x}, seed=1, n_replicates=200)
    w = overlap_weights(propensity({"x": x}, z).scores, z)
    by_hand = np.average(g[z] >= 10, weights=w[z]) - np.average(g[~z] >= 10, weights=w[~z])
    assert found.difference[0] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_variance_of_the_influences_is_that_of_leaving_each_subject_out(weighted):
    from armwise.stats.responder_curves import _influence

    rng = np.random.default_rng(3)
    g, z, x = drawn(rng, 200, 200, confounded=True)
    Y = (g[:, None] >= np.array([6.0, 16.0])).astype(float)

    def difference(keep):
        fit = propensity({"x": x[keep]}, z[keep]) if weighted else None
        m1, m0, phi, _ = _influence(Y[keep], z[keep], fit)
        return m1 - m0, phi

    n = len(g)
    _, phi = difference(np.ones(n, dtype=bool))
    without = np.array([difference(np.arange(n) != i)[0] for i in range(n)])
    jackknife = (n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    assert (phi**2).sum(axis=0) / n**2 == pytest.approx(jackknife, rel=0.03)
    assert phi.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-10)


def test_one_threshold_has_about_the_half_width_of_one_interval():
    g, z, _ = drawn(np.random.default_rng(4), 200, 200)
    found = responder_curve(g, z, [8.0], seed=1, n_replicates=4000)
    p1, p0 = np.mean(g[z] >= 8), np.mean(g[~z] >= 8)
    se = np.sqrt(p1 * (1 - p1) / 200 + p0 * (1 - p0) / 200)
    assert found.half_width == pytest.approx(1.96 * se, rel=0.04)


def test_the_same_seed_gives_the_same_band_and_more_thresholds_a_wider_one():
    g, z, _ = drawn(np.random.default_rng(5))
    one = responder_curve(g, z, [10.0], seed=3, n_replicates=500)
    all_of_them = responder_curve(g, z, GRID, seed=3, n_replicates=500)
    assert responder_curve(g, z, GRID, seed=3, n_replicates=500).half_width == all_of_them.half_width
    assert all_of_them.half_width > one.half_width
    assert np.all(all_of_them.upper - all_of_them.lower <= 2 * all_of_them.half_width + 1e-12)


def coverage(n, seed, weighted):
    """How often the band holds the whole true curve; gains on a grid of 2, so that P(g >= t) = P(latent >= t - 1)."""
    rng, held = np.random.default_rng(seed), 0
    big = rng.normal(size=400_000)
    if weighted:  # the overlap population of a treatment chosen by x
        e = 1 / (1 + np.exp(-0.8 * big))
        h = e * (1 - e)
        at = [
            np.average(ndtr((m + 3 * big[:, None] - GRID + 1) / s), axis=0, weights=h)
            for m, s in ((12, 11), (1, 7))
        ]
    else:
        at = [ndtr((m - GRID + 1) / np.sqrt(9 + s * s)) for m, s in ((12, 11), (1, 7))]
    truth = at[0] - at[1]
    for i in range(n):
        g, z, x = drawn(rng, confounded=weighted)
        found = responder_curve(g, z, GRID, {"x": x} if weighted else None, seed=i, n_replicates=200)
        held += bool(np.all((found.lower <= truth) & (truth <= found.upper)))
    return held / n


@pytest.mark.parametrize("weighted", [False, True])
def test_the_band_holds_the_whole_curve_as_often_as_it_says(weighted):
    assert 0.92 <= coverage(300, 17, weighted) <= 0.985


def test_pointwise_intervals_at_every_threshold_would_not_hold_it():
    rng, held, n = np.random.default_rng(9), 0, 300
    truth = ndtr((12 - GRID + 1) / np.sqrt(130)) - ndtr((1 - GRID + 1) / np.sqrt(58))
    for _ in range(n):
        g, z, _ = drawn(rng)
        p1, p0 = (g[z][:, None] >= GRID).mean(0), (g[~z][:, None] >= GRID).mean(0)
        half = 1.96 * np.sqrt(p1 * (1 - p1) / 40 + p0 * (1 - p0) / 40)
        held += bool(np.all(np.abs(p1 - p0 - truth) <= half))
    assert held / n < 0.85


def test_a_threshold_that_is_reached_exactly_counts():
    found = responder_curve([10.0] * 5 + [9.0] * 5, [1] * 5 + [0] * 5, [10.0], seed=1, n_replicates=200)
    assert (found.arm[0], found.versus[0]) == (1.0, 0.0)


def test_few_subjects_have_a_curve_without_a_band_and_say_so():
    found = responder_curve([1.0, 5, 2, 6], [1, 1, 0, 0], [3.0], seed=1)
    e = found.at(0)
    assert (e.estimate, e.lower, e.reason) == (0.0, None, "2 and 2 subjects are too few for a band")


def test_covariates_that_separate_the_arms_leave_no_curve():
    x = np.r_[np.arange(10.0), np.arange(20.0, 30.0)]
    found = responder_curve(np.arange(20.0), x > 15, [3.0], {"x": x}, seed=1)
    assert found.at(0).status == "not estimable"
    assert "separate the arms" in found.at(0).reason


def test_no_thresholds_and_one_arm_are_errors():
    with pytest.raises(UsageError, match="thresholds is empty"):
        responder_curve([1.0, 2.0], [0, 1], [], seed=1)
    with pytest.raises(UsageError, match="all 2 subjects are in one arm"):
        responder_curve([1.0, 2.0], [1, 1], [1.0], seed=1)


def test_the_band_is_stretched_for_the_size_of_the_smaller_arm():
    rng = np.random.default_rng(1)
    g, z, _ = drawn(rng)
    phi = _influence((g[:, None] >= GRID).astype(float), z, None)[2] * np.sqrt(len(g) / (len(g) - 2))
    plain = _half_width(phi, 5, 400, 0.95)
    found = responder_curve(g, z, GRID, seed=5, n_replicates=400)
    fewer = min(int(z.sum()), int((~z).sum()))
    assert found.half_width == pytest.approx(plain * stdtrit(fewer - 1, 0.975) / ndtri(0.975), rel=1e-12)

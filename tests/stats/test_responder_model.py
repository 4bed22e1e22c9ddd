from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import normal_tail_risk_difference


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def test_without_covariates_each_risk_is_the_normal_tail_of_its_mean_and_sd():
    rng = np.random.default_rng(2)
    a, b = rng.normal(12, 9, 35), rng.normal(2, 6, 28)
    found = normal_tail_risk_difference(np.r_[a, b], np.r_[np.ones(35), np.zeros(28)], 10)
    r1, r0 = phi((a.mean() - 10) / a.std(ddof=1)), phi((b.mean() - 10) / b.std(ddof=1))
    assert (found.arm.estimate, found.versus.estimate) == pytest.approx((r1, r0), rel=1e-12)
    assert found.difference.estimate == pytest.approx(r1 - r0, rel=1e-12)
    assert found.difference.p is None
    assert "sensitivity" in found.difference.reason


def test_the_standard_error_without_covariates_is_the_delta_method_s():
    rng = np.random.default_rng(3)
    groups = rng.normal(12, 9, 35), rng.normal(2, 6, 28)
    found = normal_tail_risk_difference(np.concatenate(groups), np.r_[np.ones(35), np.zeros(28)], 10)
    variance = 0.0
    for g in groups:
        n, u = len(g), (g.mean() - 10) / g.std(ddof=1)
        density = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
        variance += density**2 * (1 / n + u * u / (2 * (n - 1)))
    assert found.difference.se == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_with_covariates_the_risk_is_the_mean_of_everyone_s_tail():
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=60), np.arange(60) % 2 == 0
    base = 40 + 8 * rng.normal(size=60)
    g = 5 * z + 3 * x + rng.normal(0, 8, 60)
    needed = 0.3 * base
    found = normal_tail_risk_difference(g, z, needed, {"x": x})
    by_hand = []
    for group in (z, ~z):
        M = np.column_stack([np.ones(group.sum()), x[group]])
        b, rss, *_ = np.linalg.lstsq(M, g[group], rcond=None)
        s = math.sqrt(rss[0] / (group.sum() - 2))
        by_hand.append(np.mean([phi((b[0] + b[1] * xi - c) / s) for xi, c in zip(x, needed, strict=True)]))
    assert (found.arm.estimate, found.versus.estimate) == pytest.approx(by_hand, rel=1e-10)


def test_an_arm_with_too_few_subjects_is_not_estimable():
    found = normal_tail_risk_difference([1.0, 2, 3, 4], [1, 1, 0, 0], 2, {"x": [1.0, 2, 1, 2]})
    assert found.difference.reason == "2 subjects of an arm are too few for 2 coefficients and an SD"


def test_changes_without_spread_are_not_estimable():
    found = normal_tail_risk_difference([5.0] * 4 + [1.0, 2, 3, 4], [1] * 4 + [0] * 4, 2)
    assert "no spread" in found.difference.reason


def test_everybody_in_one_arm_is_an_error():
    with pytest.raises(UsageError, match="all 2 subjects are in one arm"):
        normal_tail_risk_difference([1.0, 2.0], [1, 1], 1)


def test_with_normal_changes_the_interval_covers_its_level():
    rng = np.random.default_rng(5)
    big = rng.normal(size=200_000)
    from scipy.special import ndtr

    truth = float(ndtr((14 + 3 * big - 10) / 11).mean() - ndtr((3 * big - 10) / 7).mean())
    n, covered = 500, 0
    for _ in range(n):
        x, z = rng.normal(size=80), np.arange(80) % 2 == 0
        g = 14 * z + 3 * x + rng.normal(size=80) * np.where(z, 11, 7)
        d = normal_tail_risk_difference(g, z, 10, {"x": x}).difference
        covered += d.lower <= truth <= d.upper
    assert 0.92 <= covered / n <= 0.98

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from armwise.errors import UsageError
from armwise.stats import Estimate, mover, overlap_risk_difference, wilson
from armwise.stats.sensitivity.ratio_of_risks import mover_ratio, ratio_of_risks

PARTS = [
    (0.8, 0.65, 0.9, 0.2, 0.1, 0.35),
    (0.9, 0.75, 0.97, 0.08, 0.02, 0.25),  # the upper limit of the second beyond twice its estimate
    (0.3, 0.15, 0.5, 0.4, 0.25, 0.6),
    (0.05, 0.01, 0.2, 0.5, 0.3, 0.7),
    (1.0, 0.9, 1.0, 0.6, 0.45, 0.72),
]


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.4])
def test_at_its_limits_the_mover_interval_of_the_difference_touches_zero(
    parts: tuple[float, ...], correlation: float
) -> None:
    r1, l1, u1, r0, l0, u0 = parts

    def edge(side: int, R: float) -> float:
        return mover(r1, l1, u1, R * r0, R * l0, R * u0, correlation)[side]

    lower, upper = mover_ratio(*parts, correlation=correlation)
    ratio = r1 / r0
    assert lower == pytest.approx(brentq(lambda R: edge(0, R), 1e-9, ratio, xtol=1e-14), rel=1e-9)
    assert upper == pytest.approx(brentq(lambda R: edge(1, R), ratio, 1e5, xtol=1e-12), rel=1e-9)


@pytest.mark.parametrize("parts", PARTS)
def test_the_limits_of_the_reverse_ratio_are_the_reciprocals(parts: tuple[float, ...]) -> None:
    lower, upper = mover_ratio(*parts, correlation=0.2)
    back = mover_ratio(*parts[3:], *parts[:3], correlation=0.2)
    assert back == pytest.approx((1 / upper, 1 / lower), rel=1e-10)


def test_the_ratio_excludes_one_exactly_when_the_difference_excludes_zero() -> None:
    dice = np.random.default_rng(3)
    seen = set()
    for _ in range(400):
        n1, n0 = (int(n) for n in dice.integers(8, 60, 2))
        x1, x0 = int(dice.integers(1, n1 + 1)), int(dice.integers(1, n0 + 1))
        a, b = wilson(x1, n1), wilson(x0, n0)
        parts = (x1 / n1, a.lower, a.upper, x0 / n0, b.lower, b.upper)
        d, r = mover(*parts), mover_ratio(*parts)  # type: ignore[arg-type]
        assert (d[0] > 0, d[1] < 0) == (r[0] > 1, r[1] < 1)
        seen.add((d[0] > 0, d[1] < 0))
    assert len(seen) == 3


def test_a_weighted_comparison_gives_a_ratio_of_its_own_risks_that_agrees_with_its_difference() -> None:
    dice = np.random.default_rng(11)
    x = dice.normal(size=80)
    z = dice.uniform(size=80) < 1 / (1 + np.exp(-x))
    y = dice.uniform(size=80) < 1 / (1 + np.exp(-(x + 1.6 * z - 1)))
    c = overlap_risk_difference(y, z, {"x": x})
    found = ratio_of_risks(c.arm, c.versus, c.covariance)
    assert c.arm.estimate is not None and c.versus.estimate is not None and c.covariance
    assert found.estimate == pytest.approx(c.arm.estimate / c.versus.estimate, rel=1e-14)
    assert found.excludes_no_effect == c.difference.excludes_no_effect
    assert (found.n, found.n_arm, found.n_versus) == (80, c.arm.n, c.versus.n)
    alone = ratio_of_risks(c.arm, c.versus)
    assert (alone.lower, alone.upper) != (found.lower, found.upper)  # the covariance counts


def test_a_risk_of_zero_makes_the_ratio_infinite_or_nothing() -> None:
    none, some = wilson(0, 30), wilson(12, 30)
    infinite = ratio_of_risks(some, none)
    assert (infinite.estimate, infinite.upper) == (math.inf, math.inf)
    assert infinite.lower is not None and infinite.lower > 1
    assert "infinite" in infinite.reason
    zero = ratio_of_risks(none, some)
    assert zero.estimate == zero.lower == 0.0 and zero.upper is not None and zero.upper < 1
    assert "anything" in ratio_of_risks(none, none).reason


def test_what_has_no_estimate_has_no_ratio_and_levels_are_not_mixed() -> None:
    refused = Estimate.not_estimable("risk", "m", "separated", n=30)
    assert ratio_of_risks(wilson(12, 30), refused).reason == "separated"
    with pytest.raises(UsageError, match="level"):
        ratio_of_risks(wilson(12, 30), wilson(12, 30, 0.9))
    with pytest.raises(UsageError, match="lower <= estimate"):
        mover_ratio(0.5, 0.6, 0.7, 0.5, 0.4, 0.6)


def test_the_limits_cover_about_what_they_claim_in_small_arms() -> None:
    dice = np.random.default_rng(5)
    truth, n = (0.6, 0.3), 40
    hits, total = 0, 0
    x = np.column_stack([dice.binomial(n, r, 4000) for r in truth])
    for (x1, x0), count in zip(*np.unique(x, axis=0, return_counts=True), strict=True):
        found = ratio_of_risks(wilson(int(x1), n), wilson(int(x0), n))
        assert found.lower is not None and found.upper is not None
        hits += count * (found.lower <= 2.0 <= found.upper)
        total += count
    assert 0.935 < hits / total < 0.97

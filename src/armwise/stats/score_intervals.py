"""Score intervals for two proportions (Miettinen and Nurminen): difference, ratio, odds ratio.

Each compares what was observed with the likeliest pair of risks under a supposed effect. With
p1, p2 the observed proportions and a tilde for the pair restricted to the supposed effect:

    difference   z = (p1 - p2 - delta)  / sqrt(V),   V = ~p1 ~q1/n1 + ~p2 ~q2/n2          times N/(N - 1)
    ratio        z = (p1 - phi p2)      / sqrt(V),   V = ~p1 ~q1/n1 + phi^2 ~p2 ~q2/n2    times N/(N - 1)
    odds ratio   z = n1 (p1 - ~p1) sqrt(W),          W = 1/(n1 ~p1 ~q1) + 1/(n2 ~p2 ~q2)  times (N - 1)/N

The limits are the effects at which |z| is the normal quantile; p is the test of one effect. All three tests
of no effect are one test. Zero cells need no special rule.

Source: Miettinen and Nurminen 1985, Stat Med 4:213.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq

Z = Callable[[float], float]
"""The signed score statistic as a falling function of the supposed effect."""


@dataclass(frozen=True, slots=True)
class Table:
    """Two proportions: x1 of n1 in the arm, x2 of n2 in the other."""

    x1: int
    n1: int
    x2: int
    n2: int

    @property
    def total(self) -> int:
        """Subjects in both arms, N."""
        return self.n1 + self.n2

    @property
    def p1(self) -> float:
        """Observed risk in the arm."""
        return self.x1 / self.n1

    @property
    def p2(self) -> float:
        """Observed risk in the other."""
        return self.x2 / self.n2


def _signed(numerator: float, variance: float) -> float:
    """numerator / sqrt(variance), with the limits that 0/0 and x/0 have on the edge of the square."""
    if variance > 0:
        return numerator / math.sqrt(variance)
    if abs(numerator) < 1e-12:
        return 0.0
    return math.copysign(math.inf, numerator)


def _per(count: int, p: float) -> float:
    """count / p, with 0/0 = 0."""
    if count == 0:
        return 0.0
    return count / p if p > 0 else math.inf


# ------------------------------------------------------------------ difference


def restricted_p2_given_difference(t: Table, delta: float) -> float:
    """The likeliest p2 when p1 = p2 + delta, by bisection of the derivative of the log likelihood.

    The derivative falls in p2, so bisection down to neighbouring floats cannot miss; the closed form (a
    cubic) loses half the digits near its double roots, where the interesting tables lie.
    """
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)

    def slope(p2: float) -> float:
        p1 = p2 + delta
        successes = _per(t.x1, p1) + _per(t.x2, p2)
        return successes - _per(t.n1 - t.x1, 1 - p1) - _per(t.n2 - t.x2, 1 - p2)

    while True:
        middle = (low + high) / 2
        if not low < middle < high or high - low < 1e-18:
            return middle
        if slope(middle) > 0:
            low = middle
        else:
            high = middle


def difference_z(t: Table) -> Z:
    """The score statistic of a supposed risk difference."""

    def z(delta: float) -> float:
        p2 = restricted_p2_given_difference(t, delta)
        p1 = min(1.0, max(0.0, p2 + delta))
        variance = (p1 * (1 - p1) / t.n1 + p2 * (1 - p2) / t.n2) * t.total / (t.total - 1)
        return _signed(t.p1 - t.p2 - delta, variance)

    return z


def difference_limits(t: Table, quantile: float) -> tuple[float, float]:
    """The differences at which the score statistic is plus and minus the quantile."""
    z, d = difference_z(t), t.p1 - t.p2
    lower = _root(lambda delta: _clipped(z(delta)) - quantile, -1.0, d)
    upper = _root(lambda delta: _clipped(z(delta)) + quantile, d, 1.0)
    return lower, upper


# ----------------------------------------------------------------------- ratio


def restricted_p2_given_ratio(t: Table, phi: float) -> float:
    """The likeliest p2 when p1 = phi p2: the smaller root of a quadratic, in the form that keeps digits."""
    a = t.total * phi
    b = -(t.n1 * phi + t.x1 + t.n2 + t.x2 * phi)
    c = t.x1 + t.x2
    return 2 * c / (-b + math.sqrt(max(0.0, b * b - 4 * a * c)))


def ratio_z(t: Table) -> Z:
    """The score statistic of a supposed risk ratio."""

    def z(phi: float) -> float:
        p2 = min(1.0, restricted_p2_given_ratio(t, phi))
        p1 = min(1.0, phi * p2)
        variance = (p1 * (1 - p1) / t.n1 + phi**2 * p2 * (1 - p2) / t.n2) * t.total / (t.total - 1)
        return _signed(t.p1 - phi * t.p2, variance)

    return z


def ratio_limits(t: Table, quantile: float) -> tuple[float, float]:
    """Ratios at which the score statistic is plus and minus the quantile; 0 or infinite with a zero cell."""
    point = math.inf if t.x2 == 0 else t.p1 / t.p2
    return _positive_limits(ratio_z(t), quantile, point)


# ------------------------------------------------------------------ odds ratio


def restricted_risks_given_odds_ratio(t: Table, psi: float) -> tuple[float, float]:
    """The likeliest p1 and p2 when their odds ratio is psi.

    With psi below 1 the arms are exchanged: then no step subtracts numbers that are nearly equal.
    """
    if psi < 1:
        p2, p1 = restricted_risks_given_odds_ratio(Table(t.x2, t.n2, t.x1, t.n1), 1 / psi)
        return p1, p2
    m = t.x1 + t.x2
    a = t.n2 * (psi - 1)
    b = t.n1 * psi + t.n2 - m * (psi - 1)
    root = math.sqrt(max(0.0, b * b + 4 * a * m))
    p2 = 2 * m / (b + root) if b >= 0 else (root - b) / (2 * a)
    p2 = min(1.0, max(0.0, p2))
    return p2 * psi / (1 + p2 * (psi - 1)), p2


def odds_ratio_z(t: Table) -> Z:
    """The score statistic of a supposed odds ratio."""

    def z(psi: float) -> float:
        p1, p2 = restricted_risks_given_odds_ratio(t, psi)
        v1, v2 = t.n1 * p1 * (1 - p1), t.n2 * p2 * (1 - p2)
        # n1 (p1 - ~p1) sqrt(1/v1 + 1/v2) as a ratio with a variance, to share its limits on the edge
        variance = v1 * v2 / (v1 + v2) * t.total / (t.total - 1) if v1 + v2 > 0 else 0.0
        return _signed(t.x1 - t.n1 * p1, variance)

    return z


def odds_ratio_limits(t: Table, quantile: float) -> tuple[float, float]:
    """The odds ratios at which the score statistic is plus and minus the quantile."""
    failures1, failures2 = t.n1 - t.x1, t.n2 - t.x2
    point = math.inf if t.x2 * failures1 == 0 else t.x1 * failures2 / (t.x2 * failures1)
    return _positive_limits(odds_ratio_z(t), quantile, point)


# ---------------------------------------------------------------------- roots


def _clipped(z: float) -> float:
    """An infinite statistic as a large number: brentq subtracts function values."""
    return max(-1e10, min(1e10, z))


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """The root of a falling function; an end of the range when the function does not change sign there."""
    if f(low) <= 0:
        return low
    if f(high) >= 0:
        return high
    return float(brentq(f, low, high, xtol=1e-14, rtol=1e-14, maxiter=500))


def _positive_limits(z: Z, quantile: float, point: float) -> tuple[float, float]:
    """Limits of a positive effect, sought on the log scale; none beyond an estimate of 0 or infinity."""
    reach = 60.0  # e^60: far beyond what any table of counts supports, and far from overflow when squared

    def at(log_effect: float) -> float:
        return _clipped(z(math.exp(log_effect)))

    middle = 0.0 if point in (0.0, math.inf) else math.log(point)
    low = reach if point == math.inf else middle
    high = -reach if point == 0.0 else middle
    lower = 0.0 if point == 0.0 else math.exp(_root(lambda v: at(v) - quantile, -reach, low))
    upper = math.inf if point == math.inf else math.exp(_root(lambda v: at(v) + quantile, high, reach))
    return lower, upper

"""From values to places on the page, and the round values at which an axis is labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from armwise.report.numbers import number


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight axis: `low` stands at `start` and `high` at `end` (px); logarithmic where `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value, in px; values beyond the axis stand at its ends."""
        low, high, v = (math.log(x) if self.log else x for x in (self.low, self.high, self.inside(value)))
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def inside(self, value: float) -> float:
        """The value, or the nearer end of the axis."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True, slots=True)
class Ticks:
    """The labelled values of an axis, with as many decimals as their step needs."""

    values: tuple[float, ...]
    decimals: int

    def label(self, value: float) -> str:
        """A tick as people read it."""
        return number(value, self.decimals)


def ticks(values: Iterable[float], about: int) -> Ticks:
    """Round values in steps of 1, 2 or 5 that enclose all finite values, `about` as many as wanted.

    Example:
        >>> ticks([18, 63, 0], 5).values
        (0.0, 20.0, 40.0, 60.0, 80.0)
    """
    known = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(known), max(known)
    if high - low <= 1e-12 * max(
        abs(low), abs(high), 1e-280
    ):  # nothing to spread: half of itself on either side
        low, high = (v if abs(v) > 1e-280 else 0.0 for v in (low, high))
        low, high = low - (abs(low) or 1) * 0.5, high + (abs(high) or 1) * 0.5
    rough = (high - low) / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Ticks(tuple(float(f"{i * step:.12g}") + 0.0 for i in range(first, last + 1)), decimals)


def ratio_ticks(values: Iterable[float]) -> Ticks:
    """Round ratios (1, 2, 5 and their tenfolds and tenths) that enclose all positive finite values.

    Example:
        >>> ratio_ticks([0.8, 3]).values
        (0.5, 1.0, 2.0, 5.0)
    """
    known = [v for v in values if math.isfinite(v) and v > 0] or [1.0]
    low, high = min(*known, 1.0, 0.999), max(*known, 1.0, 1.001)
    candidates = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
    first = max((c for c in candidates if c <= low), default=candidates[0])
    last = min((c for c in candidates if c >= high), default=candidates[-1])
    kept = [round(c, 6) for c in candidates if first <= c <= last]
    if len(kept) > 8:
        kept = [
            c for c in kept if c in (kept[0], kept[-1]) or math.isclose(math.log10(c) % 1, 0, abs_tol=1e-6)
        ]
    return Ticks(tuple(kept), max(0, -math.floor(math.log10(kept[0]))))

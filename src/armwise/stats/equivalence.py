"""Superiority, non-inferiority and equivalence: what an interval says about a margin.

The verdict reads the interval only. The p at the margin comes from the method itself, by its `null` argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from armwise.errors import UsageError
from armwise.stats.estimate import RATIOS, Estimate

Kind = Literal["superiority", "non-inferiority", "equivalence"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an interval clears a margin.

    Attributes:
        met: whether it does; False when there is no interval (`reason` says so).
        kind: superiority, non-inferiority or equivalence.
        bound: the limit of the interval that decided (for equivalence: the one nearer to its margin).
        margin: the value on the scale of the estimate that this limit had to clear.
        one_sided_alpha: error rate of each one-sided claim: 0.025 for a 95 % interval.
        reason: why there is no verdict, else empty.
    """

    met: bool
    kind: Kind
    bound: float | None
    margin: float
    one_sided_alpha: float
    reason: str = ""


def verdict(estimate: Estimate, margin: float, kind: Kind, higher_is_better: bool) -> Verdict:
    """Whether an interval shows superiority, non-inferiority or equivalence.

    Superiority: the interval lies beyond the margin on the better side (margin 0, or 1 for a ratio, is
    plain superiority). Non-inferiority: its worse limit is better than the margin on the worse side.
    Equivalence: both limits lie within the margin; with a 95 % interval that is two one-sided tests at
    2.5 %, with a 90 % interval at 5 %. A limit that only touches the margin does not clear it.

    Parameters:
        estimate: an Estimate (arm minus versus, or arm over versus for a ratio) with limits.
        margin: a size, not signed: for differences at least 0, in the unit of the estimate; for ratios at
            least 1 (1.25 means 0.8 to 1.25).
        kind: "superiority", "non-inferiority" or "equivalence".
        higher_is_better: direction of the outcome.

    Returns:
        A Verdict.

    Raises:
        UsageError: unknown kind, a margin of the wrong size, equivalence or non-inferiority without one.

    Source: CPMP/EWP/482/99 (switching between superiority and non-inferiority); Schuirmann 1987 (two
    one-sided tests).
    """
    if kind not in ("superiority", "non-inferiority", "equivalence"):
        raise UsageError(f'kind is {kind!r}; expected "superiority", "non-inferiority" or "equivalence"')
    ratio = estimate.statistic in RATIOS
    none = 1.0 if ratio else 0.0
    if margin < none or (margin == none and kind != "superiority"):
        scale = "a ratio: 1.25 means 0.8 to 1.25" if ratio else "a size: its sign follows from the kind"
        least = f"{none:g} or more" if kind == "superiority" else f"more than {none:g}"
        raise UsageError(f"margin is {margin!r} for {kind}; expected {least} ({scale})")
    high = float(margin)
    low = 1 / high if ratio else 0.0 - high
    alpha = (1 - estimate.conf_level) / 2
    if estimate.lower is None or estimate.upper is None:
        edge = (high if kind == "superiority" else low) if higher_is_better else low
        reason = estimate.reason or "the estimate has no interval"
        return Verdict(False, kind, None, edge, alpha, reason)
    lower, upper = estimate.lower, estimate.upper
    if kind == "equivalence":
        bound, edge = _nearer(lower, upper, low, high, ratio)
        return Verdict(low < lower and upper < high, kind, bound, edge, alpha)
    if higher_is_better:
        edge = high if kind == "superiority" else low
        return Verdict(lower > edge, kind, lower, edge, alpha)
    edge = low if kind == "superiority" else high
    return Verdict(upper < edge, kind, upper, edge, alpha)


def _nearer(lower: float, upper: float, low: float, high: float, ratio: bool) -> tuple[float, float]:
    """The limit with the smaller room to its margin (on the log scale for a ratio), and that margin."""
    if ratio:
        room_low = lower / low
        room_high = high / upper if upper > 0 else float("inf")
    else:
        room_low, room_high = lower - low, high - upper
    return (lower, low) if room_low <= room_high else (upper, high)

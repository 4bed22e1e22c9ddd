"""What a figure calls numbers, arms, visits and directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.report.comparisons import usable
from armwise.report.figures.style import Better
from armwise.report.numbers import shown

NOT_ESTIMABLE: Final = "not estimable"


def value_text(row: Row | None, decimals: int | None = None, level: bool = False) -> str:
    """`43 (18 to 63)`, with `level` `43 (95% CI 18 to 63)`, or `not estimable`."""
    if row is None or not usable(row):
        return NOT_ESTIMABLE
    made = shown(row, decimals)
    return made.levelled if level else made.text


def arm_name(results: Results, arm: str) -> str:
    """An arm's full label."""
    return results.protocol.arms[arm].label or arm


def arm_short(results: Results, arm: str) -> str:
    """An arm's short label, or the full one."""
    return results.protocol.arms[arm].short or arm_name(results, arm)


def favours(results: Results, arm: str, better: Better) -> tuple[str, str]:
    """Whom the two sides of no effect favour: left, right."""
    sides = arm_short(results, results.protocol.reference), arm_short(results, arm)
    return sides if better == "higher" else (sides[1], sides[0])


def direction(analysis: Analysis, better: Better, results: Results) -> Better:
    """The direction in which an endpoint improves: more response, or the odds of a better category, always up."""
    up = results.protocol.endpoints[analysis.endpoint].is_response or analysis.method == "proportional-odds"
    return "higher" if up else better


def time_axis(results: Results, visits: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The unit of time in which all visits are near whole numbers, and each visit in it: months, weeks or days.

    A day more or less is near: studies that count the first day as day 1 plan week 24 on day 167 after it.
    """
    days = {visit: results.protocol.visits[visit].day for visit in visits}
    for unit, length, slack in (("months", 365.25 / 12, 0.15), ("weeks", 7.0, 0.15)):
        times = {visit: day / length for visit, day in days.items()}
        near = all(math.isclose(t, round(t), abs_tol=slack) for t in times.values())
        if near and max(times.values()) >= 2 and len({round(t) for t in times.values()}) == len(times):
            return unit, {visit: str(round(t)).replace("-", "−") for visit, t in times.items()}
    return "days", {visit: str(day).replace("-", "−") for visit, day in days.items()}

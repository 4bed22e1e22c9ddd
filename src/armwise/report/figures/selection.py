"""Which rows of the results a figure draws, and what it calls arms, visits and directions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.report.figures.style import Better
from armwise.report.numbers import RATIO_STATISTICS, shown

#: The statistic by which a method compares two arms.
COMPARES: Final = {
    "ancova": "mean difference",
    "mean-difference": "mean difference",
    "mann-whitney": "shift",
    "risk-difference": "risk difference",
    "risk-ratio": "risk ratio",
    "odds-ratio": "odds ratio",
    "fisher-exact": "odds ratio",
}
NOT_ESTIMABLE: Final = "not estimable"

Table = dict[str, dict[str, Row]]
"""Rows by arm and visit."""


def estimable(row: Row | None) -> bool:
    """Whether a row holds a number that can be drawn."""
    return row is not None and row["status"] == "ok" and row["estimate"] is not None


def has_interval(row: Row) -> bool:
    """Whether both limits are there; they may be infinite."""
    return row["lower"] is not None and row["upper"] is not None


def value_text(row: Row | None, decimals: int | None = None) -> str:
    """`43 (18 to 63)`, or `not estimable`."""
    if row is None or not estimable(row):
        return NOT_ESTIMABLE
    return shown(row, decimals).text


def ratio(row: Row) -> bool:
    """Whether no effect is 1 and not 0."""
    return row["statistic"] in RATIO_STATISTICS


def excludes_no_effect(row: Row) -> bool:
    """Whether the interval lies wholly on one side of no effect."""
    null = 1.0 if ratio(row) else 0.0
    return estimable(row) and has_interval(row) and (row["lower"] > null or row["upper"] < null)


def analyses_of(results: Results, endpoint: str) -> tuple[str, ...]:
    """The analyses of the protocol that compare arms on an endpoint, but for those that support another one."""
    return tuple(
        name
        for name, analysis in results.protocol.analyses.items()
        if analysis.endpoint == endpoint and analysis.role != "sensitivity"
    )


def comparisons(results: Results, analysis: str) -> Table:
    """The rows of an analysis (or of `<analysis>.unadjusted`) that compare an arm with the reference."""
    declared = results.protocol.analyses.get(analysis.removesuffix(".unadjusted"))
    if declared is None:
        return {}
    statistic = COMPARES[declared.method]
    found = results.rows(analysis=analysis, endpoint=declared.endpoint, statistic=statistic)
    return _table(row for row in found if row["versus"])


def differences(results: Results, analyses: Sequence[str]) -> Table:
    """The comparison of each arm with the reference at each visit, from the first analysis that has it."""
    found: Table = {arm: {} for arm in treatments(results)}
    for analysis in analyses:
        for arm, rows in comparisons(results, analysis).items():
            found[arm] = {**rows, **found[arm]}
    order = list(results.protocol.visits)
    return {arm: {v: rows[v] for v in order if v in rows} for arm, rows in found.items()}


def described(results: Results, endpoint: str, statistic: str) -> Table:
    """The descriptive rows of a score or an endpoint: every arm, and its visits in their order."""
    found = _table(results.rows(analysis="describe", endpoint=endpoint, statistic=statistic))
    order = list(results.protocol.visits)
    return {
        arm: {v: found[arm][v] for v in order if v in found.get(arm, {})} for arm in results.protocol.arms
    }


def _table(rows: Iterable[Row]) -> Table:
    found: Table = {}
    for row in rows:
        if not row["subgroup"]:
            found.setdefault(row["arm"], {}).setdefault(row["visit"], row)
    return found


def treatments(results: Results) -> list[str]:
    """The arms but the reference, in the order of the protocol."""
    return [name for name in results.protocol.arms if name != results.protocol.reference]


def arm_name(results: Results, arm: str) -> str:
    """An arm's full label."""
    return results.protocol.arms[arm].label or arm


def arm_short(results: Results, arm: str) -> str:
    """An arm's short label, or the full one."""
    return results.protocol.arms[arm].short or arm_name(results, arm)


def favours(results: Results, arm: str, better: Better, is_ratio: bool = False) -> tuple[str, str]:
    """Whom the two sides of no effect favour: left, right."""
    sides = arm_short(results, results.protocol.reference), arm_short(results, arm)
    return sides if better == "higher" else (sides[1], sides[0])


def direction(analysis: Analysis, better: Better, results: Results) -> Better:
    """The direction in which an endpoint improves: more response is always better."""
    return "higher" if results.protocol.endpoints[analysis.endpoint].is_response else better


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


def sentence_list(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""

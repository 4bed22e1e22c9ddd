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


def comparison(results: Results, analysis: str, visit: str, arm: str) -> Row | None:
    """The row of an analysis (or of `<analysis>.unadjusted`) that compares an arm with the reference at a visit."""
    declared = results.protocol.analyses.get(analysis.removesuffix(".unadjusted"))
    if declared is None:
        return None
    found = results.rows(
        analysis=analysis,
        visit=visit,
        arm=arm,
        endpoint=declared.endpoint,
        statistic=COMPARES[declared.method],
    )
    compared = [row for row in found if row["versus"] and not row["subgroup"]]
    return compared[0] if compared else None


def differences(results: Results, analyses: Sequence[str], visits: Iterable[str], arm: str) -> dict[str, Row]:
    """The comparison of an arm with the reference at each visit, from the first analysis that has it."""
    found: dict[str, Row] = {}
    for visit in visits:
        for analysis in analyses:
            row = comparison(results, analysis, visit, arm)
            if row is not None:
                found[visit] = row
                break
    return found


def described(results: Results, endpoint: str, statistic: str, visit: str, arm: str) -> Row | None:
    """The descriptive row of a score or an endpoint at a visit, in an arm."""
    found = results.rows(analysis="describe", endpoint=endpoint, statistic=statistic, visit=visit, arm=arm)
    plain = [row for row in found if not row["subgroup"]]
    return plain[0] if plain else None


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
    """The unit of time in which all visits are near whole numbers, and each visit in it: months, weeks or days."""
    days = {visit: results.protocol.visits[visit].day for visit in visits}
    for unit, length, slack in (("months", 365.25 / 12, 0.15), ("weeks", 7.0, 0.01)):
        times = {visit: day / length for visit, day in days.items()}
        near = all(math.isclose(t, round(t), abs_tol=slack) for t in times.values())
        if near and max(times.values()) >= 2 and len({round(t) for t in times.values()}) == len(times):
            return unit, {visit: str(round(t)).replace("-", "−") for visit, t in times.items()}
    return "days", {visit: str(day).replace("-", "−") for visit, day in days.items()}


def sentence_list(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""

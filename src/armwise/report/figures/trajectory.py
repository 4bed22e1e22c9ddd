"""The main score over time: observed means by arm above, the difference between the arms below."""

from __future__ import annotations

from armwise.analysis.results import Results
from armwise.report.comparisons import Table, by_visit, differences, has_interval, usable
from armwise.report.figures.panels import Course, panels
from armwise.report.figures.style import Better
from armwise.report.numbers import sd_decimals, se_decimals
from armwise.report.words import Words


def trajectory(
    results: Results, endpoint: str, *, better: Better, mid: float | None = None, width: int = 720
) -> str:
    """Mean score by visit and arm, the differences between the arms, and the patients at each visit.

    Args:
        results: the results.
        endpoint: a measured endpoint of the protocol; the means are those of its score.
        better: the direction in which the score improves.
        mid: the minimal important difference, positive, in points of the score; drawn on the side of improvement.
        width: px; below 560 the arms have their short names.

    Returns:
        An SVG.
    """
    words = Words.of(results)
    label = words.score(words.score_of(endpoint)).label
    score = results.protocol.endpoints[endpoint].score or endpoint
    means = by_visit(results, score, "mean")
    course = Course(
        name=f"trajectory {endpoint}",
        what=f"Mean {label}",
        means=means,
        counts=by_visit(results, score, "n"),
        gaps=differences(results, endpoint),
        digits=_mean_decimals(results, score, means),
        change=results.protocol.endpoints[endpoint].kind != "value",
        counted="Patients with a score",
    )
    title = f"{label} by visit: means and differences between the arms"
    return panels(results, course, title, better=better, mid=mid, width=width)


def _mean_decimals(results: Results, score: str, found: Table) -> int:
    """The decimals of all means: those that the SD of the last visit asks for, or else the interval."""
    sds = by_visit(results, score, "sd")
    known = [row["estimate"] for rows in sds.values() for row in rows.values() if usable(row)]
    if known:
        return sd_decimals(known[-1])
    means = [row for rows in found.values() for row in rows.values() if usable(row) and has_interval(row)]
    return se_decimals((means[-1]["upper"] - means[-1]["lower"]) / 3.92 if means else None)

"""A model for repeated measures over time: LS means by arm above, the differences that it estimates below."""

from __future__ import annotations

from armwise.analysis.results import Results
from armwise.report.comparisons import model_differences, model_means, usable
from armwise.report.figures.panels import Course, panels
from armwise.report.figures.style import Better
from armwise.report.numbers import row_decimals
from armwise.report.words import Words, inside, opening


def ls_means(
    results: Results, analysis: str, *, better: Better, mid: float | None = None, width: int = 720
) -> str:
    """LS means by visit and arm of one model, its differences between the arms, and the patients observed.

    Args:
        results: the results.
        analysis: the name of an analysis of repeated measures.
        better: the direction in which the score improves.
        mid: the minimal important difference, positive, in points of the score; drawn on the side of improvement.
        width: px; below 560 the arms have their short names.

    Returns:
        An SVG.
    """
    words, declared = Words.of(results), results.protocol.analyses[analysis]
    endpoint = results.protocol.endpoints[declared.endpoint]
    label = words.score(words.score_of(declared.endpoint)).label
    means = model_means(results, analysis, "ls mean")
    known = [row for rows in means.values() for row in rows.values() if usable(row)]
    kind = {"change": "change in ", "percent-change": "per cent change in "}.get(endpoint.kind, "")
    adjusted = declared.adjust != "none"
    what = f"mean {kind}{inside(label) if kind else label}"
    course = Course(
        name=f"ls means {analysis}",
        what=f"Adjusted {what}" if adjusted else f"{opening(what)}, from the model",
        means=means,
        counts=model_means(results, analysis, "n"),
        gaps=model_differences(results, analysis),
        digits=row_decimals(known[-1]) if known else 1,
        change=bool(kind),
        counted="Patients observed",
    )
    means_of = "adjusted means" if adjusted else "means"
    title = f"{label} by visit: {means_of} and differences between the arms, from one model of all visits"
    return panels(results, course, title, better=better, mid=mid, width=width)

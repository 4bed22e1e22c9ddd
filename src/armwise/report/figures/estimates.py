"""The primary estimate under every declared analysis: the first figure of a report."""

from __future__ import annotations

from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.protocol.plan import DRAWN
from armwise.report.comparisons import UNADJUSTED, comparison, is_ratio, treatments
from armwise.report.figures.forest import Forest, Group, Line, Reference, description, note
from armwise.report.figures.names import direction
from armwise.report.figures.style import Better
from armwise.report.phrases import ADJUSTED, MISSING

COMPLETE = "complete-cases"
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def estimates(
    results: Results,
    analysis: str = "primary",
    *,
    better: Better = "higher",
    visit: str | None = None,
    width: int = 720,
) -> str:
    """The estimate of an analysis, the unadjusted one beside it, and each sensitivity analysis that supports it.

    Where the analysis has a margin, it is a dotted line on the side where it decides.

    Args:
        results: the results.
        analysis: its name in the protocol.
        better: the direction in which a measured endpoint improves (more response is always better).
        visit: the one that the analysis stands for (tested, else the last), unless said otherwise.
        width: px; below 560 the names stand above the intervals.

    Returns:
        An SVG.
    """
    declared = results.protocol.analyses[analysis]
    at = visit or results.protocol.leading_visit(declared)
    better = direction(declared, better, results)
    groups = [
        Group(arm, lines, _margins(declared, better, lines[0].row))
        for arm in treatments(results.protocol)
        for lines in [tuple(_lines(results, analysis, at, arm))]
    ]
    plot = Forest(results, groups, better, width, f"estimates {analysis} {at}")
    height = plot.draw()
    label = results.protocol.endpoints[declared.endpoint].label or declared.endpoint
    count = len(groups[0].lines)
    title = (
        f"{label} at {results.protocol.visit_label(at)}: {plot.statistic} in "
        f"{COUNTS[count] if count < len(COUNTS) else count} {'analysis' if count == 1 else 'analyses'}"
    )
    return plot.drawing.svg(height, title, description(results, groups), results.simulated)


def _margins(analysis: Analysis, better: Better, row: Row | None) -> tuple[Reference, ...]:
    """Where the interval must stop: on the worse side for non-inferiority, on both for equivalence."""
    margin = analysis.margin
    if margin is None or row is None or is_ratio(row):
        return ()
    worse = -margin.value if better == "higher" else margin.value
    values = (worse,) if margin.kind == "non-inferiority" else (worse, -worse)
    return tuple(Reference(value, "margin") for value in values)


def _lines(results: Results, analysis: str, visit: str, arm: str) -> list[Line]:
    """The rows of the figure, in the order of the protocol."""
    protocol = results.protocol
    main = protocol.analyses[analysis]
    which = "primary analysis" if main.role == "primary" else "main analysis"
    name = main.label or which.capitalize()
    first = comparison(results, analysis, arm, visit)
    statistic = first["statistic"] if first else ""
    lines = [Line(name, note(which, first, name), first, True)]
    beside = comparison(results, f"{analysis}{UNADJUSTED}", arm, visit)
    if beside is not None:
        rule = (
            "" if main.missing == COMPLETE else MISSING[COMPLETE if main.missing in DRAWN else main.missing]
        )
        lines.append(Line("Unadjusted", note(rule, beside, statistic=statistic), beside))
    for other, declared in protocol.analyses.items():
        if declared.supports != analysis or declared.role != "sensitivity":
            continue
        visits = protocol.analysis_visits(declared)
        at = visit if visit in visits else protocol.leading_visit(declared)
        row = comparison(results, other, arm, at)
        label = declared.label or other
        differs = [protocol.endpoints[declared.endpoint].label] if declared.endpoint != main.endpoint else []
        missing = MISSING.get(declared.missing, declared.missing)
        differs += [missing] if declared.missing != main.missing else []
        differs += [ADJUSTED.get(declared.adjust, declared.adjust)] if declared.adjust != main.adjust else []
        differs += [f"at {protocol.visit_label(at)}"] if at != visit else []
        lines.append(Line(label, note(", ".join(filter(None, differs)), row, label, statistic), row))
    return lines

"""One interval in units of the standard deviation, drawn in a row of the table of all outcomes."""

from __future__ import annotations

import math

from armwise.analysis.results import Row
from armwise.report.comparisons import has_interval, usable
from armwise.report.figures.names import NOT_ESTIMABLE
from armwise.report.figures.scale import Scale
from armwise.report.figures.style import GREY, INK, SMALL, Better
from armwise.report.figures.svg import Drawing, middle
from armwise.report.numbers import confidence, number


def interval_cell(
    row: Row,
    sd: float | None,
    *,
    better: Better,
    name: str,
    what: str,
    low: float = -0.5,
    high: float = 2.0,
    width: int = 150,
) -> str:
    """One cell: a difference over the SD, turned so that right of the line favours the treatment.

    Args:
        row: a difference of means.
        sd: the standard deviation that it is divided by, in the unit of the row.
        better: the direction in which the score improves.
        name: what the drawing is known by; unique among the cells of a page.
        what: what the row of the table is about, for who hears the drawing described.
        low, high: the ends of the scale in SD units, the same for all cells of a table; what lies beyond ends
            in an arrow.
        width: px.

    Returns:
        An SVG, 22 px high.
    """
    drawing = Drawing(f"interval {name}", width)
    scale = Scale(min(low, 0), max(high, 0), 7, width - 7)
    drawing.rule(scale(0), 1, scale(0), 21, INK)
    if not usable(row) or not sd or not math.isfinite(row["estimate"]):
        drawing.text(scale(0) + 6, 11 + middle(SMALL), NOT_ESTIMABLE, size=SMALL, colour=GREY, row=row)
        return drawing.svg(22, f"Interval: {what}", f"Standardised difference {NOT_ESTIMABLE}.")
    sign = -1 if better == "lower" else 1
    estimate = sign * row["estimate"] / sd
    said = number(estimate, 2)
    if has_interval(row):
        ends = sorted(sign * row[side] / sd for side in ("lower", "upper"))
        drawing.bar(scale(ends[0]), 11, scale(ends[1]), 11, INK, 1.6)
        if ends[0] < scale.low:
            drawing.arrow(scale.start - 5, 11, "left", INK)
        if ends[1] > scale.high:
            drawing.arrow(scale.end + 5, 11, "right", INK)
        said += f" ({confidence(row['conf_level'] or 0.95)} {number(ends[0], 2)} to {number(ends[1], 2)})"
    if scale.low <= estimate <= scale.high:
        drawing.mark("diamond", scale(estimate), 11, INK, 4.4, row)
    return drawing.svg(
        22,
        f"Interval: {what}",
        f"Difference in standard deviations, above zero favours the treatment: {said}.",
    )

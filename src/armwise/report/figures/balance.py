"""Balance of one covariate, drawn in a row of Table 1: the standardised difference before and after weighting."""

from __future__ import annotations

import math

from armwise.analysis.results import Row
from armwise.report.comparisons import usable
from armwise.report.figures.names import NOT_ESTIMABLE
from armwise.report.figures.scale import Scale
from armwise.report.figures.style import BORDER, GREY, INK
from armwise.report.figures.svg import Drawing
from armwise.report.numbers import shown

NOTABLE = 0.1
"""The standardised difference that is commonly called notable."""


def balance_cell(
    before: Row | None, after: Row | None, *, name: str, what: str, top: float = 0.8, width: int = 110
) -> str:
    """One cell: size of the difference before (open circle) and after weighting (filled), and the 0.1 line.

    Args:
        before, after: rows `standardised difference` of one covariate; None or not estimable are left out of the
            drawing and said in its description.
        name: what the drawing is known by; unique among the cells of a page.
        what: what the row of the table is about, for who hears the drawing described.
        top: the right end of the scale; a larger difference stands there with an arrow.
        width: px.

    Returns:
        An SVG, 22 px high.
    """
    drawing = Drawing(f"balance {name}", width)
    scale = Scale(0, top, 7, width - 9)
    drawing.rule(scale(0), 2, scale(0), 20, INK)
    drawing.rule(scale(NOTABLE), 2, scale(NOTABLE), 20, GREY, dash="2 2")
    sizes = [abs(row["estimate"]) for row in (before, after) if row is not None and usable(row)]
    if len(sizes) == 2:
        drawing.bar(scale(sizes[1]), 11, scale(sizes[0]), 11, BORDER, 1)
    for row, filled in ((before, False), (after, True)):
        if row is None or not usable(row):
            continue
        size = abs(row["estimate"])
        if size > top or math.isinf(size):
            drawing.arrow(width - 1, 11, "right", INK)
        drawing.mark("disc", scale(size), 11, INK, 3.2 if filled else 4.6, row, filled)
    words = [f"{shown(row).estimate if row and usable(row) else NOT_ESTIMABLE} {when}" for row, when in
             ((before, "before"), (after, "after weighting")) if row is not None]  # fmt: skip
    return drawing.svg(
        22, f"Balance: {what}", f"Standardised difference {', '.join(words) or NOT_ESTIMABLE}."
    )

"""Rank correlations below each other on one axis from -1 to 1, with what a study of this size could have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from armwise.analysis.results import Row
from armwise.report.comparisons import has_interval, usable
from armwise.report.figures.names import NOT_ESTIMABLE, value_text
from armwise.report.figures.scale import Scale
from armwise.report.figures.style import BLUE, DESKTOP, GREY, INK, NAME, NOTE
from armwise.report.figures.svg import Drawing, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import level, number, shown

HEAD = "Rank correlation"


@dataclass(frozen=True, slots=True)
class Correlation:
    """One line: what is correlated with the outcome, its row, whether it was declared to lead."""

    name: str
    row: Row
    first: bool = False


def correlations(
    lines: Sequence[Correlation],
    detectable: Row | None,
    *,
    name: str,
    outcome: str,
    simulated: bool,
    width: int = 720,
) -> str:
    """A line a measure: name, interval, text; dotted lines at the smallest correlation that could be detected.

    Args:
        lines: the measures, in their order.
        detectable: the row of that correlation; None draws no such lines.
        name: of the drawing, unique in a page.
        outcome: what the measures are correlated with, in words.
        simulated: whether the data were drawn by a computer.
        width: px; below 560 the names stand above the intervals.

    Returns:
        An SVG.
    """
    drawing = Drawing(name, width)
    wide = width >= DESKTOP
    names = min(max(text_width(line.name, NAME, line.first) for line in lines), width * 0.36)
    values = max(text_width(value_text(line.row, 2), NAME, True) for line in lines)
    left, right = (names + 26, width - max(values, 110) - 24) if wide else (12.0, width - 12.0)
    scale = Scale(-1, 1, left, right)
    said = f"{HEAD} ({level(line.row for line in lines)})"
    drawing.text(width, 13, said, size=NOTE, colour=GREY, anchor="end")
    marks = [(0.0, INK, ""), *((x, GREY, "2 3") for x in _marks(detectable))]
    y, top = 24.0, 24.0
    for line in lines:
        y, centre = _line(drawing, line, y, scale, names if wide else width - values - 18, wide)
        if not wide:  # the names stand above: a rule would run through them
            _rules(drawing, scale, marks, centre - 9, centre + 9)
    if wide:
        _rules(drawing, scale, marks, top, y)
    bottom = _axis(drawing, scale, y + 15, detectable, width)
    title = f"Rank correlations with {outcome}"
    return drawing.svg(bottom, title, description(lines, detectable), simulated)


def _marks(detectable: Row | None) -> list[float]:
    if detectable is None or not usable(detectable):
        return []
    return [-detectable["estimate"], detectable["estimate"]]


def _rules(
    drawing: Drawing, scale: Scale, marks: Sequence[tuple[float, str, str]], top: float, bottom: float
) -> None:
    for x, colour, dash in marks:
        drawing.rule(scale(x), top, scale(x), bottom, colour, 1.2, dash)


def _line(
    drawing: Drawing, line: Correlation, y: float, scale: Scale, room: float, wide: bool
) -> tuple[float, float]:
    """One measure; gives where the next one begins, and the middle of its interval."""
    baseline = y + 16
    below = drawing.lines(0, baseline, wrap(line.name, room, NAME, line.first), size=NAME, bold=line.first)
    at = baseline if wide else below + 1
    row, colour = line.row, BLUE if line.first else INK
    drawing.text(
        drawing.width, baseline, value_text(row, 2), size=NAME, anchor="end", bold=line.first, row=row
    )
    centre = at - middle(NAME)
    if usable(row):
        if has_interval(row):
            drawing.bar(scale(row["lower"]), centre, scale(row["upper"]), centre, colour, 1.8)
        drawing.mark("diamond", scale(row["estimate"]), centre, colour, 5, row, line.first)
    return max(below, at + 17) + (2 if wide else 4), centre


def _axis(drawing: Drawing, scale: Scale, y: float, detectable: Row | None, width: int) -> float:
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        drawing.text(
            scale(tick),
            y,
            number(tick, 0 if tick == int(tick) else 1),
            size=NOTE,
            colour=GREY,
            anchor="middle",
        )
    if detectable is None or not usable(detectable):
        return y + 8
    size = shown(detectable).estimate
    power = f"{detectable['at']:.0%}"
    words = f"dotted: {size}, the smallest correlation that a study of this size finds with {power} power"
    return drawing.lines(0, y + 19, wrap(words, width, NOTE), size=NOTE, colour=GREY, row=detectable) - 8


def description(lines: Sequence[Correlation], detectable: Row | None) -> str:
    """What the figure finds, with its numbers."""
    said = [
        f"{line.name}: {shown(line.row, 2).text if usable(line.row) else NOT_ESTIMABLE}." for line in lines
    ]
    if detectable is not None and usable(detectable):
        said.append(f"Smallest correlation that could be detected: {shown(detectable).estimate}.")
    return " ".join(said)

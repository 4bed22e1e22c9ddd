"""Tipping points: one cell a combination of missing answers, shaded where the interval excludes no difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from armwise.analysis.results import Results, Row
from armwise.report.comparisons import excludes_no_effect, usable
from armwise.report.figures.names import arm_name, arm_short
from armwise.report.figures.style import BORDER, DESKTOP, GREY, INK, LABEL, NOTE, SMALL
from armwise.report.figures.svg import Drawing, leading, middle, px
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import number, shown

#: The ground of a cell whose interval excludes no difference; words stand on it in ink.
CLEAR = "#bcd2e8"
LARGEST = 46.0
#: Cells smaller than this have no number in them.
READABLE = 26.0

Cells = Mapping[tuple[float, float], Row]


@dataclass(frozen=True)
class Axes:
    """What the two directions of the grid are, in words, and the values along them.

    Attributes:
        across, up: what is counted or shifted in the reference arm, and in the arm.
        columns, lines: the values, smallest first.
        decimals: of the values.
    """

    across: str
    up: str
    columns: tuple[float, ...]
    lines: tuple[float, ...]
    decimals: int


def cells_of(rows: Sequence[Row]) -> dict[tuple[float, float], Row]:
    """The rows of a grid, by the value of the arm and of the reference."""
    return {(r["at"], r["at2"]): r for r in rows if r["at"] is not None and r["at2"] is not None}


def tipping(
    results: Results, rows: Sequence[Row], *, name: str, what: str, shifts: bool = False, width: int = 720
) -> str:
    """Draws the grid of one comparison.

    Args:
        results: the results.
        rows: the combinations: `at` of the arm, `at2` of the reference.
        name: of the drawing, unique in a page.
        what: what is compared, for the title.
        shifts: whether `at` and `at2` are shifts of measured outcomes, and not numbers of responders.
        width: px.

    Returns:
        An SVG.
    """
    cells = cells_of(rows)
    first = next(iter(cells.values()))
    arm, versus = first["arm"], first["versus"]
    columns, lines = (tuple(sorted({key[i] for key in cells})) for i in (1, 0))
    label = arm_name if width >= DESKTOP else arm_short
    unit = f" ({shown(first).unit})" if shifts and usable(first) and shown(first).unit else ""
    kind = f"Shift of missing outcomes{unit}" if shifts else "Missing answers taken as improved"
    decimals = 0 if all(float(v).is_integer() for v in (*columns, *lines)) else 1
    axes = Axes(
        f"{kind}: {label(results, versus)}", f"{kind}: {label(results, arm)}", columns, lines, decimals
    )
    drawing = Drawing(name, width)
    height = _draw(drawing, cells, axes, width)
    return drawing.svg(
        height, f"{what}: every combination of missing answers", _said(cells, axes), results.simulated
    )


def _said(cells: Cells, axes: Axes) -> str:
    """The grid in words: how many combinations hold no difference, and the extremes."""
    known = [r for r in cells.values() if usable(r)]
    held = sum(not excludes_no_effect(r) for r in known)
    low, high = min(known, key=lambda r: r["estimate"]), max(known, key=lambda r: r["estimate"])
    return (
        f"{axes.up}; {axes.across}. {len(known)} combinations; in {held} of them the interval includes no difference. "
        f"Smallest difference {shown(low).levelled}, largest {shown(high).levelled}."
    )


def _draw(d: Drawing, cells: Cells, axes: Axes, width: int) -> float:
    note = NOTE if width >= DESKTOP else SMALL
    left = 12 + max(text_width(number(v, axes.decimals), note) for v in axes.lines)
    room = width - left - 8
    side = min(LARGEST, room / len(axes.columns), 420 / len(axes.lines))
    top = d.lines(0, note, wrap(axes.up, width - 4, note, True), size=note, bold=True) + 4
    x = {v: left + (i + 0.5) * side for i, v in enumerate(axes.columns)}
    y = {v: top + (len(axes.lines) - i - 0.5) * side for i, v in enumerate(axes.lines)}
    for (up, across), row in cells.items():
        clear = excludes_no_effect(row)
        half = (side / 2 - 1.2) / 0.92
        d.mark("square", x[across], y[up], CLEAR if clear else BORDER, max(half, 0.8), row, filled=clear)
        if side >= READABLE and usable(row):
            made = shown(row)
            d.text(x[across], y[up] + middle(SMALL), made.estimate, size=SMALL, anchor="middle", row=row)
    _border(d, cells, axes, x, y, side)
    _values(d, axes, x, y, left, side, note)
    bottom = top + len(axes.lines) * side + leading(note) + 4
    bottom = d.lines(left, bottom + note, wrap(axes.across, room, note, True), size=note, bold=True)
    return _legend(d, bottom + 6, note, width)


def _values(
    d: Drawing,
    axes: Axes,
    x: Mapping[float, float],
    y: Mapping[float, float],
    left: float,
    side: float,
    note: float,
) -> None:
    """The values along both sides, as many as there is room for."""
    every = max(1, -(-20 // max(1, int(side))))
    for i, v in enumerate(axes.lines):
        if i % every == 0:
            d.text(
                left - 6, y[v] + middle(note), number(v, axes.decimals), size=note, colour=GREY, anchor="end"
            )
    under = max(y.values()) + side / 2 + note + 2
    wide = max(text_width(number(v, axes.decimals), note) for v in axes.columns) + 4
    every = max(1, -(-int(wide) // max(1, int(side))))
    for i, v in enumerate(axes.columns):
        if i % every == 0:
            d.text(x[v], under, number(v, axes.decimals), size=note, colour=GREY, anchor="middle")


def _border(
    d: Drawing, cells: Cells, axes: Axes, x: Mapping[float, float], y: Mapping[float, float], side: float
) -> None:
    """The line between combinations whose interval excludes no difference and those whose interval does not."""
    half = side / 2
    for i, up in enumerate(axes.lines):
        for j, across in enumerate(axes.columns):
            here = excludes_no_effect(cells[up, across]) if (up, across) in cells else None
            right = cells.get((up, axes.columns[j + 1])) if j + 1 < len(axes.columns) else None
            above = cells.get((axes.lines[i + 1], across)) if i + 1 < len(axes.lines) else None
            cx, cy = x[across], y[up]
            if here is not None and right is not None and excludes_no_effect(right) != here:
                d.curve(f"M{px(cx + half)} {px(cy - half)}L{px(cx + half)} {px(cy + half)}", INK, 2.4)
            if here is not None and above is not None and excludes_no_effect(above) != here:
                d.curve(f"M{px(cx - half)} {px(cy - half)}L{px(cx + half)} {px(cy - half)}", INK, 2.4)


def _legend(d: Drawing, top: float, note: float, width: int) -> float:
    y = top + note
    for colour, filled, said in (
        (CLEAR, True, "interval excludes no difference"),
        (BORDER, False, "interval includes no difference"),
    ):
        d.mark("square", 7, y - middle(note), colour, 6, filled=filled)
        y = d.lines(20, y, wrap(said, width - 24, note), size=note, colour=INK)
    return y - leading(LABEL) + 10

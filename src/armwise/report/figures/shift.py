"""Shifts of grades: a square a cell of the table from baseline to follow-up, its area the places in it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from armwise.analysis.results import Results, Row
from armwise.protocol.imaging import categories_of
from armwise.report.figures.style import DESKTOP, GREY, INK, NAME, NOTE, SMALL, arm_styles
from armwise.report.figures.svg import Drawing, middle

#: The largest cell, and the place of the labels left of the grid.
CELL, HEIGHT, HEAD = 62.0, 30.0, 62.0


def shifts(results: Results, visit: str, arm: str, *, width: int = 720) -> str:
    """How many places went from which grade at baseline to which at a visit, for every grade of one arm.

    Below the diagonal of an ordinal grade stands what got better, above it what got worse: the labels of the columns
    are the grades at the visit.

    Args:
        results: the results.
        visit: a visit after baseline.
        arm: an imaged arm.
        width: px; below 560 one table stands above the other.

    Returns:
        An SVG.
    """
    declared = results.protocol.imaging
    if declared is None:
        raise ValueError("the protocol declares no imaging")
    drawing = Drawing(f"shifts {visit} {arm}", width)
    panels = 2 if width >= DESKTOP else 1
    room = (width - 28 * (panels - 1)) / panels
    y = 0.0
    names = list(declared.grades)
    for start in range(0, len(names), panels):
        heights = [
            _panel(drawing, results, name, visit, arm, k * (room + 28), y, room)
            for k, name in enumerate(names[start : start + panels])
        ]
        y += max(heights) + 26
    title = f"Grades at baseline and at {results.protocol.visit_label(visit)}, places counted"
    return drawing.svg(y - 18, title, description(results, visit, arm), results.simulated)


def _panel(
    drawing: Drawing, results: Results, name: str, visit: str, arm: str, x: float, y: float, room: float
) -> float:
    """One grade's table; gives its height."""
    cells, scale = cells_of(results, name, visit, arm)
    label = next(iter(cells.values()))["label"] if cells else name
    drawing.text(x, y + 12, label, size=NAME, bold=True)
    if not cells:
        drawing.text(x, y + 34, "no place was graded at both visits", size=NOTE, colour=GREY)
        return 40
    cell = min(CELL, (room - HEAD) / len(scale))
    left, top = x + HEAD, y + 48
    most = max((r["estimate"] for r in cells.values()), default=0) or 1
    style = arm_styles(results.protocol)[arm]
    drawing.text(left, y + 29, results.protocol.visit_label(visit), size=SMALL, colour=GREY)
    drawing.text(x, y + 44, "Baseline", size=SMALL, colour=GREY)
    for k, word in enumerate(scale):
        drawing.text(left + (k + 0.5) * cell, y + 44, word, size=NOTE, anchor="middle")
        middle_y = top + (k + 0.5) * HEIGHT + middle(NOTE)
        drawing.text(left - 10, middle_y, word, size=NOTE, anchor="end")
    size = len(scale)
    for k in range(size + 1):
        drawing.rule(left, top + k * HEIGHT, left + size * cell, top + k * HEIGHT)
        drawing.rule(left + k * cell, top, left + k * cell, top + size * HEIGHT)
    narrow = cell < 48
    for (before, after), r in cells.items():
        number = r["estimate"]
        if not number:
            continue
        centre_x, centre_y = left + (after + 0.5) * cell, top + (before + 0.5) * HEIGHT
        half = 9.5 * math.sqrt(number / most)
        same = before == after
        at = centre_x - (9 if narrow else 13)
        drawing.mark(
            "square",
            at,
            centre_y,
            GREY if same else style.colour,
            max(half * (0.75 if narrow else 1), 1.6),
            r,
            filled=not same,
        )
        drawing.text(
            centre_x + (16 if narrow else 22), centre_y + middle(SMALL), f"{number:.0f}", size=SMALL, anchor="end",
            colour=GREY if same else INK, row=r,
        )  # fmt: skip
    return 48 + size * HEIGHT


def cells_of(
    results: Results, name: str, visit: str, arm: str
) -> tuple[dict[tuple[int, int], Row], tuple[str, ...]]:
    """(before, after) -> the row of a cell, and the categories of the grade."""
    declared = results.protocol.imaging
    if declared is None:
        return {}, ()
    items = dict(results.protocol.forms[declared.form].items)
    scale = categories_of(declared.grades[name], name, items)
    rows = results.rows(
        analysis="imaging", endpoint=f"{declared.form}.{name}", visit=visit, arm=arm, statistic="places"
    )
    by_category = {r["category"]: r for r in rows}
    cells = {
        (b, a): by_category[f"{before} to {after}"]
        for b, before in enumerate(scale)
        for a, after in enumerate(scale)
        if f"{before} to {after}" in by_category
    }
    return (cells if any(r["estimate"] for r in cells.values()) else {}), scale


def description(results: Results, visit: str, arm: str) -> str:
    """What the figure shows, in words: for each grade the places that moved, and how many there are."""
    declared = results.protocol.imaging
    said: list[str] = []
    for name in declared.grades if declared else ():
        cells, _ = cells_of(results, name, visit, arm)
        if not cells:
            continue
        moved = _total(r for (b, a), r in cells.items() if b != a)
        said.append(
            f"{next(iter(cells.values()))['label']}: {moved} of {_total(cells.values())} places changed"
        )
    return "; ".join(said) + "."


def _total(rows: Iterable[Row]) -> int:
    return int(sum(r["estimate"] for r in rows))

"""The difference in responders at every threshold, with the band that holds all of them jointly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from armwise.analysis.results import Results, Row
from armwise.report.comparisons import has_interval, usable
from armwise.report.figures.scale import Scale, ticks
from armwise.report.figures.style import DESKTOP, GREY, INK, NOTE, SMALL, arm_styles
from armwise.report.figures.svg import Drawing, middle, px
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import levels, number, shown
from armwise.report.words import Words

HEIGHT = 220.0


def responder_band(results: Results, item: str, arm: str, visit: str, *, width: int = 720) -> str:
    """The difference between an arm and the reference at each threshold, as a step curve within its band.

    Args:
        results: the results.
        item: a block of thresholds of the protocol.
        arm, visit: whose curve.
        width: px.

    Returns:
        An SVG.
    """
    plot = _Band(results, item, arm, visit, width)
    height = plot.draw()
    title = (
        f"{plot.label}: difference in responders at every threshold, {results.protocol.visit_label(visit)}"
    )
    return plot.drawing.svg(height, title, plot.description(), results.simulated)


def curve_of(results: Results, item: str, arm: str, visit: str) -> list[Row]:
    """The rows of a curve, by threshold."""
    found = results.rows(
        analysis="thresholds", item=item, arm=arm, visit=visit, statistic="risk difference", category=None
    )
    return sorted((r for r in found if usable(r) and r["at"] is not None), key=lambda r: r["at"])


class _Band:
    """The curve and the places of the figure."""

    def __init__(self, results: Results, item: str, arm: str, visit: str, width: int) -> None:
        self.results, self.width, self.wide = results, width, width >= DESKTOP
        self.block = results.protocol.thresholds[item]
        self.drawing = Drawing(f"responder band {item} {arm} {visit}", width)
        self.style = arm_styles(results.protocol)[arm]
        words = Words.of(results)
        self.label = words.score(self.block.score).label
        self.unit = words.score(self.block.score).unit
        rows = curve_of(results, item, arm, visit)
        self.rows = rows[: _last(rows) + 1]
        self.note = NOTE if self.wide else SMALL
        shown_values = [
            100 * v for r in self.rows for v in (r["lower"], r["upper"], r["estimate"]) if v is not None
        ]
        self.y_ticks = ticks([*shown_values, 0.0], 6)
        self.x_ticks = ticks([0.0, self.rows[-1]["at"]], 9 if self.wide else 6)
        self.left = max(text_width(self.y_ticks.label(v), self.note) for v in self.y_ticks.values) + 8
        self.x = Scale(self.x_ticks.values[0], self.x_ticks.values[-1], self.left, width - 14)

    def draw(self) -> float:
        """Draws everything; gives the height."""
        level = next(iter(levels(self.rows)), "").replace(" CI", "")
        band = f", with a {level} band that holds the whole curve" if level else ""
        head = wrap(f"Difference in responders, percentage points{band}", self.width, NOTE)
        top = self.drawing.lines(0, 13, head, size=NOTE, colour=GREY) + 4
        marks = self._marks()
        top += 16 if marks else 0
        bottom = top + HEIGHT
        y = Scale(self.y_ticks.values[0], self.y_ticks.values[-1], bottom, top)
        for value in self.y_ticks.values:
            self.drawing.rule(self.left, y(value), self.x.end, y(value))
            label = self.y_ticks.label(value)
            at = y(value) + middle(self.note)
            self.drawing.text(self.left - 7, at, label, size=self.note, colour=GREY, anchor="end")
        self.drawing.rule(self.left, y(0), self.x.end, y(0), INK, 1.2)
        last = -math.inf
        for value in marks:
            self.drawing.rule(self.x(value), top, self.x(value), bottom, GREY, 1.2, "2 3")
            text = number(value, 0 if value == int(value) else 1)
            half = text_width(text, self.note) / 2
            if self.x(value) - half > last:
                self.drawing.text(self.x(value), top - 5, text, size=self.note, colour=GREY, anchor="middle")
                last = self.x(value) + half + 3
        banded = [r for r in self.rows if has_interval(r)]
        if banded:
            upper = _steps(banded, "upper", self.x, y)
            lower = _steps(banded, "lower", self.x, y)
            self.drawing.area("M" + "L".join([*upper, *reversed(lower)]), self.style.colour)
        self.drawing.curve("M" + "L".join(_steps(self.rows, "estimate", self.x, y)), self.style.colour)
        return self._axis(bottom)

    def _marks(self) -> list[float]:
        """The declared thresholds in points that lie on the axis."""
        points = [float(t.exact) for t in self.block.of if not t.percent]
        return sorted(p for p in points if p <= self.x_ticks.values[-1])

    def _axis(self, bottom: float) -> float:
        y = bottom + 17
        for value in self.x_ticks.values:
            self.drawing.text(self.x(value), y, self.x_ticks.label(value), size=self.note, anchor="middle")
        unit = f" ({self.unit})" if self.unit else ""
        words = f"improvement that makes a responder, {self.label}{unit}"
        centre = (self.left + self.x.end) / 2
        lines = wrap(words, self.x.end - self.left, self.note)
        below = self.drawing.lines(centre, y + 18, lines, size=self.note, colour=GREY, anchor="middle")
        return below - 8

    def description(self) -> str:
        """What the figure finds, with its numbers: at the declared thresholds."""
        said = []
        for point in self._marks():
            row = next((r for r in self.rows if r["at"] >= point - 1e-9), None)
            if row is not None:
                said.append(
                    f"at {number(row['at'], 0 if row['at'] == int(row['at']) else 1)}: {shown(row).long}"
                )
        return f"Step curve of the difference in responders: {'; '.join(said)}." if said else "A step curve."


def _last(rows: Sequence[Row]) -> int:
    """The last threshold worth drawing: one step beyond the last difference that is not nought."""
    there = [k for k, r in enumerate(rows) if abs(r["estimate"]) > 1e-12]
    return min(len(rows) - 1, max(there, default=len(rows) - 2) + 1)


def _steps(rows: Sequence[Row], part: str, x: Scale, y: Scale) -> list[str]:
    """The corners of a step curve: a threshold's value holds from the one before it up to it."""
    corners, before = [], 0.0
    for row in rows:
        height = px(y(100 * row[part]))
        corners += [f"{px(x(before))} {height}", f"{px(x(row['at']))} {height}"]
        before = row["at"]
    return corners

"""The cumulative distribution of change by arm: the share of patients at every threshold at once.

The figure that the FDA's guidance on patient-reported outcomes (2009) asks for beside a responder analysis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from armwise.analysis.results import Results, Row
from armwise.report.comparisons import usable
from armwise.report.figures.names import NOT_ESTIMABLE, arm_name, arm_short
from armwise.report.figures.scale import Scale, ticks
from armwise.report.figures.style import DESKTOP, GREY, INK, LABEL, NOTE, SMALL, Better, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle, px
from armwise.report.figures.text import spread, wrap
from armwise.report.figures.text import width as text_width
from armwise.report.numbers import number, shown
from armwise.report.words import Words

HEIGHT = 250.0


def distribution(
    results: Results,
    endpoint: str,
    visit: str,
    *,
    better: Better,
    threshold: float | None = None,
    width: int = 720,
) -> str:
    """Share of patients with each change or better, a step curve an arm, and the shares at a threshold.

    Args:
        results: the results.
        endpoint: a change endpoint of the protocol.
        visit: the visit of the change.
        better: the direction in which the score improves.
        threshold: the improvement that makes a responder, positive, in points; marked on the side of improvement.
        width: px; below 560 the arms have their short names.

    Returns:
        An SVG.
    """
    plot = _Distribution(results, endpoint, visit, better, threshold, width)
    height = plot.draw()
    title = f"{plot.label}: cumulative distribution of change at {results.protocol.visit_label(visit)}"
    return plot.drawing.svg(height, title, plot.description(), results.simulated)


class _Distribution:
    """The curves and places of the figure."""

    def __init__(
        self, results: Results, endpoint: str, visit: str, better: Better, threshold: float | None, width: int
    ) -> None:
        self.results, self.better, self.width, self.wide = results, better, width, width >= DESKTOP
        self.drawing = Drawing(f"distribution {endpoint} {visit}", width)
        self.styles = arm_styles(results.protocol)
        words = Words.of(results)
        self.label = words.score(words.score_of(endpoint)).label
        self.curves = {arm: self._curve(endpoint, visit, arm) for arm in results.protocol.arms}
        self.threshold = None if threshold is None else (-threshold if better == "lower" else threshold)
        ats = [row["at"] for rows in self.curves.values() for row in rows]
        extra = [] if self.threshold is None else [self.threshold]
        self.ticks = ticks([*ats, 0.0, *extra], 9 if self.wide else 6)
        self.note = NOTE if self.wide else SMALL
        self.shares = {arm: self._share(rows) for arm, rows in self.curves.items()}
        self._names()
        self.left = text_width("100%", self.note) + 8
        self.right = width - self.margin - 14
        self.x = Scale(self.ticks.values[0], self.ticks.values[-1], self.left, self.right)

    def _curve(self, endpoint: str, visit: str, arm: str) -> list[Row]:
        found = self.results.rows(
            analysis="distribution", statistic="cumulative share", endpoint=endpoint, visit=visit, arm=arm
        )
        return sorted(
            (row for row in found if usable(row) and row["at"] is not None), key=lambda row: row["at"]
        )

    def _share(self, rows: Sequence[Row]) -> Row | None:
        """The step of a curve at the threshold; None where no patient reached it."""
        if self.threshold is None:
            return None
        slack = 1e-9 * max(1.0, abs(self.threshold))
        if self.better == "lower":
            reached = [row for row in rows if row["at"] <= self.threshold + slack]
            return reached[-1] if reached else None
        reached = [row for row in rows if row["at"] >= self.threshold - slack]
        return reached[0] if reached else None

    def _names(self) -> None:
        """The arms' names, wrapped for the right margin, and how wide that is."""
        room = 164.0 if self.wide else 92.0
        names = {
            arm: arm_name(self.results, arm) if self.wide else arm_short(self.results, arm)
            for arm in self.curves
        }
        self.names = {arm: wrap(name, room, LABEL, True) for arm, name in names.items()}
        self.head = wrap(self._threshold_words(), room, self.note) if self.threshold is not None else []
        wanted = [text_width(line, LABEL, True) for lines in self.names.values() for line in lines]
        self.margin = max([*wanted, *(text_width(line, self.note) for line in self.head)])

    def _threshold_words(self) -> str:
        assert self.threshold is not None
        decimals = next(
            (d for d in range(4) if math.isclose(self.threshold, round(self.threshold, d), rel_tol=1e-9)), 4
        )
        return f"at {number(self.threshold, decimals)} or better"

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self.drawing.lines(
            0,
            13,
            wrap("Share of patients with this change or better", self.width, NOTE),
            size=NOTE,
            colour=GREY,
        )
        heights = {arm: leading(LABEL) * (len(self.names[arm]) + 1) + 5 for arm in self.names}
        head = leading(self.note) * len(self.head)
        top = y + 4
        bottom = top + max(HEIGHT, sum(heights.values()) + head - 10)
        scale = Scale(0, 100, bottom, top)
        for share in (0, 25, 50, 75, 100):
            text = "100%" if share == 100 else str(share)
            self.drawing.rule(self.left, scale(share), self.right, scale(share))
            self.drawing.text(
                self.left - 7,
                scale(share) + middle(self.note),
                text,
                size=self.note,
                colour=GREY,
                anchor="end",
            )
        self.drawing.rule(self.x(0), top, self.x(0), bottom, INK, 1.2)
        if self.threshold is not None:
            self.drawing.rule(self.x(self.threshold), top, self.x(self.threshold), bottom, GREY, 1.2, "2 3")
        for arm in reversed(list(self.curves)):
            self._steps(arm, scale)
        self._labels(scale, heights, top, head)
        return self._axis(bottom)

    def _steps(self, arm: str, scale: Scale) -> None:
        rows, style = self.curves[arm], self.styles[arm]
        if not rows:
            return
        commands: list[str] = []
        if self.better == "lower":
            commands.append(f"M{px(self.x.start)} {px(scale(0))}")
            for row in rows:
                commands.append(f"H{px(self.x(row['at']))}V{px(scale(row['estimate'] * 100))}")
            commands.append(f"H{px(self.x.end)}")
        else:
            commands.append(f"M{px(self.x.end)} {px(scale(0))}")
            for row in reversed(rows):
                commands.append(f"H{px(self.x(row['at']))}V{px(scale(row['estimate'] * 100))}")
            commands.append(f"H{px(self.x.start)}")
        self.drawing.curve("".join(commands), style.colour, dash=style.dash)

    def _labels(self, scale: Scale, heights: dict[str, float], top: float, head: float) -> None:
        """Names at the right, at the height of the share at the threshold, tied to it by a thin line.

        Without a threshold they stand at the height of the share at no change.
        """
        at = self.threshold if self.threshold is not None else 0.0
        shares = {arm: row["estimate"] * 100 if row else 0.0 for arm, row in self.shares.items()}
        arms = list(self.curves)
        wanted = [scale(shares[arm]) + heights[arm] / 2 - LABEL * 0.95 + middle(LABEL) for arm in arms]
        centres = spread(wanted, [heights[arm] for arm in arms], top + head - 4, scale.start + 6)
        if self.head:
            first = min(c - heights[a] / 2 for a, c in zip(arms, centres, strict=True))
            y = first - head + self.note * 0.9
            self.drawing.lines(self.right + 12, y, self.head, size=self.note, colour=GREY)
        for arm, centre in zip(arms, centres, strict=True):
            style, row = self.styles[arm], self.shares[arm]
            y = centre - heights[arm] / 2 + LABEL * 0.95
            if self.threshold is not None:
                x, level = self.x(at), scale(shares[arm])
                elbow = y - middle(LABEL)
                self.drawing.rule(x, level, self.right - 4, level, style.colour, 0.8)
                self.drawing.rule(self.right - 4, level, self.right + 8, elbow, style.colour, 0.8)
                self.drawing.arm_mark(style, x, level, row=row)
                text = shown(row).estimate if row else ("none" if self.curves[arm] else NOT_ESTIMABLE)
                y = self.drawing.lines(
                    self.right + 12, y, [text], size=LABEL, colour=style.colour, bold=True, row=row
                )
            self.drawing.lines(self.right + 12, y, self.names[arm], size=LABEL, colour=style.colour)

    def _axis(self, bottom: float) -> float:
        """The changes, what they are changes of, and which side is better."""
        y = bottom + 17
        last = -math.inf
        for value in self.ticks.values:
            half = text_width(self.ticks.label(value), self.note) / 2
            if self.x(value) - half > last:
                self.drawing.text(self.x(value), y, self.ticks.label(value), size=self.note, anchor="middle")
                last = self.x(value) + half + 5
        sides = ("← improved", "worse →") if self.better == "lower" else ("← worse", "improved →")
        self.drawing.text(self.left, y + 18, sides[0], size=self.note, colour=GREY)
        self.drawing.text(self.right, y + 18, sides[1], size=self.note, colour=GREY, anchor="end")
        words = f"change in {self.label}"
        room = self.right - self.left - text_width(sides[0], self.note) - text_width(sides[1], self.note) - 24
        if text_width(words, self.note) <= room:
            middle_x = (
                self.left + self.right + text_width(sides[0], self.note) - text_width(sides[1], self.note)
            ) / 2
            self.drawing.text(middle_x, y + 18, words, size=self.note, colour=GREY, anchor="middle")
            return y + 24
        lines = wrap(words, self.right - self.left, self.note)
        return (
            self.drawing.lines(
                (self.left + self.right) / 2, y + 34, lines, size=self.note, colour=GREY, anchor="middle"
            )
            - 9
        )

    def description(self) -> str:
        """What the figure finds, with its numbers."""
        if self.threshold is None:
            return f"Step curves of the change in {self.label}, one an arm."
        said = []
        for arm, row in self.shares.items():
            share = shown(row).estimate if row else ("none" if self.curves[arm] else NOT_ESTIMABLE)
            said.append(f"{arm_name(self.results, arm)} {share}")
        return f"Share of patients with a change {self._threshold_words()}: {', '.join(said)}."

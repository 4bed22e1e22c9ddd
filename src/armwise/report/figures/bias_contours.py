"""What a confounder that was not measured would leave of a linear comparison: contours over its two strengths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from armwise.analysis.results import Results, Row
from armwise.report.figures.scale import Scale, ticks
from armwise.report.figures.style import BLUE, DESKTOP, GREY, INK, NOTE, OCHRE, RULE, SMALL
from armwise.report.figures.svg import Drawing, leading, middle, px
from armwise.report.figures.text import spread, wrap
from armwise.report.figures.text import width as text_width
from armwise.report.numbers import number, percent, shown
from armwise.stats import LinearComparison, adjusted_for

STEPS = 160


@dataclass(frozen=True)
class Benchmark:
    """A confounder k times as strong as a measured covariate.

    Attributes:
        label: `1 x baseline ODI`.
        x, y: its partial R2 with the arm and with the outcome.
        row: the comparison beside it.
    """

    label: str
    x: float
    y: float
    row: Row


def bias_contours(
    results: Results, linear: Row, benchmarks: Sequence[Benchmark], *, robustness: float, name: str, what: str,
    width: int = 720,
) -> str:  # fmt: skip
    """Draws the contours of the adjusted difference.

    Args:
        results: the results.
        linear: the linear comparison, with its standard error and degrees of freedom.
        benchmarks: the confounders to be marked.
        robustness: the robustness value, which the axes must hold.
        name: of the drawing, unique in a page.
        what: what is compared, for the title.
        width: px.

    Returns:
        An SVG.
    """
    plot = Contours(linear, benchmarks, robustness, Drawing(name, width), width)
    height = plot.draw()
    return plot.drawing.svg(
        height, f"{what}: what a confounder that was not measured would leave", plot.said(), results.simulated
    )


class Contours:
    """The figure in the making: scales, contours, benchmarks."""

    def __init__(
        self, linear: Row, benchmarks: Sequence[Benchmark], robustness: float, drawing: Drawing, width: int
    ) -> None:
        self.linear, self.benchmarks, self.drawing, self.width = linear, benchmarks, drawing, width
        self.found = LinearComparison(linear["estimate"], linear["se"], int(linear["df"]), {}, linear["n"])
        self.level = linear["conf_level"] or 0.95
        self.digits = shown(linear).decimals
        self.wide = width >= DESKTOP
        self.note = NOTE if self.wide else SMALL
        reach = [b.x for b in benchmarks] + [min(robustness, 0.6)]
        self.most_x = min(0.95, 1.2 * max([*reach, 0.05]))
        reach = [b.y for b in benchmarks] + [min(robustness, 0.9)]
        self.most_y = min(1.0, 1.15 * max([*reach, 0.1]))

    def draw(self) -> float:
        """Draws everything; gives the height."""
        d, note = self.drawing, self.note
        up = "Share of the outcome that the confounder explains (partial R²)"
        top = d.lines(0, note, wrap(up, self.width - 4, note, True), size=note, bold=True) + 14
        tx, ty = ticks([0, self.most_x], 5 if self.wide else 4), ticks([0, self.most_y], 5)
        left = 10 + max(text_width(percent(v), note) for v in ty.values)
        values = [number(v, self.digits) for v in self.levels()]
        right = self.width - 12 - max([text_width(v, note) for v in values] + [30.0])
        tall = min(380.0, 0.75 * (right - left)) if self.wide else 0.95 * (right - left)
        bottom = top + tall
        self.x, self.y = Scale(0, self.most_x, left, right), Scale(0, self.most_y, bottom, top)
        for v in [v for v in ty.values if v <= self.most_y + 1e-9]:
            d.rule(left, self.y(v), right, self.y(v), RULE)
            d.text(left - 6, self.y(v) + middle(note), percent(v), size=note, colour=GREY, anchor="end")
        for v in [v for v in tx.values if v <= self.most_x + 1e-9]:
            d.rule(self.x(v), bottom, self.x(v), bottom + 4, GREY)
            d.text(self.x(v), bottom + note + 6, percent(v), size=note, colour=GREY, anchor="middle")
        d.rule(left, bottom, right, bottom, GREY)
        self._contours(right, top)
        self._marks(left, right)
        across = "Share of the arm that the confounder explains, beyond what was measured (partial R²)"
        y = bottom + 2 * note + 14
        y = d.lines(left, y, wrap(across, self.width - left, note, True), size=note, bold=True)
        return self._legend(y + 2, left)

    def levels(self) -> list[float]:
        """The differences whose contours are drawn: round ones from the estimate to beyond none, none among them."""
        estimate = self.found.estimate
        worst = adjusted_for(self.found, self.most_x, self.most_y).estimate
        scale = ticks([min(estimate, worst), max(estimate, worst)], 6).values
        low, high = sorted((estimate, worst))
        return [v for v in dict.fromkeys((*scale, 0.0)) if low < v < high]

    def _contours(self, right: float, top: float) -> None:
        d, note = self.drawing, self.note
        ends: list[tuple[float, float, str, bool]] = []
        for value in self.levels():
            none = abs(value) < 1e-12
            line = self._line(lambda x, v=value: self._outcome_share(x, v))  # type: ignore[misc]
            if line:
                self._curve(line, INK if none else BLUE, 2.4 if none else 1.2)
                ends.append((*line[-1], number(value, self.digits), none))
        limit = self._line(self._limit_share)
        if limit:
            self._curve(limit, OCHRE, 2, "6 4")
        at_side = [e for e in ends if e[0] > self.most_x * 0.995]
        places = spread([self.y(e[1]) for e in at_side], [leading(note)] * len(at_side), top, self.y(0) + 8)
        for (_, _, said, none), y in zip(at_side, places, strict=True):
            d.text(right + 5, y + middle(note), said, size=note, bold=none, colour=INK if none else BLUE)

    def _outcome_share(self, x: float, value: float) -> float | None:
        """The share of the outcome at which a confounder that explains x of the arm leaves this difference."""
        f = self.found
        bias = (f.estimate - value) * math.copysign(1.0, f.estimate) / f.se
        return bias * bias * (1 - x) / (f.df * x) if x > 0 and bias >= 0 else None

    def _limit_share(self, x: float) -> float | None:
        """The smallest share of the outcome at which the interval touches no difference."""

        def clear(y: float) -> bool:
            a = adjusted_for(self.found, x, y, self.level)
            return a.lower > 0 or a.upper < 0

        if not clear(0.0):
            return None
        low, step = 0.0, self.most_y / 60
        while low + step <= self.most_y + 1e-12:
            if not clear(min(1.0, low + step)):
                high = min(1.0, low + step)
                for _ in range(30):
                    mid = (low + high) / 2
                    low, high = (mid, high) if clear(mid) else (low, mid)
                return high
            low += step
        return None

    def _line(self, share: Callable[[float], float | None]) -> list[tuple[float, float]]:
        """The points of a contour that lie within the axes, from the left."""
        points = []
        for i in range(1, STEPS + 1):
            x = self.most_x * (i / STEPS) ** 2  # closer where the contours are steep
            y = share(x)
            if y is not None and y <= self.most_y:
                points.append((x, y))
        return points

    def _curve(self, line: Sequence[tuple[float, float]], colour: str, weight: float, dash: str = "") -> None:
        path = "L".join(f"{px(self.x(x))} {px(self.y(y))}" for x, y in line)
        self.drawing.curve(f"M{path}", colour, weight, dash)

    def _marks(self, left: float, right: float) -> None:
        d, note = self.drawing, self.note
        d.mark("diamond", self.x(0), self.y(0), INK, 5, self.linear)
        first = f"as estimated: {shown(self.linear).estimate}"
        d.text(self.x(0) + 9, self.y(0) - 7, first, size=note, row=self.linear)
        room = 170.0 if self.wide else 112.0
        said = [wrap(f"{b.label}: {shown(b.row, self.digits).estimate}", room, note) for b in self.benchmarks]
        heights = [leading(note) * len(lines) + 2 for lines in said]
        places = spread(
            [self.y(b.y) for b in self.benchmarks], heights, self.y(self.most_y) - 6, self.y(0) - 22
        )
        for b, lines, height, place in zip(self.benchmarks, said, heights, places, strict=True):
            x = self.x(b.x)
            d.mark("disc", x, self.y(b.y), INK, 4, b.row)
            widest = max(text_width(line, note) for line in lines)
            before = x + 9 + widest > right and x - 9 - widest > left
            d.lines(
                x - 9 if before else x + 9, place - height / 2 + note, lines, size=note, row=b.row,
                anchor="end" if before else "start",
            )  # fmt: skip

    def _legend(self, y: float, left: float) -> float:
        d, note = self.drawing, self.note
        unit = shown(self.linear).unit
        for colour, weight, dash, said in (
            (BLUE, 1.2, "", f"the difference that would be left{f' ({unit})' if unit else ''}"),
            (INK, 2.4, "", "no difference would be left"),
            (OCHRE, 2.0, "6 4", "from here on the interval includes no difference"),
        ):
            y += 4
            d.bar(left, y - middle(note), left + 24, y - middle(note), colour, weight, dash)
            y = d.lines(left + 32, y, wrap(said, self.width - left - 36, note), size=note)
        return y - leading(note) + 8

    def said(self) -> str:
        """The figure in words."""
        parts = [f"Estimated: {shown(self.linear).levelled}."]
        parts += [f"{b.label}: {shown(b.row, self.digits).levelled}." for b in self.benchmarks]
        return " ".join(parts)

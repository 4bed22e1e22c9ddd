"""Responders by visit: the share of each arm with its interval, and the difference between the arms."""

from __future__ import annotations

from collections.abc import Sequence

from armwise.analysis.results import Results, Row
from armwise.report.figures.scale import Scale
from armwise.report.figures.selection import (
    NOT_ESTIMABLE,
    analyses_of,
    arm_name,
    described,
    differences,
    estimable,
    has_interval,
    value_text,
)
from armwise.report.figures.style import DESKTOP, GREY, INK, LABEL, NAME, NOTE, SMALL, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import confidence, number, shown

LANE = 18.0


def responders(
    results: Results, endpoint: str, analyses: Sequence[str] | None = None, *, width: int = 720
) -> str:
    """The share of responders by visit and arm, with its interval, and the adjusted difference in figures.

    Args:
        results: the results.
        endpoint: a yes-or-no endpoint of the protocol.
        analyses: whose differences are shown, the first that has a visit; all of the endpoint by default.
        width: px; below 560 visits and differences stand above the intervals.

    Returns:
        An SVG.
    """
    plot = _Responders(results, endpoint, analyses or analyses_of(results, endpoint), width)
    height = plot.draw()
    return plot.drawing.svg(
        height, f"{plot.label}: responders by visit", plot.description(), results.simulated
    )


class _Responders:
    """The rows and places of the figure: a block a visit, a lane an arm."""

    def __init__(self, results: Results, endpoint: str, analyses: Sequence[str], width: int) -> None:
        protocol = results.protocol
        self.results, self.width, self.wide = results, width, width >= DESKTOP
        self.drawing = Drawing(f"responders {endpoint}", width)
        self.styles = arm_styles(protocol)
        self.label = protocol.endpoints[endpoint].label or endpoint
        self.risks = described(results, endpoint, "risk")
        self.counts = described(results, endpoint, "responders")
        self.visits = [v for v in protocol.visits if any(v in rows for rows in self.risks.values())]
        self.gaps = differences(results, analyses)
        shares = [text_width(self._count(v, arm), SMALL) for arm in self.risks for v in self.visits]
        count = max(shares, default=0)
        if self.wide:
            texts = [
                text_width(value_text(row), NAME) for rows in self.gaps.values() for row in rows.values()
            ]
            self.first = min(
                max((text_width(protocol.visit_label(v), NAME, True) for v in self.visits), default=0), 120
            )
            self.counts_at = self.first + 16 + count
            self.right = width - max([*texts, text_width("percentage points", NOTE)]) - 56
        else:
            self.first, self.counts_at, self.right = float(width), count, width - 44.0
        self.scale = Scale(0, 100, self.counts_at + 18, self.right)

    def _count(self, visit: str, arm: str) -> str:
        """`32/40`."""
        row = self.counts[arm].get(visit)
        if row is None or not estimable(row):
            return ""
        return f"{value_text(row)}/{number(row['n'])}" if row["n"] is not None else value_text(row)

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self._head()
        top = y
        spans = []
        for visit in self.visits:
            y, span = self._visit(visit, y)
            spans.append(span)
        for low, high in [(top, y - 8)] if self.wide else spans:
            for value in (0, 25, 50, 75, 100):
                self.drawing.rule(self.scale(value), low, self.scale(value), high)
        for value in (0, 25, 50, 75, 100):
            text = f"{value}%" if value == 100 else str(value)
            self.drawing.text(self.scale(value), y + 8, text, size=NOTE, colour=GREY, anchor="middle")
        return y + 16

    def _head(self) -> float:
        rows = [row for rows in self.gaps.values() for row in rows.values()]
        declared = [self.results.protocol.analyses[row["analysis"]] for row in rows]
        what = "Adjusted difference" if any(a.adjust != "none" for a in declared) else "Difference"
        level = confidence(rows[0]["conf_level"] or 0.95) if rows else "95% CI"
        risk = next(
            (
                row["conf_level"]
                for found in self.risks.values()
                for row in found.values()
                if row["conf_level"]
            ),
            0.95,
        )
        if not self.wide:
            text = f"Responders, per cent ({confidence(risk)})" + (
                f"; {what.lower()}, percentage points ({level})" if rows else ""
            )
            return self.drawing.lines(0, 13, wrap(text, self.width, NOTE), size=NOTE, colour=GREY) - 6
        self.drawing.text(
            self.scale.start, 29, f"Responders, per cent ({confidence(risk)})", size=NOTE, colour=GREY
        )
        if rows:
            self.drawing.text(self.width, 14, f"{what},", size=NOTE, colour=GREY, anchor="end")
            self.drawing.text(
                self.width, 29, f"percentage points ({level})", size=NOTE, colour=GREY, anchor="end"
            )
        return 38

    def _visit(self, visit: str, y: float) -> tuple[float, tuple[float, float]]:
        """One visit: a lane an arm; the first visit names the arms at their lanes."""
        arms = list(self.risks)
        naming = visit == self.visits[0]
        label = wrap(self.results.protocol.visit_label(visit), self.first, NAME, True)
        if not self.wide:
            y = self._narrow_head(visit, label, y)
        top = y
        lanes: dict[str, float] = {}
        for i, arm in enumerate(arms):
            last_of_two = len(arms) == 2 and i == 1
            if naming and not last_of_two:
                y = self._name(arm, y)
            lanes[arm] = y + LANE / 2
            self._lane(visit, arm, lanes[arm])
            y += LANE
            if naming and last_of_two:
                y = self._name(arm, y - 4) + 4
        if self.wide:
            middle_y = sum(lanes.values()) / len(lanes)
            step = leading(NAME)
            self.drawing.lines(
                0, middle_y + middle(NAME) - step * (len(label) - 1) / 2, label, size=NAME, bold=True
            )
            for arm, gaps in self.gaps.items():
                if visit in gaps:
                    at = middle_y if len(self.gaps) == 1 else lanes[arm]
                    self._difference(gaps[visit], at + middle(NAME))
            y = max(y, top + step * len(label))
        return y + (14 if self.wide else 10), (top + 1, y - 1)

    def _narrow_head(self, visit: str, label: list[str], y: float) -> float:
        """The visit, and its differences right of it, each with the mark of its arm where there are several."""
        gaps = [(arm, rows[visit]) for arm, rows in self.gaps.items() if visit in rows]
        several = 18.0 if len(gaps) > 1 else 0.0
        texts = [f"difference {value_text(row)}" for _, row in gaps]
        room = self.width - max((text_width(text, NAME) for text in texts), default=0) - several - 12
        below = self.drawing.lines(0, y + 16, wrap(" ".join(label), room, NAME, True), size=NAME, bold=True)
        baseline = y + 16
        for (arm, row), text in zip(gaps, texts, strict=True):
            if several:
                self.drawing.arm_mark(self.styles[arm], self.width - 6, baseline - middle(NAME), 4)
            self.drawing.text(self.width - several, baseline, text, size=NAME, anchor="end", row=row)
            baseline += leading(NAME)
        return max(below, baseline) - leading(NAME) + 8

    def _name(self, arm: str, y: float) -> float:
        """The arm's name beside its first interval; gives the place below."""
        first = self.risks[arm].get(self.visits[0])
        room = self.right - self.scale.start + 30
        lines = wrap(arm_name(self.results, arm), room, LABEL, True)
        wide = max(text_width(line, LABEL, True) for line in lines)
        x = (
            self.scale((first["lower"] or 0) * 100)
            if first is not None and estimable(first)
            else self.scale.start
        )
        x = max(self.scale.start, min(x, self.scale.start + room - wide))
        below = self.drawing.lines(x, y + 13, lines, size=LABEL, colour=self.styles[arm].colour, bold=True)
        return below - leading(LABEL) + 3

    def _lane(self, visit: str, arm: str, y: float) -> None:
        style, row = self.styles[arm], self.risks[arm].get(visit)
        count = self.counts[arm].get(visit)
        if self._count(visit, arm):
            self.drawing.text(
                self.counts_at,
                y + middle(SMALL),
                self._count(visit, arm),
                size=SMALL,
                colour=style.colour,
                anchor="end",
                row=count,
            )
        if row is None or not estimable(row):
            self.drawing.text(
                self.scale.start + 4, y + middle(SMALL), NOT_ESTIMABLE, size=SMALL, colour=GREY, row=row
            )
            return
        x = self.scale(row["estimate"] * 100)
        end = x + 6
        if has_interval(row):
            self.drawing.bar(
                self.scale(row["lower"] * 100),
                y,
                self.scale(row["upper"] * 100),
                y,
                style.colour,
                1.8,
                style.dash and "5 2",
            )
            end = max(end, self.scale(row["upper"] * 100))
        self.drawing.arm_mark(style, x, y, row=row)
        self.drawing.text(
            end + 6, y + middle(SMALL), shown(row).estimate, size=SMALL, colour=style.colour, row=row
        )

    def _difference(self, row: Row, y: float) -> None:
        self.drawing.text(
            self.width,
            y,
            value_text(row),
            size=NAME,
            anchor="end",
            colour=INK if estimable(row) else GREY,
            row=row,
        )

    def description(self) -> str:
        """What the figure finds, with its numbers."""
        parts = []
        for visit in self.visits:
            said = []
            for arm, rows in self.risks.items():
                row = rows.get(visit)
                share = shown(row).estimate if row is not None and estimable(row) else NOT_ESTIMABLE
                count = self._count(visit, arm)
                said.append(f"{arm_name(self.results, arm)} {share}{f' ({count})' if count else ''}")
            for arm, rows in self.gaps.items():
                if visit in rows:
                    name = f" of {arm_name(self.results, arm)}" if len(self.gaps) > 1 else ""
                    said.append(
                        f"difference{name} {shown(rows[visit]).long if estimable(rows[visit]) else NOT_ESTIMABLE}"
                    )
            parts.append(f"{self.results.protocol.visit_label(visit)}: {', '.join(said)}.")
        return " ".join(parts)

"""Responders by visit: the share of each arm with its interval, and the difference between the arms."""

from __future__ import annotations

import itertools

from armwise.analysis.comparison import AS_ANALYSED
from armwise.analysis.results import Results, Row
from armwise.report.comparisons import analysed, by_visit, differences, has_interval, usable
from armwise.report.figures.forest import statistic_words
from armwise.report.figures.names import NOT_ESTIMABLE, arm_name, value_text
from armwise.report.figures.scale import Scale
from armwise.report.figures.style import DESKTOP, GREY, INK, LABEL, NAME, NOTE, SMALL, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import MIXED, level, levels, number, shown
from armwise.report.words import joined

LANE = 18.0


def responders(results: Results, endpoint: str, *, width: int = 720) -> str:
    """The share of responders by visit and arm, with its interval, and the adjusted difference in figures.

    Where arms are compared the counts and shares are those of the patients compared; at other visits, of those with
    the answer.

    Args:
        results: the results.
        endpoint: a yes-or-no endpoint of the protocol.
        width: px; below 560 visits and differences stand above the intervals.

    Returns:
        An SVG.
    """
    plot = _Responders(results, endpoint, width)
    height = plot.draw()
    return plot.drawing.svg(
        height, f"{plot.label}: responders by visit", plot.description(), results.simulated
    )


class _Responders:
    """The rows and places of the figure: a block a visit, a lane an arm."""

    def __init__(self, results: Results, endpoint: str, width: int) -> None:
        protocol = results.protocol
        self.results, self.width, self.wide = results, width, width >= DESKTOP
        self.drawing = Drawing(f"responders {endpoint}", width)
        self.styles = arm_styles(protocol)
        self.label = protocol.endpoints[endpoint].label or endpoint
        self.risks = by_visit(results, endpoint, "risk")
        self.counts = by_visit(results, endpoint, "responders")
        self.visits = [v for v in protocol.visits if any(v in rows for rows in self.risks.values())]
        self.gaps = differences(results, endpoint)
        self.level = level(row for rows in self.gaps.values() for row in rows.values())
        self.statistics = {row["statistic"] for rows in self.gaps.values() for row in rows.values()}
        self.several = 18.0 if sum(map(bool, self.gaps.values())) > 1 else 0.0
        self._take_analysed()
        shares = [text_width(self._count(v, arm), SMALL) for arm in self.risks for v in self.visits]
        count = max(shares, default=0)
        if self.wide:
            texts = [text_width(self._gap(row), NAME) for rows in self.gaps.values() for row in rows.values()]
            self.first = min(
                max((text_width(protocol.visit_label(v), NAME, True) for v in self.visits), default=0), 120
            )
            self.counts_at = self.first + 16 + count
            heads = [text_width(line, NOTE) for line in self._gap_head()]
            self.right = width - max([*(t + self.several for t in texts), *heads], default=0.0) - 56
        else:
            self.first, self.counts_at, self.right = float(width), count, width - 44.0
        self.scale = Scale(0, 100, self.counts_at + 18, self.right)

    def _take_analysed(self) -> None:
        """Beside a difference stand the counts and shares of those behind it."""
        for visit in self.visits:
            names = {rows[visit]["analysis"] for rows in self.gaps.values() if visit in rows}
            for name, arm in itertools.product(names, self.risks):
                count = analysed(self.results, name, visit, arm, "responders")
                risk = analysed(self.results, name, visit, arm, "risk")
                if count is not None and count["method"] == AS_ANALYSED and risk is not None:
                    self.counts[arm][visit], self.risks[arm][visit] = count, risk

    def _gap(self, row: Row) -> str:
        """A comparison; with its statistic and its level where those of the figure differ."""
        value = value_text(row, level=self.level == MIXED)
        return value if len(self.statistics) < 2 else f"{statistic_words(row['statistic'])} {value}"

    def _gap_head(self) -> list[str]:
        """What the comparisons are, in two lines: `Adjusted difference,` `percentage points (95% CI)`."""
        if not self.statistics:
            return []
        names = {row["analysis"] for rows in self.gaps.values() for row in rows.values()}
        adjusted = any(self.results.protocol.analyses[name].adjust != "none" for name in names)
        what = statistic_words(next(iter(self.statistics))) if len(self.statistics) == 1 else "comparison"
        what = (f"adjusted {what}" if adjusted else what).capitalize()
        if self.statistics == {"risk difference"}:
            return [f"{what},", f"percentage points ({self.level})"]
        return [what, f"({self.level})"]

    def _count(self, visit: str, arm: str) -> str:
        """`32/40`."""
        row = self.counts[arm].get(visit)
        if row is None or not usable(row):
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
        risk = joined(levels(row for found in self.risks.values() for row in found.values())) or MIXED
        head = self._gap_head()
        if not self.wide:
            said = " ".join(head)
            text = "; ".join(filter(None, (f"Responders, per cent ({risk})", said[:1].lower() + said[1:])))
            return self.drawing.lines(0, 13, wrap(text, self.width, NOTE), size=NOTE, colour=GREY) - 6
        self.drawing.text(self.scale.start, 29, f"Responders, per cent ({risk})", size=NOTE, colour=GREY)
        for line, y in zip(head, (14, 29), strict=False):
            self.drawing.text(self.width, y, line, size=NOTE, colour=GREY, anchor="end")
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
                    self._difference(arm, gaps[visit], at + middle(NAME))
            y = max(y, top + step * len(label))
        return y + (14 if self.wide else 10), (top + 1, y - 1)

    def _narrow_head(self, visit: str, label: list[str], y: float) -> float:
        """The visit, and its differences right of it, each with the mark of its arm where there are several."""
        gaps = [(arm, rows[visit]) for arm, rows in self.gaps.items() if visit in rows]
        several = self.several
        what = f"{statistic_words(next(iter(self.statistics)))} " if len(self.statistics) == 1 else ""
        texts = [f"{what}{self._gap(row)}" for _, row in gaps]
        room = self.width - max((text_width(text, NAME) for text in texts), default=0) - several - 12
        below = self.drawing.lines(0, y + 16, wrap(" ".join(label), room, NAME, True), size=NAME, bold=True)
        baseline = y + 16
        for (arm, row), text in zip(gaps, texts, strict=True):
            if several:
                self.drawing.arm_mark(self.styles[arm], self.width - 6, baseline - middle(NAME), 4)
            colour = self._gap_colour(arm, row)
            self.drawing.text(
                self.width - several, baseline, text, size=NAME, anchor="end", colour=colour, row=row
            )
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
            if first is not None and usable(first)
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
        if row is None or not usable(row):
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

    def _difference(self, arm: str, row: Row, y: float) -> None:
        """A comparison in figures; with the mark and the colour of its arm where there are several."""
        style = self.styles[arm]
        if self.several:
            self.drawing.arm_mark(style, self.width - 6, y - middle(NAME), 4)
        self.drawing.text(
            self.width - self.several,
            y,
            self._gap(row),
            size=NAME,
            anchor="end",
            colour=self._gap_colour(arm, row),
            row=row,
        )

    def _gap_colour(self, arm: str, row: Row) -> str:
        return GREY if not usable(row) else self.styles[arm].colour if self.several else INK

    def description(self) -> str:
        """What the figure finds, with its numbers."""
        parts = []
        for visit in self.visits:
            said = []
            for arm, rows in self.risks.items():
                row = rows.get(visit)
                share = shown(row).estimate if row is not None and usable(row) else NOT_ESTIMABLE
                count = self._count(visit, arm)
                said.append(f"{arm_name(self.results, arm)} {share}{f' ({count})' if count else ''}")
            for arm, rows in self.gaps.items():
                if visit in rows:
                    row = rows[visit]
                    name = f" of {arm_name(self.results, arm)}" if len(self.gaps) > 1 else ""
                    value = shown(row).long if usable(row) else NOT_ESTIMABLE
                    said.append(f"{statistic_words(row['statistic'])}{name} {value}")
            parts.append(f"{self.results.protocol.visit_label(visit)}: {', '.join(said)}.")
        return " ".join(parts)

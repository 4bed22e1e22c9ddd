"""Two panels on one time axis: means by arm above, the difference between the arms below, who was seen under them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from armwise.analysis.repeated import TOO_FEW
from armwise.analysis.results import Results, Row
from armwise.report.comparisons import Table, has_interval, treatments, usable
from armwise.report.figures.names import NOT_ESTIMABLE, arm_name, arm_short, time_axis, value_text
from armwise.report.figures.scale import Scale, Ticks, ticks
from armwise.report.figures.style import DESKTOP, GREY, INK, LABEL, NOTE, SMALL, Better, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle, px
from armwise.report.figures.text import spread, wrap
from armwise.report.figures.text import width as text_width
from armwise.report.numbers import MIXED, level, levels, shown
from armwise.report.words import Words, joined

ABOVE, BELOW = 210.0, 112.0  # heights of the two panels; the upper one grows with its names
DODGE = 5.0


@dataclass(frozen=True)
class Course:
    """What the panels show.

    Attributes:
        name: of the drawing, unique in a page.
        what: what is drawn above, in words: `Mean Oswestry Disability Index`.
        means, counts: rows by arm and visit.
        gaps: the comparisons by arm and visit.
        digits: decimals of all means.
        change: whether the difference is one of changes.
        counted: whom the counts count.
    """

    name: str
    what: str
    means: Table
    counts: Table
    gaps: Table
    digits: int
    change: bool
    counted: str


def panels(
    results: Results,
    course: Course,
    title: str,
    *,
    better: Better,
    mid: float | None = None,
    width: int = 720,
) -> str:
    """Draws the two panels.

    Args:
        results: the results.
        course: what they show.
        title: the drawing's title.
        better: the direction in which the score improves.
        mid: the minimal important difference, positive, in points of the score; drawn on the side of improvement.
        width: px; below 560 the arms have their short names.

    Returns:
        An SVG.
    """
    plot = Panels(results, course, better, mid, width)
    height = plot.draw()
    return plot.drawing.svg(height, title, plot.description(), results.simulated)


class Panels:
    """The two panels in the making: the rows and their places; `draw` gives the height."""

    def __init__(
        self, results: Results, course: Course, better: Better, mid: float | None, width: int
    ) -> None:
        protocol = results.protocol
        self.results, self.course, self.better, self.width = results, course, better, width
        self.wide = width >= DESKTOP
        self.drawing = Drawing(course.name, width)
        self.styles = arm_styles(protocol)
        self.means, self.counts, self.digits = course.means, course.counts, course.digits
        self.visits = [v for v in protocol.visits if any(v in self.means[arm] for arm in protocol.arms)]
        self.gaps = _at(course.gaps, self.visits)
        self.mixed = level(row for rows in self.gaps.values() for row in rows.values()) == MIXED
        self.mid = None if mid is None else (-mid if better == "lower" else mid)
        self.note = SMALL if not self.wide else NOTE
        self.upper, self.lower = self._ticks()
        self.left = 8 + max(
            text_width(t.label(v), self.note) for t in (self.upper, self.lower) for v in t.values
        )
        self._place_visits()

    def _ticks(self) -> tuple[Ticks, Ticks]:
        above = [row for rows in self.means.values() for row in rows.values() if usable(row)]
        below = [row for rows in self.gaps.values() for row in rows.values() if usable(row)]
        lower = ticks([*_extent(below), 0.0, *([] if self.mid is None else [self.mid])], 4)
        return ticks(_extent(above), 5), lower

    def _place_visits(self) -> None:
        """Names take their room at the right; visits stand by their day, or evenly where days would crowd them."""
        names = [
            arm_name(self.results, arm) if self.wide else arm_short(self.results, arm) for arm in self.means
        ]
        room = 168.0 if self.wide else 92.0
        self.names = {arm: wrap(name, room, LABEL, True) for arm, name in zip(self.means, names, strict=True)}
        shorts = {arm: wrap(arm_short(self.results, arm), room, self.note) for arm in self.means}
        self.shorts = shorts
        fixed = ["minimal important", "no difference"] if self.wide else ["important", "difference"]
        wanted = [text_width(line, LABEL, True) for lines in self.names.values() for line in lines]
        wanted += [text_width(line, self.note) for lines in shorts.values() for line in lines]
        wanted += [text_width(text, self.note) for text in fixed]
        last = [row for rows in self.means.values() for row in rows.values() if usable(row)]
        wanted += [text_width(shown(row, self.digits).estimate, LABEL) for row in last]
        self.margin = max(wanted)
        self.right = self.width - self.margin - 14
        unit, self.times = time_axis(self.results, self.visits)
        days = [self.results.protocol.visits[v].day for v in self.visits]
        half = DODGE * len(self.means) / 2 + 3
        scale = Scale(
            min(days),
            max(days) if max(days) > min(days) else min(days) + 1,
            self.left + half,
            self.right - half,
        )
        self.x = {v: scale(day) for v, day in zip(self.visits, days, strict=True)}
        self.unit = f"{unit} after treatment starts"
        widest = max(text_width(t, self.note) for t in [*self.times.values(), *self._all_counts()])
        places = list(self.x.values())
        if any(b - a < max(widest + 2, len(self.means) * DODGE + 2) for a, b in pairwise(places)):
            step = (self.right - self.left - 2 * half) / max(len(self.visits) - 1, 1)
            self.x = {v: self.left + half + i * step for i, v in enumerate(self.visits)}
            self.unit += ", not to scale"
        gaps = [b - a for a, b in pairwise(self.x.values())]
        self.staggered = bool(gaps) and min(gaps) < widest + 2

    def _all_counts(self) -> list[str]:
        return [value_text(row) for rows in self.counts.values() for row in rows.values() if usable(row)]

    def draw(self) -> float:
        """Draws everything; gives the height."""
        better = f"{self.better} is better"
        y = self.drawing.lines(
            0,
            13,
            wrap(f"{self.course.what} ({self._levels(self.means)}); {better}", self.width, NOTE),
            size=NOTE,
            colour=GREY,
        )
        top = y + 2
        names = sum(self._name_height(arm) for arm in self.names)
        bottom = top + max(ABOVE, names - 36)
        above = Scale(self.upper.values[0], self.upper.values[-1], bottom, top)
        self._grid(self.upper, above)
        self._means(above)
        y = self._time_labels(bottom)
        if any(self.gaps.values()):
            y = self._difference_head(y + 26)
            below = Scale(self.lower.values[0], self.lower.values[-1], y + BELOW, y)
            self._grid(self.lower, below)
            self._differences(below)
            y += BELOW
        y = self._patients(y + 24)
        return self._missing(y)

    def _levels(self, found: Table) -> str:
        """The level of the intervals that are drawn, or all of them where they differ."""
        return joined(levels(row for rows in found.values() for row in rows.values())) or MIXED

    def _grid(self, marks: Ticks, scale: Scale) -> None:
        for value in marks.values:
            y = scale(value)
            self.drawing.rule(self.left, y, self.right, y)
            self.drawing.text(
                self.left - 7,
                y + middle(self.note),
                marks.label(value),
                size=self.note,
                colour=GREY,
                anchor="end",
            )

    def _means(self, scale: Scale) -> None:
        """Intervals, lines and marks of each arm, and its name where its line ends."""
        arms = list(self.means)
        ends: dict[str, float] = {}
        for i, arm in reversed(list(enumerate(arms))):
            style, shift = self.styles[arm], (i - (len(arms) - 1) / 2) * DODGE
            known = [(self.x[v] + shift, self.means[arm].get(v)) for v in self.visits]
            points: list[tuple[float, float, Row]] = []
            for x, row in known:
                if row is None or not usable(row):
                    self._line(points, style.colour, style.dash)
                    points = []
                    continue
                if has_interval(row):
                    self.drawing.bar(x, scale(row["lower"]), x, scale(row["upper"]), style.colour, 1.4)
                points.append((x, scale(row["estimate"]), row))
                ends[arm] = points[-1][1]
            self._line(points, style.colour, style.dash)
            for x, row in known:
                if row is not None and usable(row):
                    self.drawing.arm_mark(style, x, scale(row["estimate"]), row=row)
        self._names(ends, scale)

    def _line(self, points: Sequence[tuple[float, float, Row]], colour: str, dash: str) -> None:
        if len(points) > 1:
            self.drawing.curve("M" + "L".join(f"{px(x)} {px(y)}" for x, y, _ in points), colour, dash=dash)

    def _name_height(self, arm: str) -> float:
        return leading(LABEL) * (len(self.names[arm]) + 1) + 5

    def _names(self, ends: dict[str, float], scale: Scale) -> None:
        """Names at the ends of the lines, with the last mean; moved apart where lines end close together."""
        arms = list(ends)
        heights = [self._name_height(arm) for arm in arms]
        centres = spread(
            [ends[arm] for arm in arms], heights, min(scale.start, scale.end) - 12, scale.start + 30
        )
        for arm, centre, height in zip(arms, centres, heights, strict=True):
            style = self.styles[arm]
            visit = next(v for v in reversed(self.visits) if usable(self.means[arm].get(v)))
            row = self.means[arm][visit]
            x, y = self.right + 12, centre - height / 2 + LABEL * 0.95
            y = self.drawing.lines(x, y, self.names[arm], size=LABEL, colour=style.colour, bold=True)
            value = shown(row, self.digits).estimate
            when = f" at {self.results.protocol.visit_label(visit)}"
            fits = self.wide and text_width(value + when, LABEL) <= self.width - x
            self.drawing.text(x, y, value + (when if fits else ""), size=LABEL, colour=style.colour, row=row)

    def _time_labels(self, bottom: float) -> float:
        """The visits, as numbers of months, weeks or days, and that unit; gives the lowest baseline."""
        y = bottom + 17
        for visit in self.visits:
            self.drawing.text(self.x[visit], y, self.times[visit], size=self.note, anchor="middle")
        self.drawing.text(self.right, y + 17, self.unit, size=self.note, colour=GREY, anchor="end")
        return y + 17

    def _difference_head(self, y: float) -> float:
        """What the lower panel shows, and the last difference in figures; gives the panel's top."""
        rows = [row for rows in self.gaps.values() for row in rows.values()]
        declared = [self.results.protocol.analyses[row["analysis"]] for row in rows]
        what = "Adjusted difference" if any(a.adjust != "none" for a in declared) else "Difference"
        what += " in change" if self.course.change else ""
        reference = arm_short(self.results, self.results.protocol.reference)
        side = "below" if self.better == "lower" else "above"
        arms = treatments(self.results.protocol)
        whom = arm_short(self.results, arms[0]) if len(arms) == 1 else "treatment"
        text = f"{what} from {reference} ({self._levels(self.gaps)}); {side} zero favours {whom}"
        y = self.drawing.lines(0, y, wrap(text, self.width, NOTE), size=NOTE, colour=GREY)
        for arm in arms:
            visits = [v for v in self.visits if v in self.gaps[arm]]
            if not visits:
                continue
            row, when = self.gaps[arm][visits[-1]], self.results.protocol.visit_label(visits[-1])
            colour = INK if len(arms) == 1 else self.styles[arm].colour
            name = "" if len(arms) == 1 else f"{arm_short(self.results, arm)}, "
            words = f"{name}{when}: {value_text(row, level=self.mixed)}".replace(" (", "\u00a0(").replace(
                " to ", "\u00a0to\u00a0"
            )
            y = self.drawing.lines(
                0, y + 1, wrap(words, self.width, LABEL, True), size=LABEL, colour=colour, bold=True, row=row
            )
        return y

    def _differences(self, scale: Scale) -> None:
        zero = scale(0)
        self.drawing.rule(self.left, zero, self.right, zero, INK, 1.2)
        texts: list[tuple[float, list[str], str]] = [
            (zero, wrap("no difference", self.margin, self.note), INK)
        ]
        if self.mid is not None:
            y = scale(self.mid)
            self.drawing.rule(self.left, y, self.right, y, GREY, 1.2, "2 3")
            texts.append((y, wrap("minimal important difference", self.margin, self.note), GREY))
        heights = [leading(self.note) * len(lines) + 3 for _, lines, _ in texts]
        centres = spread([y for y, _, _ in texts], heights, scale.end - 10, scale.start + 24)
        for (_, lines, colour), centre, height in zip(texts, centres, heights, strict=True):
            y = centre - height / 2 + self.note * 0.98
            self.drawing.lines(self.right + 12, y, lines, size=self.note, colour=colour)
        arms = treatments(self.results.protocol)
        for i, arm in enumerate(arms):
            colour = INK if len(arms) == 1 else self.styles[arm].colour
            for visit, row in self.gaps[arm].items():
                if not usable(row):
                    continue
                x = self.x[visit] + (i - (len(arms) - 1) / 2) * DODGE * 1.6
                if has_interval(row):
                    self.drawing.bar(x, scale(row["lower"]), x, scale(row["upper"]), colour, 1.6)
                if len(arms) == 1:
                    self.drawing.mark("diamond", x, scale(row["estimate"]), colour, 5, row)
                else:
                    self.drawing.arm_mark(self.styles[arm], x, scale(row["estimate"]), 4.2, row)

    def _patients(self, y: float) -> float:
        """The patients with a score at each visit: a line an arm under the axis, two where visits are crowded."""
        self.drawing.text(0, y, self.course.counted, size=self.note, colour=GREY)
        y += leading(self.note) + 2
        step = leading(self.note)
        for arm, rows in self.counts.items():
            colour = self.styles[arm].colour
            self.drawing.arm_mark(self.styles[arm], 6, y - middle(self.note), 3.8)
            lowest = y + (step if self.staggered else 0)
            for i, visit in enumerate(v for v in self.visits if v in rows):
                level, said = (lowest if i % 2 else y), value_text(rows[visit])
                self.drawing.text(
                    self.x[visit],
                    level,
                    said,
                    size=self.note,
                    colour=colour,
                    anchor="middle",
                    row=rows[visit],
                )
            y = self.drawing.lines(self.right + 12, y, self.shorts[arm], size=self.note, colour=colour)
            y = max(y, lowest + step) + 1
        return y - step + 8

    def _missing(self, y: float) -> float:
        """What could not be estimated, in words."""
        notes: dict[tuple[str, str], list[str]] = {}
        words = Words.of(self.results)
        several = len(self.gaps) > 1
        for what, found, named in (("Mean", self.means, True), ("Difference", self.gaps, several)):
            for arm, rows in found.items():
                subject = f"{what}, {arm_short(self.results, arm)}," if named else what
                for visit, row in rows.items():
                    if not usable(row):
                        why = words.reason(row["reason"] or "")
                        why = TOO_FEW if why.startswith(TOO_FEW) else why  # how few is in the row
                        notes.setdefault((subject, why), []).append(visit)
        for (subject, reason), visits in notes.items():
            when = joined([self.results.protocol.visit_label(v) for v in visits])
            text = f"{subject} {NOT_ESTIMABLE} at {when}{f': {reason}' if reason else ''}"
            y = self.drawing.lines(
                0, y + leading(SMALL), wrap(text, self.width, SMALL), size=SMALL, colour=GREY
            )
            y -= leading(SMALL) - 4
        return y

    def description(self) -> str:
        """What the figure finds, with its numbers."""
        parts = []
        for arm, rows in self.means.items():
            known = [(v, row) for v, row in rows.items() if usable(row)]
            said = [
                f"{shown(row, self.digits).estimate} at {self.results.protocol.visit_label(v)}"
                for v, row in known
            ]
            parts.append(
                f"{self.course.what}, {arm_name(self.results, arm)}: {', '.join(said) or NOT_ESTIMABLE}."
            )
        for arm, rows in self.gaps.items():
            said = [
                f"{shown(row).long if usable(row) else NOT_ESTIMABLE} at {self.results.protocol.visit_label(v)}"
                for v, row in rows.items()
            ]
            if said:
                reference = arm_name(self.results, self.results.protocol.reference)
                against = f"{arm_name(self.results, arm)} against {reference}"
                parts.append(f"Difference, {against}: {'; '.join(said)}.")
        return " ".join(parts)


def _at(table: Table, visits: Sequence[str]) -> Table:
    """The rows of some visits."""
    return {arm: {v: row for v, row in rows.items() if v in visits} for arm, rows in table.items()}


def _extent(rows: Sequence[Row]) -> list[float]:
    """All finite estimates and limits."""
    values = [row[name] for row in rows for name in ("estimate", "lower", "upper")]
    return [v for v in values if v is not None and math.isfinite(v)]

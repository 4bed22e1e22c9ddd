"""Estimates with their intervals below each other on one axis: the drawing that several figures share.

Whoever calls it says which rows there are and what they are called; lines of another measure than the first are
named and not drawn on its axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from armwise.analysis.results import Results, Row
from armwise.report.comparisons import excludes_no_effect, has_interval, is_ratio, no_effect, usable
from armwise.report.figures.names import NOT_ESTIMABLE, arm_name, arm_short, favours, value_text
from armwise.report.figures.scale import Scale, Ticks, ratio_ticks, ticks
from armwise.report.figures.style import BLUE, DESKTOP, GREY, INK, NAME, NOTE, Better, arm_styles
from armwise.report.figures.svg import Drawing, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import MIXED, level, number, row_decimals, shown

#: What a comparison is called; a ratio has its own name.
STATISTIC_WORDS = {
    "risk difference": "difference",
    "mean difference": "mean difference",
    "shift": "median difference",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it is drawn.

    Attributes:
        name, note: what people call it; what is particular about it.
        row: its row; None where the results hold none.
        first: whether it leads: bold, with a filled diamond.
        head: a head above it, where a group of lines begins.
    """

    name: str
    note: str
    row: Row | None
    first: bool = False
    head: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A dotted line across the axis, at a value in the unit of the rows; with its label below the axis."""

    value: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one arm against the reference, notes below them, and the reference lines across them."""

    arm: str
    lines: tuple[Line, ...]
    references: tuple[Reference, ...] = ()
    below: tuple[tuple[str, Row], ...] = ()


def statistic_words(statistic: str) -> str:
    """A statistic in words: `median difference`, `risk ratio`."""
    return STATISTIC_WORDS.get(statistic, statistic)


def note(words: str, row: Row | None, label: str = "", statistic: str = "") -> str:
    """The second line of a row: what is particular, unless the name says it, and how many patients entered.

    Args:
        words: what is particular.
        row: the row; one that is not estimable gives its reason.
        label: the name of the line.
        statistic: the statistic in the head of the column; another one is named.
    """
    if row is None or not usable(row):
        return (row["reason"] if row else "the results hold no row of it") or words
    parts = [words] if words and words.casefold() != label.casefold() else []
    if statistic and row["statistic"] != statistic and row["statistic"] in STATISTIC_WORDS:
        parts.append(statistic_words(row["statistic"]))
    if row["n_arm"] is not None and row["n_versus"] is not None:
        parts.append(f"{number(row['n_arm'])}\u00a0+\u00a0{number(row['n_versus'])}\u00a0patients")
    elif row["n"]:
        parts.append(f"{number(row['n'])}\u00a0{'patient' if row['n'] == 1 else 'patients'}")
    return ", ".join(parts)


def description(results: Results, groups: Sequence[Group], counted: bool = True) -> str:
    """What the figure finds, with its numbers; no word of cause.

    Args:
        results: the results.
        groups: what is drawn.
        counted: whether to count the intervals that exclude no difference.
    """
    sentences = []
    for group in groups:
        sentences.append(
            f"{arm_name(results, group.arm)} against {arm_name(results, results.protocol.reference)}."
        )
        for line in group.lines:
            row = line.row
            said = shown(row).long if row is not None and usable(row) else NOT_ESTIMABLE
            sentences.append(f"{f'{line.head}, ' if line.head else ''}{line.name}: {said}.")
        sentences += [f"{words}." for words, _ in group.below]
        drawn = [line.row for line in group.lines if line.row is not None and usable(line.row)]
        clear = sum(excludes_no_effect(row) for row in drawn)
        if drawn and counted:
            sentences.append(
                f"{clear} of {len(drawn)} intervals {'excludes' if clear == 1 else 'exclude'} no difference."
            )
    return " ".join(sentences)


class Forest:
    """The places of the figure's parts; the drawing is made from top to bottom."""

    def __init__(
        self,
        results: Results,
        groups: Sequence[Group],
        better: Better,
        width: int,
        name: str,
        column: str = "Analysis",
    ) -> None:
        self.results, self.groups, self.better, self.width = results, groups, better, width
        self.wide = width >= DESKTOP
        self.column, self.drawing = column, Drawing(name, width)
        rows = [line.row for group in groups for line in group.lines if line.row is not None]
        self.first = next((row for row in rows if usable(row)), None)
        self.drawn = [row for row in rows if self._comparable(row)]
        self.statistic = (self.first or (rows[0] if rows else {})).get("statistic") or "difference"
        self.level = level(rows)
        self.decimals = row_decimals(self.first) if self.first else 0
        self.factor = shown(self.first).scale if self.first else 1
        self.null = no_effect(self.first) if self.first else 0.0
        self.is_ratio = bool(self.first and is_ratio(self.first))
        self.ticks = self._axis()
        bold = max(text_width(self.value(line), NAME, True) for group in groups for line in group.lines)
        if self.wide:
            wanted = max(
                max(
                    text_width(line.name, NAME, line.first),
                    text_width(line.note, NOTE),
                    text_width(line.head, NAME),
                )
                for g in groups
                for line in g.lines
            )
            self.names = min(wanted, width * 0.36)
            self.left, self.right = self.names + 30, width - max(bold, 96) - 28
        else:
            self.names = float(width)
            self.left, self.right = 8.0, width - 8.0
        self.scale = Scale(self.ticks.values[0], self.ticks.values[-1], self.left, self.right, self.is_ratio)

    def _axis(self) -> Ticks:
        """The axis: all estimates, and intervals as far as three halves of the first one's width beyond them."""
        if self.first is None:
            return ticks([-1, 1], 3)
        bounded = [row for row in self.drawn if has_interval(row)]
        points = [self.null, *(row["estimate"] * self.factor for row in self.drawn)]
        points += [r.value * self.factor for group in self.groups for r in group.references]
        ends = [row[side] * self.factor for row in bounded for side in ("lower", "upper")]
        points, ends = [v for v in points if math.isfinite(v)], [v for v in ends if math.isfinite(v)]
        if self.is_ratio:
            return ratio_ticks([min(max(v, 0.01), 100) for v in points + ends])
        first = [self.first[side] for side in ("lower", "upper")] if has_interval(self.first) else [0, 0]
        span = max(points) - min(points)
        if all(math.isfinite(v) for v in first):
            span += (first[1] - first[0]) * self.factor * 1.5
        low, high = min(points) - span, max(points) + span
        return ticks([*points, *(min(max(end, low), high) for end in ends)], 5)

    def value(self, line: Line) -> str:
        """The estimate with its interval, all lines with the decimals of the first; another measure is named.

        Where the levels of the intervals differ, each says its own.
        """
        if line.row is not None and usable(line.row) and not self._comparable(line.row):
            return f"{line.row['statistic']} {value_text(line.row, level=self.level == MIXED)}"
        return value_text(line.row, self.decimals, self.level == MIXED)

    def _comparable(self, row: Row | None) -> bool:
        """Whether a row belongs on the axis: a number, on the first one's kind of scale."""
        if row is None or self.first is None or not usable(row):
            return False
        return is_ratio(row) == is_ratio(self.first) and shown(row).scale == shown(self.first).scale

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self._head()
        for group in self.groups:
            if len(self.groups) > 1:
                y = self._group_head(group, y)
            grids: list[tuple[float, float]] = []
            top = y - (4 if len(self.groups) == 1 else 0)
            for line in group.lines:
                y = self._line_head(line, y)
                y = self._wide_line(group, line, y) if self.wide else self._narrow_line(group, line, y, grids)
            if self.wide:
                grids.append((top, y - 2))
            self._grid(grids, group.references)
            y = self._below(group, y)
        last = self.groups[-1]
        at_the_axis = self.wide or last.below or not grids or not self._comparable(last.lines[-1].row)
        return self._axis_labels(y if at_the_axis else grids[-1][1] + 3)

    def _line_head(self, line: Line, y: float) -> float:
        """The head above a line, where one begins a group of lines."""
        if not line.head:
            return y
        room = self.names if self.wide else float(self.width)
        return self.drawing.lines(0, y + 16, wrap(line.head, room, NAME), size=NAME, colour=GREY) - 13

    def _below(self, group: Group, y: float) -> float:
        """What is said below the lines of an arm, each with its row."""
        for words, row in group.below:
            y = self.drawing.lines(0, y + 13, wrap(words, self.width, NOTE), size=NOTE, colour=GREY, row=row)
            y -= 13 - 3
        return y

    def _head(self) -> float:
        """The heads of the columns."""
        unit = shown(self.first).unit if self.first else ""
        head = statistic_words(self.statistic).capitalize()
        if not self.wide:
            self.drawing.text(
                self.width,
                13,
                f"{head}{f', {unit}' if unit else ''} ({self.level})",
                size=NOTE,
                colour=GREY,
                anchor="end",
            )
            return 22
        self.drawing.text(0, 29, self.column, size=NOTE, colour=GREY)
        self.drawing.text(
            self.width,
            14 if unit else 29,
            f"{head}," if unit else f"{head} ({self.level})",
            size=NOTE,
            colour=GREY,
            anchor="end",
        )
        if unit:
            self.drawing.text(self.width, 29, f"{unit} ({self.level})", size=NOTE, colour=GREY, anchor="end")
        return 42

    def _group_head(self, group: Group, y: float) -> float:
        style = arm_styles(self.results.protocol)[group.arm]
        text = f"{arm_name(self.results, group.arm)} against {arm_name(self.results, self.results.protocol.reference)}"
        room = self.width - 18.0
        y += 0 if group is self.groups[0] else 14
        self.drawing.arm_mark(style, 6, y + 15 - middle(NAME))
        y = self.drawing.lines(
            18, y + 15, wrap(text, room, NAME, True), size=NAME, colour=style.colour, bold=True
        )
        return y - 13

    def _wide_line(self, group: Group, line: Line, y: float) -> float:
        """Name left, interval in the middle, its text right."""
        baseline = y + 16
        below = self.drawing.lines(
            0, baseline, wrap(line.name, self.names, NAME, line.first), size=NAME, bold=line.first
        )
        if line.note:
            below = self.drawing.lines(
                0, below - 1, wrap(line.note, self.names, NOTE), size=NOTE, colour=GREY, row=line.row
            )
        self._value(line, self.width, baseline)
        self._interval(group, line, baseline - middle(NAME))
        return max(below - 8, y + 33)

    def _narrow_line(self, group: Group, line: Line, y: float, grids: list[tuple[float, float]]) -> float:
        """Name and text above the interval."""
        baseline = y + 16
        room = self.width - text_width(self.value(line), NAME, line.first) - 16
        lines = wrap(line.name, room, NAME, line.first)
        below = self.drawing.lines(0, baseline, lines, size=NAME, bold=line.first)
        self._value(line, self.width, baseline)
        if line.note:
            below = self.drawing.lines(
                0, below - 1, wrap(line.note, self.width, NOTE), size=NOTE, colour=GREY, row=line.row
            )
        if not self._comparable(line.row):
            return below + 2
        middle_y = below - 4
        grids.append((middle_y - 8, middle_y + 9))
        self._interval(group, line, middle_y)
        return middle_y + 20

    def _value(self, line: Line, x: float, y: float) -> None:
        known = usable(line.row)
        colour = INK if known else GREY
        self.drawing.text(
            x, y, self.value(line), size=NAME, bold=line.first, anchor="end", colour=colour, row=line.row
        )

    def _interval(self, group: Group, line: Line, y: float) -> None:
        """The interval and its diamond; an end beyond the axis is an arrow."""
        row = line.row
        if row is None or not self._comparable(row):
            return
        colour = INK
        if line.first:
            colour = BLUE if len(self.groups) == 1 else arm_styles(self.results.protocol)[group.arm].colour
        if has_interval(row):
            lower, upper = row["lower"] * self.factor, row["upper"] * self.factor
            start, end = self.scale(lower), self.scale(upper)
            self.drawing.bar(start, y, end, y, colour, 2.6 if line.first else 1.4)
            if lower < self.scale.low - 1e-9:
                self.drawing.arrow(start, y, "left", colour)
            if upper > self.scale.high + 1e-9:
                self.drawing.arrow(end, y, "right", colour)
        if not math.isfinite(row["estimate"]):
            return
        x = self.scale(row["estimate"] * self.factor)
        self.drawing.mark("diamond", x, y, colour, 6.2 if line.first else 4.4, row, filled=line.first)

    def _grid(self, spans: Sequence[tuple[float, float]], references: Sequence[Reference]) -> None:
        for low, high in spans:
            for value in self.ticks.values:
                x = self.scale(value)
                if value == self.null:
                    self.drawing.rule(x, low, x, high, INK, 1.2)
                else:
                    self.drawing.rule(x, low, x, high)
            for reference in references:
                x = self.scale(reference.value * self.factor)
                self.drawing.rule(x, low, x, high, GREY, 1.2, "2 3")

    def _axis_labels(self, y: float) -> float:
        """No difference, the reference lines and the ticks that keep clear of them; then the two sides."""
        baseline = y + 14
        taken: list[tuple[float, float]] = []
        self._axis_label(self.ticks.label(self.null), self.scale(self.null), baseline, INK, taken)
        later = []
        for label, x in self._reference_labels():
            if not self._axis_label(label, x, baseline, GREY, taken):
                later.append((label, x))
        for value in self.ticks.values:
            if value != self.null:
                self._axis_label(self.ticks.label(value), self.scale(value), baseline, GREY, taken)
        while later:
            baseline += 15
            here: list[tuple[float, float]] = []
            later = [(label, x) for label, x in later if not self._axis_label(label, x, baseline, GREY, here)]
        return self._sides(baseline + 17, self.scale(self.null))

    def _reference_labels(self) -> list[tuple[str, float]]:
        """The labels of the reference lines with their places, each once."""
        found = {
            (r.label, self.scale(r.value * self.factor))
            for group in self.groups
            for r in group.references
            if r.label
        }
        return sorted(found)

    def _axis_label(
        self, label: str, x: float, y: float, colour: str, taken: list[tuple[float, float]]
    ) -> bool:
        """Writes a label under the axis, unless another one stands there; says whether it did."""
        half = text_width(label, NOTE) / 2
        x = min(max(x, half), self.width - half)
        if any(x - half < end + 4 and x + half > start - 4 for start, end in taken):
            return False
        self.drawing.text(x, y, label, size=NOTE, colour=colour, anchor="middle")
        taken.append((x - half, x + half))
        return True

    def _sides(self, y: float, zero: float) -> float:
        """`no difference` and the two directions, on one line where they fit, else below each other."""
        none = "no difference"
        half = text_width(none, NOTE) / 2
        centre = min(max(zero, half), self.width - half)
        self.drawing.text(centre, y, none, size=NOTE, anchor="middle")
        names = [f"arm {i + 1}" for i in range(2)]
        if len(self.groups) == 1:
            names = list(favours(self.results, self.groups[0].arm, self.better))
        else:
            other = "treatment", arm_short(self.results, self.results.protocol.reference)
            names = list(other if self.better == "lower" else other[::-1])
        texts = [f"← favours {names[0]}", f"favours {names[1]} →"]
        starts = self.left if self.wide else 0.0, self.right if self.wide else float(self.width)
        rooms = centre - half - 14 - starts[0], starts[1] - centre - half - 14
        arm_side = 1 if self.better == "higher" else 0
        bottom = y
        for side in (0, 1):
            needed = text_width(texts[side], NOTE)
            if needed <= rooms[side]:
                self._side(texts[side], starts[side], y, side)
            elif side == arm_side:
                bottom = y + 16
                for extra, line in enumerate(wrap(texts[side], starts[1] - starts[0], NOTE)):
                    bottom = y + 16 * (extra + 1)
                    self._side(line, starts[side], bottom, side)
        return bottom + 6

    def _side(self, text: str, x: float, y: float, side: int) -> None:
        self.drawing.text(x, y, text, size=NOTE, colour=GREY, anchor="end" if side else "start")

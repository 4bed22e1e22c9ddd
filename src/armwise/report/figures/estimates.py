"""The primary estimate under every declared analysis: the first figure of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from armwise.analysis.results import Results, Row
from armwise.report.figures.scale import Scale, Ticks, ratio_ticks, ticks
from armwise.report.figures.selection import (
    NOT_ESTIMABLE,
    arm_name,
    arm_short,
    comparisons,
    direction,
    estimable,
    excludes_no_effect,
    favours,
    has_interval,
    ratio,
    treatments,
    value_text,
)
from armwise.report.figures.style import BLUE, DESKTOP, GREY, INK, NAME, NOTE, Better, arm_styles
from armwise.report.figures.svg import Drawing, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import confidence, number, row_decimals, shown

ADJUSTED = {
    "none": "not adjusted",
    "covariates": "adjusted for covariates",
    "overlap-weights": "overlap weights",
}
MISSING = {
    "complete-cases": "complete cases",
    "non-response": "missing answers count as no response",
    "worst-case": "worst case for missing answers",
    "locf": "last answer carried forward",
}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class Line:
    """One analysis as it is drawn: what people call it, what is particular about it, its row."""

    name: str
    note: str
    row: Row | None
    first: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The analyses of one arm against the reference."""

    arm: str
    lines: tuple[Line, ...]


def estimates(
    results: Results,
    analysis: str = "primary",
    *,
    better: Better = "higher",
    visit: str | None = None,
    width: int = 720,
) -> str:
    """The estimate of an analysis, the unadjusted one beside it, and each sensitivity analysis that supports it.

    Args:
        results: the results.
        analysis: its name in the protocol.
        better: the direction in which a measured endpoint improves (more response is always better).
        visit: the last one of the analysis, unless said otherwise.
        width: px; below 560 the names stand above the intervals.

    Returns:
        An SVG.
    """
    declared = results.protocol.analyses[analysis]
    at = visit or results.protocol.analysis_visits(declared)[-1]
    groups = [Group(arm, tuple(_lines(results, analysis, at, arm))) for arm in treatments(results)]
    plot = _Plot(results, groups, direction(declared, better, results), width, f"{analysis} {at}")
    height = plot.draw()
    label = results.protocol.endpoints[declared.endpoint].label or declared.endpoint
    count = len(groups[0].lines)
    title = (
        f"{label} at {results.protocol.visit_label(at)}: {plot.statistic} in "
        f"{COUNTS[count] if count < len(COUNTS) else count} {'analysis' if count == 1 else 'analyses'}"
    )
    return plot.drawing.svg(height, title, _description(results, groups), results.simulated)


def _lines(results: Results, analysis: str, visit: str, arm: str) -> list[Line]:
    """The rows of the figure, in the order of the protocol."""
    protocol = results.protocol
    main = protocol.analyses[analysis]
    which = "primary analysis" if main.role == "primary" else "main analysis"
    name = main.label or which.capitalize()
    first = comparisons(results, analysis).get(arm, {}).get(visit)
    lines = [Line(name, _note(which, first, name), first, True)]
    beside = comparisons(results, f"{analysis}.unadjusted").get(arm, {}).get(visit)
    if beside is not None:
        lines.append(Line("Unadjusted", _note("as observed", beside, ""), beside))
    for other, declared in protocol.analyses.items():
        if declared.supports != analysis or declared.role != "sensitivity":
            continue
        visits = protocol.analysis_visits(declared)
        at = visit if visit in visits else visits[-1]
        row = comparisons(results, other).get(arm, {}).get(at)
        label = declared.label or other
        differs = [protocol.endpoints[declared.endpoint].label] if declared.endpoint != main.endpoint else []
        missing = MISSING.get(declared.missing, declared.missing)
        differs += [missing] if declared.missing != main.missing else []
        differs += [ADJUSTED.get(declared.adjust, declared.adjust)] if declared.adjust != main.adjust else []
        differs += [f"at {protocol.visit_label(at)}"] if at != visit else []
        lines.append(Line(label, _note(", ".join(filter(None, differs)), row, label), row))
    return lines


def _note(words: str, row: Row | None, label: str) -> str:
    """The grey second line: what is particular, unless the name says it, and how many patients entered."""
    if not estimable(row):
        reason = (row or {}).get("reason") or ("" if row else "the results hold no row of it")
        return reason or words
    assert row is not None
    parts = [words] if words and words.casefold() != label.casefold() else []
    if row["n"]:
        parts.append(f"{number(row['n'])} {'patient' if row['n'] == 1 else 'patients'}")
    return ", ".join(parts)


def _description(results: Results, groups: Sequence[Group]) -> str:
    """What the figure finds, with its numbers; no word of cause."""
    sentences = []
    for group in groups:
        sentences.append(
            f"{arm_name(results, group.arm)} against {arm_name(results, results.protocol.reference)}."
        )
        for line in group.lines:
            row = line.row
            said = shown(row).long if row is not None and estimable(row) else NOT_ESTIMABLE
            sentences.append(f"{line.name}: {said}.")
        drawn = [line.row for line in group.lines if line.row is not None and estimable(line.row)]
        clear = sum(excludes_no_effect(row) for row in drawn)
        if drawn:
            sentences.append(
                f"{clear} of {len(drawn)} intervals {'excludes' if clear == 1 else 'exclude'} no difference."
            )
    return " ".join(sentences)


class _Plot:
    """The places of the figure's parts; the drawing is made from top to bottom."""

    def __init__(
        self, results: Results, groups: Sequence[Group], better: Better, width: int, name: str
    ) -> None:
        self.results, self.groups, self.better, self.width = results, groups, better, width
        self.wide = width >= DESKTOP
        self.drawing = Drawing(f"estimates {name}", width)
        rows = [line.row for group in groups for line in group.lines if line.row is not None]
        self.first = next((row for row in rows if estimable(row)), None)
        self.drawn = [row for row in rows if self._comparable(row)]
        self.statistic = rows[0]["statistic"] if rows else "difference"
        self.decimals = row_decimals(self.first) if self.first else 0
        self.factor = shown(self.first).scale if self.first else 1
        self.is_ratio = bool(self.first and ratio(self.first))
        self.ticks = self._axis()
        bold = max(text_width(self.value(line), NAME, True) for group in groups for line in group.lines)
        if self.wide:
            wanted = max(
                max(text_width(line.name, NAME, line.first), text_width(line.note, NOTE))
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
        null = 1.0 if self.is_ratio else 0.0
        if self.first is None:
            return ticks([-1, 1], 3)
        bounded = [row for row in self.drawn if has_interval(row)]
        points = [null, *(row["estimate"] * self.factor for row in self.drawn)]
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
        """The estimate with its interval, all lines with the decimals of the first; another measure is named."""
        if line.row is not None and estimable(line.row) and not self._comparable(line.row):
            return f"{line.row['statistic']} {value_text(line.row)}"
        return value_text(line.row, self.decimals)

    def _comparable(self, row: Row | None) -> bool:
        """Whether a row belongs on the axis: a number, on the first one's kind of scale."""
        if row is None or self.first is None or not estimable(row):
            return False
        return ratio(row) == ratio(self.first) and shown(row).scale == shown(self.first).scale

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self._head()
        grids: list[tuple[float, float]] = []
        for group in self.groups:
            if len(self.groups) > 1:
                y = self._group_head(group, y)
            top = y - (4 if len(self.groups) == 1 else 0)
            for line in group.lines:
                y = self._wide_line(group, line, y) if self.wide else self._narrow_line(group, line, y, grids)
            if self.wide:
                grids.append((top, y - 2))
        self._grid(grids)
        last = self.groups[-1].lines[-1].row
        return self._axis_labels(y if self.wide or not self._comparable(last) else grids[-1][1] + 3)

    def _head(self) -> float:
        """The heads of the columns."""
        level = confidence((self.first or {}).get("conf_level") or 0.95)
        unit = shown(self.first).unit if self.first else ""
        subject = {
            "risk difference": "Difference",
            "mean difference": "Mean difference",
            "shift": "Median difference",
        }
        head = subject.get(self.statistic, self.statistic.capitalize())
        if not self.wide:
            self.drawing.text(
                self.width,
                13,
                f"{head}{f', {unit}' if unit else ''} ({level})",
                size=NOTE,
                colour=GREY,
                anchor="end",
            )
            return 22
        self.drawing.text(0, 29, "Analysis", size=NOTE, colour=GREY)
        self.drawing.text(
            self.width,
            14 if unit else 29,
            f"{head}," if unit else f"{head} ({level})",
            size=NOTE,
            colour=GREY,
            anchor="end",
        )
        if unit:
            self.drawing.text(self.width, 29, f"{unit} ({level})", size=NOTE, colour=GREY, anchor="end")
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
        known = estimable(line.row)
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

    def _grid(self, spans: Sequence[tuple[float, float]]) -> None:
        null = 1.0 if self.is_ratio else 0.0
        for low, high in spans:
            for value in self.ticks.values:
                x = self.scale(value)
                if value == null:
                    self.drawing.rule(x, low, x, high, INK, 1.2)
                else:
                    self.drawing.rule(x, low, x, high)

    def _axis_labels(self, y: float) -> float:
        """Ticks, then no difference under its line and whom each side favours."""
        null = 1.0 if self.is_ratio else 0.0
        baseline = y + 14
        last = -math.inf
        for value in sorted(self.ticks.values, key=lambda v: (v != null, v)):
            label, x = self.ticks.label(value), self.scale(value)
            half = text_width(label, NOTE) / 2
            x = min(max(x, half), self.width - half)
            if value == null or x - half > last:
                self.drawing.text(
                    x, baseline, label, size=NOTE, colour=INK if value == null else GREY, anchor="middle"
                )
                last = x + half + 4 if value != null else last
        return self._sides(baseline + 17, self.scale(null))

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

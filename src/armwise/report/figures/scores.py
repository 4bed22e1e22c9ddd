"""The propensity scores of two arms, one above the axis and one below: where both arms are, and where one is."""

from __future__ import annotations

from armwise.analysis.overlap import IN_BIN, PERCENTILE
from armwise.analysis.results import Results, Row
from armwise.report.comparisons import usable
from armwise.report.figures.names import arm_name, arm_short
from armwise.report.figures.scale import Scale, ticks
from armwise.report.figures.style import DESKTOP, GREY, INK, LABEL, NOTE, SMALL, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import number

HALF = 92.0
"""The height of either half, px."""


def scores(results: Results, arm: str, *, width: int = 720) -> str:
    """How many patients of an arm (above) and of the reference (below) had each probability of the arm.

    Args:
        results: the results.
        arm: an arm that is compared with the reference.
        width: px.

    Returns:
        An SVG.
    """
    plot = _Mirrored(results, arm, width)
    height = plot.draw()
    title = f"Probability of {arm_name(results, arm)}, by arm"
    return plot.drawing.svg(height, title, plot.description(), results.simulated)


def bins_of(results: Results, arm: str, mine: str) -> list[Row]:
    """The histogram of one of two arms, by probability of `arm`."""
    other = results.protocol.reference if mine == arm else arm
    found = results.rows(analysis="overlap", arm=mine, versus=other, category=IN_BIN, statistic="count")
    return sorted((r for r in found if usable(r)), key=lambda r: r["at"])


def percentile_of(results: Results, arm: str, mine: str, at: float) -> Row | None:
    """A percentile of the scores of one of two arms."""
    other = results.protocol.reference if mine == arm else arm
    found = results.rows(analysis="overlap", arm=mine, versus=other, statistic=PERCENTILE, at=at)
    return found[0] if found else None


class _Mirrored:
    """The two histograms and the places of the figure."""

    def __init__(self, results: Results, arm: str, width: int) -> None:
        self.results, self.arm, self.width = results, arm, width
        self.pair = (arm, results.protocol.reference)
        self.drawing = Drawing(f"scores {arm}", width)
        self.note = NOTE if width >= DESKTOP else SMALL
        self.bins = {mine: bins_of(results, arm, mine) for mine in self.pair}
        most = max(r["estimate"] for rows in self.bins.values() for r in rows)
        self.counts = ticks([0.0, max(most, 1)], 3)
        self.left = max(text_width(self.counts.label(v), self.note) for v in self.counts.values) + 8
        self.x = Scale(0, 1, self.left, width - 14)

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self._name(self.pair[0], 13)
        y = self._ends_of_both(y + 4)
        axis = y + HALF
        self._half(self.pair[0], axis, axis - HALF)
        self._half(self.pair[1], axis, axis + HALF)
        self.drawing.rule(self.left, axis, self.x.end, axis, INK, 1.2)
        bottom = axis + HALF
        for value in (0.0, 0.25, 0.5, 0.75, 1.0):
            place = self.x(value)
            self.drawing.rule(place, bottom, place, bottom + 4, GREY)
            self.drawing.text(place, bottom + 17, number(value, 2), size=self.note, anchor="middle")
        words = f"probability of {arm_short(self.results, self.arm)}, given the characteristics at baseline"
        centre = (self.left + self.x.end) / 2
        lines = wrap(words, self.x.end - self.left, self.note)
        y = self.drawing.lines(centre, bottom + 34, lines, size=self.note, colour=GREY, anchor="middle")
        return self._name(self.pair[1], y + 4) - leading(LABEL) + 6

    def _name(self, mine: str, y: float) -> float:
        style = arm_styles(self.results.protocol)[mine]
        side = "above" if mine == self.arm else "below"
        self.drawing.arm_mark(style, 6, y - middle(LABEL), 4.2)
        n = self.bins[mine][0]["n"]
        words = f"{arm_short(self.results, mine)}, {side} the axis: {n} patients, how many in each twentieth"
        lines = wrap(words, self.width - 18, LABEL, True)
        return self.drawing.lines(18, y, lines, size=LABEL, colour=style.colour, bold=True)

    def _ends_of_both(self, y: float) -> float:
        """Dotted lines at the ends of the range that both arms have; gives the top of the upper half."""
        common = self.common()
        top = y + leading(self.note)
        if common is None:
            self.drawing.text(
                self.left, y + 8, "no range of the probability has both arms", size=self.note, colour=GREY
            )
            return top
        low, high = (self.x(v) for v in common)
        for place in (low, high):
            self.drawing.rule(place, top - 4, place, top + 2 * HALF, GREY, 1.2, "2 3")
        words = "range of both arms"
        half = text_width(words, self.note) / 2
        centre = min(max((low + high) / 2, self.left + half), self.width - half)
        self.drawing.text(centre, y + 8, words, size=self.note, colour=GREY, anchor="middle")
        return top

    def common(self) -> tuple[float, float] | None:
        """The range of probabilities that both arms have."""
        lows = [percentile_of(self.results, self.arm, mine, 0.0) for mine in self.pair]
        highs = [percentile_of(self.results, self.arm, mine, 100.0) for mine in self.pair]
        low = max(r["estimate"] for r in lows if r is not None)
        high = min(r["estimate"] for r in highs if r is not None)
        return (low, high) if low <= high else None

    def _half(self, mine: str, axis: float, end: float) -> None:
        """One histogram, from the axis to the end of its half."""
        scale = Scale(0, self.counts.values[-1], axis, end)
        style = arm_styles(self.results.protocol)[mine]
        for value in self.counts.values:
            if value == 0 and mine != self.arm:
                continue
            at = scale(value)
            self.drawing.rule(self.left, at, self.x.end, at)
            label = self.counts.label(value)
            self.drawing.text(
                self.left - 7, at + middle(self.note), label, size=self.note, colour=GREY, anchor="end"
            )
        for row in self.bins[mine]:
            if row["estimate"]:
                low, high = self.x(row["at"]), self.x(row["at2"])
                centre = (low + high) / 2
                self.drawing.bar(
                    centre, axis, centre, scale(row["estimate"]), style.colour, max(high - low - 2, 2)
                )

    def description(self) -> str:
        """What the figure finds, with its numbers."""
        said = []
        for mine in self.pair:
            found = {at: percentile_of(self.results, self.arm, mine, at) for at in (0.0, 50.0, 100.0)}
            low, median, high = (number(r["estimate"], 2) if r else "" for r in found.values())
            said.append(f"{arm_name(self.results, mine)}: from {low} to {high}, median {median}.")
        common = self.common()
        if common is None:
            return f"{' '.join(said)} The two ranges do not meet."
        return f"{' '.join(said)} Both arms: {number(common[0], 2)} to {number(common[1], 2)}."

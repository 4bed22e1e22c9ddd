"""Participant flow: who was assessed, enrolled, treated, seen at each visit, lost and why, and analysed.

The words are those of CONSORT 2025; where arms were not allocated by chance, those of TREND (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from armwise.analysis.results import Results, Row
from armwise.report.comparisons import primary_name, usable
from armwise.report.figures.names import arm_name, value_text
from armwise.report.figures.style import BORDER, DESKTOP, GREY, INK, LABEL, NOTE, arm_styles
from armwise.report.figures.svg import Drawing, leading, middle
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.words import Words, inside, opening

#: What a rule for missing answers does, by whether the arm is the reference.
FILLED = {
    (rule, reference): words
    for rule, by_arm in {
        "non-response": ("Counted as no response",) * 2,
        "worst-case": ("Counted as no response", "Counted as a response"),
        "locf": ("Carried forward",) * 2,
    }.items()
    for reference, words in zip((False, True), by_arm, strict=True)
}
#: How the reason of those who are not in the analysis set begins.
OUTSIDE = "not in the set "
PAD = 10.0
GAP = 20.0
NARROWEST = 160.0
"""The narrowest column of an arm; more arms than fit stand below each other."""


@dataclass(frozen=True, slots=True)
class Say:
    """Some words with the row that they come from."""

    text: str
    row: Row | None = None
    bold: bool = False
    colour: str = INK
    loss: bool = False


@dataclass(slots=True)
class Column:
    """One arm's way: a box, what is said at each visit, who was left out or filled in, a box."""

    arm: str
    head: list[Say]
    visits: dict[str, list[Say]] = field(default_factory=dict)
    before: list[Say] = field(default_factory=list)
    foot: list[Say] = field(default_factory=list)


def flow(results: Results, *, width: int = 720) -> str:
    """The flow of participants through the study, an arm a column, with losses by visit and reason.

    Args:
        results: the results; without screening rows the flow starts at enrolment and says so.
        width: px; arms that do not fit side by side stand below each other.

    Returns:
        An SVG.
    """
    diagram = _Flow(results, width)
    height = diagram.draw()
    return diagram.drawing.svg(height, "Participant flow", diagram.description(), results.simulated)


class _Flow:
    """The boxes and places of the diagram."""

    def __init__(self, results: Results, width: int) -> None:
        self.results, self.width, self.wide = results, width, width >= DESKTOP
        self.size = LABEL if self.wide else NOTE
        self.protocol, self.primary = results.protocol, primary_name(results.protocol)
        self.drawing = Drawing("flow", width)
        self.styles = arm_styles(results.protocol)
        self.rows = results.rows(analysis="flow", statistic="count")
        self.columns = [self._column(arm) for arm in results.protocol.arms]
        self.aside = len(self.columns) * (NARROWEST + GAP) - GAP <= width

    def _found(self, category: str, **where: str) -> list[Row]:
        return [
            row
            for row in self.rows
            if row["category"] == category and all(row[k] == v for k, v in where.items())
        ]

    def _say(self, words: str, rows: Sequence[Row], **look: object) -> list[Say]:
        return [Say(f"{words}:\u00a0{value_text(row)}", row, bool(look.get("bold"))) for row in rows]

    def _column(self, arm: str) -> Column:
        protocol, colour = self.results.protocol, self.styles[arm].colour
        column = Column(arm, [Say(arm_name(self.results, arm), None, True, colour)])
        column.head += self._say("Allocated", self._found("allocated", arm=arm))
        column.head += self._say("Started treatment", self._found("treated", arm=arm))
        for visit in protocol.visits:
            said = []
            for row in self._found("off study", arm=arm, visit=visit):
                said.append(Say(_reason(row, "Left the study"), row, colour=GREY, loss=True))
            for row in self._found("assessed", arm=arm, visit=visit):
                said.append(Say(f"{protocol.visit_label(visit)}: {value_text(row)}\u00a0assessed", row))
            if said:
                column.visits[visit] = said
        column.foot = self._say("In the primary analysis", self._found("analysed", arm=arm), bold=True)
        if column.foot:
            column.before = [*self._left_out(arm), *self._filled(arm)]
        return column

    def _of_the_primary(self, statistic: str, arm: str) -> list[Row]:
        """The counts of an arm's patients that stand behind the primary analysis, but for those of nobody."""
        visit = self.protocol.leading_visit(self.protocol.analyses[self.primary])
        rows = self.results.rows(
            analysis=self.primary, visit=visit, arm=arm, statistic=statistic, subgroup=None
        )
        return [row for row in rows if usable(row) and row["estimate"]]

    def _left_out(self, arm: str) -> list[Say]:
        """Who is not analysed, by reason; with those analysed they make everyone allocated."""
        return [
            Say(
                f"Of those allocated, {self._why(row['category'])}:\u00a0{value_text(row)}",
                row,
                colour=GREY,
                loss=True,
            )
            for row in self._of_the_primary("excluded", arm)
        ]

    def _why(self, category: str | None) -> str:
        """A reason for leaving a patient out: `covariate missing: bmi` -> `body mass index missing`."""
        kind, _, what = (category or "not analysed").partition(": ")
        if kind == "covariate missing":
            return f"{inside(Words.of(self.results).covariate(what))} missing"
        if kind.startswith(OUTSIDE):
            return self._outside(kind.removeprefix(OUTSIDE), what)
        while (first := what.partition(" ")[0]) in self.protocol.endpoints:  # the component that was missing
            what = what[len(first) + 1 :]
        return f"{kind}, {what}" if what and what != "not recorded" else kind

    def _outside(self, name: str, condition: str) -> str:
        """That a patient is not in an analysis set: by its label, with the condition where it has several."""
        declared = self.protocol.analysis_sets.get(name)
        said = (
            f"not in the {inside(declared.label)}"
            if declared and declared.label
            else f"not in the set {name}"
        )
        return f"{said}, {condition}" if declared is None or len(declared.where) > 1 else said

    def _filled(self, arm: str) -> list[Say]:
        """Whose outcome was missing and was filled in by the rule of the primary analysis."""
        words = FILLED.get((self.protocol.analyses[self.primary].missing, arm == self.protocol.reference))
        if words is None:
            return []
        if any(
            (row["category"] or "").startswith("outcome missing")
            for row in self._of_the_primary("excluded", arm)
        ):
            words = f"Outcome missing, {inside(words)} where there is an earlier answer"
        return [
            Say(f"{words}:\u00a0{value_text(row)}", row, colour=GREY, loss=True)
            for row in self._of_the_primary("missing outcomes", arm)
        ]

    def draw(self) -> float:
        """Draws everything; gives the height."""
        y = self._top(1.0)
        if self.aside:
            return self._side_by_side(y)
        return self._stacked(y)

    def _top(self, y: float) -> float:
        """Assessed, excluded with reasons, enrolled; gives the bottom of the last box."""
        drawing, protocol = self.drawing, self.results.protocol
        masking = protocol.study.masking.replace("open-label", "open label").replace("-", " ")
        by_chance = protocol.randomised
        chosen = f"{'Allocated by chance' if by_chance else opening(Words(protocol, {}).chosen)}; {masking}"
        enrolled = self._say("Enrolled", self._found("enrolled"), bold=True) or [Say("Enrolled", None, True)]
        screened = self._say("Assessed for eligibility", self._found("screened"), bold=True)
        excluded = self._found("not enrolled")
        box = min(330.0, self.width - 1.0) if self.wide and self.aside else self.width - 1.0
        left = (self.width - box) / 2
        trunk = 8.0 if not self.aside else self.width / 2 if self.wide else 24.0
        if not screened:
            enrolled.append(Say("Nobody was counted before enrolment", None, colour=GREY))
            return self._box([*enrolled, Say(chosen)], left, y, box, BORDER)
        bottom = self._box(screened, left, y, box, BORDER)
        if excluded:
            total = [row for row in excluded if not row["item"]]
            head = self._say("Excluded", total, bold=True) or [Say("Excluded", None, True)]
            reasons = [Say(_reason(row, ""), row) for row in excluded if row["item"]]
            side = max(text_width(say.text, self.size, say.bold) for say in head + reasons) + 2 * PAD
            start = trunk + (27 if self.wide else 20)
            side = min(side, self.width - start - 0.5)
            if self.wide:
                start = max(start, min(left + box + 22, self.width - side - 0.5))
            y = bottom + 14
            bottom = self._box(head + reasons, start, y, side, BORDER)
            level = (y + bottom) / 2
            drawing.rule(trunk, level, start, level, GREY, 1.2)
            drawing.arrow(start, level, "right", GREY)
            low = bottom + 14
        else:
            low = bottom + 20
        drawing.rule(trunk, y - 14 if excluded else bottom, trunk, low, GREY, 1.2)
        drawing.arrow(trunk, low, "down", GREY)
        return self._box([*enrolled, Say(chosen)], left, low, box, BORDER)

    def _box(
        self,
        says: Sequence[Say],
        x: float,
        y: float,
        width: float,
        colour: str,
        height: float = 0,
        dash: str = "",
    ) -> float:
        """A box around its words; gives its bottom."""
        lines = self._wrapped(says, width - 2 * PAD)
        tall = max(height, self._tall(lines) + 2 * PAD - 3)
        self.drawing.box(x, y, width, tall, colour, dash)
        self._write(lines, x + PAD, y + PAD - 1)
        return y + tall

    def _wrapped(self, says: Sequence[Say], room: float) -> list[tuple[Say, list[str]]]:
        return [(say, wrap(say.text, room - (14 if say.loss else 0), self.size, say.bold)) for say in says]

    def _tall(self, lines: Sequence[tuple[Say, list[str]]]) -> float:
        return sum(len(texts) for _, texts in lines) * leading(self.size) + 2 * sum(
            say.loss for say, _ in lines
        )

    def _write(self, lines: Sequence[tuple[Say, list[str]]], x: float, y: float) -> None:
        for say, texts in lines:
            for text in texts:
                y += leading(self.size)
                self.drawing.text(
                    x, y - 3, text, size=self.size, colour=say.colour, bold=say.bold, row=say.row
                )

    def _visits(self, columns: Sequence[Column]) -> list[str]:
        return [v for v in self.results.protocol.visits if any(v in column.visits for column in columns)]

    def _side_by_side(self, y: float) -> float:
        """One column an arm; what belongs to one visit stands on one level."""
        count = len(self.columns)
        box = (self.width - 1 - GAP * (count - 1)) / count
        places = [0.5 + i * (box + GAP) for i in range(count)]
        fork = y + 14
        self.drawing.rule(self.width / 2, y, self.width / 2, fork, GREY, 1.2)
        self.drawing.rule(places[0] + box / 2, fork, places[-1] + box / 2, fork, GREY, 1.2)
        for x in places:
            self.drawing.rule(x + box / 2, fork, x + box / 2, fork + 14, GREY, 1.2)
            self.drawing.arrow(x + box / 2, fork + 14, "down", GREY)
        return self._ways(self.columns, places, box, fork + 14)

    def _stacked(self, y: float) -> float:
        """Arms below each other, each on a branch of a trunk at the left."""
        start, last = y, y
        for column in self.columns:
            y += 18
            last = y + 16
            self.drawing.rule(8, last, 26, last, GREY, 1.2)
            self.drawing.arrow(26, last, "right", GREY)
            y = self._ways([column], [26.5], self.width - 27, y)
        self.drawing.rule(8, start, 8, last, GREY, 1.2)
        return y

    def _ways(self, columns: Sequence[Column], places: Sequence[float], box: float, y: float) -> float:
        """The ways of some arms side by side, from their box down; gives the lowest point."""
        room = box - 2 * PAD
        head = max(self._tall(self._wrapped(c.head, room)) for c in columns) + 2 * PAD - 3
        top = y
        for column, x in zip(columns, places, strict=True):
            style = self.styles[column.arm]
            self._box(column.head, x, top, box, style.colour, head, style.dash)
        y = top + head + 8
        spine = y - 8
        for visit in self._visits(columns):
            parts = [self._wrapped(c.visits.get(visit, []), box - 26) for c in columns]
            losses = [[part for part in lines if part[0].loss] for lines in parts]
            seen = [[part for part in lines if not part[0].loss] for lines in parts]
            lost = max(self._tall(lines) for lines in losses)
            lost += 4 if lost else 0
            for column, x, gone, here in zip(columns, places, losses, seen, strict=True):
                self._visit(column, x + PAD, y + lost - 4 - self._tall(gone), gone, y + lost, here)
            y += lost + max(self._tall(lines) for lines in seen) + 6
        left = [self._wrapped(c.before, box - 26) for c in columns]
        lost = max(self._tall(lines) for lines in left)
        for column, x, said in zip(columns, places, left, strict=True):
            self._visit(column, x + PAD, y + 2, said, y, [])
        y += lost + 6 if lost else 0
        foot = max(self._tall(self._wrapped(c.foot, room)) for c in columns) + 2 * PAD - 3
        for column, x in zip(columns, places, strict=True):
            style = self.styles[column.arm]
            end = y + 12 if column.foot else y
            self.drawing.rule(x + PAD, spine, x + PAD, end, style.colour, 1.4, style.dash)
            if column.foot:
                self.drawing.arrow(x + PAD, end, "down", style.colour)
                self._box(column.foot, x, end, box, style.colour, foot, style.dash)
        return y + 12 + foot + 2

    def _visit(
        self,
        column: Column,
        x: float,
        lost_y: float,
        losses: list[tuple[Say, list[str]]],
        y: float,
        seen: list[tuple[Say, list[str]]],
    ) -> None:
        """One arm at one visit: who left before it, then who was assessed, on a line from the box down."""
        for say, texts in losses:
            level = lost_y + leading(self.size) - 3 - middle(self.size)
            self.drawing.rule(x, level, x + 22, level, GREY, 1.1)
            self.drawing.arrow(x + 22, level, "right", GREY)
            self._write([(say, texts)], x + 28, lost_y)
            lost_y += len(texts) * leading(self.size) + 2
        if seen:
            style = self.styles[column.arm]
            self.drawing.arm_mark(style, x, y + leading(self.size) - 3 - middle(self.size), 3.6)
            self._write(seen, x + 14, y)

    def description(self) -> str:
        """The counts, in words."""
        parts = []
        for words, category in (("assessed for eligibility", "screened"), ("enrolled", "enrolled")):
            parts += [f"{value_text(row)} {words}" for row in self._found(category)]
        excluded = [f"{row['item'] or 'excluded'} {value_text(row)}" for row in self._found("not enrolled")]
        sentences = [
            f"{', '.join(parts)}." if parts else "",
            f"Excluded: {', '.join(excluded)}." if excluded else "",
        ]
        for column in self.columns:
            said = [say.text for say in column.head[1:]]
            said += [say.text for says in column.visits.values() for say in says]
            said += [say.text for say in (*column.before, *column.foot)]
            sentences.append(f"{arm_name(self.results, column.arm)}: {'; '.join(said)}.")
        return " ".join(filter(None, sentences)).replace("\u00a0", " ")


def _reason(row: Row, otherwise: str) -> str:
    """`Withdrew consent: 2`, the number kept with the last word."""
    words = row["item"] or otherwise
    return f"{words[:1].upper()}{words[1:]}:\u00a0{value_text(row)}"

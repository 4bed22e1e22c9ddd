"""The drawing that every figure is: rules under marks under labels, in one self-contained `<svg>`.

Text stays text. Labels are drawn last and carry a white halo, so that a line may pass behind them. Each drawing
has a title and a description, whose ids are made of the figure's name and width: unique in a page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from armwise.report.figures.style import FONT, INK, LABEL, RULE, SMALL, STAMP, WARNING, ArmStyle, Shape
from armwise.report.figures.text import width as text_width

Anchor = Literal["start", "middle", "end"]
Row = dict[str, Any]

#: How thick the outline of a mark is, px.
MARK: Final = 1.6


def escape(text: str) -> str:
    """Text for XML, in an element or an attribute; characters that XML cannot hold are left out."""
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def px(value: float) -> str:
    """A length with at most one decimal."""
    if not math.isfinite(value):
        raise ValueError(f"found the length {value}; a drawing takes finite ones")
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


class Drawing:
    """One figure in the making; `svg()` gives the text.

    Args:
        name: what the figure shows, unique in a page: ids are made of it.
        width: px; the height follows from what is drawn.
    """

    def __init__(self, name: str, width: int) -> None:
        self.id = f"f-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{width}"
        self.width = width
        self._rules: list[str] = []
        self._grid: dict[float, list[str]] = {}
        self._marks: list[str] = []
        self._labels: list[str] = []

    def rule(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str = RULE,
        weight: float = 1,
        dash: str = "",
    ) -> None:
        """A straight line of the ground: a grid line, an axis, a reference line, a connection."""
        if dash or colour != RULE:
            self._rules.append(_line(x1, y1, x2, y2, colour, weight, dash))
            return
        # a page has hundreds of grid lines: those of a figure are one path, under everything else
        self._grid.setdefault(weight, []).append(_segment(x1, y1, x2, y2))

    def box(self, x: float, y: float, width: float, height: float, colour: str, dash: str = "") -> None:
        """An empty box with a thin border."""
        self._rules.append(
            f'<rect x="{px(x)}" y="{px(y)}" width="{px(width)}" height="{px(height)}" rx="2" fill="#fff" '
            f'stroke="{colour}" stroke-width="1.4"{_dash(dash)}/>'
        )

    def bar(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, weight: float = MARK, dash: str = ""
    ) -> None:
        """A straight line among the marks: an interval."""
        self._marks.append(_line(x1, y1, x2, y2, colour, weight, dash))

    def curve(self, commands: str, colour: str, weight: float = 2.2, dash: str = "") -> None:
        """A line through points, given as the commands of an SVG path."""
        self._marks.append(
            f'<path d="{commands}" fill="none" stroke="{colour}" stroke-width="{px(weight)}"{_dash(dash)}/>'
        )

    def area(self, commands: str, colour: str) -> None:
        """A pale area on the ground, given as the commands of an SVG path: a band."""
        self._rules.append(f'<path d="{commands}Z" fill="{colour}" fill-opacity="0.14"/>')

    def mark(
        self,
        shape: Shape,
        x: float,
        y: float,
        colour: str,
        size: float = 4.6,
        row: Row | None = None,
        filled: bool | None = None,
    ) -> None:
        """A point: its shape and whether it is filled tell whose it is. `size` is half its extent."""
        full = shape in ("disc", "triangle", "diamond") if filled is None else filled
        paint = f'fill="{colour if full else "#fff"}" stroke="{colour}"{_row(row)}'
        if shape in ("disc", "ring"):
            self._marks.append(f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(size)}" {paint}/>')
            return
        corners: dict[str, list[tuple[float, float]]] = {
            "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
            "triangle": [(0, -1.15), (1.1, 0.8), (-1.1, 0.8)],
            "down-triangle": [(0, 1.15), (1.1, -0.8), (-1.1, -0.8)],
            "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
        }
        reach = size * 0.92 if shape == "square" else size
        path = "L".join(f"{px(x + dx * reach)} {px(y + dy * reach)}" for dx, dy in corners[shape])
        self._marks.append(f'<path d="M{path}Z" {paint}/>')

    def arm_mark(
        self, style: ArmStyle, x: float, y: float, size: float = 4.6, row: Row | None = None
    ) -> None:
        """The mark of an arm."""
        self.mark(style.shape, x, y, style.colour, size, row)

    def arrow(self, x: float, y: float, direction: Literal["left", "right", "down"], colour: str) -> None:
        """An arrow head whose tip is at (x, y)."""
        back = {"left": ((6, -4), (6, 4)), "right": ((-6, -4), (-6, 4)), "down": ((-4, -6), (4, -6))}[
            direction
        ]
        (ax, ay), (bx, by) = back
        self.curve(
            f"M{px(x + ax)} {px(y + ay)}L{px(x)} {px(y)}L{px(x + bx)} {px(y + by)}", colour, weight=1.4
        )

    def text(
        self, x: float, y: float, text: str, *, size: float = LABEL, colour: str = INK, anchor: Anchor = "start",
        bold: bool = False, row: Row | None = None,
    ) -> float:  # fmt: skip
        """One line of text with its baseline at y; gives its width."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        weight = ' font-weight="600"' if bold else ""
        height = "" if size == SMALL else f' font-size="{px(size)}"'
        paint = "" if colour == INK else f' fill="{colour}"'
        self._labels.append(
            f'<text x="{px(x)}" y="{px(y)}"{height}{paint}{place}{weight}{_row(row)}>{escape(text)}</text>'
        )
        return text_width(text, size, bold)

    def lines(
        self, x: float, y: float, lines: Sequence[str], *, size: float = LABEL, colour: str = INK,
        anchor: Anchor = "start", bold: bool = False, row: Row | None = None,
    ) -> float:  # fmt: skip
        """Lines of text below each other, the first baseline at y; gives the baseline after the last."""
        for line in lines:
            self.text(x, y, line, size=size, colour=colour, anchor=anchor, bold=bold, row=row)
            y += leading(size)
        return y

    def svg(self, height: float, title: str, description: str, simulated: bool = False) -> str:
        """The whole figure; a figure of simulated data says so in its last line.

        Args:
            height: px that the drawing needs, without that line.
            title, description: what it shows; what is found, with its numbers.
            simulated: whether the data were drawn by a computer.
        """
        if simulated:
            height += 18
            self.text(
                self.width, height - 4, "SIMULATED DATA", size=STAMP, colour=WARNING, anchor="end", bold=True
            )
        tall = math.ceil(height)
        grid = [
            f'<path d="{"".join(lines)}" stroke="{RULE}" stroke-width="{px(weight)}"/>'
            for weight, lines in self._grid.items()
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {tall}" '
            f'width="{self.width}" height="{tall}" overflow="visible" '
            f'role="img" aria-labelledby="{self.id}-t {self.id}-d" font-family="{FONT}" font-size="{px(SMALL)}">'
            f'<title id="{self.id}-t">{escape(title)}</title><desc id="{self.id}-d">{escape(description)}</desc>'
            f"<g>{''.join(grid)}{''.join(self._rules)}</g>"
            f'<g stroke-width="{MARK}" stroke-linejoin="round">{"".join(self._marks)}</g>'
            f'<g fill="{INK}" stroke="#fff" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke">'
            f"{''.join(self._labels)}</g></svg>"
        )


def leading(size: float) -> float:
    """The distance between two baselines of a label."""
    return round(size * 1.22, 1)


def middle(size: float) -> float:
    """How far a baseline stands below the middle of its capitals and figures."""
    return size * 0.33


def _segment(x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line as commands of a path."""
    begin, right, down = f"M{px(x1)} {px(y1)}", px(x2), px(y2)
    if px(x1) == right:
        return f"{begin}V{down}"
    return f"{begin}H{right}" if px(y1) == down else f"{begin}L{right} {down}"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, weight: float, dash: str) -> str:
    return (
        f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" stroke="{colour}" '
        f'stroke-width="{px(weight)}"{_dash(dash)}/>'
    )


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def _row(row: Row | None) -> str:
    return f' data-row="{escape(str(row["id"]))}"' if row else ""

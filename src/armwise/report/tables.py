"""A table as a value: title, columns, rows, notes. The template draws it; on a phone its rows become cards."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

Text = str | Markup

#: A phone's page, a gap between columns, a figure and a letter of the small print there, in px.
PHONE: Final = 350
GAP: Final = 9
FIGURE: Final = 7.7
SMALL: Final = 6.6


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        head: its head.
        small: a second, smaller line of the head.
        side: where its cells are set.
        arm: the arm whose colour the head takes, if it is about one.
        card: the cell's label on a phone, where the head is not seen; by default the head. Empty: no label.
        wide: whether the cell takes the whole width of a card.
    """

    head: Text
    small: Text = ""
    side: Literal["left", "right"] = "right"
    arm: str = ""
    card: str | None = None
    wide: bool = False

    @property
    def label(self) -> str:
        """The label of its cells on a card."""
        return str(self.head) if self.card is None else self.card


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its head, a smaller second line, its cells; a group's head has no cells."""

    head: Text
    cells: tuple[Text, ...] = ()
    small: Text = ""
    kind: Literal["", "group", "level"] = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; `columns[0]` is the head of the rows.

    Attributes:
        fold: what stands in its place on a screen until it is asked for; on paper it is always there. A long table
            (`page.LONG`) is folded by itself.

    Raises:
        ValueError: a row has another number of cells than there are columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]
    caption: Text = ""
    notes: tuple[Text, ...] = ()
    compact: bool = False
    fold: str = ""
    kind: Literal["table"] = "table"

    @property
    def lines(self) -> int:
        """How many rows it has, heads of groups apart."""
        return sum(bool(row.cells) for row in self.rows)

    @property
    def drawn(self) -> frozenset[int]:
        """Which of its cells are drawings, by their place in a row."""
        return frozenset(i for row in self.rows for i, cell in enumerate(row.cells) if "<svg" in cell)

    @property
    def lean(self) -> str:
        """The widths of its columns on a phone, where all stand side by side there; else nothing: rows become cards.

        They stand side by side where each cell takes two lines at most (its small print apart). A drawing stands
        beside the row's head and takes no column.
        """
        kept = [i for i in range(len(self.columns) - 1) if i not in self.drawn]
        cells = {i: [row.cells[i] for row in self.rows if row.cells] for i in kept}
        if not 1 < len(kept) < 6:
            return ""
        heads = {
            i: max(_word(self.columns[i + 1].head), _word(self.columns[i + 1].small)) * SMALL for i in kept
        }
        for folds in (1, 2):
            needs = [
                max([heads[i], *(w for cell in cells[i] for w in _widths(cell, folds))], default=0)
                for i in kept
            ]
            if sum(needs) + GAP * (len(kept) - 1) <= PHONE:
                return " ".join(f"{need:.0f}fr" for need in needs)
        return ""

    def __post_init__(self) -> None:
        width = len(self.columns) - 1
        wrong = [str(r.head) for r in self.rows if r.kind != "group" and len(r.cells) != width]
        if wrong:
            raise ValueError(f"table {self.title!r}: rows {wrong} do not have {width} cells")


def _widths(cell: Text, folds: int) -> list[float]:
    """How wide a cell is, and its small print, folded in so many lines."""
    big, *small = re.split(r"<small[^>]*>", str(cell))
    lines = [(line, FIGURE) for line in re.split(r"<br>|</div>", big)]
    lines += [(line, SMALL) for part in small for line in re.split(r"<br>|</small>", part)]
    return [_folded(bare(line), folds) * letter for line, letter in lines]


def _folded(text: str, folds: int) -> int:
    """The letters of the longest line of a text in one line, or in two that are as equal as its words allow."""
    words = text.split(" ")
    ends = [len(" ".join(words[:i])) for i in range(1, len(words))] if folds > 1 else []
    return min([len(text), *(max(end, len(text) - end - 1) for end in ends)])


def _word(text: Text) -> int:
    """The letters of its longest word."""
    return max(len(word) for word in re.split(r"[ -]", bare(str(text).replace("<br>", " "))))


def bare(text: Text) -> str:
    """A cell without its tags."""
    return re.sub(r"<[^>]+>", "", str(text))


def folded(table: Table, arms: int, treatments: int, said: str) -> Table:
    """A table of many arms, whose differences stand below the arms that they are about and not in columns of their own.

    Args:
        table: its columns are the head, the arms (treatments first), a difference for each treatment.
        arms: how many arms there are.
        treatments: how many of them are compared with the reference; up to two keep their columns.
        said: what the second line is, for the heads of the columns.
    """
    if treatments <= 2 or len(table.columns) != 1 + arms + treatments:
        return table
    rows = []
    for row in table.rows:
        if row.cells:
            pairs = [(row.cells[i], row.cells[arms + i] if i < treatments else "") for i in range(arms)]
            cells = tuple(Markup("{}<small>{}</small>").format(a, b) if b else a for a, b in pairs)
            rows.append(dataclasses.replace(row, cells=cells))
        else:
            rows.append(row)
    heads = [
        dataclasses.replace(c, small=Markup("{}<br>{}").format(c.small, said)) if 0 < i <= treatments else c
        for i, c in enumerate(table.columns[: 1 + arms])
    ]
    return dataclasses.replace(table, columns=tuple(heads), rows=tuple(rows))


def noted(*notes: Text) -> tuple[Text, ...]:
    """The notes that say something."""
    return tuple(n for n in notes if n)

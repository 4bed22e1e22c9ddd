"""A table as a value: title, columns, rows, notes. The template draws it; on a phone its rows become cards."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Text = str | Markup


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

    def __post_init__(self) -> None:
        width = len(self.columns) - 1
        wrong = [str(r.head) for r in self.rows if r.kind != "group" and len(r.cells) != width]
        if wrong:
            raise ValueError(f"table {self.title!r}: rows {wrong} do not have {width} cells")


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

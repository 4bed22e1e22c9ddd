"""The page as a value: sections of blocks of figures, tables and prose. The template only lays it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from markupsafe import Markup

from armwise.report.tables import Table, Text

WIDE: Final = 720
NARROW: Final = 350
#: A table of more rows than this is folded on a screen.
LONG: Final = 16


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, drawn for a desktop and for a phone; a style rule shows one of them.

    Attributes:
        wide: nothing where the drawing for a phone serves both, such as a square of few cells.
    """

    title: str
    caption: Text
    wide: Markup
    narrow: Markup
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph, or several."""

    paragraphs: tuple[Text, ...]
    small: bool = False
    kind: Literal["prose"] = "prose"


@dataclass(frozen=True, slots=True)
class Facts:
    """A list of terms and what they are."""

    items: tuple[tuple[str, Text], ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Block:
    """What stands together: the main part, and notes in the margin beside it.

    Attributes:
        main: the part itself.
        side: the notes.
        fold: what stands in the place of both on a screen until it is asked for; on paper they are always there.
        later: what stands in their place on a phone alone, where the page is long and others are read first.
    """

    main: Figure | Table | Prose | Facts
    side: tuple[Text, ...] = ()
    fold: str = ""
    later: str = ""

    @property
    def folded(self) -> str:
        """What stands in its place, or nothing: its own word, its table's, or the title of a table that is long."""
        if self.fold or not isinstance(self.main, Table):
            return self.fold
        return self.main.fold or (self.main.title.rstrip(".") if self.main.lines > LONG else "")


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its heading states what was found, its question what was asked.

    Attributes:
        name: its id on the page.
        short: what the list of contents calls it.
    """

    name: str
    short: str
    heading: Text
    question: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The first screen: what was compared, what was found, what could overturn it.

    Attributes:
        fragile: how little would overturn a clear finding, under the finding itself; nothing in a randomised study.
    """

    design: Text
    heading: str
    lead: Text
    figure: Figure | None
    facts: Facts
    fragile: Text = ""
    doubts: tuple[tuple[str, Text], ...] = field(default=())


def figure(title: str, caption: Text, draw: Callable[[int], str], *, square: bool = False) -> Figure:
    """A figure from a function of the width that returns SVG (ours, and escaped by it).

    Args:
        title, caption: what stands above it.
        draw: the function.
        square: whether one drawing serves every width.
    """
    return Figure(title, caption, Markup("" if square else draw(WIDE)), Markup(draw(NARROW)))  # noqa: S704

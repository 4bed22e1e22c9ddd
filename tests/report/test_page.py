"""A block of the page: what is folded on a screen, and under which words."""

from __future__ import annotations

import pytest

from armwise.report.page import LONG, Block, Figure, Prose
from armwise.report.tables import Column, Line, Table


def table(rows: int, fold: str = "") -> Table:
    lines = (Line("group", kind="group"), *(Line(str(i), ("1",)) for i in range(rows)))
    return Table("Rows of data left out.", (Column("a"), Column("b")), lines, fold=fold)


@pytest.mark.parametrize(
    ("block", "under"),
    [
        (Block(table(LONG)), ""),
        (Block(table(LONG + 1)), "Rows of data left out"),
        (Block(table(1, fold="Doses by level")), "Doses by level"),
        (Block(table(LONG + 1, fold="All terms")), "All terms"),
        (Block(table(1), fold="More"), "More"),
        (Block(Prose(("Said.",))), ""),
        (Block(Prose(("Said.",)), fold="Assumptions"), "Assumptions"),
    ],
)
def test_a_block_is_folded_under_its_own_words_its_tables_or_the_title_of_a_long_table(
    block: Block, under: str
) -> None:
    assert block.folded == under


def test_a_figure_is_open_unless_its_block_is_folded() -> None:
    drawn = Figure("Curve.", "", "", "")  # type: ignore[arg-type]
    assert Block(drawn).folded == ""
    assert Block(drawn, fold="Curve").folded == "Curve"

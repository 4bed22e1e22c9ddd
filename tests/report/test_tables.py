from __future__ import annotations

import pytest

from armwise.report.tables import Column, Line, Table


def test_a_row_with_another_number_of_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="do not have 1 cells"):
        Table("T.", (Column("a"), Column("b")), (Line("x", ("1", "2")),))


def test_a_card_takes_the_head_as_its_label_unless_told_otherwise() -> None:
    assert Column("Difference").label == "Difference"
    assert Column("Difference", card="").label == ""

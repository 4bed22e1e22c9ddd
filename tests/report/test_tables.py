from __future__ import annotations

import pytest

from armwise.report.tables import Column, Line, Table, folded


def test_a_row_with_another_number_of_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="do not have 1 cells"):
        Table("T.", (Column("a"), Column("b")), (Line("x", ("1", "2")),))


def test_differences_of_many_arms_stand_below_the_arms() -> None:
    heads = [
        Column(h)
        for h in ("Visit", "a", "b", "c", "reference", "a, difference", "b, difference", "c, difference")
    ]
    made = Table(
        "T.", tuple(heads), (Line("1", ("10", "20", "30", "40", "-30", "-20", "")), Line("2", kind="group"))
    )
    narrow = folded(made, arms=4, treatments=3, said="below: difference")
    assert [c.head for c in narrow.columns] == ["Visit", "a", "b", "c", "reference"]
    assert narrow.rows[0].cells == ("10<small>-30</small>", "20<small>-20</small>", "30", "40")
    assert folded(made, arms=5, treatments=2, said="") is made


def test_a_card_takes_the_head_as_its_label_unless_told_otherwise() -> None:
    assert Column("Difference").label == "Difference"
    assert Column("Difference", card="").label == ""

from __future__ import annotations

import pytest

from armwise.report.tables import Column, Line, Table, bare, folded


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


def side_by_side(*cells: str, heads: str = "") -> str:
    columns = [Column(f"{heads}{i}") for i in range(len(cells))]
    return Table("T.", (Column("Visit"), *columns), (Line("1", cells),)).lean


def test_on_a_phone_columns_stand_side_by_side_where_each_cell_takes_two_lines_at_most() -> None:
    assert side_by_side("21 of 38 (55%)", "1 of 35 (3%)") == "108fr 92fr"
    assert len(side_by_side(*["11\u00a0of\u00a040 (28%)"] * 5).split()) == 5  # in two lines each
    assert side_by_side("\u221218.3 (\u221223.4 to \u221213.1)", *["33.2 (15.5), 38"] * 3) == ""


def test_rows_are_cards_where_a_head_is_too_wide_or_there_is_one_column_or_many() -> None:
    assert side_by_side("1", "2", heads="Antidisestablishmentarianism") == ""
    assert side_by_side("1") == "" == side_by_side(*"123456")


def test_a_drawing_takes_no_column_of_its_own() -> None:
    table = Table(
        "T.", (Column("a"), Column("b"), Column("c"), Column("d")), (Line("x", ("1", "2", "<svg></svg>")),)
    )
    assert (table.drawn, len(table.lean.split())) == ({2}, 2)


def test_a_cell_without_its_tags() -> None:
    assert bare('<data value="1">1</data><small>2</small>') == "12"

from __future__ import annotations

import polars as pl

from armwise.study.records import recorded


def kept(table: pl.DataFrame) -> list[str]:
    return table.filter(recorded(table))["subject"].to_list()


def test_a_row_that_says_not_done_and_nothing_else_is_no_record() -> None:
    table = pl.DataFrame(
        {
            "subject": ["a", "b", "c", "d"],
            "status": ["not done", "not done", "complete", None],
            "drug": [None, "tramadol", None, None],
            "_row": [2, 3, 4, 5],
        }
    )
    assert kept(table) == ["b", "c", "d"]


def test_without_a_column_status_every_row_is_a_record() -> None:
    assert kept(pl.DataFrame({"subject": ["a"], "drug": [None]})) == ["a"]


def test_a_form_without_items_of_its_own_is_a_record_unless_it_was_not_done() -> None:
    assert kept(pl.DataFrame({"subject": ["a", "b"], "status": ["not done", "complete"]})) == ["b"]

from __future__ import annotations

import numpy as np
import pytest
from formula_data import KEYS, trial

from armwise.errors import UsageError
from armwise.stats.repeated.formula.factors import FactorColumns, classify, pandas_frame, plain_columns
from armwise.stats.repeated.formula.long_table import LongTable, read_long

MIXED = frozenset(["age", "visit"])
AGE = frozenset(["age"])


@pytest.fixture(scope="module")
def table() -> LongTable:
    return read_long(trial(), ["odi", "arm", "visit", "age", "walks", "opioid", "site", "days"], **KEYS)


def kind(columns: FactorColumns) -> str:
    kinds = {"visit": columns.by_visit, "subject": columns.by_subject, "row": columns.by_row}
    (found,) = [name for name, values in kinds.items() if values is not None]
    return found


def test_plain_columns_are_functions_of_the_visit_values_of_the_subject_or_change_over_time(
    table: LongTable,
) -> None:
    found = {
        name: kind(plain_columns(name, True, table, "visit"))
        for name in ("arm", "visit", "age", "walks", "opioid", "site", "days")
    }
    assert found == {
        "arm": "subject", "visit": "visit", "age": "subject", "walks": "row", "opioid": "row", "site": "subject",
        "days": "visit",
    }  # fmt: skip


def test_labels_are_coded_by_treatment_contrasts_reduced_and_in_full(table: LongTable) -> None:
    reduced, full = (plain_columns("site", r, table, "visit") for r in (True, False))
    assert reduced.names == ("site[T.b]", "site[T.c]")
    assert full.names == ("site[a]", "site[b]", "site[c]")
    assert reduced.by_subject is not None
    assert full.by_subject is not None
    assert np.array_equal(reduced.by_subject, full.by_subject[:, 1:])
    assert (full.by_subject.sum(axis=1) == 1).all()


def test_an_expression_with_the_visit_changes_over_time_unless_it_needs_nothing_else(
    table: LongTable,
) -> None:
    constant = np.asarray(table.columns["age"], dtype=float)[:, None]
    assert kind(classify(("x",), constant, table, "visit", AGE)) == "subject"
    assert kind(classify(("x",), constant, table, "visit", MIXED)) == "row"
    assert kind(classify(("x",), constant * 0 + 1, table, "visit", frozenset(["visit"]))) == "visit"


def test_one_row_that_differs_is_enough_to_change_over_time(table: LongTable) -> None:
    values = np.array(table.columns["age"], dtype=float)[:, None]
    last = int(np.flatnonzero(np.bincount(table.subject)[table.subject] > 1)[-1])
    values[last] += 1e-9
    assert kind(classify(("x",), values, table, "visit", AGE)) == "row"


def test_infinite_values_are_refused_by_name(table: LongTable) -> None:
    values = np.full((len(table.subject), 1), np.inf)
    with pytest.raises(UsageError, match="'x' is not a finite number"):
        classify(("x",), values, table, "visit", AGE)


def test_the_frame_for_formulaic_has_the_levels_of_the_analysed_rows_in_their_order(table: LongTable) -> None:
    frame = pandas_frame(table)
    assert frame["visit"].cat.categories.tolist() == ["m1", "m3", "m6", "m12"]
    assert len(frame) == len(table.subject)
    assert pandas_frame(table, np.array([3, 5]))["arm"].tolist() == frame["arm"].iloc[[3, 5]].tolist()

"""Wrong answers are named by row and item; missing ones are not wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from armwise.errors import InstrumentError, UsageError
from armwise.instruments import check_answers, score
from armwise.instruments.parse import parse


def test_wrong_cells_are_named_by_row_item_value_and_expectation(engine: Any) -> None:
    frame = pl.DataFrame({f"odi_{i}": [1.0, 2.0, 3.0, 4.0] for i in range(1, 11)})
    frame = frame.with_columns(
        odi_2=pl.Series([1.0, 7.0, None, float("nan")]), odi_9=pl.Series([2.5, -1.0, 0.0, 5.0])
    )
    findings = check_answers(engine.make(frame), "odi")
    assert [(f.row, f.index, f.item, f.found) for f in findings] == [
        (1, 0, "odi_9", 2.5),
        (2, 1, "odi_2", 7.0),
        (2, 1, "odi_9", -1.0),
    ]
    assert str(findings[1]) == "row 2, odi_2: found 7; expected a whole number from 0 to 5"


def test_clean_and_missing_answers_are_no_findings(engine: Any) -> None:
    frame = pl.DataFrame({f"odi_{i}": [0, 5, None] for i in range(1, 11)})
    assert check_answers(engine.make(frame), "odi") == []


def test_text_is_a_finding_even_when_it_reads_as_a_number() -> None:
    for frame in (pl.DataFrame({"nrs_1": ["3", "ten", None]}), pd.DataFrame({"nrs_1": ["3", "ten", None]})):
        assert [str(f) for f in check_answers(frame, "nrs")] == [
            'row 1, nrs_1: found "3"; expected a whole number from 0 to 10',
            'row 2, nrs_1: found "ten"; expected a whole number from 0 to 10',
        ]


def test_a_mixed_pandas_column_gives_its_wrong_cells_alone() -> None:
    frame = pd.DataFrame({"nrs_1": pd.Series([3, "x", None, 12, float("nan"), True], dtype=object)})
    assert [f.row for f in check_answers(frame, "nrs")] == [2, 4, 6]


def test_a_pandas_object_column_may_hold_na_and_numpy_numbers() -> None:
    frame = pd.DataFrame({"nrs_1": pd.Series([np.int64(3), pd.NA, None, 12, np.float64(2.5)], dtype=object)})
    assert [(f.row, f.found) for f in check_answers(frame, "nrs")] == [(4, 12), (5, 2.5)]
    scored = score(frame, "nrs")
    assert list(scored["nrs_pain_status"]) == [
        "ok",
        "missing items",
        "missing items",
        "out of range",
        "not an integer",
    ]


def test_decimal_numbers_are_numbers() -> None:
    frame = pl.DataFrame({"nrs_1": [Decimal("3"), None, Decimal("2.5"), Decimal("11")]})
    assert [f.row for f in check_answers(frame, "nrs")] == [3, 4]
    assert score(frame, "nrs")["nrs_pain"].to_list() == [3.0, None, None, None]


def test_a_pandas_index_does_not_matter() -> None:
    frame = pd.DataFrame({"nrs_1": ["a", None, "b"]}, index=[7, 7, 3])
    assert [f.index for f in check_answers(frame, "nrs")] == [0, 2]
    assert [f.index for f in check_answers(frame.replace({"a": 11, "b": 12}).astype(float), "nrs")] == [0, 2]


def test_true_and_false_are_no_answers() -> None:
    assert len(check_answers(pl.DataFrame({"nrs_1": [True, None]}), "nrs")) == 1


def test_infinity_is_out_of_range() -> None:
    assert len(check_answers(pl.DataFrame({"nrs_1": [float("inf"), -float("inf")]}), "nrs")) == 2


def test_columns_may_be_named() -> None:
    found = check_answers(pl.DataFrame({"pain": [11]}), "nrs", columns={"nrs_1": "pain"})
    assert (found[0].item, found[0].column) == ("nrs_1", "pain")


def test_a_missing_column_is_named_with_its_nearest() -> None:
    with pytest.raises(InstrumentError, match=r'"nrs_1" \(Pain; did you mean "nrs1"'):
        check_answers(pl.DataFrame({"nrs1": [1]}), "nrs")


def test_options_are_checked_as_in_score() -> None:
    with pytest.raises(InstrumentError, match="unknown option"):
        check_answers(pl.DataFrame({"nrs_1": [1]}), "nrs", options={"limit": 1})


def test_an_item_that_no_score_uses_may_have_no_column() -> None:
    text = (
        "id: own\ntitle: Own\nitems:\n  a: {label: A, range: [0, 1]}\n  b: {label: B, range: [0, 1]}\n"
        "scores:\n  s: {label: S, range: [0, 1], higher_is_better: true, rule: single, items: a}\n"
    )
    own = parse(text, "own.yaml")
    assert check_answers(pl.DataFrame({"a": [1]}), own) == []
    assert [f.item for f in check_answers(pl.DataFrame({"a": [1], "b": [2]}), own)] == ["b"]


def test_something_that_is_no_frame_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected a frame"):
        check_answers({"nrs_1": [1]}, "nrs")

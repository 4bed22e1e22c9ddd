from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from armwise.errors import UsageError
from armwise.stats.samples import (
    check_counts,
    complete_rows,
    flags,
    frame_columns,
    labels,
    same_length,
    sample,
)


@pytest.mark.parametrize("missing", [np.nan, None, np.inf])
def test_missing_and_infinite_values_are_refused_and_counted(missing):
    with pytest.raises(UsageError, match=r"y holds 2 missing or infinite values among 4"):
        sample([1.0, missing, 2.0, missing], "y")


def test_text_is_not_a_sample_of_numbers():
    with pytest.raises(UsageError, match="y is not numeric"):
        sample(["a", "b"], "y")


def test_a_matrix_is_not_a_sample():
    with pytest.raises(UsageError, match=r"shape \(2, 2\)"):
        sample([[1, 2], [3, 4]], "y")


def test_flags_take_booleans_and_zero_and_one_only():
    assert flags([True, False], "treated").tolist() == [True, False]
    assert flags([1, 0.0], "treated").tolist() == [True, False]
    with pytest.raises(UsageError, match=r"treated holds \[2\.0\]"):
        flags([0, 1, 2], "treated")


def test_lengths_that_differ_are_named():
    with pytest.raises(UsageError, match=r"'y': 2, 'arm': 3"):
        same_length({"y": np.zeros(2), "arm": np.zeros(3)})


def test_whole_numbers_as_labels_lose_their_decimal_point():
    assert labels([1.0, 2.0], "arm").tolist() == ["1", "2"]


def test_missing_labels_are_refused():
    with pytest.raises(UsageError, match="arm holds 1 missing values among 2"):
        labels(np.array(["a", None], dtype=object), "arm")


@pytest.mark.parametrize(("x", "n"), [(3, 2), (-1, 2), (1.5, 3)])
def test_counts_that_no_group_can_have_are_refused(x, n):
    with pytest.raises(UsageError):
        check_counts(x, n)


FRAMES = {
    "polars": pl.DataFrame({"y": [1, None, 3], "arm": ["a", "b", None]}),
    "polars lazy": pl.LazyFrame({"y": [1, None, 3], "arm": ["a", "b", None]}),
    "pandas": pd.DataFrame({"y": [1.0, np.nan, 3.0], "arm": ["a", "b", None]}),
    "pandas nullable": pd.DataFrame({"y": [1, None, 3], "arm": ["a", "b", None]}).convert_dtypes(),
    "pandas arrow": pd.DataFrame({"y": [1, None, 3], "arm": ["a", "b", None]}).convert_dtypes(
        dtype_backend="pyarrow"
    ),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_gives_the_same_columns(kind):
    columns = frame_columns(FRAMES[kind], ["y", "arm"])
    assert columns["y"].dtype == np.float64
    assert np.array_equal(columns["y"], [1, np.nan, 3], equal_nan=True)
    assert columns["arm"].tolist() == ["a", "b", None]
    assert complete_rows(columns).tolist() == [True, False, False]


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UsageError, match=r"no column \['z'\].*'y', 'arm'"):
        frame_columns(FRAMES["polars"], ["z"])


def test_what_is_no_frame_is_refused():
    with pytest.raises(UsageError, match=r"expected a data frame .* found list"):
        frame_columns([1, 2], ["y"])

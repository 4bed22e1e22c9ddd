from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from formula_data import trial

from armwise.errors import UsageError
from armwise.stats.repeated.formula.labels import Coded
from armwise.stats.repeated.formula.long_table import LongTable, read_long

NEEDED = ["odi", "arm", "visit", "baseline", "age"]


def read(data: Any, needed: list[str] = NEEDED, **options: Any) -> LongTable:
    return read_long(data, needed, **({"subject": "subject", "visit": "visit"} | options))


def test_pandas_and_polars_give_the_same_rows() -> None:
    one, two = read(trial()), read(pl.from_pandas(trial()))
    assert np.array_equal(one.subject, two.subject)
    assert np.array_equal(one.visit.codes, two.visit.codes)
    assert one.subjects.tolist() == two.subjects.tolist()
    for name, values in one.columns.items():
        other = two.columns[name]
        if isinstance(values, Coded):
            assert isinstance(other, Coded)
            assert np.array_equal(values.codes, other.codes)
            assert tuple(values.levels) == tuple(other.levels)
        else:
            assert np.array_equal(values, other)


def test_rows_without_outcome_or_covariate_are_dropped_and_counted_by_the_first_column_missing() -> None:
    data = trial()
    missing_outcomes = int(data["odi"].isna().sum())
    observed = np.flatnonzero(data["odi"].notna())
    data["age"] = data["age"].astype(float)
    data.loc[observed[:3], "age"] = np.nan
    data.loc[observed[2:6], "arm"] = None
    table = read(data)
    assert table.dropped == {"odi": missing_outcomes, "arm": 4, "age": 2}
    assert len(table.subject) == len(data) - missing_outcomes - 6


def test_missing_values_are_refused_when_asked_for() -> None:
    with pytest.raises(UsageError, match="missing values: 49 in 'odi'"):
        read(trial(), na_action="raise")


def test_subjects_without_any_analysed_row_are_left_out() -> None:
    data = trial()
    data.loc[data["subject"] == "S002", "odi"] = np.nan
    table = read(data)
    assert "S002" not in table.subjects.tolist()
    assert sorted(np.unique(table.subject)) == list(range(59))


def test_scattered_rows_are_one_row_a_subject_with_nan_where_a_visit_is_missing() -> None:
    data, table = trial(), read(trial())
    wide = table.scatter(np.asarray(table.columns["odi"]), fill=np.nan)
    expected = data.pivot(index="subject", columns="visit", values="odi").loc[
        table.subjects, list(table.visits)
    ]
    assert np.array_equal(wide, expected.to_numpy(), equal_nan=True)


def test_rows_in_any_order_give_the_same_subjects_and_values() -> None:
    found = []
    for data in (trial(), trial().sample(frac=1, random_state=3)):
        table = read(data)
        found.append(
            dict(zip(table.subjects, table.scatter(np.asarray(table.columns["odi"]), np.nan), strict=True))
        )
    assert found[0].keys() == found[1].keys()
    assert all(np.array_equal(found[0][name], found[1][name], equal_nan=True) for name in found[0])


def test_text_visits_are_ordered_by_the_numbers_in_their_names() -> None:
    assert read(trial()).visits == ("m1", "m3", "m6", "m12")


def test_a_declared_order_of_visits_is_kept_and_an_order_given_wins() -> None:
    data = trial()
    data["visit"] = pd.Categorical(data["visit"], ["m12", "m6", "m3", "m1", "m24"])
    assert read(data).visits == ("m12", "m6", "m3", "m1")
    assert read(data, visits=["m3", "m1", "m6", "m12"]).visits == ("m3", "m1", "m6", "m12")


def test_visits_that_are_numbers_are_ordered_by_size_and_may_be_listed_as_text() -> None:
    data = trial()
    assert read(data, visit="days").visits == ("30", "91", "182", "365")
    assert read(data, visit="days", visits=["365", 182, 91, 30]).visits == ("365", "182", "91", "30")


def test_a_list_of_visits_that_does_not_fit_says_everything_that_is_wrong() -> None:
    with pytest.raises(UsageError) as error:
        read(trial(), visits=["m1", "m1", "m3", "m24"])
    assert "visits lists m1 twice" in str(error.value)
    assert "no row with an outcome is of visit m24" in str(error.value)
    assert "rows are of visit m6, m12, which visits does not list" in str(error.value)


def test_two_rows_of_a_subject_at_one_visit_name_both() -> None:
    data = trial()
    twice = data[(data["subject"] == "S001") & (data["visit"] == "m3")]
    with pytest.raises(UsageError, match=re.escape("S001 at m3 (2 rows)")):
        read(pd.concat([data, twice]))


def test_unknown_columns_are_named_all_at_once_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as error:
        read(trial(), ["odi", "agee", "armm"], visit="vist")
    for name, near in (("agee", "age"), ("armm", "arm"), ("vist", "visit")):
        assert f"{name!r} (did you mean {near!r}?)" in str(error.value)


def test_a_row_without_subject_or_visit_is_refused() -> None:
    data = trial()
    data.loc[3, "subject"] = None
    data.loc[[5, 6], "visit"] = None
    with pytest.raises(UsageError, match="1 rows without 'subject', 2 rows without 'visit'"):
        read(data)


def test_a_table_in_which_nothing_is_complete_says_what_is_missing() -> None:
    data = trial()
    data["odi"] = np.nan
    with pytest.raises(
        UsageError, match="no row has every value that the model needs; missing: odi in 240 rows"
    ):
        read(data)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas])
def test_an_empty_table_is_refused(make: Any) -> None:
    with pytest.raises(UsageError, match="the table has no rows; expected one row a subject and visit"):
        read(make(trial().iloc[:0]))


def test_infinite_values_are_refused() -> None:
    data = trial()
    data.loc[0, "baseline"] = np.inf
    with pytest.raises(UsageError, match="'baseline' has infinite values"):
        read(data)


def test_a_lazy_frame_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match="LazyFrame; expected a pandas or Polars data frame"):
        read(pl.from_pandas(trial()).lazy())


def test_a_group_must_be_constant_within_a_subject() -> None:
    assert read(trial(), group="arm").group is not None
    data = trial()
    observed = data["odi"].notna() & (data["subject"] == "S001")
    data.loc[np.flatnonzero(observed)[0], "arm"] = "control"
    with pytest.raises(UsageError, match="group 'arm' changes within subject S001"):
        read(data, group="arm")


def test_weights_must_be_positive_and_a_missing_one_drops_its_row() -> None:
    data = trial().assign(w=1.5)
    observed = np.flatnonzero(data["odi"].notna())
    data.loc[observed[0], "w"] = np.nan
    table = read(data, weights="w")
    assert table.dropped["w"] == 1
    data.loc[observed[1], "w"] = 0
    with pytest.raises(UsageError, match="weights 'w' has 1 values that are not positive"):
        read(data, weights="w")


def test_nullable_integers_keep_their_missing_values() -> None:
    data = trial()
    data["age"] = data["age"].astype("Int64")
    observed = np.flatnonzero(data["odi"].notna())
    data.loc[observed[0], "age"] = pd.NA
    assert read(data).dropped["age"] == 1
    assert read(pl.from_pandas(data)).dropped["age"] == 1


def test_two_columns_of_one_name_are_refused_by_name() -> None:
    data = trial()
    with pytest.raises(
        UsageError, match="the data have more than one column 'age'; rename or remove all but one"
    ):
        read(pd.concat([data, data[["age"]]], axis=1))


def test_columns_that_are_called_by_numbers_are_listed_when_one_is_not_found() -> None:
    with pytest.raises(UsageError, match=r"no column 'odi'.*; their columns are 0, 1"):
        read(pd.DataFrame([[1, 2]]))


@pytest.mark.parametrize("word", ["omit", "fail", "na.omit", True, None])
def test_an_unknown_action_for_missing_values_is_refused_and_does_not_drop_them(word: Any) -> None:
    with pytest.raises(UsageError, match=re.escape(f'na_action is {word!r}; expected "drop"')):
        read(trial(), na_action=word)


@pytest.mark.parametrize("role", ["subject", "visit", "group", "weights"])
@pytest.mark.parametrize("name", [["subject"], 3, ("visit",)])
def test_a_column_that_is_not_called_by_a_name_is_refused(role: str, name: Any) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{role} is {name!r}; expected the name of a column")):
        read(trial(), **{role: name})


def test_no_subject_and_a_subject_that_is_the_visit_are_refused() -> None:
    with pytest.raises(UsageError, match="subject is None; expected the name of a column"):
        read(trial(), subject=None)
    with pytest.raises(UsageError, match="subject and visit are both 'visit'; expected two columns"):
        read(trial(), subject="visit")


@pytest.mark.parametrize("visits", ["m1", 3])
def test_visits_that_are_no_list_are_refused(visits: Any) -> None:
    with pytest.raises(
        UsageError, match=f"visits is {visits!r}; expected a list of the visits in their order"
    ):
        read(trial(), visits=visits)


@pytest.mark.parametrize("name", ["arm", "visit", "subject"])
def test_labels_of_two_types_that_look_alike_are_refused(name: str) -> None:
    data = trial()
    labels = dict(zip(data[name].unique(), [1, "1", *range(2, 99)], strict=False))
    data[name] = data[name].map(labels).astype(object)
    with pytest.raises(UsageError, match=f"column {name!r} has the labels 1 and '1', which look alike"):
        read(data)

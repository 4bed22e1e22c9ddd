from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from armwise.errors import UsageError
from armwise.stats.balance import chance_imbalance, standardised_difference, variance_ratio
from armwise.stats.baseline_table import table_one

DATA = {
    "arm": ["bmc", "bmc", "bmc", "control", "control", "control", "control", None],
    "age": [60, 71, None, 50, 55, 61, 70, 40],
    "sex": ["f", "m", "m", "f", "f", None, "m", "f"],
    "smoker": [True, False, False, True, True, None, False, True],
    "stage": [1, 2, 2, 1, 1, 3, 2, 1],
    "w": [0.5, 0.25, 0.5, 0.4, 0.6, 0.2, 0.8, 0.5],
}
FRAMES = [pl.DataFrame, pl.LazyFrame, pd.DataFrame, lambda d: pd.DataFrame(d).convert_dtypes()]


def rows(table, covariate, arm):
    return [r for r in table.rows if (r.covariate, r.arm) == (covariate, arm)]


@pytest.mark.parametrize("frame", FRAMES)
def test_covariates_are_described_by_arm_and_missing_values_counted(frame):
    t = table_one(frame(DATA), by="arm", reference="control", weights="w", categorical=["stage"])
    assert t.arms == ("control", "bmc") and t.sizes == {"control": 4, "bmc": 3} and t.n_without_arm == 1
    (age,) = rows(t, "age", "bmc")
    assert (age.n, age.n_missing, age.mean, age.min, age.max) == (2, 1, 65.5, 60, 71)
    assert age.weighted_mean == pytest.approx((60 * 0.5 + 71 * 0.25) / 0.75)
    assert [(r.category, r.count, r.n) for r in rows(t, "sex", "control")] == [("f", 2, 3), ("m", 1, 3)]
    assert [r.share for r in rows(t, "sex", "control")] == pytest.approx(
        [2 / 3, 1 / 3]
    )  # of those with a value
    assert [(r.category, r.count) for r in rows(t, "stage", "bmc")] == [("1", 1), ("2", 2), ("3", 0)]
    assert [r.category for r in rows(t, "smoker", "control")] == ["False", "True"]
    assert rows(t, "sex", "bmc")[0].weighted_mean == pytest.approx(0.5 / 1.25)


@pytest.mark.parametrize("frame", FRAMES)
def test_balance_is_that_of_the_functions_on_arrays(frame):
    t = table_one(frame(DATA), by="arm", reference="control", weights="w", categorical=["stage"])
    balance = {b.covariate: b for b in t.balance}
    x, y = [60.0, 71], [50.0, 55, 61, 70]
    age = balance["age"]
    assert (age.arm, age.versus, age.n_arm, age.n_versus, age.kind) == ("bmc", "control", 2, 4, "numeric")
    assert age.standardised_difference == standardised_difference(x, y).estimate
    assert age.variance_ratio == variance_ratio(x, y).estimate
    weights = {"weights_arm": [0.5, 0.25], "weights_versus": [0.4, 0.6, 0.2, 0.8]}
    assert age.weighted_standardised_difference == standardised_difference(x, y, **weights).estimate
    assert age.weighted_variance_ratio == variance_ratio(x, y, **weights).estimate
    assert age.chance == chance_imbalance(2, 4)
    sex = balance["sex"]
    expected = standardised_difference(list("fmm"), list("ffm"), kind="categorical")
    assert sex.standardised_difference == expected.estimate and sex.variance_ratio is None


def test_no_row_has_a_p():
    t = table_one(pl.DataFrame(DATA), by="arm")
    names = {*t.to_dicts()[0], *t.balance_to_dicts()[0]}
    assert not {"p", "p_value", "p-value"} & names


def test_the_rows_make_a_data_frame():
    t = table_one(pl.DataFrame(DATA), by="arm", columns=["age", "sex"])
    assert pl.DataFrame(t.to_dicts(), infer_schema_length=None).height == 2 * (1 + 2)
    assert pd.DataFrame(t.balance_to_dicts())["covariate"].tolist() == ["age", "sex"]


def test_without_weights_the_weighted_columns_are_empty():
    t = table_one(pl.DataFrame(DATA).drop("w"), by="arm")
    assert all(b.weighted_standardised_difference is None for b in t.balance)
    assert all(r.weighted_mean is None for r in t.rows)


def test_every_other_arm_is_compared_with_the_reference():
    data = pl.DataFrame({"arm": list("aabbcc"), "x": [1, 2, 3, 5, 8, 9]})
    assert [(b.arm, b.versus) for b in table_one(data, by="arm", reference="b").balance] == [
        ("a", "b"),
        ("c", "b"),
    ]


def test_a_column_without_any_value_is_a_row_of_missing_ones():
    data = pl.DataFrame({"arm": list("aabb"), "x": [None] * 4, "y": [1.0, None, None, None]})
    t = table_one(data, by="arm")
    assert {(r.arm, r.n, r.n_missing) for r in t.rows if r.covariate == "y"} == {("a", 1, 1), ("b", 0, 2)}
    assert all(b.standardised_difference is None and b.reason for b in t.balance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "group"}, "no column"),
        ({"by": "arm", "reference": "sham"}, "'sham' is not among the arms"),
        ({"by": "arm", "categorical": ["state"]}, "which are not among the columns"),
        ({"by": "arm", "weights": "age"}, "none missing"),
        ({"by": "arm", "columns": ["bmi"]}, "no column"),
    ],
)
def test_wrong_names_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        table_one(pl.DataFrame(DATA), **options)


def test_one_arm_alone_is_refused():
    with pytest.raises(UsageError, match="needs two"):
        table_one(pl.DataFrame({"arm": ["a", "a"], "x": [1, 2]}), by="arm")

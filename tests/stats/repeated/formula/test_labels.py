from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from armwise.errors import UsageError
from armwise.stats.repeated.formula.labels import (
    Coded,
    first_rows,
    label_codes,
    natural,
    shown,
    subject_codes,
    text,
)

TEXT = ["m3", "m12", None, "m1", "m3"]


def decoded(coded: Coded) -> list[object]:
    return [None if code < 0 else coded.levels[int(code)] for code in coded.codes]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(TEXT),
        pd.Series(TEXT, dtype=object),
        pd.Series(TEXT, dtype="string"),
        pl.Series("v", TEXT),
        pl.Series("v", TEXT, dtype=pl.Categorical),
    ],
)
def test_text_of_every_kind_is_coded_with_sorted_levels_and_missing_ones_are_marked(series: object) -> None:
    coded = label_codes(nw.from_native(series, series_only=True))
    assert tuple(coded.levels) == ("m1", "m12", "m3")
    assert decoded(coded) == TEXT
    assert not coded.declared


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.Categorical(TEXT, ["m3", "m1", "m12"])),
        pl.Series("v", TEXT, dtype=pl.Enum(["m3", "m1", "m12"])),
    ],
)
def test_the_order_that_a_categorical_or_an_enum_declares_is_kept(series: object) -> None:
    coded = label_codes(nw.from_native(series, series_only=True))
    assert tuple(coded.levels) == ("m3", "m1", "m12")
    assert decoded(coded) == TEXT
    assert coded.declared


def test_numbers_are_ordered_by_size_and_booleans_are_false_then_true() -> None:
    numbers = label_codes(nw.from_native(pd.Series([12.0, 1, np.nan, 3]), series_only=True))
    assert tuple(numbers.levels) == (1, 3, 12)
    assert decoded(numbers) == [12, 1, None, 3]
    flags = label_codes(nw.from_native(pl.Series("v", [True, None, False]), series_only=True))
    assert tuple(flags.levels) == (False, True)
    assert decoded(flags) == [True, None, False]


def test_labels_of_several_types_in_one_column_are_ordered_by_their_text() -> None:
    coded = label_codes(nw.from_native(pd.Series(["b", 2, "a"], dtype=object), series_only=True))
    assert tuple(coded.levels) == (2, "a", "b")


@pytest.mark.parametrize("sorted_rows", [True, False])
@pytest.mark.parametrize("kind", ["pandas", "polars", "numbers"])
def test_subjects_in_runs_or_in_any_order_get_one_code_each(sorted_rows: bool, kind: str) -> None:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(50), rng.integers(1, 5, 50)) + 100
    if not sorted_rows:
        rng.shuffle(who)
    labels = who if kind == "numbers" else np.array([f"S{k}" for k in who])
    series = pl.Series("s", labels) if kind == "polars" else pd.Series(labels)
    coded = subject_codes(nw.from_native(series, series_only=True))
    assert [str(coded.levels[int(code)]) for code in coded.codes] == [str(label) for label in labels]
    assert len(coded.levels) == 50


@pytest.mark.parametrize("make", [lambda labels: pd.Series(labels), lambda labels: pl.Series("s", labels)])
def test_a_missing_subject_is_marked_wherever_it_stands(make: object) -> None:
    series = make(["a", "a", None, None, "b", "b", "b", "b", "a"])  # type: ignore[operator]
    coded = subject_codes(nw.from_native(series, series_only=True))
    assert (coded.codes < 0).tolist() == [False, False, True, True, False, False, False, False, False]
    assert coded.codes[0] == coded.codes[8]


@pytest.mark.parametrize("make", [lambda labels: pd.Series(labels), lambda labels: pl.Series("s", labels)])
@pytest.mark.parametrize(
    "labels", [["a", "a", "b", "b", "c", "c"], ["b", "b", "a", "a", "b", "b"], [1, 1, 2, 2, 2, 2]]
)
def test_subjects_in_runs_in_ascending_order_or_not_have_codes_by_first_appearance(
    make: object, labels: object
) -> None:
    coded = subject_codes(nw.from_native(make(labels), series_only=True))  # type: ignore[operator]
    assert [coded.levels[int(code)] for code in coded.codes] == labels
    assert list(dict.fromkeys(coded.codes.tolist())) == list(range(len(set(labels))))  # type: ignore[call-overload]


def test_the_first_row_of_each_code_is_found_and_missing_ones_do_not_count() -> None:
    assert first_rows(np.array([-1, 2, 0, 2, 1, 0]), 3).tolist() == [2, 4, 1]


def test_levels_that_no_row_has_are_left_out() -> None:
    coded = Coded(np.array([2, 0, -1, 2]), ("a", "b", "c"), True).take(np.array([0, 2]))
    assert tuple(coded.levels) == ("c",)
    assert coded.codes.tolist() == [0, -1]


def test_a_reference_level_is_put_first_whatever_its_type() -> None:
    coded = Coded(np.array([0, 1, 2]), (1, 3, 12), True).first("visit", "12")
    assert coded.levels == (12, 1, 3)
    assert decoded(coded) == [1, 3, 12]
    with pytest.raises(UsageError, match="'visit' has no level 6; its levels are 1, 3, 12"):
        Coded(np.array([0, 1, 2]), (1, 3, 12), True).first("visit", 6)


def test_names_with_numbers_are_ordered_by_their_numbers() -> None:
    assert sorted(["m12", "m1", "m3"], key=natural) == ["m1", "m3", "m12"]
    assert sorted(["week 10", "week 2.5", "baseline", "week 2"], key=natural) == [
        "baseline",
        "week 2",
        "week 2.5",
        "week 10",
    ]


def test_a_minus_before_a_number_is_its_sign_and_a_hyphen_is_none() -> None:
    assert sorted(["6", "0", "-3", "-12"], key=natural) == ["-12", "-3", "0", "6"]
    assert sorted(["day 0", "day -7", "day 14"], key=natural) == ["day -7", "day 0", "day 14"]
    assert sorted(["visit-10", "visit-2"], key=natural) == ["visit-2", "visit-10"]


@pytest.mark.parametrize(
    "labels", [[1, "1"], ["True", True], pd.Categorical(["2", 2, "2"], categories=[2, "2"]), [2.5, "2.5"]]
)
def test_labels_of_two_types_that_look_alike_are_refused(labels: object) -> None:
    series = pd.Series(labels, name="arm", dtype=None if isinstance(labels, pd.Categorical) else object)
    with pytest.raises(
        UsageError, match=r"column 'arm' has the labels .* and .*, which look alike; write them in one"
    ):
        label_codes(nw.from_native(series, series_only=True))


@pytest.mark.parametrize("runs", [1, 3])
def test_subjects_of_two_types_that_look_alike_are_refused(runs: int) -> None:
    series = pd.Series(np.repeat(np.array([1, "b", "1", 2], dtype=object), runs), name="s")
    with pytest.raises(UsageError, match="column 's' has the labels 1 and '1', which look alike"):
        subject_codes(nw.from_native(series, series_only=True))
    subject_codes(nw.from_native(series[series != "1"], series_only=True))


def test_a_whole_number_is_shown_without_decimals_and_a_long_list_is_cut() -> None:
    assert (text(3.0), text(2.5), text("3.0"), text(True)) == ("3", "2.5", "3.0", "True")
    assert shown("abcdefg") == "a, b, c, d, e and 2 more"

"""The public verb: engines, columns, prefixes, and what it refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.errors import InstrumentError, UsageError
from armwise.instruments import check_answers, load, score

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench_scoring.py"
ODI = [f"odi_{i}" for i in range(1, 11)]
ROWS = st.lists(
    st.lists(st.one_of(st.none(), st.integers(-1, 6)), min_size=10, max_size=10), min_size=1, max_size=12
)


def frame_of(rows: list[list[int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(ODI, pl.Int64), orient="row")


def by_hand(row: list[int | None]) -> float | None:
    answered = [answer for answer in row if answer is not None]
    if any(not 0 <= answer <= 5 for answer in answered) or len(answered) < 8:
        return None
    return 100 * sum(answered) / (5 * len(answered))


def test_original_columns_stay_first_and_in_order(engine: Any) -> None:
    frame = pl.DataFrame({"subject": [7, 8]} | {code: [1, 2] for code in ODI} | {"note": [1, 2]})
    found = engine.back(score(engine.make(frame), "odi"))
    assert list(found) == [*frame.columns, "odi_total", "odi_total_status"]
    assert found["subject"] == [7, 8]


def test_a_lazy_frame_stays_lazy() -> None:
    assert isinstance(score(frame_of([[1] * 10]).lazy(), "odi"), pl.LazyFrame)


def test_a_narwhals_frame_stays_one() -> None:
    frame = nw.from_native(frame_of([[1] * 10]))
    assert isinstance(score(frame, "odi"), nw.DataFrame)


def test_a_pyarrow_table_is_scored_too() -> None:
    frame = frame_of([[1] * 10, [9] * 10, [None] * 10]).to_arrow()
    scored = score(frame, "odi")
    assert isinstance(scored, pa.Table)
    assert scored["odi_total"].to_pylist() == [20.0, None, None]


def test_a_pandas_index_is_kept() -> None:
    frame = pd.DataFrame({code: [1, 2] for code in ODI}, index=["a", "b"])
    assert list(score(frame, "odi").index) == ["a", "b"]


def test_the_frame_that_went_in_is_not_changed() -> None:
    frame = pd.DataFrame({code: [1, 2] for code in ODI})
    score(frame, "odi")
    assert list(frame.columns) == ODI


def test_an_empty_frame_gives_no_rows(engine: Any) -> None:
    found = engine.back(score(engine.make(frame_of([[1] * 10]).head(0)), "odi"))
    assert found["odi_total"] == []


def test_columns_of_nulls_alone_are_missing_answers() -> None:
    for frame in (pl.DataFrame({code: [None] for code in ODI}), pd.DataFrame({code: [None] for code in ODI})):
        scored = score(frame, "odi")
        assert list(scored["odi_total_status"]) == ["missing items"]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt8, pl.Int16, pl.Int32, pl.UInt32, pl.UInt64, pl.Float32])
def test_narrow_types_neither_overflow_nor_wrap(dtype: Any) -> None:
    five = pl.DataFrame(
        {f"eq5d3l_{d}": pl.Series([3, 1], dtype=dtype) for d in ("mo", "sc", "ua", "pd", "ad")}
    )
    scored = score(five, "eq5d3l", options={"value_set": "uk_tto"}, scores=["index"])
    assert scored["eq5d3l_index"].to_list() == [-0.594, 1.0]
    wide = pl.DataFrame({f"rmdq_{i}": pl.Series([1, 120], dtype=dtype) for i in range(1, 25)})
    assert score(wide, "rmdq")["rmdq_total"].to_list() == [24.0, None]


def test_reversed_items_of_unsigned_types_do_not_wrap() -> None:
    codes = [f"global{i:02d}" for i in (2, 3, 4, 5, 6, 7, 8, 10)]
    frame = pl.DataFrame({code: pl.Series([5], dtype=pl.UInt8) for code in codes})
    scored = score(frame, "promis_global", options={"items_reversed": False})
    assert scored["promis_global_gmh"].to_list() == [53.3]


def test_only_the_wanted_scores_are_made_and_only_their_columns_and_options_are_needed() -> None:
    scored = score(pl.DataFrame({"eq_vas": [70]}), "eq5d3l", scores=["vas"])
    assert scored.columns == ["eq_vas", "eq5d3l_vas", "eq5d3l_vas_status"]


def test_prefix_and_columns() -> None:
    frame = pl.DataFrame({"pain now": [3]})
    scored = score(frame, "nrs", prefix="back_", columns={"nrs_1": "pain now"})
    assert scored.columns == ["pain now", "back_pain", "back_pain_status"]
    assert scored["back_pain"].to_list() == [3.0]


def test_an_instrument_may_be_given_instead_of_its_name() -> None:
    assert score(pl.DataFrame({"nrs_1": [3]}), load("nrs"))["nrs_pain"].to_list() == [3.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda f: score(f.drop("odi_4"), "odi"),
            r'odi: the column is missing: "odi_4" \(Walking; did you mean "odi_',
        ),
        (lambda f: score(f.drop("odi_4", "odi_5"), "odi"), "the 2 columns are missing"),
        (lambda f: score(f, "odi", columns={"odi_1": "pain"}), 'the column is missing: "pain"'),
        (lambda f: score(f, "odi", columns={"odi_11": "odi_1"}), 'unknown item "odi_11"'),
        (lambda f: score(f, "odi", scores=["totl"]), 'unknown score "totl"; did you mean "total"'),
        (lambda f: score(f, "odl"), 'unknown instrument "odl"; did you mean "odi"'),
        (lambda f: score(score(f, "odi"), "odi"), '"odi_total" is there already'),
        (lambda f: score(f, "odi", prefix="odi."), "has a dot in its name"),
        (lambda f: score(f.with_columns(__armwise_0=1), "odi"), "has a name that scoring needs; rename it"),
        (lambda f: score(f.cast(pl.String), "odi"), 'the column "odi_1" holds String; expected numbers'),
        (lambda f: score(f.cast(pl.Boolean), "odi"), 'the column "odi_1" holds Boolean; expected numbers'),
        (lambda f: score(f.cast(pl.String).to_pandas(), "odi"), "expected numbers"),
    ],
)
def test_refusals_say_what_was_found_and_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(InstrumentError, match=message):
        call(frame_of([[1] * 10]))


def test_something_that_is_no_frame_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="found list; expected a frame"):
        score([1, 2], "nrs")


def test_straightforward_pandas_gives_the_same_scores_and_status() -> None:
    """Brute force: the benchmark's program without armwise, on 5,000 random rows with missing and wrong answers."""
    bench = importlib.util.spec_from_file_location("bench_scoring", BENCH)
    assert bench is not None
    assert bench.loader is not None
    module = importlib.util.module_from_spec(bench)
    bench.loader.exec_module(module)
    module.check(pd.DataFrame(module.answers(5_000)))


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_property_odi_is_the_formula_and_the_status_says_why_not(rows: list[list[int | None]]) -> None:
    scored = score(frame_of(rows), "odi")
    for row, value, status in zip(rows, scored["odi_total"], scored["odi_total_status"], strict=True):
        assert value == (None if (expected := by_hand(row)) is None else pytest.approx(expected))
        assert (value is None) == (status != "ok")
        wrong = any(answer is not None and not 0 <= answer <= 5 for answer in row)
        assert (status == "out of range") == wrong


@settings(max_examples=20, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_property_permuting_rows_permutes_scores(rows: list[list[int | None]], random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    one = score(frame_of(rows), "odi")["odi_total"].to_list()
    other = score(frame_of([rows[i] for i in order]), "odi")["odi_total"].to_list()
    assert other == [one[i] for i in order]


@settings(max_examples=20, deadline=None)
@given(ROWS, st.permutations(range(10)))
def test_property_permuting_odi_sections_changes_nothing(
    rows: list[list[int | None]], order: list[int]
) -> None:
    one = score(frame_of(rows), "odi")["odi_total"].to_list()
    other = score(frame_of([[row[i] for i in order] for row in rows]), "odi")["odi_total"].to_list()
    assert one == other


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_property_pandas_equals_polars(rows: list[list[int | None]]) -> None:
    one = score(frame_of(rows), "odi")
    other = score(frame_of(rows).to_pandas(), "odi")
    assert [None if pd.isna(v) else v for v in other["odi_total"]] == one["odi_total"].to_list()
    assert list(other["odi_total_status"]) == one["odi_total_status"].to_list()


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_property_a_row_has_a_finding_exactly_where_its_status_is_out_of_range(
    rows: list[list[int | None]],
) -> None:
    frame = frame_of(rows)
    status = score(frame, "odi")["odi_total_status"].to_list()
    assert {f.index for f in check_answers(frame, "odi")} == {
        i for i, s in enumerate(status) if s == "out of range"
    }

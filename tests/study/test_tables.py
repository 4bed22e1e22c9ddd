"""Files and columns: what is missing, misspelt or not of its type is told with its line, and nothing is guessed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from armwise.errors import FileError
from armwise.protocol.load import load_protocol
from armwise.study.study import load_study
from armwise.study.tables import FILE, LINE, keys_of, read_tables

CASES = yaml.safe_load(
    (Path(__file__).with_name("fixtures") / "broken_tables.yaml").read_text(encoding="utf-8")
)


def test_data_that_are_in_order_have_nothing_to_tell(told: Callable[..., list[str]]) -> None:
    assert told() == []


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_with_a_table_is_told_once_with_its_line(
    name: str, told: Callable[..., list[str]]
) -> None:
    assert told(*CASES[name]["change"]) == CASES[name]["told"]


def test_a_folder_without_data_says_how_to_get_some(study: Path) -> None:
    protocol = load_protocol(study)
    (study / "data").rename(study / "elsewhere")
    with pytest.raises(FileError, match=r"data: no such folder; .*`armwise simulate`"):
        read_tables(study, protocol)


def test_rows_know_their_file_and_line(study: Path) -> None:
    table = load_study(study).tables["nrs"]
    assert table[FILE].unique().to_list() == ["data/nrs.csv"]
    assert table[LINE].to_list() == list(range(2, 12))


def test_cells_have_the_types_of_the_protocol(study: Path) -> None:
    tables = load_study(study).tables
    assert tables["subjects"].row(0, named=True)["age"] == 50
    assert tables["subjects"].row(0, named=True)["enrolled"] == dt.date(2026, 1, 5)
    assert tables["procedures"]["volume"].to_list() == [2.5, 3.0]
    assert tables["nrs"]["nrs_1"].to_list() == [7.0, 5.0, 4.0, 8.0, 3.0, 6.0, None, 7.0, 7.0, 6.0]
    assert tables["notes"]["text"].to_list() == ["fine,\nas before"]


def test_a_cell_that_cannot_be_read_is_empty_and_never_guessed(
    study: Path, told: Callable[..., list[str]]
) -> None:
    told(("opioids.csv", "yes,3,35,x", 'yes,3,"35,5",x'))
    assert load_study(study).tables["opioids"]["mme"][0] is None


def test_the_time_of_a_date_is_left_away(study: Path, told: Callable[..., list[str]]) -> None:
    assert told(("nrs.csv", "s1,m1,2026-02-09", "s1,m1,2026-02-09T23:59:59+02:00")) == []
    assert load_study(study).tables["nrs"]["date"][1] == dt.date(2026, 2, 9)


def test_parquet_gives_the_same_study_as_csv(study: Path) -> None:
    before = load_study(study)
    for file in sorted((study / "data").glob("*.csv")):
        frame = pl.read_csv(file, try_parse_dates=True)
        floats = frame.with_columns(
            pl.col(pl.Int64).cast(pl.Float64).fill_null(float("nan"))
        )  # as pandas writes them
        floats.write_parquet(file.with_suffix(".parquet"))
        file.unlink()
    after = load_study(study)
    assert after.problems == ()
    assert before.tables.keys() == after.tables.keys()
    for name, table in before.tables.items():
        assert_frame_equal(table.drop(FILE, LINE), after.tables[name].drop(FILE, LINE))


def test_the_keys_of_a_form_follow_from_when_it_is_filled_in(study: Path) -> None:
    protocol = load_protocol(study)
    found = {name: keys_of(name, form, protocol) for name, form in protocol.forms.items()}
    assert found["nrs"] == ("subject", "visit")
    assert found["procedures"] == ("subject", "date")
    assert found["notes"] == found["subjects"] == ("subject",)
    by_date = protocol.model_copy(update={"visits_by": "date"})
    assert keys_of("nrs", protocol.forms["nrs"], by_date) == ("subject", "date")
    assert keys_of("events", protocol.forms["notes"], protocol) == ("subject", "date", "event")

"""One questionnaire's file: the same scores as `armwise.score` gives, or a list of all that is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

import armwise
from armwise.errors import FileError, InstrumentError, StudyError
from armwise.study.score_file import score_file

ITEMS = [f"odi_{i}" for i in range(1, 11)]
GLOBAL = [f"global{i:02}" for i in range(1, 11)]


def written(tmp_path: Path, *rows: str, header: list[str] = ITEMS) -> Path:
    (tmp_path / "answers.csv").write_text(
        "\n".join([",".join(["id", *header]), *rows]) + "\n", encoding="utf-8"
    )
    return tmp_path / "answers.csv"


def test_the_scores_are_those_of_the_function(tmp_path: Path) -> None:
    file = written(tmp_path, "a,0,1,2,3,4,5,4,3,2,1", "b,0,0,0,0,0,0,0,0,0,", "c,,,,,,,,,,")
    frame = pl.read_csv(file)
    found = pl.read_csv(io.StringIO(score_file("odi", file)), schema_overrides={"odi_total": pl.Float64})
    assert found["odi_total"].to_list() == armwise.score(frame, "odi")["odi_total"].to_list()
    assert found["odi_total_status"].to_list() == armwise.score(frame, "odi")["odi_total_status"].to_list()


def test_the_table_itself_stays_as_it_was_written(tmp_path: Path) -> None:
    file = written(tmp_path, "007,0,1,2,3,4,5,4,3,2,1")
    assert score_file("odi", file).splitlines()[1] == "007,0,1,2,3,4,5,4,3,2,1,50.0,ok"


def test_parquet_scores_as_csv_does(tmp_path: Path) -> None:
    file = written(tmp_path, "a,0,1,2,3,4,5,4,3,2,1", "b,0,0,0,0,0,0,0,0,0,")
    pl.read_csv(file).write_parquet(tmp_path / "answers.parquet")
    assert score_file("odi", tmp_path / "answers.parquet") == score_file("odi", file)


def test_every_cell_that_is_no_answer_is_listed_and_nothing_is_scored(tmp_path: Path) -> None:
    file = written(tmp_path, "a,0,1,2,3,4,5,4,3,2,6", "b,x,0,0,0,0,0,0,0,0,0", "", "c,1.5,NA,1,1,1,1,1,1,1,1")
    with pytest.raises(StudyError) as caught:
        score_file("odi", file)
    whole, cell = "expected a whole number from 0 to 5", "the cell"
    assert str(caught.value).splitlines() == [
        f"{file}: 4 mistakes, nothing is scored",
        f"  answers.csv:2 (odi_10): found 6, {whole}; correct the answer, or leave {cell} empty",
        f"  answers.csv:3 (odi_1): found `x`, expected a number; correct {cell}, or leave it empty",
        f"  answers.csv:5 (odi_1): found 1.5, {whole}; correct the answer, or leave {cell} empty",
        f"  answers.csv:5 (odi_2): found `NA`, expected a number; leave {cell} empty where nothing is known",
    ]


def test_a_column_that_is_missing_is_told_with_the_nearest_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"answers\.csv:1 \(odi_10\): the column `odi_10` is missing; did you mean `odi10`\?"
    ):
        score_file("odi", written(tmp_path, header=[*ITEMS[:-1], "odi10"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "answers.csv: the file is empty"),
        (b"id;odi_1\n", "answers.csv:1: its columns are separated by semicolons"),
        (b"id,odi_1\n\xe9,1\n", "answers.csv:2: not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_bytes(content)
    with pytest.raises(FileError) as caught:
        score_file("odi", tmp_path / "answers.csv")
    assert message in str(caught.value)


def test_options_are_text_and_become_what_the_instrument_wants(tmp_path: Path) -> None:
    file = written(tmp_path, "a,5,4,3,2,1,5,4,3,2,1", header=GLOBAL)
    frame = pl.read_csv(file)
    for text, value in (("true", True), ("False", False)):
        found = pl.read_csv(io.StringIO(score_file("promis_global", file, {"items_reversed": text})))
        expected = armwise.score(frame, "promis_global", options={"items_reversed": value})
        assert found["promis_global_gph"].to_list() == expected["promis_global_gph"].to_list()
    with pytest.raises(
        InstrumentError, match='the option "items_reversed" is "maybe"; expected one of true, false'
    ):
        score_file("promis_global", file, {"items_reversed": "maybe"})
    with pytest.raises(InstrumentError, match="must be chosen"):
        score_file("promis_global", file)


def test_an_empty_line_of_a_file_of_one_column_is_a_questionnaire_without_an_answer(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("nrs_1\n3\n\n4\n", encoding="utf-8")
    assert score_file("nrs", tmp_path / "answers.csv").splitlines()[1:] == [
        "3,3.0,ok",
        ",,missing items",
        "4,4.0,ok",
    ]

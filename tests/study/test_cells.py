"""Files as files: encodings, separators, quotes and rows, and the true line of every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from armwise.errors import Problem
from armwise.study.cells import Cells, read_cells

SAVE = "; save it as comma-separated UTF-8 text with one header line"
QUOTE = "; close every quote, and write a quote in a text twice"
BROKEN: dict[str, tuple[bytes, str]] = {
    "semicolons": (b"a;b\n1;2\n", "t.csv:1: its columns are separated by semicolons" + SAVE),
    "tabs": (b"a\tb\n1\t2\n", "t.csv:1: its columns are separated by tabs" + SAVE),
    "nothing": (b"", "t.csv: the file is empty" + SAVE),
    "nothing but lines": (b"\n \n\n", "t.csv: the file is empty" + SAVE),
    "Windows' own encoding": (
        "a,b\n1,grippé\n".encode("cp1252"),
        "t.csv:2: not UTF-8 text (byte 0xe9)" + SAVE,
    ),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "t.csv:1: not UTF-8 text (byte 0xff)" + SAVE),
    "an open quote": (
        b'a,b\n1,"x\n2,y\n',
        "t.csv:2: the row that begins here cannot be read: unexpected end of data" + QUOTE,
    ),
    "a quote in the middle": (
        b'a,b\n1,x\n2,"y"z\n',
        "t.csv:3: the row that begins here cannot be read: ',' expected after '\"'" + QUOTE,
    ),
}


def read(tmp_path: Path, content: bytes) -> Cells | Problem:
    (tmp_path / "t.csv").write_bytes(content)
    return read_cells(tmp_path / "t.csv", "t.csv")


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_table_is_one_problem_with_what_to_do(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    assert str(read(tmp_path, content)) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2,3\n", "t.csv:2: the row has 3 cells, expected 2; put a text with commas in quotes"),
        (b"a,b\n1\n", "t.csv:2: the row has 1 cells, expected 2; write a comma for every empty cell"),
        (b"a,a\n1,2\n", "t.csv:1 (a): two columns are named `a`; give each its own name"),
        (
            b"a,\n1,2\n",
            "t.csv:1: 1 of 2 columns have no name: they are not used; name them, or take them out",
        ),
    ],
)
def test_a_row_or_column_out_of_shape_is_told_and_the_rest_is_read(
    content: bytes, message: str, tmp_path: Path
) -> None:
    cells = read(tmp_path, content)
    assert isinstance(cells, Cells)
    assert [str(p) for p in cells.problems] == [message]
    assert cells.frame["a"].to_list() == ["1"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n,\n,\n"])
def test_endings_marks_and_empty_rows_do_not_matter(ending: str, mark: str, end: str, tmp_path: Path) -> None:
    cells = read(tmp_path, (mark + "a,b\n1, x \n2," + end).replace("\n", ending).encode())
    assert isinstance(cells, Cells)
    assert cells.frame.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", None]}
    assert cells.lines.to_list() == [2, 3]
    assert cells.problems == ()


def test_a_row_has_its_true_line_after_texts_of_several_lines_and_empty_lines(tmp_path: Path) -> None:
    cells = read(tmp_path, b'\na,b\n1,"x\n\ny"\n\n,\n2,z\n')
    assert isinstance(cells, Cells)
    assert cells.frame["b"].to_list() == ["x\n\ny", "z"]
    assert cells.lines.to_list() == [3, 8]


def test_in_a_file_of_one_column_an_empty_line_is_a_missing_answer(tmp_path: Path) -> None:
    cells = read(tmp_path, b"a\n1\n\n3\n")
    assert isinstance(cells, Cells)
    assert cells.frame["a"].to_list() == ["1", None, "3"]


def test_a_problem_behind_a_text_of_two_lines_has_its_own_line(told: Callable[..., list[str]]) -> None:
    two = ("nrs.csv", "s1,m1,2026-02-09,complete,,5", 's1,m1,2026-02-09,complete,"a\nb",5')
    assert told(two, ("nrs.csv", "s2,m3", "s2,m4")) == [
        "error: data/nrs.csv:7 (visit): unknown visit `m4`; known here: `baseline`, `m1`, `m3`"
    ]


def test_a_broken_parquet_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    found = read_cells(tmp_path / "t.parquet", "t.parquet")
    assert isinstance(found, Problem)
    assert found.what.startswith("cannot be read: ")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    found = read_cells(tmp_path / "t.csv", "t.csv")
    assert isinstance(found, Problem)
    assert found.what == "cannot be read: No such file or directory"


def test_parquet_numbers_read_as_their_text(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, None], "b": [0.5, float("nan")], "c": [" x ", ""]}).write_parquet(
        tmp_path / "t.parquet"
    )
    cells = read_cells(tmp_path / "t.parquet", "t.parquet")
    assert isinstance(cells, Cells)
    assert cells.frame.to_dict(as_series=False) == {"a": ["1", None], "b": ["0.5", None], "c": ["x", None]}

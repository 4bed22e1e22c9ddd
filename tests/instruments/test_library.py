"""Finding instruments by name, in a study's folder, by path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import armwise.instruments
from armwise.errors import FileError, InstrumentError
from armwise.instruments import load, names, score

OWN = """\
id: own
title: My scale
items:
  q1: {label: First, range: [1, 2]}
  q2: {label: Second, range: [1, 2]}
scores:
  index:
    label: Index
    range: [0, 1]
    higher_is_better: true
    rule: value_set
    items: all
    value_set: own.csv
    column: ours
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "instruments"
    folder.mkdir()
    (folder / "own.yaml").write_text(OWN)
    (folder / "own.csv").write_text("state,ours\n11,1\n12,0.5\n21,0.25\n22,0\n")
    return tmp_path


def test_every_shipped_name_loads() -> None:
    assert [load(name).id for name in names()] == list(names())


def test_a_studys_own_instrument_is_found_and_scores_with_its_own_value_set(study: Path) -> None:
    scored = score(pl.DataFrame({"q1": [1, 2, 2], "q2": [2, 1, None]}), load("own", study))
    assert scored["own_index"].to_list() == [0.5, 0.25, None]


def test_a_studys_own_file_comes_before_a_shipped_one(study: Path) -> None:
    (study / "instruments" / "nrs.yaml").write_text(OWN.replace("id: own", "id: nrs"))
    assert load("nrs", study).title == "My scale"
    assert load("nrs").title != "My scale"


def test_an_instrument_may_be_loaded_by_path(study: Path) -> None:
    assert load(study / "instruments" / "own.yaml").id == "own"
    assert load(str(study / "instruments" / "own.yaml")).id == "own"


def test_an_edited_file_is_read_again(study: Path) -> None:
    file = study / "instruments" / "own.yaml"
    assert load("own", study).title == "My scale"
    file.write_text(OWN.replace("My scale", "My other scale"))
    assert load("own", study).title == "My other scale"


def test_an_unknown_name_says_where_was_looked_and_what_is_near(study: Path) -> None:
    with pytest.raises(InstrumentError, match='unknown instrument "odl"; did you mean "odi"'):
        load("odl")
    with pytest.raises(InstrumentError, match=r"nor is there .*owm.yaml.*did you mean \"own\""):
        load("owm", study)


def test_a_file_that_is_not_there_is_a_file_error() -> None:
    with pytest.raises(FileError, match="cannot be read"):
        load(Path("absent.yaml"))


def test_a_file_that_is_no_text_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="UTF-8"):
        load(tmp_path / "binary.yaml")


def test_a_value_set_without_the_column_or_a_state_is_refused_on_load(study: Path) -> None:
    table = study / "instruments" / "own.csv"
    yaml = study / "instruments" / "own.yaml"
    yaml.write_text(OWN.replace("column: ours", "column: theirs"))
    with pytest.raises(InstrumentError, match=r'no column "theirs" in own\.csv'):
        load("own", study)
    yaml.write_text(OWN.replace("own.csv", "short.csv"))
    table.with_name("short.csv").write_text("state,ours\n11,1\n12,0.5\n22,0\n")
    with pytest.raises(InstrumentError, match="lacks 1 states, the first 21"):
        load("own", study)


def test_an_edited_value_set_is_read_again_and_checked_again(study: Path) -> None:
    table = study / "instruments" / "own.csv"
    answers = pl.DataFrame({"q1": [1], "q2": [2]})
    assert score(answers, load("own", study))["own_index"].to_list() == [0.5]
    table.write_text("state,ours\n11,1\n12,0.75\n21,0.25\n22,0\n")
    os.utime(table, ns=(1, 1))  # a clock too coarse to tell the two apart must not decide
    assert score(answers, load("own", study))["own_index"].to_list() == [0.75]
    table.write_text("state,theirs\n11,1\n12,0.5\n21,0.25\n22,0\n")
    os.utime(table, ns=(2, 2))
    with pytest.raises(InstrumentError, match='no column "ours"'):
        load("own", study)


def test_the_public_names_are_all_there_and_stay_what_they_are() -> None:
    for name in armwise.instruments.__all__:
        assert callable(getattr(armwise.instruments, name))
    with pytest.raises(AttributeError):
        armwise.instruments.__getattr__("scores")


def test_loading_a_definition_imports_no_dataframe_library() -> None:
    code = (
        "import sys; from armwise.instruments import load; load('odi'); "
        "print([m for m in ('polars', 'narwhals', 'pandas', 'numpy', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

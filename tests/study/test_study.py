"""The study as a whole: where it comes from, what it was read from, and that nothing is said twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from armwise.errors import FileError, ProtocolError
from armwise.study.study import load_study


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"{",
            r"provenance.json:1: not JSON: .*; it says whether the data are simulated, so it cannot be ignored",
        ),
        (b'{"kind": "made up"}', r'provenance.json: expected "kind": "simulated" or "captured"'),
        (b"[]", r'provenance.json: expected "kind": "simulated" or "captured"'),
        ('{"kind": "é"}'.encode("cp1252"), r"provenance.json: not UTF-8 text; save it as UTF-8"),
    ],
)
def test_where_data_come_from_is_never_guessed(content: bytes, message: str, study: Path) -> None:
    (study / "data" / "provenance.json").write_bytes(content)
    with pytest.raises(FileError, match=message):
        load_study(study)


def test_simulated_data_say_so(study: Path) -> None:
    assert not load_study(study).simulated
    (study / "data" / "provenance.json").write_text('\ufeff{"kind": "simulated"}', encoding="utf-8")
    assert load_study(study).simulated


def test_a_folder_that_is_not_there_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match=r"nowhere: no such folder; expected a study folder with protocol\.yaml and data/"
    ):
        load_study(tmp_path / "nowhere")


def test_a_protocol_with_mistakes_stops_before_the_data(study: Path, told: Callable[..., list[str]]) -> None:
    with pytest.raises(
        ProtocolError, match=r"protocol\.yaml: 1 mistake\n.*unknown key `titel`; did you mean `title`"
    ):
        told(("protocol.yaml", "title: Small", "title: Small, titel: Small"))


def test_every_input_has_its_hash(study: Path) -> None:
    hashes = load_study(study).hashes
    assert set(hashes) == {"protocol.yaml", *(f"data/{p.name}" for p in (study / "data").iterdir())}
    assert hashes["data/nrs.csv"] == hashlib.sha256((study / "data" / "nrs.csv").read_bytes()).hexdigest()


def test_everything_in_the_folder_instruments_has_its_hash(study: Path) -> None:
    own = study / "instruments" / "sets"
    own.mkdir(parents=True)
    for name in ("own.csv", "own.yaml"):
        (own / name).write_text(name, encoding="utf-8")
    found = {path: value for path, value in load_study(study).hashes.items() if path.startswith("instr")}
    assert found == {
        f"instruments/sets/{n}": hashlib.sha256(n.encode()).hexdigest() for n in ("own.csv", "own.yaml")
    }


def test_a_column_that_is_missing_is_not_empty_in_each_row_as_well(told: Callable[..., list[str]]) -> None:
    assert [line for line in told(("nrs.csv", "subject,", "who,")) if "error" in line] == [
        "error: data/nrs.csv:1 (subject): the column `subject` is missing; add it"
    ]

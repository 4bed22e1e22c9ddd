"""Licensed wording comes from the study's folder; none ships."""

from __future__ import annotations

from pathlib import Path

import pytest

import armwise.instruments
from armwise.errors import FileError, InstrumentError
from armwise.instruments import load_wording


def test_a_sites_texts_are_read_by_item(tmp_path: Path) -> None:
    folder = tmp_path / "instruments"
    folder.mkdir()
    (folder / "nrs.wording.en.yaml").write_text("nrs_1: The text this site may show\n")
    assert load_wording(tmp_path, "nrs", "en") == {"nrs_1": "The text this site may show"}


def test_a_missing_file_says_that_none_ships(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="armwise ships none"):
        load_wording(tmp_path, "nrs", "de")


def test_an_unknown_item_and_a_text_that_is_none_are_both_named(tmp_path: Path) -> None:
    folder = tmp_path / "instruments"
    folder.mkdir()
    (folder / "nrs.wording.en.yaml").write_text("nrs_2: text\nnrs_1: [a, b]\n")
    with pytest.raises(InstrumentError) as caught:
        load_wording(tmp_path, "nrs", "en")
    assert 'unknown item "nrs_2"' in str(caught.value)
    assert "found a list; expected a text" in str(caught.value)


def test_no_wording_ships() -> None:
    assert not list(Path(armwise.instruments.__file__).parent.rglob("*wording*.yaml"))

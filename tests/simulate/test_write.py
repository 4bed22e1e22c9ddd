from __future__ import annotations

import hashlib
import json

import pytest

from armwise import __version__
from armwise.errors import FileError
from armwise.simulate import provenance_of, simulate, write_study


@pytest.fixture
def written(tmp_path, headache):
    file = headache.folder / "assumptions.yaml"
    provenance = provenance_of(headache.assumptions, file, seed=5)
    tables = simulate(headache.protocol, headache.assumptions, seed=5, instruments_folder=headache.folder)
    write_study(tables, tmp_path, provenance)
    return tmp_path, tables, provenance


def test_provenance_says_that_the_data_are_simulated_and_from_what(written, headache):
    folder, _, _ = written
    said = json.loads((folder / "data" / "provenance.json").read_text())
    assert list(said) == ["kind", "seed", "assumptions", "assumed", "confirmed", "armwise"]
    assert said["kind"] == "simulated"
    assert said["seed"] == 5
    assert said["armwise"] == __version__
    text = (headache.folder / "assumptions.yaml").read_bytes()
    assert said["assumptions"] == {"file": "assumptions.yaml", "sha256": hashlib.sha256(text).hexdigest()}


def test_every_block_of_numbers_is_listed_as_assumed_or_confirmed(reference):
    said = provenance_of(reference.assumptions, reference.folder / "assumptions.yaml", seed=1)
    places = [place for place, _ in reference.assumptions.statements()]
    for place in places:
        assert any(text.startswith(place) for text in [*said["assumed"], *said["confirmed"]]), place
    assert len(said["assumed"]) + len(said["confirmed"]) >= len(places) >= 40


def test_a_confirmed_number_of_an_assumed_block_is_listed_as_confirmed_only(reference):
    said = provenance_of(reference.assumptions, reference.folder / "assumptions.yaml", seed=1)
    assert "tables.cell_product.items.tnc.mean: 239.3 (review table, a secondary source)" in said["confirmed"]
    (cells,) = (text for text in said["assumed"] if text.startswith("tables.cell_product"))
    assert "239.3" not in cells
    assert "sd 85" in cells


def test_the_known_odi_means_are_confirmed_and_the_invented_ones_are_not(reference):
    said = provenance_of(reference.assumptions, reference.folder / "assumptions.yaml", seed=1)
    confirmed = "\n".join(said["confirmed"])
    assert "outcomes.odi.total.means.bmc: m1 33.4, m3 28.8, m6 29.9" in confirmed
    assert "m12 31.5" not in confirmed
    assert any("m12 31.5" in text for text in said["assumed"])


def test_writing_twice_gives_the_same_bytes(written):
    folder, tables, provenance = written
    before = {p.name: p.read_bytes() for p in (folder / "data").iterdir()}
    write_study(tables, folder, provenance)
    assert {p.name: p.read_bytes() for p in (folder / "data").iterdir()} == before
    assert all(b"\r" not in content for content in before.values())


def test_a_table_of_an_earlier_simulation_does_not_stay_behind(written):
    folder, tables, provenance = written
    write_study({n: t for n, t in tables.items() if n != "blood"}, folder, provenance)
    assert not (folder / "data" / "blood.csv").exists()


@pytest.mark.parametrize("provenance", [None, '{"kind": "captured"}', "not JSON"])
def test_a_studys_own_data_are_never_overwritten(tmp_path, written, provenance):
    _, tables, said = written
    own = tmp_path / "own"
    (own / "data").mkdir(parents=True)
    (own / "data" / "odi.csv").write_text("subject\n1\n")
    if provenance is not None:
        (own / "data" / "provenance.json").write_text(provenance)
    with pytest.raises(FileError, match="simulated data never replace a study's own"):
        write_study(tables, own, said)
    assert (own / "data" / "odi.csv").read_text() == "subject\n1\n"

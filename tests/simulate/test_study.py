from __future__ import annotations

import json

import pytest

from armwise.errors import FileError
from armwise.simulate.study import simulate_study
from armwise.study.study import load_study


def test_a_folder_with_protocol_and_assumptions_becomes_a_study(copy_of):
    simulate_study(copy_of)
    study = load_study(copy_of)
    assert study.simulated
    assert study.provenance["seed"] == 5
    assert study.tables["subjects"].height == 150


def test_another_seed_and_another_file_may_be_given(copy_of):
    other = copy_of / "other.yaml"
    (copy_of / "assumptions.yaml").rename(other)
    with pytest.raises(FileError, match="no such file"):
        simulate_study(copy_of)
    simulate_study(copy_of, assumptions=other, seed=77)
    said = json.loads((copy_of / "data" / "provenance.json").read_text())
    assert said["seed"] == 77
    assert said["assumptions"]["file"] == "other.yaml"

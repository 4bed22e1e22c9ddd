"""The numbers that a protocol's forms yield."""

from __future__ import annotations

from pathlib import Path

import pytest

from armwise.protocol.load import load_protocol
from armwise.protocol.medication import Medication
from armwise.protocol.scores import instrument_of, scores_of

GOOD = Path(__file__).with_name("fixtures") / "protocol.yaml"


def test_an_instrument_yields_its_scores_under_the_forms_name() -> None:
    found = scores_of(load_protocol(GOOD))
    assert {ref for ref, score in found.items() if score.instrument} >= {
        "odi.total",
        "eq5d.index",
        "promis.gph",
        "promis.gmh",
    }
    odi = found["odi.total"]
    assert (odi.form, odi.name, odi.lo, odi.hi, odi.higher_is_better) == ("odi", "total", 0, 100, False)


def test_an_item_that_is_a_number_is_a_score_with_its_unit_and_direction() -> None:
    found = scores_of(load_protocol(GOOD))
    mme, volume = found["opioids.mme"], found["procedures.volume"]
    assert (mme.lo, mme.hi, mme.unit, mme.higher_is_better, mme.decimals) == (0, 1000, "MME/day", False, 1)
    assert volume.higher_is_better is None
    assert found["rating.better"].unit == "points"
    assert "subjects.sex" not in found


def test_records_of_drugs_yield_a_dose_and_a_number_of_opioids_computed_by_the_declared_factors() -> None:
    protocol = load_protocol(GOOD)
    declared = protocol.model_copy(update={"medication": Medication(form="drugs")})
    found = scores_of(declared)
    dose, number = found["drugs.mme"], found["drugs.opioids"]
    assert (dose.unit, dose.lo, dose.hi, dose.higher_is_better) == ("MME/day", 0, None, False)
    assert (dose.computed, number.computed) == ("CDC 2022 factors", "records of opioids in use")
    assert dose.as_dict()["computed"] == "CDC 2022 factors"  # as the manifest keeps it
    assert not {"drugs.mme", "drugs.opioids"} & set(scores_of(protocol))


@pytest.mark.parametrize("content", [b"id: odi\n", b"\xff\xfe"])
def test_an_instrument_of_ones_own_that_cannot_be_loaded_yields_nothing(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "instruments").mkdir()
    (tmp_path / "instruments" / "odi.yaml").write_bytes(content)
    protocol = load_protocol(GOOD)
    assert instrument_of(protocol.forms["odi"], tmp_path) is None
    assert "odi.total" not in scores_of(protocol, tmp_path)

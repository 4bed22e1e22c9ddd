"""Mistakes in the assumptions about readings, each with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from armwise.errors import ArmwiseError
from armwise.protocol.load import load_protocol
from armwise.simulate import load_assumptions

EXAMPLE = Path(__file__).parents[2] / "examples" / "bmc-low-back-pain"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("      reader_2: {pfirrmann: 0.12", "      reader_3: {pfirrmann: 0.12", "unknown choice `reader_3`"),
        ("reader_1: {pfirrmann: 0.1,", "reader_1: {pfirman: 0.1,", "unknown grade `pfirman`"),
        ("reread: {reader: reader_1", "reread: {reader: reader_9", "unknown reader `reader_9`"),
        ("    reading: reading\n    readers", "    readers", "a second reading needs an item"),
        ("blinded_arm: {reader_1: 0, reader_2: 0}", "blinded_arm: {reader_1: 0}", "nothing for reader_2"),
        ("[facet_left, facet_right]\n", "[facet_left, facet_rigth]\n", "`facet_rigth`"),
        ("L1-L2: {0: 0.9, 1: 0.03", "L1-L2: {0: 0.8, 1: 0.03", "the shares add up to 0.9"),
        ("L1-L2: {0: 0.9, 1: 0.03", "L1-L2: {7: 0.9, 1: 0.03", "unknown category `7`"),
        ("L1-L2: {0: 0.9, 1: 0.03", "L1-L9: {0: 0.9, 1: 0.03", "other places than the first grade's"),
        ("worse: {bmc: 0.07}", "worse: {bcm: 0.07}", "unknown arm `bcm`"),
        ("    place: level\n    reader: reader", "    place: levels\n    reader: reader", "unknown item `levels`"),
        ("    place: level\n    reader: reader", "    place: level", "readers, and no item that tells them apart"),
    ],
)  # fmt: skip
def test_each_mistake_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (EXAMPLE / "assumptions.yaml").read_text(encoding="utf-8")
    start = text.index("    kind: readings")
    assert old in text[start:], old
    (tmp_path / "assumptions.yaml").write_text(
        text[:start] + text[start:].replace(old, new, 1), encoding="utf-8"
    )
    with pytest.raises(ArmwiseError) as error:
        load_assumptions(tmp_path, load_protocol(EXAMPLE))
    problems = " ".join([str(error.value), *(str(p) for p in getattr(error.value, "problems", ()))])
    assert said in problems
    assert "tables.imaging" in problems

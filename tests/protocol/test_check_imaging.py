"""Mistakes in the section `imaging`, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from armwise.protocol.load import read_protocol

EXAMPLE = (Path(__file__).parents[2] / "examples" / "bmc-low-back-pain" / "protocol.yaml").read_text(
    encoding="utf-8"
)


def found(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    """What is said of the imaging of the example after the changes."""
    text = EXAMPLE
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    problems = [str(p) for p in read_protocol(tmp_path)[1]]
    return [p for p in problems if "(imaging" in p or "forms.imaging" in p]


def test_the_example_has_no_mistake(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  form: imaging\n  level: level", "  form: images\n  level: level", "unknown form `images`"),
        ("  level: level\n  reader: r", "  level: place\n  reader: r", "unknown item `place`"),
        ("  leading: reader_1", "  leading: reader_3", "unknown reader (or `mean`) `reader_3`"),
        ("  leading: reader_1", "  leading: mean", "`mean` leads, but modic, hiz has no mean"),
        ("  visits: [baseline, m12]\n  b", "  visits: [baseline, m6]\n  b", "unknown visit of imaging `m6`"),
        ("  visits: [baseline, m12]\n  b", "  visits: [m12]\n  b", "a change needs baseline and a later one"),
        ("pfirrmann: {scheme: pfirrmann}", "pfirrmann: {scheme: modified-pfirrmann}", "modified-pfirrmann has 1, 2, 3"),
        ("hiz: {scheme: high-intensity-zone}", "hiz: {kind: binary, items: [pfirrmann]}", "5 categories, expected 2"),
        ("    modic: {scheme: modic}", "    modik: {scheme: modic}", "unknown item `modik` of imaging"),
        ("items: [facet_left, facet_right]}", "items: [facet_left, facet_rigth]}", "did you mean `facet_right`"),
        ("keys: [subject, visit, level, reader, reading]", "keys: [subject, visit, level]", "lack reader, reading"),
        ("blinded: {arm: blinded_arm, time", "blinded: {arm: pfirrmann, time", "is of type integer, expected choice"),
        ("  leading: reader_1", "  leading: reader_1\n  covariates: [agee]", "unknown covariate `agee`"),
        (
            "reader: {type: choice, label: Reader, choices: {reader_1: Reader 1, reader_2: Reader 2}}",
            "reader: {type: text}",
            "a free text could name a person on the page",
        ),
        (
            "choices: {reader_1: Reader 1, reader_2: Reader 2}",
            "choices: {reader_1: Reader 1, consensus: Consensus}",
            "there is no agreement between readers to show",
        ),
        ("window_rule: nearest", "visits_by: date", "this study's visits go by dates"),
    ],
)  # fmt: skip
def test_each_mistake_is_said_at_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    problems = found(tmp_path, (old, new))
    assert any(said in p for p in problems), problems
    assert all("protocol.yaml:" in p for p in problems)

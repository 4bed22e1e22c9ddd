"""The checks together: their order, their severity, and that a mistake of form does not set off others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from armwise.protocol.load import read_protocol

GOOD = Path(__file__).with_name("fixtures") / "protocol.yaml"


def test_a_good_protocol_has_nothing_to_tell() -> None:
    protocol, problems = read_protocol(GOOD)
    assert protocol is not None
    assert problems == []


def test_mistakes_come_in_the_order_of_the_file(mistakes: Callable[..., list[str]]) -> None:
    found = mistakes(
        ("method: mann-whitney", "method: gee"),
        ("masking: open-label", "masking: none"),
        ("of: [mean]", "of: [meen]"),
    )
    lines = [int(line.split(":")[1].split(" ")[0]) for line in found]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_a_warning_does_not_stop_the_protocol(tmp_path: Path) -> None:
    text = GOOD.read_text(encoding="utf-8").replace("planned: 40", "planned: 5")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    protocol, problems = read_protocol(tmp_path)
    assert protocol is not None
    assert [p.severity for p in problems] == ["warning"]
    assert problems[0].what == "1 covariates (and 2 more analyses) for 5 planned patients in the smaller arm"


@pytest.mark.parametrize(
    "change",
    [
        ("age: {type: integer", "age: {typ: integer"),
        ("  odi: {instrument: odi, at: all, by: patient}", "  odi: {instrument: odi, at: all, by: nurse}"),
        ("  odi: {instrument: odi, at: all, by: patient}", "  odi: {instrumnt: odi, at: all, by: patient}"),
        ("choosers: {target: overlap", "choosers: {taget: overlap"),
        ("role: primary, estimand", "role: primry, estimand"),
        ("usual: {label: Usual care, reference: true", "usual: {label: Usual care, refrence: true"),
        ("better: {score: odi.total, kind: responder", "better: {score: odi.total, kind: respnder"),
        ("baseline: {day: 0", "baseline: {dya: 0"),
        ("  old: {covariate: age, cuts: [65]}", "  old: {covariate: age, cts: [65]}"),
        ("  second: {order: holm", "  second: {oder: holm"),
        ("date: {type: date, required: true}", "date: {type: dat, required: true}"),
    ],
)
def test_one_slip_of_the_finger_is_told_and_sets_off_no_other_message(
    change: tuple[str, str], mistakes: Callable[..., list[str]]
) -> None:
    old, new = change
    slip = next(
        word for word in new.replace(":", "").split() if word not in old.replace(":", "").split()
    ).strip("{},")
    found = mistakes(change)
    assert all(slip in line or "is missing" in line or "order" in line for line in found), found
    assert 1 <= len(found) <= 2

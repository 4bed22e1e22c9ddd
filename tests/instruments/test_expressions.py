"""The vocabulary of rules, on definitions of one's own."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.instruments.definition import Instrument
from armwise.instruments.parse import parse
from armwise.instruments.scoring import score


def own(rule: str, ranges: dict[str, str], options: str = "") -> Instrument:
    items = "".join(f"  {code}: {{label: {code}, range: {body}}}\n" for code, body in ranges.items())
    text = (
        f"id: own\ntitle: Own\nitems:\n{items}{options}"
        "scores:\n  s:\n    label: S\n    range: [0, 100]\n    higher_is_better: true\n    items: all\n"
    )
    return parse(text + "".join(f"    {line}\n" for line in rule.splitlines()), "own.yaml")


def scores(
    engine: Any, instrument: Instrument, rows: list[tuple[float | None, ...]], **options: object
) -> list[Any]:
    schema = dict.fromkeys([item.code for item in instrument.items], pl.Float64)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    found = engine.back(score(engine.make(frame), instrument, options=options or None))
    return [value if value is None else pytest.approx(value) for value in found["own_s"]]


EQUAL = {"a": "[0, 4]", "b": "[0, 4]", "c": "[0, 4]"}
UNEQUAL = {"a": "[0, 10]", "b": "[0, 5]", "c": "[0, 5]"}
FROM_ONE = {"a": "[1, 5]", "b": "[1, 5]", "c": "[1, 3]"}
ROWS: list[tuple[float | None, ...]] = [
    (4, 3, 2),
    (4, None, 2),
    (None, None, 2),
    (None, None, None),
    (4, 5, 2),
]


@pytest.mark.parametrize(
    ("rule", "ranges", "expected"),
    [
        ("rule: sum", EQUAL, [9, None, None, None, None]),
        ("rule: sum\nmax_missing: 1\nprorate: zero", EQUAL, [9, 6, None, None, None]),
        ("rule: sum\nmin_answered: 2\nprorate: mean", EQUAL, [9, 9, None, None, None]),
        ("rule: sum\nmin_answered: 1\nprorate: mean", EQUAL, [9, 9, 6, None, None]),
        ("rule: sum\nmin_answered: 1\nprorate: attainable", EQUAL, [9, 9, 6, None, None]),
        ("rule: sum\nmin_answered: 1\nprorate: attainable", UNEQUAL, [9, 6 * 20 / 15, 8, None, 11]),
        ("rule: mean", EQUAL, [3, None, None, None, None]),
        ("rule: mean\nmax_missing: 2", EQUAL, [3, 3, 2, None, None]),
        ("rule: percent_of_maximum", EQUAL, [75, None, None, None, None]),
        ("rule: percent_of_maximum\nmax_missing: 2", EQUAL, [75, 75, 50, None, None]),
        ("rule: percent_of_maximum", FROM_ONE, [60, None, None, None, 80]),
        ("rule: percent_of_maximum\nmax_missing: 2", FROM_ONE, [60, 400 / 6, 50, None, 80]),
        ("rule: percent_of_maximum\nround: 0\nmax_missing: 2", FROM_ONE, [60, 67, 50, None, 80]),
        ("rule: sum\nrecode: {a: reverse}", EQUAL, [5, None, None, None, None]),
        ("rule: sum\nrecode: {a: reverse}\nmax_missing: 2\nprorate: zero", EQUAL, [5, 2, 2, None, None]),
        ("rule: sum\nrecode: {a: {0: 9, 1: 9, 2: 7, 3: 7, 4: 1}}", EQUAL, [6, None, None, None, None]),
        ("rule: percent_of_maximum\nrecode: {a: {0: 0, 1: 0, 2: 0, 3: 1, 4: 2}}", EQUAL, [70, None, None, None, None]),
        ("rule: mean\nround: 1\nmax_missing: 1\nrecode: {a: {0: -2.25, 1: 0, 2: 0, 3: 0, 4: -2.25}}", EQUAL,
         [0.9, -0.1, None, None, None]),
    ],
)  # fmt: skip
def test_rules(engine: Any, rule: str, ranges: dict[str, str], expected: list[float | None]) -> None:
    assert scores(engine, own(rule, ranges), ROWS) == expected


def test_a_look_up_takes_the_sum_to_its_score(engine: Any) -> None:
    table = ", ".join(f"{raw}: {raw * raw}" for raw in range(13))
    assert scores(engine, own(f"rule: sum\nlookup: {{{table}}}", EQUAL), ROWS) == [81, None, None, None, None]


def test_a_single_item_that_need_not_be_whole(engine: Any) -> None:
    instrument = own("rule: single", {"a": "[0, 100], integer: false"})
    assert scores(engine, instrument, [(33.3,), (None,), (100.1,)]) == [33.3, None, None]


def test_an_option_may_switch_every_part_of_a_rule(engine: Any) -> None:
    options = "options:\n  how: {choices: [strict, mild], default: strict}\n"
    rule = (
        "rule: sum\nmax_missing: {option: how, strict: 0, mild: 1}\n"
        "prorate: {option: how, strict: none, mild: mean}\n"
        "recode: {a: {option: how, strict: keep, mild: reverse}}\nround: {option: how, strict: null, mild: 0}"
    )
    instrument = own(rule, EQUAL, options)
    assert scores(engine, instrument, ROWS) == [9, None, None, None, None]
    assert scores(engine, instrument, ROWS, how="mild") == [5, 3, None, None, None]


def test_eleven_items_of_unequal_range_rescaled_by_what_was_attainable() -> None:
    """The rule by which the CDISC pilot's ADAS-Cog totals treat missing items: 47 of 58 is 56.72 of 70."""
    top = {1: 10, 2: 5, 4: 5, 5: 5, 6: 5, 7: 8, 8: 12, 11: 5, 12: 5, 13: 5, 14: 5}
    codes = {f"acitm{i:02d}": f"[0, {most}]" for i, most in top.items()}
    instrument = own("rule: sum\nmin_answered: 7\nprorate: attainable", codes)
    row: dict[str, float | None] = dict.fromkeys(codes, 4)
    row |= {"acitm01": 10, "acitm07": 5, "acitm08": None}
    answered = sum(value for value in row.values() if value is not None)
    assert answered == 47
    scored = score(pl.DataFrame({code: [value] for code, value in row.items()}), instrument)
    assert scored["own_s"].to_list() == [pytest.approx(56.724137931034484, abs=1e-12)]

"""The shipped instruments: each rule by hand, on each engine, and what every definition must say."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from armwise.instruments import check_answers, load, names, score

FIXTURES = Path(__file__).parent / "fixtures"
ODI = [f"odi_{i}" for i in range(1, 11)]
GPH = ["global03", "global06", "global07", "global08"]
GMH = ["global02", "global04", "global05", "global10"]
PAIN = {0: 5, 1: 4, 2: 4, 3: 4, 4: 3, 5: 3, 6: 3, 7: 2, 8: 2, 9: 2, 10: 1}


def odi(*rows: Sequence[float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(ODI, pl.Float64), orient="row")


def total(*row: float | None, **options: object) -> tuple[float | None, str]:
    frame = score(odi(list(row)), "odi", options=options)
    return frame["odi_total"][0], frame["odi_total_status"][0]


@pytest.mark.parametrize("name", names())
def test_every_definition_says_title_licence_sources_direction_and_missing_rule(name: str) -> None:
    instrument = load(name)
    assert instrument.id == name
    for text in (
        instrument.title,
        instrument.version,
        instrument.recall,
        instrument.licence,
        instrument.notice,
    ):
        assert text
    assert instrument.sources
    assert all(item.label and item.recall for item in instrument.items)
    assert all(one.missing and one.unit and one.lo < one.hi for one in instrument.scores)
    assert all(mcid.citation and mcid.population for mcid in instrument.mcids)


def test_the_shipped_instruments_are_six() -> None:
    assert names() == ("eq5d3l", "nrs", "odi", "pgic", "promis_global", "rmdq")


@pytest.mark.parametrize("name", names())
def test_no_new_column_takes_the_name_of_an_item(name: str) -> None:
    instrument = load(name)
    made = {f"{name}_{one.name}{end}" for one in instrument.scores for end in ("", "_status")}
    assert not made & {item.code for item in instrument.items}


def test_direction_of_every_shipped_score() -> None:
    better = {f"{n}.{s.name}": s.higher_is_better for n in names() for s in load(n).scores}
    assert {name for name, up in better.items() if up} == {
        "eq5d3l.index",
        "eq5d3l.vas",
        "promis_global.gph",
        "promis_global.gmh",
    }


# -- ODI ---------------------------------------------------------------------------------------------


def test_odi_sixteen_of_fifty_is_32_per_cent() -> None:
    assert total(2, 2, 2, 2, 2, 2, 2, 2, 0, 0) == (32.0, "ok")


def test_odi_sixteen_of_forty_five_is_3556_per_cent_and_whole_36() -> None:
    answers = (2, 2, 2, 2, 2, 2, 2, None, 2, 0)
    found, status = total(*answers)
    assert found == pytest.approx(100 * 16 / 45)
    assert status == "ok"
    assert total(*answers, rounding="whole") == (36.0, "ok")


def test_odi_rounds_a_half_away_from_zero() -> None:
    # 21 of 40 is 52.5 exactly
    assert total(5, 5, 5, 5, 1, 0, 0, 0, None, None, rounding="whole") == (53.0, "ok")


@pytest.mark.parametrize("missing", range(11))
@pytest.mark.parametrize("limit", [0, 1, 2, 9])
def test_odi_gives_no_score_beyond_the_limit_of_missing_sections(missing: int, limit: int) -> None:
    row = [3.0] * (10 - missing) + [None] * missing
    expected = (60.0, "ok") if missing <= limit else (None, "missing items")
    assert total(*row, max_missing=limit) == expected


def test_odi_allows_two_missing_sections_unless_chosen_otherwise_and_calls_that_unconfirmed() -> None:
    option = load("odi").options["max_missing"]
    assert (option.default, option.status) == (2, "unconfirmed")
    assert total(*[5.0] * 8, None, None) == (100.0, "ok")
    assert total(*[5.0] * 7, None, None, None) == (None, "missing items")


def test_odi_marks_the_item_that_may_not_apply() -> None:
    assert [item.label for item in load("odi").items if item.if_applicable] == ["Sex life"]


def test_odi_on_every_engine_with_missing_nan_out_of_range_and_fractions(engine: Any) -> None:
    nan = float("nan")
    frame = odi(
        [2.0] * 10,
        [None] * 10,
        [nan] * 10,
        [3.0] * 8 + [None, nan],
        [3.0] * 7 + [None, None, None],
        [3.0] * 9 + [6.0],
        [3.0] * 9 + [-1.0],
        [3.0] * 9 + [2.5],
        [float("inf")] + [3.0] * 9,
        [None] * 9 + [99.0],
        [5.0] * 10,
    )
    found = engine.back(score(engine.make(frame), "odi"))
    assert found["odi_total"] == [40.0, None, None, 60.0, None, None, None, None, None, None, 100.0]
    assert found["odi_total_status"] == [
        "ok",
        "missing items",
        "missing items",
        "ok",
        "missing items",
        "out of range",
        "out of range",
        "not an integer",
        "out of range",
        "out of range",
        "ok",
    ]


# -- NRS, PGIC, RMDQ, EQ VAS -------------------------------------------------------------------------


def test_nrs_is_its_answer(engine: Any) -> None:
    frame = engine.make(pl.DataFrame({"nrs_1": [0, 10, 11, None]}))
    found = engine.back(score(frame, "nrs"))
    assert found["nrs_pain"] == [0.0, 10.0, None, None]
    assert found["nrs_pain_status"] == ["ok", "ok", "out of range", "missing items"]


def test_pgic_is_its_answer_and_has_no_mcid() -> None:
    frame = score(pl.DataFrame({"pgic_1": [1, 7, 0, 8, None]}), "pgic")
    assert frame["pgic_rating"].to_list() == [1.0, 7.0, None, None, None]
    assert load("pgic").mcids == ()


def rmdq(ticked: int, empty: int = 0, **options: object) -> tuple[float | None, str]:
    row = [1] * ticked + [None] * empty + [0] * (24 - ticked - empty)
    frame = pl.DataFrame([row], schema={f"rmdq_{i}": pl.Int64 for i in range(1, 25)}, orient="row")
    scored = score(frame, "rmdq", options=options)
    return scored["rmdq_total"][0], scored["rmdq_total_status"][0]


@pytest.mark.parametrize("ticked", range(25))
def test_rmdq_counts_the_ticks(ticked: int) -> None:
    assert rmdq(ticked) == (float(ticked), "ok")


def test_rmdq_with_empty_items_follows_the_declared_rule() -> None:
    assert rmdq(6, 12) == (None, "missing items")
    assert rmdq(6, 12, unanswered="zero") == (6.0, "ok")
    assert rmdq(6, 12, unanswered="prorate") == (12.0, "ok")
    assert rmdq(0, 24, unanswered="zero") == (None, "missing items")
    assert rmdq(0, 24, unanswered="prorate") == (None, "missing items")


def test_eq_vas_is_its_answer_and_may_be_absent(engine: Any) -> None:
    five = {f"eq5d3l_{d}": [1, 2, None] for d in ("mo", "sc", "ua", "pd", "ad")}
    options = {"value_set": "uk_tto"}
    with_vas = engine.back(
        score(engine.make(pl.DataFrame(five | {"eq_vas": [0, 100, 101]})), "eq5d3l", options=options)
    )
    assert with_vas["eq5d3l_vas"] == [0.0, 100.0, None]
    without = engine.back(score(engine.make(pl.DataFrame(five)), "eq5d3l", options=options))
    assert without["eq5d3l_index"] == [1.0, pytest.approx(0.516), None]
    assert without["eq5d3l_vas"] == [None, None, None]
    assert without["eq5d3l_vas_status"] == ["not collected"] * 3


def test_eq5d_gives_no_index_where_one_answer_is_missing_or_out_of_range(engine: Any) -> None:
    codes = [f"eq5d3l_{d}" for d in ("mo", "sc", "ua", "pd", "ad")]
    rows = []
    for i, wrong in itertools.product(range(5), (None, float("nan"), 0.0, 4.0, 1.5, 10.0, -8.0)):
        row: list[float | None] = [2.0] * 5
        row[i] = wrong
        rows.append(row)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(codes, pl.Float64), orient="row")
    found = engine.back(score(engine.make(frame), "eq5d3l", options={"value_set": "us_tto"}))
    assert found["eq5d3l_index"] == [None] * 35
    outside, fraction, empty = "out of range", "not an integer", "missing items"
    each = [empty, empty, outside, outside, fraction, outside, outside]
    assert found["eq5d3l_index_status"] == 5 * each


# -- PROMIS Global -----------------------------------------------------------------------------------


def promis_rows() -> list[dict[str, str]]:
    with (FIXTURES / "promis_global.csv").open() as lines:
        return list(csv.DictReader(lines))


def promis(answers: Mapping[str, Sequence[int | None]], *, items_reversed: bool) -> pl.DataFrame:
    rows = len(next(iter(answers.values())))
    full = {code: answers.get(code, [3] * rows) for code in [*GPH, *GMH]}
    return score(pl.DataFrame(full), "promis_global", options={"items_reversed": items_reversed})


def answers_with_sum(raw: int) -> list[int]:
    """Four answers of 1 to 5 with that sum."""
    row = [1, 1, 1, 1]
    for step in range(raw - 4):
        row[step % 4] += 1
    return row


@pytest.mark.parametrize("reversed_", [True, False])
@pytest.mark.parametrize("row", promis_rows(), ids=lambda row: f"{row['scale'][:3]}-{row['raw_score']}")
def test_every_row_of_the_promis_tables(row: dict[str, str], reversed_: bool) -> None:
    first, second, third, fourth = answers_with_sum(int(row["raw_score"]))
    stored = fourth if reversed_ else 6 - fourth
    if row["scale"] == "GPH-4item":
        pain = next(answer for answer, value in PAIN.items() if value == third)
        frame = promis(
            dict(zip(GPH, ([first], [second], [pain], [stored]), strict=True)), items_reversed=reversed_
        )
        name = "promis_global_gph"
    else:
        frame = promis(
            dict(zip(GMH, ([first], [second], [third], [stored]), strict=True)), items_reversed=reversed_
        )
        name = "promis_global_gmh"
    assert frame[name][0] == float(row["t_score_published"])
    assert frame[f"{name}_se"][0] == float(row["se_published"])
    # The second way to these numbers: expected a posteriori from the item parameters.
    assert frame[name][0] == pytest.approx(float(row["t_eapsum_check"]), abs=0.34)
    assert frame[f"{name}_se"][0] == pytest.approx(float(row["se_eapsum_check"]), abs=0.31)


@pytest.mark.parametrize(("pain", "counted"), PAIN.items())
def test_promis_pain_of_0_to_10_counts_as_5_to_1(pain: int, counted: int) -> None:
    by_raw = {
        int(r["raw_score"]): float(r["t_score_published"]) for r in promis_rows() if r["scale"] == "GPH-4item"
    }
    frame = promis({"global07": [pain]}, items_reversed=True)
    assert frame["promis_global_gph"][0] == by_raw[9 + counted]


def test_promis_never_guesses_whether_items_are_reversed_already() -> None:
    option = load("promis_global").options["items_reversed"]
    assert option.required
    best = {code: [5] for code in [*GPH, *GMH]} | {"global07": [0]}
    stored_reversed = promis(best, items_reversed=True)
    stored_as_printed = promis(best | {"global08": [1], "global10": [1]}, items_reversed=False)
    twice = promis(best, items_reversed=False)
    assert stored_reversed["promis_global_gph"][0] == stored_as_printed["promis_global_gph"][0] == 67.7
    assert stored_reversed["promis_global_gmh"][0] == stored_as_printed["promis_global_gmh"][0] == 67.6
    assert twice["promis_global_gph"][0] == 50.8
    assert twice["promis_global_gmh"][0] == 53.3


def test_promis_needs_all_four_items_and_neither_01_nor_09(engine: Any) -> None:
    full: dict[str, list[int | None]] = {code: [3, 3, None] for code in [*GPH, *GMH]}
    full["global07"] = [5, None, 5]
    frame = engine.make(pl.DataFrame(full))
    found = engine.back(score(frame, "promis_global", options={"items_reversed": True}))
    assert found["promis_global_gph"] == [39.8, None, None]
    assert found["promis_global_gmh"] == [43.5, 43.5, None]
    assert found["promis_global_gph_status"] == ["ok", "missing items", "missing items"]
    assert found["promis_global_gph_se_status"] == found["promis_global_gph_status"]


def test_unused_items_are_still_checked() -> None:
    frame = pl.DataFrame({code: [3] for code in [*GPH, *GMH]} | {"global01": [6]})
    assert [f.item for f in check_answers(frame, "promis_global")] == ["global01"]

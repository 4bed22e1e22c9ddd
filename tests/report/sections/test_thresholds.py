"""Responders by several thresholds: the table, the heading, and the figure of every threshold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from armwise.analysis.results import Results, Row, row, table
from armwise.report.page import Figure, Section
from armwise.report.sections import thresholds
from armwise.report.tables import Table
from armwise.report.words import Words
from armwise.stats.responder_curves import WEIGHTED_METHOD
from armwise.stats.responder_model import METHOD as NORMAL_TAIL

WORDS = ("at least 10", "at least 12.8", "at least 15", "at least 30%")


def rows(differences: tuple[float, ...] = (0.58, 0.43, 0.41, 0.42), curve: bool = True) -> Iterator[Row]:
    shared: dict[str, Any] = {
        "analysis": "thresholds", "item": "odi", "endpoint": "odi.total", "visit": "m12", "role": "exploratory",
        "analysis_set": "full", "unit": "proportion",
    }  # fmt: skip
    between = {
        **shared,
        "arm": "bmc",
        "versus": "control",
        "n": 73,
        "n_arm": 38,
        "n_versus": 35,
        "conf_level": 0.95,
    }
    for words, d in zip(WORDS, differences, strict=True):
        marks = {"category": words, "at": float(words.split()[-1].rstrip("%"))}
        for target, method, value in (
            ("overlap", "overlap weights, MOVER-Wilson", d), ("everyone", "Newcombe", d + 0.03),
            ("everyone", NORMAL_TAIL, d + 0.01),
        ):  # fmt: skip
            yield row(
                "risk difference", value, lower=value - 0.2, upper=value + 0.2, target=target, method=method,
                **{**between, **marks},
            )  # fmt: skip
        for arm, k, n in (("bmc", 26, 38), ("control", 3, 35)):
            about = {**shared, **marks, "arm": arm, "n": n, "target": "everyone", "method": "as analysed"}
            yield row("responders", k, **{**about, "unit": "subjects"})
            yield row("risk", k / n, **about)
    for k in range(1, 51) if curve else ():
        d = max(0.0, 0.7 - 0.03 * k)
        yield row(
            "risk difference", d, lower=d - 0.25, upper=d + 0.25, target="overlap", method=WEIGHTED_METHOD,
            at=2.0 * k, **between,
        )  # fmt: skip


@pytest.fixture
def made(make: Callable[..., Results]) -> Callable[..., Section]:
    def build(*several: Row) -> Section:
        results = make()
        results = dataclasses.replace(results, table=table([*_plain(results), *several]))
        found = thresholds.section(results, Words.of(results))
        assert found is not None
        return found

    return build


def _plain(results: Results) -> list[Row]:
    return [r for r in results.table.to_dicts() if r["analysis"] != "thresholds"]


def plain(markup: Any) -> str:
    return re.sub(r"<[^>]+>", "", str(markup)).replace("\u00a0", " ")


def test_the_heading_gives_the_smallest_and_the_largest_difference_and_no_direction(made: Any) -> None:
    assert plain(made(*rows()).heading) == "By four thresholds the difference was 41 to 58 percentage points"


def test_each_threshold_has_its_source_its_mark_counts_and_three_differences(made: Any) -> None:
    found = made(*rows()).blocks[0].main
    assert isinstance(found, Table)
    first = found.rows[0]
    assert plain(first.head) == "10 points or more"
    assert plain(first.small) == "Ostelo 2008, Spine 33:90-94, literature and expert workshop (confirmed)"
    assert [plain(c) for c in first.cells] == [
        "26 of 38 (68%)", "3 of 35 (9%)", "58 (38 to 78)", "61 (41 to 81)", "59 (39 to 79)",
    ]  # fmt: skip
    assert [plain(r.head) for r in found.rows][-1] == "30% of baseline or more"
    assert "Arms chosen, not randomised" in plain(found.caption)


def test_the_model_based_difference_is_labelled_a_sensitivity_analysis(made: Any) -> None:
    block = made(*rows()).blocks[0]
    assert str(block.main.columns[-1].small).endswith("sensitivity")
    assert any("sensitivity analysis only" in plain(note) for note in block.side)


def test_the_curve_stands_below_and_says_that_its_band_holds_all_of_it(made: Any) -> None:
    figure = made(*rows()).blocks[1].main
    assert isinstance(figure, Figure)
    assert "holds the differences at all of these thresholds together" in plain(figure.caption)
    assert "with overlap weights" in plain(figure.caption)


def test_without_a_curve_there_is_no_figure(made: Any) -> None:
    assert len(made(*rows(curve=False)).blocks) == 1


def test_a_protocol_without_thresholds_has_no_section(make: Callable[..., Results]) -> None:
    results = make()
    protocol = results.protocol.model_copy(update={"thresholds": {}})
    results = dataclasses.replace(results, protocol=protocol)
    assert thresholds.section(results, Words.of(results)) is None


def test_a_block_with_several_visits_shows_one_odds_ratio_for_all_of_them(made: Any) -> None:
    course = row(
        "odds ratio", 8.2, lower=3.1, upper=21.7, conf_level=0.95, analysis="thresholds", item="odi_course", arm="bmc",
        versus="control", category="at least 10", at=10.0, unit="ratio", n=78,
    )  # fmt: skip
    last = made(*rows(), course).blocks[-1]
    assert [(name, plain(said)) for name, said in last.main.items] == [
        (
            "10 points or more, 3 months, 6 months and 12 months together",
            "odds ratio 8.2 (95% CI 3.1 to 21.7)",
        )
    ]
    assert plain(last.side[0]).startswith("One odds ratio of responding for these visits")


def test_differences_of_shares_are_in_percentage_points_and_never_in_points(made: Any) -> None:
    table = made(*rows()).blocks[0].main
    assert "differences in percentage points" in plain(table.caption)
    assert not [c for c in table.columns if "points" in f"{c.head} {c.small} {c.card}"]


def test_a_later_block_that_repeats_a_threshold_shows_no_number_twice(made: Any) -> None:
    again = [{**r, "item": "odi_course"} for r in rows() if r["category"] in (None, "at least 10")]
    again = [row(r.pop("statistic"), r.pop("estimate"), **{k: v for k, v in r.items() if k not in ("id", "key")})
             for r in again]  # fmt: skip
    assert len(made(*rows(), *again).blocks) == len(made(*rows()).blocks)


def test_thresholds_with_one_and_the_same_difference_are_no_range(made: Any) -> None:
    heading = plain(made(*rows((0.061, 0.062, 0.06, 0.059))).heading)
    assert heading == "By each of four thresholds the difference was 6 percentage points"


def test_an_odds_ratio_that_cannot_be_estimated_says_why_on_the_page(made: Any) -> None:
    course = row(
        "odds ratio", None, status="not estimable", reason="nobody of control responded", analysis="thresholds",
        item="odi_course", arm="bmc", versus="control", category="at least 10", at=10.0, unit="ratio", n=78,
    )  # fmt: skip
    (item,) = made(*rows(), course).blocks[-1].main.items
    assert plain(item[1]) == "odds ratio not estimable: nobody of control responded"

"""What change matters: the three methods, the correlation with its warning, and what must not be done with it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from armwise.analysis.anchor import ONLY
from armwise.analysis.results import Results, Row, row, table
from armwise.report.page import Section
from armwise.report.sections import anchor
from armwise.report.words import Words
from armwise.stats.anchor import ADJUSTED, POINT_BISERIAL, PREDICTIVE, ROC, SPEARMAN


def rows(correlation: float = 0.69, estimate: float | None = 7.3) -> Iterator[Row]:
    about: dict[str, Any] = {
        "analysis": "anchor", "item": "pgic", "endpoint": "odi.total", "visit": "m12", "role": "exploratory", "n": 73,
        "conf_level": 0.95,
    }  # fmt: skip
    yield row("count", 28, category="improved by their own rating", unit="subjects", **about)
    yield row(
        "correlation", correlation, lower=correlation - 0.2, upper=correlation + 0.1, method=SPEARMAN, **about
    )
    yield row("correlation", 0.5, method=POINT_BISERIAL, **about)
    status = {} if estimate is not None else {"status": "not estimable", "reason": "all of 73 improved"}
    for method, value in ((ADJUSTED, estimate), (PREDICTIVE, estimate), (ROC, estimate)):
        interval = {} if method == ROC or value is None else {"lower": value - 3, "upper": value + 3}
        yield row("minimal important change", value, method=method, unit="%", **about, **interval, **status)


@pytest.fixture
def made(make: Callable[..., Results]) -> Callable[..., Section]:
    def build(*several: Row) -> Section:
        results = make()
        results = dataclasses.replace(results, table=table([*results.table.to_dicts(), *several]))
        found = anchor.section(results, Words.of(results))
        assert found is not None
        return found

    return build


def plain(markup: Any) -> str:
    return re.sub(r"<[^>]+>", "", str(markup)).replace("\u00a0", " ")


def test_the_adjusted_estimate_leads_and_the_roc_cut_stands_last_without_an_interval(made: Any) -> None:
    section = made(*rows())
    assert "of 7.3 points an improvement" in plain(section.heading)
    found = section.blocks[0].main
    assert [(plain(r.head), plain(r.cells[0])) for r in found.rows] == [
        ("Adjusted predictive modelling", "7.3 (4.3 to 10.3)"),
        ("Predictive modelling, not adjusted", "7.3 (4.3 to 10.3)"),
        ("Cut point of the ROC curve", "7.3"),
    ]


def test_the_page_says_that_it_is_no_threshold_for_this_study(made: Any) -> None:
    notes = [plain(note) for note in made(*rows()).blocks[0].side]
    assert notes[0].startswith("Not a threshold for this study")
    assert "28 of 73 rated themselves improved (ratings 1, 2; the lowest rating is the best)." in notes


@pytest.mark.parametrize(("correlation", "warned"), [(0.69, False), (0.3, False), (0.29, True), (-0.2, True)])
def test_a_correlation_below_three_tenths_is_warned_of(made: Any, correlation: float, warned: bool) -> None:
    notes = " ".join(plain(note) for note in made(*rows(correlation)).blocks[0].side)
    assert ("Warning: less than 0.3" in notes) == warned


def test_an_anchor_that_tells_nothing_says_so_in_the_heading(made: Any) -> None:
    section = made(*rows(estimate=None))
    assert "could not be estimated" in plain(section.heading)
    assert plain(section.blocks[0].main.rows[0].cells[0]) == "not estimable"


def test_a_protocol_without_an_anchor_has_no_section(make: Callable[..., Results]) -> None:
    results = make()
    results = dataclasses.replace(results, protocol=results.protocol.model_copy(update={"anchors": {}}))
    assert anchor.section(results, Words.of(results)) is None


def test_a_rating_by_one_arm_alone_is_said_in_the_margin(made: Any) -> None:
    several = list(rows())
    count = {k: v for k, v in several[0].items() if k not in ("id", "key", "statistic", "estimate")}
    several[0] = row("count", 28, **{**count, "reason": f"{ONLY} bmc"})
    (block,) = made(*several).blocks
    assert any("Only patients of BMC rated their change" in str(n) for n in block.side)
    assert not any("Only patients" in str(n) for b in made(*rows()).blocks for n in b.side)


def test_why_there_is_no_estimate_stands_in_the_margin(made: Any) -> None:
    (block,) = made(*rows(estimate=None)).blocks
    assert any(str(n) == "Not estimable: all of 73 improved." for n in block.side)

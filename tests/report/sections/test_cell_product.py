"""What the cell product held, and how much of it went where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.cell_product import DOSE, INSIDE
from armwise.analysis.results import Results, Row, row, table
from armwise.report import html
from armwise.report.page import Section
from armwise.report.sections import cell_product
from armwise.report.sections.cell_product import unit_words
from armwise.report.tables import Table
from armwise.report.words import Words

STATISTICS = (
    ("mean", 5086.0),
    ("sd", 2935.0),
    ("median", 4561.0),
    ("q1", 2982.0),
    ("q3", 6080.0),
    ("min", 900.0),
    ("max", 9000.0),
)


def rows() -> list[Row]:
    about: dict[str, Any] = {
        "analysis": "cell_product",
        "role": "descriptive",
        "arm": "bmc",
        "visit": "baseline",
    }
    cfu = {**about, "item": "cfu_f", "label": "Colony-forming units-fibroblast (CFU-F)"}
    made = [row("n", 39, n=39, unit="subjects", **cfu), row("missing", 1, n=40, unit="subjects", **cfu)]
    made += [row(s, v, n=39, unit="/mL", **cfu) for s, v in STATISTICS]
    made.append(row("share", 0.9, lower=0.77, upper=0.96, conf_level=0.95, n=39, category=INSIDE, at=2000.0, at2=None,
                    unit="proportion", method="Wilson", reason="confirmed: a paper of 10^6 words", **cfu))  # fmt: skip
    for place in ("all places", "disc", "disc, L4-L5"):
        for item, label, unit, size in (("volume", "Volume", "mL", 14.0), ("cfu_f", "CFU-F, dose", "", 64000.0),
                                        ("tnc", "Total nucleated cells, dose", "10^6", 3000.0)):  # fmt: skip
            here = {**about, "item": item, "label": label, "category": place, "method": DOSE}
            made.append(row("n", 40, n=40, unit="subjects", **here))
            found = STATISTICS if place == "all places" else STATISTICS[2:5]
            made += [row(s, size * v / 4561, n=40, unit=unit, **here) for s, v in found]
    return made


@pytest.fixture(scope="module")
def results(make: Callable[..., Results]) -> Results:
    import dataclasses

    base = make()
    return dataclasses.replace(base, table=table([*base.rows(), *rows()]))


@pytest.fixture(scope="module")
def section(results: Results) -> Section:
    found = cell_product.section(results, Words.of(results))
    assert found is not None
    return found


def plain(text: object) -> str:
    return re.sub(r"<[^>]+>", "", str(text)).replace("\u00a0", " ")


def test_results_without_such_rows_have_no_such_section(two_arms: Results, trial: Results) -> None:
    for made in (two_arms, trial):
        assert cell_product.section(made, Words.of(made)) is None


def test_the_heading_is_what_was_measured_and_injected_and_compares_nothing(section: Section) -> None:
    assert plain(section.heading) == "The median CFU-F was 4561/mL; 14.0 mL were injected in all (median)"


def test_a_measure_stands_beside_its_range_and_whether_that_is_confirmed(section: Section) -> None:
    first = section.blocks[0].main
    assert isinstance(first, Table)
    cells = [plain(c) for c in first.rows[0].cells]
    assert cells == ["39", "4561 (2982 to 6080)", "5086 (2935)", "2000 or moreconfirmed", "90% (77 to 96%)"]
    said = " ".join(plain(n) for n in section.blocks[0].side)
    assert "a paper of 10⁶ words (confirmed)" in said and "was not shown to be better" in said
    assert "Not measured: Colony-forming units-fibroblast (CFU-F) 1 of 40." in said


def test_doses_stand_by_structure_and_folded_by_level(section: Section) -> None:
    structures, levels = (b.main for b in section.blocks[1:])
    assert isinstance(structures, Table) and isinstance(levels, Table)
    assert [plain(r.head) for r in structures.rows] == ["All places", "Disc"]
    assert structures.fold == "Volume and dose by structure"
    assert [plain(r.head) for r in levels.rows] == ["Disc", "L4-L5"] and levels.fold == "Doses by level"
    assert [str(c.head) for c in structures.columns] == [
        "Place",
        "Patients",
        "Volume",
        "Total nucleated cells",
        "CFU-F",
    ]
    assert [str(c.small) for c in structures.columns][2:] == ["mL", "10⁶", ""]


def test_units_are_printed_with_raised_powers() -> None:
    assert unit_words("10^6/mL") == "10⁶/mL" and unit_words("10^3/uL") == "10³/µL" and unit_words(None) == ""


def test_it_stands_on_the_page(results: Results) -> None:
    page = "".join(html.render(results).values())
    assert '<section id="cell-product">' in page and '<a href="#cell-product">Cell product</a>' in page


def test_a_dose_that_fewer_patients_have_than_were_treated_says_how_many(
    make: Callable[..., Results],
) -> None:
    import dataclasses

    made = []
    for r in rows():
        if r["method"] == DOSE and r["item"] == "cfu_f" and r["statistic"] == "n":
            r = {**r, "estimate": 0 if r["category"] == "disc, L4-L5" else 1}
        if (
            r["method"] == DOSE
            and r["item"] == "cfu_f"
            and r["category"] == "disc, L4-L5"
            and r["statistic"] != "n"
        ):
            continue
        made.append(r)
    base = make()
    results = dataclasses.replace(base, table=table([*base.rows(), *made]))
    found = cell_product.section(results, Words.of(results))
    assert found is not None
    everywhere, levels = found.blocks[1].main, found.blocks[2].main
    assert isinstance(everywhere, Table) and isinstance(levels, Table)
    assert plain(everywhere.rows[0].cells[-1]).endswith("1 patient")
    assert "patient" not in plain(everywhere.rows[0].cells[2])
    assert plain(levels.rows[-1].cells[-1]) == "–"

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from armwise.analysis.results import Results, Row, row, table
from armwise.analysis.within_sites import ONE_ARM
from armwise.report.page import Block
from armwise.report.sections import overlap, site_by_site
from armwise.report.tables import Table
from armwise.report.words import Words

COUNTS = {"North": (20, 18), "South": (20, 17), "East": (0, 5)}


def rows(within: bool) -> list[Row]:
    made = []
    for site, (n1, n0) in COUNTS.items():
        for arm, versus, count in (("bmc", "control", n1), ("control", "bmc", n0)):
            made.append(
                row("count", count, analysis="sites", item="primary", category=site, arm=arm, versus=versus,
                    unit="subjects", reason=ONE_ARM if not n1 else "")
            )  # fmt: skip
    about: dict[str, Any] = {
        "analysis": "sites", "item": "primary", "arm": "bmc", "versus": "control", "unit": "proportion",
        "conf_level": 0.95, "visit": "m12",
    }  # fmt: skip
    left = ["without North", "without South", *([] if within else ["without East", "sites with both arms"])]
    for i, category in enumerate(left):
        d = 0.4 + i / 100
        made.append(row("risk difference", d, lower=d - 0.2, upper=d + 0.2, category=category, **about))
    return made


@pytest.fixture
def sited(two_arms: Results) -> Any:
    def make(within: bool = False) -> Results:
        kept = [r for r in two_arms.table.to_dicts() if r["analysis"] not in ("sites", "overlap")]
        return dataclasses.replace(two_arms, table=table([*kept, *rows(within)]))

    return make


def plain(text: object) -> str:
    return re.sub(r"<[^>]+>", "", str(text)).replace("\u00a0", " ")


def lines(block: Block) -> dict[str, list[str]]:
    assert isinstance(block.main, Table)
    return {plain(line.head): [plain(c) for c in line.cells] for line in block.main.rows}


def test_each_site_has_its_patients_and_the_comparison_without_it(sited: Any) -> None:
    (block,) = site_by_site.blocks(sited(), Words.of(sited()))
    found = lines(block)
    assert found["Site North"] == ["20", "18", "40 (20 to 60)"]
    assert found["Site South"] == ["20", "17", "41 (21 to 61)"]
    assert found["Without all sites of one arm"][2] == "43 (23 to 63)"
    assert next(iter(found)) == "All patients of the analysis"
    assert "One site had patients of one arm only (East): they carry no comparison" in plain(block.side[0])


def test_a_site_that_is_in_no_comparison_within_sites_changes_nothing(sited: Any) -> None:
    (block,) = site_by_site.blocks(sited(True), Words.of(sited()))
    found = lines(block)
    assert found["Site East"] == ["0", "5", "the same: not in the analysis"]
    assert "Without all sites of one arm" not in found


def test_they_stand_in_the_section_on_comparability_and_one_site_has_none(
    sited: Any, two_arms: Results
) -> None:
    section = overlap.section(sited(), Words.of(sited()))
    assert section is not None
    assert [b.main.title for b in section.blocks if isinstance(b.main, Table)][-1].startswith(
        "The primary comparison"
    )
    assert site_by_site.blocks(two_arms, Words.of(two_arms)) == []


def test_it_says_whether_the_arms_are_compared_within_sites(sited: Any) -> None:
    results = sited()
    assert "not within them" in plain(site_by_site.blocks(results, Words.of(results))[0].side[1])
    plan = results.protocol
    site = next(iter(plan.covariates.values())).model_copy(update={"item": "subjects.site", "score": None})
    name = next(n for n, a in plan.analyses.items() if a.role == "primary")
    analysis = plan.analyses[name].model_copy(update={"covariates": ("where",)})
    changed = plan.model_copy(
        update={
            "covariates": {**plan.covariates, "where": site},
            "analyses": {**plan.analyses, name: analysis},
        }
    )
    within = dataclasses.replace(results, protocol=changed)
    (block,) = site_by_site.blocks(within, Words.of(within))
    assert plain(block.side[1]) == "The site is among the covariates: the arms are compared within sites."

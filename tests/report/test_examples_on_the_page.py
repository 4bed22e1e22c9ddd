"""Every comparison that the page of an example counts stands on that page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from armwise.analysis.comparison import is_comparison
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report import report
from armwise.report.html import render
from armwise.report.sections.outcomes import ELSEWHERE
from armwise.simulate.study import simulate_study
from armwise.study.study import load_study

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", params=["bmc-low-back-pain", "cdisc-pilot"])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = EXAMPLES / request.param
    if not (folder / "data").is_dir():
        drawn = tmp_path_factory.mktemp("study") / folder.name
        shutil.copytree(folder, drawn)
        simulate_study(drawn)
        folder = drawn
    return analyse(load_study(folder))


def test_every_comparison_that_the_report_counts_stands_in_it_or_in_its_supplement(example: Results) -> None:
    page = "".join(render(example).values())
    shown = set(re.findall(r'data-row="(r[0-9a-f]{12})"', page))
    compared = [r for r in example.rows() if is_comparison(example.protocol, r)]
    assert len(compared) > 10
    assert [r["key"] for r in compared if r["id"] not in shown] == []
    assert "in results.csv only" not in page and ELSEWHERE not in page


def test_the_page_says_how_many_comparisons_it_does_not_show(example: Results) -> None:
    first = next(r for r in example.rows() if is_comparison(example.protocol, r) and r["lower"] is not None)
    hidden = example.table.filter(pl.col("id") == first["id"]).with_columns(
        pl.lit("ffffffffffff").alias("id"), pl.lit("nowhere").alias("visit")
    )
    more = Results(pl.concat([example.table, hidden]), example.protocol, "", manifest=example.manifest)
    assert "; 1 of them stands in results.csv only." in report(more)

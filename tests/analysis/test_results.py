from __future__ import annotations

import hashlib
import re
from pathlib import Path

import polars as pl
import pytest

from armwise.analysis.results import (
    COLUMNS,
    Results,
    estimate_row,
    exclusions_table,
    read_results,
    row,
    table,
)
from armwise.errors import AnalysisError, FileError, Problem
from armwise.stats import Estimate, welch

DOCS = Path(__file__).parents[2] / "docs" / "results.md"


def documented() -> dict[str, set[str]]:
    """Place (`analysis`, or a fixed name) -> the statistics that the page names for it."""
    of_analyses, fixed = (
        DOCS.read_text(encoding="utf-8").split("### An analysis of")[1].split("### Fixed names")
    )
    cells = [
        [re.findall(r"`([^`]+)`", c) for c in line.split("|")[1:3]]
        for line in fixed.splitlines()
        if "`" in line
    ]
    names = {place[0]: set(statistics) for place, statistics in cells}
    lines = [line.split("|")[1] for line in of_analyses.splitlines() if line.startswith("| `")]
    return {**names, "analysis": {name for line in lines for name in re.findall(r"`([^`]+)`", line)}}


def made(*several: Results) -> dict[str, set[str]]:
    """The same from the rows of results."""
    found: dict[str, set[str]] = {}
    for results in several:
        for analysis, statistic in results.table.select("analysis", "statistic").unique().iter_rows():
            place = (
                "analysis"
                if analysis.removesuffix(".unadjusted").removesuffix(".cuts") in results.protocol.analyses
                else analysis
            )
            found.setdefault(place, set()).add(statistic)
    return found


def test_the_rows_of_both_examples_and_the_documentation_name_the_same_statistics(
    reference: Results, pilot: Results
) -> None:
    there = made(reference, pilot)
    there["analysis"] |= {"margin", "mean"}  # neither example has one: test_compare and test_means do
    there["sites"] = {"count"}  # neither has several and no randomisation: test_sites does
    there["imaging"] |= {"mean difference", "odds ratio"}  # one arm is imaged: test_imaging has two
    there["exposure"] |= {"missing"}  # everything is known: test_exposure has gaps
    there["procedures"] |= {"missing"}
    there["fragility"] |= {"mean", "ls mean"}  # the control is yes or no: test_negative_control has others
    assert there == documented()


def test_every_column_is_in_the_documentation() -> None:
    text = DOCS.read_text(encoding="utf-8").split("## Columns")[1].split("## Rows")[0]
    assert re.findall(
        r"`([a-z_0-9]+)`", "".join(re.findall(r"^\| (`.*?`) \|", text, flags=re.MULTILINE))
    ) == list(COLUMNS)


def test_an_id_is_the_hash_of_the_key_and_the_key_names_what_and_how() -> None:
    made = row("mean", 3.5, analysis="describe", endpoint="odi", arm="new", at=0.1, n=7, unit="points")
    assert made["key"] == "analysis describe; endpoint odi; arm new; at 0.1; statistic mean"
    assert made["id"] == "r" + hashlib.sha256(made["key"].encode()).hexdigest()[:12]
    other = row("mean", 99.0, analysis="describe", endpoint="odi", arm="new", at=0.1, n=1, label="x")
    assert other["id"] == made["id"]  # the number, its precision and its words do not enter
    assert row("mean", 3.5, analysis="describe", endpoint="odi", arm="old", at=0.1)["id"] != made["id"]


def test_a_row_takes_no_column_that_results_do_not_have() -> None:
    with pytest.raises(AnalysisError, match="no column colour"):
        row("mean", 1.0, colour="red")
    with pytest.raises(AnalysisError, match="no column id"):
        row("mean", 1.0, id="r0")


def test_two_rows_with_one_key_are_an_error() -> None:
    with pytest.raises(AnalysisError, match=r"share an id.*analysis a"):
        table([row("mean", 1.0, analysis="a"), row("mean", 2.0, analysis="a")])


def test_a_number_that_is_none_is_an_error() -> None:
    with pytest.raises(AnalysisError, match=r"not a number.*analysis a"):
        table([row("mean", float("nan"), analysis="a")])


def test_an_estimate_becomes_a_row_with_all_its_numbers() -> None:
    found = welch([1.0, 2.0, 4.0], [2.0, 5.0, 9.0])
    made = estimate_row(found, analysis="a", arm="new", versus="old")
    for name in (
        "estimate",
        "se",
        "df",
        "lower",
        "upper",
        "conf_level",
        "p",
        "n",
        "n_arm",
        "n_versus",
        "method",
    ):
        assert made[name] == getattr(found, name)
    assert made["statistic"] == "mean difference"
    refused = Estimate.not_estimable("mean difference", "Welch", "too few", n=1)
    made = estimate_row(refused, analysis="a")
    assert (made["status"], made["reason"], made["estimate"]) == ("not estimable", "too few", None)


def test_ids_of_both_examples_are_unique(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        assert results.table["id"].is_unique().all()
        assert results.table["key"].is_unique().all()


def test_no_number_is_nan_and_a_row_without_an_estimate_says_why(reference: Results, pilot: Results) -> None:
    for results in (reference, pilot):
        frame = results.table
        assert not frame.select(pl.any_horizontal(pl.col(pl.Float64).is_nan()).any()).item()
        unknown = frame.filter(pl.col("estimate").is_null() & (pl.col("statistic") != "adjusted p"))
        assert unknown.filter((pl.col("status") == "ok") | pl.col("reason").is_null()).is_empty()


def test_results_come_back_as_they_were_written(reference: Results, tmp_path: Path) -> None:
    reference.write(tmp_path)
    again = read_results(tmp_path)
    assert again.table.equals(reference.table)
    assert again.protocol == reference.protocol
    assert again.protocol_text == reference.protocol_text
    assert again.problems == reference.problems
    assert again.exclusions.equals(reference.exclusions)
    assert again.manifest == dict(reference.manifest)
    assert again.simulated
    text = pl.read_csv(tmp_path / "results.csv", infer_schema=False)
    assert text.columns == list(COLUMNS)
    assert text.height == reference.table.height


def test_problems_without_a_row_or_a_column_come_back_too(reference: Results, tmp_path: Path) -> None:
    problems = (
        Problem("note", "data/x.csv", None, "", "what, with a comma", ""),
        Problem("warning", "a", 3, "c", "w", "t"),
    )
    made = Results(reference.table, reference.protocol, reference.protocol_text, problems)
    made.write(tmp_path)
    again = read_results(tmp_path)
    assert again.problems == problems
    assert again.exclusions.equals(exclusions_table([]))


def test_what_was_left_out_is_listed_by_file_and_row_and_names_no_subject(
    reference: Results, tmp_path: Path
) -> None:
    entry = {"file": "data/odi.csv", "row": 4, "subject": "P-0417", "visit": "m1"}
    entry |= {"excluded_from": "visits", "reason": "late"}
    assert reference.exclusions.height
    entry = {
        "file": "data/odi.csv",
        "row": 4,
        "subject": "P-0417",
        "visit": "m1",
        "excluded_from": "visits",
        "reason": "late",
    }
    Results(
        reference.table, reference.protocol, reference.protocol_text, (), exclusions_table([entry])
    ).write(tmp_path)
    written = (tmp_path / "exclusions.csv").read_text(encoding="utf-8")
    assert written == "file,row,visit,excluded_from,reason\ndata/odi.csv,4,m1,visits,late\n"


def test_a_folder_without_results_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no results\.parquet; run `armwise analyse`"):
        read_results(tmp_path)


def test_rows_are_found_by_their_columns(reference: Results) -> None:
    about = {"statistic": "mean difference", "subgroup": None}
    found = reference.rows(analysis=["odi", "pain"], visit="m12", **about)
    assert [r["analysis"] for r in found] == ["odi", "pain"]
    assert reference.one(analysis="odi_ancova", **about)["visit"] == "m12"  # type: ignore[index]
    assert reference.one(analysis="nothing") is None
    assert all(r["subgroup"] is None for r in reference.rows(analysis="odi", subgroup=None))
    with pytest.raises(AnalysisError, match="results fit"):
        reference.one(analysis="odi")

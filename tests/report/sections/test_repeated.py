"""The models of all visits on the page: figure, tables, the fitted covariance, and what was wrong with the data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report import comparisons, report
from armwise.report.numbers import limits, number
from armwise.report.page import Section
from armwise.report.sections import repeated
from armwise.report.words import Words
from armwise.simulate.study import simulate_study
from armwise.study.study import load_study

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain"
TWICE = (
    "The outcomes at m3 and m6 are the same for every patient seen at both: was a visit entered twice, or is one score"
    " a function of another? The unstructured covariance is singular; the heterogeneous AR(1) one is fitted instead."
)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("study") / "bmc"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("data", "results"))
    simulate_study(folder, seed=7)
    return analyse(load_study(folder))


@pytest.fixture(scope="module")
def broken(small: Any) -> Results:
    """A study in which the third month's questionnaires were entered as the sixth month's too."""
    points = {
        s: {v: x for v, x in seen.items() if v != "m6"} | ({"m6": seen["m3"]} if "m3" in seen else {})
        for s, seen in small.drawn().items()
    }
    return analyse(small.repeated(points))


def made(results: Results) -> Section:
    found = repeated.section(results, Words.of(results))
    assert found is not None
    return found


def plain(text: str) -> str:
    return Markup(text).striptags()


def test_a_study_without_such_a_model_has_no_such_section(trial: Results) -> None:
    assert repeated.section(trial, Words.of(trial)) is None
    assert repeated.methods(trial, Words.of(trial)) == ""


def test_the_heading_says_a_direction_only_where_intervals_exclude_no_difference(
    example: Results, causal_words: Callable[[str], list[str]]
) -> None:
    heading = str(made(example).heading)
    rows = comparisons.leading(example, "odi_mmrm", "m12")
    assert all(comparisons.excludes_no_effect(r) for r in rows)
    assert heading == (
        "In one model of all visits, Oswestry Disability Index was lower with BMC than with conventional care at every"
        " visit"
    )
    assert causal_words(heading) == []
    unclear = example.table.to_dicts()
    for row in unclear:
        if row["analysis"] == "odi_mmrm" and row["statistic"] == "mean difference":
            row |= {"estimate": -1.0, "lower": -5.0, "upper": 3.0}
    vague = Results(example.table.clear().extend(type(example.table)(unclear, schema=example.table.schema)),
                    example.protocol, "", manifest=example.manifest)  # fmt: skip
    assert str(made(vague).heading) == (
        "In one model of all visits, Oswestry Disability Index did not differ clearly between the arms at any visit"
    )


def test_the_table_has_ls_means_numbers_observed_and_differences_of_every_visit(example: Results) -> None:
    table = made(example).blocks[1].main
    assert [str(line.head) for line in table.rows] == ["1 month", "3 months", "6 months", "12 months"]
    assert "chosen, not randomised" in table.caption
    for line, visit in zip(table.rows, ("m1", "m3", "m6", "m12"), strict=True):
        bmc, _, difference, unadjusted = map(plain, line.cells)
        mean = example.one(analysis="odi_mmrm", statistic="ls mean", visit=visit, arm="bmc")
        seen = example.one(analysis="odi_mmrm", statistic="n", visit=visit, arm="bmc")
        found = example.one(analysis="odi_mmrm", statistic="mean difference", visit=visit)
        crude = example.one(analysis="odi_mmrm.unadjusted", statistic="mean difference", visit=visit)
        for row, said in ((mean, bmc), (found, difference), (crude, unadjusted)):
            assert row is not None
            assert said.startswith(f"{number(row['estimate'], 1)} ({limits(row['lower'], row['upper'], 1)})")
        assert seen is not None
        assert bmc.endswith(f", {number(seen['estimate'])}")


def test_the_fitted_covariance_is_shown_with_each_pair_once(example: Results) -> None:
    table = made(example).blocks[2].main
    assert [str(c.head) for c in table.columns] == ["Visit", "SD", "3 months", "6 months", "12 months"]
    said = [[plain(cell) for cell in line.cells] for line in table.rows]
    for i, visit in enumerate(("m1", "m3", "m6", "m12")):
        sd = example.one(analysis="odi_mmrm", statistic="sd", visit=visit, arm=None)
        assert sd is not None
        assert said[i][0] == number(sd["estimate"], 1)
        for j, other in enumerate(("m3", "m6", "m12"), start=1):
            row = example.one(analysis="odi_mmrm", statistic="correlation", visit=visit, item=other)
            assert said[i][j] == ("" if row is None else number(row["estimate"], 2))
    assert sum(bool(cell) for line in said for cell in line[1:]) == 6
    assert re.fullmatch(
        r"Restricted log likelihood −\d+\.\d, AIC \d+\.\d; 10 variances and correlations\.",
        plain(made(example).blocks[2].side[0]),
    )


def test_the_methods_say_model_covariance_degrees_of_freedom_and_missing_at_random(example: Results) -> None:
    said = plain(repeated.methods(example, Words.of(example)))
    assert said == (
        "Oswestry Disability Index: a mixed model for repeated measures (MMRM), fitted by restricted"
        " maximum likelihood to every observed answer at 1 month, 3 months, 6 months and 12 months. Arm,"
        " baseline Oswestry Disability Index, age, body mass index and opioid use at baseline have"
        " effects of their own at each visit. The covariance of a patient’s visits is unstructured (a"
        " variance for each visit, a correlation for each pair); were that to have no fit, heterogeneous"
        " AR(1) was to take its place; standard errors and degrees of freedom are Kenward and Roger’s"
        " (1997), the covariance being linear in its parameters. Missing answers are taken to be missing"
        " at random, given arm, covariates and the visits that were observed."
    )
    page = report(example)
    assert "Kenward MG, Roger JH." in page
    assert "Mallinckrodt CH" in page
    assert "Giesbrecht" not in page


def test_an_effect_for_all_visits_is_said_to_be_one(small: Any) -> None:
    declared = {
        "covariates": ["baseline", "age"],
        "one_effect": ["age"],
        "degrees_of_freedom": "satterthwaite",
    }
    results = analyse(small.repeated(small.drawn(), declared))
    said = plain(repeated.methods(results, Words.of(results)))
    assert (
        "Arm and the outcome at baseline have effects of their own at each visit; age has one effect for all visits."
        in said
    )
    assert "degrees of freedom are Satterthwaite’s (Giesbrecht and Burns 1985)" in said
    assert "Giesbrecht FG" in report(results)


def test_a_visit_entered_twice_is_told_beside_the_result_and_in_the_methods(broken: Results) -> None:
    page = report(broken)
    section = re.search(r'<section id="repeated".*?</section>', page, flags=re.DOTALL)
    methods = re.search(r'<section id="methods".*?</section>', page, flags=re.DOTALL)
    assert section and methods
    assert TWICE in plain(section[0])
    assert TWICE in plain(methods[0])
    assert plain(made(broken).blocks[0].side[0]) == TWICE  # before anything else
    assert TWICE not in report_of_a_sound_study(broken)


def report_of_a_sound_study(broken: Results) -> str:
    """The same results as if nothing had been wrong: the reasons are the only place that says it."""
    import polars as pl

    table = broken.table.with_columns(pl.lit("").alias("reason"))
    return plain(report(Results(table, broken.protocol, "", manifest=broken.manifest)))


def test_a_model_without_a_fit_is_said_to_have_none(small: Any) -> None:
    points = {
        s: {**seen, **({"m6": seen["m3"]} if "m3" in seen else {})} for s, seen in small.drawn(gone=0).items()
    }
    results = analyse(small.repeated(points, {"fallback": "none"}))
    page = plain(report(results))
    assert "The unstructured covariance is singular, and no other was to be fitted." in page
    assert str(made(results).heading) == "In one model of all visits, points could not be compared"
    assert "not estimable" in page


def test_a_primary_analysis_may_be_such_a_model(small: Any) -> None:
    main = {**small.model, "at": "m6", "role": "primary", "label": "All visits"}
    results = analyse(
        small.repeated(small.drawn(), {"role": "exploratory", "at": ["m1", "m3"]}, analyses={"main": main})
    )
    page = report(results)
    assert "Adjusted" in page
    text = plain(page)
    assert (
        "Primary analysis: every observed visit is used, and a missing answer is taken to be missing at random"
        in text
    )
    assert {r["n"] for r in comparisons.leading(results, "main", "m6")} == {
        sum(r["estimate"] for r in results.rows(analysis="flow", category="analysed"))
    }


def test_three_arms_have_a_difference_each() -> None:
    results = analyse(load_study(EXAMPLE.parent / "cdisc-pilot"))
    table = made(results).blocks[1].main
    heads = [
        "Low dose",
        "High dose",
        "Placebo",
        "Low dose, difference (95%\u00a0CI)",
        "High dose, difference (95%\u00a0CI)",
    ]
    assert [str(c.head) for c in table.columns[1:]] == heads
    page = report(results)
    shown = set(re.findall(r'data-row="(r[0-9a-f]{12})"', page))
    rows = [
        r
        for s in ("mean difference", "ls mean", "sd", "correlation")
        for r in results.rows(analysis="mixed_model", statistic=s)
    ]
    assert [r["key"] for r in rows if r["id"] not in shown and r["method"] != "as analysed"] == []

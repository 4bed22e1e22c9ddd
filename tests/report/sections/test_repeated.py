"""The models of all visits on the page: figure, tables, the fitted covariance, and what was wrong with the data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markupsafe import Markup

from armwise.analysis.repeated import covariance_words
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.analysis.unlike_arms import UNLIKE
from armwise.report import comparisons, headings, report
from armwise.report.figures.ls_means import ls_means
from armwise.report.numbers import limits, number
from armwise.report.page import Section
from armwise.report.sections import course, model_methods, repeated, visits
from armwise.report.words import Words, opening
from armwise.simulate.study import simulate_study
from armwise.study.study import load_study

EXAMPLE = Path(__file__).parents[3] / "examples" / "bmc-low-back-pain"
AR1 = covariance_words("heterogeneous-ar1")
TWICE = (
    "The outcomes at m3 and m6 are the same for every patient seen at both: was a visit entered twice, or is one score"
    f" a function of another? The unstructured covariance is singular; the {AR1} one is fitted instead."
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
    assert model_methods.methods(trial, Words.of(trial)) == ""


def test_the_heading_says_a_direction_only_where_intervals_exclude_no_difference(
    example: Results, causal_words: Callable[[str], list[str]]
) -> None:
    heading = str(made(example).heading)
    rows = comparisons.leading(example, "pain", "m12")
    assert all(comparisons.excludes_no_effect(r) for r in rows)
    assert heading == (
        "In one model of all visits, pain was lower with BMC than with conventional care at every visit after baseline"
    )
    assert causal_words(heading) == []
    unclear = example.table.to_dicts()
    for row in unclear:
        if row["analysis"] == "pain" and row["statistic"] == "mean difference":
            row |= {"estimate": -1.0, "lower": -5.0, "upper": 3.0}
    vague = Results(example.table.clear().extend(type(example.table)(unclear, schema=example.table.schema)),
                    example.protocol, "", manifest=example.manifest)  # fmt: skip
    assert str(made(vague).heading) == (
        "In one model of all visits, pain did not differ clearly between the arms at any visit"
    )


def test_the_table_has_ls_means_numbers_observed_and_differences_of_every_visit(example: Results) -> None:
    table = made(example).blocks[1].main
    assert [str(line.head) for line in table.rows] == [
        "1\u00a0month",
        "3\u00a0months",
        "6\u00a0months",
        "12\u00a0months",
    ]
    assert "chosen, not randomised" in table.caption
    for line, visit in zip(table.rows, ("m1", "m3", "m6", "m12"), strict=True):
        bmc, _, difference, unadjusted = map(plain, line.cells)
        mean = example.one(analysis="pain", statistic="ls mean", visit=visit, arm="bmc")
        seen = example.one(analysis="pain", statistic="n", visit=visit, arm="bmc")
        found = example.one(analysis="pain", statistic="mean difference", visit=visit)
        crude = example.one(analysis="pain.unadjusted", statistic="mean difference", visit=visit)
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
        sd = example.one(analysis="pain", statistic="sd", visit=visit, arm=None)
        assert sd is not None
        assert said[i][0] == number(sd["estimate"], 1)
        for j, other in enumerate(("m3", "m6", "m12"), start=1):
            row = example.one(analysis="pain", statistic="correlation", visit=visit, item=other)
            assert said[i][j] == ("" if row is None else number(row["estimate"], 2))
    assert sum(bool(cell) for line in said for cell in line[1:]) == 6
    assert re.fullmatch(
        r"Unstructured, Kenward-Roger\. Restricted log likelihood −\d+\.\d, AIC \d+\.\d; 10 variances and"
        r" correlations\.",
        plain(made(example).blocks[2].side[0]),
    )


def test_differences_that_stand_with_the_score_over_time_are_not_shown_a_second_time(
    example: Results,
) -> None:
    section, words = made(example), Words.of(example)
    assert comparisons.one_model(example, "odi_change") == "odi"
    assert [b.main.kind for b in section.blocks] == ["figure", *["table"] * 4]  # pain, then the ODI
    table = section.blocks[3].main
    assert [str(c.head) for c in table.columns] == ["Visit", "BMC", "Control", "Unadjusted"]
    shown = "".join(cell for line in table.rows for cell in line.cells)
    over_time = course.section(example, words)
    assert over_time is not None
    for visit in ("m1", "m3", "m6", "m12"):
        row = example.one(analysis="odi", statistic="mean difference", visit=visit)
        assert row is not None and row["id"] not in shown
        assert any(row["id"] in cell for line in over_time.blocks[1].main.rows for cell in line.cells)
    others = visits.by_visit(example, words)
    assert others is not None and "Pain, numeric rating" not in [str(x.head) for x in others.rows]


def test_the_weighted_estimate_stands_beside_each_model(example: Results) -> None:
    over_time = course.section(example, Words.of(example))
    assert over_time is not None
    for name, notes in (("odi", over_time.blocks[0].side), ("pain", made(example).blocks[0].side)):
        row = example.one(analysis=f"{name}_overlap", statistic="mean difference")
        assert row is not None
        (note,) = [plain(n) for n in notes if plain(n).startswith("Beside it, at 12 months.")]
        span = limits(row["lower"], row["upper"], 1)
        assert note.endswith(f"Overlap-weighted: {number(row['estimate'], 1)} ({span}).")
        # those of the ODI stand in the section on fragility
        assert ("Complete cases:" in note) == (name == "pain")


def test_the_works_behind_the_model_are_cited(example: Results) -> None:
    page = report(example)
    assert "Kenward MG, Roger JH." in page
    assert "Mallinckrodt CH" in page
    assert "Giesbrecht" not in page


def test_a_visit_entered_twice_is_told_beside_the_result_and_in_the_methods(broken: Results) -> None:
    page = report(broken)
    section = re.search(r'<section id="repeated".*?</section>', page, flags=re.DOTALL)
    methods = re.search(r'<section id="methods".*?</section>', page, flags=re.DOTALL)
    assert section and methods
    assert TWICE in plain(section[0])
    assert TWICE in plain(methods[0])
    assert plain(made(broken).blocks[0].side[0]) == "A secondary analysis."
    assert plain(made(broken).blocks[0].side[1]) == TWICE  # before anything else of it
    fitted = plain(made(broken).blocks[-1].side[0])
    assert fitted.startswith(f"{opening(AR1)}, Kenward-Roger. Restricted log likelihood")
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


def test_no_word_of_causality_stands_in_the_section_or_its_methods_where_arms_were_not_randomised(
    example: Results, broken: Results, causal_words: Callable[[str], list[str]]
) -> None:
    for results in (example, broken):
        words = Words.of(results)
        assert words.nonrandomised
        page = report(results)
        section = re.search(r'<section id="repeated".*?</section>', page, flags=re.DOTALL)
        assert section
        seen = re.sub(r'(title|aria-label)="[^"]*"', "", section[0])
        assert causal_words(plain(seen)) == []
        assert causal_words(plain(model_methods.methods(results, words))) == []


def test_a_model_without_covariates_is_called_adjusted_nowhere(small: Any) -> None:
    results = analyse(small.repeated(small.drawn(), {"adjust": "none", "covariates": []}))
    section = made(results)
    page = report(results)
    found = re.search(r'<section id="repeated".*?</section>', page, flags=re.DOTALL)
    assert found
    assert "djusted" not in plain(found[0])
    heads = [(str(c.head), str(c.small)) for c in section.blocks[0].main.columns]
    assert heads == [
        ("Visit", ""),
        ("New", "mean from the model (95%\u00a0CI),\u00a0n"),
        ("Old", "mean from the model (95%\u00a0CI),\u00a0n"),
    ]
    assert "Adjusted means." not in plain(page)


@pytest.mark.parametrize("strategy", ["hypothetical", "treatment-policy"])
def test_answers_after_an_event_that_are_set_aside_are_said_to_be(small: Any, strategy: str) -> None:
    operated = [{"subject": "p1", "date": "2026-03-01", "event": "surgery", "reason": None}]
    results = analyse(
        small.repeated(
            small.drawn(), {"estimand": "e"}, {"events": operated}, events={"surgery": {"label": "Back surgery"}},
            estimands={"e": {"events": {"surgery": strategy}}},
        )
    )  # fmt: skip
    note, methods = (
        plain(made(results).blocks[0].side[1]),
        plain(model_methods.methods(results, Words.of(results))),
    )
    aside = "; answers after back surgery are set aside."
    assert (f"whichever of them a patient has{aside}" in note) == (strategy == "hypothetical")
    assert (f"every observed answer at m1, m3 and m6{aside}" in methods) == (strategy == "hypothetical")


def test_a_visit_at_which_nobody_was_seen_is_not_among_those_that_the_model_uses(small: Any) -> None:
    points = {s: {k: x for k, x in seen.items() if k != "m3"} for s, seen in small.drawn().items()}
    note = plain(made(analyse(small.repeated(points))).blocks[0].side[1])
    assert note.endswith("at m1 and m6, whichever of them a patient has. Nobody was observed at m3.")


def test_arms_that_nobody_saw_are_called_by_their_labels_in_the_figure(small: Any) -> None:
    points = small.drawn()
    for i, seen in enumerate(points.values()):
        if i % 2 == 0:
            seen.pop("m6", None)
    results = analyse(small.repeated(points))
    section = made(results)
    drawn = ls_means(results, "model", better="lower")
    assert "nobody in new was observed at this visit" in plain(drawn)
    assert section.blocks[0].side[1].startswith("The model uses")  # the row says what there is to say


def several(small: Any) -> Results:
    other = {
        **small.model,
        "at": "m6",
        "role": "sensitivity",
        "supports": "model",
        "label": "Compound symmetry",
    }
    other |= {"covariance": "compound-symmetry", "planned": False}
    return analyse(small.repeated(small.drawn(), {"role": "secondary"}, analyses={"other": other}))


def test_each_of_several_models_has_its_role_its_finding_and_a_folded_covariance(small: Any) -> None:
    results = several(small)
    section = made(results)
    figures = [b for b in section.blocks if b.main.kind == "figure"]
    finding = headings.model_finding(results, Words.of(results), "other").removeprefix("was ")
    # the differences of the first are drawn with the score over time
    assert [str(b.main.title) for b in figures] == [f"Points (compound symmetry): {finding}."]
    assert [plain(b.side[0]) for b in section.blocks if b.side and " analysis" in plain(b.side[0])] == [
        "A sensitivity analysis of “points”, post hoc.",
        "A secondary analysis.",
    ]
    folds = [b.main.fold for b in section.blocks if b.main.kind == "table"]
    assert folds == ["", "The fitted covariance"] * 2
    found = re.search(r'<section id="repeated".*?</section>', report(results), flags=re.DOTALL)
    assert found and found[0].count("<details>") == 4  # and the tables of both models
    single = made(analyse(small.repeated(small.drawn())))
    assert [b.main.fold for b in single.blocks if b.main.kind == "table"] == ["", ""]


def test_one_variance_is_one_variance(small: Any) -> None:
    results = analyse(small.repeated(small.drawn(), {"covariance": "independence"}))
    assert plain(made(results).blocks[-1].side[0]).endswith("; 1 variance.")


def test_where_arms_are_unlike_in_size_and_in_sd_the_section_says_why_and_which_analysis_leads(
    example: Results,
) -> None:
    why = f"{UNLIKE} (BMC: 25 observed, SD 11.5, control: 55 observed, SD 7): too narrow; “One model an arm” leads here"
    name = comparisons.repeated(example.protocol)[0]
    (row,) = comparisons.leading(example, name)
    reasons = pl.when(pl.col("id") == row["id"]).then(pl.lit(f"a note; {why}")).otherwise("reason")
    warned = replace(example, table=example.table.with_columns(reasons.alias("reason")))
    shown = [
        [plain(str(note)) for block in made(results).blocks for note in block.side]
        for results in (example, warned)
    ]
    assert not any(UNLIKE in note for note in shown[0])
    assert shown[1].count(f"At 12 months: {why}.") == 1

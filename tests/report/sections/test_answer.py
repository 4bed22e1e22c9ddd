from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup

from armwise.analysis.results import Results, row, table
from armwise.report.sections.answer import answer
from armwise.report.words import Words


def plain(text: object) -> str:
    return Markup(text).striptags()


def test_the_first_sentence_gives_counts_adjusted_difference_and_interval(two_arms: Results) -> None:
    assert (
        plain(answer(two_arms, Words.of(two_arms)).lead)
        == "At 12 months, 27 of 36 patients with BMC + conventional care and 11 of 36 with conventional care improved."
        " After weighting to balance four baseline characteristics and imputing missing answers the difference was 42"
        " percentage points (95% CI 20 to 62)."
    )


def test_a_measured_primary_gives_means_and_each_arms_difference_from_the_reference(trial: Results) -> None:
    said = plain(answer(trial, Words.of(trial)).lead)
    assert said.startswith("At week 24, the mean change in ADAS-Cog total was ")
    assert "the difference from placebo was −0.2 points (95% CI −6.8 to 6.4) with low dose and" in said
    assert said.endswith("Every interval includes no difference.")


def test_the_endpoint_is_given_with_its_operator_and_the_estimand_with_its_population(
    two_arms: Results,
) -> None:
    facts = {term: plain(what) for term, what in answer(two_arms, Words.of(two_arms)).facts.items}
    assert (
        facts["Primary endpoint"]
        == "Oswestry Disability Index fell by 10 points or more, or pain fell by 2 points or more, at 12 months"
    )
    assert facts["Estimand"].startswith("Patients for whom either choice was plausible")
    assert facts["Registered"] == "No registration given"
    assert facts["Compared"] == (  # what a short name stands for is said on the first screen
        "BMC + conventional care, 40 (one injection of autologous bone-marrow concentrate into every structure judged"
        " painful, with conventional care); Conventional care, 40"
    )
    assert facts["Data"].startswith("Simulated, no patient is real")


def test_three_doubts_stand_on_the_first_screen(two_arms: Results, trial: Results) -> None:
    chosen = {head: plain(what) for head, what in answer(two_arms, Words.of(two_arms)).doubts}
    assert list(chosen) == ["Chosen, not randomised", "Missing answers", "Open label"]
    assert "missing for 4 of 40 with BMC and 4 of 40 with conventional care" in chosen["Missing answers"]
    assert (
        "against BMC, the difference would be 41 percentage points (95% CI 19 to 61)"
        in chosen["Missing answers"]
    )
    drawn = {head: plain(what) for head, what in answer(trial, Words.of(trial)).doubts}
    assert list(drawn) == ["Allocated by chance", "Missing answers", "Double-blind"]
    assert "A missing answer takes the last one before it" in drawn["Missing answers"]


def test_a_comparison_that_failed_is_said_with_its_reason(make: Callable[..., Results]) -> None:
    results = make()
    records = results.table.to_dicts()
    for one in records:
        if one["analysis"] == "primary" and one["statistic"] == "risk difference":
            one |= {
                "estimate": None,
                "lower": None,
                "upper": None,
                "p": None,
                "status": "failed",
                "reason": "no overlap",
            }
    broken = Results(
        results.table.clear().extend(_frame(results, records)),
        results.protocol,
        "",
        manifest=results.manifest,
    )
    made = answer(broken, Words.of(broken))
    assert "could not be estimated: no overlap." in plain(made.lead)
    assert "could not be compared" in made.heading


def _frame(results: Results, rows: list[dict[str, object]]):  # type: ignore[no-untyped-def]
    import polars as pl

    return pl.DataFrame(rows, schema=results.table.schema, orient="row")


def relabelled(trial: Results, label: str) -> Results:
    endpoints = trial.protocol.endpoints
    changed = endpoints["adas_change"].model_copy(update={"label": label})
    protocol = trial.protocol.model_copy(update={"endpoints": {**endpoints, "adas_change": changed}})
    return Results(trial.table, protocol, "", manifest=trial.manifest)


def test_a_change_is_a_change_in_its_score_whatever_the_endpoint_is_called(trial: Results) -> None:
    results = relabelled(trial, "ADAS change")
    said = plain(answer(results, Words.of(results)).lead)
    assert "the mean change in ADAS-Cog total was" in said and "change in ADAS change" not in said


def test_every_estimate_of_the_first_sentence_has_the_decimals_of_the_figure(trial: Results) -> None:
    rows = trial.table.to_dicts()
    for r in rows:
        if r["analysis"] == "primary" and r["arm"] == "high" and r["statistic"] == "mean difference":
            r |= {"se": 0.01}
    results = Results(table(rows), trial.protocol, "", manifest=trial.manifest)
    said = plain(answer(results, Words.of(results)).lead)
    found = {len(n.partition(".")[2]) for n in re.findall(r"\d+\.\d+", said)}
    assert found == {1}


def test_a_ratio_is_against_the_reference_and_not_from_it(trial: Results) -> None:
    declared = trial.protocol.analyses["primary"].model_copy(update={"method": "risk-ratio"})
    protocol = trial.protocol.model_copy(
        update={"analyses": {**trial.protocol.analyses, "primary": declared}}
    )
    about = {"analysis": "primary", "endpoint": "adas_change", "visit": "w24", "versus": "placebo"}
    added = [row("risk ratio", 1.5, lower=0.9, upper=2.1, arm=arm, **about) for arm in ("low", "high")]
    results = Results(table([*trial.table.to_dicts(), *added]), protocol, "", manifest=trial.manifest)
    assert "the ratio of risks against placebo was 1.50" in plain(answer(results, Words.of(results)).lead)

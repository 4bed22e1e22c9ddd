from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.analysis.results import Results, row, table
from armwise.protocol.model import Margin
from armwise.report import comparisons, headings
from armwise.report.headings import direction
from armwise.report.words import Words

LIMITS = st.floats(-2, 2, allow_nan=False)
STATISTICS = st.sampled_from(["risk difference", "mean difference", "shift", "risk ratio", "odds ratio"])


@given(STATISTICS, LIMITS, LIMITS)
@settings(max_examples=200)
def test_a_direction_is_said_only_where_the_interval_excludes_no_effect(
    statistic: str, a: float, b: float
) -> None:
    lower, upper = sorted((a, b))
    null = 1.0 if "ratio" in statistic else 0.0
    found = direction(row(statistic, (lower + upper) / 2, lower=lower, upper=upper))
    assert (found in ("more", "less")) == (lower > null or upper < null)
    assert found != "more" or lower > null
    assert found != "less" or upper < null


def test_a_limit_on_no_effect_does_not_exclude_it() -> None:
    assert direction(row("risk difference", 0.2, lower=0.0, upper=0.4)) == "unclear"
    assert direction(row("risk ratio", 1.4, lower=1.0, upper=2.0)) == "unclear"


def test_without_limits_or_an_estimate_there_is_no_direction() -> None:
    assert direction(row("risk difference", 0.2)) == "unclear"
    assert direction(row("risk difference", None, status="not estimable", reason="nobody")) == "not estimable"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("rejected", "more"), ("not rejected", "unclear"), ("not rejected: gate closed", "unclear")],
)
def test_in_a_family_the_hypothesis_must_be_rejected_too(reason: str, expected: str) -> None:
    comparison = row("risk difference", 0.2, lower=0.1, upper=0.3)
    assert direction(comparison, row("adjusted p", None, p=0.04, reason=reason)) == expected


def primary(results: Results) -> str:
    return headings.primary(results, Words.of(results))


def test_the_first_heading_says_who_chose_where_arms_were_not_randomised(
    make: Callable[..., Results],
) -> None:
    assert (
        primary(make())
        == "More patients improved with BMC than with conventional care; the patients chose their treatment"
    )
    assert primary(make(difference=-0.43)).startswith(
        "Fewer patients improved with BMC than with conventional care;"
    )


def test_an_interval_that_holds_no_effect_is_never_called_no_difference(make: Callable[..., Results]) -> None:
    said = primary(make(difference=0.05))
    assert (
        said
        == "BMC and conventional care did not differ clearly in the share of patients who improved; the patients chose"
        " their treatment"
    )
    assert "no difference" not in said


def test_arms_that_agree_are_said_once(make: Callable[..., Results], trial: Results) -> None:
    assert primary(trial) == "Neither low dose nor high dose differed clearly from placebo in ADAS-Cog"
    assert (
        primary(make(trial.protocol, effect=-12.8))
        == "ADAS-Cog was lower with low dose and high dose than with placebo"
    )


def test_arms_that_differ_are_said_one_by_one_clear_ones_first(trial: Results) -> None:
    words = Words.of(trial)
    rows = comparisons.leading(trial, "observed")
    rows[1] = {**rows[1], "lower": -3.0, "upper": -1.0}
    assert (
        headings.finding_of(trial, words, rows, "observed")
        == "ADAS-Cog was lower with high dose than with placebo; low dose did not differ clearly from it"
    )


@pytest.mark.parametrize("difference", [-0.9, -0.43, -0.05, 0.0, 0.05, 0.43, 0.9])
def test_no_heading_of_chosen_arms_holds_a_word_of_causality(
    make: Callable[..., Results], causal_words: Callable[[str], list[str]], difference: float
) -> None:
    from armwise.report.sections import participants, responders

    results = make(difference=difference, effect=difference * 30)
    words = Words.of(results)
    assert words.nonrandomised
    said = [
        headings.primary(results, words),
        headings.course(results, words, "odi.total"),
        *(
            str(s.heading)
            for s in (participants.section(results, words), responders.section(results, words))
            if s
        ),
    ]
    for heading in said:
        assert causal_words(heading) == [], heading


@pytest.mark.parametrize(
    "word",
    ["reduced", "caused", "Because of", "effective", "resulted in", "thanks to", "efficacy", "prevents"],
)
def test_words_of_causality_are_found(causal_words: Callable[[str], list[str]], word: str) -> None:
    assert causal_words(f"BMC {word} pain")


def test_the_list_of_forbidden_words_is_sorted_lower_case_and_unique(forbidden: tuple[str, ...]) -> None:
    assert list(forbidden) == sorted(set(forbidden))
    assert all(w == w.lower() for w in forbidden)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (
            "met",
            "BMC was non-inferior to conventional care in ODI or pain responder, by the margin of 10"
            " percentage points set beforehand",
        ),
        (
            "not met",
            "BMC was not shown to be non-inferior to conventional care in ODI or pain responder, by the margin of 10"
            " percentage points set beforehand",
        ),
    ],
)
def test_a_margin_is_said_only_when_it_is_met(make: Callable[..., Results], verdict: str, said: str) -> None:
    results = make()
    assert "inferior" not in primary(results)
    declared = results.protocol.analyses["primary"].model_copy(
        update={"margin": Margin(kind="non-inferiority", value=0.1)}
    )
    protocol = results.protocol.model_copy(
        update={"analyses": results.protocol.analyses | {"primary": declared}}
    )
    about = {"analysis": "primary", "visit": "m12", "arm": "bmc", "versus": "control", "endpoint": "primary"}
    decided = row("margin", -0.02, at=-0.1, method="non-inferiority", reason=verdict, **about)
    with_margin = Results(
        table([*results.table.to_dicts(), decided]), protocol, "", manifest=results.manifest
    )
    assert primary(with_margin) == f"{said}; the patients chose their treatment"


@pytest.mark.parametrize(
    ("kind", "adjusted", "said"),
    [
        ("non-inferiority", "rejected", "was non-inferior to"),
        ("non-inferiority", "not rejected", "was not shown to be non-inferior to"),
        ("equivalence", "rejected", "was equivalent to"),
        (
            "equivalence",
            "not rejected: an earlier family was not rejected as a whole",
            "was not shown to be equivalent",
        ),
    ],
)
def test_a_margin_that_is_met_is_said_only_when_its_family_rejects(
    make: Callable[..., Results], kind: str, adjusted: str, said: str
) -> None:
    results = make()
    declared = results.protocol.analyses["primary"].model_copy(
        update={"margin": Margin(kind=kind, value=0.1)}  # type: ignore[arg-type]
    )
    protocol = results.protocol.model_copy(
        update={"analyses": results.protocol.analyses | {"primary": declared}}
    )
    about = {"analysis": "primary", "visit": "m12", "arm": "bmc", "versus": "control", "endpoint": "primary"}
    rows = [
        r for r in results.table.to_dicts() if r["statistic"] != "adjusted p" or r["analysis"] != "primary"
    ]
    rows += [
        row("margin", -0.02, at=-0.1, method=kind, reason="met", **about),
        row("adjusted p", None, p=0.072, reason=adjusted, item="primary", at=0.05, **about),
    ]
    assert said in primary(Results(table(rows), protocol, "", manifest=results.manifest))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("patient-choice", "the patients chose their treatment"),
        ("clinician", "clinicians chose the treatment"),
        ("site", "the site decided the treatment"),
        ("period", "the period of enrolment decided the treatment"),
        ("unstated", "treatment was not assigned at random"),
    ],
)
def test_who_decided_the_arm_is_said_as_the_protocol_says_it(
    make: Callable[..., Results], by: str, said: str
) -> None:
    assert primary(allocated(make(), by)).endswith(f"; {said}")


def allocated(results: Results, by: str) -> Results:
    """The results of a study whose protocol says who decided the arm."""
    study = results.protocol.study.model_copy(update={"allocated_by": by})
    protocol = results.protocol.model_copy(update={"study": study})
    return Results(results.table, protocol, "", manifest=results.manifest)


def test_the_heading_of_the_responders_has_the_shares_of_those_compared(two_arms: Results) -> None:
    words = Words.of(two_arms)
    said = str(headings.responders(two_arms, words, "primary", "m12"))
    found = comparisons.analysed(two_arms, "primary", "m12", "bmc", "risk")
    assert found is not None and found["analysis"] == "primary"
    assert found["id"] in said


def test_many_arms_that_agree_are_counted_and_not_listed(trial: Results) -> None:
    words = Words.of(trial)
    said = headings._unclear(words, ["low", "high", "low"], "placebo", "ADAS-Cog", "")
    assert said == "None of the three arms differed clearly from placebo in ADAS-Cog"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            [0.5, -0.3, 0.05],
            [0.0, 0.0, 0.0],
            "The arms differed at baseline beyond 0.1 SD in two of three characteristics; after weighting in none",
        ),
        (
            [0.5, -0.3, 0.05],
            [0.2, 0.0, 0.0],
            "The arms differed at baseline beyond 0.1 SD in two of three characteristics; after weighting in one",
        ),
        (
            [0.05, 0.104, -0.1],
            [],
            "No standardised difference at baseline lies beyond 0.1, in three characteristics",
        ),
        (
            [0.105, 0.104, -0.1],
            [],
            "The arms differed at baseline beyond 0.1 SD in one of three characteristics",
        ),
        ([], [], "Who took part"),
    ],
)
def test_the_heading_of_the_baseline_counts_differences_beyond_a_tenth(
    two_arms: Results, before: list[float], after: list[float], expected: str
) -> None:
    assert headings.balance(before, after, Words.of(two_arms)) == expected


def test_outcomes_are_counted_by_whom_they_favour(two_arms: Results) -> None:
    words = Words.of(two_arms)
    better = row(
        "mean difference",
        -5.0,
        lower=-8.0,
        upper=-2.0,
        endpoint="odi_change",
        analysis="odi",
        visit="m1",
        arm="bmc",
    )
    worse = row(
        "mean difference",
        -0.2,
        lower=-0.3,
        upper=-0.1,
        endpoint="eq5d_change",
        analysis="eq5d",
        visit="m1",
        arm="bmc",
    )
    unclear = {**better, "upper": 2.0}
    assert (
        headings.outcomes(two_arms, words, [better, worse, unclear])
        == "Of three outcomes, one was better with BMC, one was worse with BMC and one did not differ clearly"
    )
    assert (
        headings.outcomes(two_arms, words, [unclear, unclear])
        == "None of two comparisons shows a clear difference"
    )


def test_with_several_arms_the_heading_of_the_baseline_counts_comparisons(trial: Results) -> None:
    said = headings.balance([0.5, 0.0, 0.2, 0.1], [], Words.of(trial))
    assert (
        said
        == "The arms differed at baseline beyond 0.1 SD in two of four comparisons; allocation was by chance"
    )


def test_where_one_arm_meets_the_margin_and_another_does_not_both_are_said(trial: Results) -> None:
    declared = trial.protocol.analyses["primary"].model_copy(
        update={"margin": Margin(kind="non-inferiority", value=2.5)}
    )
    protocol = trial.protocol.model_copy(update={"analyses": trial.protocol.analyses | {"primary": declared}})
    rows = [r for r in trial.table.to_dicts() if r["statistic"] != "adjusted p"]
    for arm, verdict in (("low", "met"), ("high", "not met")):
        about = {
            "analysis": "primary",
            "visit": "w24",
            "arm": arm,
            "versus": "placebo",
            "endpoint": "adas_change",
        }
        rows.append(row("margin", 1.0, at=2.5, method="non-inferiority", reason=verdict, **about))
    results = Results(table(rows), protocol, "", manifest=trial.manifest)
    assert (
        primary(results)
        == "Low dose was non-inferior to placebo in ADAS-Cog, by the margin of 2.5 points set beforehand; high dose was"
        " not shown to be"
    )


def test_a_model_of_all_visits_claims_a_direction_at_the_visits_where_the_interval_excludes_none(
    small: Any,
) -> None:
    from armwise.analysis.run import analyse

    results = analyse(small.repeated(small.drawn(24)))
    words = Words.of(results)
    rows = {r["visit"]: r for r in results.rows(analysis="model", statistic="mean difference")}
    clear = [v for v, r in rows.items() if r["upper"] < 0]
    assert 0 < len(clear) < 3
    said = headings.repeated(results, words, ["model"])
    assert (
        said
        == f"In one model of all visits, points was lower with new than with old at {' and '.join(clear)}"
    )


def with_margin(protocol: Any, name: str) -> Any:
    """The protocol with a margin of equivalence for an analysis."""
    declared = protocol.analyses[name].model_copy(update={"margin": Margin(kind="equivalence", value=2)})
    return protocol.model_copy(update={"analyses": protocol.analyses | {name: declared}})


@pytest.mark.parametrize("method", ["mmrm", "ancova"])
def test_a_margin_that_is_not_met_takes_no_direction_from_an_interval_that_has_one(
    small: Any, method: str
) -> None:
    """The P value of the family is that of the margin: it says nothing of no effect."""
    from armwise.analysis.run import analyse

    main = {**small.model, "at": "m6", "role": "primary", "method": method}
    main |= {"margin": {"kind": "equivalence", "value": 2}}
    study = small.repeated(
        small.drawn(),
        {"role": "exploratory", "at": "m1"},
        analyses={"main": main},
        families={"main": ["main"]},
    )
    results = analyse(study)
    words = Words.of(results)
    (difference,) = comparisons.leading(results, "main", "m6")
    assert difference["upper"] < 0
    assert not comparisons.rejected(comparisons.adjusted_p(results, difference))
    assert headings.primary(results, words).startswith("New was not shown to be equivalent to old in points")
    said = "points was lower with new than with old at every visit after baseline"
    assert headings.course(results, words, "scale.points") == said
    if method == "mmrm":
        found = headings.repeated(results, words, ["main", "model"])
        assert found == "In one model of all visits, points was lower with new than with old at m6"


def test_arms_that_differ_at_the_same_visits_are_said_together(
    make: Callable[..., Results], trial: Results
) -> None:
    results = make(trial.protocol, effect=-12.8)
    said = headings.course(results, Words.of(results), "adas.total")
    assert said == "ADAS-Cog total was lower with low dose and high dose than with placebo at week 24"


def test_a_visit_that_could_not_be_compared_is_not_among_every_visit(small: Any) -> None:
    from armwise.analysis.run import analyse

    points = small.drawn(80)
    for i, seen in enumerate(points.values()):
        for visit in [v for v in seen if v != "baseline" and i % 2 == 0]:
            seen[visit] -= 8
        seen.pop("m3", None)
    results = analyse(small.repeated(points))
    words = Words.of(results)
    for said in (
        headings.model_finding(results, words, "model"),
        headings.course(results, words, "scale.points"),
    ):
        assert said.endswith("was lower with new than with old at m1 and m6")
    nobody = {s: {v: x for v, x in seen.items() if v == "baseline"} for s, seen in points.items()}
    results = analyse(small.repeated(nobody))
    assert headings.course(results, words, "scale.points").endswith("could not be compared")


def test_of_several_models_the_heading_has_the_finding_of_the_most_important(small: Any) -> None:
    from armwise.analysis.run import analyse

    other = {**small.model, "at": "m6", "role": "secondary", "endpoint": "value"}
    endpoints = {
        **small.protocol["endpoints"],
        "value": {"score": "scale.points", "kind": "value", "label": "Level"},
    }
    results = analyse(
        small.repeated(small.drawn(), {"role": "exploratory"}, analyses={"other": other}, endpoints=endpoints)
    )
    said = headings.repeated(results, Words.of(results), ["model", "other"])
    assert said.startswith("In one model of all visits, level ")
    assert "points" not in said

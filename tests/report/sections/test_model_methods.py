"""The mixed models in words: models that differ in outcome and covariates alone are described once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import polars as pl

from armwise.analysis.repeated import covariance_words
from armwise.analysis.results import Results, row, table
from armwise.analysis.run import analyse
from armwise.report import report
from armwise.report.sections import model_methods
from armwise.report.words import Words

AR1 = covariance_words("heterogeneous-ar1")


def plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)


def said_of(results: Results) -> str:
    return plain(model_methods.methods(results, Words.of(results)))


def with_analysis(results: Results, name: str, **changes: Any) -> Results:
    analyses = dict(results.protocol.analyses)
    analyses[name] = analyses[name].model_copy(update=changes)
    return replace(results, protocol=results.protocol.model_copy(update={"analyses": analyses}))


def test_the_methods_say_model_covariance_degrees_of_freedom_and_missing_at_random_once_for_both(
    two_arms: Results,
) -> None:
    came = "spine surgery, injection of bone-marrow concentrate in the control arm or death"
    assert said_of(two_arms) == (
        "Oswestry Disability Index and Pain, numeric rating, each: a mixed model for repeated"
        " measures (MMRM), fitted by restricted maximum likelihood to every observed answer at 1 month, 3 months, 6"
        f" months and 12 months; answers after {came} are set aside. Arm, the outcome at baseline, age, body mass index"
        " and opioid use at baseline have coefficients of their own at each visit. The covariance of a patient’s visits"
        " is unstructured (a variance for each visit, a correlation for each pair); were that to have no fit,"
        f" {AR1} was to take its place; standard errors and degrees of freedom are Kenward and Roger’s (1997), the"
        " covariance being linear in its parameters. Missing answers are taken to be missing at random, given arm,"
        " covariates and the visits that were observed."
    )


def test_models_with_other_covariates_share_a_description_and_name_their_coefficients(
    two_arms: Results,
) -> None:
    covariates = (*two_arms.protocol.analyses["pain"].covariates, "odi_baseline")
    said = said_of(with_analysis(two_arms, "pain", covariates=covariates))
    assert said.count("restricted maximum likelihood") == 1
    assert "Oswestry Disability Index: arm, baseline Oswestry Disability Index, age," in said
    assert "Pain, numeric rating: arm, baseline pain, age," in said


def test_models_that_differ_otherwise_are_described_each(two_arms: Results) -> None:
    said = said_of(with_analysis(two_arms, "pain", degrees_of_freedom="satterthwaite"))
    assert said.count("restricted maximum likelihood") == 2
    assert ", each: " not in said
    assert "Arm, baseline pain, age, body mass index and opioid use at baseline have" in said


def test_what_was_wrong_with_one_of_several_models_is_said_of_it(two_arms: Results) -> None:
    wrong = table([row("log likelihood", analysis="pain", reason="no fit was found")])
    results = replace(two_arms, table=pl.concat([two_arms.table, wrong]))
    assert said_of(results).endswith(" Pain, numeric rating: No fit was found.")


def test_an_effect_for_all_visits_is_said_to_be_one(small: Any) -> None:
    declared = {
        "covariates": ["baseline", "age"],
        "one_effect": ["age"],
        "degrees_of_freedom": "satterthwaite",
    }
    results = analyse(small.repeated(small.drawn(), declared))
    said = said_of(results)
    assert (
        "Arm and the outcome at baseline have coefficients of their own at each visit; those of age are the same at all"
        " visits." in said
    )
    assert "degrees of freedom are Satterthwaite’s (Giesbrecht and Burns 1985)" in said
    assert "Giesbrecht FG" in report(results)

"""The mixed models of an analysis plan in words, for the methods: models that are alike are described once."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from armwise.analysis.repeated import covariance_words
from armwise.analysis.results import Results
from armwise.protocol.model import Analysis
from armwise.report import comparisons
from armwise.report.cite import text
from armwise.report.sections.repeated import outcome_called, set_aside, troubles
from armwise.report.tables import Text
from armwise.report.words import Words, joined, opening, spoken


def methods(results: Results, words: Words) -> Text:
    """The model in words, made from the protocol; the fallback too where it was needed. Nothing without a model."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name in comparisons.repeated(words.protocol):
        alike.setdefault(_described(words, words.protocol.analyses[name]), []).append(name)
    return Markup(" ").join(_models(results, words, names, *said) for said, names in alike.items())


#: Degrees of freedom of the protocol -> what is said of them.
DEGREES: Mapping[str, str] = {
    "kenward-roger": (
        "standard errors and degrees of freedom are Kenward and Roger’s (1997), the covariance being linear in its"
        " parameters"
    ),
    "kenward-roger-log-cholesky": (
        "standard errors and degrees of freedom are Kenward and Roger’s (1997), the parameters being those of a"
        " log-Cholesky factor"
    ),
    "satterthwaite": "degrees of freedom are Satterthwaite’s (Giesbrecht and Burns 1985)",
    "between-within": "degrees of freedom are between and within patients",
    "residual": "degrees of freedom are those of the residual",
}


def _covariate(words: Words, name: str) -> str:
    declared = words.protocol.covariates.get(name)
    said = spoken(words.covariate(name))
    return f"baseline {said}" if declared is not None and declared.score else said


def _coefficients(words: Words, a: Analysis, own: str = "") -> str:
    """Whose coefficients differ from visit to visit; the outcome's baseline by the words for it, if there are any."""
    score = words.score_of(a.endpoint)
    baseline = {c for c in a.covariates if c == "baseline" or _scored(words, c) == score}
    named = {c: own if own and c in baseline else _covariate(words, c) for c in a.covariates}
    shared = [named[c] for c in a.covariates if c in a.one_effect]
    crossed = ["arm", *(named[c] for c in a.covariates if c not in a.one_effect)]
    have = "have coefficients of their own" if len(crossed) > 1 else "has coefficients of its own"
    same = f"; those of {joined(shared)} are the same at all visits" if shared else ""
    return f"{joined(crossed)} {have} at each visit{same}."


def _scored(words: Words, covariate: str) -> str | None:
    declared = words.protocol.covariates.get(covariate)
    return declared.score if declared is not None else None


def _described(words: Words, a: Analysis) -> tuple[str, str]:
    """A model in words but for its coefficients: what it is fitted to, and what stands after the coefficients."""
    visits = joined(words.visit(v) for v in words.protocol.measured_visits(a.endpoint))
    named = (
        "unstructured (a variance for each visit, a correlation for each pair)"
        if a.covariance == "unstructured"
        else covariance_words(a.covariance)
    )
    second = a.second_covariance
    fallback = (
        f"; were that to have no fit, {covariance_words(second)} was to take its place" if second else ""
    )
    fitted = (
        "a mixed model for repeated measures (MMRM), fitted by restricted maximum likelihood to every observed answer"
        f" at {visits}{set_aside(words, a)}."
    )
    after = (
        f"The covariance of a patient’s visits is {named}{fallback}; {DEGREES[a.degrees_of_freedom]}. Missing answers"
        " are taken to be missing at random, given arm, covariates and the visits that were observed."
    )
    return fitted, after


def _models(results: Results, words: Words, names: list[str], fitted: str, after: str) -> Text:
    """Models that differ in outcome and covariates alone are described once; what was wrong is said of each."""
    called = {name: outcome_called(words, name) for name in names}
    every = [words.protocol.analyses[n] for n in names]
    same = {_coefficients(words, a, own="the outcome at baseline") for a in every}
    if len(names) == 1:
        coefficients = opening(_coefficients(words, every[0]))
    elif len(same) == 1:
        coefficients = opening(same.pop())
    else:
        pairs = zip(called.values(), every, strict=True)
        coefficients = " ".join(f"{opening(c)}: {_coefficients(words, a)}" for c, a in pairs)
    each = ", each" if len(names) > 1 else ""
    said = f"{opening(joined(called.values()))}{each}: {fitted} {coefficients} {after}"
    parts: list[Text] = [said]
    for name, what in called.items():
        trouble = troubles(results, name)
        about = text("{what}: ", what=opening(what)) if len(names) > 1 else ""
        parts += [text("{about}{trouble}", about=about, trouble=trouble)] if trouble else []
    return text("{parts}", parts=Markup(" ").join(parts))

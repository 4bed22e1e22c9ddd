"""Checks of the model for repeated measures: what belongs to it alone, and what it cannot mean."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.known import Finding, unknown
from armwise.protocol.model import Analysis, Protocol
from armwise.yaml_lines import KeyPath

MMRM = "mmrm"
#: Keys of an analysis that only this method reads.
OWN = ("covariance", "fallback", "degrees_of_freedom", "one_effect", "models")


def repeated(protocol: Protocol) -> Iterator[Finding]:
    """Every key of the model for repeated measures that means nothing where it stands, or not what it says."""
    for name, analysis in protocol.analyses.items():
        here = ("analyses", name)
        if analysis.method != MMRM:
            yield from _of_another_method(analysis, here)
            continue
        yield from _missing(analysis, here)
        yield from _fallback(analysis, here)
        for index, covariate in enumerate(analysis.one_effect):
            yield from unknown(
                "covariate of the analysis", covariate, analysis.covariates, (*here, "one_effect", index)
            )
            if covariate in analysis.one_effect[:index]:
                yield (*here, "one_effect", index), f"`{covariate}` stands twice", "leave it out"
        if analysis.models == "per-arm" and analysis.one_effect:
            what = "`one_effect` is of a model common to all arms"
            yield (*here, "one_effect"), what, "leave it out, or `models: common`"
        yield from _visits(protocol, analysis, here)


def _of_another_method(analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    for key in OWN:
        if key in analysis.model_fields_set:
            what = f"`{key}` belongs to a model of all visits (mmrm), and {analysis.method} compares at one"
            yield (*here, key), what, "leave it out, or use mmrm"
    if analysis.missing == "likelihood":
        what = (
            f"`likelihood` is how a model of all visits (mmrm) takes missing answers, not {analysis.method}"
        )
        yield (*here, "missing"), what, "use complete-cases, or mmrm"


def _missing(analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    if analysis.missing == "likelihood":
        return
    does = {
        "complete-cases": "complete cases would leave out patients whose other visits the model uses",
        "locf": "a value carried forward would enter as if it had been observed",
    }.get(analysis.missing, f"{analysis.missing} is a rule for responders")
    what = f"mmrm uses every observed visit and takes answers to be missing at random: {does}"
    yield (*here, "missing"), what, "write `likelihood`, or leave it out"


def _fallback(analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    if "fallback" not in analysis.model_fields_set:
        return
    if analysis.fallback == analysis.covariance:
        what = (
            f"the fallback is the covariance itself (`{analysis.covariance}`): it would fail in the same way"
        )
        yield (*here, "fallback"), what, "use another structure, or none"


def _visits(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    """There is something repeated, and what is compared is in the model."""
    if analysis.endpoint not in protocol.endpoints:
        return
    try:
        visits = protocol.measured_visits(analysis.endpoint)
    except KeyError:  # a form or a component that is not there is said elsewhere
        return
    if len(visits) < 2 and len(protocol.visits) > 1:
        found = f"at {visits[0]} only" if visits else "at no visit after baseline"
        what = f"`{analysis.endpoint}` is measured {found}: nothing is repeated"
        yield (*here, "method"), what, "use ancova"

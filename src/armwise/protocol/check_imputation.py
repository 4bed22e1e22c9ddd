"""Checks of what is said about missing outcomes that are drawn: rules, methods, deltas, variances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import DRAWN, REFERENCE_BASED, WEIGHTED
from armwise.protocol.scores import Score
from armwise.yaml_lines import KeyPath

#: Patients an arm from which regressions on all visits need no prior (simulated studies; docs/imputation.md).
ENOUGH_WITHOUT_PRIOR = 60


def imputation(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """Rules that draw missing outcomes go with methods that can pool them."""
    for index, ref in enumerate(protocol.imputation.scores):
        if not known.cannot_tell(protocol, ref):
            yield from unknown("score", ref, scores, ("imputation", "scores", index))
    for ref in protocol.imputation.steps:
        if not known.cannot_tell(protocol, ref):
            yield from unknown("score", ref, scores, ("imputation", "steps", ref))
    planned = [arm.planned for arm in protocol.arms.values() if arm.planned]
    if protocol.imputation.prior_subjects == 0 and planned and min(planned) < ENOUGH_WITHOUT_PRIOR:
        what = f"no prior, with {min(planned)} planned patients in the smaller arm"
        todo = f"below {ENOUGH_WITHOUT_PRIOR} an arm the draws are too wide: leave `prior_subjects` at 3"
        yield ("imputation", "prior_subjects"), what, todo, "warning"
    for name, analysis in protocol.analyses.items():
        yield from _rule(protocol, analysis, ("analyses", name))
        yield from _variance(analysis, ("analyses", name))
        yield from _delta(protocol, analysis, known, ("analyses", name))


def _rule(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    if analysis.missing in REFERENCE_BASED and analysis.method != "ancova":
        what = f"{analysis.missing} draws a measured outcome at every visit, and {analysis.method} does not pool it"
        yield (*here, "missing"), what, "use `method: ancova`"
    if analysis.missing == "impute" and analysis.method != "ancova" and analysis.adjust not in WEIGHTED:
        rest = "a model of all visits needs no imputation: `likelihood`" if analysis.method == "mmrm" else (
            f"use ancova, or mean-difference and risk-difference adjusted by {', '.join(WEIGHTED)}"
        )  # fmt: skip
        how = "" if analysis.adjust == "none" else f" with `adjust: {analysis.adjust}`"
        yield (*here, "missing"), f"{analysis.method}{how} does not pool imputed data", rest
    if analysis.missing in DRAWN and analysis.margin:
        what = "a margin is not tested on imputed data in this version"
        yield (*here, "margin"), what, "compare the interval with the margin, or use another rule"
    if analysis.missing in DRAWN and analysis.subgroups:
        what = "subgroups of imputed data are not compared in this version"
        yield (*here, "subgroups"), what, "put them into an analysis of complete cases"


def _variance(analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    if analysis.variance is None:
        return
    drawn = analysis.missing in DRAWN
    fits: tuple[str, ...] = ()
    if analysis.method == "ancova" and drawn:
        fits = ("rubin", "jackknife")
    elif analysis.adjust in WEIGHTED:
        known = () if analysis.adjust == "g-computation" else ("known",)
        fits = ("sandwich",) if drawn else ("sandwich", "jackknife", *known)
    if analysis.variance not in fits:
        how = f"{analysis.method} with `adjust: {analysis.adjust}` and `missing: {analysis.missing}`"
        what = f"{how} has no variance `{analysis.variance}`"
        yield (*here, "variance"), what, f"use {' or '.join(fits)}" if fits else "leave it out"


def _delta(protocol: Protocol, analysis: Analysis, known: Known, here: KeyPath) -> Iterator[Finding]:
    for arm in analysis.delta:
        yield from unknown("arm", arm, known.names("arms"), (*here, "delta", arm))
    endpoint = protocol.endpoints.get(analysis.endpoint)
    if analysis.delta and (analysis.missing not in DRAWN or (endpoint and endpoint.is_response)):
        what = "a delta is added to measured outcomes that were drawn"
        yield (*here, "delta"), what, "use `missing: impute` with a measured endpoint, or leave it out"

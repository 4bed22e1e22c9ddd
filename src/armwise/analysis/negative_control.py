"""Outcomes on which the treatment cannot act, compared as an analysis compares its own (Lipsitch and others 2010).

Confounding that the adjustment leaves would show in them too. A difference that is not there proves little: another
confounder may touch the outcome of the analysis and not this one (Epidemiology 21:383).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from armwise.analysis.compare import ROWS
from armwise.analysis.comparison import STATISTIC, Comparison, comparisons
from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import WEIGHTED
from armwise.stats.estimate import LS_MEAN, MEAN, RISK

#: Categories of the rows: the comparison, the same without adjustment, and what each arm had.
ADJUSTED: Final = "negative control"
UNADJUSTED: Final = "negative control, unadjusted"
ARM: Final = "negative control, arm"
#: What an interval says of bias, and what it does not.
DIFFERS: Final = (
    "the interval excludes no difference, where the treatment cannot make one: a sign of bias that the adjustment"
    " leaves, or of chance"
)
INCLUDES: Final = (
    "the interval includes no difference: no sign of bias here, and no proof that no confounding is left"
)


def negative_control(derived: Derived, name: str, endpoint: str, about: str) -> Iterator[Row]:
    """The rows of one negative control of one analysis: adjusted, unadjusted, and each arm.

    The covariates, the kind of adjustment, the analysis set and the target are those of the analysis. Its events are
    not: a strategy that calls an outcome after surgery a failure would let the treatment act on an outcome on which it
    cannot. Missing answers are left out, as the imputation of the analysis is of its own scores.

    Args:
        derived: the study, derived.
        name: the analysis.
        endpoint: the outcome on which the treatment cannot act.
        about: the analysis of these rows; `item` is `name`.
    """
    protocol = derived.study.protocol
    analysis = protocol.analyses[name]
    same, unlike = as_compared(protocol, analysis, endpoint)
    here = _whatever_came_between(derived, analysis.estimand)
    plain = same.model_copy(update={"method": _plain(protocol, endpoint), "adjust": "none", "covariates": (),
                                    "droppable": (), "interval": None})  # fmt: skip
    columns = {"analysis": about, "item": name, "role": "sensitivity", "p": None}
    c = next(comparisons(here, about, same))
    yield from _compared(c, {**columns, "category": ADJUSTED}, unlike)
    if same.adjust != "none":  # the same people, not adjusted
        beside = next(comparisons(here, about, plain))
        kept = beside.frame.filter(beside.frame["subject"].is_in(c.frame["subject"].to_list()))
        yield from _compared(
            replace(beside, frame=kept), {**columns, "category": UNADJUSTED}, "", verdict=False
        )


def as_compared(protocol: Protocol, analysis: Analysis, endpoint: str) -> tuple[Analysis, str]:
    """The analysis with another outcome in place of its own, and in what its adjustment could not be the same.

    Weights stay the weights that they are. A linear model of covariates stays one for a measured outcome; for a
    response it becomes the difference of risks that a logistic model of the same covariates gives everyone. The
    baseline of the analysis's own outcome is adjusted for as the covariate that it is.
    """
    response = protocol.endpoints[endpoint].is_response
    covariates, unlike = _covariates(protocol, analysis)
    adjust = analysis.adjust if covariates else "none"
    method = _plain(protocol, endpoint)
    if adjust == "covariates" and response:
        adjust = "g-computation" if len(protocol.arms) == 2 else "none"
        if adjust == "none":
            unlike = (*unlike, "not adjusted: more than two arms")
    elif adjust == "covariates":
        method = "ancova"
    if adjust == "none":
        covariates = ()
    visit, visits = protocol.leading_visit(analysis), protocol.measured_visits(endpoint)
    changed: dict[str, Any] = {
        "endpoint": endpoint, "method": method, "adjust": adjust, "covariates": covariates,
        "droppable": tuple(x for x in analysis.droppable if x in covariates and adjust in WEIGHTED),
        "at": (visit if visit in visits else (visits or (visit,))[-1],), "tested_at": None, "one_effect": (),
        "also": (), "margin": None, "delta": {}, "subgroups": (), "modifiers": (), "missing": "complete-cases",
        "variance": None if analysis.variance == "rubin" else analysis.variance,
    }  # fmt: skip
    return analysis.model_copy(update=changed), "; ".join(unlike)


def _covariates(protocol: Protocol, analysis: Analysis) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of the analysis; `baseline`, which would be another outcome's here, by the covariate that it is."""
    own = protocol.endpoints[analysis.endpoint].score
    named = next((n for n, c in protocol.covariates.items() if c.score and c.score == own), None)
    wanted = [named if x == "baseline" else x for x in analysis.covariates]
    kept = tuple(dict.fromkeys(x for x in wanted if x is not None))
    return kept, ("not adjusted for the baseline of the analysis’s own outcome, which no covariate is",) * (
        None in wanted
    )


def _plain(protocol: Protocol, endpoint: str) -> str:
    return "risk-difference" if protocol.endpoints[endpoint].is_response else "mean-difference"


def _whatever_came_between(derived: Derived, name: str | None) -> Derived:
    """The study with the estimand's outcomes as they were recorded, whatever came between."""
    protocol = derived.study.protocol
    if name not in protocol.estimands:
        return derived
    estimands = {**protocol.estimands, name: protocol.estimands[name].model_copy(update={"events": {}})}
    study = replace(derived.study, protocol=protocol.model_copy(update={"estimands": estimands}))
    return replace(derived, study=study)


def _compared(c: Comparison, about: dict[str, Any], unlike: str, *, verdict: bool = True) -> Iterator[Row]:
    """The difference of each arm with its reading; with a verdict also what each arm had."""
    try:
        made = list(ROWS[c.analysis.method](c))
    except UsageError as error:
        for arm in c.arms:
            here = {**c.between(arm), **about, "method": c.method, "reason": str(error)}
            yield row(c.statistic, None, **{**here, "status": "not estimable"})
        return
    own = [r for r in made if r["analysis"] == c.name]
    for r in own:
        if r["versus"] and r["statistic"] == STATISTIC[c.analysis.method]:
            said = [r["reason"], unlike, reading(r) if verdict else ""]
            yield _again(r, {**about, "reason": "; ".join(filter(None, said))})
        elif verdict and not r["versus"] and r["statistic"] in (LS_MEAN, MEAN, RISK):
            yield _again(r, {**about, "category": ARM})


def _again(r: Row, about: dict[str, Any]) -> Row:
    kept = {k: v for k, v in r.items() if k not in ("id", "key", "statistic", "estimate")}
    return row(r["statistic"], r["estimate"], **{**kept, **about})


def reading(r: Row) -> str:
    """What the interval of a negative control says of bias; empty where there is none."""
    if r["lower"] is None or r["upper"] is None:
        return ""
    return INCLUDES if r["lower"] <= 0 <= r["upper"] else DIFFERS

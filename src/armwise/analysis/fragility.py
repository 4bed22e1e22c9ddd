"""How fragile a finding is: what an unmeasured confounder, or the missing answers, would have to be to overturn it.

Rows of the analysis `fragility`; `item` is the analysis of the protocol that is put to the test. Confounding is
asked about only where arms were not randomised; missing answers (`missing_answers`) and the negative controls that the
protocol declares (`negative_control`) always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from armwise.analysis.comparison import AS_ANALYSED, Comparison, comparisons, is_comparison
from armwise.analysis.missing_answers import missing_answers
from armwise.analysis.negative_control import negative_control
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.fragility import STRENGTHS, Fragility
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import DRAWN
from armwise.stats import (
    Estimate,
    EValues,
    LinearComparison,
    adjusted_for,
    as_strong_as,
    e_values_of_means,
    e_values_of_ratio,
    linear_comparison,
    partial_r2,
    ratio_of_risks,
    robustness_value,
)
from armwise.stats.estimate import MEAN_DIFFERENCE, RISK_DIFFERENCE, RISK_RATIO
from armwise.stats.means import t_quantile
from armwise.stats.sensitivity.e_value import FROM_MEANS, FROM_ODDS, METHOD
from armwise.stats.sensitivity.ratio_of_risks import METHOD as RATIO
from armwise.stats.sensitivity.unmeasured_confounding import METHOD as OMITTED

#: The analysis of these rows.
NAME = "fragility"


def fragility(derived: Derived, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows of every analysis that the protocol puts to the test.

    Args:
        derived: the study, derived.
        rows: those that the protocol's analyses made already.
    """
    protocol = derived.study.protocol
    declared = protocol.fragility
    if declared is None:
        return
    for name in put_to_test(protocol):
        analysis = protocol.analyses[name]
        visit = protocol.leading_visit(analysis)
        made = [r for r in rows if r["analysis"] == name and r["visit"] == visit and not r["subgroup"]]
        # those with an answer, not adjusted and not filled: the methods below say themselves what they adjust for
        plain = analysis.model_copy(update={"missing": "complete-cases", "method": _plain(protocol, analysis),
                                            "adjust": "none", "at": (visit,), "tested_at": None,
                                            "one_effect": ()})  # fmt: skip
        c = next(comparisons(derived, name, plain))
        if not protocol.randomised:
            yield from _e_values(c, made)
            measured = analysis.covariates and not protocol.endpoints[analysis.endpoint].is_response
            if measured and not _beside_linear(protocol, name):
                yield from _confounder(c, declared)
        for endpoint in declared.negative_controls:
            yield from negative_control(derived, name, endpoint, NAME)
        seen = next(comparisons(derived, name, plain.model_copy(update={"covariates": ()})))
        yield from missing_answers(derived, seen, analysis, declared.deltas, about_of(c))


def put_to_test(protocol: Protocol) -> list[str]:
    """The analyses that are put to the test: those declared, or the primary one."""
    declared = protocol.fragility
    if declared is None:
        return []
    primary = [name for name, a in protocol.analyses.items() if a.role == "primary"][:1]
    return list(declared.analyses) or primary


def _beside_linear(protocol: Protocol, name: str) -> bool:
    """Whether an analysis of covariance of the same is put to the test too: the bounds of it would be the same rows."""

    def what(analysis: Analysis) -> tuple[Any, ...]:
        estimand = protocol.estimands.get(analysis.estimand or "")
        asked = (estimand.set, estimand.events) if estimand else None
        return (analysis.endpoint, protocol.leading_visit(analysis), set(analysis.covariates), asked)

    mine = protocol.analyses[name]
    tested = [protocol.analyses[other] for other in put_to_test(protocol)]
    linear = [a for a in tested if a.method == "ancova" and a.missing not in DRAWN]
    return mine not in linear and any(what(other) == what(mine) for other in linear)


def about_of(c: Comparison) -> dict[str, Any]:
    """The columns that every row about one analysis has."""
    return {**c.about, "analysis": NAME, "item": c.name, "role": "sensitivity", "target": "everyone"}


def _plain(protocol: Protocol, analysis: Analysis) -> str:
    response = protocol.endpoints[analysis.endpoint].is_response
    return "risk-difference" if response else "mean-difference"


def _e_values(c: Comparison, made: Sequence[Row]) -> Iterator[Row]:
    """The ratio that the analysis implies, and the E-values of it and of its nearer limit."""
    for arm in c.arms:
        leading = next((r for r in made if r["arm"] == arm and is_comparison(c.protocol, r)), None)
        if leading is None:
            continue
        about = {
            **about_of(c),
            "target": leading["target"],
            "arm": arm,
            "versus": c.reference,
            "unit": "ratio",
        }
        if leading["statistic"] == MEAN_DIFFERENCE:
            yield from _e_value_rows(_of_means(made, leading), FROM_MEANS, leading, about)
            continue
        method = FROM_ODDS if leading["statistic"] == "odds ratio" else METHOD
        ratio = _ratio(made, leading) if leading["statistic"] == RISK_DIFFERENCE else _estimate(leading)
        if leading["statistic"] == RISK_DIFFERENCE:
            yield estimate_row(ratio, **about)
        yield from _e_value_rows(e_values_of_ratio(ratio), method, {**leading, "reason": ratio.reason}, about)


def _e_value_rows(
    found: EValues | None, method: str, leading: Row, about: Mapping[str, Any]
) -> Iterator[Row]:
    sizes = {k: leading[k] for k in ("n", "n_arm", "n_versus")}
    for which in ("estimate", "nearer limit"):
        value = None if found is None else found.estimate if which == "estimate" else found.limit
        status = {"status": "ok", "reason": "approximate" if found and found.approximate else ""}
        if found is None:
            status = {"status": "not estimable", "reason": leading["reason"] or "no interval to make it from"}
        yield row("e-value", value, **about, category=which, method=method, **sizes, **status)


def _ratio(made: Sequence[Row], leading: Row) -> Estimate:
    """The ratio of the two risks whose difference leads, with the covariance that their standard errors imply."""
    risks = {
        r["arm"]: r
        for r in made
        if r["statistic"] == "risk" and r["method"] != AS_ANALYSED and r["target"] == leading["target"]
    }
    arm, versus = risks.get(leading["arm"]), risks.get(leading["versus"])
    if arm is None or versus is None or leading["status"] != "ok":
        return Estimate.not_estimable(RISK_RATIO, RATIO, leading["reason"] or "no risks to divide")
    covariance = None
    if arm["se"] and versus["se"] and leading["se"]:
        covariance = (arm["se"] ** 2 + versus["se"] ** 2 - leading["se"] ** 2) / 2
    return ratio_of_risks(_estimate(arm), _estimate(versus), covariance)


def _estimate(r: Row) -> Estimate:
    numbers = ("estimate", "se", "df", "lower", "upper", "conf_level", "p", "n", "n_arm", "n_versus")
    level = r["conf_level"] or 0.95
    return Estimate(
        **{**{k: r[k] for k in numbers}, "conf_level": level}, method=r["method"] or "", statistic=r["statistic"],
        status=r["status"], reason=r["reason"] or "",
    )  # fmt: skip


def _of_means(made: Sequence[Row], leading: Row) -> EValues | None:
    """E-values of a difference of means, in standard deviations of the outcomes that were analysed."""
    sds = {r["arm"]: r for r in made if r["statistic"] == "sd" and r["method"] == AS_ANALYSED}
    pair = [sds.get(leading["arm"]), sds.get(leading["versus"])]
    if leading["lower"] is None or any(r is None or r["estimate"] is None for r in pair):
        return None
    squares = sum((r["n"] - 1) * r["estimate"] ** 2 for r in pair if r is not None)
    sd = (squares / sum(r["n"] - 1 for r in pair if r is not None)) ** 0.5
    if not sd > 0:
        return None
    return e_values_of_means(leading["estimate"], leading["lower"], leading["upper"], sd)


def _confounder(c: Comparison, declared: Fragility) -> Iterator[Row]:
    """The linear comparison, its robustness values, and what a confounder like a measured covariate would leave."""
    covariates = c.covariates()
    for arm in c.arms:
        about = {**about_of(c), **_between(c, arm)}
        others = {"arm": np.where(c.frame["arm"].is_in([arm, c.reference]), "", c.frame["arm"])}
        try:
            found = linear_comparison(
                c.frame["outcome"].to_numpy(), (c.frame["arm"] == arm).to_numpy(),
                covariates | (others if len(c.arms) > 1 else {}),
            )  # fmt: skip
        except UsageError as error:
            found = str(error)
        if isinstance(found, str):
            yield row(MEAN_DIFFERENCE, None, **about, method=LINEAR, status="not estimable", reason=found)
            continue
        yield from _strengths(c, found, about, arm)
        for name in declared.benchmarks or c.analysis.covariates:
            if name in covariates:
                yield from _benchmark(c, found, about, name, declared.strengths or STRENGTHS)


#: Method of the linear comparison that the strengths of a confounder refer to.
LINEAR = "ANCOVA, patients with the outcome"


def _between(c: Comparison, arm: str) -> dict[str, Any]:
    between = c.between(arm)
    return {k: between[k] for k in ("arm", "versus", "unit")}


def _strengths(c: Comparison, found: LinearComparison, about: Mapping[str, Any], arm: str) -> Iterator[Row]:
    level = c.analysis.conf_level
    half = t_quantile(found.df, level) * found.se
    sizes = {"n": found.n, "n_arm": len(c.outcome(arm)), "n_versus": len(c.outcome(c.reference))}
    yield row(
        MEAN_DIFFERENCE, found.estimate, se=found.se, df=float(found.df), lower=found.estimate - half,
        upper=found.estimate + half, conf_level=level, method=LINEAR, **sizes, **about,
    )  # fmt: skip
    share = {**about, "unit": "proportion", "method": OMITTED, "n": found.n}
    t = found.estimate / found.se
    yield row("partial r2", partial_r2(t, found.df), category="arm: outcome", **share)
    yield row("robustness value", robustness_value(t, found.df), category="estimate", **share)
    beyond = robustness_value(t, found.df, alpha=1 - level)
    yield row("robustness value", beyond, category="nearer limit", **share)


def _benchmark(
    c: Comparison, found: LinearComparison, about: Mapping[str, Any], name: str, strengths: Sequence[float]
) -> Iterator[Row]:
    """A measured covariate's own strength, and the comparison beside a confounder k times as strong."""
    share = {**about, "unit": "proportion", "method": OMITTED, "n": found.n}
    of_arm, of_outcome = found.benchmarks[name]
    yield row("partial r2", of_arm, category=f"{name}: arm", **share)
    yield row("partial r2", of_outcome, category=f"{name}: outcome", **share)
    for k in strengths:
        bound = as_strong_as(of_arm, of_outcome, k) if max(of_arm, of_outcome) < 1 else None
        here = {**about, "category": name, "at": float(k), "method": OMITTED, "n": found.n}
        if bound is None:
            reason = "no confounder can be so strong: it would explain more than all of the arm"
            yield row(MEAN_DIFFERENCE, None, status="not estimable", reason=reason, **here)
            continue
        for which, value in (("arm", bound[0]), ("outcome", bound[1])):
            yield row("partial r2", value, **{**share, "category": f"{name}: {which}", "at": float(k)})
        beside = adjusted_for(found, *bound, c.analysis.conf_level)
        if bound[1] >= 1:  # nothing of the outcome would be left to make an interval from
            reason = (
                "it would explain all of the outcome that is left: the largest bias there can be, no interval"
            )
            yield row(MEAN_DIFFERENCE, beside.estimate, reason=reason, **here)
            continue
        yield row(
            MEAN_DIFFERENCE, beside.estimate, se=beside.se, df=float(found.df - 1), lower=beside.lower,
            upper=beside.upper, conf_level=c.analysis.conf_level, **here,
        )  # fmt: skip

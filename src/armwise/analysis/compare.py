"""The protocol's analyses, each by its method: one function a method, all of them in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from armwise.analysis.comparison import (
    STATISTIC,
    Comparison,
    analysed_rows,
    comparisons,
    exclusion_rows,
    is_comparison,
)
from armwise.analysis.means import (
    ancova_rows,
    mann_whitney_rows,
    mean_difference_rows,
    permutation_rows,
    unadjusted_means,
)
from armwise.analysis.mixed_model import mmrm_rows, model_rows
from armwise.analysis.multiplicity import is_tested
from armwise.analysis.ordinal import proportional_odds_rows
from armwise.analysis.results import Row, row
from armwise.analysis.risks import fisher_rows, odds_ratio_rows, risk_difference_rows, risk_ratio_rows
from armwise.analysis.weights import Weights, weights_of
from armwise.derive.covariates import labels
from armwise.derive.derived import Derived
from armwise.errors import Problem, UsageError
from armwise.protocol.model import METHODS, Analysis
from armwise.stats import Estimate, verdict
from armwise.stats.estimate import MEAN_DIFFERENCE, RATIOS
from armwise.study.tables import FILE, LINE

#: Method of the protocol -> the function that makes its rows. An added method is one entry here, its statistic and
#: its words in `comparison`, and its name in the protocol's `METHODS`.
ROWS: dict[str, Callable[..., Iterator[Row]]] = {
    "ancova": ancova_rows,
    "mean-difference": mean_difference_rows,
    "mann-whitney": mann_whitney_rows,
    "permutation": permutation_rows,
    "mmrm": mmrm_rows,
    "risk-difference": risk_difference_rows,
    "risk-ratio": risk_ratio_rows,
    "odds-ratio": odds_ratio_rows,
    "fisher-exact": fisher_rows,
    "proportional-odds": proportional_odds_rows,
}
assert ROWS.keys() == METHODS.keys() == STATISTIC.keys()


@dataclass(frozen=True)
class Compared:
    """One analysis of the protocol, done.

    Attributes:
        rows: its rows of the results table.
        lost: the records that it could not use: file, row, visit and reason.
        used: how many subjects it used, by arm, at its last visit.
        weights: the weights that the primary analysis used there, for Table 1; None of any other.
        problems: what it found odd in the data.
        comparison: the comparison at its last visit, for what is said of it elsewhere.
    """

    rows: list[Row]
    lost: list[dict[str, Any]]
    used: dict[str, int]
    weights: Weights | None
    problems: tuple[Problem, ...] = ()
    comparison: Comparison | None = None


def compare(derived: Derived, name: str, analysis: Analysis) -> Compared:
    """Runs one analysis of the protocol."""
    rows: list[Row] = []
    lost: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    problems: tuple[Problem, ...] = ()
    c: Comparison | None = None
    for i, c in enumerate(comparisons(derived, name, analysis)):
        made = list(_attempt(c))
        rows += made
        rows += analysed_rows(c)
        rows += exclusion_rows(c)
        rows += _margin(c, made)
        for subgroup in analysis.subgroups:
            rows += _subgroup(c, subgroup)
        if c.repeated is not None and i == 0:  # one model for all of its visits
            rows += model_rows(c)
            problems = tuple(c.repeated.problems)
        if c.repeated is None or i == 0:
            lost += _listed(c)
        used = {arm: c.size(arm) for arm in c.protocol.arms}
    plan = derived.study.protocol  # no p beyond what its multiplicity plan covers
    rows = [r if is_tested(plan, name, r["visit"]) else {**r, "p": None} for r in rows]
    shown = weights_of(c) if c is not None and analysis.role == "primary" else None
    return Compared(rows, lost, used, shown, problems, c)


def _listed(c: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "file": r[FILE],
            "row": r[LINE],
            "visit": r.get("visit", c.visit),
            "excluded_from": c.name,
            "reason": r["excluded"],
        }
        for r in (c.lost if c.repeated is None else c.repeated.left_out).iter_rows(named=True)
    ]


def _attempt(c: Comparison, null: float = 0.0) -> Iterator[Row]:
    """The method's rows; an arm that cannot be compared has a row that says why, and one beside it not adjusted."""
    compared: set[str] = set()
    beside: set[str] = set()
    why = ""
    try:
        for made in ROWS[c.analysis.method](c, null=null):
            if is_comparison(c.protocol, made):
                compared.add(made["arm"])
            elif made["analysis"] != c.name:
                beside.add(made["arm"])
            yield made
    except UsageError as error:
        why = str(error)
    for arm in c.arms:
        if arm in compared:
            continue
        empty = [a for a in (arm, c.reference) if not len(c.outcome(a))]
        there = "is analysed" if c.repeated is None else "was observed at this visit"
        reason = f"nobody in {' and '.join(empty)} {there}" if empty else why
        about = c.between(arm)
        if c.statistic in RATIOS:
            about["unit"] = "ratio"
        yield row(
            c.statistic, None, status="not estimable", reason=reason, method=c.method, n=c.people.height,
            n_arm=c.size(arm), n_versus=c.size(c.reference),
            conf_level=c.analysis.conf_level, **about,
        )  # fmt: skip
        if c.statistic == MEAN_DIFFERENCE and c.analysis.adjust != "none" and arm not in beside:
            yield from unadjusted_means(c, arm)


def _margin(c: Comparison, rows: list[Row]) -> Iterator[Row]:
    """Non-inferiority or equivalence: what the interval says, and p at the margin from the method itself.

    p is twice the one-sided p, the larger of both for equivalence: it is at most alpha exactly when the interval at
    1 - alpha clears the margin, so that a family reads it like any other p.
    """
    margin = c.analysis.margin
    if margin is None:
        return
    higher = c.higher_is_better is not False
    lower_edge = margin.kind == "equivalence" or higher
    upper_edge = margin.kind == "equivalence" or not higher
    edges = [-margin.value] * lower_edge + [margin.value] * upper_edge
    at_edge = {edge: _by_arm(c, _attempt(c, null=edge)) for edge in edges}
    for arm, found in _by_arm(c, rows).items():
        about = {**c.between(arm), "method": margin.kind, "n": found["n"]}
        about |= {
            "at": margin.value if margin.kind == "equivalence" else edges[0],
            "conf_level": found["conf_level"],
        }
        if found["lower"] is None:
            yield row("margin", None, status="not estimable", reason=found["reason"], **about)
            continue
        estimate = Estimate(
            found["estimate"], found["se"], found["df"], found["lower"], found["upper"], found["conf_level"], None,
            found["n"], found["n_arm"], found["n_versus"], found["method"], found["statistic"],
        )  # fmt: skip
        decided = verdict(estimate, margin.value, margin.kind, higher)
        ps = [
            at_edge[edge][arm]["p"]
            if (found["estimate"] > edge if edge < 0 else found["estimate"] < edge)
            else 1.0
            for edge in edges
        ]
        p = None if None in ps else max(ps)
        yield row("margin", decided.bound, p=p, reason="met" if decided.met else "not met", **about)


def _by_arm(c: Comparison, rows: Iterable[Row]) -> dict[str, Row]:
    return {r["arm"]: r for r in rows if is_comparison(c.protocol, r)}


def _subgroup(c: Comparison, name: str) -> Iterator[Row]:
    """The same comparison within each subgroup: an interval, never a p."""
    covariate = c.protocol.subgroups[name].covariate
    for words, inside in _parts(c, name):
        part = c.within(inside, f"{name}={words}")
        for made in _attempt(part):
            if is_comparison(c.protocol, made):
                yield {**made, "p": None, "role": "exploratory"}
    for arm in c.protocol.arms:
        unknown = c.people.filter((pl.col("arm") == arm) & pl.col(covariate).is_null()).height
        if unknown:
            about = {**c.about, "subgroup": name, "role": "exploratory", "unit": "subjects"}
            yield row("excluded", unknown, arm=arm, category=f"covariate missing: {covariate}", **about)


def _parts(c: Comparison, name: str) -> Iterator[tuple[str, pl.Expr]]:
    """The subgroups in words, with the condition for each: between cut points, or the declared categories."""
    declared = c.protocol.subgroups[name]
    column = pl.col(declared.covariate)
    if not declared.cuts:
        categories = labels(c.protocol, declared.covariate)[2]
        for value in categories or c.people[declared.covariate].drop_nulls().unique().sort():
            yield str(value), column == value
        return
    cuts = sorted(declared.cuts)
    yield f"under {cuts[0]:g}", column < cuts[0]
    for low, high in pairwise(cuts):
        yield f"{low:g} to under {high:g}", (column >= low) & (column < high)
    yield f"{cuts[-1]:g} or more", column >= cuts[-1]

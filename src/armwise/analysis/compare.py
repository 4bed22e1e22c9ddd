"""The protocol's analyses, each by its method: one function a method, all of them in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from armwise.analysis.comparison import Comparison, comparisons, exclusion_rows
from armwise.analysis.means import ancova_rows, mann_whitney_rows, mean_difference_rows
from armwise.analysis.multiplicity import COMPARISONS, tested
from armwise.analysis.results import Row, row
from armwise.analysis.risks import fisher_rows, odds_ratio_rows, risk_difference_rows, risk_ratio_rows
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.model import METHODS, Analysis
from armwise.stats import Estimate, verdict

#: Method of the protocol -> the function that makes its rows. An added method is one entry here and in `METHODS`.
ROWS: dict[str, Callable[..., Iterator[Row]]] = {
    "ancova": ancova_rows,
    "mean-difference": mean_difference_rows,
    "mann-whitney": mann_whitney_rows,
    "risk-difference": risk_difference_rows,
    "risk-ratio": risk_ratio_rows,
    "odds-ratio": odds_ratio_rows,
    "fisher-exact": fisher_rows,
}
assert ROWS.keys() == METHODS.keys()


def compare(
    derived: Derived, name: str, analysis: Analysis
) -> tuple[list[Row], list[dict[str, Any]], dict[str, int]]:
    """Runs one analysis of the protocol.

    Returns:
        Its rows; the subjects that it could not use, with file, row and reason; and how many it used, by arm.
    """
    rows: list[Row] = []
    lost: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    for c in comparisons(derived, name, analysis):
        made = list(_attempt(c))
        rows += made
        rows += exclusion_rows(c)
        rows += _margin(c, made)
        for subgroup in analysis.subgroups:
            rows += _subgroup(c, subgroup)
        lost += [
            {
                "file": r["_file"],
                "row": r["_row"],
                "subject": r["subject"],
                "visit": c.visit,
                "excluded_from": name,
                "reason": r["excluded"],
            }
            for r in c.lost.iter_rows(named=True)
        ]
        used = {arm: len(c.outcome(arm)) for arm in c.protocol.arms}
    if name not in tested(derived.study.protocol):  # no p beyond what the multiplicity plan covers
        rows = [{**r, "p": None} for r in rows]
    return rows, lost, used


def _attempt(c: Comparison) -> Iterator[Row]:
    """The method's rows; where the data cannot give a comparison, one row an arm that says why."""
    try:
        yield from ROWS[c.analysis.method](c)
    except UsageError as error:  # an arm without subjects, a covariate without values
        statistic = {
            "ancova": "mean difference",
            "mean-difference": "mean difference",
            "mann-whitney": "shift",
        }.get(c.analysis.method, c.analysis.method.replace("-", " ").replace("fisher exact", "odds ratio"))
        for arm in c.arms:
            yield row(
                statistic, None, status="not estimable", reason=str(error), method=c.analysis.method, n=c.frame.height,
                arm=arm, versus=c.reference, **c.about,
            )  # fmt: skip


def _margin(c: Comparison, rows: list[Row]) -> Iterator[Row]:
    """Non-inferiority or equivalence, with p at the margin from the method itself where it has one."""
    margin = c.analysis.margin
    if margin is None:
        return
    higher = c.higher_is_better is not False
    null = -margin.value if higher else margin.value
    again = list(ROWS[c.analysis.method](c, null=null)) if margin.kind == "non-inferiority" else []
    for found in rows:
        if (
            found["versus"] is None
            or found["statistic"] not in COMPARISONS
            or found["analysis"] != c.name
            or found["estimate"] is None
        ):
            continue
        estimate = Estimate(
            found["estimate"], found["se"], found["df"], found["lower"], found["upper"], found["conf_level"], found["p"],
            found["n"], found["n_arm"], found["n_versus"], found["method"], found["statistic"],
        )  # fmt: skip
        decided = verdict(estimate, margin.value, margin.kind, higher)
        p = next((r["p"] for r in again if r["id"] == found["id"]), None)
        yield row(
            "margin", decided.bound, at=decided.margin, p=p, n=found["n"], conf_level=found["conf_level"], method=margin.kind,
            arm=found["arm"], versus=found["versus"], reason="met" if decided.met else "not met", **c.about,
        )  # fmt: skip


def _subgroup(c: Comparison, name: str) -> Iterator[Row]:
    """The same comparison within each subgroup: an interval, never a p."""
    declared = c.protocol.subgroups[name]
    column = pl.col(declared.covariate)
    parts: list[tuple[str, pl.Expr]] = []
    if declared.cuts:
        edges = [None, *declared.cuts, None]
        for low, high in zip(edges, edges[1:], strict=False):
            words = (
                f"under {high:g}"
                if low is None
                else f"{low:g} or more"
                if high is None
                else f"{low:g} to under {high:g}"
            )
            inside = (column >= low if low is not None else pl.lit(True)) & (
                column < high if high is not None else pl.lit(True)
            )
            parts.append((words, inside))
    else:
        parts = [
            (str(value), column == value)
            for value in c.frame[declared.covariate].drop_nulls().unique().sort()
        ]
    for words, inside in parts:
        part = c.within(inside, f"{name}={words}")
        for made in _attempt(part):
            if made["versus"] is not None and made["statistic"] in COMPARISONS and made["analysis"] == c.name:
                yield {**made, "p": None, "role": "exploratory"}

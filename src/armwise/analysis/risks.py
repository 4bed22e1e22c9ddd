"""Comparisons of responders: risk difference, ratios, Fisher's exact test, adjusted risks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from armwise.analysis.adjusted import adjusted, adjusted_rows
from armwise.analysis.comparison import Comparison
from armwise.analysis.crowding import constant_categories, crowded
from armwise.analysis.results import Row, estimate_row, row
from armwise.protocol.plan import WEIGHTED
from armwise.stats import (
    Estimate,
    firth_logistic,
    fisher_exact,
    number_needed_to_treat,
    odds_ratio,
    risk_difference,
    risk_ratio,
    wilson,
)


def risk_difference_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The risk difference: adjusted with the unadjusted one beside it, or by the declared interval."""
    a = c.analysis
    if a.adjust in WEIGHTED:
        arm, found = c.arms[0], adjusted(c, "risk", null)
        yield from adjusted_rows(c, found)
        if "number-needed-to-treat" in a.also:
            yield from _needed(found.difference, c.between(arm))
        beside = {**c.about, "analysis": f"{c.name}.unadjusted", "role": "sensitivity", "target": "everyone"}
        yield from _unadjusted(c, arm, beside, keep_p=False)
        return
    for arm in c.arms:
        yield from _unadjusted(c, arm, dict(c.about), keep_p=True, null=null)
    for arm in c.protocol.arms:
        if c.counts(arm)[1]:
            yield estimate_row(wilson(*c.counts(arm), a.conf_level), **c.about, arm=arm)


def risk_ratio_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The risk ratio with its score interval."""
    yield from _ratio_rows(c, risk_ratio)


def odds_ratio_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The odds ratio with its score interval; given covariates by Firth's regression, the unadjusted one beside it.

    Raises:
        UsageError: the regression has more coefficients than patients.
    """
    if c.analysis.adjust == "none":
        yield from _ratio_rows(c, odds_ratio)
        return
    arms = {f"arm {arm}": (c.frame["arm"] == arm).to_numpy().astype(np.float64) for arm in c.arms}
    fit = firth_logistic(c.frame["outcome"].to_numpy(), arms | c.covariates(), c.analysis.conf_level)
    unused = [name for name in fit.aliased if name not in arms]
    left_out = f"not used, as it does not vary or others determine it: {', '.join(unused)}" if unused else ""
    note = "; ".join(filter(None, (left_out, constant_categories(c), crowded(c))))
    for arm, name in zip(c.arms, arms, strict=True):
        about = {**c.between(arm), "unit": "ratio"}
        if (found := fit.odds_ratios.get(name)) is not None:
            sized = replace(found, n_arm=c.size(arm), n_versus=c.size(c.reference))
            yield estimate_row(sized, **{**about, "reason": "; ".join(filter(None, (found.reason, note)))})
        plain = odds_ratio(*c.counts(arm), *c.counts(c.reference), conf_level=c.analysis.conf_level)
        beside = {"analysis": f"{c.name}.unadjusted", "role": "sensitivity", "p": None}
        yield estimate_row(plain, **{**about, **beside})


def fisher_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """Fisher's exact test with the conditional odds ratio and its exact interval."""
    yield from _ratio_rows(c, fisher_exact)


def _ratio_rows(c: Comparison, ratio: Callable[..., Estimate]) -> Iterator[Row]:
    for arm in c.arms:
        found = ratio(*c.counts(arm), *c.counts(c.reference), conf_level=c.analysis.conf_level)
        yield estimate_row(found, **{**c.between(arm), "unit": "ratio"})


def _unadjusted(
    c: Comparison, arm: str, about: dict[str, Any], *, keep_p: bool, null: float = 0.0
) -> Iterator[Row]:
    counts = (*c.counts(arm), *c.counts(c.reference))
    level = c.analysis.conf_level
    about = {**about, "arm": arm, "versus": c.reference}
    found = risk_difference(*counts, method=c.analysis.interval or "newcombe", conf_level=level, null=null)
    yield estimate_row(found, **(about if keep_p else {**about, "p": None}))
    if "number-needed-to-treat" in c.analysis.also:
        yield from _needed(found, about)
    for name, method in (
        ("risk-ratio", risk_ratio),
        ("odds-ratio", odds_ratio),
        ("fisher-exact", fisher_exact),
    ):
        if name in c.analysis.also:
            yield estimate_row(method(*counts, conf_level=level), **{**about, "unit": "ratio", "p": None})


def _needed(difference: Estimate, about: dict[str, Any]) -> Iterator[Row]:
    """The number needed to treat; an interval that holds no difference runs from benefit through infinity to harm."""
    needed = number_needed_to_treat(difference)
    if needed is None:
        return
    words = f"to {'benefit' if needed.benefit else 'harm'}"
    if needed.covers_infinity:
        words += (
            "; the interval runs from the lower limit to benefit through infinity to the upper limit to harm"
        )
    yield row(
        "number needed to treat", needed.estimate, lower=needed.lower, upper=needed.upper,
        conf_level=needed.conf_level, n=difference.n, n_arm=difference.n_arm, n_versus=difference.n_versus,
        method=f"reciprocal of the risk difference ({difference.method})", reason=words,
        **{**about, "unit": "patients"},
    )  # fmt: skip

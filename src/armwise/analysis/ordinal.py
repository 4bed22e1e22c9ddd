"""Ordered outcomes compared: proportional odds, whether the odds are proportional, and all pairs of patients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.comparison import Comparison
from armwise.analysis.results import Row, estimate_row, row
from armwise.stats import Estimate, ProportionalOdds, better_outcome, proportional_odds
from armwise.stats.estimate import ODDS_RATIO
from armwise.stats.ordinal import CUT_METHOD

#: Verdicts on proportionality, in the row's `reason`.
ALIKE = "no sign that the odds ratio differs between cuts"
UNLIKE = "the odds ratio differs between cuts"
BRANT = "Brant's Wald test, arm alone"
#: At which level Brant's test calls the cuts unlike.
DOUBT = 0.05


def proportional_odds_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """Each arm against the reference: the odds ratio of a better category, and what stands beside it.

    A category is a value of the outcome. Where there are more than two arms each is compared in a model of its own.
    """
    better = c.higher_is_better is not False
    for arm in c.arms:
        pair = c.frame.filter(pl.col("arm").is_in([arm, c.reference]))
        treated = (pair["arm"] == arm).to_numpy()
        if treated.all() or not treated.any():
            continue  # the comparison says who is missing
        y = _values(pair["outcome"])
        X = {name: pair[name].to_numpy() for name in c.analysis.covariates}
        level = c.analysis.conf_level
        found = proportional_odds(y, treated, X or None, level, better)
        about = {**c.between(arm), "unit": "ratio"}
        yield estimate_row(found.odds_ratio, **about)
        if X:
            beside = {**about, "analysis": f"{c.name}.unadjusted", "role": "sensitivity", "p": None}
            yield estimate_row(proportional_odds(y, treated, None, level, better).odds_ratio, **beside)
        yield from _proportionality(c, found, about)
        pairs = better_outcome(y[treated], y[~treated], level, better)
        yield estimate_row(pairs.probability, **{**about, "unit": "proportion", "p": None})
        yield estimate_row(pairs.win_odds, **{**about, "p": None})
    yield from _categories(c)


def _proportionality(c: Comparison, found: ProportionalOdds, about: dict[str, Any]) -> Iterator[Row]:
    """The odds ratio at each cut alone, and Brant's test of the arm as a verdict."""
    made = {cut.above: cut.odds_ratio for cut in found.by_cut}
    scale = _scale(c)
    for above in scale[1:] if c.higher_is_better is not False else scale[:-1]:
        cuts = {**about, "analysis": f"{c.name}.cuts", "role": "sensitivity", "at": above}
        empty = Estimate.not_estimable(
            ODDS_RATIO, CUT_METHOD, "nobody is in this category, or on one side of it", n=found.odds_ratio.n,
            conf_level=c.analysis.conf_level,
        )  # fmt: skip
        yield estimate_row(made.get(above, empty), **cuts)
    if found.statistic is None or found.p is None:
        why = "fewer than two cuts to compare"
        yield row(
            "proportionality", None, status="not estimable", reason=why, n=found.odds_ratio.n, method=BRANT,
            **{**about, "unit": "chi-squared"},
        )  # fmt: skip
        return
    reason = UNLIKE if found.p < DOUBT else ALIKE
    yield row(
        "proportionality", found.statistic, df=found.df, n=found.odds_ratio.n, method=BRANT, reason=reason,
        **{**about, "unit": "chi-squared"},
    )  # fmt: skip


def _categories(c: Comparison) -> Iterator[Row]:
    """How many of each arm are in each category: every category of a short scale, else those that occur."""
    for arm in c.protocol.arms:
        values = _values(c.frame.filter(pl.col("arm") == arm)["outcome"])
        about = {**c.about, "target": "everyone", "arm": arm, "unit": "subjects"}
        for value in _scale(c):
            yield row("count", int(np.count_nonzero(values == value)), n=len(values), at=value, **about)


def _scale(c: Comparison) -> list[float]:
    endpoint = c.protocol.endpoints[c.analysis.endpoint]
    form, item = (endpoint.score or ".").split(".")
    declared = c.protocol.forms[form].items.get(item) if form in c.protocol.forms else None
    if endpoint.kind == "value" and declared and declared.type == "integer" and declared.range:
        low, high = declared.range
        if high - low <= 10:
            return [float(v) for v in range(int(low), int(high) + 1)]
    return sorted({float(v) for v in _values(c.frame["outcome"])})


def _values(outcomes: pl.Series) -> NDArray[np.float64]:
    """Outcomes as categories: 0.8 - 0.7 and 0.5 - 0.4 are one and the same."""
    return outcomes.round(9).to_numpy()

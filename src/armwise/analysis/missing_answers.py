"""What the missing answers would have to be to overturn a finding: every number of responders, or a grid of shifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.adjusted import arm_means
from armwise.analysis.comparison import Comparison
from armwise.analysis.results import Row, row
from armwise.analysis.shifted_answers import gaps_of, grid_rows, imputes, no_grid, shifted_answers
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.model import Analysis
from armwise.protocol.plan import ADJUSTED_TARGETS, WEIGHTED
from armwise.stats import (
    Missing,
    TippingGrid,
    least_favourable,
    predicted_missing,
    risk_comparison,
    shifted_ancova,
    tipping_grid,
)
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.tipping_point import METHOD as NEWCOMBE
from armwise.stats.sensitivity.tipping_point import grid_of

#: Methods of the two grids: without a model, and as the analysis weights, the responders placed against it.
PLAIN: Final = f"every combination, {NEWCOMBE}"
PLACED: Final = "every combination, weighted, responders placed against the difference"
#: A difference of risks under one combination. How many there are depends on how many answers are missing.
POSSIBLE: Final = "possible risk difference"
#: Beyond so many combinations their number is counted and the worst is given; the rest has no row.
MANY: Final = 2500


def missing_answers(
    derived: Derived, c: Comparison, analysis: Analysis, deltas: Sequence[float], about: Mapping[str, Any]
) -> Iterator[Row]:
    """The rows about missing answers of one analysis.

    Args:
        derived: the study, derived.
        c: the comparison of all with an answer: without covariates, nothing filled in.
        analysis: the analysis as declared, for its adjustment.
        deltas: shifts of a measured outcome, in its unit.
        about: the columns that every row has.
    """
    response = c.protocol.endpoints[c.analysis.endpoint].is_response
    everyone = with_missing(derived, c, analysis.covariates)
    for arm in c.arms:
        pair = everyone.filter(pl.col("arm").is_in([arm, c.reference]))
        here = {**about, "arm": arm, "versus": c.reference, "unit": c.between(arm)["unit"]}
        if response:
            yield from _combinations(c, pair, arm, here)
            if analysis.adjust in WEIGHTED:
                yield from _weighted(c, pair, arm, analysis, here)
        elif deltas and not imputes(analysis):
            yield from _shifts(derived, c, pair, arm, analysis, deltas, here)
    if deltas and not response and imputes(analysis):
        yield from shifted_answers(derived, c.name, analysis, c.visit, deltas, about)


def with_missing(derived: Derived, c: Comparison, covariates: Sequence[str]) -> pl.DataFrame:
    """Everyone of the analysis set, `outcome` null where it is missing, with covariates that may be null too.

    Args:
        derived: the study, derived.
        c: the comparison of all with an answer: without covariates, nothing filled in.
        covariates: those of the analysis.
    """
    missing = c.lost.filter(pl.col("excluded").str.starts_with("outcome missing"))
    everyone = pl.concat(
        [
            c.frame.select("subject", "arm", "outcome"),
            missing.select("subject", "arm", pl.lit(None, dtype=pl.Float64).alias("outcome")),
        ]
    )
    at_visit = (pl.col("endpoint") == c.analysis.endpoint) & (pl.col("visit") == c.visit)
    baseline = derived.endpoints.filter(at_visit).select("subject", "baseline")
    known = derived.covariates.drop("arm").join(baseline, on="subject", how="left", maintain_order="left")
    return everyone.join(
        known.select("subject", *covariates), on="subject", how="left", maintain_order="left"
    )


def _seen(pair: pl.DataFrame, arm: str) -> Missing:
    outcome = pair.filter(pl.col("arm") == arm)["outcome"]
    return Missing(int(outcome.sum() or 0), outcome.len() - outcome.null_count(), outcome.null_count())


def _combinations(c: Comparison, pair: pl.DataFrame, arm: str, about: Mapping[str, Any]) -> Iterator[Row]:
    """Every combination without a model, of everyone's risks; and how likely the overturning ones are."""
    try:
        grid = tipping_grid(_seen(pair, arm), _seen(pair, c.reference), c.analysis.conf_level)
    except UsageError as error:
        reason = {"status": "not estimable", "reason": str(error)}
        yield row(
            "combinations overturned", None, **{**about, "unit": "combinations"}, method=PLAIN, **reason
        )
        return
    yield from _grid_rows(grid, PLAIN, about)
    yield row(
        "overturning probability", grid.probability, method=PLAIN, **{**about, "unit": "proportion"},
        n=pair.height, reason="were the missing of each arm like its observed",
    )  # fmt: skip


def _weighted(
    c: Comparison, pair: pl.DataFrame, arm: str, analysis: Analysis, about: Mapping[str, Any]
) -> Iterator[Row]:
    """Every combination under the weights of the analysis, the responders so placed that the difference is smallest."""
    known = pair.drop_nulls(list(analysis.covariates))
    treated = (known["arm"] == arm).to_numpy()
    y = known["outcome"].to_numpy().astype(np.float64)
    covariates: dict[str, NDArray[Any]] = {name: known[name].to_numpy() for name in analysis.covariates}
    sides = _seen(known, arm), _seen(known, c.reference)
    target = _target(c, analysis)
    about = {**about, "target": target}

    def fits(Y: NDArray[np.float64]) -> list[Any]:
        return arm_means(analysis, Y, treated, covariates, target, "risk")

    try:
        first = fits(np.nan_to_num(y)[None])[0]
        reason = first.refusal
    except UsageError as error:
        reason = str(error)
    if not reason and (first.weights is None or analysis.adjust == "aipw"):
        return  # with a model of the outcome, who responds cannot be placed against the difference
    if (sides[0].missing + 1) * (sides[1].missing + 1) > MANY:
        reason = f"more than {MANY} combinations: only those without weights are counted"
    if reason:
        status = {"status": "not estimable", "reason": reason}
        yield row(
            "combinations overturned", None, **{**about, "unit": "combinations"}, method=PLACED, **status
        )
        return
    seen = ~np.isnan(y)
    sign = _sign(y[seen], treated[seen], first.weights[seen])
    cells = [(i, j) for i in range(sides[0].missing + 1) for j in range(sides[1].missing + 1)]
    Y = np.array([least_favourable(y, treated, first.weights, i, j, sign) for i, j in cells])
    found = {}
    for cell, means in zip(cells, fits(Y), strict=True):
        d = risk_comparison(means, c.analysis.conf_level).difference
        if d.estimate is None or d.lower is None or d.upper is None:
            status = {"status": "not estimable", "reason": f"a combination has no estimate: {d.reason}"}
            yield row(
                "combinations overturned", None, **{**about, "unit": "combinations"}, method=PLACED, **status
            )
            return
        found[cell] = (d.estimate, d.lower, d.upper)
    grid = grid_of(*sides, lambda i, j: found[i, j], c.analysis.conf_level, PLACED)
    yield from _grid_rows(grid, PLACED, about)


def _sign(y: NDArray[np.float64], treated: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The side on which the weighted difference of those observed lies."""
    if not treated.any() or treated.all():
        return 1.0
    means = [float(np.average(y[g], weights=weights[g])) for g in (treated, ~treated)]
    return 1.0 if means[0] >= means[1] else -1.0


def _target(c: Comparison, analysis: Analysis) -> str:
    fits = ADJUSTED_TARGETS[analysis.adjust]
    estimand = c.protocol.estimands.get(analysis.estimand or "")
    return estimand.target if estimand and estimand.target in fits else fits[0]


def _grid_rows(grid: TippingGrid, method: str, about: Mapping[str, Any]) -> Iterator[Row]:
    """A row a combination (`at` responders among the missing of the arm, `at2` of the other), and their count."""
    sizes = {"n_arm": grid.arm.subjects, "n_versus": grid.versus.subjects}
    sizes["n"] = sizes["n_arm"] + sizes["n_versus"]
    total = grid.estimate.size
    yield row(
        "combinations overturned", grid.overturned, method=method, **{**about, "unit": "combinations"}, n=total,
    )  # fmt: skip
    sign = float(np.sign(grid.arm.responders / max(grid.arm.observed, 1)
                         - grid.versus.responders / max(grid.versus.observed, 1)))  # fmt: skip
    shown = [grid.worst(sign)] if total > MANY else list(np.ndindex(*grid.estimate.shape))
    for i, j in shown:
        yield row(
            POSSIBLE, float(grid.estimate[i, j]), lower=float(grid.lower[i, j]), upper=float(grid.upper[i, j]),
            conf_level=grid.conf_level, at=float(i), at2=float(j), method=method, **about, **sizes,
        )  # fmt: skip


def _shifts(
    derived: Derived,
    c: Comparison,
    pair: pl.DataFrame,
    arm: str,
    analysis: Analysis,
    deltas: Sequence[float],
    about: Mapping[str, Any],
) -> Iterator[Row]:
    """The analysis of covariance with the missing outcomes predicted and shifted by each pair of deltas."""
    known = pair.drop_nulls(list(analysis.covariates))
    outcome = known["outcome"].to_numpy().astype(np.float64)
    covariates = {name: known[name].to_numpy() for name in analysis.covariates}
    treated = (known["arm"] == arm).to_numpy()
    try:
        at = shifted_ancova(outcome, treated, covariates, c.analysis.conf_level)
        predicted = predicted_missing(outcome, treated, covariates)
    except UsageError as error:
        yield from no_grid(about, SHIFTED, str(error))
        return
    gaps = [gaps_of(derived, c, known, np.where(side, predicted, np.nan)) for side in (treated, ~treated)]
    yield from grid_rows(at, deltas, (gaps[0], gaps[1]), SHIFTED, about)

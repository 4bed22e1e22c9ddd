"""Outcomes of all visits imputed on one model, at random or by reference to the other arm, and compared by ANCOVA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from armwise.analysis.crowding import crowded
from armwise.analysis.imputation import delta_words
from armwise.analysis.results import Row, estimate_row, row
from armwise.errors import FitError, UsageError
from armwise.protocol.model import Analysis, Protocol
from armwise.stats import conditional_means, impute_outcomes
from armwise.stats.covariates import Covariate, covariate, independent_columns
from armwise.stats.imputation.imputed_outcomes import ConditionalMeans, DrawnOutcomes
from armwise.stats.imputation.strategies import STRATEGY_WORDS, Strategy, check_strategy

if TYPE_CHECKING:
    from armwise.analysis.comparison import Comparison


@dataclass(frozen=True, eq=False)
class ModelImputed:
    """The outcomes of everyone at every visit, imputed on one model.

    Attributes:
        people: `subject, arm` and the covariates.
        missing: visit -> shape (people,), whose outcome was imputed.
        found: the imputed outcomes; None where there is no fit.
        why: why not.
        at: column of a category -> its value in the adjusted means, where categories weigh alike; else their means.
        unused: covariates that do not vary, or that others determine.
    """

    people: pl.DataFrame
    missing: dict[str, NDArray[np.bool_]]
    found: DrawnOutcomes | ConditionalMeans | None
    why: str = ""
    at: Mapping[str, float] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


def model_method(analysis: Analysis) -> str:
    """The method in the words of its rows."""
    words = STRATEGY_WORDS[strategy(analysis)]
    how = (
        "conditional means with the jackknife" if analysis.variance == "jackknife" else "multiple imputation"
    )
    return f"{how}, {words}, ANCOVA"


def strategy(analysis: Analysis) -> Strategy:
    """What is assumed of an outcome after a patient left."""
    return check_strategy("missing-at-random" if analysis.missing == "impute" else analysis.missing)


def model_imputed(
    protocol: Protocol, analysis: Analysis, people: pl.DataFrame, rows: pl.DataFrame
) -> ModelImputed:
    """Imputes the outcomes of an analysis at every visit at which its endpoint was measured in somebody so far.

    Args:
        protocol, analysis: what is asked for.
        people: `subject, arm, baseline` and the covariates, of everyone who is compared; none missing.
        rows: the endpoint's rows at all visits, after intercurrent events.
    """
    visits = protocol.measured_visits(analysis.endpoint)
    y = np.full((people.height, len(visits)), np.nan)
    for j, visit in enumerate(visits):
        here = rows.filter(pl.col("visit") == visit).select("subject", "outcome")
        joined = people.select("subject").join(here, on="subject", how="left", maintain_order="left")
        y[:, j] = joined["outcome"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    missing = {visit: np.isnan(y[:, j]) for j, visit in enumerate(visits)}
    come = ~np.isnan(y).all(axis=0)  # a visit to come says nothing, and has no mean to draw from
    y, visits = y[:, come], tuple(v for v, here in zip(visits, come, strict=True) if here)
    terms = [covariate(name, people[name].to_numpy()) for name in analysis.covariates]
    arm, rule = people["arm"].to_numpy().astype(str), strategy(analysis)
    columns, unused = _independent(terms)
    plan = protocol.imputation
    delta = dict[str, ArrayLike](analysis.delta) or None
    found: DrawnOutcomes | ConditionalMeans
    try:
        if analysis.variance == "jackknife":
            found = conditional_means(
                y, arm, reference=protocol.reference, covariates=columns, visits=visits, strategy=rule, delta=delta
            )  # fmt: skip
        else:
            found = impute_outcomes(
                y, arm, reference=protocol.reference, covariates=columns, visits=visits, strategy=rule, delta=delta,
                imputations=plan.sets, seed=plan.seed,
            )  # fmt: skip
        alike = [term for term in terms if term.levels and analysis.ls_means == "equal"]
        at = {n: 1 / len(term.levels) for term in alike for n in term.columns if n in columns}
        return ModelImputed(people, missing, found, at=at, unused=unused)
    except (UsageError, FitError) as error:
        return ModelImputed(people, missing, None, f"missing outcomes could not be imputed: {error}")


def _independent(
    terms: Sequence[Covariate],
) -> tuple[dict[str, NDArray[np.float64]], tuple[str, ...]]:
    """The covariates' columns that say something beside those before them, and the names of the others.

    One that determines the arm is kept: the model then has no fit, and says so.
    """
    columns = {name: term.X[:, j] for term in terms for j, name in enumerate(term.columns)}
    ones = np.ones((len(terms[0].X), 1)) if terms else np.ones((0, 1))
    kept = independent_columns(np.column_stack([ones, *columns.values()]))
    left = {name: x for j, (name, x) in enumerate(columns.items(), 1) if j in kept}
    constant = [term.name for term in terms if not term.columns]
    return left, (*(name for name in columns if name not in left), *constant)


def model_imputed_rows(c: Comparison) -> Iterator[Row]:
    """Each arm against the reference, the adjusted means, and how many outcomes were imputed.

    Raises:
        UsageError: there is no fit.
    """
    made = c.modelled
    assert made is not None
    if made.found is None:
        raise UsageError(made.why)
    level, variance = c.analysis.conf_level, made.found.variance
    for arm in c.arms:
        difference = made.found.difference(c.visit, arm, level)
        unused = (
            f"not used, as it does not vary or others determine it: {', '.join(made.unused)}"
            if made.unused
            else ""
        )
        told = (f"{variance} variance", difference.reason, delta_words(c.analysis), unused, crowded(c))
        reason = "; ".join(filter(None, told))
        yield estimate_row(difference, **{**c.between(arm), "method": c.method, "reason": reason})
    for arm in c.protocol.arms:
        mean = made.found.mean(c.visit, arm, level, made.at)
        yield estimate_row(mean, **{**c.about, "arm": arm, "method": c.method, "p": None})
    drawn = isinstance(made.found, DrawnOutcomes)
    sets = len(made.found.values) if isinstance(made.found, DrawnOutcomes) else 1
    notes = "; ".join(made.found.notes) if isinstance(made.found, DrawnOutcomes) else ""
    how = (
        "parameters by bootstrap, then draws given them"
        if drawn
        else "means given the visits that were observed"
    )
    yield row(
        "imputations", sets, n=int(made.missing[c.visit].sum()),
        **{**c.about, "unit": "data sets", "method": how, "reason": notes},
    )  # fmt: skip

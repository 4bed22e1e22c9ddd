"""The rows of a model for repeated measures: differences by visit, LS means, the fitted covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from armwise.analysis.comparison import AS_ANALYSED, Comparison
from armwise.analysis.crowding import constant_categories, crowded
from armwise.analysis.means import unadjusted_means
from armwise.analysis.repeated import LEAST_DF, TOO_FEW, Floats, Repeated, combined
from armwise.analysis.results import Row, estimate_row, row
from armwise.analysis.unlike_arms import unlike_in_model
from armwise.errors import FitError, UsageError
from armwise.stats import Estimate
from armwise.stats.estimate import LS_MEAN, MEAN_DIFFERENCE

#: What a contrast is that the columns of the model leave without one value.
ALIASED = "the columns of the covariates determine the arm at this visit: no one value fits the data best"


def mmrm_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The difference of each arm from the reference at one visit, and the unadjusted one beside it."""
    model = _model(c)
    for arm in c.arms:
        if not len(c.outcome(arm)) or not len(c.outcome(c.reference)):
            continue  # the caller says who is not there
        difference = _difference(c, model, arm, null)
        yield estimate_row(difference, **c.between(arm))
        if c.analysis.adjust != "none":
            yield from unadjusted_means(c, arm, conditional=difference)


def _difference(c: Comparison, model: Repeated, arm: str, null: float) -> Estimate:
    if c.analysis.models == "per-arm":
        return _of_two_models(c, model, arm, null)
    L = None if model.fit.model is None else model.row(c.visit, arm) - model.row(c.visit, c.reference)
    found = _estimate(
        c, model, L, MEAN_DIFFERENCE, null=null, n_arm=c.size(arm), n_versus=c.size(c.reference)
    )
    if found.estimate is None:
        return found
    return replace(
        found,
        reason=combined(found.reason, constant_categories(c), crowded(c), unlike_in_model(c, model, arm)),
    )


def _of_two_models(c: Comparison, model: Repeated, arm: str, null: float) -> Estimate:
    """Arms that have models of their own, compared at the mean covariates of both together."""
    from armwise.stats.repeated.arm_models import arm_models_difference

    mine, theirs = model.by_arm[arm].fit, model.by_arm[c.reference].fit
    n_arm, n_versus = c.size(arm), c.size(c.reference)

    def without(why: str) -> Estimate:
        return Estimate.not_estimable(
            MEAN_DIFFERENCE, c.method, why, conf_level=c.analysis.conf_level, n=n_arm + n_versus, n_arm=n_arm,
            n_versus=n_versus,
        )  # fmt: skip

    if mine.model is None or theirs.model is None:
        said = ((arm, mine), (c.reference, theirs))
        return without("; ".join(f"{name}: {fitted.note}" for name, fitted in said if fitted.model is None))
    names, X = model.within(pl.col("arm").is_in([arm, c.reference])).columns
    if any(fit.design.covariates[1:] != names for fit in (mine.model, theirs.model)):
        return without("a category that one arm has and the other has not: the models are of other columns")
    try:
        found = arm_models_difference(
            mine.model, theirs.model, c.visit, X, c.analysis.conf_level, null, c.method
        )
    except (FitError, UsageError) as error:
        return without(str(error))
    return replace(
        found, reason=combined(*dict.fromkeys((mine.note, theirs.note)), constant_categories(c), crowded(c))
    )


def model_rows(c: Comparison) -> Iterator[Row]:
    """What belongs to the model and not to one of its comparisons, for every visit of the model.

    LS means of every arm and how many were observed, the SD at each visit, the correlation of each pair, and how it was
    fitted.
    """
    model = _model(c)
    for visit in model.visits:
        about = {**c.about, "visit": visit}
        for arm in c.protocol.arms:
            seen = model.observed(arm, visit)
            observed = {**about, "arm": arm, "method": AS_ANALYSED, "unit": "subjects"}
            yield row("n", seen, n=c.size(arm), **observed)
            yield _ls_mean(c, model, visit, arm, about)
    apart = c.analysis.models == "per-arm"
    models: list[tuple[str | None, Repeated]] = [(None, model)]
    if apart:
        models = [(arm, mine) for arm, mine in model.by_arm.items()]
    for of, fitted in models:
        yield from _covariance_rows(c, fitted, of)
        yield from _fit_rows(c, fitted, of)


def _ls_mean(c: Comparison, model: Repeated, visit: str, arm: str, about: dict[str, Any]) -> Row:
    if model.people.height and not model.observed(arm, visit):
        why = f"nobody in {arm} was observed at this visit"
        found = Estimate.not_estimable(
            LS_MEAN, c.method, why, conf_level=c.analysis.conf_level, n=c.people.height, n_arm=c.size(arm)
        )
        return estimate_row(found, **about, arm=arm)
    fitted, means = model, None
    if c.analysis.models == "per-arm" and model.people.height:
        fitted, (names, X) = model.by_arm[arm], model.columns
        means = dict(zip(names, X.mean(axis=0), strict=True))
    L = None if fitted.fit.model is None else fitted.row(visit, arm, means)
    made = estimate_row(
        _estimate(c, fitted, L, LS_MEAN, n_arm=c.size(arm)), **{**about, "arm": arm, "p": None}
    )
    if made["status"] == "ok":
        at = model.weights if means is None else "covariates at their means over everyone in the models"
        made["reason"] = combined(made["reason"], at)
    return made


def _covariance_rows(c: Comparison, model: Repeated, arm: str | None) -> Iterator[Row]:
    """SDs and correlations of what the model leaves unexplained."""
    from armwise.stats.repeated.covariance import correlations

    fit = model.fit.model
    sd, R = (None, None) if fit is None else correlations(fit.sigma[0])
    place = {v: j for j, v in enumerate(model.seen)}
    about = {**c.about, "method": c.method, "n": model.people.height, "arm": arm}
    for visit in model.visits:
        value = None if sd is None or visit not in place else float(sd[place[visit]])
        yield _fact("sd", value, model, **{**about, "visit": visit})
    for first, second in combinations(model.visits, 2):
        value = None
        if R is not None and first in place and second in place:
            value = float(R[place[first], place[second]])
        pair = {**about, "visit": first, "item": second, "unit": "correlation"}
        yield _fact("correlation", value, model, **pair)


def _fit_rows(c: Comparison, model: Repeated, arm: str | None) -> Iterator[Row]:
    """How good the fit is and how it was reached."""
    fit = model.fit.model
    about = {**c.about, "visit": None, "method": c.method, "n": model.people.height, "unit": "", "arm": arm}
    for statistic, value in (
        ("log likelihood", None if fit is None else fit.loglik),
        ("aic", None if fit is None else fit.aic),
        ("variance parameters", None if fit is None else fit.n_parameters),
        ("observations", int(np.count_nonzero(~np.isnan(model.outcomes)))),
        ("evaluations", None if fit is None else fit.evaluations),
    ):
        yield _fact(statistic, value, model, **about)


def _fact(statistic: str, value: float | None, model: Repeated, **about: Any) -> Row:
    """A row without an interval, or why it is not there."""
    if value is None or not math.isfinite(value):
        why = model.fit.note if model.fit.model is None else "nobody was observed at this visit"
        return row(statistic, None, status="not estimable", reason=why, **about)
    return row(statistic, value, reason=model.fit.note, **about)


def _estimate(
    c: Comparison, model: Repeated, L: Floats | None, statistic: str, *, null: float | None = None, n_arm: int,
    n_versus: int | None = None,
) -> Estimate:  # fmt: skip
    """One contrast of the fit, with what there is to know of the fit; None as a contrast: there is no fit."""
    from armwise.stats.repeated.contrasts import contrasts

    level, fit = c.analysis.conf_level, model.fit
    n = c.people.height

    def without(why: str) -> Estimate:
        return Estimate.not_estimable(
            statistic, c.method, why, conf_level=level, n=n, n_arm=n_arm, n_versus=n_versus
        )

    if fit.model is None or L is None:
        return without(fit.note)
    try:
        found = contrasts(fit.model, L[None, :], conf_level=level, null=null or 0.0)
    except (FitError, UsageError) as error:
        return without(str(error))
    numbers = (found.estimate, found.se, found.df, found.lower, found.upper, found.p)
    value, se, df, lower, upper, p = (float(np.asarray(x)[0]) for x in numbers)
    if not all(math.isfinite(x) for x in (value, se, lower, upper)) or math.isnan(df):
        return without(ALIASED)
    if df < LEAST_DF:
        return without(f"{TOO_FEW}: {df:.1g} degrees of freedom")
    return Estimate(
        value, se, df, lower, upper, level, None if null is None else p, c.people.height, n_arm, n_versus, c.method,
        statistic, reason=fit.note,
    )  # fmt: skip


def _model(c: Comparison) -> Repeated:
    if c.repeated is None:
        raise UsageError(f"{c.name}: not an analysis of repeated measures")
    return c.repeated

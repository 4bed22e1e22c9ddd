"""Whether the arms of a study that was not randomised can be compared: their propensity scores side by side.

The model is the one of the primary analysis, or one of its covariates where it needs none. Where covariates separate
the arms there are no scores to show: the rows say which ones do it and how many subjects it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from armwise.analysis.adjusted import propensity_of
from armwise.analysis.comparison import Comparison
from armwise.analysis.results import Row, row
from armwise.errors import UsageError
from armwise.protocol.plan import WEIGHTED
from armwise.stats import Propensity, ScoreOverlap, positivity
from armwise.stats.weighting.score_overlap import QUANTILES, UNLIKELY

METHOD: Final = "logistic regression"
OUTSIDE: Final = "outside the other arm's range"
IMPROBABLE: Final = "treatment had a low probability"
ONLY_HERE: Final = "only possible in this arm"
IN_BIN: Final = "probability from at to below at2"
C_STATISTIC: Final = "c statistic"
PERCENTILE: Final = "value at percentile"
COVARIATES: Final = "covariates in the model"
#: The reason of the c statistic where covariates were drawn: a probability averaged over sets would be nobody's.
FIRST_SET: Final = "covariates as in the first completed data set"


def overlap(c: Comparison | None) -> Iterator[Row]:
    """The rows of each arm against the reference: model, range, histogram, who is outside, c statistic.

    Args:
        c: the primary analysis at its last visit.

    Returns:
        Rows; none of a randomised study, or where the primary analysis has no covariates.
    """
    if c is None or c.protocol.randomised or not c.analysis.covariates:
        return
    for arm in c.arms:
        pair = (c.people["arm"].is_in([arm, c.reference])).to_numpy()
        treated = (c.people["arm"] == arm).to_numpy()[pair]
        about: dict[str, Any] = {
            **{name: c.about[name] for name in ("endpoint", "analysis_set", "visit")},
            "analysis": "overlap",
            "role": "descriptive",
            "item": c.name,
            "method": METHOD,
            "arm": arm,
            "versus": c.reference,
        }
        sizes = {"n": len(treated), "n_arm": int(treated.sum()), "n_versus": int((~treated).sum())}
        try:
            fit = _model(c, pair, treated)
        except UsageError as error:
            yield row(
                C_STATISTIC, None, status="not estimable", reason=str(error), unit="probability",
                **about, **sizes,
            )  # fmt: skip
            continue
        yield from _of_model(c, fit, treated, about, sizes)


def _model(c: Comparison, pair: NDArray[np.bool_], treated: NDArray[np.bool_]) -> Propensity:
    """The propensity model of two arms: that of the analysis itself where there are no others.

    Raises:
        UsageError: a covariate is missing, or nobody is in an arm.
    """
    if pair.all() and c.analysis.adjust in WEIGHTED:
        return c.propensity
    if c.imputed is not None:
        covariates = c.covariates()
    else:  # everyone whom the method uses: a model of all visits has more than its last visit
        covariates = {name: c.people[name].to_numpy() for name in c.analysis.covariates}
    return propensity_of(c.analysis, treated, {name: x[pair] for name, x in covariates.items()})


def _of_model(
    c: Comparison,
    fit: Propensity,
    treated: NDArray[np.bool_],
    about: dict[str, Any],
    sizes: dict[str, int],
) -> Iterator[Row]:
    first = FIRST_SET if _drawn(c) else ""
    kept = len(c.analysis.covariates) - len(fit.dropped)
    yield row(COVARIATES, kept, reason=_left_out(fit), unit="covariates", **about, **sizes)
    outside = np.isin(np.arange(len(treated)), fit.outside)
    why = f"by {', '.join(fit.outside_by)}" if fit.outside_by else ""
    for name, mine in _arms(about, treated):
        yield row(
            "count", int((outside & mine).sum()), category=ONLY_HERE, n=int(mine.sum()), unit="subjects",
            reason=why, **_own(about, name),
        )  # fmt: skip
    if fit.problem:
        yield row(
            C_STATISTIC,
            None,
            status="not estimable",
            reason=fit.problem,
            unit="probability",
            **about,
            **sizes,
        )
        return
    found = positivity(fit.scores, treated)
    yield row(C_STATISTIC, found.c_statistic, unit="probability", reason=first, **about, **sizes)
    yield row("count", found.unlikely, category=IMPROBABLE, at=UNLIKELY, unit="subjects", **about, **sizes)
    yield from _scores(found, about)


def _scores(found: ScoreOverlap, about: dict[str, Any]) -> Iterator[Row]:
    """By arm: quantiles of the scores, who lies outside the other arm's range, and the histogram."""
    arms = (
        (about["arm"], found.n_arm, found.quantiles_arm, found.outside_arm, found.counts_arm),
        (about["versus"], found.n_versus, found.quantiles_versus, found.outside_versus, found.counts_versus),
    )
    for name, n, quantiles, outside, counts in arms:
        own = {**_own(about, name), "n": n}
        for at, value in zip(QUANTILES, quantiles, strict=True):
            yield row(PERCENTILE, value, at=100 * at, unit="probability", **own)
        yield row("count", len(outside), category=OUTSIDE, unit="subjects", **own)
        for (low, high), count in zip(pairwise(found.edges), counts, strict=True):
            yield row(
                "count",
                count,
                category=IN_BIN,
                at=round(low, 12),
                at2=round(high, 12),
                unit="subjects",
                **own,
            )


def _arms(about: dict[str, Any], treated: NDArray[np.bool_]) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    return (about["arm"], treated), (about["versus"], ~treated)


def _own(about: dict[str, Any], name: str) -> dict[str, Any]:
    """The columns of a row about one of the two arms: `versus` is the other one, whose scores are beside it."""
    other = about["versus"] if name == about["arm"] else about["arm"]
    return {**about, "arm": name, "versus": other}


def _drawn(c: Comparison) -> bool:
    return c.imputed is not None and c.imputed.covariates_differ


def _left_out(fit: Propensity) -> str:
    said = []
    if fit.dropped:
        said.append(f"left out, in the declared order, for want of a solution: {', '.join(fit.dropped)}")
    if fit.aliased:
        said.append(f"columns that those before them determine, left out: {', '.join(fit.aliased)}")
    return "; ".join(said)

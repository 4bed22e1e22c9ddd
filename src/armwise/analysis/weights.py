"""The weights of an analysis, for what else is shown under them: Table 1 after weighting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.adjusted import WORDS, Covariates, arm_means
from armwise.analysis.comparison import Comparison
from armwise.errors import UsageError
from armwise.protocol.plan import WEIGHTED
from armwise.stats import Propensity

#: What the reason of a row says that is a mean over completed data sets.
DRAWN_COVARIATES = "data sets with drawn covariates"


@dataclass(frozen=True)
class Weights:
    """The weights of one comparison.

    Attributes:
        sets: `subject, arm, weight` of the subjects whom it used, with the covariates that were drawn: one frame, or
            one a completed data set where covariates were drawn, so that each has weights of its own; empty frames
            without weights.
        problem: why there are no weights, or empty.
        target: whom the weighted arms look like: "overlap", "treated" or "everyone".
        how: what makes the weights, in the words of the rows.
    """

    sets: tuple[pl.DataFrame, ...]
    problem: str = ""
    target: str = "overlap"
    how: str = "overlap weights"

    @property
    def size(self) -> int:
        """How many subjects have weights."""
        return self.sets[0].height


def weights_of(c: Comparison) -> Weights | None:
    """The weights by which a comparison compares its arms; None where it uses none."""
    if c.analysis.adjust not in WEIGHTED or c.analysis.adjust == "g-computation":
        return None
    made = partial(Weights, target=c.about["target"], how=WORDS[c.analysis.adjust])
    try:
        if c.undrawn:
            raise UsageError(c.undrawn)
        return made(tuple(_weighted(c)))
    except UsageError as error:
        return made((_people(c).clear(),), str(error))


def _people(c: Comparison) -> pl.DataFrame:
    return c.people.select("subject", "arm").with_columns(pl.lit(0.0).alias("weight"))


def _weighted(c: Comparison) -> Iterator[pl.DataFrame]:
    """The weights in each completed data set that has its own.

    Raises:
        UsageError: the estimator weights nobody, in any set.
    """
    if c.imputed is None or not c.imputed.covariates_differ:
        yield _people(c).with_columns(pl.Series("weight", _found(c, c.model)))
        return
    for i in range(c.imputed.sets):
        covariates = c.imputed.covariates_of(i)
        drawn = [
            pl.Series(shown, covariates[name])
            for name, values in c.imputed.covariates.items()
            if values.ndim == 2
            for shown in _shown_as(c, name)
        ]
        yield _people(c).with_columns(pl.Series("weight", _found(c, covariates)), *drawn)


def _shown_as(c: Comparison, covariate: str) -> tuple[str, ...]:
    """What Table 1 calls a covariate: the outcome's own baseline may stand there as a covariate or as its score."""
    score = c.protocol.endpoints[c.analysis.endpoint].score
    if covariate != "baseline" or score is None:
        return (covariate,)
    return (score, *(name for name, declared in c.protocol.covariates.items() if declared.score == score))


def _found(c: Comparison, model: Propensity | Covariates) -> NDArray[Any]:
    plain = c.analysis.model_copy(update={"variance": None})
    y = np.zeros((1, c.people.height))
    found = arm_means(plain, y, c.treated, model, c.about["target"], "mean")[0]
    if found.refusal or found.weights is None:
        raise UsageError(found.refusal or "the estimator weights nobody")
    return found.weights

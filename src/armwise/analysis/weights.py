"""The weights of an analysis, for what else is shown under them: Table 1 after weighting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from armwise.analysis.adjusted import WORDS, arm_means
from armwise.analysis.comparison import Comparison
from armwise.errors import UsageError
from armwise.protocol.plan import WEIGHTED


@dataclass(frozen=True)
class Weights:
    """The weights of one comparison.

    Attributes:
        frame: `subject, arm, weight` of the subjects whom it used; empty without weights.
        problem: why there are no weights, or empty.
        target: whom the weighted arms look like: "overlap", "treated" or "everyone".
        how: what makes the weights, in the words of the rows.
    """

    frame: pl.DataFrame
    problem: str = ""
    target: str = "overlap"
    how: str = "overlap weights"


def weights_of(c: Comparison) -> Weights | None:
    """The weights by which a comparison compares its arms; None where it uses none.

    Where covariates were drawn each completed data set has its own weights: those of the first set are shown.
    """
    if c.analysis.adjust not in WEIGHTED or c.analysis.adjust == "g-computation":
        return None
    frame = c.people.select("subject", "arm").with_columns(pl.lit(0.0).alias("weight"))
    made = partial(Weights, target=c.about["target"], how=WORDS[c.analysis.adjust])
    try:
        if c.undrawn:
            raise UsageError(c.undrawn)
        y = np.zeros((1, frame.height))
        plain = c.analysis.model_copy(update={"variance": None})
        found = arm_means(plain, y, c.treated, c.model, c.about["target"], "mean")[0]
    except UsageError as error:
        return made(frame.clear(), str(error))
    if found.refusal or found.weights is None:
        return made(frame.clear(), found.refusal or "the estimator weights nobody")
    return made(frame.with_columns(pl.Series("weight", found.weights)))

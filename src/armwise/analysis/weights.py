"""The overlap weights of an analysis, for what else is shown under them: Table 1 after weighting."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from armwise.analysis.comparison import Comparison
from armwise.errors import UsageError
from armwise.stats import overlap_weights


@dataclass(frozen=True)
class Weights:
    """The overlap weights of one comparison.

    Attributes:
        frame: `subject, arm, weight` of the subjects whom it used; empty without weights.
        problem: why there are no weights, or empty.
    """

    frame: pl.DataFrame
    problem: str = ""


def weights_of(c: Comparison) -> Weights | None:
    """The weights by which a comparison compares its arms; None where it uses none."""
    if c.analysis.adjust != "overlap-weights":
        return None
    frame = c.frame.select("subject", "arm").with_columns(pl.lit(0.0).alias("weight"))
    try:
        fit = c.propensity
    except UsageError as error:
        return Weights(frame.clear(), str(error))
    if fit.problem:
        return Weights(frame.clear(), fit.problem)
    treated = (frame["arm"] == c.arms[0]).to_numpy()
    return Weights(frame.with_columns(pl.Series("weight", overlap_weights(fit.scores, treated))))

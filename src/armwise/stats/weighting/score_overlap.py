"""Whether both arms could have had either treatment: how far their propensity scores overlap.

Where some subjects could only have been in the arm that they were in (no positivity) a comparison whose
target is everyone rests on extrapolation, and one of the overlap leaves them out.

Source: Petersen and others 2012, Stat Methods Med Res 21:31 (positivity); Austin and Stuart 2015, Stat Med
34:3661 (what to look at).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.samples import Floats, flags, same_length, sample

QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS: Final = 20
UNLIKELY: Final = 0.05
"""A treatment whose probability was below this was unlikely."""


@dataclass(frozen=True, slots=True)
class ScoreOverlap:
    """The propensity scores of two arms side by side.

    Attributes:
        n_arm, n_versus: subjects.
        quantiles_arm, quantiles_versus: scores at `QUANTILES` (type 7), in the same order.
        edges: edges of equal bins from 0 to 1, shape (bins + 1,).
        counts_arm, counts_versus: subjects in each bin.
        outside_arm: indices of subjects of the arm whose score lies outside the range of the other arm's.
        outside_versus: those of the other arm outside the range of the arm's.
        unlikely: how many had the treatment that they had with a probability below `UNLIKELY`.
        c_statistic: how often a random subject of the arm has a higher score than one of the other (0.5: the
            covariates do not tell the arms apart; 1: they separate them).
    """

    n_arm: int
    n_versus: int
    quantiles_arm: tuple[float, ...]
    quantiles_versus: tuple[float, ...]
    edges: tuple[float, ...]
    counts_arm: tuple[int, ...]
    counts_versus: tuple[int, ...]
    outside_arm: tuple[int, ...]
    outside_versus: tuple[int, ...]
    unlikely: int
    c_statistic: float

    def sentence(
        self, arm: str = "the arm", versus: str = "the arm compared with", whom: str = "subjects"
    ) -> str:
        """What a reader must know about positivity, as one sentence.

        Parameters:
            arm, versus: how the arms are called.
            whom: how subjects are called ("patients").
        """
        low = min(self.quantiles_arm[0], self.quantiles_versus[0])
        high = max(self.quantiles_arm[-1], self.quantiles_versus[-1])
        return (
            f"Given the covariates, the probability of {arm} ranged from {low:.2f} to {high:.2f}; "
            f"{len(self.outside_arm)} of {self.n_arm} {whom} in {arm} and {len(self.outside_versus)} of "
            f"{self.n_versus} in {versus} had a probability outside the range of the other arm, "
            f"and {self.unlikely} had a treatment whose probability was below {UNLIKELY:g}."
        )


def positivity(scores: ArrayLike, treated: ArrayLike, bins: int = BINS) -> ScoreOverlap:
    """Compare the propensity scores of two arms.

    Parameters:
        scores: propensity scores, shape (n,), 0 to 1.
        treated: who is in the arm, shape (n,).
        bins: of the histogram, equal, from 0 to 1.

    Returns:
        A ScoreOverlap.

    Raises:
        UsageError: scores outside 0 to 1, missing values, lengths that differ, an empty arm, no bins.

    >>> positivity([0.2, 0.4, 0.6, 0.9], [0, 1, 0, 1]).outside_arm
    (3,)
    """
    e, z = sample(scores, "scores"), flags(treated, "treated")
    same_length({"scores": e, "treated": z})
    if e.size and (e.min() < 0 or e.max() > 1):
        raise UsageError(f"scores reach from {e.min():g} to {e.max():g}; a propensity lies between 0 and 1")
    if z.all() or not z.any():
        raise UsageError(f"all {z.size} subjects are in one arm; an overlap needs both")
    if bins < 1:
        raise UsageError(f"bins is {bins}; expected 1 at least")
    arm, versus = e[z], e[~z]
    edges = np.linspace(0, 1, bins + 1)
    had = np.where(z, e, 1 - e)
    return ScoreOverlap(
        n_arm=len(arm),
        n_versus=len(versus),
        quantiles_arm=_quantiles(arm),
        quantiles_versus=_quantiles(versus),
        edges=tuple(edges.tolist()),
        counts_arm=tuple(np.histogram(arm, edges)[0].tolist()),
        counts_versus=tuple(np.histogram(versus, edges)[0].tolist()),
        outside_arm=_indices(z & ((e < versus.min()) | (e > versus.max()))),
        outside_versus=_indices(~z & ((e < arm.min()) | (e > arm.max()))),
        unlikely=int(np.count_nonzero(had < UNLIKELY)),
        c_statistic=_c_statistic(arm, versus),
    )


def _quantiles(scores: Floats) -> tuple[float, ...]:
    return tuple(np.quantile(scores, QUANTILES).tolist())


def _indices(who: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(who).tolist())


def _c_statistic(arm: Floats, versus: Floats) -> float:
    """Mann-Whitney's probability, ties counted one half."""
    ordered = np.sort(versus)
    below = np.searchsorted(ordered, arm, "left")
    up_to = np.searchsorted(ordered, arm, "right")
    return float((below + up_to).mean() / 2 / len(versus))

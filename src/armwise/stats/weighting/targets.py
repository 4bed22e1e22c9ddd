"""Whom a comparison of two arms speaks of, and the weights that make each arm look like them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.samples import Bools, Floats, flags, same_length, sample

Target = Literal["everyone", "treated", "overlap"]

TARGETS: Final[Mapping[str, str]] = {
    "everyone": "all subjects of the study",
    "treated": "the subjects who were in the arm",
    "overlap": "the subjects whom both arms treat, most of all those for whom either was as likely",
}
"""The target populations, and each in words."""

LARGEST_SHARE: Final = 1e-12
"""A score nearer to 0 or 1 than this is one of separation: its inverse is no weight."""


def check_target(target: str) -> None:
    """Refuse a target that is none of `TARGETS`.

    Raises:
        UsageError: another word.
    """
    if target not in TARGETS:
        raise UsageError(f"target is {target!r}; expected one of {', '.join(map(repr, TARGETS))}")


def weights_to(scores: ArrayLike, treated: ArrayLike, target: Target = "overlap") -> Floats:
    """Each subject's weight, by which both arms look like the target population.

    Parameters:
        scores: propensity scores, shape (n,), 0 to 1.
        treated: who is in the arm, shape (n,).
        target: "everyone" (1/e and 1/(1 - e)), "treated" (1 and e/(1 - e)) or "overlap" (1 - e and e).

    Returns:
        Weights, shape (n,), finite.

    Raises:
        UsageError: scores outside 0 to 1, a score whose weight would be infinite, missing values, lengths
            that differ, an unknown target.

    Source: Li, Morgan and Zaslavsky 2018, JASA 113:390, Table 1.

    >>> weights_to([0.2, 0.2], [1, 0], "everyone").tolist()
    [5.0, 1.25]
    """
    check_target(target)
    e, z = sample(scores, "scores"), flags(treated, "treated")
    same_length({"scores": e, "treated": z})
    if e.size and (e.min() < 0 or e.max() > 1):
        raise UsageError(f"scores reach from {e.min():g} to {e.max():g}; a propensity lies between 0 and 1")
    if target == "overlap":
        return np.where(z, 1 - e, e)
    risky = (1 - e[~z] < LARGEST_SHARE).any() or (target == "everyone" and (e[z] < LARGEST_SHARE).any())
    if risky:
        raise UsageError(
            "a score of 0 or 1 in the other arm: its weight would be infinite; "
            "look at `Propensity.problem` first, or use target overlap"
        )
    return np.where(z, *_pair(e, z, target))


def _pair(e: Floats, z: Bools, target: Target) -> tuple[Floats, Floats]:
    """Weights in the arm and in the other, computed only where they are used."""
    here, there = np.where(z, e, 0.5), np.where(z, 0.5, e)
    if target == "treated":
        return np.ones_like(e), there / (1 - there)
    return 1 / here, 1 / (1 - there)


def overlap_weights(scores: ArrayLike, treated: ArrayLike) -> Floats:
    """Each subject's probability of the other arm.

    Parameters:
        scores: propensity scores, shape (n,), 0 to 1.
        treated: who is in the arm, shape (n,).

    Returns:
        Weights, shape (n,): 1 - score in the arm, score in the other.

    Raises:
        UsageError: scores outside 0 to 1, missing values, lengths that differ.
    """
    return weights_to(scores, treated, "overlap")


def effective_sample_size(weights: ArrayLike) -> float:
    """Kish's effective sample size: how many unweighted subjects carry as much as these weighted ones.

    Parameters:
        weights: shape (n,), at least 0.

    Returns:
        (sum w)^2 / sum w^2; 0 when all weights are 0.

    Raises:
        UsageError: negative or missing weights.

    Source: Kish 1965, Survey Sampling, section 11.2.
    """
    w = sample(weights, "weights")
    if w.size and w.min() < 0:
        raise UsageError(f"the smallest weight is {w.min():g}; weights are at least 0")
    squares = float(w @ w)
    return float(w.sum()) ** 2 / squares if squares > 0 else 0.0

"""Tipping point of a comparison of responders: every number of responders that the missing answers could hold.

No model of the missing answers is needed to see which of them would overturn a finding. A second question, how
likely those are, has an answer only under an assumption: here that the missing of each arm would have responded as
often as its observed.

Source: Yan, Lee and Li 2009, J Biopharm Stat 19:1085 (display of all combinations); Newcombe 1998, Stat Med 17:873.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betaln, gammaln

from armwise.errors import UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.proportions import mover, normal_quantile, wilson_limits
from armwise.stats.samples import Bools, Floats, check_counts, flags, same_length, sample

METHOD: Final = "Newcombe"

Limits = tuple[float, float, float]
"""Estimate, lower and upper limit of a difference."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What was seen in one arm, and how many answers were not.

    Attributes:
        responders, observed: responders among those observed.
        missing: subjects without an answer.
    """

    responders: int
    observed: int
    missing: int

    def __post_init__(self) -> None:
        check_counts(self.responders, self.observed)
        check_counts(0, self.missing)

    @property
    def subjects(self) -> int:
        """Everyone of the arm."""
        return self.observed + self.missing


@dataclass(frozen=True, slots=True)
class TippingGrid:
    """The difference of two risks under every number of responders among the missing.

    Attributes:
        arm, versus: what was seen, and how many were not.
        estimate, lower, upper: shape (missing of arm + 1, missing of versus + 1): the row is the number of
            responders among the missing of the arm, the column that of the other.
        conf_level: of the limits.
        method: how the limits were made.
    """

    arm: Missing
    versus: Missing
    estimate: Floats
    lower: Floats
    upper: Floats
    conf_level: float
    method: str

    @property
    def clear(self) -> Bools:
        """Where the interval lies wholly on one side of no difference."""
        return np.asarray((self.lower > 0) | (self.upper < 0))

    @property
    def overturned(self) -> int:
        """In how many combinations the interval holds no difference."""
        return int((~self.clear).sum())

    @property
    def probability(self) -> float:
        """How probable those are, were the missing of each arm like its observed (see `responders_among_missing`)."""
        p, q = (responders_among_missing(side) for side in (self.arm, self.versus))
        return float(p @ (~self.clear).astype(np.float64) @ q)

    def worst(self, sign: float) -> tuple[int, int]:
        """The combination that counts every missing answer against a difference of this sign."""
        return (0, self.versus.missing) if sign >= 0 else (self.arm.missing, 0)


def tipping_grid(arm: Missing, versus: Missing, conf_level: float = 0.95) -> TippingGrid:
    """The unadjusted difference of risks with Newcombe's limits, for every combination.

    Parameters:
        arm, versus: what was seen in each arm, and how many were not.
        conf_level: 0.95 for 95 %.

    Raises:
        UsageError: an arm without subjects, a conf_level outside 0 to 1.
    """
    z = normal_quantile(check_conf_level(conf_level))
    if not (arm.subjects and versus.subjects):
        raise UsageError(f"each arm needs a subject, found {arm.subjects} and {versus.subjects}")
    first, second = _risks(arm, z), _risks(versus, z)

    def at(k1: int, k0: int) -> Limits:
        r1, r0 = first[k1], second[k0]
        return (r1[0] - r0[0], *mover(*r1, *r0))

    return grid_of(arm, versus, at, conf_level, METHOD)


def _risks(side: Missing, z: float) -> list[Limits]:
    """An arm's risk with Wilson's limits, by the responders among its missing."""
    found = []
    for k in range(side.missing + 1):
        r = (side.responders + k) / side.subjects
        found.append((r, *wilson_limits(r, side.subjects, z)))
    return found


def grid_of(
    arm: Missing, versus: Missing, at: Callable[[int, int], Limits], conf_level: float, method: str
) -> TippingGrid:
    """A grid of any estimator: `at` gives estimate, lower and upper for the responders among the missing.

    Parameters:
        arm, versus: what was seen in each arm, and how many were not.
        at: of the number of responders among the missing of `arm` and of `versus`.
        conf_level, method: for the result.
    """
    cells = np.array([[at(i, j) for j in range(versus.missing + 1)] for i in range(arm.missing + 1)])
    return TippingGrid(arm, versus, cells[..., 0], cells[..., 1], cells[..., 2], conf_level, method)


def least_favourable(
    y: Sequence[float] | Floats, treated: Bools, weights: Floats, k1: int, k0: int, sign: float
) -> Floats:
    """Outcomes with k1 and k0 responders among the missing, so placed that the weighted difference is smallest.

    Under weights it matters which of the missing respond. With a difference of sign +1 the responders of the arm
    are those of smallest weight and those of the other arm those of largest; the reverse for -1. No other placing
    of as many responders brings the weighted difference nearer to, or further beyond, no difference.

    Parameters:
        y: 0 or 1 a subject, NaN where missing, shape (n,).
        treated: who is in the arm, shape (n,).
        weights: of each subject, shape (n,).
        k1, k0: responders among the missing of the arm and of the other.
        sign: of the difference that is put to the test.

    Returns:
        Outcomes without missing ones, shape (n,).

    Raises:
        UsageError: more responders than missing answers, lengths that differ.
    """
    filled = np.array(y, dtype=np.float64)
    z, w = flags(treated, "treated"), sample(weights, "weights")
    same_length({"y": filled, "treated": z, "weights": w})
    gap = np.isnan(filled)
    for group, k, smallest in ((gap & z, k1, sign >= 0), (gap & ~z, k0, sign < 0)):
        where = np.flatnonzero(group)
        if not 0 <= k <= len(where):
            raise UsageError(f"{k} responders among {len(where)} missing answers")
        order = where[np.argsort(w[where] if smallest else -w[where], kind="stable")]
        filled[order[:k]], filled[order[k:]] = 1.0, 0.0
    return filled


def responders_among_missing(side: Missing) -> Floats:
    """How probable each number of responders among the missing is, were they like the observed of their arm.

    Parameters:
        side: what was seen in the arm, and how many were not.

    Returns:
        Probabilities of 0 to `side.missing` responders, shape (missing + 1,). The risk itself is uncertain: it has
        the distribution that Jeffreys' prior and the observed give it (beta-binomial), so that nothing is impossible
        because it was not seen among a few.

    Source: Brown, Cai and DasGupta 2001, Stat Sci 16:101 (Jeffreys' prior for a proportion).
    """
    a, b = side.responders + 0.5, side.observed - side.responders + 0.5
    k = np.arange(side.missing + 1)
    m = side.missing
    log = gammaln(m + 1) - gammaln(k + 1) - gammaln(m - k + 1) + betaln(k + a, m - k + b) - betaln(a, b)
    p = np.exp(log)
    total = float(p.sum())
    return np.asarray(p / total if math.isfinite(total) and total > 0 else p)

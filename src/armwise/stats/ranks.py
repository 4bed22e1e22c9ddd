"""Mann-Whitney's test and the Hodges-Lehmann shift with the interval that belongs to it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from armwise.stats.estimate import SHIFT, Estimate, check_conf_level
from armwise.stats.samples import Floats, sample

EXACT_BELOW = 50
"""Both arms smaller than this, and no ties: the exact null distribution (as in R)."""


def mann_whitney(arm: ArrayLike, versus: ArrayLike, conf_level: float = 0.95, null: float = 0.0) -> Estimate:
    """The shift between two samples: Hodges-Lehmann's estimate, with Mann-Whitney's interval and p.

    The estimate is the median of all n1 x n2 differences (arm minus versus), exactly. The exact null
    distribution is used when no two values are equal and both arms have fewer than 50; otherwise the normal
    approximation with continuity and tie correction. Which one depends on the values alone, never on `null`.
    When no shift can be rejected at this size and level, the limits are infinite (R returns the range of the
    differences instead, at a lower level).

    The interval runs between the outermost shifts that the test does not reject, so that p and interval agree
    at every null at which no value of one arm, shifted, equals one of the other. Where some do, exact p is the
    largest over the ways to break these ties, and agrees; approximate p counts each as half (as R's does). With
    ties a limit may then lie on the null though p is below 1 - conf_level: `reason` says so.

    Memory: 8 bytes a pair (25 million pairs: 200 MB).

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        conf_level: 0.95 for 95 %.
        null: the shift that p tests, in the unit of the data.

    Returns:
        An Estimate of statistic "shift"; `method` says which null distribution, `reason` what ties did to p.

    Raises:
        UsageError: missing values or a conf_level outside 0 to 1.

    Source: Hodges and Lehmann 1963, Ann Math Stat 34:598; Bauer 1972, JASA 67:687 (the interval).
    """
    check_conf_level(conf_level)
    x, y = sample(arm, "arm"), sample(versus, "versus")
    n1, n2 = int(x.size), int(y.size)
    alpha = 1 - conf_level
    exact = n1 < EXACT_BELOW and n2 < EXACT_BELOW and not _has_ties(np.concatenate([x, y]))
    method = f"Mann-Whitney, {'exact' if exact else 'normal approximation with tie correction'}"
    if min(n1, n2) < 1:
        return Estimate.not_estimable(
            SHIFT, method, f"each arm needs a value, found {n1} and {n2}", conf_level=conf_level,
            n=n1 + n2, n_arm=n1, n_versus=n2,
        )  # fmt: skip
    if exact:
        p = _exact_p(x - null, y)
        k = _exact_rank(n1, n2, alpha)
    else:
        p = _approximate_p(x - null, y)
        k = _approximate_rank(x, y, alpha)
    shift, lower, upper = _order_statistics(np.subtract.outer(x, y).ravel(), k)
    reasons = [] if k else [f"{n1} and {n2} subjects can reject no shift at this level: limits are infinite"]
    reasons += _tied_at_null(x - null, y, exact, p < alpha and lower <= null <= upper)
    return Estimate(
        shift,
        None,
        None,
        lower,
        upper,
        conf_level,
        p,
        n1 + n2,
        n1,
        n2,
        method,
        SHIFT,
        reason="; ".join(reasons),
    )


def _tied_at_null(x: Floats, y: Floats, exact: bool, contradict: bool) -> list[str]:
    """What a reader must know when values of one arm, shifted to the null, equal values of the other."""
    if exact and np.isin(x, y).any():
        return ["values tie at the null: p is the largest over the ways to break the ties"]
    if contradict:
        return ["with ties the interval may reach the null though p is below 1 minus its level"]
    return []


def _has_ties(values: Floats) -> bool:
    return np.unique(values).size < values.size


def _order_statistics(D: Floats, k: int) -> tuple[float, float, float]:
    """Median of the differences, and the k-th smallest and k-th largest (infinite when k is 0)."""
    N = D.size
    middle = [(N - 1) // 2, N // 2]
    ends = [k - 1, N - k] if k else []
    D.partition(sorted({*middle, *ends}))
    median = float((D[middle[0]] + D[middle[1]]) / 2)
    if not k:
        return median, -math.inf, math.inf
    return median, float(D[k - 1]), float(D[N - k])


def _null_distribution(n1: int, n2: int) -> Floats:
    """P(U = u) under no shift, u = 0 ... n1 n2: all choices of n1 ranks counted by their sum.

    ways[k, u] = choices of k of the ranks so far whose sum is u above the least; only additions, so that
    the tails keep their relative accuracy.
    """
    ways = np.zeros((n1 + 1, n1 * n2 + 1))
    ways[0, 0] = 1.0
    for rank in range(1, n1 + n2 + 1):
        for k in range(min(rank, n1), 0, -1):
            u = rank - k  # what choosing this rank as the k-th smallest adds to U
            if 0 <= u <= n2:
                ways[k, u:] += ways[k - 1, : ways.shape[1] - u]
    return np.asarray(ways[n1] / ways[n1].sum())


def _exact_p(x: Floats, y: Floats) -> float:
    """Two-sided exact p: twice the smaller tail; pairs that tie at the null count towards the larger p."""
    n1, n2 = x.size, y.size
    U = _u_statistic(x, y)
    tied = int(np.isin(x, y).sum())  # no two values within an arm are equal: each ties with one
    cumulative = np.cumsum(_null_distribution(n1, n2))
    smaller = min(round(min(U, n1 * n2 - U) + tied / 2), n1 * n2)
    return min(1.0, 2 * float(cumulative[smaller]))


def _exact_rank(n1: int, n2: int, alpha: float) -> int:
    """The largest k with P(U <= k - 1) <= alpha/2: limits are the k-th smallest and largest difference."""
    cumulative = np.cumsum(_null_distribution(n1, n2))
    # the sums of probabilities carry rounding of about 1e-15; a tail of exactly alpha/2 is rejected
    return int(np.count_nonzero(cumulative <= alpha / 2 * (1 + 1e-12)))


def _u_statistic(x: Floats, y: Floats) -> float:
    """Mann-Whitney's U: pairs with x > y, half a point for x = y."""
    y = np.sort(y)
    below = np.searchsorted(y, x, side="left")
    below_or_equal = np.searchsorted(y, x, side="right")
    return float(below.sum() + below_or_equal.sum()) / 2


def _sd(n1: int, n2: int, tie_sizes: Floats) -> float:
    """SD of U under no shift given the sizes of the groups of tied values."""
    N = n1 + n2
    ties = float((tie_sizes**3 - tie_sizes).sum()) / (N * (N - 1))
    return math.sqrt(max(0.0, n1 * n2 / 12 * (N + 1 - ties)))


def _tie_sizes(values: Floats) -> Floats:
    return np.unique(values, return_counts=True)[1].astype(np.float64)


def _approximate_p(x: Floats, y: Floats) -> float:
    """Two-sided p by the normal approximation with continuity correction and ties."""
    n1, n2 = x.size, y.size
    sd = _sd(n1, n2, _tie_sizes(np.concatenate([x, y])))
    if sd == 0:
        return 1.0  # every value is the same: nothing speaks against no shift
    distance = max(0.0, abs(_u_statistic(x, y) - n1 * n2 / 2) - 0.5)
    return min(1.0, 2 * float(ndtr(-distance / sd)))


def _approximate_rank(x: Floats, y: Floats, alpha: float) -> int:
    """The rank of the differences that bound the shifts not rejected by the normal approximation.

    Between two neighbouring differences no x - shift equals a y, so only ties within an arm remain and the
    SD is the same for every shift: the shift is not rejected while |U - n1 n2/2| - 1/2 < z SD.
    """
    n1, n2 = x.size, y.size
    sd = _sd(n1, n2, np.concatenate([_tie_sizes(x), _tie_sizes(y)]))
    edge = n1 * n2 / 2 - 0.5 - float(-ndtri(alpha / 2)) * sd
    return max(0, math.floor(edge) + 1)

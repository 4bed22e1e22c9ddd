"""The mean change of one group by flipping signs: a change within subjects, with no arm to compare with.

If nothing changed, a subject's change is as likely one way as the other: every sign could have been flipped. The
interval is the same test turned round, and needs no search: its limits are order statistics of the means of subsets of
the subjects (Hartigan's typical values).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.estimate import MEAN, Estimate, check_conf_level
from armwise.stats.samples import Floats, sample

METHOD = "sign-flip permutation over subjects"
EXACT_UP_TO = 20
"""Up to so many subjects all 2^n sign patterns are counted; above it, `draws` random ones."""
DRAWS = 9_999
#: Means within this share of the largest value are the same: sums in another order differ by rounding.
_TIE = 1e-10


def sign_flip_mean(
    changes: ArrayLike,
    conf_level: float = 0.95,
    null: float = 0.0,
    *,
    draws: int = DRAWS,
    seed: int = 1,
) -> Estimate:
    """The mean of one change a subject, with the p and the interval of the sign-flip test.

    p is twice the share of sign patterns whose mean is at least as far on the observed side, at most 1: exact up
    to 20 subjects, else from random patterns with (1 + count)/(1 + draws), which never is 0. The interval holds the
    shifts that the test does not reject. It is a test of a change that is symmetric about `null`; with skewed changes
    it is a test of the mean in large samples only.

    Parameters:
        changes: one value a subject, shape (n,), none missing: a subject with several places gives their mean.
        conf_level: 0.95 for 95 %.
        null: the change that p tests, in the unit of the data.
        draws: random sign patterns where there are too many to count.
        seed: of the random patterns.

    Returns:
        An Estimate of statistic "mean"; `reason` says how many patterns. With few subjects the limits are infinite:
        no pattern is rare enough (five subjects at 95 %: 2/32 is above 0.05). Where all changes are alike (nobody
        changed) there are none: nothing varies that could say how precise the mean is.

    Raises:
        UsageError: missing values, a conf_level outside 0 to 1, or less than 99 draws.

    Source: Hartigan 1969, J Am Stat Assoc 64:1303 (the interval); Phipson and Smyth 2010, Stat Appl Genet Mol Biol
        9:39 (p of random patterns).

    Example:
        >>> from armwise.stats import sign_flip_mean
        >>> found = sign_flip_mean([-1, -2, 0, -1, -3, 1, -2, -1])
        >>> found.estimate, found.p, found.reason
        (-1.125, 0.078125, 'all 256 sign patterns')
    """
    check_conf_level(conf_level)
    if draws < 99:
        raise UsageError(f"draws is {draws}; a p from random sign patterns needs 99 or more")
    d = sample(changes, "changes")
    n = int(d.size)
    if n == 0:
        return Estimate.not_estimable(MEAN, METHOD, "no subject has a change", conf_level=conf_level)
    complete = n <= EXACT_UP_TO
    means = _means_of_all_subsets(d) if complete else _means_of_random_subsets(d, draws, seed)
    # the empty subset flips nothing: it is the observed pattern, and counts on either side
    patterns = means.size + 1
    slack = _TIE * max(float(np.abs(d).max()), abs(null))
    below = 1 + int(np.count_nonzero(means <= null + slack))
    above = 1 + int(np.count_nonzero(means >= null - slack))
    p = min(1.0, 2 * min(below, above) / patterns)
    rare = math.floor((1 - conf_level) / 2 * patterns + 1e-9)
    lower: float | None = -math.inf
    upper: float | None = math.inf
    alike = n > 1 and float(np.ptp(d)) <= slack
    if alike:
        lower = upper = None
    elif rare >= 1:
        ordered = np.partition(means, [rare - 1, means.size - rare])
        lower, upper = float(ordered[rare - 1]), float(ordered[means.size - rare])
    how = (
        f"all {patterns:,} sign patterns"
        if complete
        else f"{patterns - 1:,} random sign patterns, seed {seed}"
    )
    if alike:
        how = f"all changes are alike: no interval can be made from them; {how}"
    return Estimate(
        float(d.mean()), None, None, lower, upper, conf_level, p, n, None, None, METHOD, MEAN, reason=how
    )


def _means_of_all_subsets(d: Floats) -> Floats:
    """The mean of every subset that is not empty, by doubling: with and without each value."""
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in d:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    return np.asarray(sums[1:] / sizes[1:])


def _means_of_random_subsets(d: Floats, draws: int, seed: int) -> Floats:
    """The means of random subsets; an empty one, should it be drawn, is left for the pattern that flips nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for start in range(0, draws, 1000):
        flipped = rng.random((min(1000, draws - start), d.size)) < 0.5
        size = flipped.sum(axis=1)
        size_or_one = np.maximum(size, 1)
        mean = np.where(flipped, d, 0.0).sum(axis=1) / size_or_one
        found.append(np.where(size > 0, mean, d.mean()))
    return np.concatenate(found)

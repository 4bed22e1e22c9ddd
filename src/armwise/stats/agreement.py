"""Agreement between readings of the same places: percent agreement, weighted kappa, Gwet's AC1 and AC2.

A patient has several places (levels, sides), so readings are nested: every interval is over subjects, by leaving one
subject out at a time with all of its places. All coefficients are functions of sums over places, so that leaving a
subject out is a subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import Estimate, check_conf_level
from armwise.stats.means import t_quantile
from armwise.stats.samples import Floats, labels

PERCENT_AGREEMENT: Final = "percent agreement"
KAPPA: Final = "kappa"
AC: Final = "gwet ac2"

Weights = Literal["unweighted", "linear", "quadratic"]
WEIGHTS: Final[tuple[Weights, ...]] = ("unweighted", "linear", "quadratic")
#: A coefficient is 1 within rounding.
_ONE: Final = 1e-12


def agreement_weights(categories: int, weights: Weights) -> Floats:
    """How much a pair of categories agrees: 1 on the diagonal, less the further they lie apart.

    Parameters:
        categories: how many, in their order, equally spaced.
        weights: "unweighted" (1 or 0), "linear" (1 - d), "quadratic" (1 - d^2), d the distance as a share of the
            longest one.

    Returns:
        shape (categories, categories).

    Raises:
        UsageError: less than two categories, or unknown weights.

    >>> agreement_weights(3, "quadratic")[0].tolist()
    [1.0, 0.75, 0.0]
    """
    if categories < 2:
        raise UsageError(f"{categories} categories; agreement needs two or more")
    if weights not in WEIGHTS:
        raise UsageError(f"found weights {weights!r}; expected one of {', '.join(WEIGHTS)}")
    if weights == "unweighted":
        return np.eye(categories)
    k = np.arange(categories, dtype=np.float64)
    d = np.abs(k[:, None] - k[None, :]) / (categories - 1)
    return np.asarray(1 - (d if weights == "linear" else d**2))


def percent_agreement(
    readings: ArrayLike,
    subjects: ArrayLike,
    categories: int,
    *,
    weights: Weights = "unweighted",
    conf_level: float = 0.95,
) -> Estimate:
    """The share of places on which two readings agree (with weights: how far they agree), over places read twice.

    Parameters:
        readings: categories as 0, 1, ..., shape (places, readings); NaN where a place was not read.
        subjects: whose place it is, shape (places,).
        categories: how many there are, whether they occur or not.
        weights: see `agreement_weights`.
        conf_level: 0.95 for 95 %.

    Returns:
        An Estimate of a share; `n` counts subjects. Its interval: jackknife over subjects on the logit, t on
        subjects - 1; none where all readings agree, or none do.

    Raises:
        UsageError: readings that are no categories, or lengths that differ.
    """
    W = agreement_weights(categories, weights)
    counts, who = _counted(readings, subjects, categories)

    def of(sums: Floats) -> Floats:
        return _observed(sums, categories)

    return _interval(
        of, _sums(counts, W), who, PERCENT_AGREEMENT, weights, conf_level, lambda p: p * (1 - p), _expit
    )


def agreement_kappa(
    first: ArrayLike,
    second: ArrayLike,
    subjects: ArrayLike,
    categories: int,
    *,
    weights: Weights = "unweighted",
    conf_level: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two readings, weighted or not, over the places that both have.

    kappa = (po - pe)/(1 - pe), po and pe the observed and the expected weighted agreement under independent readings
    with the margins as found.

    Parameters:
        first, second: categories as 0, 1, ..., shape (places,); NaN where a place was not read.
        subjects, categories, weights, conf_level: as in `percent_agreement`.

    Returns:
        An Estimate; not estimable where both readings use one category throughout. Its interval: jackknife over
        subjects on Fisher's z (so that it stays between -1 and 1), t on subjects - 1.

    Raises:
        UsageError: readings that are no categories, or lengths that differ.

    Source: Cohen 1968, Psychol Bull 70:213.

    >>> round(agreement_kappa([0, 0, 1, 1, 2], [0, 1, 1, 1, 2], [1, 1, 2, 2, 3], 3, weights="linear").estimate, 4)
    0.7368
    """
    W = agreement_weights(categories, weights)
    pair = _paired(first, second)
    _, who = _counted(pair, subjects, categories)
    # the joint table of each place, flat: all that kappa needs
    found = np.where(np.isnan(pair), 0, pair).astype(np.int64)
    both = ~np.isnan(pair).any(axis=1)
    joint = np.zeros((len(pair), categories**2))
    joint[np.flatnonzero(both), (found[:, 0] * categories + found[:, 1])[both]] = 1

    def of(sums: Floats) -> Floats:
        total = sums.sum(axis=1)
        table = (sums / np.where(total > 0, total, np.nan)[:, None]).reshape(-1, categories, categories)
        po = (table * W).sum(axis=(1, 2))
        pe = np.einsum("ij,jk,ik->i", table.sum(axis=2), W, table.sum(axis=1))
        return _corrected(po, pe)

    return _interval(of, joint, who, KAPPA, weights, conf_level, lambda k: 1 - k * k, np.tanh)


def gwet_agreement(
    readings: ArrayLike,
    subjects: ArrayLike,
    categories: int,
    *,
    weights: Weights = "unweighted",
    conf_level: float = 0.95,
) -> Estimate:
    """Gwet's AC2 of two or more readings (AC1 where it is unweighted): steadier than kappa where one category prevails.

    pe = T/(q(q - 1)) sum_k pi_k(1 - pi_k), T the sum of the weights, q the number of categories, pi_k the share of
    category k averaged over places. A place read once counts in pi and not in po.

    Parameters:
        readings, subjects, categories, weights, conf_level: as in `percent_agreement`. Unlike kappa, the coefficient
            depends on categories that could have been used and were not: give all of the scale's.

    Returns:
        An Estimate; its interval as kappa's.

    Raises:
        UsageError: readings that are no categories, or lengths that differ.

    Source: Gwet 2008, Br J Math Stat Psychol 61:29 (AC1); Gwet 2014, Handbook of Inter-Rater Reliability (AC2).

    >>> round(gwet_agreement([[0, 0], [0, 0], [1, 0], [0, 0]], [1, 2, 3, 4], 2).estimate, 4)
    0.68
    """
    W = agreement_weights(categories, weights)
    counts, who = _counted(readings, subjects, categories)

    def of(sums: Floats) -> Floats:
        po = _observed(sums, categories)
        pi = sums[:, 2 : 2 + categories] / np.where(sums[:, -1] > 0, sums[:, -1], np.nan)[:, None]
        pe = W.sum() / (categories * (categories - 1)) * (pi * (1 - pi)).sum(axis=1)
        return _corrected(po, pe)

    return _interval(of, _sums(counts, W), who, AC, weights, conf_level, lambda k: 1 - k * k, np.tanh)


def _paired(first: ArrayLike, second: ArrayLike) -> Floats:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise UsageError(f"readings have shapes {a.shape} and {b.shape}; expected one value a place in each")
    return np.column_stack([a, b])


def _counted(readings: ArrayLike, subjects: ArrayLike, categories: int) -> tuple[Floats, NDArray[np.int64]]:
    """How many readings put each place into each category, shape (places, q); the number of each place's subject."""
    r = np.asarray(readings, dtype=np.float64)
    if r.ndim != 2 or r.shape[1] < 2:
        raise UsageError(
            f"readings have shape {r.shape}; expected one row a place, one column a reading, two or more"
        )
    who = labels(subjects, "subjects")
    if len(who) != len(r):
        raise UsageError(f"{len(r)} places and {len(who)} subjects; expected the subject of each place")
    seen = r[~np.isnan(r)]
    odd = sorted({float(v) for v in seen if not (v == np.floor(v) and 0 <= v < categories)})[:3]
    if odd:
        raise UsageError(f"readings hold {odd}; expected categories numbered 0 to {categories - 1}")
    counts = np.stack([(r == k).sum(axis=1) for k in range(categories)], axis=1).astype(np.float64)
    return counts, np.unique(who.astype(str), return_inverse=True)[1].astype(np.int64)


def _sums(counts: Floats, W: Floats) -> Floats:
    """By place: its agreement, whether it has two readings, its shares of categories, whether it has any reading."""
    r = counts.sum(axis=1)
    pairs = r * (r - 1)
    agreeing = (counts * (counts @ W - 1)).sum(axis=1)  # weights of a category with itself are 1
    twice, once = r >= 2, r >= 1
    a = np.divide(agreeing, pairs, out=np.zeros_like(r), where=twice)
    pi = np.divide(counts, r[:, None], out=np.zeros_like(counts), where=once[:, None])
    return np.column_stack([a, twice, pi, once])


def _observed(sums: Floats, categories: int) -> Floats:
    return np.asarray(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan))


def _corrected(po: Floats, pe: Floats) -> Floats:
    room = 1 - pe
    return np.asarray((po - pe) / np.where(room > _ONE, room, np.nan))


def _expit(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _interval(
    of: Callable[[Floats], Floats],
    sums: Floats,
    who: NDArray[np.int64],
    statistic: str,
    weights: Weights,
    conf_level: float,
    slope: Callable[[float], float],
    back: Callable[[Floats], Floats],
) -> Estimate:
    """The coefficient of all, with the jackknife over subjects on a scale that keeps the limits possible.

    `slope` is the inverse of the derivative of that scale (for a share 1/(p(1 - p)) of the logit), `back` its inverse.
    """
    check_conf_level(conf_level)
    method = f"{weights}, jackknife over subjects"
    by_subject = np.zeros((int(who.max()) + 1 if who.size else 0, sums.shape[1]))
    np.add.at(by_subject, who, sums)
    # a subject without a place read twice has no part in the agreement, and is not counted
    used = by_subject[:, 1] > 0 if statistic != KAPPA else by_subject.sum(axis=1) > 0
    K = int(used.sum())

    def none(reason: str) -> Estimate:
        return Estimate.not_estimable(statistic, method, reason, conf_level=conf_level, n=K)

    if K == 0:
        return none("no place was read twice")
    total = by_subject.sum(axis=0)
    estimate = float(of(total[None, :])[0])
    if math.isnan(estimate):
        return none("all readings are one category: agreement by chance would be complete")
    without = of(total[None, :] - by_subject[used])
    why = ""
    if K < 2:
        why = "one subject: no interval over subjects"
    elif np.isnan(without).any():
        why = "without one of the subjects all readings are one category: no interval over subjects"
    elif slope(estimate) <= _ONE:
        why = "the readings agree on every place" if estimate > 0 else "the readings agree on no place"
        why += ": no interval can be made from them"
    se = 0.0 if why else math.sqrt((K - 1) / K * float(((without - without.mean()) ** 2).sum()))
    if why or se == 0:
        why = why or "every subject's readings agree alike: no interval can be made from them"
        return Estimate(
            estimate, None, None, None, None, conf_level, None, K, None, None, method, statistic, reason=why
        )
    half = t_quantile(K - 1, conf_level) * se / slope(estimate)
    middle = math.atanh(estimate) if back is np.tanh else math.log(estimate / (1 - estimate))
    lower, upper = back(np.array([middle - half, middle + half]))
    return Estimate(
        estimate, se, K - 1, float(lower), float(upper), conf_level, None, K, None, None, method, statistic
    )

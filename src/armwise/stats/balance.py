"""Balance of covariates between arms: standardised differences, variance ratios, what chance gives.

No p-values: in a randomised study they test what is known, in a non-randomised one they confuse size of the
sample with size of the imbalance (STROBE, item 14).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, stdtr

from armwise.errors import UsageError
from armwise.stats.estimate import STANDARDISED_DIFFERENCE, VARIANCE_RATIO, Estimate
from armwise.stats.samples import Floats, Objects, labels, same_length, sample

METHOD_NUMERIC = "mean difference over the root mean square of the unweighted SDs"
METHOD_CATEGORICAL = "Yang and Dalton"
DISTRIBUTION_DISTANCE = "distribution distance"
METHOD_DISTANCE = "Kolmogorov-Smirnov"
METHOD_RATIO = "ratio of variances"


def standardised_difference(
    arm: ArrayLike,
    versus: ArrayLike,
    *,
    kind: str = "numeric",
    weights_arm: ArrayLike | None = None,
    weights_versus: ArrayLike | None = None,
    sd_from: tuple[ArrayLike, ArrayLike] | None = None,
) -> Estimate:
    """The standardised difference of one covariate between two arms, before or after weighting.

    Numeric: difference of the (weighted) means over sqrt((s1^2 + s2^2)/2), signed. Categorical: the
    Mahalanobis distance of the (weighted) shares, at least 0; with two categories it is the numeric one of
    an indicator. The SDs are always those of the unweighted sample, so that weighting cannot look good by
    changing the yardstick.

    Parameters:
        arm, versus: values or categories, shapes (n1,) and (n2,), none missing.
        kind: "numeric" or "categorical".
        weights_arm, weights_versus: weights, same shapes; None for 1.
        sd_from: another pair of samples that the SDs come from (for example before matching).

    Returns:
        An Estimate without interval; not estimable when neither arm varies.

    Raises:
        UsageError: missing values, unknown kind, weights of another length or negative.

    Source: Austin 2011, Multivariate Behav Res 46:399; Yang and Dalton 2012, SAS Global Forum 335-2012.

    >>> d = standardised_difference([1, 2, 3], [2, 3, 4])
    >>> d.estimate
    -1.0
    """
    if kind == "numeric":
        x, y = sample(arm, "arm"), sample(versus, "versus")
        w, v = _weights(weights_arm, x, "weights_arm"), _weights(weights_versus, y, "weights_versus")
        s, t = (x, y) if sd_from is None else (sample(sd_from[0], "sd_from"), sample(sd_from[1], "sd_from"))
        if min(x.size, y.size) < 1 or min(s.size, t.size) < 2:
            return _refuse(METHOD_NUMERIC, x.size, y.size, "each arm needs two values at least")
        return _numeric(x, y, w, v, s, t)
    if kind == "categorical":
        a, b = labels(arm, "arm"), labels(versus, "versus")
        w, v = _weights(weights_arm, a, "weights_arm"), _weights(weights_versus, b, "weights_versus")
        c, d = (a, b) if sd_from is None else (labels(sd_from[0], "sd_from"), labels(sd_from[1], "sd_from"))
        if min(a.size, b.size, c.size, d.size) < 1:
            return _refuse(METHOD_CATEGORICAL, a.size, b.size, "each arm needs a value")
        return _categorical(a, b, w, v, c, d)
    raise UsageError(f'kind is {kind!r}; expected "numeric" or "categorical"')


def _weights(weights: ArrayLike | None, values: Floats | Objects, name: str) -> Floats:
    if weights is None:
        return np.ones(len(values))
    w = sample(weights, name)
    same_length({"values": values, name: w})
    if w.size and (w.min() < 0 or w.sum() <= 0):
        found = f"{name} sum to {w.sum():g}, the smallest is {w.min():g}"
        raise UsageError(f"{found}; weights are at least 0 and not all 0")
    return w


def _refuse(method: str, n1: int, n2: int, reason: str, statistic: str = STANDARDISED_DIFFERENCE) -> Estimate:
    return Estimate.not_estimable(statistic, method, reason, n=n1 + n2, n_arm=n1, n_versus=n2)


def _size(method: str, value: float, n1: int, n2: int, statistic: str = STANDARDISED_DIFFERENCE) -> Estimate:
    return Estimate(value, None, None, None, None, 0.95, None, n1 + n2, n1, n2, method, statistic)


def _numeric(x: Floats, y: Floats, w: Floats, v: Floats, s: Floats, t: Floats) -> Estimate:
    difference = float(np.average(x, weights=w) - np.average(y, weights=v))
    if s.max() == s.min() and t.max() == t.min():
        if s[0] == t[0] and abs(difference) <= 1e-12 * max(1.0, abs(float(s[0]))):
            return _size(METHOD_NUMERIC, 0.0, x.size, y.size)  # everybody is alike: no imbalance
        return _refuse(METHOD_NUMERIC, x.size, y.size, "no variation in either arm")
    sd = math.sqrt((float(s.var(ddof=1)) + float(t.var(ddof=1))) / 2)
    return _size(METHOD_NUMERIC, difference / sd, x.size, y.size)


def _categorical(a: Objects, b: Objects, w: Floats, v: Floats, c: Objects, d: Objects) -> Estimate:
    levels = sorted({*a.tolist(), *b.tolist()})
    T = _shares(a, w, levels) - _shares(b, v, levels)
    p, q = _shares(c, np.ones(len(c)), levels), _shares(d, np.ones(len(d)), levels)
    # all levels, and the pseudo-inverse: the same distance as leaving any one level out, whichever it is,
    # and it takes levels that one arm does not have
    S = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    S_inverse = np.linalg.pinv(S, rcond=1e-10, hermitian=True)
    if not np.allclose(S @ (S_inverse @ T), T, atol=1e-9):
        reason = "the arms differ in a category in which neither varies"
        return _refuse(METHOD_CATEGORICAL, len(a), len(b), reason)
    distance = math.sqrt(max(0.0, float(T @ S_inverse @ T)))
    return _size(METHOD_CATEGORICAL, distance, len(a), len(b))


def _shares(x: Objects, w: Floats, levels: list[str]) -> Floats:
    return np.asarray([float(w[x == level].sum()) for level in levels]) / float(w.sum())


def variance_ratio(
    arm: ArrayLike,
    versus: ArrayLike,
    *,
    weights_arm: ArrayLike | None = None,
    weights_versus: ArrayLike | None = None,
) -> Estimate:
    """The ratio of the (weighted) variances of a numeric covariate, arm over versus.

    Weighted variances have the divisor sum w - sum w^2 / sum w (n - 1 for equal weights).

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        weights_arm, weights_versus: weights, same shapes; None for 1.

    Returns:
        An Estimate without interval; not estimable where `versus` does not vary.

    Raises:
        UsageError: missing values, weights of another length or negative.
    """
    method = METHOD_RATIO
    x, y = sample(arm, "arm"), sample(versus, "versus")
    w, v = _weights(weights_arm, x, "weights_arm"), _weights(weights_versus, y, "weights_versus")
    if min(np.count_nonzero(w), np.count_nonzero(v)) < 2:
        return _refuse(method, x.size, y.size, "each arm needs two values at least", VARIANCE_RATIO)
    if y.max() == y.min():
        return _refuse(method, x.size, y.size, "no variation in the arm compared with", VARIANCE_RATIO)
    ratio = weighted_variance(x, w) / weighted_variance(y, v)
    return _size(method, ratio, x.size, y.size, VARIANCE_RATIO)


def distribution_distance(
    arm: ArrayLike,
    versus: ArrayLike,
    *,
    weights_arm: ArrayLike | None = None,
    weights_versus: ArrayLike | None = None,
) -> Estimate:
    """How far the (weighted) distributions of a numeric covariate lie apart: Kolmogorov and Smirnov's distance.

    The largest difference between the two (weighted) shares of values at or below any point. It sees what
    means and variances do not (two humps against one). With two values it is the difference of the shares.

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        weights_arm, weights_versus: weights, same shapes; None for 1.

    Returns:
        An Estimate without interval, 0 to 1; not estimable with an empty arm.

    Raises:
        UsageError: missing values, weights of another length or negative.

    Source: Austin and Stuart 2015, Stat Med 34:3661.

    >>> distribution_distance([1, 2, 3, 4], [3, 4, 5, 6]).estimate
    0.5
    """
    x, y = sample(arm, "arm"), sample(versus, "versus")
    if min(x.size, y.size) < 1:
        reason = "each arm needs a value"
        return _refuse(METHOD_DISTANCE, x.size, y.size, reason, DISTRIBUTION_DISTANCE)
    w, v = _weights(weights_arm, x, "weights_arm"), _weights(weights_versus, y, "weights_versus")
    points = np.union1d(x, y)
    gap = _share_up_to(points, x, w) - _share_up_to(points, y, v)
    return _size(METHOD_DISTANCE, float(np.abs(gap).max()), x.size, y.size, DISTRIBUTION_DISTANCE)


def _share_up_to(points: Floats, x: Floats, w: Floats) -> Floats:
    order = np.argsort(x, kind="stable")
    summed = np.concatenate([[0.0], np.cumsum(w[order])])
    return np.asarray(summed[np.searchsorted(x[order], points, "right")] / summed[-1])


def weighted_variance(x: Floats, w: Floats) -> float:
    """The variance under weights, divisor sum w - sum w^2 / sum w."""
    if x.max() == x.min():
        return 0.0
    mean = float(np.average(x, weights=w))
    total = float(w.sum())
    return float(w @ (x - mean) ** 2) / (total - float(w @ w) / total)


def chance_imbalance(n1: int, n2: int, threshold: float = 0.1) -> float:
    """How often chance alone makes one covariate look imbalanced in arms of these sizes.

    Parameters:
        n1, n2: subjects in each arm, at least 2.
        threshold: on the absolute standardised difference.

    Returns:
        The probability of exceeding it for one normal covariate with the same distribution in both arms,
        exact: given how the two sample variances share their sum, the ratio is Student's t.

    Raises:
        UsageError: sizes below 2 or a negative threshold.

    >>> round(chance_imbalance(40, 40), 2)
    0.66
    """
    if min(n1, n2) < 2:
        raise UsageError(f"arms of {n1} and {n2}; each needs two subjects at least")
    if threshold < 0:
        raise UsageError(f"threshold is {threshold!r}; an absolute difference is at least 0")
    a, b = n1 - 1, n2 - 1
    df = a + b
    bound = threshold / math.sqrt(1 / n1 + 1 / n2)
    # share of the arm in the summed squares ~ Beta(a/2, b/2); Gauss-Legendre over its quantiles
    nodes, node_weights = np.polynomial.legendre.leggauss(80)
    share = betaincinv(a / 2, b / 2, (nodes + 1) / 2)
    ratio = df * (share / a + (1 - share) / b) / 2
    return float((node_weights / 2) @ (2 * stdtr(df, -bound * np.sqrt(ratio))))

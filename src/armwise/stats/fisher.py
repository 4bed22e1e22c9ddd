"""Fisher's exact test and the exact limits of the conditional odds ratio."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from armwise.stats.estimate import ODDS_RATIO, Estimate, check_conf_level
from armwise.stats.samples import Floats, check_counts

METHOD = "Fisher exact, conditional odds ratio"


def fisher_exact(x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95) -> Estimate:
    """Fisher's exact test with the conditional odds ratio and its exact limits.

    The p sums the probabilities of all tables that are no likelier than the observed one; the limits invert
    two one-sided tests, so p and interval can disagree near the level: that is why this test stands under
    its own name and not beside another method's interval.

    Parameters:
        x1, n1: events and subjects of the arm.
        x2, n2: those of the arm that it is compared with.
        conf_level: 0.95 for 95 %.

    Returns:
        An Estimate of the conditional odds ratio (maximum likelihood given all margins); 0 or infinite at
        the end of the possible tables; not estimable when the margins allow one table only.

    Raises:
        UsageError: counts that are not whole or out of range.

    Source: Fisher 1935, JRSS 98:39; Cornfield 1956 (conditional limits).
    """
    check_conf_level(conf_level)
    check_counts(x1, n1)
    check_counts(x2, n2)
    n, m = n1 + n2, x1 + x2
    support = np.arange(max(0, m - n2), min(n1, m) + 1, dtype=np.float64)
    if support.size < 2:
        return Estimate.not_estimable(
            ODDS_RATIO, METHOD, "the margins allow one table only: it says nothing about the odds ratio",
            conf_level=conf_level, n=n, n_arm=n1, n_versus=n2,
        )  # fmt: skip
    log_weights = _log_choose(n1, support) + _log_choose(n2, m - support)
    tail = (1 - conf_level) / 2
    first, last = x1 == support[0], x1 == support[-1]
    at_least = support >= x1
    at_most = support <= x1

    estimate, lower, upper = 0.0, 0.0, math.inf
    if last:
        estimate = math.inf
    elif not first:
        estimate = _solve(lambda w: float(w @ support) - x1, log_weights, support)
    if not first:
        lower = _solve(lambda w: float(w[at_least].sum()) - tail, log_weights, support)
    if not last:
        upper = _solve(lambda w: tail - float(w[at_most].sum()), log_weights, support)
    reason = "the observed table is the most extreme possible: the odds ratio is infinite" if last else ""
    return Estimate(
        estimate, None, None, lower, upper, conf_level, _two_sided(log_weights, at_least, at_most),
        n, n1, n2, METHOD, ODDS_RATIO, reason=reason,
    )  # fmt: skip


def _log_choose(n: int, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _probabilities(log_psi: float, log_weights: Floats, support: Floats) -> Floats:
    """The noncentral hypergeometric distribution of x1 given all margins."""
    logs = log_weights + log_psi * support
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _solve(gap: Callable[[Floats], float], log_weights: Floats, support: Floats) -> float:
    """The odds ratio at which a rising function of the distribution is zero, sought on the log scale."""

    def f(log_psi: float) -> float:
        return gap(_probabilities(log_psi, log_weights, support))

    reach = 1.0
    while f(-reach) > 0 or f(reach) < 0:
        reach *= 2
    return math.exp(float(brentq(f, -reach, reach, xtol=1e-14, rtol=1e-14, maxiter=500)))


def _two_sided(log_weights: Floats, at_least: np.ndarray, at_most: np.ndarray) -> float:
    """The probability of all tables no likelier than the observed one (equal in spite of rounding)."""
    probabilities = _probabilities(0.0, log_weights, np.zeros_like(log_weights))
    observed = probabilities[at_least & at_most][0]
    return min(1.0, float(probabilities[probabilities <= observed * (1 + 1e-7)].sum()))

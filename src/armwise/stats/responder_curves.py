"""The difference in responders at every threshold at once, with a band that covers all of them jointly.

At threshold t a subject responds whose gain is t or more. The difference of the two shares over all t is a difference
of two distribution functions, so that its largest error has a limit of its own: the band is the curve plus and minus
one half width, the quantile of the largest error over the thresholds, found by a multiplier bootstrap of the curve's
influence functions. Under overlap weights these carry the estimation of the propensity model, and everything is scaled
by n/(n - p - 1) as the variances of `weighting` are. The half width is stretched by the ratio of Student's t, one less
than the smaller arm its degrees of freedom, to the normal quantile: without it the band held 93 to 94 % of the curves.

One half width for all thresholds, not a band studentised at each: where hardly anybody responds the standard error is
itself unknown, and a studentised band covers too little there.

Source: van der Vaart 1998, Asymptotic Statistics, chapters 19 (empirical processes) and 23 (bootstrap); Li, Morgan and
Zaslavsky 2018, JASA 113:390 (weights); Stefanski and Boos 2002, Am Stat 56:29 (stacked equations).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.estimate import RISK_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.means import t_quantile
from armwise.stats.propensity_score import Propensity, propensity
from armwise.stats.proportions import normal_quantile
from armwise.stats.replicates import replicate
from armwise.stats.samples import Bools, Floats, flags, same_length, sample
from armwise.stats.weighting import overlap_weights

METHOD = "simultaneous band, multiplier bootstrap"
WEIGHTED_METHOD = "overlap weights, simultaneous band, multiplier bootstrap"
SMALLEST_ARM = 5


@dataclass(frozen=True, slots=True)
class ResponderCurve:
    """Two arms compared at every threshold.

    Attributes:
        thresholds: the gains that make a responder, shape (T,).
        arm, versus: share of each arm with that gain or more, weighted where the comparison is, shape (T,).
        difference: arm minus versus, shape (T,).
        half_width: of the band; None where there is none.
        lower, upper: limits of the band, within -1 and 1, shape (T,).
        n, n_arm, n_versus: subjects.
        conf_level: of the whole band.
        method: how, in words.
        reason: why there is no curve or no band; empty otherwise.
    """

    thresholds: Floats
    arm: Floats
    versus: Floats
    difference: Floats
    half_width: float | None
    lower: Floats
    upper: Floats
    n: int
    n_arm: int
    n_versus: int
    conf_level: float
    method: str
    reason: str = ""

    def at(self, k: int) -> Estimate:
        """The k-th threshold as an Estimate, its limits those of the band."""
        if not self.difference.size:
            return Estimate.not_estimable(
                RISK_DIFFERENCE, self.method, self.reason, conf_level=self.conf_level,
                n=self.n, n_arm=self.n_arm, n_versus=self.n_versus,
            )  # fmt: skip
        banded = self.half_width is not None
        return Estimate(
            float(self.difference[k]), None, None, float(self.lower[k]) if banded else None,
            float(self.upper[k]) if banded else None, self.conf_level, None,
            self.n, self.n_arm, self.n_versus, self.method, RISK_DIFFERENCE, reason=self.reason,
        )  # fmt: skip


def responder_curve(
    gain: ArrayLike,
    treated: ArrayLike,
    thresholds: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | Propensity | None = None,
    *,
    seed: int,
    n_replicates: int = 2000,
    conf_level: float = 0.95,
) -> ResponderCurve:
    """The difference in responders at each threshold, with a simultaneous band over all of them.

    Parameters:
        gain: improvement, positive for better, shape (n,), none missing. Where gains lie on a threshold, pass both as
            the floats nearest to their exact values, so that equal numbers are equal.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        thresholds: gains that make a responder, shape (T,), at least one.
        X: covariates of the propensity model of overlap weights, or the model; None compares the arms as they are.
        seed: of the bootstrap, 0 or more.
        n_replicates: draws of the largest error.
        conf_level: of the whole band, 0.95 for 95 %.

    Returns:
        A ResponderCurve. Without a curve where covariates separate the arms, without a band with fewer than five
        subjects in an arm.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm, no thresholds.
    """
    check_conf_level(conf_level)
    g, z, t = sample(gain, "gain"), flags(treated, "treated"), sample(thresholds, "thresholds")
    n = same_length({"gain": g, "treated": z})
    n1 = int(np.count_nonzero(z))
    if not t.size:
        raise UsageError("thresholds is empty; expected the gains that make a responder")
    if not 0 < n1 < n:
        raise UsageError(f"all {n} subjects are in one arm; a comparison needs both")
    fit = None if X is None else X if isinstance(X, Propensity) else propensity(X, z)
    method = METHOD if fit is None else WEIGHTED_METHOD
    empty = np.empty(0)
    if fit is not None and len(fit.X) != n:
        raise UsageError(f"the propensity model was fitted to {len(fit.X)} subjects; gain holds {n}")
    if fit is not None and fit.problem:
        return ResponderCurve(
            t, empty, empty, empty, None, empty, empty, n, n1, n - n1, conf_level, method, fit.problem
        )
    Y = (g[:, None] >= t).astype(np.float64)
    m1, m0, phi, df = _influence(Y, z, fit)
    d = m1 - m0
    reason = ""
    if min(n1, n - n1) < SMALLEST_ARM or df < 1:
        reason = f"{n1} and {n - n1} subjects are too few for a band"
        return ResponderCurve(t, m1, m0, d, None, d, d, n, n1, n - n1, conf_level, method, reason)
    half = _half_width(phi * math.sqrt(n / df), seed, n_replicates, conf_level)
    # the variance is estimated too, that of the smaller arm least well
    half *= t_quantile(min(n1, n - n1) - 1, conf_level) / normal_quantile(conf_level)
    lower, upper = np.maximum(d - half, -1.0), np.minimum(d + half, 1.0)
    return ResponderCurve(t, m1, m0, d, half, lower, upper, n, n1, n - n1, conf_level, method)


def _influence(Y: Floats, z: Bools, fit: Propensity | None) -> tuple[Floats, Floats, Floats, int]:
    """Shares of both arms, each subject's influence on their difference, shape (n, T), and n - p - 1.

    With theta = (gamma, m1, m0) the influence of subject i is that of its own term and that which it has through the
    propensity coefficients; the mean of its squares over n is the stacked sandwich.
    """
    n = len(z)
    if fit is None:
        w = np.ones(n)
        df = n - 2
    else:
        w = overlap_weights(fit.scores, z)
        df = n - len(fit.columns) - 1
    w1, w0 = w * z, w * ~z
    m1, m0 = w1 @ Y / w1.sum(), w0 @ Y / w0.sum()
    phi = n * (w1[:, None] * (Y - m1) / w1.sum() - w0[:, None] * (Y - m0) / w0.sum())
    if fit is not None:
        X = fit.X / np.linalg.norm(fit.X, axis=0) * math.sqrt(n)
        h = fit.scores * (1 - fit.scores)
        gamma = np.linalg.solve((X * h[:, None]).T @ X / n, ((z - fit.scores)[:, None] * X).T)
        slope1 = -(X * (h * z)[:, None]).T @ (Y - m1) / w1.sum()
        slope0 = (X * (h * ~z)[:, None]).T @ (Y - m0) / w0.sum()
        phi += gamma.T @ (slope1 - slope0)
    return m1, m0, phi, df


def _half_width(phi: Floats, seed: int, n_replicates: int, conf_level: float) -> float:
    """The quantile of the largest error over the thresholds, each subject's influence drawn with a random sign."""
    n = len(phi)

    def block(generators: Sequence[np.random.Generator]) -> list[float]:
        signs = np.array([2.0 * g.integers(2, size=n) - 1 for g in generators])
        return [float(v) for v in np.abs(signs @ phi / n).max(axis=1)]

    largest = np.sort(replicate(block, n_replicates, seed).succeeded)
    return float(largest[min(math.ceil(conf_level * (n_replicates + 1)), n_replicates) - 1])

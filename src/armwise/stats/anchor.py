"""The minimal important change of a score, from the patients' own rating of their change (the anchor).

Predictive modelling: the change at which a logistic regression of "improved" on change gives the same odds as the
study as a whole. It is off where not half of the patients improved; the adjusted formula takes that back,

    MIC adjusted = MIC - (0.090 + 0.103 r) s log(q / (1 - q)),

with r the correlation of the anchor (improved or not) with the change, s the SD of the change and q the share improved.
The cut point of the ROC curve stands beside it only: it is the least precise, and as biased as the unadjusted one.

The "improved" formula of 2022 needs the reliability of the anchor from a factor model of the items, and is left out.

Source: Terluin, Eekhout, Terwee and de Vet 2015, J Clin Epidemiol 68:1388 (predictive modelling); Terluin, Eekhout and
Terwee 2017, J Clin Epidemiol 83:90 (adjusted; the formula was checked in the authors' own R package MiCT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit

from armwise.stats.association.correlation import rank_correlation
from armwise.stats.estimate import Estimate, check_conf_level
from armwise.stats.replicates import Failed, Replicates, replicate
from armwise.stats.samples import Bools, Floats, flags, same_length, sample

MIC = "minimal important change"
CORRELATION = "correlation"
ADJUSTED = "adjusted predictive modelling, bootstrap"
PREDICTIVE = "predictive modelling, bootstrap"
ROC = "ROC curve, Youden's cut"
POINT_BISERIAL = "Pearson, improved or not"
SPEARMAN = "Spearman, all ratings"
WEAK = 0.3
"""An anchor that correlates less than this with the change says little about it."""


@dataclass(frozen=True, slots=True)
class AnchoredChange:
    """The minimal important change by an anchor.

    Attributes:
        adjusted: adjusted predictive modelling, percentile bootstrap: the estimate to use.
        predictive: the same without adjustment.
        roc: Youden's cut of the ROC curve, no interval.
        correlation: of the rating with the change, Spearman, Fisher's z with Bonett and Wright's standard error.
        point_biserial: of improved or not with the change: the r of the formula.
        improved, n: how many improved by their rating, of how many.
        sd: of the change.
        replicates: how many bootstrap samples were drawn, `failed` how many gave no estimate and why, in words.
        notes: what a reader must know.
    """

    adjusted: Estimate
    predictive: Estimate
    roc: Estimate
    correlation: Estimate
    point_biserial: Estimate
    improved: int
    n: int
    sd: float
    replicates: int
    failed: str
    notes: tuple[str, ...] = ()


def anchored_change(
    gain: ArrayLike,
    rating: ArrayLike,
    improved: ArrayLike,
    *,
    seed: int,
    n_replicates: int = 1000,
    conf_level: float = 0.95,
) -> AnchoredChange:
    """The minimal important change by adjusted predictive modelling, with what stands beside it.

    Parameters:
        gain: the change of the score, positive for better, in its unit, shape (n,), none missing.
        rating: the anchor, greater for better, shape (n,).
        improved: whether the rating counts as improved (booleans or 0 and 1), shape (n,).
        seed: of the bootstrap, 0 or more.
        n_replicates: bootstrap samples of subjects, with all steps repeated in each.
        conf_level: 0.95 for 95 %.

    Returns:
        An AnchoredChange; "not estimable" where all or none improved, the change has no spread, change and anchor do
        not go together, or the change separates the improved from the others.

    Raises:
        UsageError: missing values, lengths that differ, a seed or a number of replicates that cannot be.

    Source: Terluin and others 2015 and 2017.
    """
    check_conf_level(conf_level)
    g, a, yes = sample(gain, "gain"), sample(rating, "rating"), flags(improved, "improved")
    n = same_length({"gain": g, "rating": a, "improved": yes})
    k = int(np.count_nonzero(yes))
    sd = float(g.std(ddof=1)) if n > 1 else 0.0
    correlation = replace(rank_correlation(a, g, conf_level=conf_level), p=None, method=SPEARMAN)
    r = float(np.corrcoef(yes, g)[0, 1]) if 0 < k < n and sd > 0 else None
    biserial = (
        Estimate.not_estimable(
            CORRELATION, POINT_BISERIAL, "one of the two has no spread", conf_level=conf_level, n=n
        )
        if r is None
        else Estimate(r, None, None, None, None, conf_level, None, n, None, None, POINT_BISERIAL, CORRELATION)
    )
    point, why = _both(g, yes)
    if point is None:
        none = [
            Estimate.not_estimable(MIC, method, why, conf_level=conf_level, n=n)
            for method in (ADJUSTED, PREDICTIVE, ROC)
        ]
        return AnchoredChange(none[0], none[1], none[2], correlation, biserial, k, n, sd, 0, "")

    drawn = replicate(lambda block: [_resampled(g, yes, one) for one in block], n_replicates, seed)
    limits = _percentiles(drawn, conf_level)
    adjusted, predictive = (
        Estimate(
            point[i], None, None, limits[i][0], limits[i][1], conf_level, None, n, None, None, method, MIC
        )
        for i, method in enumerate((ADJUSTED, PREDICTIVE))
    )
    roc = Estimate(youden(g, yes), None, None, None, None, conf_level, None, n, None, None, ROC, MIC)
    return AnchoredChange(
        adjusted, predictive, roc, correlation, biserial, k, n, sd, n_replicates, drawn.note,
        _notes(correlation, k / n),
    )  # fmt: skip


def _notes(correlation: Estimate, share: float) -> tuple[str, ...]:
    said = []
    if correlation.estimate is not None and abs(correlation.estimate) < WEAK:
        said.append(
            f"the rating correlates {correlation.estimate:.2f} with the change, less than {WEAK:g}: too weak an anchor"
        )
    if not 0.2 <= share <= 0.8:
        said.append(
            "fewer than 20 % or more than 80 % improved: the adjustment was made for shares nearer to half"
        )
    return tuple(said)


def predictive_change(gain: Floats, improved: Bools) -> float:
    """The change at which "improved" is as likely as in the study as a whole.

    Parameters:
        gain, improved: shapes (n,).

    Raises:
        ArithmeticError: no such change (separated, or no relation).

    Source: Terluin and others 2015: (log odds of the share improved - intercept) / slope.
    """
    better, others = gain[improved], gain[~improved]
    if better.min() >= others.max() or better.max() <= others.min():
        raise ArithmeticError("the change separates the improved from the others")
    centre, scale = float(gain.mean()), float(gain.std())
    intercept, slope = _logistic((gain - centre) / scale, improved)
    if slope <= 0:
        raise ArithmeticError("change and rating do not go together")
    q = float(np.mean(improved))
    return centre + scale * (math.log(q / (1 - q)) - intercept) / slope


def _logistic(x: Floats, y: Bools) -> tuple[float, float]:
    """Intercept and slope of a logistic regression on one standardised number, by Newton's method with halving.

    Where the number does not separate, the likelihood has one maximum.
    """
    q = float(np.mean(y))
    side = np.where(y, 1.0, -1.0)
    b0, b1 = math.log(q / (1 - q)), 0.0
    value = -math.inf
    step0, step1, factor = 0.0, 0.0, 1.0
    for _ in range(200):  # two coefficients are quicker as numbers than as an array
        proposed0, proposed1 = b0 + factor * step0, b1 + factor * step1
        eta = proposed0 + proposed1 * x
        now = float(log_expit(side * eta).sum())
        if now < value - 1e-12 * abs(value) and factor > 1e-8:
            factor /= 2
            continue
        b0, b1, value, factor = proposed0, proposed1, now, 1.0
        e = expit(eta)
        residual, h = y - e, e * (1 - e)
        g0, g1 = float(residual.sum()), float(residual @ x)
        if max(abs(g0), abs(g1)) < 1e-10 * len(x):
            return b0, b1
        h0, h1, h2 = float(h.sum()), float(h @ x), float(h @ (x * x))
        determinant = h0 * h2 - h1 * h1
        if not determinant > 0:
            break
        step0, step1 = (h2 * g0 - h1 * g1) / determinant, (h0 * g1 - h1 * g0) / determinant
    raise ArithmeticError("the logistic regression of the rating did not converge")


def adjusted_change(predictive: float, gain: Floats, improved: Bools) -> float:
    """The same, adjusted for a share improved that is not one half.

    Source: Terluin and others 2017.
    """
    q = float(np.mean(improved))
    r = float(np.corrcoef(improved, gain)[0, 1])
    return predictive - (0.090 + 0.103 * r) * float(gain.std(ddof=1)) * math.log(q / (1 - q))


def youden(gain: Floats, improved: Bools) -> float:
    """The change with the largest sum of sensitivity and specificity; halfway between two observed changes.

    Of several with the same sum, their mean.
    """
    values = np.unique(gain)
    cuts = (values[1:] + values[:-1]) / 2
    sensitivity = np.array([np.mean(gain[improved] > c) for c in cuts])
    specificity = np.array([np.mean(gain[~improved] < c) for c in cuts])
    total = sensitivity + specificity
    return float(cuts[total > total.max() - 1e-12].mean())


def _both(gain: Floats, improved: Bools) -> tuple[tuple[float, float] | None, str]:
    """Adjusted and unadjusted change, or why there are none."""
    if improved.all() or not improved.any():
        return None, f"{'all' if improved.any() else 'none'} of {improved.size} improved by their rating"
    if gain.min() == gain.max():
        return None, "the change has no spread"
    try:
        predictive = predictive_change(gain, improved)
    except ArithmeticError as error:
        return None, str(error)
    return (adjusted_change(predictive, gain, improved), predictive), ""


def _resampled(gain: Floats, improved: Bools, rng: np.random.Generator) -> tuple[float, float] | Failed:
    chosen = rng.integers(gain.size, size=gain.size)
    found, why = _both(gain[chosen], improved[chosen])
    return Failed(why) if found is None else found


def _percentiles(
    drawn: Replicates[tuple[float, float]], conf_level: float
) -> list[tuple[float, float] | tuple[None, None]]:
    """Percentile limits of both; none where fewer than nine in ten samples gave an estimate."""
    values = np.array(drawn.succeeded)
    if len(values) < 0.9 * len(drawn.values):
        return [(None, None), (None, None)]
    tail = (1 - conf_level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return [(float(low[i]), float(high[i])) for i in (0, 1)]

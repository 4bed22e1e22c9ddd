"""A comparison of means in imputed data, as a function of shifts of the imputed outcomes of each arm.

An estimator that is linear in the outcomes (weighted means, least squares) has in each completed set an estimate that
is a plane in the two shifts and a variance that is a quadratic form of (1, shift of the arm, shift of the other). Both
are kept once; nothing is drawn, weighted or fitted again for a pair of shifts. Pooled by Rubin's rules with Barnard
and Rubin's degrees of freedom, at each pair: the shifts move both parts of the variance.

Shifted outcomes are not cut off at the ends of their scale. A shift is then the difference of means between those who
are missing and those like them, in every set, and the estimate is linear in it (White, Carpenter and Horton 2018). Cut
off, the same number would stand for a smaller and smaller difference.

Source: Cro, Morris, Kenward and Carpenter 2020, Stat Med 39:2815 (delta adjustment); Rubin 1987; Barnard and
Rubin 1999, Biometrika 86:948.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from armwise.errors import UsageError
from armwise.stats.estimate import MEAN_DIFFERENCE, Estimate
from armwise.stats.imputation.rubin import pool
from armwise.stats.means import t_quantile
from armwise.stats.proportions import normal_quantile
from armwise.stats.samples import Floats

METHOD: Final = "imputed outcomes shifted"
NO_VARIATION: Final = "no variation in the outcome to make an interval from"
#: How far from linear an estimator may be, as a share of its standard error: rounding.
ROUNDING: Final = 1e-6

InSets = Callable[[Floats], tuple[Floats, Floats]]
"""Shifts of shape (k, 2), the arm first -> estimates and variances in each set, both of shape (k, m)."""


@dataclass(frozen=True, eq=False)
class ShiftedSets:
    """A difference of means in m completed sets, by the shifts of the imputed outcomes of its two arms.

    Attributes:
        planes: shape (m, 3): without a shift, for each unit of shift of the arm, and of the other.
        forms: shape (m, 3, 3): the variance is x' Q x with x = (1, shift of the arm, shift of the other).
        df: degrees of freedom that the analysis would have without missing data; None for the normal distribution.
        conf_level: of the interval.
        n_arm, n_versus: subjects.
    """

    planes: Floats
    forms: Floats
    df: float | None
    conf_level: float
    n_arm: int
    n_versus: int

    def __call__(self, delta_arm: float, delta_versus: float) -> Estimate:
        """The estimate with imputed outcomes shifted by the first number in the arm, by the second in the other.

        Of one set (conditional means) the interval is that set's own.
        """
        x = np.array([1.0, delta_arm, delta_versus])
        estimates, variances = self.planes @ x, np.maximum(np.einsum("i,mij,j->m", x, self.forms, x), 0.0)
        n = self.n_arm + self.n_versus
        value, se, df = float(estimates[0]), math.sqrt(variances[0]), self.df
        if len(estimates) > 1:
            found = pool(estimates, variances, math.inf if df is None else df)
            value, se, df = found.estimate, found.se, found.df if math.isfinite(found.df) else None
        if not se > 1e-10 * max(1.0, abs(value)):
            return Estimate.not_estimable(
                MEAN_DIFFERENCE, METHOD, NO_VARIATION, conf_level=self.conf_level, n=n, n_arm=self.n_arm,
                n_versus=self.n_versus,
            )  # fmt: skip
        half = (normal_quantile(self.conf_level) if df is None else t_quantile(df, self.conf_level)) * se
        return Estimate(
            value, se, df, value - half, value + half, self.conf_level, None, n, self.n_arm, self.n_versus, METHOD,
            MEAN_DIFFERENCE,
        )  # fmt: skip


def sets_under_shifts(
    in_sets: InSets, step: float, df: float | None, conf_level: float, n_arm: int, n_versus: int
) -> ShiftedSets:
    """The planes and quadratic forms of any estimator that is linear in the outcomes, from six pairs of shifts.

    Parameters:
        in_sets: estimates and variances in each set under several pairs of shifts.
        step: size of the shifts at which it is asked, of the order of the outcome's standard deviation.
        df, conf_level, n_arm, n_versus: as in `ShiftedSets`.

    Raises:
        UsageError: a step that is not a positive number; an estimator that is not linear (a seventh pair is asked).
    """
    if not (math.isfinite(step) and step > 0):
        raise UsageError(
            f"step is {step}; expected a positive number, about the outcome's standard deviation"
        )
    h = step
    asked = np.array([(0, 0), (h, 0), (-h, 0), (0, h), (0, -h), (h, h), (-2 * h, h)], dtype=np.float64)
    estimates, variances = (np.asarray(part, dtype=np.float64) for part in in_sets(asked))
    e0, e_up, e_down, e_right, e_left = estimates[:5]
    v0, v_up, v_down, v_right, v_left, v_both = variances[:6]
    planes = np.stack([e0, (e_up - e_down) / (2 * h), (e_right - e_left) / (2 * h)], axis=-1)
    forms = np.empty((len(v0), 3, 3))
    forms[:, 0, 0] = v0
    forms[:, 0, 1] = (v_up - v_down) / (4 * h)
    forms[:, 0, 2] = (v_right - v_left) / (4 * h)
    forms[:, 1, 1] = (v_up + v_down - 2 * v0) / (2 * h**2)
    forms[:, 2, 2] = (v_right + v_left - 2 * v0) / (2 * h**2)
    forms[:, 1, 2] = (v_both - v_up - v_right + v0) / (2 * h**2)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        forms[:, i, j] = forms[:, j, i]
    found = ShiftedSets(planes, forms, df, conf_level, n_arm, n_versus)
    x = np.array([1.0, *asked[6]])
    off = np.abs(planes @ x - estimates[6]) / np.sqrt(np.maximum(variances[6], 1e-300))
    apart = np.abs(np.einsum("i,mij,j->m", x, forms, x) - variances[6]) / np.maximum(variances[6], 1e-300)
    if variances[6].max() > 0 and max(float(off.max()), float(apart.max())) > ROUNDING:
        raise UsageError(
            "the estimator is not linear in the outcomes: a grid of shifts is not made of six of them"
        )
    return found

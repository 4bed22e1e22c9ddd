"""Delta grid: a comparison of means, were the missing answers better or worse than those like them by some amount.

`delta_grid` asks any estimator, one that imputes among them. `shifted_ancova` is such an estimator in closed
form: missing outcomes are what the model of those observed predicts, plus the delta of their arm. It equals
multiple imputation from that model, shifted and analysed by the same analysis of covariance, with infinitely many sets.

Source: Cro, Morris, Kenward and Carpenter 2020, Stat Med 39:2815 (delta adjustment); White, Carpenter and
Horton 2018, Stat Med 37:2386 (closed form of a shifted mean).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.covariates import covariate, independent_columns
from armwise.stats.estimate import MEAN_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.means import t_quantile
from armwise.stats.samples import Bools, Floats, flags, same_length

METHOD: Final = "ANCOVA, missing outcomes predicted and shifted"
#: Places at which a tipping point is looked for first.
PLACES: Final = 64


@dataclass(frozen=True, slots=True)
class DeltaGrid:
    """A difference of means under every pair of shifts.

    Attributes:
        deltas_arm, deltas_versus: shifts of the missing outcomes, unit of the outcome.
        estimates: one a pair, a row of them a shift of the arm.
    """

    deltas_arm: tuple[float, ...]
    deltas_versus: tuple[float, ...]
    estimates: tuple[tuple[Estimate, ...], ...]

    @property
    def overturned(self) -> tuple[tuple[float, float], ...]:
        """The pairs of shifts under which the interval holds no difference."""
        return tuple(
            (a, v)
            for a, line in zip(self.deltas_arm, self.estimates, strict=True)
            for v, found in zip(self.deltas_versus, line, strict=True)
            if found.status == "ok" and not found.excludes_no_effect
        )


def delta_grid(
    estimate_at: Callable[[float, float], Estimate],
    deltas_arm: Sequence[float],
    deltas_versus: Sequence[float],
) -> DeltaGrid:
    """An estimate at every pair of shifts.

    Parameters:
        estimate_at: the estimate, its missing outcomes shifted by the first number in the arm and by the second in
            the one that it is compared with.
        deltas_arm, deltas_versus: the shifts, unit of the outcome, each at most once.

    Raises:
        UsageError: no shift, one that is not a finite number, or one twice.
    """
    for name, deltas in (("deltas_arm", deltas_arm), ("deltas_versus", deltas_versus)):
        if not deltas or not all(map(math.isfinite, deltas)) or len(set(deltas)) < len(deltas):
            raise UsageError(f"{name} is {list(deltas)}; expected different finite numbers, one at least")
    first, second = tuple(map(float, deltas_arm)), tuple(map(float, deltas_versus))
    found = tuple(tuple(estimate_at(a, v) for v in second) for a in first)
    return DeltaGrid(first, second, found)


def tipping_shift(
    estimate_at: Callable[[float, float], Estimate], direction: tuple[float, float], largest: float
) -> float | None:
    """The smallest shift in a direction at which the interval includes no difference.

    Parameters:
        estimate_at: as in `delta_grid`.
        direction: what a shift of 1 adds to the missing outcomes of the arm and of the other: (1, 0), (0, -1),
            (1, -1) ...
        largest: how far to look, unit of the outcome.

    Returns:
        Between 0 and `largest`; 0 where the interval includes no difference without a shift; None where none does.
        Along a line the limit nearer to no difference is that of a plane less a convex standard error: once it has
        crossed no difference it stays beyond (degrees of freedom change too little to bring it back). It is looked
        for at 64 places first, then between two of them.

    Raises:
        UsageError: a direction or a largest shift that is not finite, a largest shift below 0, an estimate that is
            not estimable.
    """
    if not (all(map(math.isfinite, (*direction, largest))) and any(direction) and largest >= 0):
        raise UsageError(
            f"direction is {direction} and largest {largest}; expected finite numbers, not both 0 and not below 0"
        )

    def holds(shift: float) -> bool:
        found = estimate_at(shift * direction[0], shift * direction[1])
        if found.status != "ok":
            raise UsageError(f"there is no estimate at a shift of {shift:g}: {found.reason}")
        return not found.excludes_no_effect

    if holds(0.0):
        return 0.0
    low, high = 0.0, None
    for step in range(1, PLACES + 1):
        place = largest * step / PLACES
        if place > 0 and holds(place):
            high = place
            break
        low = place
    if high is None:
        return None
    while high - low > 1e-12 * largest:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def shifted_ancova(
    y: ArrayLike, treated: ArrayLike, covariates: Mapping[str, ArrayLike], conf_level: float = 0.95
) -> Callable[[float, float], Estimate]:
    """Analysis of covariance with missing outcomes predicted by it and shifted: a function of the two shifts.

    Parameters:
        y: outcome, NaN where missing, shape (n,).
        treated: who is in the arm, shape (n,).
        covariates: name -> values, none missing, shape (n,).
        conf_level: 0.95 for 95 %.

    Returns:
        (shift of the arm, shift of the other) -> Estimate of the mean difference. Without a shift it is the
        analysis of those observed. The shift s of each missing subject moves the coefficient by that of arm in
        the regression of s on arm and covariates, and adds its variance.

    Raises:
        UsageError: lengths that differ, missing covariates, a conf_level outside 0 to 1.
    """
    check_conf_level(conf_level)
    y, z, X = _design(y, treated, covariates)
    n, seen = len(y), np.isfinite(y)
    n1, n0 = int(z.sum()), int((~z).sum())
    observed = _arm_coefficient(X[seen], y[seen])
    gaps = (~seen & z).astype(np.float64), (~seen & ~z).astype(np.float64)
    if observed is None or n - X.shape[1] < 1:
        reason = f"{int(seen.sum())} observed subjects do not determine the model"
        none = Estimate.not_estimable(
            MEAN_DIFFERENCE, METHOD, reason, conf_level=conf_level, n=n, n_arm=n1, n_versus=n0
        )
        return lambda _arm, _versus: none
    value, variance, df = observed
    t = t_quantile(df, conf_level)

    base = Estimate(
        value, math.sqrt(variance), df, value, value, conf_level, None, n, n1, n0, METHOD, MEAN_DIFFERENCE
    )

    def at(delta_arm: float, delta_versus: float) -> Estimate:
        moved, extra, _ = _arm_coefficient(X, delta_arm * gaps[0] + delta_versus * gaps[1]) or (0.0, 0.0, 0)
        estimate, se = value + moved, math.sqrt(variance + extra)
        return replace(base, estimate=estimate, se=se, lower=estimate - t * se, upper=estimate + t * se)

    return at


def predicted_missing(y: ArrayLike, treated: ArrayLike, covariates: Mapping[str, ArrayLike]) -> Floats:
    """What the model of those observed predicts for missing outcomes: what `shifted_ancova` shifts.

    Parameters:
        y, treated, covariates: as `shifted_ancova`.

    Returns:
        Predictions, NaN where the outcome was observed, shape (n,).

    Raises:
        UsageError: lengths that differ, missing covariates.
    """
    y, _, X = _design(y, treated, covariates)
    seen = np.isfinite(y)
    beta = np.linalg.lstsq(X[seen], y[seen], rcond=None)[0]
    return np.where(seen, np.nan, X @ beta)


def _design(
    y: ArrayLike, treated: ArrayLike, covariates: Mapping[str, ArrayLike]
) -> tuple[Floats, Bools, Floats]:
    """Outcomes, who is in the arm, and the design: the arm, the constant, the covariates."""
    outcome, z = np.asarray(y, dtype=np.float64), flags(treated, "treated")
    terms = [covariate(name, values) for name, values in covariates.items()]
    n = same_length({"y": outcome, "treated": z} | {f"covariate {t.name}": t.X for t in terms})
    return outcome, z, np.column_stack([z.astype(np.float64), np.ones(n), *(t.X for t in terms)])


def _arm_coefficient(X: Floats, y: Floats) -> tuple[float, float, int] | None:
    """The coefficient of the first column, its variance and the residual degrees of freedom."""
    kept = independent_columns(X)
    df = len(y) - len(kept)
    if df < 1 or 0 not in kept:
        return None
    rest = X[:, [j for j in kept if j != 0]]
    Q = np.linalg.qr(rest)[0]
    d, r = X[:, 0] - Q @ (Q.T @ X[:, 0]), y - Q @ (Q.T @ y)
    size = float(d @ d)
    if not size > 1e-10 * max(1.0, float(X[:, 0] @ X[:, 0])):
        return None
    b = float(d @ r) / size
    e = r - b * d
    return b, float(e @ e) / df / size, df

"""What imputation of a trial's outcomes gives: completed outcomes, differences and means with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import LS_MEAN, MEAN_DIFFERENCE, Estimate
from armwise.stats.imputation.outcomes import TrialOutcomes
from armwise.stats.imputation.rubin import Pooled, pool
from armwise.stats.imputation.strategies import STRATEGY_WORDS, check_strategy
from armwise.stats.imputation.visit_regressions import (
    VisitRegressions,
    blocks,
    coefficients_without,
    visit_regressions,
)
from armwise.stats.repeated.wald import t_limits, t_test

Floats = NDArray[np.float64]

Variance = Literal["information-anchored", "frequentist"]


@dataclass(frozen=True, eq=False)
class DrawnOutcomes:
    """Completed sets of a trial's outcomes, analysed and pooled.

    Attributes:
        trial: what was imputed.
        values: shape (M, N, m), complete, with `delta`.
        delta: shape (N, m), as added to imputed outcomes; 0 elsewhere.
        regressions: of each set.
        notes: what a reader must know.
    """

    trial: TrialOutcomes = field(repr=False)
    values: Floats = field(repr=False)
    delta: Floats = field(repr=False)
    regressions: VisitRegressions = field(repr=False)
    notes: tuple[str, ...]

    @property
    def variance(self) -> Variance:
        """What the standard error measures."""
        return "information-anchored"

    def pooled(self, visit: str, arm: str) -> Pooled:
        """The difference of an arm and the reference at a visit, adjusted for the covariates, by Rubin's rules."""
        return self._pooled(contrast_of(self.trial, arm), visit)

    def difference(self, visit: str, arm: str, conf_level: float = 0.95) -> Estimate:
        """The same as an `Estimate`: arm less reference."""
        return self._estimate(contrast_of(self.trial, arm), visit, arm, conf_level, MEAN_DIFFERENCE)

    def mean(
        self, visit: str, arm: str, conf_level: float = 0.95, at: Mapping[str, float] | None = None
    ) -> Estimate:
        """An arm's mean at a visit, at the mean covariates of all subjects, or at `at` where it names them."""
        return self._estimate(_mean(self.trial, arm, at), visit, arm, conf_level, LS_MEAN)

    def shifted(self, delta: Mapping[str, ArrayLike] | ArrayLike) -> DrawnOutcomes:
        """The same draws with this delta, instead of the one that they have: for tipping points."""
        new = as_delta(self.trial, delta)
        values = self.values + (new - self.delta)
        return DrawnOutcomes(
            self.trial, values, new, visit_regressions(values, self.trial.regressors), self.notes
        )

    def _pooled(self, c: Floats, visit: str) -> Pooled:
        estimates, variances = self.regressions.contrast(c, self.trial.visit(visit))
        return pool(estimates, variances, float(self.regressions.df))

    def _estimate(self, c: Floats, visit: str, arm: str, conf_level: float, statistic: str) -> Estimate:
        found = self._pooled(c, visit)
        method = (
            f"{_assumption(self.trial, self.delta)}: {len(self.values)} imputations on MMRM (bootstrap, REML), "
            f"analysis of covariance, Rubin's rules, Barnard-Rubin t; {self.variance} variance"
        )
        return _as_estimate(
            self.trial, found.estimate, found.se, found.df, arm, conf_level, statistic, method
        )


@dataclass(frozen=True, eq=False)
class ConditionalMeans:
    """A trial's outcomes with conditional means in their gaps, analysed, and again without each subject.

    Attributes:
        trial: what was imputed.
        values: shape (N, m), complete, with `delta`.
        delta: shape (N, m), as added to imputed outcomes; 0 elsewhere.
        regressions: of the one set; its residual variances are not those of outcomes.
        without: shape (N, d, m), coefficients without each subject, everything fitted again.
    """

    trial: TrialOutcomes = field(repr=False)
    values: Floats = field(repr=False)
    delta: Floats = field(repr=False)
    regressions: VisitRegressions = field(repr=False)
    without: Floats = field(repr=False)

    @property
    def variance(self) -> Variance:
        """What the standard error measures."""
        return "frequentist"

    def difference(self, visit: str, arm: str, conf_level: float = 0.95) -> Estimate:
        """An arm less the reference at a visit, adjusted for the covariates."""
        return self._estimate(contrast_of(self.trial, arm), visit, arm, conf_level, MEAN_DIFFERENCE)

    def mean(
        self, visit: str, arm: str, conf_level: float = 0.95, at: Mapping[str, float] | None = None
    ) -> Estimate:
        """An arm's mean at a visit, at the mean covariates of all subjects, or at `at` where it names them."""
        return self._estimate(_mean(self.trial, arm, at), visit, arm, conf_level, LS_MEAN)

    def shifted(self, delta: Mapping[str, ArrayLike] | ArrayLike) -> ConditionalMeans:
        """The same with this delta, instead of the one that it has; nothing is fitted again, all is linear in it."""
        new = as_delta(self.trial, delta)
        change, u = new - self.delta, self.trial.regressors
        values = self.values + change
        moves = [
            coefficients_without(
                np.broadcast_to(change, (part.stop - part.start, *change.shape)), u, part.start
            )
            for part in blocks(len(change), len(self.trial.visits))
        ]
        return ConditionalMeans(
            self.trial, values, new, visit_regressions(values[None], u), self.without + np.concatenate(moves)
        )

    def _estimate(self, c: Floats, visit: str, arm: str, conf_level: float, statistic: str) -> Estimate:
        j, n = self.trial.visit(visit), len(self.values)
        left = self.without[:, :, j] @ c
        se = float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))
        method = (
            f"{_assumption(self.trial, self.delta)}: conditional means on MMRM (REML), analysis of covariance, "
            f"jackknife that refits, t on n - {len(c)}; {self.variance} variance"
        )
        estimate = float(self.regressions.coefficients[0, :, j] @ c)
        return _as_estimate(
            self.trial, estimate, se, float(self.regressions.df), arm, conf_level, statistic, method
        )


def as_delta(trial: TrialOutcomes, delta: Mapping[str, ArrayLike] | ArrayLike) -> Floats:
    """What is added to the imputed outcomes at and after the event, shape (N, m); 0 elsewhere.

    Raises:
        UsageError: unknown arms, wrong shapes, numbers that are not finite.
    """
    full = np.zeros_like(trial.y)
    if isinstance(delta, Mapping):
        for name, value in delta.items():
            row = np.asarray(value, dtype=np.float64)
            if row.shape not in ((), (full.shape[1],)):
                raise UsageError(
                    f"delta of {name} has shape {row.shape}; expected a number or ({full.shape[1]},)"
                )
            full[trial.arm == trial.arm_number(name)] = row
    else:
        array = np.asarray(delta, dtype=np.float64)
        if array.shape != full.shape:
            raise UsageError(
                f"delta has shape {array.shape}; expected {full.shape}, or arm -> a number or ({full.shape[1]},)"
            )
        full[:] = array
    if not np.isfinite(full).all():
        raise UsageError("delta is not finite; expected numbers")
    return np.where(trial.after_event, full, 0.0)


def contrast_of(trial: TrialOutcomes, arm: str) -> Floats:
    """The coefficients that make the difference of an arm and the reference, shape (d,).

    Raises:
        UsageError: the reference itself, or an unknown arm.
    """
    c = np.zeros(trial.regressors.shape[1])
    number = trial.arm_number(arm)
    if number == 0:
        raise UsageError(f"{arm} is the reference; expected one of {', '.join(trial.arms[1:])}")
    c[number] = 1.0
    return c


def _mean(trial: TrialOutcomes, arm: str, at: Mapping[str, float] | None = None) -> Floats:
    c = np.asarray(trial.regressors.mean(axis=0), dtype=np.float64)
    k = len(trial.arms)
    c[1:k] = np.arange(1, k) == trial.arm_number(arm)
    for name, value in (at or {}).items():
        if name not in trial.covariates:
            raise UsageError(f"covariate {name!r}; expected one of {', '.join(trial.covariates) or 'none'}")
        c[k + trial.covariates.index(name)] = value
    return c


def _assumption(trial: TrialOutcomes, delta: Floats) -> str:
    """The strategies of those with something missing after their event, in words."""
    used = sorted({str(s) for s in trial.strategy[trial.after_event.any(axis=1)]})
    words = " and ".join(STRATEGY_WORDS[check_strategy(s)] for s in used) or "missing at random"
    return f"{words}, with delta" if delta.any() else words


def _as_estimate(
    trial: TrialOutcomes,
    estimate: float,
    se: float,
    df: float,
    arm: str,
    conf_level: float,
    statistic: str,
    method: str,
) -> Estimate:
    lower, upper = t_limits(np.array(estimate), np.array(se), np.array(df), conf_level)
    p = None
    if statistic == MEAN_DIFFERENCE and se > 0:
        p = float(t_test(np.array(estimate), np.array(se), np.array(df))[1])
    return Estimate(
        estimate=estimate, se=se, df=df, lower=float(lower), upper=float(upper), conf_level=conf_level, p=p,
        n=len(trial.y), n_arm=int((trial.arm == trial.arm_number(arm)).sum()),
        n_versus=int((trial.arm == 0).sum()) if statistic == MEAN_DIFFERENCE else None,
        method=method, statistic=statistic,
    )  # fmt: skip

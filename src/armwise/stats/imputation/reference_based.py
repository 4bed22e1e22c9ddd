"""Imputation of a trial's outcomes on the mixed model for repeated measures, at random or by reference to another arm.

Two ways, and what their variance means:

- `impute_outcomes`: parameters drawn by bootstrap and REML, gaps drawn given them, an analysis of each completed set,
  Rubin's rules with Barnard and Rubin's degrees of freedom. Under a reference-based strategy Rubin's variance is larger
  than the variance of the estimate over repeated trials: it keeps the share of information that the missing outcomes
  take away under missing at random ("information-anchored"; Cro, Carpenter & Kenward 2019, JRSS A 182:623-645).
- `conditional_means`: gaps filled once with their means at the REML estimate, standard error by the jackknife that fits
  everything again without each subject (Wolbers et al. 2022, Pharm. Stat. 21:1246-1257): the variance over repeated
  trials ("frequentist"), without random numbers. Under a reference-based strategy it falls as more outcomes are
  missing: what is copied from the reference does not vary. Whether that is wanted is for the protocol to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.imputation.conditional_normal import Parameters, completed, filled_gaps
from armwise.stats.imputation.imputed_outcomes import ConditionalMeans, DrawnOutcomes, as_delta
from armwise.stats.imputation.marginal_fits import (
    MOST_SAMPLES,
    Covariance,
    bootstrap_parameters,
    fitted_parameters,
)
from armwise.stats.imputation.outcomes import TrialOutcomes, trial_outcomes
from armwise.stats.imputation.visit_regressions import blocks, coefficients_without, visit_regressions
from armwise.stats.replicates import Failed, replicate

Floats = NDArray[np.float64]
Delta = Mapping[str, ArrayLike] | ArrayLike


def impute_outcomes(
    y: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    visits: Sequence[str] | None = None,
    strategy: str | Sequence[str] = "missing-at-random",
    after: ArrayLike | None = None,
    delta: Delta | None = None,
    covariance: Covariance = "common",
    imputations: int = 100,
    seed: int,
    workers: int = 1,
) -> DrawnOutcomes:
    """Multiple imputation of outcomes, by approximate Bayes; its variance is information-anchored.

    Args:
        y: outcomes, shape (N, m), NaN where missing.
        arm: each subject's arm, shape (N,).
        reference: the arm that strategies refer to and that others are compared with.
        covariates: name -> numbers, shape (N,), without gaps; each has a coefficient at each visit.
        visits: names of the m visits.
        strategy: one of `STRATEGY_WORDS` for all, or one a subject, shape (N,): what is assumed from the event on.
            Gaps before it are missing at random (with copy reference, they too are filled as if in the reference arm).
        after: number of visits before the event, shape (N,), m where there was none. When not given, the event is
            dropout: it lies after the last observed visit.
        delta: added to imputed outcomes at and after the event: arm -> a number or shape (m,), or an array (N, m).
        covariance: `common`, one covariance and one slope for all arms; `by-arm`, a model of its own in each.
        imputations: sets, at least 2.
        seed: 0 or more; set i depends on the data, the seed and i alone.
        workers: processes, see `replicate`.

    Returns:
        `DrawnOutcomes`: the completed sets, and `difference(visit, arm)` and `mean(visit, arm)` of them.

    Raises:
        UsageError: arrays that do not fit together, unknown words, outcomes after an event.
        FitError: the imputation model has no fit.

    Source: Carpenter, Roger & Kenward 2013; Wolbers et al. 2022. Identities: docs/imputation.md.
    """
    if imputations < 2:
        raise UsageError(f"imputations is {imputations}; expected at least 2")
    trial = trial_outcomes(
        y, arm, reference=reference, covariates=covariates, visits=visits, strategy=strategy, after=after
    )
    _check_covariance(covariance)
    gaps = int(trial.missing.sum())

    def block(generators: Sequence[np.random.Generator]) -> list[tuple[Floats, int] | Failed]:
        parameters, taken, ok, reason = bootstrap_parameters(trial, generators, covariance)
        why = Failed(f"no fit in {MOST_SAMPLES} bootstrap samples in a row: {reason}")
        if not ok.any():
            return [why] * len(ok)
        # one without a fit takes the parameters of another: a block is whole, and more sets than are asked for
        stands = np.where(ok, np.arange(len(ok)), int(np.argmax(ok)))
        parameters = Parameters(parameters.beta[stands], parameters.sigma[stands])
        noise = np.stack([rng.standard_normal(gaps) for rng in generators])
        filled = filled_gaps(trial, parameters, noise)
        return [(f, t) if fine else why for f, t, fine in zip(filled, taken.tolist(), ok, strict=True)]

    if gaps:
        _fit_to_all(trial, covariance)  # a model without a fit is not tried again and again
        done = replicate(block, imputations, seed, workers=workers)
        if done.failures:
            raise FitError(
                f"{done.note}; no set is left out: use fewer covariates or visits, or the conditional mean",
                "not identified",
            )
        filled = np.stack([values for values, _ in done.succeeded])
        spare = sum(taken - 1 for _, taken in done.succeeded)
    else:
        filled, spare = np.empty((imputations, 0)), 0
    values = completed(trial, filled)
    notes = (f"{spare} bootstrap samples without a fit were replaced by the next",) if spare else ()
    none = np.zeros_like(trial.y)
    found = DrawnOutcomes(trial, values, none, visit_regressions(values, trial.regressors), notes)
    return found if delta is None else found.shifted(as_delta(trial, delta))


def conditional_means(
    y: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    visits: Sequence[str] | None = None,
    strategy: str | Sequence[str] = "missing-at-random",
    after: ArrayLike | None = None,
    delta: Delta | None = None,
    covariance: Covariance = "common",
) -> ConditionalMeans:
    """Imputation of outcomes by their conditional means, with the jackknife; its variance is frequentist.

    Takes no random numbers. Not for risks of a dichotomised outcome: means do not vary as outcomes do.

    Args:
        y, arm, reference, covariates, visits, strategy, after, delta, covariance: as in `impute_outcomes`.

    Returns:
        `ConditionalMeans`, with `difference(visit, arm)` and `mean(visit, arm)`.

    Raises:
        UsageError: as `impute_outcomes`.
        FitError: the imputation model has no fit to all subjects, or to all but one.

    Source: Wolbers et al. 2022.
    """
    trial = trial_outcomes(
        y, arm, reference=reference, covariates=covariates, visits=visits, strategy=strategy, after=after
    )
    _check_covariance(covariance)
    n, u = len(trial.y), trial.regressors
    if not trial.missing.any():
        values = trial.y[None]
        whole = visit_regressions(values, u)
        without = coefficients_without(np.broadcast_to(trial.y, (n, *trial.y.shape)), u, 0)
    else:
        counts = np.vstack([np.ones((1, n), dtype=np.int64), 1 - np.eye(n, dtype=np.int64)])
        _fit_to_all(trial, covariance)
        parameters, ok, reason = fitted_parameters(trial, counts, covariance)
        if not ok.all():
            raise FitError(
                f"the imputation model has no fit without one subject, for {(~ok).sum()} of {n} subjects: {reason}",
                "not identified",
            )
        values = completed(trial, filled_gaps(trial, _some(parameters, slice(0, 1))))
        whole = visit_regressions(values, u)
        parts = []
        for part in blocks(n, len(trial.visits)):
            left = _some(parameters, slice(part.start + 1, part.stop + 1))
            parts.append(coefficients_without(completed(trial, filled_gaps(trial, left)), u, part.start))
        without = np.concatenate(parts)
    found = ConditionalMeans(trial, values[0], np.zeros_like(trial.y), whole, without)
    return found if delta is None else found.shifted(as_delta(trial, delta))


def _fit_to_all(trial: TrialOutcomes, covariance: Covariance) -> None:
    """Raises FitError if the model has no fit to all subjects."""
    _, ok, reason = fitted_parameters(trial, np.ones((1, len(trial.y)), dtype=np.int64), covariance)
    if not ok[0]:
        raise FitError(f"the imputation model has no fit: {reason}", "not identified")


def _some(parameters: Parameters, part: slice) -> Parameters:
    return Parameters(parameters.beta[part], parameters.sigma[part])


def _check_covariance(covariance: str) -> None:
    if covariance not in get_args(Covariance):
        raise UsageError(f"covariance {covariance!r}; expected one of {', '.join(get_args(Covariance))}")

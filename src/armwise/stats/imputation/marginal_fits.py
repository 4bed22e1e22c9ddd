"""The imputation model: the mixed model for repeated measures, fitted to resampled subjects, many fits together.

Means by arm and visit, every covariate with a coefficient at each visit, unstructured covariance, REML; one covariance
and one set of slopes for all arms, or a model of its own in each arm. Parameters are drawn by fitting the model to a
bootstrap sample of the subjects of each arm (Little & Rubin 2020, section 10.2.3; Wolbers et al. 2022, Pharm. Stat.
21:1246-1257): that needs no distribution of the covariance's estimate, which in small trials is far from normal, and
every draw is positive definite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from armwise.stats.imputation.conditional_normal import Parameters
from armwise.stats.imputation.outcomes import TrialOutcomes
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.many.fits import ManyFits, mmrm_many

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

Covariance = Literal["common", "by-arm"]

#: Bootstrap samples that are tried for one draw before it is given up.
MOST_SAMPLES = 10


def fitted_parameters(
    trial: TrialOutcomes, counts: Counts, covariance: Covariance
) -> tuple[Parameters, NDArray[np.bool_], str]:
    """The parameters of each resampled trial.

    Args:
        trial: the outcomes.
        counts: shape (M, N), how often each subject is taken.
        covariance: one for all arms, or a model in each.

    Returns:
        Parameters (NaN without a fit or where nobody was observed), which of the M have a fit and all means that the
        strategies use, and why the first that has none has none.
    """
    M, arms, m, p = len(counts), len(trial.arms), len(trial.visits), trial.x.shape[1]
    used = trial.used_means
    member = (trial.arm == np.arange(arms)[:, None]).astype(np.int64)
    nobody = (
        used & (np.einsum("mn,an,nj->maj", counts, member, (~trial.missing).astype(np.int64)) == 0)
    ).any((1, 2))
    if covariance == "common":
        names = [*(f"arm {a}" for a in trial.arms[1:]), *trial.covariates]
        fits = _fits(trial.y, trial.regressors, names, trial.visits, counts)
        found = common_parameters(fits, arms)
        ok = fits.ok & np.isfinite(found.beta[:, used]).all(axis=(1, 2)) & ~nobody
        return found, ok, _reason(fits, ok)
    beta, sigma = np.empty((M, arms, m, p)), np.empty((M, arms, m, m))
    ok, reason = ~nobody, ""
    for a in range(arms):
        mine = trial.arm == a
        fits = _fits(trial.y[mine], trial.x[mine], list(trial.covariates), trial.visits, counts[:, mine])
        beta[:, a] = np.swapaxes(fits.beta.reshape(M, p, m), 1, 2)
        sigma[:, a] = fits.sigma
        mine_ok = fits.ok & np.isfinite(beta[:, a, used[a]]).all(axis=(1, 2))
        ok &= mine_ok
        reason = reason or _reason(fits, mine_ok & ~nobody)
    return Parameters(beta, sigma), ok, reason


def common_parameters(fits: ManyFits, arms: int) -> Parameters:
    """The parameters of each arm from fits with indicators of all arms but the reference, then the covariates."""
    m = len(fits.design.visits)
    b = fits.beta.reshape(
        len(fits.beta), -1, m
    )  # a crossed design holds a covariate's coefficients visit by visit
    beta = np.empty((len(b), arms, m, 1 + b.shape[1] - arms))
    beta[..., 0] = b[:, :1]
    beta[:, 1:, :, 0] += b[:, 1:arms]
    beta[..., 1:] = np.swapaxes(b[:, arms:], 1, 2)[:, None]
    return Parameters(beta, np.repeat(fits.sigma[:, None], arms, axis=1))


def bootstrap_parameters(
    trial: TrialOutcomes, generators: Sequence[np.random.Generator], covariance: Covariance
) -> tuple[Parameters, NDArray[np.intp], NDArray[np.bool_], str]:
    """One draw of the parameters for each generator.

    A sample without a fit (a covariance that is singular in it) is replaced by the generator's next one, ten times at
    most.

    Returns:
        Parameters, how many samples each took, which of them have a fit, and why not.
    """
    rows = [np.flatnonzero(trial.arm == a) for a in range(len(trial.arms))]
    counts = np.stack([_sample(rng, rows, len(trial.y)) for rng in generators])
    found, ok, reason = fitted_parameters(trial, counts, covariance)
    taken = np.ones(len(generators), dtype=np.intp)
    while not ok.all():
        again = np.flatnonzero(~ok)
        if taken[again].max() >= MOST_SAMPLES:
            break
        counts = np.stack([_sample(generators[i], rows, len(trial.y)) for i in again.tolist()])
        more, fine, reason = fitted_parameters(trial, counts, covariance)
        found.beta[again], found.sigma[again] = more.beta, more.sigma
        ok[again] = fine
        taken[again] += 1
    return found, taken, ok, reason


def _sample(rng: np.random.Generator, rows: Sequence[NDArray[np.intp]], n: int) -> Counts:
    """How often each subject is taken, as many from each arm as it has."""
    counts = np.zeros(n, dtype=np.int64)
    for mine in rows:
        counts[mine] = np.bincount(rng.integers(len(mine), size=len(mine)), minlength=len(mine))
    return counts


def _fits(y: Floats, u: Floats, names: Sequence[str], visits: tuple[str, ...], counts: Counts) -> ManyFits:
    return mmrm_many(y, u, crossed_design(visits, names), counts=counts, df="satterthwaite")


def _reason(fits: ManyFits, ok: NDArray[np.bool_]) -> str:
    if ok.all():
        return ""
    first = int(np.flatnonzero(~ok)[0])
    return fits.reasons.get(
        first, "an arm that nobody was observed in at a visit, or a covariate that does not vary"
    )

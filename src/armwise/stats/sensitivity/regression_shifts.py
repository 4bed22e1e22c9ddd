"""Analysis of covariance of imputed outcomes, as a function of shifts of those that were imputed: in closed form.

At a visit the coefficient of the arm is linear in the outcomes, so that outcomes and the two shifts are regressed once,
together: three columns, one projection. The residual variance of each drawn set, and the jackknife of conditional
means, are quadratic in the shifts.
"""

from __future__ import annotations

import numpy as np

from armwise.stats.imputation.imputed_outcomes import ConditionalMeans, DrawnOutcomes, contrast_of
from armwise.stats.imputation.visit_regressions import blocks, coefficients_without, visit_regressions
from armwise.stats.samples import Floats
from armwise.stats.sensitivity.imputed_shifts import ShiftedSets


def shifted_regressions(
    found: DrawnOutcomes | ConditionalMeans, visit: str, arm: str, conf_level: float = 0.95
) -> ShiftedSets:
    """The difference of an arm and the reference at a visit, by shifts of their imputed outcomes.

    Parameters:
        found: imputed outcomes, by draws or by conditional means.
        visit: at which the arms are compared. Every outcome that was missing there is shifted, once, on top of a delta
            that it may have already; those of earlier visits are as they were imputed.
        arm: not the reference.
        conf_level: 0.95 for 95 %.

    Returns:
        ShiftedSets; without a shift it is `found.difference(visit, arm)`.

    Raises:
        UsageError: an unknown visit or arm.
    """
    trial, j = found.trial, found.trial.visit(visit)
    c, u = contrast_of(trial, arm), trial.regressors
    gaps = np.stack(
        [trial.missing[:, j] & (trial.arm == number) for number in (trial.arm_number(arm), 0)], axis=1
    ).astype(np.float64)
    sizes = [int((trial.arm == number).sum()) for number in (trial.arm_number(arm), 0)]
    moves = visit_regressions(gaps[None], u)
    slopes = c @ moves.coefficients[0]
    now = found.regressions.coefficients[:, :, j] @ c
    planes = np.column_stack([now, *(np.full(len(now), slope) for slope in slopes)])
    if isinstance(found, ConditionalMeans):
        forms = _jackknife(found, c, j, gaps)[None]
    else:
        columns = np.concatenate(
            [found.values[:, :, j, None], np.broadcast_to(gaps, (len(now), *gaps.shape))], axis=2
        )
        q = np.linalg.qr(u)[0]
        residuals = columns - q @ (q.T @ columns)
        share = float(c @ found.regressions.inverse @ c) / found.regressions.df
        forms = residuals.transpose(0, 2, 1) @ residuals * share
    return ShiftedSets(planes, forms, float(found.regressions.df), conf_level, sizes[0], sizes[1])


def _jackknife(found: ConditionalMeans, c: Floats, j: int, gaps: Floats) -> Floats:
    """The jackknife's variance of an estimate that is refitted without each subject: a quadratic form, (3, 3)."""
    u, n = found.trial.regressors, len(gaps)
    moves = np.concatenate(
        [
            coefficients_without(np.broadcast_to(gaps, (part.stop - part.start, *gaps.shape)), u, part.start)
            for part in blocks(n, 2)
        ]
    )
    left = np.column_stack([found.without[:, :, j] @ c, np.einsum("kdm,d->km", moves, c)])
    centred = left - left.mean(axis=0)
    return np.asarray(centred.T @ centred * ((n - 1) / n))

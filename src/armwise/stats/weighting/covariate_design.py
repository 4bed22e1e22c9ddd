"""Covariates as a well scaled design, for the estimators that need no propensity model."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from armwise.stats.propensity_score import Propensity, design_of, standardised_columns
from armwise.stats.samples import Bools, Floats, flags
from armwise.stats.weighting.arm_means import same_subjects


def covariate_design(
    Y: Floats, treated: ArrayLike, X: ArrayLike | Mapping[str, ArrayLike] | Propensity
) -> tuple[Bools, Floats, tuple[str, ...]]:
    """Who is in the arm, the covariates with an intercept (centred, scaled to SD 1), and their names.

    Parameters:
        Y: outcomes, shape (m, n), whose subjects the others must match.
        treated: who is in the arm, shape (n,).
        X: covariates, or a propensity model, whose design is taken.

    Returns:
        z, shape (n,); the design, shape (n, p); its columns' names.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm.
    """
    z = flags(treated, "treated")
    if isinstance(X, Propensity):
        columns, design = X.columns, X.X
    else:
        columns, design, _ = design_of(X, z)
    z = same_subjects(Y, z, len(design))
    return z, standardised_columns(design)[0], columns

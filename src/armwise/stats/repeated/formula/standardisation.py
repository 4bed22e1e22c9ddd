"""Marginal standardisation: what the model expects at a visit if everyone had been in one arm, averaged over everyone.

The average prediction over the analysed subjects' own covariates (g-computation for a linear model). For covariates
that enter linearly this is the LS mean at their means over subjects; for interactions with the arm and for curves it is
the mean of the predictions, where LS means predict at the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.formula.grid import Grid
from armwise.stats.repeated.formula.labels import text
from armwise.stats.repeated.formula.least_squares_means import LsEstimates, grid_of
from armwise.stats.repeated.wald import t_limits, t_test

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]
Target = Literal["these subjects", "a population"]


@dataclass(frozen=True, eq=False)
class Standardised:
    """Standardised means, and their differences.

    Attributes:
        means: one row a level (and visit), as LS means are.
        differences: every level minus the reference, or every later level minus each earlier one, by visit.
        n_subjects: subjects averaged over.
        target: "these subjects" (standard errors given their covariates), or "a population" of which they are a sample
            (the covariates' sampling variance added).
    """

    means: LsEstimates
    differences: LsEstimates
    n_subjects: int
    target: Target


def standardised_means(
    fit: Mmrm,
    factor: str,
    *,
    visit: Any = None,
    reference: Any = None,
    target: Target = "these subjects",
    conf_level: float = 0.95,
) -> Standardised:
    """Mean outcome by level of a factor if every analysed subject had that level, with their own covariates.

    Args:
        fit: a fit by `mmrm`.
        factor: the arm.
        visit: a visit or several; all by default.
        reference: the level that the others are compared with; without it, every pair.
        target: whom the standard errors speak of; "a population" adds the variance of the mean of the subjects'
            predictions, var_i(x_i' beta) / N, on the model's degrees of freedom.
        conf_level: 0.95 for 95 %.

    Returns:
        Means and differences. A subject counts once, however many visits were observed; a covariate that changes over
        time is taken from the subject's first analysed row.

    Raises:
        UsageError: a fit from arrays, a factor or level that the model does not have, an unknown target.
    """
    if target not in ("these subjects", "a population"):
        raise UsageError(f'target is {target!r}; expected "these subjects" or "a population"')
    check_conf_level(conf_level)
    grid = grid_of(fit, "standardised_means")
    grid.check_variables([factor])
    if factor not in grid.factors or factor == grid.visit:
        raise UsageError(
            f"{factor!r} is not a factor to standardise by; expected the arm or another of its kind"
        )
    levels, at = grid.factors[factor], _visits(grid, visit)
    combinations = [(level, time) for time in at for level in levels]
    beta = np.nan_to_num(
        fit.beta
    )  # an aliased column counts for nothing; whether a row is estimable, L decides
    L = np.empty((len(combinations), len(beta)))
    predictions = np.empty((len(combinations), len(grid.first)))
    for k, (level, time) in enumerate(combinations):
        rows = _everyone(grid, {factor: level} | ({grid.visit: time} if time is not None else {}))
        L[k], predictions[k] = rows.mean(axis=0), rows @ beta
    names = (factor,) if at == (None,) else (factor, grid.visit)
    labels = [tuple(text(value) for value in pair[: len(names)]) for pair in combinations]
    words = f"over the covariates of {len(grid.first)} analysed subjects"
    means = LsEstimates.of(fit, names, labels, names[1:], L, words, conf_level)
    differences = means.pairs(reference=reference)
    if target == "a population":
        sampling = np.cov(predictions).reshape(len(L), len(L)) / predictions.shape[1]
        _, C = means.difference_weights(reference, names[1:])
        means = _with_sampling(means, np.diag(sampling))
        differences = _with_sampling(differences, np.einsum("ij,jk,ik->i", C, sampling, C))
    return Standardised(means, differences, len(grid.first), target)


def _visits(grid: Grid, visit: Any) -> tuple[Any, ...]:
    if grid.visit not in grid.factors:
        if visit is not None:
            raise UsageError(
                f"the model {grid.formula!r} has no effect of the visit: its means are those of every visit"
            )
        return (None,)
    if visit is None:
        own = {text(level): level for level in grid.factors[grid.visit]}
        return tuple(own[name] for name in grid.visits)
    several = (visit,) if np.ndim(visit) == 0 else tuple(visit)
    if not several:
        raise UsageError("visit is an empty list; name a visit, or leave it out for all of them")
    return tuple(grid.level(grid.visit, one) for one in several)


def _everyone(grid: Grid, fixed: dict[str, Any]) -> Floats:
    """Each subject's row of the model matrix with some variables set, shape (N, q)."""
    import pandas as pd

    frame = grid.rows.iloc[grid.first].reset_index(drop=True)
    for name, value in fixed.items():
        dtype: Any = grid.rows[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            frame[name] = pd.Categorical([value] * len(frame), dtype=dtype)
        else:  # a number that the formula takes as a category
            frame[name] = float(value)
    return grid.matrix(frame)


def _with_sampling(estimates: LsEstimates, sampling: Floats) -> LsEstimates:
    """The same estimates with a variance added to each."""
    found = estimates.result
    se = np.sqrt(found.se**2 + sampling)
    t, p = t_test(found.estimate, se, found.df, found.null)
    lower, upper = t_limits(found.estimate, se, found.df, found.conf_level)
    return replace(estimates, result=replace(found, se=se, t=t, p=p, lower=lower, upper=upper))

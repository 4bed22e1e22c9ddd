"""How a measured outcome goes with one characteristic: a slope, or differences between its categories."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.covariates import covariate, covariates_of
from armwise.stats.estimate import MEAN_DIFFERENCE, SLOPE, Estimate, check_conf_level
from armwise.stats.least_squares import LeastSquares, with_covariates
from armwise.stats.samples import same_length, sample

METHOD = "least squares"


def slopes(
    y: ArrayLike,
    x: ArrayLike,
    covariates: Mapping[str, ArrayLike] | None = None,
    *,
    conf_level: float = 0.95,
) -> dict[str, Estimate]:
    """Regress an outcome on one characteristic, alone or beside others.

    Parameters:
        y: outcome, shape (n,), none missing.
        x: the characteristic, shape (n,): numbers give one slope per unit, text or booleans the difference of
            each category from the first one.
        covariates: name -> values, shape (n,), to be held equal; numbers as they are, text as categories.
        conf_level: 0.95 for 95 %.

    Returns:
        "" -> the slope, or category -> its difference; t intervals as of R's `lm`, constant variance assumed. What
        does not vary, or what the covariates determine, is "not estimable". Empty for a single category.

    Raises:
        UsageError: missing values or lengths that differ.

    Source: ordinary least squares; Fox 2016, Applied Regression Analysis, sections 6.1 and 6.2.

    >>> round(slopes([1.0, 2.0, 2.5, 4.2], [0.0, 1.0, 2.0, 3.0])[""].estimate, 2)
    1.01
    """
    check_conf_level(conf_level)
    y = sample(y, "y")
    term = covariate("x", x)
    terms = covariates_of(covariates or {})
    same_length({"y": y, "x": term.X} | {f"covariate {t.name}": t.X for t in terms})
    if not len(y):
        raise UsageError("y is empty; a slope needs subjects")
    if term.levels and not term.columns:
        return {}
    X, columns = with_covariates([term.X], term.columns, terms)
    fit = LeastSquares.of(y, X, columns)
    if not term.levels:
        return {"": fit.coefficient("x", SLOPE, METHOD, conf_level)}
    return {
        level: fit.coefficient(column, MEAN_DIFFERENCE, METHOD, conf_level)
        for level, column in zip(term.levels[1:], term.columns, strict=True)
    }

"""A curve with three knots: the most that some tens of patients can say about the shape of an association."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.covariates import covariates_of
from armwise.stats.estimate import COEFFICIENT, FITTED_MEAN, Estimate, check_conf_level
from armwise.stats.least_squares import LeastSquares, with_covariates
from armwise.stats.samples import Floats, same_length, sample

METHOD = "restricted cubic spline, 3 knots"
FEWEST = 30
"""Subjects below which no curve is fitted: 15 for each of its two coefficients, within Harrell's 10 to 20."""


@dataclass(frozen=True, slots=True)
class Spline:
    """A restricted cubic spline with three knots.

    Attributes:
        knots: the three knots, unit of x; empty where none could be placed.
        bend: the coefficient of the nonlinear term, whose p tests a straight line; its size has no meaning by itself.
        at: the values of x that were asked for.
        curve: the mean of y at each of them, covariates at their means, with a pointwise interval.
    """

    knots: tuple[float, ...]
    bend: Estimate
    at: Floats
    curve: tuple[Estimate, ...]


def spline(
    y: ArrayLike,
    x: ArrayLike,
    covariates: Mapping[str, ArrayLike] | None = None,
    *,
    at: ArrayLike,
    conf_level: float = 0.95,
) -> Spline:
    """Regress an outcome on a restricted cubic spline of x with three knots.

    Parameters:
        y: outcome, shape (n,), none missing.
        x: numbers, shape (n,); a logarithm is taken before, by whoever declared it.
        covariates: name -> values, to be held equal (numbers at their mean, categories as often as observed).
        at: values of x at which the curve is wanted, shape (k,).
        conf_level: 0.95 for 95 %.

    Returns:
        A Spline; "not estimable" throughout with fewer than 30 subjects, or where ties leave no three different knots.

    Raises:
        UsageError: missing values or lengths that differ.

    Source: Harrell 2015, Regression Modeling Strategies, sections 2.4.5 (the basis) and 2.4.6 (the knots).
    """
    check_conf_level(conf_level)
    y, x, at = sample(y, "y"), sample(x, "x"), sample(at, "at")
    terms = covariates_of(covariates or {})
    n = same_length({"y": y, "x": x} | {f"covariate {t.name}": t.X for t in terms})
    reason = f"{n} subject{'s' * (n != 1)}; a curve needs {FEWEST}" if n < FEWEST else ""
    knots = () if reason else three_knots(x)
    if not reason and not knots:
        reason = "so many subjects have the same value that no three knots can be placed"
    if reason:
        none = Estimate.not_estimable(COEFFICIENT, METHOD, reason, conf_level=conf_level, n=n)
        mean = Estimate.not_estimable(FITTED_MEAN, METHOD, reason, conf_level=conf_level, n=n)
        return Spline((), none, at, (mean,) * len(at))
    X, columns = with_covariates([x, nonlinear(x, knots)], ("x", "x'"), terms)
    fit = LeastSquares.of(y, X, columns)
    rest = X[:, 3:].mean(axis=0)
    curve = tuple(
        fit.combination(np.array([1.0, a, b, *rest]), FITTED_MEAN, METHOD, conf_level, null=None)
        for a, b in zip(at, nonlinear(at, knots), strict=True)
    )
    return Spline(knots, fit.coefficient("x'", COEFFICIENT, METHOD, conf_level), at, curve)


def three_knots(x: ArrayLike) -> tuple[float, ...]:
    """Harrell's three knots: the 10th, 50th and 90th percentile; below 100 subjects the 5th value from either end.

    Parameters:
        x: numbers, shape (n,), at least five.

    Returns:
        The knots, rising; empty where two of them coincide.

    Source: Harrell 2015, section 2.4.6; the outer knots in small samples are Stone and Koo's (1985).
    """
    x = np.sort(sample(x, "x"))
    if len(x) < 5:
        raise UsageError(f"x holds {len(x)} values; three knots need five")
    low, middle, high = np.quantile(x, [0.1, 0.5, 0.9])
    if len(x) < 100:
        low, high = x[4], x[-5]
    found = float(low), float(middle), float(high)
    return found if found[0] < found[1] < found[2] else ()


def nonlinear(x: ArrayLike, knots: tuple[float, ...]) -> Floats:
    """The nonlinear column of a restricted cubic spline with three knots: straight beyond the outer ones.

    Parameters:
        x: numbers, shape (n,).
        knots: t1 < t2 < t3.

    Returns:
        shape (n,), in the unit of x: divided by (t3 - t1)^2.

    Source: Harrell 2015, section 2.4.5, as R's Hmisc has it (rcspline.eval, norm = 2).
    """
    x = np.asarray(x, dtype=np.float64)
    t1, t2, t3 = knots

    def cube(u: Floats) -> Floats:
        return np.maximum(u, 0.0) ** 3

    bent = cube(x - t1) - cube(x - t2) * (t3 - t1) / (t3 - t2) + cube(x - t3) * (t2 - t1) / (t3 - t2)
    return np.asarray(bent / (t3 - t1) ** 2)

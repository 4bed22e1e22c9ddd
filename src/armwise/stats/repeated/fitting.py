"""Fitting a model for repeated measures to arrays or to cross-products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.anchor import (
    EXPLAINED,
    NEARLY_SINGULAR,
    NO_DIGITS,
    after_least_squares,
    anchored,
    nearly_all_explained,
)
from armwise.stats.repeated.basis import Basis, fitted_exactly, orthonormal, visits_fitted_exactly
from armwise.stats.repeated.covariance import STRUCTURES, Structure, structure
from armwise.stats.repeated.cross_products import CrossProducts, cross_products
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.fitted import DfMethod, Mmrm, VcovMethod, check_methods
from armwise.stats.repeated.likelihood import evaluate
from armwise.stats.repeated.moments import Moments
from armwise.stats.repeated.newton import Names, Optimum, StoppedError, maximise, nearly_singular
from armwise.stats.repeated.start import shrunk_covariance, starting_covariance
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]

#: Passes over the rows that are tried until the covariance that they are whitened with is close enough.
MOST_ANCHORS = 4


def mmrm_wide(
    y: ArrayLike,
    by_visit: Mapping[str, ArrayLike] | None = None,
    overall: Mapping[str, ArrayLike] | None = None,
    *,
    visits: Sequence[str] | None = None,
    covariance: str = "unstructured",
    group: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    times: Sequence[float] | None = None,
    reml: bool = True,
    df: DfMethod = "kenward-roger",
    vcov: VcovMethod = "model",
    subjects: ArrayLike | None = None,
) -> Mmrm:
    """A mixed model for repeated measures from wide arrays: the quickest way in.

    The model has a mean at each visit, the covariates of `by_visit` with a coefficient at each visit, and those of
    `overall` with one coefficient.

    Args:
        y: outcomes, shape (N, m); NaN where a visit was not observed.
        by_visit: name -> covariate of each subject, shape (N,), numbers.
        overall: the same.
        visits: names of the m visits.
        covariance: name of a structure, see `STRUCTURES`.
        group: each subject's group, shape (N,), when each group has a covariance of its own.
        weights: precision weights, shape (N, m) or (N,).
        times: of the visits, for the spatial exponential; 0, 1, 2 ... when not given.
        reml: restricted likelihood, or maximum likelihood.
        df: degrees of freedom, and with them the covariance of the coefficients.
        vcov: `model`, or a robust covariance.
        subjects: labels, shape (N,), for messages.

    Raises:
        UsageError: arrays that do not fit together; unknown words.
        FitError: no fit: singular, not identified, not converged.

    Example:
        >>> import numpy as np
        >>> from armwise.stats import contrasts, mmrm_wide
        >>> y = np.array([[5.0, 3], [6, 5], [4, 4], [8, 6], [7, 9], [6, 4]])
        >>> fit = mmrm_wide(y, {"arm": [0, 0, 0, 1, 1, 1]}, visits=["m1", "m3"])
        >>> found = contrasts(fit, fit.design.row("m3", {"arm": 1}) - fit.design.row("m3", {"arm": 0}))
        >>> round(float(found.estimate[0]), 3), round(float(found.df[0]), 3)
        (2.333, 4.0)
    """
    outcomes = _numbers(y, "y")
    if outcomes.ndim != 2 or not outcomes.size:
        raise UsageError(f"y has shape {outcomes.shape}; expected subjects x visits")
    n, m = outcomes.shape
    names = tuple(str(v) for v in visits) if visits is not None else tuple(f"visit {j + 1}" for j in range(m))
    if len(names) != m or len(set(names)) < m:
        raise UsageError(
            f"visits are {', '.join(names)}; expected {m} distinct names, one for each column of y"
        )
    by_visit, overall = by_visit or {}, overall or {}
    design = crossed_design(names, tuple(by_visit), tuple(overall))
    # By column: whole columns are written quicker than every d-th entry.
    columns = np.ones((len(design.covariates), n))
    for k, (name, values) in enumerate([*by_visit.items(), *overall.items()], start=1):
        columns[k] = _column(values, name, n)
    codes, groups = _groups(group, n)
    wide = Wide(
        names, design.covariates, outcomes, columns.T, codes, groups,
        None if weights is None else _weights(weights, outcomes),
        None if subjects is None else np.asarray(subjects),
    )  # fmt: skip
    return fit_wide(wide, design, covariance=covariance, times=times, reml=reml, df=df, vcov=vcov)


def fit_wide(
    wide: Wide,
    design: Design,
    *,
    covariance: str = "unstructured",
    times: Sequence[float] | None = None,
    reml: bool = True,
    df: DfMethod = "kenward-roger",
    vcov: VcovMethod = "model",
) -> Mmrm:
    """A model from rows and a design; see `mmrm_wide` for the arguments."""
    return _fit(cross_products(wide), design, wide, covariance, times, reml, df, vcov)


def mmrm_cross_products(
    products: CrossProducts,
    design: Design,
    *,
    covariance: str = "unstructured",
    times: Sequence[float] | None = None,
    reml: bool = True,
    df: DfMethod = "kenward-roger",
) -> Mmrm:
    """A model from cross-products alone, of one data set or the sum of several; see `mmrm_wide` for the arguments.

    Robust covariances, residuals and predictions need rows, which are not there.
    """
    return _fit(products, design, None, covariance, times, reml, df, "model")


def evaluate_at(
    wide: Wide,
    design: Design,
    sigma: ArrayLike,
    *,
    reml: bool = True,
    df: DfMethod = "kenward-roger",
    vcov: VcovMethod = "model",
    covariance: str = "unstructured",
    theta: ArrayLike | None = None,
    times: Sequence[float] | None = None,
) -> Mmrm:
    """Estimates and tests at a given covariance, without fitting it: for comparison with another program.

    Args:
        wide, design: rows and columns.
        sigma: shape (m, m) or (G, m, m).
        reml, df, vcov: as in `mmrm_wide`.
        covariance, theta, times: for a structure, its parameters at which `sigma` is reached, shape (k,) or (G, k).

    Raises:
        FitError: sigma is not positive definite.
    """
    found = structure(covariance)
    check_methods(df, vcov, rows=True)
    products = cross_products(wide)
    moments, basis = orthonormal(products, design)
    matrices = np.asarray(sigma, dtype=np.float64).reshape(len(moments.parts), moments.visits, moments.visits)
    point = evaluate(moments, matrices, reml)
    if point is None:
        raise FitError("sigma is not positive definite", "singular", wide.visits)
    parameters = None if theta is None else np.atleast_2d(np.asarray(theta, dtype=np.float64))
    optimum = Optimum(point, parameters, 1, float("nan"))
    return Mmrm(
        design, found, reml, df, vcov, products, _distance(times, moments.visits), basis, optimum, wide
    )


def _fit(
    products: CrossProducts,
    design: Design,
    wide: Wide | None,
    covariance: str,
    times: Sequence[float] | None,
    reml: bool,
    df: DfMethod,
    vcov: VcovMethod,
) -> Mmrm:
    found = structure(covariance)
    check_methods(df, vcov, rows=wide is not None)
    if not isinstance(reml, bool):
        raise UsageError(f"reml is {reml!r}; expected True (REML) or False (maximum likelihood)")
    moments, basis = orthonormal(products, design)
    if moments.visits == 1:  # every structure is a variance
        found = STRUCTURES["unstructured"]
    if nearly_all_explained(products, moments, EXPLAINED):
        cause = _cause(products, basis, wide)
        # A common variance can be estimated from the other visits, if there are any.
        if cause and (found.heterogeneous or len(cause.names) == moments.visits):
            raise cause
        if wide is not None:
            products, moments, basis = after_least_squares(wide, design, products, basis)
        elif nearly_all_explained(products, moments, NO_DIGITS):
            raise FitError(
                "the model explains all but a thousand millionth of some visit's outcomes, and the sums hold no digits "
                "of the rest; subtract a rough prediction from the outcomes before they are summed, or fit from rows",
                "not converged", design.visits,
            )  # fmt: skip
    if found.is_unstructured:
        _refuse_unseen_pairs(products)
    distance, unit = _distance(times, moments.visits), 1.0
    if found.depends_on == "times":
        # A power of rho: with the nearest visits one unit apart the model does not depend on the unit of time.
        unit = float(distance[distance > 0].min())
        distance = distance / unit
    names = Names(design.visits, products.groups)
    anchor: Floats | None = None
    try:
        if found.is_unstructured and wide is not None:
            optimum, basis, anchor = _anchored_if_needed(wide, products, moments, basis, names, reml)
        else:
            optimum = _optimum(moments, found, distance, names, reml)
    except FitError as error:
        raise _cause(products, basis, wide) or error from None
    return Mmrm(design, found, reml, df, vcov, products, distance, basis, optimum, wide, anchor, unit)


def _anchored_if_needed(
    wide: Wide, products: CrossProducts, moments: Moments, basis: Basis, names: Names, reml: bool
) -> tuple[Optimum, Basis, Floats | None]:
    """The optimum of an unstructured covariance, from rows whitened where the sums of the first pass cannot tell."""
    us, none = STRUCTURES["unstructured"], np.zeros((0, 0))
    evaluations = 0
    last: StoppedError | None = None
    try:
        optimum = _optimum(moments, us, none, names, reml)
        if not nearly_singular(optimum.point, NEARLY_SINGULAR):
            return optimum, basis, None
        evaluations, sigma = optimum.evaluations, optimum.point.sigma
    except StoppedError as error:
        sigma, last = error.sigma, error
    if cause := _cause(products, basis, wide):
        raise cause
    for _ in range(MOST_ANCHORS):
        anchor = np.asarray(np.linalg.cholesky(sigma), dtype=np.float64)
        white, found = anchored(wide, products, moments, basis, anchor)
        identity = np.broadcast_to(np.eye(moments.visits), anchor.shape)
        try:
            optimum = maximise(white, us, none, identity, names, reml, anchor)
        except StoppedError as error:
            if error.kind == "singular":
                raise
            sigma, last = error.sigma, error
            continue
        return replace(optimum, evaluations=evaluations + optimum.evaluations), found, anchor
    assert last is not None
    raise last


def _optimum(moments: Moments, found: Structure, distance: Floats, names: Names, reml: bool) -> Optimum:
    """The optimum; a start that leads to a singular covariance is tried again from another."""
    try:
        return maximise(moments, found, distance, starting_covariance(moments, reml), names, reml)
    except FitError as error:
        if error.kind != "singular" or not found.is_unstructured:
            raise
        first = error
    try:
        return maximise(moments, found, distance, shrunk_covariance(moments), names, reml)
    except FitError:
        raise first from None


def _cause(products: CrossProducts, basis: Basis, wide: Wide | None) -> FitError | None:
    """A fault in the data that explains why there is no fit: a visit whose outcomes the model can fit exactly."""
    names = visits_fitted_exactly(products, basis)
    if wide is not None:
        # The sums cannot tell a residual of nothing from one of a ten-millionth; the rows can.
        names = [v for v in names if fitted_exactly(wide, products, basis, wide.visits.index(v))]
    if not names:
        return None
    return FitError(
        f"at {' and '.join(names)} the columns of the model alone can fit every outcome exactly, so that there is no "
        "variance to estimate: all outcomes there are equal, or a covariate says what they are, or they are no more "
        "than the coefficients; look at the data of that visit, or use fewer covariates by visit",
        "not identified", names,
    )  # fmt: skip


def _refuse_unseen_pairs(products: CrossProducts) -> None:
    if len(products.groups) == 1 and products.observed.all(axis=1).any():
        return
    seen = products.observed.astype(np.float64)
    for g, name in enumerate(products.groups):
        mine = products.group == g
        together = seen[mine].T @ (products.n[mine, None] * seen[mine])
        if together.all():
            continue
        j, k = np.nonzero(np.triu(together == 0))
        if len(j):
            visits = [f"{products.visits[a]} and {products.visits[b]}" for a, b in zip(j, k, strict=True)]
            where = f" in group {name}" if name else ""
            raise FitError(
                f"not identified: no subject{where} was observed at both {'; '.join(visits)}, so that the data say "
                "nothing on their covariance; use a covariance with fewer parameters",
                "not identified", visits,
            )  # fmt: skip


def _numbers(values: ArrayLike, name: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is not an array of numbers ({error}); code text as 0 and 1") from None


def _column(values: ArrayLike, name: str, n: int) -> Floats:
    column = _numbers(values, f"covariate {name}")
    if column.shape != (n,):
        raise UsageError(f"covariate {name} has shape {column.shape}; expected ({n},), one number a subject")
    return column


def _weights(weights: ArrayLike, y: Floats) -> Floats:
    w = _numbers(weights, "weights")
    if w.shape == (len(y),):
        w = np.repeat(w[:, None], y.shape[1], axis=1)
    return w


def _groups(group: ArrayLike | None, n: int) -> tuple[NDArray[np.intp] | None, tuple[str, ...]]:
    if group is None:
        return None, ("",)
    labels: NDArray[Any] = np.asarray(group)
    if labels.shape != (n,):
        raise UsageError(f"group has shape {labels.shape}; expected ({n},), one group a subject")
    texts = np.array([str(label) for label in labels.tolist()])
    missing = [i for i, label in enumerate(labels.tolist()) if label is None or label != label]
    if missing:
        raise UsageError(
            f"group is missing for {len(missing)} subjects (the first is row {missing[0]}); give each one"
        )
    names, codes = np.unique(texts, return_inverse=True)
    return codes, tuple(names.tolist())


def _distance(times: Sequence[float] | None, m: int) -> Floats:
    at = np.arange(m, dtype=np.float64) if times is None else _numbers(times, "times")
    if at.shape != (m,) or len(set(at.tolist())) < m or not np.isfinite(at).all():
        raise UsageError(f"times {at.tolist()}; expected {m} distinct finite numbers, one a visit")
    return np.abs(np.subtract.outer(at, at))

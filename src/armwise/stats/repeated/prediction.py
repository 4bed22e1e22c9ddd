"""What a fitted model for repeated measures expects of subjects, and new outcomes drawn from it.

Marginal: X beta, for anyone with these covariates. Conditional: given the visits of the subject that were observed,
mu_u + S_uo S_oo^-1 (y_o - mu_o), with variance S_uu - S_uo S_oo^-1 S_ou and, as beta is estimated, l' Phi l for
l = x_u - X_o' S_oo^-1 S_ou (Henderson 1975, Biometrics 31:423-447; Harville 1977, JASA 72:320-338). The uncertainty of
the covariance itself is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from armwise.errors import UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.contrasts import estimable
from armwise.stats.repeated.residuals import coefficients_by_visit, marginal_means, patterns, rows_of

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm
    from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

Interval = Literal["confidence", "prediction"]
Beta = Literal["fixed", "drawn"]

#: Subjects whose rows are formed at once.
SUBJECTS = 4096


@dataclass(frozen=True, eq=False)
class Prediction:
    """Expected outcomes at every visit; arrays of shape (N, m), NaN where a row is not estimable.

    Attributes:
        estimate: the mean, marginal or conditional; a visit conditioned on has its observed outcome.
        se: standard error of the mean, or, for a prediction interval, standard deviation of a new outcome about the
            estimate; 0 for a visit conditioned on.
        lower, upper: limits at `conf_level` by the normal distribution.
        interval: what the limits are for.
    """

    estimate: Floats
    se: Floats
    lower: Floats
    upper: Floats
    interval: Interval
    conf_level: float


def fitted_values(fit: Mmrm) -> Floats:
    """X beta of the fitted rows at every visit, observed or not: shape (N, m); NaN where it is not estimable.

    Raises:
        UsageError: the model was fitted to cross-products alone.
    """
    rows = rows_of(fit, "fitted values")
    return np.where(_estimable_means(fit, rows), marginal_means(fit, rows), np.nan)


def _estimable_means(fit: Mmrm, rows: Wide) -> NDArray[np.bool_]:
    """Which means of the model exist, shape (N, m)."""
    if not fit.aliased:
        return np.ones(rows.y.shape, dtype=bool)
    L = np.einsum("nd,jdq->njq", rows.u, fit.design.B)
    return estimable(fit, L.reshape(rows.y.size, -1)).reshape(rows.y.shape)


def predict(
    fit: Mmrm,
    wide: Wide | None = None,
    *,
    conditional: bool = False,
    interval: Interval = "confidence",
    conf_level: float = 0.95,
) -> Prediction:
    """The expected outcomes of subjects at every visit.

    Args:
        fit: the model.
        wide: the subjects, with the model's visits, covariates and groups; the fitted ones when None. An outcome that
            is NaN is predicted. A weight that is NaN is 1.
        conditional: given the subject's observed outcomes (the best linear unbiased prediction), or for anyone with
            these covariates.
        interval: limits for the mean, or for a new outcome of the subject.
        conf_level: of the limits. For limits of a mean in a small study, whose degrees of freedom matter, see
            `contrasts` and `lsmeans`.

    Raises:
        UsageError: other visits, covariates or groups than the model's; no rows; an unknown interval.

    Example:
        >>> import numpy as np
        >>> from armwise.stats.repeated.fitting import mmrm_wide
        >>> y = np.array([[5.0, 3], [6, 5], [4, np.nan], [8, 6], [7, 9], [6, 4]])
        >>> fit = mmrm_wide(y, visits=["m1", "m3"])
        >>> predict(fit, conditional=True).estimate[2].round(3).tolist()
        [4.0, 2.077]
    """
    check_conf_level(conf_level)
    if interval not in get_args(Interval):
        raise UsageError(f"interval {interval!r}; expected one of {', '.join(get_args(Interval))}")
    rows = _checked(fit, rows_of(fit, "predictions") if wide is None else wide)
    estimate = marginal_means(fit, rows)
    variance = np.empty_like(estimate)
    for part in _parts(fit, rows, conditional):
        of = part.subjects
        estimate[of] += part.expected(rows.y[of] - estimate[of])
        variance[of] = np.einsum("njr,njr->nj", part.rows @ fit.whitened_covariance, part.rows)
        if interval == "prediction":
            variance[of] += np.einsum("jj->j", part.S) / part.weights
        known = np.ix_(of, part.observed)
        estimate[known], variance[known] = rows.y[known], 0.0
    unknown = ~_estimable_means(fit, rows)
    estimate[unknown] = variance[unknown] = np.nan
    se = np.sqrt(variance)
    half = float(ndtri((1 + conf_level) / 2)) * se
    return Prediction(estimate, se, estimate - half, estimate + half, interval, conf_level)


def simulate(
    fit: Mmrm,
    n: int,
    rng: np.random.Generator,
    *,
    conditional: bool = False,
    beta: Beta = "fixed",
    visits: Literal["all", "observed"] = "all",
) -> Floats:
    """Outcomes of the fitted subjects, drawn from the model.

    Args:
        fit: a model that was fitted to rows.
        n: how often.
        rng: the generator; the same state gives the same draws.
        conditional: keep the observed outcomes and draw the others given them; or draw all anew.
        beta: coefficients as estimated, or drawn from their distribution for each of the n.
        visits: outcomes at all visits, or only at those that the subject was observed at (the others are NaN).

    Returns:
        Shape (n, N, m), NaN where the mean is not estimable. The uncertainty of the covariance is left out.

    Raises:
        UsageError: the model was fitted to cross-products alone; unknown words.
    """
    if beta not in get_args(Beta) or visits not in ("all", "observed"):
        raise UsageError(f"beta {beta!r} and visits {visits!r}; expected fixed or drawn, and all or observed")
    if not isinstance(rng, np.random.Generator) or not isinstance(n, int) or n < 0:
        raise UsageError(
            f"n {n!r} and rng {rng!r}; expected a count and a generator: np.random.default_rng(seed)"
        )
    rows = _checked(fit, rows_of(fit, "simulations"))
    mean = marginal_means(fit, rows)
    out = np.empty((n, *mean.shape))
    shift = np.zeros((n, fit.rank))
    if beta == "drawn":
        shift = rng.standard_normal((n, fit.rank)) @ np.linalg.cholesky(fit.whitened_covariance).T
    for part in _parts(fit, rows, conditional):
        of = part.subjects
        e = rng.standard_normal((n, *part.weights.shape)) @ _root(part.S).T / np.sqrt(part.weights)
        centre = mean[of] + part.expected(rows.y[of] - mean[of])
        draws = centre + np.einsum("njr,sr->snj", part.rows, shift) + e
        draws[:, :, part.observed] = rows.y[np.ix_(of, part.observed)]
        out[:, of] = draws
    out[:, ~_estimable_means(fit, rows)] = np.nan
    if visits == "observed":
        out[:, np.isnan(rows.y)] = np.nan
    return out


@dataclass(frozen=True, eq=False)
class _Part:
    """Subjects with the same visits to condition on.

    Attributes:
        subjects, observed: who, and the visits conditioned on (none for marginal predictions).
        gain: shape (m, m): S_uo S_oo^-1 in the columns of `observed`, 0 in its rows.
        S: shape (m, m): covariance of the outcomes given those, before weights.
        weights: shape (n, m).
        rows: shape (n, m, r): derivative of the prediction by the whitened coefficients.
    """

    subjects: Ints
    observed: Ints
    gain: Floats
    S: Floats
    weights: Floats
    rows: Floats

    def expected(self, e: Floats) -> Floats:
        """What residuals (n, m) at the visits conditioned on say on the others."""
        if not self.observed.size:
            return np.zeros_like(e)
        root = np.sqrt(self.weights)
        known = (e * root)[:, self.observed]
        return np.asarray(known @ self.gain[:, self.observed].T / root)


def _parts(fit: Mmrm, wide: Wide, conditional: bool) -> Iterator[_Part]:
    _, X = coefficients_by_visit(fit)
    for visits, g, subjects in patterns(wide):
        observed = visits if conditional else visits[:0]
        gain, S = _given(fit.sigma[g], observed)
        for start in range(0, len(subjects), SUBJECTS):
            of = subjects[start : start + SUBJECTS]
            x = np.einsum("nd,jdr->njr", wide.u[of] - fit.products.u_centre, X, optimize=True)
            w = np.ones(x.shape[:2]) if wide.weights is None else wide.weights[of]
            w = np.where(np.isnan(w), 1.0, w)
            if len(observed):
                root = np.sqrt(w)[:, :, None]
                x = x - gain @ (x * root) / root
            yield _Part(of, observed, gain, S, w, x)


def _given(sigma: Floats, observed: Ints) -> tuple[Floats, Floats]:
    """Regression of the other visits on the observed ones (m, m), and the covariance that is left (m, m)."""
    m = len(sigma)
    gain = np.zeros((m, m))
    if not len(observed):
        return gain, sigma
    others = np.setdiff1d(np.arange(m), observed)
    S_oo, S_ou = sigma[np.ix_(observed, observed)], sigma[np.ix_(observed, others)]
    coefficients = np.linalg.solve(S_oo, S_ou).T
    gain[np.ix_(others, observed)] = coefficients
    left = np.zeros((m, m))
    rest = sigma[np.ix_(others, others)] - coefficients @ S_ou
    left[np.ix_(others, others)] = (rest + rest.T) / 2
    return gain, left


def _root(S: Floats) -> Floats:
    """R with R R' = S, for S that is 0 at some visits."""
    some = np.flatnonzero(np.diag(S))
    R = np.zeros_like(S)
    R[np.ix_(some, some)] = np.linalg.cholesky(S[np.ix_(some, some)])
    return R


def _checked(fit: Mmrm, wide: Wide) -> Wide:
    """The rows, if they are of the model's visits, covariates and groups, codes by the model's groups."""
    for name in ("visits", "covariates"):
        mine, other = getattr(fit.design, name), getattr(wide, name)
        if mine != other:
            raise UsageError(f"the model's {name} are {mine}, those of the rows {other}; expected the same")
    if not np.isfinite(wide.u).all():
        rows = np.flatnonzero(~np.isfinite(wide.u).all(axis=1))
        raise UsageError(f"covariates of rows {rows[:3].tolist()} are not finite; expected numbers")
    if wide.groups == fit.groups:
        return wide
    unknown = sorted(set(wide.groups) - set(fit.groups))
    if unknown or wide.group is None:
        raise UsageError(
            f"the rows' groups are {wide.groups}, and the model has a covariance for {fit.groups} only; give each "
            "subject one of these"
        )
    codes = np.array([fit.groups.index(name) for name in wide.groups])
    return replace(wide, group=codes[wide.group], groups=fit.groups)

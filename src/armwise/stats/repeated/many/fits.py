"""The same model for repeated measures fitted to thousands of data sets at once.

For bootstrap and jackknife, multiple imputation and simulated trials. Every data set gets the numbers that it would get
alone; all are moved together, so that the time of a small fit is arithmetic and not the calling of functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.basis import estimable
from armwise.stats.repeated.contrasts import contrasts
from armwise.stats.repeated.cross_products import CrossProducts
from armwise.stats.repeated.design import Design, contrast_rows
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import fit_wide, mmrm_cross_products
from armwise.stats.repeated.many.columns import Columns, columns
from armwise.stats.repeated.many.inference import adjusted_covariances, covariances, degrees_of_freedom
from armwise.stats.repeated.many.likelihood import reduced_stack
from armwise.stats.repeated.many.newton import StackOptimum, maximise_stack, starting_stack
from armwise.stats.repeated.many.products import DataSets, data_sets, resampled, summed
from armwise.stats.repeated.wald import t_limits, t_test
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ManyDf = Literal["kenward-roger", "satterthwaite"]

#: Data sets in one stack: the most, when the arrays of its derivatives are small, and the fewest.
CHUNK = 100
FEWEST = 16
#: Numbers in those arrays.
LARGEST = 700_000
#: Numbers in a block that is freed once so that smaller ones are kept: 32 MB, the largest that has this effect.
KEPT = 4_000_000
#: With more visits each data set is fitted alone: its matrices are large enough.
MOST_VISITS = 9


def _keep_freed_blocks() -> None:
    """Lets the process keep blocks of up to 32 MB that it frees, where the C library is that of Linux.

    It returns large blocks to the system at once, and each time that they are asked for again their pages are cleared,
    which took a fifth of the time. Having freed one block of this size, it keeps smaller ones: for the whole process.
    """
    np.empty(KEPT)


@dataclass(frozen=True, eq=False)
class ManyContrasts:
    """Contrasts of each data set, arrays of shape (S, l); NaN where there is no fit or a contrast is not estimable.

    Attributes:
        estimate, se, df: with `df` infinite where the variance is known exactly.
        lower, upper: limits at `conf_level`.
    """

    estimate: Floats
    se: Floats
    df: Floats
    lower: Floats
    upper: Floats
    conf_level: float

    @property
    def t(self) -> Floats:
        """Of the test that the contrast is zero."""
        return np.asarray(self.estimate / self.se)

    @cached_property
    def p(self) -> Floats:
        """Two-sided."""
        return t_test(self.estimate, self.se, self.df)[1]


@dataclass(frozen=True, eq=False)
class ManyFits:
    """Fits of one model to S data sets; a set without a fit has NaN everywhere.

    Attributes:
        design, reml, df_method: of all.
        beta: shape (S, q), coefficients; NaN where aliased.
        vcov: shape (S, q, q), their covariance, by `df_method`.
        sigma: shape (S, m, m), covariance of the visits.
        loglik: shape (S,), as `Mmrm.loglik`.
        contrasts: when they were asked for.
        evaluations: shape (S,), how often the likelihood was computed; 0 without a fit.
        decrement: shape (S,), Newton's decrement at the end.
        status: shape (S,), `ok`, `singular`, `not identified` or `not converged`.
        reasons: of those that are not ok, by their number.
        alone: shape (S,), which sets were handed to the fit of one data set, because they needed its safeguards.
    """

    design: Design
    reml: bool
    df_method: ManyDf
    beta: Floats
    vcov: Floats = field(repr=False)
    sigma: Floats = field(repr=False)
    loglik: Floats
    contrasts: ManyContrasts | None
    evaluations: NDArray[np.intp] = field(repr=False)
    decrement: Floats = field(repr=False)
    status: NDArray[np.str_]
    reasons: dict[int, str]
    alone: Bools = field(repr=False)

    @property
    def ok(self) -> Bools:
        """Which sets have a fit, shape (S,)."""
        return np.asarray(self.status == "ok")

    @cached_property
    def se(self) -> Floats:
        """Standard errors of the coefficients, shape (S, q)."""
        return np.asarray(np.sqrt(np.einsum("sqq->sq", self.vcov)))


def mmrm_many(
    y: ArrayLike,
    u: ArrayLike,
    design: Design,
    *,
    counts: ArrayLike | None = None,
    reml: bool = True,
    df: ManyDf = "kenward-roger",
    contrasts: ArrayLike | None = None,
    conf_level: float = 0.95,
    chunk: int | None = None,
) -> ManyFits:
    """One model fitted to many data sets: unstructured covariance, one group, no precision weights.

    Args:
        y: outcomes, shape (S, N, m), NaN where a visit was not observed. Sets may differ in what is missing. With
            `counts`, those of one data set, (N, m).
        u: covariates of the design, shape (N, d) for all sets or (S, N, d) of each; the first is 1.
        design: columns of the model matrix, from `crossed_design` for instance.
        counts: shape (S, N), how often each set holds each subject, for bootstrap and jackknife; rows are not copied.
        reml: restricted likelihood, or maximum likelihood.
        df: degrees of freedom, and with them the covariance of the coefficients.
        contrasts: shape (l, q) or (q,), of the coefficients.
        conf_level: of the contrasts' intervals.
        chunk: data sets that are moved together; chosen for the cache when not given. The numbers do not depend on it
            beyond rounding (1e-12).

    Returns:
        Arrays over data sets. A data set that has no fit says so in `status`, and the others are as without it.

    Raises:
        UsageError: arrays that do not fit together, numbers that are not finite, unknown words.

    Example: the jackknife's standard error of a treatment effect, beside the model's.
        >>> import numpy as np
        >>> from armwise.stats.repeated.design import crossed_design
        >>> from armwise.stats.repeated.many.fits import mmrm_many
        >>> rng = np.random.default_rng(1)
        >>> n, arm = 60, np.repeat([0.0, 1.0], 30)
        >>> y = rng.normal(size=(n, 1)) + rng.normal(size=(n, 3)) + np.outer(arm, [0.5, 1.0, 1.5])
        >>> y[rng.random((n, 3)) < 0.1] = np.nan
        >>> design = crossed_design(["m1", "m3", "m6"], ["arm"])
        >>> effect = design.row("m6", {"arm": 1}) - design.row("m6", {"arm": 0})
        >>> u = np.column_stack([np.ones(n), arm])
        >>> left_out = 1 - np.eye(n, dtype=int)
        >>> fits = mmrm_many(y, u, design, counts=np.vstack([np.ones((1, n), int), left_out]), contrasts=effect)
        >>> whole, without = fits.contrasts.estimate[0, 0], fits.contrasts.estimate[1:, 0]
        >>> jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
        >>> print(f"{whole:.2f}, SE {fits.contrasts.se[0, 0]:.3f}, jackknife {jackknife:.3f}")
        1.68, SE 0.337, jackknife 0.339
    """
    outcomes, covariates = np.asarray(y, dtype=np.float64), np.asarray(u, dtype=np.float64)
    if counts is None:
        data = data_sets(outcomes, covariates, design)
    else:
        data = resampled(outcomes, covariates, np.asarray(counts), design)
    return _many(data, design, reml, df, contrasts, conf_level, chunk)


def mmrm_many_products(
    products: Sequence[CrossProducts],
    design: Design,
    *,
    reml: bool = True,
    df: ManyDf = "kenward-roger",
    contrasts: ArrayLike | None = None,
    conf_level: float = 0.95,
    chunk: int | None = None,
) -> ManyFits:
    """As `mmrm_many`, from the cross-products of each data set: of sites left out in turn, for instance."""
    return _many(summed(products, design), design, reml, df, contrasts, conf_level, chunk)


def _many(
    data: DataSets,
    design: Design,
    reml: bool,
    df: ManyDf,
    rows: ArrayLike | None,
    conf_level: float,
    chunk: int | None,
) -> ManyFits:
    if df not in get_args(ManyDf):
        raise UsageError(
            f"df {df!r}; expected one of {', '.join(get_args(ManyDf))}; for others fit sets one by one"
        )
    check_conf_level(conf_level)
    m = len(design.visits)
    size = chunk if chunk is not None else _chunk(m)
    if size < 1:
        raise UsageError(f"chunk is {size}; expected a number of data sets, at least 1")
    out = _Results(data.count, design, reml, df, None if rows is None else contrast_rows(rows, design))
    try:
        shared = columns(data, design) if m <= MOST_VISITS else None
    except FitError:  # each set says it for itself
        shared = None
    if shared is not None:
        _keep_freed_blocks()
        for first in range(0, data.count, size):
            stack, b0, ordinary = reduced_stack(data.stack(slice(first, first + size)), shared, reml)
            at = np.flatnonzero(ordinary)
            stack = stack.take(ordinary)
            if len(at):
                for found in maximise_stack(stack, at, starting_stack(stack)):
                    out.record(found, shared, first, b0[:, found.at])
    with np.errstate(all="ignore"):  # sets without a fit overflow and divide by zero on the way to saying so
        for s in np.flatnonzero(out.alone):
            out.fit_alone(int(s), data.one(int(s)))
    return out.fits(conf_level)


class _Results:
    """The arrays over data sets, filled as fits come in. A set is `alone` until it has a fit from the stack."""

    def __init__(self, count: int, design: Design, reml: bool, df: ManyDf, rows: Floats | None) -> None:
        q, m = len(design.columns), len(design.visits)
        self.design, self.reml, self.df, self.rows = design, reml, df, rows
        self.beta, self.vcov = np.full((count, q), np.nan), np.full((count, q, q), np.nan)
        self.sigma = np.full((count, m, m), np.nan)
        self.loglik, self.decrement = np.full((2, count), np.nan)
        self.contrasts = np.full(
            (3, count, 0 if rows is None else len(rows)), np.nan
        )  # estimate, variance, df
        self.evaluations = np.zeros(count, dtype=np.intp)
        self.status = np.full(count, "ok", dtype="<U14")
        self.reasons: dict[int, str] = {}
        self.alone = np.ones(count, dtype=bool)

    def record(self, found: StackOptimum, shared: Columns, first: int, b0: Floats) -> None:
        """Fits from a stack whose first data set is number `first`."""
        at, kept = first + found.at, shared.kept
        b = (b0 + found.point.beta).T
        cov = adjusted_covariances(found) if self.df == "kenward-roger" else covariances(found)
        self.beta[at[:, None], kept] = b @ shared.back.T
        self.vcov[at[:, None, None], kept[:, None], kept] = shared.back @ cov @ shared.back.T
        self.sigma[at], self.loglik[at] = found.point.sigma, found.point.loglik
        self.evaluations[at], self.decrement[at] = found.evaluations, found.decrement
        self.alone[at] = False
        if self.rows is not None:
            R = self.rows[:, kept] @ shared.back
            values = b @ R.T, np.einsum("lr,crl->cl", R, cov @ R.T), degrees_of_freedom(found, R)
            self.contrasts[:, at] = np.where(estimable(self.rows, kept, shared.aliasing), values, np.nan)

    def fit_alone(self, s: int, rows: Wide | CrossProducts) -> None:
        """The fit of one data set, or why there is none."""
        try:
            fit: Mmrm = (
                fit_wide(rows, self.design, reml=self.reml, df=self.df)
                if isinstance(rows, Wide)
                else mmrm_cross_products(rows, self.design, reml=self.reml, df=self.df)
            )
            beta, vcov = fit.beta, fit.vcov
            found = contrasts(fit, self.rows) if self.rows is not None else None
        except FitError as error:
            self.status[s], self.reasons[s] = error.kind, str(error)
            return
        except UsageError as error:
            raise UsageError(f"data set {s}: {error}") from error
        self.beta[s], self.vcov[s], self.sigma[s], self.loglik[s] = beta, vcov, fit.sigma[0], fit.loglik
        self.evaluations[s], self.decrement[s] = fit.evaluations, fit.decrement
        if found is not None:
            self.contrasts[:, s] = found.estimate, found.se**2, found.df

    def fits(self, conf_level: float) -> ManyFits:
        """The value that they become."""
        found = None
        if self.rows is not None:
            estimate, variance, df = self.contrasts
            se = np.sqrt(variance)
            found = ManyContrasts(estimate, se, df, *t_limits(estimate, se, df, conf_level), conf_level)
        return ManyFits(
            self.design, self.reml, self.df, self.beta, self.vcov, self.sigma, self.loglik, found, self.evaluations,
            self.decrement, self.status, self.reasons, self.alone,
        )  # fmt: skip


def _chunk(m: int) -> int:
    """Data sets whose arrays of derivatives fit the cache."""
    pairs, patterns = m * (m + 1) // 2, min((1 << m) - 1, 4 * m)
    return max(FEWEST, min(CHUNK, LARGEST // (pairs**2 * patterns)))

"""Linear contrasts of a fitted model: one degree of freedom each, or several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.basis import independent_columns
from armwise.stats.repeated.between_within import between_within
from armwise.stats.repeated.design import contrast_rows
from armwise.stats.repeated.kenward_roger import joint_kenward_roger
from armwise.stats.repeated.robust import bell_mccaffrey
from armwise.stats.repeated.satterthwaite import satterthwaite
from armwise.stats.repeated.text_table import text_table
from armwise.stats.repeated.wald import f_p, fai_cornelius, t_limits, t_test

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Contrasts with one degree of freedom each; arrays of shape (l,), NaN where not estimable.

    Attributes:
        labels: what each one is.
        estimable: whether the model matrix has the contrast in its row space.
        estimate, se, df: with `df` infinite where the variance is known exactly.
        t, p: of the test that the contrast equals `null`, two-sided.
        lower, upper: limits at `conf_level`.
    """

    labels: tuple[str, ...]
    estimable: Bools
    estimate: Floats
    se: Floats
    df: Floats
    t: Floats
    p: Floats
    lower: Floats
    upper: Floats
    conf_level: float
    null: float

    def rows(self) -> list[dict[str, object]]:
        """One record a contrast."""
        return [{"contrast": label, **self.record(i)} for i, label in enumerate(self.labels)]

    def record(self, i: int) -> dict[str, object]:
        """The numbers of one contrast."""
        names = ("estimate", "se", "df", "lower", "upper", "t", "p")
        return {name: float(getattr(self, name)[i]) for name in names}

    def __str__(self) -> str:
        return text_table(self.rows())


@dataclass(frozen=True)
class JointTest:
    """That several contrasts are all zero: F on df1 and df2 degrees of freedom.

    Attributes:
        f, df1, df2, p: the test; f is already multiplied by `scale`.
        scale: Kenward and Roger's factor, 1 for other methods.
    """

    f: float
    df1: int
    df2: float
    p: float
    scale: float = 1.0


def contrasts(
    fit: Mmrm,
    L: ArrayLike,
    *,
    conf_level: float = 0.95,
    null: float = 0.0,
    labels: Sequence[str] | None = None,
) -> Contrasts:
    """Estimates, tests and intervals of contrasts of the coefficients.

    Args:
        fit: the model.
        L: shape (l, q) or (q,): one contrast a row, one number for each column of the design, aliased ones too.
        conf_level: of the intervals.
        null: the value tested.
        labels: names of the contrasts.

    Returns:
        One entry a row. A contrast that is not estimable is marked, and holds NaN.

    Raises:
        UsageError: a wrong shape, or numbers that are not finite.
    """
    check_conf_level(conf_level)
    rows = contrast_rows(L, fit.design)
    names = tuple(labels) if labels is not None else tuple(f"contrast {i + 1}" for i in range(len(rows)))
    if len(names) != len(rows):
        raise UsageError(f"{len(names)} labels for {len(rows)} contrasts; give one each")
    possible = estimable(fit, rows)
    C, estimate = _whitened(fit, rows)
    if fit.kenward_roger is None and fit.vcov_method == "model":
        variance = np.einsum("rl,rl->l", C, C)
    else:
        variance = np.einsum("rl,rl->l", C, fit.whitened_covariance @ C)
    df = degrees_of_freedom(fit, C, rows)
    for values in (estimate, variance, df):
        values[~possible] = np.nan
    se = np.sqrt(variance)
    t, p = t_test(estimate, se, df, null)
    lower, upper = t_limits(estimate, se, df, conf_level)
    return Contrasts(names, possible, estimate, se, df, t, p, lower, upper, conf_level, null)


def joint_test(fit: Mmrm, L: ArrayLike) -> JointTest:
    """The F test that all contrasts are zero. Rows that depend on the others are left out, as they add nothing.

    Raises:
        UsageError: a wrong shape, nothing to test, or a contrast that is not estimable.
        FitError: the F statistic has no distribution: too few subjects for the covariance.
    """
    rows = contrast_rows(L, fit.design)
    possible = estimable(fit, rows)
    if not possible.all():
        raise UsageError(
            f"contrasts {(np.flatnonzero(~possible) + 1).tolist()} are not estimable: they need columns that are "
            f"aliased ({', '.join(fit.aliased)}); test the others"
        )
    length = np.abs(rows).max(axis=1)
    rows = rows[length > 1e-12 * length.max(initial=0.0)]  # a difference that should be zero, and is rounding
    if not len(rows):
        raise UsageError("there is nothing to test: every contrast is zero")
    C, estimate = _whitened(fit, rows)
    chosen = independent_columns(C)[0]
    C, estimate, rows = C[:, chosen], estimate[chosen], rows[chosen]
    size, scale = len(chosen), 1.0
    if fit.kenward_roger is not None:
        f, df, scale = joint_kenward_roger(fit.inference, fit.kenward_roger, C, estimate)
    elif fit.fixed_df:
        f = float(estimate @ np.linalg.solve(C.T @ fit.whitened_covariance @ C, estimate)) / size
        df = float(degrees_of_freedom(fit, C, rows).min())
    else:
        f, df = fai_cornelius(
            C.T @ fit.whitened_covariance @ C, estimate, lambda V: degrees_of_freedom(fit, C @ V, V.T @ rows)
        )
    if not df > 0:
        raise FitError(
            "the F test has no degrees of freedom left: some contrast has two or fewer; test contrasts one by one",
            "not converged",
        )
    return JointTest(f, size, df, f_p(f, size, df), scale)


def estimable(fit: Mmrm, L: ArrayLike) -> Bools:
    """Whether each contrast lies in the row space of the model matrix: shape (l,)."""
    return fit.basis.estimable(contrast_rows(L, fit.design))


def degrees_of_freedom(fit: Mmrm, C: Floats, rows: Floats) -> Floats:
    """Denominator degrees of freedom of each contrast, by the model's method: shape (l,).

    Args:
        fit: the model.
        C: shape (r, l), the contrasts in whitened coordinates.
        rows: shape (l, q), the contrasts of the coefficients.
    """
    if fit.vcov_method != "model" and not fit.fixed_df:
        return bell_mccaffrey(fit, C)
    if fit.df_method == "residual":
        return np.full(C.shape[1], float(fit.n_observations - fit.rank))
    if fit.df_method == "between-within":
        return between_within(fit, rows)
    return satterthwaite(fit.inference, C)


def _whitened(fit: Mmrm, rows: Floats) -> tuple[Floats, Floats]:
    """The contrasts as columns in whitened coordinates, and their estimates."""
    R = fit.basis.Ri.T @ rows[:, fit.basis.kept].T
    point = fit.optimum.point
    return point.Fi @ R, (fit.basis.b0 + point.beta) @ R

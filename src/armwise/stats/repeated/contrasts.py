"""Linear contrasts of a fitted model: one degree of freedom each, or several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, stdtr, stdtrit

from armwise.errors import FitError, UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.repeated.kenward_roger import joint_kenward_roger
from armwise.stats.repeated.satterthwaite import joint_satterthwaite, satterthwaite
from armwise.stats.repeated.text_table import text_table

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How far a contrast may be from the row space of the model matrix, relative to its size, and still be estimable.
ESTIMABLE = 1e-8


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
        names = ("estimate", "se", "df", "lower", "upper", "t", "p")
        return [
            {"contrast": label, **{name: float(getattr(self, name)[i]) for name in names}}
            for i, label in enumerate(self.labels)
        ]

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
    rows = _rows(fit, L)
    names = tuple(labels) if labels is not None else tuple(f"contrast {i + 1}" for i in range(len(rows)))
    if len(names) != len(rows):
        raise UsageError(f"{len(names)} labels for {len(rows)} contrasts; give one each")
    possible = estimable(fit, rows)
    C, estimate = _whitened(fit, rows)
    if fit.kenward_roger is None and fit.vcov_method == "model":
        variance = np.einsum("rl,rl->l", C, C)
    else:
        variance = np.einsum("rl,rl->l", C, fit.whitened_covariance @ C)
        _refuse_negative(variance)
    df = degrees_of_freedom(fit, C, rows)
    for values in (estimate, variance, df):
        values[~possible] = np.nan
    se = np.sqrt(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (estimate - null) / se
    half = stdtrit(np.where(np.isinf(df), 1e300, df), (1 + conf_level) / 2) * se
    return Contrasts(
        labels=names, estimable=possible, estimate=estimate, se=se, df=df, t=t,
        p=2 * stdtr(np.where(np.isinf(df), 1e300, df), -np.abs(t)),
        lower=estimate - half, upper=estimate + half, conf_level=conf_level, null=null,
    )  # fmt: skip


def joint_test(fit: Mmrm, L: ArrayLike) -> JointTest:
    """The F test that all contrasts are zero. Rows that depend on the others are left out, as they add nothing.

    Raises:
        UsageError: a wrong shape, nothing to test, or a contrast that is not estimable.
    """
    rows = _rows(fit, L)
    possible = estimable(fit, rows)
    if not possible.all():
        raise UsageError(
            f"contrasts {(np.flatnonzero(~possible) + 1).tolist()} are not estimable: they need columns that are "
            f"aliased ({', '.join(fit.aliased)}); test the others"
        )
    C, estimate = _whitened(fit, rows)
    chosen = _independent_columns(C)
    if not chosen:
        raise UsageError("there is nothing to test: every contrast is zero")
    C, estimate, rows = C[:, chosen], estimate[chosen], rows[chosen]
    size, scale = len(chosen), 1.0
    if fit.kenward_roger is not None:
        f, df, scale = joint_kenward_roger(fit.inference, fit.kenward_roger, C, estimate)
    elif fit.df_method == "satterthwaite" and fit.vcov_method == "model":
        f, df = joint_satterthwaite(fit.inference, C, estimate)
    elif fit.df_method not in ("residual", "between-within"):
        from armwise.stats.repeated.robust import joint_bell_mccaffrey

        f, df = joint_bell_mccaffrey(fit, C, estimate)
    else:
        f = float(estimate @ np.linalg.solve(C.T @ fit.whitened_covariance @ C, estimate)) / size
        df = float(degrees_of_freedom(fit, C, rows).min())
    p = float(fdtrc(size, min(df, 1e300), f)) if df > 0 else float("nan")
    return JointTest(f, size, df, p, scale)


def estimable(fit: Mmrm, L: ArrayLike) -> Bools:
    """Whether each contrast lies in the row space of the model matrix: shape (l,)."""
    rows = _rows(fit, L)
    aliasing = fit.basis.aliasing
    if not aliasing.shape[1]:
        return np.ones(len(rows), dtype=bool)
    kept = fit.basis.kept
    others = np.setdiff1d(np.arange(rows.shape[1]), kept)
    implied = rows[:, kept] @ aliasing
    scale = 1 + np.abs(rows[:, kept]) @ np.abs(aliasing) + np.abs(rows[:, others])
    return np.asarray((np.abs(rows[:, others] - implied) <= ESTIMABLE * scale).all(axis=1))


def degrees_of_freedom(fit: Mmrm, C: Floats, rows: Floats) -> Floats:
    """Denominator degrees of freedom of each contrast, by the model's method: shape (l,).

    Args:
        fit: the model.
        C: shape (r, l), the contrasts in whitened coordinates.
        rows: shape (l, q), the contrasts of the coefficients.
    """
    if fit.vcov_method != "model" and fit.df_method not in ("residual", "between-within"):
        from armwise.stats.repeated.robust import bell_mccaffrey

        return bell_mccaffrey(fit, C)
    if fit.df_method == "residual":
        return np.full(C.shape[1], float(fit.n_observations - fit.rank))
    if fit.df_method == "between-within":
        from armwise.stats.repeated.between_within import between_within

        return between_within(fit, rows)
    return satterthwaite(fit.inference, C)


def _refuse_negative(variance: Floats) -> None:
    if (variance < 0).any():
        raise FitError(
            "the adjusted variance of a contrast is negative: the adjustment is larger than the variance itself, as "
            "the covariance is nearly singular; use df='kenward-roger' (linear) or 'satterthwaite'",
            "singular",
        )


def _rows(fit: Mmrm, L: ArrayLike) -> Floats:
    rows = np.atleast_2d(np.asarray(L, dtype=np.float64))
    q = len(fit.design.columns)
    if rows.ndim != 2 or rows.shape[1] != q or not np.isfinite(rows).all():
        raise UsageError(
            f"contrasts have shape {rows.shape}; expected {q} finite numbers each, one for each of "
            f"{', '.join(fit.design.columns)}"
        )
    return rows


def _whitened(fit: Mmrm, rows: Floats) -> tuple[Floats, Floats]:
    """The contrasts as columns in whitened coordinates, and their estimates."""
    R = fit.basis.Ri.T @ rows[:, fit.basis.kept].T
    point = fit.optimum.point
    return point.Fi @ R, (fit.basis.b0 + point.beta) @ R


def _independent_columns(C: Floats) -> list[int]:
    chosen: list[int] = []
    Q = np.empty((len(C), 0))
    for k in range(C.shape[1]):
        size = float(np.linalg.norm(C[:, k]))
        if size == 0:
            continue
        left = C[:, k] / size
        for _ in range(2):
            left = left - Q @ (Q.T @ left)
        if np.linalg.norm(left) > 1e-8:
            chosen.append(k)
            Q = np.column_stack([Q, left / np.linalg.norm(left)])
    return chosen

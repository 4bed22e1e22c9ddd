"""The fixed effects of a model for repeated measures: each column a subject's covariate times a function of the visit.

A row of the long model matrix is `x_ij = B_j' u_i`: `u_i` holds the covariates of subject i, once a subject, and `B_j`
says how they enter at visit j. Nearly every column of such a model has this form (an arm by visit is the arm's
indicator times the visit's), so that the data enter through moments of (u, y_1 .. y_m), which are few. A covariate
that changes over time is one entry of u for each visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError

if TYPE_CHECKING:
    from armwise.stats.repeated.formula.grid import Grid

Floats = NDArray[np.float64]

CONSTANT = "1"
"""The covariate that is 1 for everyone; always the first."""


@dataclass(frozen=True)
class Term:
    """A term of the model: its name and which columns of the model matrix are its own."""

    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Design:
    """Which columns the model matrix has, as covariates and functions of the visit.

    Attributes:
        visits: the m visits in their order.
        covariates: names of the d covariates of a subject; the first is `1`.
        columns: names of the q columns of the model matrix, as shown beside the coefficients.
        B: shape (m, d, q): row of the model matrix at visit j = u @ B[j].
        terms: the terms that the columns belong to, in the order of the formula.
        grid: how rows for LS means are made; None for a design from arrays.
    """

    visits: tuple[str, ...]
    covariates: tuple[str, ...]
    columns: tuple[str, ...]
    B: Floats
    terms: tuple[Term, ...] = ()
    grid: Grid | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        expected = (len(self.visits), len(self.covariates), len(self.columns))
        if self.B.shape != expected:
            raise UsageError(
                f"B has shape {self.B.shape}; expected visits x covariates x columns = {expected}"
            )
        if self.covariates[:1] != (CONSTANT,):
            raise UsageError(
                f"the first covariate is {self.covariates[:1]}; expected `1`, which is 1 for everyone"
            )

    def row(self, visit: str, values: Mapping[str, float]) -> Floats:
        """The row of the model matrix of a subject with these covariates at a visit, shape (q,).

        Args:
            visit: one of `visits`.
            values: every covariate except `1`.

        Raises:
            UsageError: an unknown visit, a covariate that is missing or unknown.
        """
        if visit not in self.visits:
            raise UsageError(f"visit {visit!r} is not in the model; its visits are {', '.join(self.visits)}")
        wanted = set(self.covariates[1:])
        if wanted != set(values):
            missing, unknown = sorted(wanted - set(values)), sorted(set(values) - wanted)
            raise UsageError(
                f"covariates missing: {missing}, unknown: {unknown}; give each of {sorted(wanted)}"
            )
        u = np.array([1.0, *(values[name] for name in self.covariates[1:])])
        return np.asarray(u @ self.B[self.visits.index(visit)])


def contrast_rows(L: ArrayLike, design: Design) -> Floats:
    """Contrasts of the coefficients as rows, shape (l, q), from (l, q) or (q,).

    Raises:
        UsageError: a wrong shape, or numbers that are not finite.
    """
    rows = np.atleast_2d(np.asarray(L, dtype=np.float64))
    q = len(design.columns)
    if rows.ndim != 2 or rows.shape[1] != q or not np.isfinite(rows).all():
        raise UsageError(
            f"contrasts have shape {rows.shape}; expected {q} finite numbers each, one for each of "
            f"{', '.join(design.columns)}"
        )
    return rows


def crossed_design(visits: Sequence[str], by_visit: Sequence[str], overall: Sequence[str] = ()) -> Design:
    """The design in which some covariates have an effect of their own at each visit, others one effect for all visits.

    Columns are: the mean at each visit; each covariate of `by_visit` at each visit; each covariate of `overall`.

    Args:
        visits: the m visits.
        by_visit: names of covariates with m coefficients each.
        overall: names of covariates with one coefficient.
    """
    return _crossed(tuple(visits), tuple(by_visit), tuple(overall))


@lru_cache(maxsize=64)
def _crossed(visits: tuple[str, ...], by_visit: tuple[str, ...], overall: tuple[str, ...]) -> Design:
    m, crossed = len(visits), [CONSTANT, *by_visit]
    covariates = (*crossed, *overall)
    if len(set(covariates)) < len(covariates):
        raise UsageError(f"covariates {covariates} are not distinct; give each its own name, other than `1`")
    columns: list[str] = []
    terms: list[Term] = []
    B = np.zeros((m, len(covariates), m * len(crossed) + len(overall)))
    for c, name in enumerate(crossed):
        first = len(columns)
        for j, visit in enumerate(visits):
            B[j, c, len(columns)] = 1.0
            columns.append(visit if name == CONSTANT else f"{name}:{visit}")
        terms.append(
            Term("visit" if name == CONSTANT else f"{name}:visit", tuple(range(first, len(columns))))
        )
    for c, name in enumerate(overall, start=len(crossed)):
        B[:, c, len(columns)] = 1.0
        terms.append(Term(name, (len(columns),)))
        columns.append(name)
    B.flags.writeable = False
    return Design(visits, covariates, tuple(columns), B, tuple(terms))

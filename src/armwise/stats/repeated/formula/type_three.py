"""Tests of the terms of a model by formula: type III, and type II.

Hypotheses are written as estimable functions of the overparametrised model (every factor coded by all its levels), so
that they do not depend on the coding of the fit. A term F contains a term E if both have the same numeric factors and
F has all categorical factors of E and more.

Type III of E: functions that are zero on every term that neither is E nor contains E, orthogonal to those that are
zero on E too. Without empty cells this is the test that contr.sum coding gives. Type II of E: E adjusted, by least
squares, for every term that does not contain it.
Source: SAS/STAT User's Guide, The Four Types of Estimable Functions; Goodnight 1980, Commun Stat A9:167.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.formula.factors import materialise
from armwise.stats.repeated.formula.grid import Grid
from armwise.stats.repeated.formula.least_squares_means import grid_of
from armwise.stats.repeated.text_table import text_table

if TYPE_CHECKING:
    import polars as pl

    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

RANK = 1e-9
"""Directions of the model matrix shorter than this share of the longest are none."""

NOT_ESTIMABLE = "nothing of it is estimable beside the other terms"

BLOCK = 50_000
"""Rows that are made at once."""


@dataclass(frozen=True)
class TermTest:
    """The test of one term.

    Attributes:
        name: the term.
        f: F statistic; NaN if no function of the term is estimable.
        df1: degrees of freedom of the term, the number of independent functions.
        df2: denominator degrees of freedom.
        p: p-value.
        note: why there is no test; empty if there is one.
    """

    name: str
    f: float
    df1: int
    df2: float
    p: float
    note: str = ""


@dataclass(frozen=True, repr=False)
class TermTests:
    """Tests of all terms but the intercept, in the order of the formula; `type` is "III" or "II"."""

    type: str
    tests: tuple[TermTest, ...]

    def __repr__(self) -> str:
        rows = [{key: value for key, value in vars(test).items() if key != "note"} for test in self.tests]
        noted: dict[str, list[str]] = {}
        for test in self.tests:
            if test.note:
                noted.setdefault(test.note, []).append(test.name)
        notes = [f"{', '.join(names)}: {note}" for note, names in noted.items()]
        return "\n".join([f"Type {self.type} tests", text_table(rows), *notes])

    def __getitem__(self, name: str) -> TermTest:
        for test in self.tests:
            if test.name == name:
                return test
        raise UsageError(f"no term {name!r}; the terms are {', '.join(test.name for test in self.tests)}")

    def to_polars(self) -> pl.DataFrame:
        """One row a term: name, f, df1, df2, p, note."""
        import polars as pl

        return pl.DataFrame([vars(test) for test in self.tests])


@dataclass(frozen=True, eq=False)
class _Terms:
    """The overparametrised model.

    Attributes:
        names: of the t terms.
        columns: each term's columns.
        contains: [f, e]: whether term f contains term e.
        R: triangular factor of the overparametrised matrix, shape (., p), columns scaled term by term.
        to_fit: shape (p, q): functions of overparametrised coefficients -> weights of the fit's coefficients.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    contains: NDArray[np.bool_]
    R: Floats
    to_fit: Floats


def term_tests(fit: Mmrm, type: Literal["III", "II"] = "III") -> TermTests:
    """F tests of the terms of a model by formula.

    A type III test of a factor that interacts with a covariate compares its levels where the covariate is 0, as in SAS;
    `emmeans::joint_tests` compares them at the covariate's mean. Where 0 is far from the data the two differ much:
    write `center(baseline) * visit` for the test at the mean.

    Args:
        fit: a fit by `mmrm`; its method of degrees of freedom is used.
        type: "III" (each term beside all others, as in SAS and `car::Anova(type = 3)` with contr.sum), or "II" (beside
            those that do not contain it).

    Returns:
        One test a term; NaN with a note where nothing of the term is estimable beside the others, or where
        Kenward-Roger's F is not defined.

    Raises:
        UsageError: a fit from arrays, an unknown type.
        FitError: the covariance has no information to take degrees of freedom from.
    """
    from armwise.stats.repeated.contrasts import joint_test

    if type not in ("III", "II"):
        raise UsageError(f'type is {type!r}; expected "III" or "II"')
    terms = _overparametrised(grid_of(fit, "term_tests"))
    # a fit without any degrees of freedom fails here, not term by term
    adjusted = fit.kenward_roger is not None
    tests = []
    for e, name in enumerate(terms.names):
        if name == "1":
            continue
        L = _type_three(terms, e) if type == "III" else _type_two(terms, e)
        if not len(L):
            tests.append(TermTest(name, np.nan, 0, np.nan, np.nan, NOT_ESTIMABLE))
            continue
        try:
            found = joint_test(fit, L @ terms.to_fit)
        except FitError as error:
            if not adjusted:
                raise
            tests.append(TermTest(name, np.nan, len(L), np.nan, np.nan, str(error)))
            continue
        tests.append(TermTest(name, float(found.f), int(found.df1), float(found.df2), float(found.p)))
    return TermTests(type, tuple(tests))


def _overparametrised(grid: Grid) -> _Terms:
    spec, R, p = grid.spec, np.empty((0, 0)), 0
    structure: Sequence = ()  # type: ignore[type-arg]
    for start in range(0, len(grid.rows), BLOCK):
        block = grid.rows.iloc[start : start + BLOCK].reset_index(drop=True)
        full = materialise(spec.formula, block, spec.transform_state, spec.encoder_state, full=True)
        structure, p = full.model_spec.structure, full.shape[1]
        both = np.hstack([np.asarray(full, dtype=np.float64), grid.matrix(block)])
        R = np.asarray(np.linalg.qr(np.vstack([R, both]) if R.size else both, mode="r"))
    columns, at = [], 0
    for term in structure:
        columns.append(tuple(range(at, at + len(term.columns))))
        at += len(term.columns)
    # a term's columns share one length, so that terms with the same numeric factors do: orthogonality stays
    scale = np.ones(p)
    for own in columns:
        scale[list(own)] = np.linalg.norm(R[:, list(own)]) or 1.0
    over = R[:, :p] / scale
    U, s, Vt = np.linalg.svd(over, full_matrices=False)
    r = int(np.count_nonzero(s > RANK * s[0]))
    to_fit = Vt[:r].T @ ((U[:, :r].T @ R[:, p:]) / s[:r, None])
    numeric, labelled = [], []
    for term in structure:
        kinds = {f.expr: spec.encoder_state.get(f.expr, (None,))[0] for f in term.term.factors}
        kinds = {expr: kind.value for expr, kind in kinds.items() if kind is not None}
        labelled.append({expr for expr, kind in kinds.items() if kind == "categorical"})
        numeric.append({expr for expr, kind in kinds.items() if kind != "categorical"})
    t = range(len(columns))
    contains = np.array([[numeric[f] == numeric[e] and labelled[f] > labelled[e] for e in t] for f in t])
    return _Terms(tuple(str(term.term) for term in structure), tuple(columns), contains, over, to_fit)


def _parts(terms: _Terms, e: int) -> tuple[list[int], list[int]]:
    """Columns of the terms that neither are e nor contain it, and those of e."""
    others = [
        column for f, own in enumerate(terms.columns) if f != e and not terms.contains[f, e] for column in own
    ]
    return others, list(terms.columns[e])


def _type_three(terms: _Terms, e: int) -> Floats:
    """Functions of the overparametrised coefficients, shape (df, p)."""
    others, own = _parts(terms, e)
    W = _row_space(terms.R)
    S = _left_null(W[:, others]) @ W
    U, s, _ = np.linalg.svd(S[:, own], full_matrices=False)
    return np.asarray(U[:, s > 1e3 * RANK].T @ S)


def _type_two(terms: _Terms, e: int) -> Floats:
    others, own = _parts(terms, e)
    X = terms.R
    U, s, _ = np.linalg.svd(X[:, others], full_matrices=False)
    Q = U[:, s > RANK * max(s.max(initial=0.0), 1e-300)]
    residual = X[:, own] - Q @ (Q.T @ X[:, own])
    nothing_left = np.linalg.norm(residual, axis=0) <= RANK * np.linalg.norm(X[:, own], axis=0)
    residual[:, nothing_left] = 0.0  # a column that the others give is rounding, not a direction
    L = residual.T @ X
    L[:, others] = 0.0
    return _row_space(L)


def _row_space(A: Floats) -> Floats:
    """Orthonormal rows that span the rows of A."""
    _, s, Vt = np.linalg.svd(A, full_matrices=False)
    return np.asarray(Vt[: int(np.count_nonzero(s > RANK * s.max(initial=0.0)))])


def _left_null(A: Floats) -> Floats:
    """Orthonormal rows a with a A = 0, shape (., rows of A)."""
    U, s, _ = np.linalg.svd(A, full_matrices=True)
    rank = int(np.count_nonzero(s > 1e3 * RANK))
    return np.asarray(U[:, rank:].T)

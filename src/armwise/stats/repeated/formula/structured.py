"""A formula and a long table as the structured form: each column of the model matrix is u_i times a function of visit.

formulaic says what the formula means: which terms, which coding of each factor in each term, what an expression such
as `bs(age, df=4)` evaluates to. The long model matrix itself is never built: a column is a product of factors, and each
factor is, as its values on all rows show, a function of the visit, a value of the subject, or a value that changes over
time (then it is one covariate for each visit, 0 where that visit was not observed). The result is compared with
formulaic's own matrix on rows that show every level.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.design import CONSTANT, Design, Term
from armwise.stats.repeated.formula.factors import (
    TOLERANCE,
    Expressions,
    FactorColumns,
    classify,
    materialise,
    pandas_frame,
    plain_columns,
)
from armwise.stats.repeated.formula.labels import Coded, Codes, first_rows, shown, text
from armwise.stats.repeated.formula.long_table import LongTable
from armwise.stats.repeated.formula.parse import Parsed

Floats = NDArray[np.float64]

CHECKED_ROWS = 8
"""Rows, besides one of each level, on which the structured form is compared with formulaic's matrix."""


def outcome_values(parsed: Parsed, table: LongTable) -> Floats:
    """The outcome of each analysed row, shape (n,): a column, or an expression such as `log(odi)`.

    Raises:
        UsageError: labels instead of numbers, an expression that is not one finite number a row.
    """
    (term,) = parsed.outcome
    name = str(term)
    values = table.columns.get(name.strip("`"))
    if isinstance(values, Coded):
        raise UsageError(
            f"the outcome {name!r} is labels ({shown(map(text, values.levels))}); expected numbers"
        )
    if values is not None:
        return np.asarray(values, dtype=np.float64)
    matrix = np.asarray(materialise(parsed.outcome, pandas_frame(table), {}, {}, full=True), dtype=np.float64)
    if matrix.shape[1] != 1 or not np.isfinite(matrix).all():
        raise UsageError(f"the outcome {name!r} is not one finite number in every row; check the expression")
    return matrix[:, 0]


def structured_form(parsed: Parsed, table: LongTable, visit: str) -> tuple[Floats, Design, Any]:
    """The formula on a table as covariates of subjects and functions of the visit.

    Args:
        parsed: the formula.
        table: the analysed rows.
        visit: the visits' column.

    Returns:
        u, shape (N, d); the design (without a grid); formulaic's ModelSpec, which makes rows for other values.

    Raises:
        UsageError: a factor with one level, expressions that cannot be evaluated row by row.
    """
    _two_levels(parsed, table)
    factors = {f.expr: f for term in parsed.right for f in term.factors if f.eval_method.value != "literal"}
    expressions = [f for f in factors.values() if f.eval_method.value == "python"]
    long = pandas_frame(table) if expressions else None
    evaluated = Expressions.of(expressions, long)
    sample = _showing_every_level(table)
    matrix = materialise(
        parsed.right, pandas_frame(table, sample), evaluated.transforms, evaluated.encodings, full=False
    )
    spec = matrix.model_spec

    cache: dict[tuple[str, bool], FactorColumns] = {}

    def columns_of(scoped: Any) -> FactorColumns:
        factor, reduced = scoped.factor.factor, bool(scoped.reduced)
        if (factor.expr, reduced) not in cache:
            if factor.eval_method.value == "python":
                names, values = evaluated.columns(factor, reduced, long)
                cache[factor.expr, reduced] = classify(names, values, table, visit, parsed.needs[factor.expr])
            else:
                cache[factor.expr, reduced] = plain_columns(factor.expr, reduced, table, visit)
        return cache[factor.expr, reduced]

    build = _Builder(table)
    for term in spec.structure:
        build.term(
            str(term.term),
            [(s.scale, [columns_of(f) for f in s.factors]) for s in term.scoped_terms],
            list(term.columns),
        )
    u, design = build.design()
    _same_as_formulaic(u, design, np.asarray(matrix), table, sample)
    return u, design, spec


def _two_levels(parsed: Parsed, table: LongTable) -> None:
    single = {
        name: text(values.levels[0])
        for name, values in table.columns.items()
        if name in parsed.variables and isinstance(values, Coded) and len(values.levels) < 2
    }
    if single:
        found = "; ".join(f"{name!r} is {level!r} in every analysed row" for name, level in single.items())
        raise UsageError(f"{found}; a factor needs two levels: leave it out of the formula")


class _Builder:
    """Collects covariates (each once) and where they enter the columns; its product is u and the design."""

    def __init__(self, table: LongTable) -> None:
        self.table = table
        self.m = len(table.visit.levels)
        self.covariates: dict[str, Floats | None] = {CONSTANT: None}
        self.columns: list[str] = []
        self.terms: list[Term] = []
        self.entries: list[tuple[int, int, int, float]] = []  # visit, covariate, column, value

    def term(self, name: str, scoped: list[tuple[float, list[FactorColumns]]], expected: list[str]) -> None:
        first = len(self.columns)
        for scale, factors in scoped:
            # formulaic's order: the first factor's columns vary fastest
            for chosen in product(*(range(len(f.names)) for f in reversed(factors))):
                self._column(scale, list(zip(factors, reversed(chosen), strict=True)))
        if self.columns[first:] != expected:
            raise UsageError(
                f"term {name!r} has columns {shown(self.columns[first:])}, but formulaic makes {shown(expected)}; "
                "write the term in another way, or give arrays to mmrm_wide"
            )
        self.terms.append(Term(name, tuple(range(first, len(self.columns)))))

    def _column(self, scale: float, parts: list[tuple[FactorColumns, int]]) -> None:
        at, function = len(self.columns), np.full(self.m, float(scale))
        own: list[str] = []
        subject: Floats | None = None
        changing: Floats | None = None
        for factor, c in parts:
            if factor.by_visit is not None:
                function = function * factor.by_visit[:, c]
                continue
            own.append(factor.names[c])
            if factor.by_subject is not None:
                subject = factor.by_subject[:, c] if subject is None else subject * factor.by_subject[:, c]
            elif factor.by_row is not None:
                changing = factor.by_row[:, c] if changing is None else changing * factor.by_row[:, c]
        self.columns.append(":".join(factor.names[c] for factor, c in parts) or "Intercept")
        name = ":".join(own) or CONSTANT
        if changing is None:
            k = self._covariate(name, subject)
            self.entries += [(j, k, at, function[j]) for j in range(self.m) if function[j] != 0]
            return
        rows = changing if subject is None else changing * subject[self.table.subject]
        wide = self.table.scatter(rows, fill=0.0)
        for j in np.flatnonzero(function):
            k = self._covariate(f"{name}@{self.table.visits[j]}", wide[:, j])
            self.entries.append((int(j), k, at, float(function[j])))

    def _covariate(self, name: str, values: Floats | None) -> int:
        self.covariates.setdefault(name, values)
        return list(self.covariates).index(name)

    def design(self) -> tuple[Floats, Design]:
        u = np.ones((len(self.table.subjects), len(self.covariates)))
        for k, values in enumerate(self.covariates.values()):
            if values is not None:
                u[:, k] = values
        B = np.zeros((self.m, len(self.covariates), len(self.columns)))
        for j, k, column, value in self.entries:
            B[j, k, column] = value
        visits = self.table.visits
        return u, Design(visits, tuple(self.covariates), tuple(self.columns), B, tuple(self.terms))


def _showing_every_level(table: LongTable) -> Codes:
    """A few rows that show every level of every labelled column, and the first and last rows."""
    n = len(table.subject)
    ends = np.r_[0 : min(CHECKED_ROWS, n), max(0, n - CHECKED_ROWS) : n]
    levels = [
        first_rows(values.codes, len(values.levels))
        for values in table.columns.values()
        if isinstance(values, Coded)
    ]
    return np.unique(np.concatenate([ends, *levels])).astype(np.intp)


def _same_as_formulaic(u: Floats, design: Design, matrix: Floats, table: LongTable, rows: Codes) -> None:
    """Refuse an expression whose value in a row depends on other rows: it would mean something else in new rows."""
    own = np.einsum("rd,rdq->rq", u[table.subject[rows]], design.B[table.visit.codes[rows]])
    size = np.abs(matrix).max(axis=0)
    wrong = np.flatnonzero((np.abs(own - matrix) > TOLERANCE * np.maximum(size, 1.0)).any(axis=0))
    if len(wrong):
        raise UsageError(
            f"{shown(design.columns[k] for k in wrong)}: the value in a row depends on the other rows; "
            "use a transform that remembers them, as center(age) or poly(age, 2), or compute the column beforehand"
        )

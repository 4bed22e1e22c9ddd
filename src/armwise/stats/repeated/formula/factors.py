"""The factors of a formula on a table: which are functions of the visit, values of the subject, or change over time.

What kind a factor is, its values on all rows show. A plain column is taken as it is (its codes, its numbers); an
expression such as `bs(age, df=4)` is evaluated by formulaic on all analysed rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.formula.labels import Coded, Codes, first_rows
from armwise.stats.repeated.formula.long_table import LongTable
from armwise.stats.repeated.formula.parse import FUNCTIONS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TOLERANCE = 1e-12
"""Values of a subject that differ by less than this share of the column's largest are one value."""


@dataclass(frozen=True, eq=False)
class FactorColumns:
    """The columns of one factor as coded in one term: exactly one of the three kinds of values is there.

    Attributes:
        names: names of its c columns.
        by_visit: shape (m, c): a function of the visit.
        by_subject: shape (N, c): constant within a subject.
        by_row: shape (n, c): a covariate that changes over time.
    """

    names: tuple[str, ...]
    by_visit: Floats | None = None
    by_subject: Floats | None = None
    by_row: Floats | None = None


def pandas_frame(table: LongTable, rows: NDArray[Any] | None = None) -> pd.DataFrame:
    """The analysed rows, or some of them, with labels as pandas Categoricals."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, values in table.columns.items():
        if isinstance(values, Coded):
            columns[name] = (
                values if rows is None else Coded(values.codes[rows], values.levels, True)
            ).categorical()
        else:
            columns[name] = values if rows is None else values[rows]
    return pd.DataFrame(columns, index=range(len(table.subject) if rows is None else len(rows)))


def materialise(
    formula: Any,
    frame: pd.DataFrame,
    transforms: Mapping[str, Any],
    encodings: Mapping[str, Any],
    *,
    full: bool,
) -> Any:
    """Formulaic's model matrix of a formula; `full` codes every factor by all its levels.

    Raises:
        UsageError: an expression that cannot be evaluated, or that is missing in some row.
    """
    from formulaic import ModelSpec
    from formulaic.errors import FormulaicError

    spec = ModelSpec(
        formula=formula,
        ensure_full_rank=not full,
        na_action="raise",
        output="numpy",
        materializer="pandas",
        transform_state=dict(transforms),
        encoder_state=dict(encodings),
    )
    try:
        with np.errstate(all="ignore"):  # what is not a number is refused below, by name
            return spec.get_model_matrix(frame, context=FUNCTIONS)
    except (FormulaicError, ValueError, TypeError) as error:
        raise UsageError(f"the formula's terms cannot be evaluated on the data: {error}") from error


@dataclass(frozen=True, eq=False)
class Expressions:
    """Expressions evaluated on all rows (so that centring and knots see all of them), and formulaic's memory of it."""

    matrix: Any
    transforms: Mapping[str, Any]
    encodings: Mapping[str, Any]

    @classmethod
    def of(cls, expressions: Sequence[Any], long: pd.DataFrame | None) -> Expressions:
        """Evaluate the expressions; without any, `long` is None."""
        if long is None:
            return cls(None, {}, {})
        from formulaic import SimpleFormula
        from formulaic.parser.types import Factor
        from formulaic.parser.types import Term as FormulaTerm

        one = FormulaTerm([Factor("1", eval_method="literal")])
        terms = [one, *(FormulaTerm([factor]) for factor in expressions)]
        matrix = materialise(SimpleFormula(terms, _ordering="none"), long, {}, {}, full=False)
        return cls(matrix, matrix.model_spec.transform_state, matrix.model_spec.encoder_state)

    def columns(
        self, factor: Any, reduced: bool, long: pd.DataFrame | None
    ) -> tuple[tuple[str, ...], Floats]:
        """Names and values, shape (n, c), of one expression as coded beside an intercept (reduced) or alone."""
        from formulaic import SimpleFormula
        from formulaic.parser.types import Term as FormulaTerm

        matrix, own = self.matrix, FormulaTerm([factor])
        at = matrix.model_spec.term_indices[own]
        scoped = next(s for s in matrix.model_spec.structure if s.term == own).scoped_terms
        if bool(scoped[0].factors[0].reduced) != reduced:
            alone = SimpleFormula([own], _ordering="none")
            matrix = materialise(alone, long, self.transforms, self.encodings, full=True)  # type: ignore[arg-type]
            at = list(range(matrix.shape[1]))
        names = tuple(matrix.model_spec.column_names[k] for k in at)
        return names, np.asarray(matrix, dtype=np.float64)[:, at]


def plain_columns(name: str, reduced: bool, table: LongTable, visit: str) -> FactorColumns:
    """A column of the table as a factor: numbers as they are, labels by treatment contrasts with the first level."""
    values = table.columns[name]
    if not isinstance(values, Coded):
        numbers = np.asarray(values, dtype=np.float64)
        return classify((name,), numbers[:, None], table, visit, frozenset([name]))
    levels = values.levels[1:] if reduced else values.levels
    mark = "T." if reduced else ""
    names = tuple(f"{name}[{mark}{level}]" for level in levels)
    coding = np.eye(len(values.levels))[:, 1 if reduced else 0 :]
    if name == visit:
        position = {level: k for k, level in enumerate(values.levels)}
        return FactorColumns(names, by_visit=coding[[position[level] for level in table.visit.levels]])
    own = values.codes[table.first]
    if np.array_equal(own[table.subject], values.codes):
        return FactorColumns(names, by_subject=coding[own])
    return classify(names, coding[values.codes], table, visit, frozenset([name]))


def classify(
    names: tuple[str, ...], values: Floats, table: LongTable, visit: str, needs: frozenset[str]
) -> FactorColumns:
    """Which kind of values a factor's columns, shape (n, c), are; read from all rows.

    An expression that mixes the visit with other columns is one that changes over time, even if each subject was seen
    once: at another visit its value would be another.
    """
    one_a_visit = first_rows(table.visit.codes, len(table.visit.levels))
    if needs == {visit}:
        return FactorColumns(names, by_visit=values[one_a_visit])
    size = np.abs(values).max(axis=0)
    if not np.isfinite(size).all():
        raise UsageError(f"{names[0]!r} is not a finite number in every row; check the expression")
    if visit not in needs and _repeats(values, table.first, table.subject, size):
        return FactorColumns(names, by_subject=values[table.first])
    if _repeats(values, one_a_visit, table.visit.codes, size):
        return FactorColumns(names, by_visit=values[one_a_visit])
    return FactorColumns(names, by_row=values)


def _repeats(values: Floats, first: Codes, codes: Codes, size: Floats) -> bool:
    """Whether rows with the same code have the same values."""
    return bool(np.all(np.abs(values - values[first][codes]) <= TOLERANCE * size))

"""The reference grid of a model by formula: rows of the model matrix for values that one asks for.

Factors have levels, numeric covariates their mean over the analysed rows. Rows are made by formulaic from the model's
own specification, so that codings, centrings and knots are those of the fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.formula.labels import shown, text
from armwise.stats.repeated.formula.parse import FUNCTIONS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
AverageWeights = Literal["equal", "observed"]


@dataclass(frozen=True, eq=False)
class Grid:
    """What a model by formula knows of its variables.

    Attributes:
        formula: the formula as it was written.
        spec: formulaic's specification of the model matrix, with everything that it remembers of the data.
        visit: the visits' column.
        visits: names of the visits, in their order.
        rows: the analysed rows, a pandas frame of the columns that the formula's right side names.
        first: each subject's first row.
        factors: variables with levels, in the formula's order; the visit among them if the formula names it. Text and
            booleans are factors, and so are numbers that the formula uses in `C(...)`.
    """

    formula: str
    spec: Any = field(repr=False)
    visit: str
    visits: tuple[str, ...]
    rows: pd.DataFrame = field(repr=False)
    first: NDArray[np.intp] = field(repr=False)
    factors: Mapping[str, tuple[Any, ...]]

    @cached_property
    def means(self) -> dict[str, float]:
        """Numeric covariates -> their mean over the analysed rows."""
        return {name: float(self.rows[name].mean()) for name in self.rows.columns if name not in self.factors}

    def level(self, factor: str, level: Any) -> Any:
        """A factor's own level that is written so; `12` and `"12"` are the same.

        Raises:
            UsageError: the factor has no such level.
        """
        for own in self.factors[factor]:
            if own == level or text(own) == text(level):
                return own
        raise UsageError(
            f"{factor!r} has no level {level!r}; its levels are {shown(map(text, self.factors[factor]))}"
        )

    def values(self, at: Mapping[str, Any] | None = None) -> dict[str, tuple[Any, ...]]:
        """Each variable's values in the grid: all levels of a factor, the mean of a covariate, or what `at` says.

        Args:
            at: variable -> a value or several.

        Raises:
            UsageError: a variable that the model does not have, a level that a factor does not have, no value, one that
                is not a finite number.
        """
        if at is not None and not isinstance(at, Mapping):
            raise UsageError(f"at is {at!r}; expected values by variable, such as {{'age': 50}}")
        grid: dict[str, tuple[Any, ...]] = {
            name: self.factors[name] if name in self.factors else (self.means[name],)
            for name in self.rows.columns
        }
        for name, asked in (at or {}).items():
            self.check_variables([name])
            several = (asked,) if np.ndim(asked) == 0 else tuple(asked)
            if not several:
                raise UsageError(f"at has no value of {name!r}; give one, or leave {name!r} out")
            own = self.level if name in self.factors else _finite
            grid[name] = tuple(own(name, value) for value in several)
        return grid

    def check_variables(self, names: Sequence[str]) -> None:
        """Refuse names that are not variables of the model.

        Raises:
            UsageError: any of them is unknown.
        """
        if unknown := [name for name in names if not isinstance(name, str) or name not in self.rows.columns]:
            raise UsageError(
                f"the model {self.formula!r} has no variable {shown(map(repr, unknown))}; "
                f"its variables are {', '.join(self.rows.columns)}"
            )

    def frame(self, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """Columns of values as the frame that the specification expects: factors as pandas Categoricals."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in self.rows.columns:
            own = self.rows[name]
            if isinstance(own.dtype, pd.CategoricalDtype):
                columns[name] = pd.Categorical(list(values[name]), dtype=own.dtype)
            else:
                columns[name] = np.asarray(values[name], dtype=np.float64)
        return pd.DataFrame(columns)

    def matrix(self, frame: pd.DataFrame) -> Floats:
        """Rows of the model matrix, shape (k, q), for a frame with the columns of `rows`.

        Raises:
            UsageError: an expression of the formula is not a number at one of the values.
        """
        from formulaic.errors import FormulaicError

        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # levels that the frame does not show are no news
                made = np.asarray(self.spec.get_model_matrix(frame, context=FUNCTIONS), dtype=np.float64)
        except (FormulaicError, ValueError, TypeError) as error:
            raise UsageError(
                f"the model's rows cannot be made for these values{self._outside(frame)}: {error}"
            ) from error
        return made.reshape(len(frame), -1)

    def _outside(self, frame: pd.DataFrame) -> str:
        """In words, numbers of a frame that are beyond those of the analysed rows; where a spline has no value."""
        found = []
        for name in self.means:
            own = self.rows[name]
            beyond = frame[name][(frame[name] < own.min()) | (frame[name] > own.max())]
            if len(beyond):
                found.append(
                    f"{name} {shown(f'{value:g}' for value in beyond.unique())} is outside the analysed rows' "
                    f"{own.min():g} to {own.max():g}"
                )
        return f" ({'; '.join(found)})" if found else ""

    def averaged(
        self,
        keep: Sequence[str],
        at: Mapping[str, Any] | None = None,
        weights: AverageWeights = "equal",
    ) -> tuple[list[tuple[Any, ...]], Floats]:
        """Rows of the model matrix averaged over the factors that are not kept.

        Args:
            keep: variables whose combinations are wanted; the first varies fastest.
            at: values in place of all levels or the mean.
            weights: "equal", or "observed" (as often as the combination of the factors averaged over occurs in the
                analysed rows).

        Returns:
            The combinations, and L, shape (combinations, q).
        """
        self.check_variables(keep)
        grid = self.values(at)
        others = [name for name in grid if name not in keep]
        kept = [combination[::-1] for combination in product(*(grid[name] for name in reversed(keep)))]
        over = list(product(*(grid[name] for name in others)))
        frame = self.frame(
            {name: [c[k] for c in kept for _ in over] for k, name in enumerate(keep)}
            | {name: [c[k] for _ in kept for c in over] for k, name in enumerate(others)}
        )
        share = self._shares(others, over, weights)
        rows = self.matrix(frame).reshape(len(kept), len(over), -1)
        return kept, np.asarray(np.einsum("koq,o->kq", rows, share))

    def _shares(
        self, others: Sequence[str], over: Sequence[tuple[Any, ...]], weights: AverageWeights
    ) -> Floats:
        if weights not in ("equal", "observed"):
            raise UsageError(f'weights is {weights!r}; expected "equal" or "observed"')
        factors = [k for k, name in enumerate(others) if name in self.factors]
        if weights == "equal" or not factors:
            return np.full(len(over), 1 / len(over))
        names = [others[k] for k in factors]
        counts = self.rows.groupby(names, observed=True).size()
        found = {key if isinstance(key, tuple) else (key,): int(n) for key, n in counts.items()}
        share = np.array([found.get(tuple(c[k] for k in factors), 0) for c in over], dtype=np.float64)
        if not share.sum():
            raise UsageError(f"no analysed row has these values of {shown(names)}; use equal weights")
        return np.asarray(share / share.sum())


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise UsageError(f"at: {name!r} is {value!r}; expected a finite number")
    return number


def factors_of(
    spec: Any, rows: pd.DataFrame, needs: Mapping[str, frozenset[str]]
) -> dict[str, tuple[Any, ...]]:
    """Variables with levels: labelled columns, and numbers that the formula takes as categories."""
    import pandas as pd

    found: dict[str, tuple[Any, ...]] = {}
    categorical = {expr for expr, (kind, _) in spec.encoder_state.items() if kind.value == "categorical"}
    as_category = {name for expr in categorical for name in needs.get(expr, ()) if len(needs[expr]) == 1}
    for name in rows.columns:
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            found[name] = tuple(rows[name].cat.categories)
        elif name in as_category:
            found[name] = tuple(sorted(float(value) for value in rows[name].unique()))
    return found

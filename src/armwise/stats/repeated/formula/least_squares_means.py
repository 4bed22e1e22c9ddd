"""LS means (estimated marginal means) of a model by formula, and differences between them.

Source: Searle, Speed and Milliken 1980, Am Stat 34:216 (population marginal means). A mean is a row L of the
coefficients; what is done with means (differences, averages over visits) is done with their rows, so that every
standard error and every degree of freedom comes from `contrasts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.formula.grid import AverageWeights, Grid
from armwise.stats.repeated.formula.labels import shown, text
from armwise.stats.repeated.text_table import text_table

if TYPE_CHECKING:
    import polars as pl

    from armwise.stats.repeated.contrasts import Contrasts, JointTest
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

CONTRAST = "contrast"


@dataclass(frozen=True, eq=False, repr=False)
class LsEstimates:
    """LS means, or contrasts of them, one row each.

    Attributes:
        names: what the rows are labelled by: factors (`arm`, `visit`), or `contrast` and factors.
        levels: each row's labels, in the order of `names`.
        by: those of `names` within which differences are taken.
        L: shape (k, q), each row's weights of the coefficients.
        result: estimates, standard errors, degrees of freedom, intervals and p (of no difference from 0), shape (k,)
            each; NaN where a row is not estimable.
        averaged: in words, over what the means are taken.
        fit: the model.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    by: tuple[str, ...]
    L: Floats
    result: Contrasts
    averaged: str
    fit: Mmrm

    @classmethod
    def of(
        cls,
        fit: Mmrm,
        names: Sequence[str],
        levels: Sequence[Sequence[str]],
        by: Sequence[str],
        L: Floats,
        averaged: str,
        conf_level: float,
    ) -> LsEstimates:
        """Estimate labelled rows of weights."""
        from armwise.stats.repeated.contrasts import contrasts

        rows = tuple(tuple(row) for row in levels)
        labels = [" ".join(row) for row in rows]
        result = contrasts(fit, L, conf_level=conf_level, labels=labels)
        return cls(tuple(names), rows, tuple(by), L, result, averaged, fit)

    def __len__(self) -> int:
        return len(self.levels)

    def __repr__(self) -> str:
        return f"{text_table(self.rows())}\n{self.averaged}; {100 * self.result.conf_level:.4g} % intervals"

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a row: its labels, estimate, se, df, lower, upper, t, p, estimable."""
        return [
            dict(zip(self.names, labels, strict=True))
            | self.result.record(k)
            | {"estimable": bool(self.result.estimable[k])}
            for k, labels in enumerate(self.levels)
        ]

    def row(self, **labels: Any) -> dict[str, Any]:
        """The one row with these labels: `means.row(arm="bmc", visit="m12")`.

        Raises:
            UsageError: no row or several have them.
        """
        wanted = {name: text(level) for name, level in labels.items()}
        found = [row for row in self.rows() if all(row.get(name) == level for name, level in wanted.items())]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} rows are labelled {wanted}; expected one: rows are labelled by {', '.join(self.names)}"
            )
        return found[0]

    def to_polars(self) -> pl.DataFrame:
        """The rows as a Polars frame."""
        import polars as pl

        return pl.DataFrame(self.rows())

    def pairs(self, *, reference: Any = None, by: str | Sequence[str] | None = None) -> LsEstimates:
        """Differences between rows, within each combination of `by`.

        Args:
            reference: a level of the (only) factor that is not in `by`: every other level minus this one. Without it
                every pair, the later level minus the earlier.
            by: names within whose combinations differences are taken; default: the `by` of the means.

        Returns:
            Contrasts, labelled `contrast` and the names of `by`.

        Raises:
            UsageError: an unknown name or level.
        """
        inside = self.by if by is None else _names(by)
        labels, C = self.difference_weights(reference, inside)
        kept = [name for name in self.names if name in inside]
        return self._new([CONTRAST, *kept], labels, kept, C @ self.L, self.averaged)

    def difference_weights(
        self, reference: Any, inside: Sequence[str]
    ) -> tuple[list[tuple[str, ...]], Floats]:
        """Labels of the differences, and each one as weights of the rows, shape (differences, k)."""
        _check_known(inside, self.names)
        own = [k for k, name in enumerate(self.names) if name not in inside]
        if not own:
            raise UsageError(f"every name ({', '.join(self.names)}) is in by; leave out the one to compare")
        kept = [k for k, name in enumerate(self.names) if name in inside]
        labels, weights = [], []
        for block in self._blocks(kept):
            called = [" ".join(self.levels[r][k] for k in own) for r in block]
            for minuend, subtrahend in _pairs(called, reference):
                difference = f"{called[minuend]} - {called[subtrahend]}"
                labels.append((difference, *(self.levels[block[0]][k] for k in kept)))
                row = np.zeros(len(self))
                row[block[minuend]], row[block[subtrahend]] = 1.0, -1.0
                weights.append(row)
        return labels, np.array(weights).reshape(len(labels), len(self))

    def average(self, over: str, weights: Mapping[Any, float] | Sequence[float] | None = None) -> LsEstimates:
        """Rows averaged over the levels of one name, such as differences over the visits.

        Args:
            over: one of `names`.
            weights: level -> weight, or in the order of the levels; divided by their sum. Equal by default.

        Returns:
            Rows labelled by the other names.

        Raises:
            UsageError: an unknown name or level, weights without a positive sum.
        """
        _check_known([over], self.names)
        at = self.names.index(over)
        levels = list(dict.fromkeys(row[at] for row in self.levels))
        share = _shares(over, levels, weights)
        kept = [k for k, name in enumerate(self.names) if name != over]
        labels, L = [], []
        for block in self._blocks(kept):
            here = [self.levels[r][at] for r in block]
            if sorted(here) != sorted(levels):
                raise UsageError(
                    f"not every combination has a row at each level of {over!r}: {', '.join(levels)}"
                )
            labels.append(tuple(self.levels[block[0]][k] for k in kept) or ("average",))
            L.append(sum(share[level] * self.L[r] for level, r in zip(here, block, strict=True)))
        names = [self.names[k] for k in kept] or [CONTRAST]
        by = [name for name in self.by if name != over]
        how = (
            "equal weights" if weights is None else "weights " + ", ".join(f"{share[v]:.3g}" for v in levels)
        )
        return self._new(names, labels, by, L, f"{self.averaged}; over {over}: {how}")

    def joint(self) -> JointTest:
        """The F test that all rows are 0.

        Raises:
            UsageError: a row that is not estimable.
            FitError: Kenward-Roger's F is not defined here; use `fit.using(df="satterthwaite")`.
        """
        from armwise.stats.repeated.contrasts import joint_test

        return joint_test(self.fit, self.L)

    def _blocks(self, kept: Sequence[int]) -> list[list[int]]:
        """Rows that agree in the labels `kept`, in the order of their first row."""
        found: dict[tuple[str, ...], list[int]] = {}
        for r, labels in enumerate(self.levels):
            found.setdefault(tuple(labels[k] for k in kept), []).append(r)
        return list(found.values())

    def _new(
        self, names: Sequence[str], labels: Sequence[Sequence[str]], by: Sequence[str], L: Any, averaged: str
    ) -> LsEstimates:
        rows = np.asarray(L, dtype=np.float64).reshape(len(labels), self.L.shape[1])
        return LsEstimates.of(self.fit, names, labels, by, rows, averaged, self.result.conf_level)


def lsmeans(
    fit: Mmrm,
    specs: str | Sequence[str],
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    weights: AverageWeights = "equal",
    conf_level: float = 0.95,
) -> LsEstimates:
    """LS means of a model by formula: predictions on a grid, averaged over the factors not named.

    Args:
        fit: a fit by `mmrm`.
        specs: the factors: "arm", ["arm", "gender"], "arm | visit", which says `by` too, or "1" for the overall mean.
        by: factors within which `.pairs()` compares.
        at: variable -> value or values, in place of all levels of a factor or the mean of a covariate over the
            analysed rows. (A numeric 0/1 covariate is at its mean too, as in SAS; emmeans would take both values.)
        weights: over factors not named: "equal", or "observed" (as often as their combinations occur in the analysed
            rows; emmeans' "proportional").
        conf_level: 0.95 for 95 %.

    Returns:
        One row a combination, the first factor varying fastest.

    Raises:
        UsageError: a fit from arrays, an unknown variable or level.
    """
    grid = grid_of(fit, "lsmeans")
    named, inside = _specs(specs, by)
    grid.check_variables([*named, *inside])
    combinations_, L = grid.averaged([*named, *inside], at, weights)
    levels = [tuple(text(level) for level in row) for row in combinations_]
    return LsEstimates.of(fit, [*named, *inside], levels, inside, L, _averaged(grid, at, weights), conf_level)


def grid_of(fit: Mmrm, what: str) -> Grid:
    """The grid of a fit by formula.

    Raises:
        UsageError: the fit is one from arrays.
    """
    grid = fit.design.grid
    if grid is None:
        raise UsageError(
            f"{what} needs a model by formula; this fit is from arrays: make rows with fit.design.row(visit, values) "
            "and give them to contrasts(fit, L)"
        )
    return grid


def _averaged(grid: Grid, at: Mapping[str, Any] | None, weights: AverageWeights) -> str:
    fixed = dict(at or {})
    means = [f"{name} {mean:.6g}" for name, mean in grid.means.items() if name not in fixed]
    parts = [f"{weights} weights over factors"]
    if means:
        parts.append("covariates at their means over the analysed rows: " + ", ".join(means))
    if fixed:
        parts.append("at " + ", ".join(f"{name} {value}" for name, value in fixed.items()))
    return "; ".join(parts)


def _specs(specs: str | Sequence[str], by: str | Sequence[str] | None) -> tuple[list[str], list[str]]:
    inside = list(_names(by)) if by is not None else []
    if isinstance(specs, str):
        left, _, right = specs.partition("|")
        named = [name.strip() for name in left.replace("*", ":").split(":")]
        inside = [name.strip() for name in right.replace("*", ":").split(":") if name.strip()] + inside
    else:
        named = list(_names(specs))
    named = [name for name in named if name != "1"]
    return named, [name for name in dict.fromkeys(inside) if name not in named]


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise UsageError(f"{names!r} names no variables; expected a name or a list of them")
    return tuple(names)


def _check_known(names: Sequence[str], known: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"rows are not labelled by {shown(unknown)}; they are labelled by {', '.join(known)}"
        )


def _pairs(called: Sequence[str], reference: Any) -> list[tuple[int, int]]:
    """Positions of minuend and subtrahend."""
    if reference is None:
        return [(later, earlier) for earlier, later in combinations(range(len(called)), 2)]
    if text(reference) not in called:
        raise UsageError(f"reference is {text(reference)!r}; expected one of {shown(called)}")
    base = list(called).index(text(reference))
    return [(k, base) for k in range(len(called)) if k != base]


def _shares(
    over: str, levels: Sequence[str], weights: Mapping[Any, float] | Sequence[float] | None
) -> dict[str, float]:
    if weights is None:
        return dict.fromkeys(levels, 1 / len(levels))
    names = list(map(text, weights)) if isinstance(weights, Mapping) else list(levels)
    try:
        values = [float(weight) for weight in (weights.values() if isinstance(weights, Mapping) else weights)]
    except (TypeError, ValueError):
        raise UsageError(
            f"weights over {over!r} are {weights!r}; expected numbers, by level or in the order of the levels"
        ) from None
    if len(values) != len(names):
        raise UsageError(f"{len(values)} weights for {len(levels)} levels of {over!r}: {', '.join(levels)}")
    given = dict(zip(names, values, strict=True))
    if unknown := [level for level in given if level not in levels]:
        raise UsageError(f"weights name {shown(unknown)}; the levels of {over!r} are {', '.join(levels)}")
    total = sum(given.values())
    if not 0 < total < np.inf:
        raise UsageError(f"weights over {over!r} sum to {total:g}; expected a positive sum")
    return {level: given.get(level, 0.0) / total for level in levels}

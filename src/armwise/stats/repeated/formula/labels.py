"""Labels as codes: subjects, visits, arms and other categorical columns, each encoded once.

Subjects are found by runs of equal labels: a sorted table costs a comparison a row; otherwise, and for other columns,
a dictionary is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.intp]

NUMBER = r"(?:(?<!\S)-)?\d+(?:\.\d+)?"
"""A number in a label. A minus is its sign at the start of a word (-3, week -3), elsewhere a hyphen (visit-3)."""

SHOWN = 5
"""How many names a message lists before it says how many more there are."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of labels.

    Attributes:
        codes: shape (n,), codes into `levels`; -1 where the label is missing.
        levels: the labels, in their order.
        declared: whether the column itself declares that order (a pandas Categorical, a Polars Enum, numbers).
    """

    codes: Codes
    levels: Sequence[Any] | NDArray[Any]
    declared: bool

    def take(self, rows: NDArray[Any]) -> Coded:
        """The same labels at some rows; levels that no row has are left out."""
        codes = self.codes[rows]
        seen = np.bincount(codes + 1, minlength=len(self.levels) + 1)[1:] > 0  # -1 is the first bin
        if seen.all():
            return Coded(codes, self.levels, self.declared)
        new = np.append(np.cumsum(seen) - 1, -1)
        if isinstance(self.levels, np.ndarray):
            return Coded(np.where(codes >= 0, new[codes], -1), self.levels[seen], self.declared)
        kept = tuple(level for level, used in zip(self.levels, seen, strict=True) if used)
        return Coded(np.where(codes >= 0, new[codes], -1), kept, self.declared)

    def ordered(self, levels: Sequence[Any]) -> Coded:
        """The same labels with their levels in another order."""
        position = {level: k for k, level in enumerate(levels)}
        new = np.array([position[level] for level in self.levels] + [-1], dtype=np.intp)
        return Coded(new[self.codes], tuple(levels), self.declared)

    def first(self, name: str, level: Any) -> Coded:
        """The same labels with one level first, so that treatment contrasts compare with it."""
        found = [own for own in self.levels if own == level or text(own) == str(level)]
        if not found:
            raise UsageError(
                f"reference: {name!r} has no level {level!r}; its levels are {shown(map(text, self.levels))}"
            )
        return self.ordered([found[0], *(own for own in self.levels if own != found[0])])

    def categorical(self) -> pd.Categorical:
        """The labels as pandas knows them."""
        import pandas as pd

        codes: Any = self.codes
        levels: Any = list(self.levels)
        return pd.Categorical.from_codes(codes, categories=levels)


def text(label: Any) -> str:
    """A label as it is shown and looked up: text; a whole number without its decimals."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def shown(names: Any) -> str:
    """The first few names of a list."""
    names = [str(name) for name in names]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def natural(label: Any) -> tuple[Any, ...]:
    """A sort key that reads the numbers in a text as numbers: m1, m3, m12; -3, 0, 6."""
    parts = re.split(f"({NUMBER})", str(label))
    return tuple((1, float(part), "") if k % 2 else (0, 0.0, part) for k, part in enumerate(parts))


def label_codes(series: Any) -> Coded:
    """Labels as codes: declared order kept (Categorical, Enum), otherwise sorted; booleans are False, True.

    Raises:
        UsageError: two labels with the same text, such as 1 and "1".
    """
    coded = _label_codes(series)
    _distinct(coded.levels, series.name)
    return coded


def _distinct(labels: Sequence[Any] | NDArray[Any], name: str) -> None:
    """Refuse labels that differ in type only: they would be two in the fit and one in every output."""
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        return
    seen: dict[str, Any] = {}
    for label in labels:
        if seen.setdefault(text(label), label) is not label:
            raise UsageError(
                f"column {name!r} has the labels {seen[text(label)]!r} and {label!r}, which look alike; "
                "write them in one way"
            )


def _label_codes(series: Any) -> Coded:
    import narwhals as nw

    native = series.to_native()
    if isinstance(series.dtype, nw.Enum | nw.Categorical) and series.implementation.is_pandas():
        return Coded(np.asarray(native.cat.codes, dtype=np.intp), tuple(native.cat.categories), True)
    if isinstance(series.dtype, nw.Enum) and series.implementation.is_polars():
        physical = native.to_physical().cast(int).fill_null(-1).to_numpy()
        return Coded(physical.astype(np.intp), tuple(series.dtype.categories), True)
    codes, found = _factorised(series)
    labels = [_plain(label) for label in found]
    if series.dtype.is_numeric():
        labels = [int(label) if float(label).is_integer() else float(label) for label in labels]
    try:
        order = sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:  # labels of several types in one column
        order = sorted(range(len(labels)), key=lambda k: str(labels[k]))
    rank = np.empty(len(labels) + 1, dtype=np.intp)
    rank[-1], rank[order] = -1, np.arange(len(labels))
    return Coded(rank[codes], tuple(labels[k] for k in order), series.dtype.is_numeric())


def _factorised(series: Any) -> tuple[Codes, NDArray[Any]]:
    """Codes in order of first appearance, -1 where missing, and the labels."""
    import pandas as pd

    if series.implementation.is_polars() and not series.dtype.is_numeric():
        import polars as pl

        whole = series.to_native()
        if whole.dtype in (pl.String, pl.Categorical):  # their dictionary encoding is the quicker one
            physical = whole.cast(pl.Categorical).to_physical().cast(pl.Int64).to_numpy()
            codes, seen = pd.factorize(physical)  # missing ones made it a column of floats with NaN
            codes = np.asarray(codes, dtype=np.intp)
            return codes, whole.gather(first_rows(codes, len(seen))).cast(pl.String).to_numpy()
    codes, unique = pd.factorize(
        series.to_native() if series.implementation.is_pandas() else series.to_numpy()
    )
    return np.asarray(codes, dtype=np.intp), np.asarray(unique)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def subject_codes(series: Any) -> Coded:
    """Subjects as codes: runs of equal labels are found first, and only their labels are looked up.

    Raises:
        UsageError: two labels with the same text, such as 1 and "1".
    """
    import pandas as pd

    coded = _by_runs(series)
    if pd.api.types.infer_dtype(coded.levels, skipna=True).startswith("mixed"):
        _distinct(coded.levels, series.name)
    return coded


def _by_runs(series: Any) -> Coded:
    native, change = series.to_native(), np.ones(len(series), dtype=bool)
    if series.implementation.is_polars():
        change[1:] = native.slice(1).ne_missing(native.head(-1)).to_numpy()
    elif series.implementation.is_pandas():
        change[1:] = (native != native.shift(1)).fillna(True).to_numpy(dtype=bool)[1:]
    starts = np.flatnonzero(change)
    if 2 * len(starts) > len(change):
        codes, labels = _factorised(series)
        return Coded(codes, labels, False)
    runs = series[starts]
    if _ascending(runs):
        codes, labels = np.arange(len(starts), dtype=np.intp), np.asarray(runs.to_numpy())
    else:
        codes, labels = _factorised(runs)
    return Coded(np.repeat(codes, np.diff(np.append(starts, len(change)))), labels, False)


def _ascending(labels: Any) -> bool:
    """Whether each label is greater than the one before it, so that no two are the same and none is missing."""
    import pandas as pd

    native = labels.to_native()
    try:
        if labels.implementation.is_polars():
            return bool((native.slice(1) > native.head(-1)).fill_null(False).all())
        if labels.implementation.is_pandas():
            return bool(pd.Series(native.array[1:] > native.array[:-1]).eq(True).all())
    except TypeError:  # categories without an order, labels of several types
        return False
    return False


def first_rows(codes: Codes, n: int) -> Codes:
    """The first row that has each of the codes 0 .. n-1."""
    first = np.zeros(n, dtype=np.intp)
    present = codes[::-1]
    rows = np.arange(len(codes) - 1, -1, -1, dtype=np.intp)
    if len(present) and present.min() < 0:
        rows, present = rows[present >= 0], present[present >= 0]
    first[present] = rows  # the last write wins, which is the first row
    return first

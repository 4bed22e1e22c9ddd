"""A long table, one row a subject and visit, read into codes and numbers: what is wrong with it is said at once.

Labels are encoded once, here: subjects by runs of equal labels (a sorted table costs a comparison a row), visits and
categorical covariates by dictionary. A row that lacks the outcome or a covariate is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoDataFrame

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
NaAction = Literal["drop", "raise"]

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
        seen = np.bincount(codes[codes >= 0], minlength=len(self.levels)) > 0
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

        return pd.Categorical.from_codes(self.codes, categories=list(self.levels))


@dataclass(frozen=True, eq=False)
class LongTable:
    """The analysed rows of a long table.

    Attributes:
        subject: each row's subject, shape (n,), codes in order of first appearance.
        subjects: labels of the N subjects.
        visit: each row's visit, codes into its levels, which are in the visits' order.
        first: each subject's first row, shape (N,).
        columns: the columns that the formula names: numbers, or labels; never missing. The visit's own column is
            among them only if the formula names it.
        group: covariance group of each row; None when there is one.
        weights: precision weight of each row; None when all are 1.
        dropped: rows left out, by the column that was missing (the first one, if several were).
    """

    subject: Codes
    subjects: NDArray[Any]
    visit: Coded
    first: Codes
    columns: Mapping[str, Floats | Coded]
    group: Coded | None = None
    weights: Floats | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def visits(self) -> tuple[str, ...]:
        """Names of the m visits, in their order."""
        return tuple(text(level) for level in self.visit.levels)

    def scatter(self, values: Floats, fill: float) -> Floats:
        """Values of the rows as one row a subject, shape (N, m); `fill` where a visit was not observed."""
        wide = np.full((len(self.subjects), len(self.visit.levels)), fill)
        wide[self.subject, self.visit.codes] = values
        return wide


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


def read_long(
    data: IntoDataFrame,
    needed: Sequence[str],
    *,
    subject: str,
    visit: str,
    visits: Sequence[Any] | None = None,
    group: str | None = None,
    weights: str | None = None,
    na_action: NaAction = "drop",
) -> LongTable:
    """Read the columns that a model needs.

    Args:
        data: pandas or Polars frame (any eager frame that narwhals knows), one row a subject and visit.
        needed: columns that the formula names.
        subject: column of subjects.
        visit: column of visits; numbers are labels too.
        visits: the visits in their order. Without it: the order of a Categorical or an Enum; numbers by size; text
            by its words and the numbers in it (m1, m3, m12), where R sorts by letters (m1, m12, m3).
        group: column of covariance groups, constant within a subject.
        weights: column of precision weights, positive.
        na_action: "drop" leaves out rows with a missing value in `needed` or `weights`; "raise" does not accept them.

    Returns:
        The analysed rows.

    Raises:
        UsageError: unknown columns, missing subjects or visits, two rows of a subject at one visit, no rows left,
            levels that `visits` does not list, a group that changes within a subject, weights that are not positive.
    """
    frame = _eager(data)
    extra = [name for name in (group, weights) if name is not None]
    check_columns(list(frame.columns), [*needed, subject, visit, *extra])
    people, at = subject_codes(frame[subject]), label_codes(frame[visit])
    read = {name: at if name == visit else column(frame[name]) for name in dict.fromkeys(needed)}
    load = numbers(frame[weights]) if weights is not None else None
    by = label_codes(frame[group]) if group is not None else None
    _no_missing_keys({subject: people, visit: at} | ({group: by} if group is not None and by is not None else {}))

    keep, dropped = _complete(read | ({weights: load} if weights is not None and load is not None else {}))
    if na_action == "raise" and dropped:
        raise UsageError("missing values: " + "; ".join(f"{n} in {c!r}" for c, n in dropped.items()))
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise UsageError(f"no row has every value that the model needs; missing: {_counts(dropped)}")
    everyone = len(rows) == len(keep)
    people = _compressed(people if everyone else Coded(people.codes[rows], people.levels, False))
    at = visits_in_order(at if everyone else at.take(rows), visit, visits)
    labels = np.asarray(people.levels)
    _one_row_a_visit(people.codes, at, labels, subject, visit)
    first = first_rows(people.codes, len(labels))
    used: dict[str, Floats | Coded] = {}
    for name, values in read.items():
        if name == visit:
            used[name] = at
        elif isinstance(values, Coded):
            used[name] = values.take(rows)
        else:
            used[name] = values if everyone else values[rows]
    return LongTable(
        subject=people.codes,
        subjects=labels,
        visit=at,
        first=first,
        columns=used,
        group=_constant_group(by.take(rows), people.codes, first, labels, group or "") if by else None,
        weights=_positive(load[rows], weights or "") if load is not None else None,
        dropped=dropped,
    )


def _eager(data: Any) -> Any:
    import narwhals as nw

    try:
        return nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise UsageError(
            f"data is a {type(data).__name__}; expected a pandas or Polars data frame (collect a lazy one first)"
        ) from error


def check_columns(found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse columns that the table does not have, all at once, with the nearest names.

    Raises:
        UsageError: any of `wanted` is not among `found`.
    """
    unknown = [name for name in dict.fromkeys(wanted) if name not in set(found)]
    if not unknown:
        return
    parts = []
    for name in unknown:
        near = get_close_matches(name, found, n=1)
        parts.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise UsageError(f"the data have no column {', '.join(parts)}; their columns are {', '.join(found)}")


def column(series: Any) -> Floats | Coded:
    """A covariate or an outcome: numbers as numbers (NaN where missing), anything else as labels."""
    return numbers(series) if series.dtype.is_numeric() else label_codes(series)


def numbers(series: Any) -> Floats:
    """A numeric narwhals series, NaN where missing.

    Raises:
        UsageError: not numeric, infinite values.
    """
    import narwhals as nw

    if not series.dtype.is_numeric():
        raise UsageError(f"column {series.name!r} is {series.dtype}; expected numbers")
    if series.implementation.is_pandas():
        values = series.to_native().to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = series.cast(nw.Float64).to_numpy()
    values = np.asarray(values, dtype=np.float64)
    if np.isinf(values).any():
        raise UsageError(f"column {series.name!r} has infinite values; expected finite numbers or missing")
    return values


def label_codes(series: Any) -> Coded:
    """Labels as codes: declared order kept (Categorical, Enum), otherwise sorted; booleans are False, True."""
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
    codes, unique = pd.factorize(series.to_native() if series.implementation.is_pandas() else series.to_numpy())
    return np.asarray(codes, dtype=np.intp), np.asarray(unique)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def subject_codes(series: Any) -> Coded:
    """Subjects as codes: runs of equal labels are found first, and only their labels are looked up."""
    native, change = series.to_native(), np.ones(len(series), dtype=bool)
    if series.implementation.is_polars():
        change[1:] = native.slice(1).ne_missing(native.slice(0, len(native) - 1)).to_numpy()
    elif series.implementation.is_pandas():
        change[1:] = (native != native.shift(1)).fillna(True).to_numpy(dtype=bool)[1:]
    starts = np.flatnonzero(change)
    if 2 * len(starts) > len(change):
        codes, labels = _factorised(series)
        return Coded(codes, labels, False)
    codes, labels = _factorised(series[starts])
    return Coded(np.repeat(codes, np.diff(np.append(starts, len(change)))), labels, False)


def first_rows(codes: Codes, n: int) -> Codes:
    """The first row that has each of the codes 0 .. n-1."""
    first = np.zeros(n, dtype=np.intp)
    present = codes[::-1]
    rows = np.arange(len(codes) - 1, -1, -1, dtype=np.intp)
    if len(present) and present.min() < 0:
        rows, present = rows[present >= 0], present[present >= 0]
    first[present] = rows  # the last write wins, which is the first row
    return first


def _compressed(people: Coded) -> Coded:
    """Subjects without a row left out, in order of first appearance."""
    count = np.bincount(people.codes, minlength=len(people.levels))
    if count.all():
        return people
    return people.take(np.arange(len(people.codes)))


def _no_missing_keys(keys: Mapping[str, Coded]) -> None:
    missing = {name: int((coded.codes < 0).sum()) for name, coded in keys.items()}
    if any(missing.values()):
        found = ", ".join(f"{n} rows without {name!r}" for name, n in missing.items() if n)
        raise UsageError(f"{found}; every row must say whose it is and of which visit: fill in or remove them")


def _complete(columns: Mapping[str, Floats | Coded]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which rows miss nothing, and how many were lost to each column (the first one that was missing)."""
    keep: NDArray[np.bool_] | None = None
    dropped = {}
    for name, values in columns.items():
        present = values.codes >= 0 if isinstance(values, Coded) else ~np.isnan(values)
        before = present.size if keep is None else int(keep.sum())
        keep = present if keep is None else keep & present
        lost = before - int(keep.sum())
        if lost:
            dropped[name] = lost
    assert keep is not None, "a formula names its outcome at least"
    return keep, dropped


def _counts(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{name} in {n} rows" for name, n in dropped.items()) or "nothing, but the table is empty"


def visits_in_order(at: Coded, name: str, visits: Sequence[Any] | None) -> Coded:
    """The visits in the order given, declared, or read from their names.

    Raises:
        UsageError: `visits` repeats a visit, lists one that no row has, or leaves out one that a row has.
    """
    if visits is None:
        return at if at.declared else at.ordered(sorted(at.levels, key=natural))
    listed = [text(visit) for visit in visits]
    own = {text(level): level for level in at.levels}
    mistakes = []
    if repeated := sorted({visit for visit in listed if listed.count(visit) > 1}):
        mistakes.append(f"visits lists {shown(repeated)} twice")
    if absent := [visit for visit in listed if visit not in own]:
        mistakes.append(f"no row with an outcome is of visit {shown(absent)}")
    if left_out := [visit for visit in own if visit not in listed]:
        mistakes.append(f"rows are of visit {shown(left_out)}, which visits does not list")
    if mistakes:
        raise UsageError(
            f"{'; '.join(mistakes)}; column {name!r} has {', '.join(own)}: list each visit once, or filter the rows"
        )
    return at.ordered([own[visit] for visit in listed])


def natural(label: Any) -> tuple[Any, ...]:
    """A sort key that reads the numbers in a text as numbers: m1, m3, m12."""
    parts = re.split(r"(\d+(?:\.\d+)?)", str(label))
    return tuple((1, float(part), "") if k % 2 else (0, 0.0, part) for k, part in enumerate(parts))


def _one_row_a_visit(people: Codes, at: Coded, labels: NDArray[Any], subject: str, visit: str) -> None:
    m = len(at.levels)
    count = np.bincount(people * m + at.codes, minlength=len(labels) * m)
    if count.max() <= 1:
        return
    twice = np.flatnonzero(count > 1)
    named = shown(f"{text(labels[k // m])} at {text(at.levels[k % m])} ({count[k]} rows)" for k in twice)
    raise UsageError(
        f"more than one row of a subject at a visit: {named}; expected one row for each {subject!r} and {visit!r}"
    )


def _constant_group(by: Coded, people: Codes, first: Codes, labels: NDArray[Any], name: str) -> Coded:
    changed = by.codes != by.codes[first][people]
    if changed.any():
        who = shown(text(labels[k]) for k in np.unique(people[changed]))
        raise UsageError(f"group {name!r} changes within subject {who}; expected one group a subject")
    return by


def _positive(weights: Floats, name: str) -> Floats:
    if (weights <= 0).any():
        raise UsageError(f"weights {name!r} has {int((weights <= 0).sum())} values that are not positive")
    return weights

"""A long table, one row a subject and visit, as its analysed rows: what is wrong with it is said at once.

A row that lacks the outcome or a covariate is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.formula.labels import (
    Coded,
    Codes,
    first_rows,
    label_codes,
    natural,
    shown,
    subject_codes,
    text,
)

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

Floats = NDArray[np.float64]
Numbers = NDArray[np.float64] | NDArray[np.int64]
NaAction = Literal["drop", "raise"]


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
    columns: Mapping[str, Numbers | Coded]
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
            levels that `visits` does not list, a group that changes within a subject, weights that are not positive,
            an argument of another kind.
    """
    _check_arguments(subject, visit, visits, group, weights, na_action)
    frame = _eager(data)
    extra = [name for name in (group, weights) if name is not None]
    check_columns(list(frame.columns), [*needed, subject, visit, *extra])
    people, at = subject_codes(frame[subject]), label_codes(frame[visit])
    read = {name: at if name == visit else column(frame[name]) for name in dict.fromkeys(needed)}
    load = numbers(frame[weights]) if weights is not None else None
    by = label_codes(frame[group]) if group is not None else None
    _no_missing_keys(
        {subject: people, visit: at} | ({group: by} if group is not None and by is not None else {})
    )

    keep, dropped = _complete(read | ({weights: load} if weights is not None and load is not None else {}))
    if na_action == "raise" and dropped:
        raise UsageError("missing values: " + "; ".join(f"{n} in {c!r}" for c, n in dropped.items()))
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise UsageError(f"no row has every value that the model needs; missing: {_counts(dropped)}")
    everyone = len(rows) == len(keep)
    people = _compressed(people if everyone else Coded(people.codes[rows], people.levels, False))
    at = visits_in_order(at.take(rows), visit, visits)
    labels = np.asarray(people.levels)
    _one_row_a_visit(people.codes, at, labels, subject, visit)
    first = first_rows(people.codes, len(labels))
    used: dict[str, Numbers | Coded] = {}
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
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise UsageError(
            f"data is a {type(data).__name__}; expected a pandas or Polars data frame (collect a lazy one first)"
        ) from error
    except DuplicateError as error:
        names = [str(name) for name in data.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UsageError(
            f"the data have more than one column {shown(map(repr, twice))}; rename or remove all but one"
        ) from error
    if not len(frame):
        raise UsageError("the table has no rows; expected one row a subject and visit")
    return frame


def _check_arguments(subject: Any, visit: Any, visits: Any, group: Any, weights: Any, na_action: Any) -> None:
    names = {"subject": subject, "visit": visit} | {
        role: name for role, name in (("group", group), ("weights", weights)) if name is not None
    }
    for role, name in names.items():
        if not isinstance(name, str):
            raise UsageError(f"{role} is {name!r}; expected the name of a column")
    if subject == visit:
        raise UsageError(f"subject and visit are both {subject!r}; expected two columns")
    if visits is not None and (isinstance(visits, str) or not isinstance(visits, Iterable)):
        raise UsageError(f"visits is {visits!r}; expected a list of the visits in their order")
    if na_action not in get_args(NaAction):
        raise UsageError(
            f'na_action is {na_action!r}; expected "drop" (leave out and count rows with missing values) or "raise"'
        )


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
        near = get_close_matches(name, [str(own) for own in found], n=1)
        parts.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise UsageError(
        f"the data have no column {', '.join(parts)}; their columns are {', '.join(map(str, found))}"
    )


def column(series: Any) -> Numbers | Coded:
    """A covariate or an outcome: numbers as numbers (NaN where missing), anything else as labels."""
    if series.dtype.is_integer() and not series.is_null().any():
        return np.asarray(series.to_numpy()).astype(
            np.int64
        )  # so that C(site) has columns [T.2], not [T.2.0]
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
        raise UsageError(
            f"{found}; every row must say whose it is and of which visit: fill in or remove them"
        )


def _complete(columns: Mapping[str, Numbers | Coded]) -> tuple[NDArray[np.bool_], dict[str, int]]:
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
    return ", ".join(f"{name} in {n} rows" for name, n in dropped.items())


def visits_in_order(at: Coded, name: str, visits: Sequence[Any] | None) -> Coded:
    """The visits in the order given, declared, or read from their names.

    Raises:
        UsageError: `visits` repeats a visit, lists one that no row has, or leaves out one that a row has.
    """
    if visits is None:
        return at if at.declared else at.ordered(sorted(at.levels, key=natural))
    listed = [text(visit) for visit in visits]
    own = {text(level): level for level in sorted(at.levels, key=natural)}
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


def _one_row_a_visit(people: Codes, at: Coded, labels: NDArray[Any], subject: str, visit: str) -> None:
    m = len(at.levels)
    count = np.bincount(people * m + at.codes, minlength=len(labels) * m)
    if count.max() <= 1:
        return
    twice = np.flatnonzero(count > 1)
    named = shown(f"{text(labels[k // m])} at {text(at.levels[int(k % m)])} ({count[k]} rows)" for k in twice)
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

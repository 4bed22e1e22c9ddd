"""Long rows, a batch at a time, as one row a subject: the step between any source of rows and the cross-products.

A batch is a Polars frame of some rows; a subject's rows may be split over batches anywhere, as long as nobody else's
stand between them. The last subject of a batch is held back until it is known to be complete. Whatever would make the
sums wrong (rows of a subject in two places, two rows at one visit, a covariate that changes) stops the pass by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.design import CONSTANT
from armwise.stats.repeated.engines.clusters import Order
from armwise.stats.repeated.formula.labels import shown, text
from armwise.stats.repeated.wide import Wide

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Entry:
    """Where a covariate's value comes from.

    Attributes:
        name: of the covariate.
        column: of the long table.
        level: for a column of labels, the label that makes the covariate 1; None for a column of numbers.
        visit: for a covariate that changes over time, the visit whose value this is; None when it is constant.
    """

    name: str
    column: str
    level: Any = None
    visit: int | None = None


@dataclass(frozen=True)
class Layout:
    """What the columns of a long table mean."""

    subject: str
    visit: str
    outcome: str
    visits: tuple[str, ...]
    entries: tuple[Entry, ...]
    group: str | None = None
    weights: str | None = None
    other_visits: str = "refuse"

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the d covariates, `1` first."""
        return (CONSTANT, *(entry.name for entry in self.entries))

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        named = [self.subject, self.visit, self.outcome, *(entry.column for entry in self.entries)]
        return list(dict.fromkeys([*named, *filter(None, (self.group, self.weights))]))


@dataclass
class Tally:
    """What a pass has met so far: rows, rows left out by reason, groups in order of appearance."""

    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    declared: bool = False

    def drop(self, reason: str, rows: int) -> None:
        """Counts rows that are left out."""
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows


@dataclass(frozen=True, eq=False)
class Piece:
    """Complete subjects, one row each, and their labels if they are asked for."""

    wide: Wide
    labels: Callable[[], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class _Held:
    """The last subject so far, whose next rows may be still to come."""

    label: Any
    y: Floats
    seen: Bools
    u: Floats
    weights: Floats
    group: int


def pieces(batches: Iterable[pl.DataFrame], layout: Layout, tally: Tally, order: Order) -> Iterator[Piece]:
    """The rows of a source as complete subjects.

    Args:
        batches: rows in the source's order; the columns of `layout` at least.
        layout: what the columns mean.
        tally: counts rows, rows left out and groups as they are met.
        order: watches that a subject's rows stand together.

    Raises:
        UsageError: a subject in two places or without a label, two rows at one visit, a covariate or a group that
            changes within a subject, visits that are not listed, labels where numbers are expected.
    """
    held: _Held | None = None
    for batch in batches:
        if not len(batch):
            continue
        tally.rows += len(batch)
        block = _Block.read(batch, layout, tally, held)
        order.follow(block.labels)
        if len(block.y) > 1:
            yield block.piece(layout, tally, len(block.y) - 1)
        held = block.last()
    order.check()
    if held is not None:
        wide = _wide(layout, tally, held.y[None], held.u[None], held.weights[None], np.array([held.group]))
        label = held.label
        yield Piece(wide, lambda: np.array([label], dtype=object))


@dataclass(frozen=True, eq=False)
class _Block:
    """A batch as one row a subject, the one held back before it first.

    Attributes:
        labels: of the subjects that begin in it.
        before: label of the subject held back; it is row 0 then.
        y, seen, u, weights, group: one row a subject; group is -1 where no row was used.
    """

    labels: pl.Series
    before: tuple[Any, ...]
    y: Floats
    seen: Bools
    u: Floats
    weights: Floats
    group: Ints

    @classmethod
    def read(cls, batch: pl.DataFrame, layout: Layout, tally: Tally, held: _Held | None) -> _Block:
        """Scatters the rows of a batch to their subjects and visits."""
        subject = _subjects(batch[layout.subject])
        starts = np.empty(len(subject), dtype=bool)
        starts[0] = held is None or subject[0] != held.label
        starts[1:] = (subject.slice(1) != subject.slice(0, len(subject) - 1)).to_numpy()
        labels = plain(subject.gather(np.flatnonzero(starts)))
        before = () if held is None else (held.label,)
        n, m, d = len(labels) + len(before), len(layout.visits), len(layout.covariates)
        rows = _Rows.read(batch, layout, tally, np.cumsum(starts, dtype=np.intp) - 1 + len(before))
        block = cls(
            labels, before, np.full((n, m), np.nan), np.zeros((n, m), dtype=bool), np.zeros((n, d)),
            np.ones((n, m if layout.weights else 0)), np.full(n, -1, dtype=np.intp),
        )  # fmt: skip
        block.u[:, 0] = 1.0
        if held is not None:
            block.y[0], block.seen[0], block.u[0] = held.y, held.seen, held.u
            block.weights[0], block.group[0] = held.weights, held.group
        block._fill(rows, layout, tally)
        return block

    def _fill(self, rows: _Rows, layout: Layout, tally: Tally) -> None:
        m = len(layout.visits)
        at = rows.of * m + rows.visit
        before = int(np.count_nonzero(self.seen[:1])) if self.before else 0
        continued = before and len(rows.of) and rows.of[0] == 0  # row 0 has values to agree with
        same = rows.of[1:] == rows.of[:-1]
        first = np.flatnonzero(np.concatenate([np.ones(min(len(rows.of), 1), dtype=bool), ~same]))
        who = rows.of[first]
        seen_before = self.seen[0].copy() if self.before else np.zeros(m, dtype=bool)
        self.seen.reshape(-1)[at] = True
        if int(np.count_nonzero(self.seen)) != before + len(at):
            self._refuse_twice(at, seen_before, layout)
        self.y.reshape(-1)[at] = rows.outcome
        if rows.weights is not None:
            self.weights.reshape(-1)[at] = rows.weights
        for k, entry in enumerate(layout.entries, start=1):
            values = rows.values[entry.column, entry.level]
            if entry.visit is not None:
                mine = rows.visit == entry.visit
                self.u[rows.of[mine], k] = values[mine]
                continue
            self._refuse_change(entry.name, values, rows.of, same, self.u[0, k] if continued else None)
            self.u[who, k] = values[first]
        if rows.group is not None:
            held = self.group[0] if continued else None
            self._refuse_change(layout.group or "", rows.group, rows.of, same, held, tuple(tally.groups))
            self.group[who] = rows.group[first]

    def name(self, row: int) -> str:
        """The label of one of its subjects."""
        return text(self.before[row] if row < len(self.before) else self.labels[row - len(self.before)])

    def _refuse_twice(self, at: Ints, seen_before: Bools, layout: Layout) -> None:
        m = len(layout.visits)
        count = np.bincount(at, minlength=self.y.size)
        count[:m] += seen_before
        twice = [
            (self.name(k // m), layout.visits[k % m], count[k]) for k in np.flatnonzero(count > 1).tolist()
        ]
        raise UsageError(
            f"more than one row of a subject at a visit: {shown(f'{s} at {v} ({n} rows)' for s, v, n in twice)}; "
            f"expected one row for each {layout.subject!r} and {layout.visit!r}: keep the one that is meant"
        )

    def _refuse_change(
        self, what: str, values: NDArray[Any], of: Ints, same: Bools, held: Any, names: Sequence[str] = ()
    ) -> None:
        """Values of rows, of which those of one subject must be one; `held` is row 0's from the batches before."""
        changed = np.flatnonzero((values[1:] != values[:-1]) & same)
        found = [(0, held, values[0])] if held is not None and values[0] != held else []
        found += [(int(of[i]), values[i], values[i + 1]) for i in changed]
        if found:
            word = names.__getitem__ if names else text
            named = shown(f"{self.name(row)} ({word(a)}, then {word(b)})" for row, a, b in found)
            raise UsageError(
                f"{what!r} changes within a subject: {named}; expected one value a subject, on each of its rows; "
                "a covariate that changes over time belongs to time_varying"
            )

    def piece(self, layout: Layout, tally: Tally, n: int) -> Piece:
        """The first n subjects."""
        wide = _wide(layout, tally, self.y[:n], self.u[:n], self.weights[:n], self.group[:n])
        return Piece(wide, lambda: np.array([*self.before, *self.labels.to_list()], dtype=object)[:n])

    def last(self) -> _Held:
        """The last subject."""
        label = self.labels[-1] if len(self.labels) else self.before[0]
        return _Held(
            label, self.y[-1].copy(), self.seen[-1].copy(), self.u[-1].copy(), self.weights[-1].copy(),
            int(self.group[-1]),
        )  # fmt: skip


def _wide(layout: Layout, tally: Tally, y: Floats, u: Floats, weights: Floats, group: Ints) -> Wide:
    groups = tuple(tally.groups) if layout.group else ("",)
    return Wide(
        layout.visits, layout.covariates, y, u,
        # A subject without a usable row has no group, and none is needed to count it.
        np.maximum(group, 0) if layout.group else None, groups or ("",),
        weights if layout.weights else None,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows that are used: of which subject (a row of the block), at which visit, with which numbers."""

    of: Ints
    visit: Ints
    outcome: Floats
    values: Mapping[tuple[str, Any], Floats]
    weights: Floats | None
    group: Ints | None

    @classmethod
    def read(cls, batch: pl.DataFrame, layout: Layout, tally: Tally, of: Ints) -> _Rows:
        """Leaves out rows that miss the outcome, a covariate or a weight; counts them by the first that is missing."""
        visit = _visits(batch[layout.visit], layout)
        outcome = _numbers(batch[layout.outcome])
        weights = None if layout.weights is None else _numbers(batch[layout.weights])
        wanted = dict.fromkeys((entry.column, entry.level) for entry in layout.entries)
        values = {(c, level): _values(batch[c], level) for c, level in wanted}
        group = None if layout.group is None else _groups(batch[layout.group], tally)
        lacking = [(f"{layout.visit} not in visits", visit < 0), (layout.outcome, np.isnan(outcome))]
        lacking += [(c, _lacks(values[c, level], (c, level), layout, visit)) for c, level in wanted]
        if weights is not None:
            lacking.append((layout.weights or "", np.isnan(weights)))
        if group is not None:
            lacking.append((layout.group or "", group < 0))
        out: Bools | None = None
        for reason, lacks in lacking:
            if lacks.any():
                new = lacks if out is None else lacks & ~out
                tally.drop(reason, int(np.count_nonzero(new)))
                out = lacks if out is None else out | lacks
        if out is None:
            return cls(of, visit, outcome, values, weights, group)
        use = np.flatnonzero(~out)
        return cls(
            of[use], visit[use], outcome[use], {name: column[use] for name, column in values.items()},
            None if weights is None else weights[use], None if group is None else group[use],
        )  # fmt: skip


def _lacks(column: Floats, source: tuple[str, Any], layout: Layout, visit: Ints) -> Bools:
    """Which rows lack a value that the model takes from them."""
    at = [entry.visit for entry in layout.entries if (entry.column, entry.level) == source]
    lacks = np.isnan(column)
    if None in at or not lacks.any():
        return lacks
    return lacks & np.isin(visit, [j for j in at if j is not None])


def _subjects(series: pl.Series) -> pl.Series:
    """Subjects' labels, none of which is missing."""
    missing = series.null_count() + (int(series.is_nan().sum()) if series.dtype.is_float() else 0)
    if missing:
        raise UsageError(
            f"{missing} rows without {series.name!r}; every row must say whose it is: fill in or remove them"
        )
    return series


def plain(labels: pl.Series) -> pl.Series:
    """Labels as text where they are categorical, so that those of two batches compare."""
    import polars as pl

    return labels.cast(pl.String) if labels.dtype in (pl.Categorical, pl.Enum) else labels


def _numbers(series: pl.Series) -> Floats:
    """A column of numbers, NaN where missing."""
    import polars as pl

    if series.dtype == pl.Null:
        return np.full(len(series), np.nan)
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise UsageError(
            f"column {series.name!r} is {series.dtype}; expected numbers: a column of labels enters as 0 and 1, for "
            f"instance covariates={{'{series.name}[a]': ('{series.name}', 'a')}}"
        )
    if series.dtype != pl.Float64:
        series = series.cast(pl.Float64)
    return np.asarray(series.to_numpy(), dtype=np.float64)


def _values(series: pl.Series, level: Any) -> Floats:
    """A covariate: numbers, or 1 where a column of labels has this one."""
    import polars as pl

    if level is None:
        return _numbers(series)
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        return (series.cast(pl.String) == text(level)).cast(pl.Float64).to_numpy()
    return np.asarray((series == level).cast(pl.Float64).to_numpy(), dtype=np.float64)


def _groups(series: pl.Series, tally: Tally) -> Ints:
    """Codes of covariance groups, -1 where missing; new groups are added to the tally unless they were declared."""
    import polars as pl

    series = plain(series)
    present = series.drop_nulls().unique(maintain_order=True)
    for label in map(text, present):
        if label not in tally.groups and tally.declared:
            raise UsageError(
                f"group {label!r} in {series.name!r} is not among groups, which are {', '.join(tally.groups)}; "
                "list it, or filter the rows"
            )
        tally.groups.setdefault(label, len(tally.groups))
    codes = [tally.groups[text(label)] for label in present]
    if not codes:
        return np.full(len(series), -1, dtype=np.intp)
    coded = series.replace_strict(present, codes, default=-1, return_dtype=pl.Int64)
    return coded.fill_null(-1).to_numpy().astype(np.intp)


def _visits(series: pl.Series, layout: Layout) -> Ints:
    """Codes of visits, -1 for those that are not listed, if such rows may be left out."""
    import polars as pl

    if series.null_count():
        raise UsageError(
            f"{series.null_count()} rows without {series.name!r}; every row must say of which visit it is: fill in or "
            "remove them"
        )
    if series.dtype in (pl.Categorical, pl.Enum):
        physical = series.to_physical().to_numpy()
        codes = np.full(int(physical.max()) + 1, -1, dtype=np.intp)
        for k in np.flatnonzero(np.bincount(physical)).tolist():
            label = series[int(np.argmax(physical == k))]
            codes[k] = layout.visits.index(label) if label in layout.visits else -1
        found = codes[physical]
    elif series.dtype == pl.String:
        coded = series.cast(pl.Enum(layout.visits), strict=False).to_physical()
        found = coded.cast(pl.Int64).fill_null(-1).to_numpy().astype(np.intp, copy=False)
    else:
        own = series.to_numpy()
        found = np.full(len(series), -1, dtype=np.intp)
        for label in series.unique().to_list():
            if text(label) in layout.visits:
                found[own == label] = layout.visits.index(text(label))
    if layout.other_visits == "refuse" and len(found) and found.min() < 0:
        others = map(text, series.filter(found < 0).unique().sort().to_list())
        raise UsageError(
            f"rows are of visit {shown(others)}, which visits does not list ({', '.join(layout.visits)}); list each "
            'visit of the model, or leave such rows out and count them with other_visits="drop"'
        )
    return np.asarray(found)

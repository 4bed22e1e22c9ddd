"""Cross-products of a long table of any size: arrays, frames, Parquet files, a DuckDB relation.

An engine does one thing: it hands over rows so that those of a subject stand together. Everything else (one row a
subject, moments by pattern) is the same NumPy code for all of them, a batch at a time, so that memory does not grow
with the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from armwise.errors import FileError, UsageError
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, pattern_codes
from armwise.stats.repeated.design import CONSTANT
from armwise.stats.repeated.engines.clusters import Order, OutOfOrderError, ScatteredError, keys_of
from armwise.stats.repeated.engines.long_rows import Entry, Layout, Piece, Tally, pieces, plain
from armwise.stats.repeated.formula.labels import text
from armwise.stats.repeated.formula.long_table import check_columns

if TYPE_CHECKING:
    import polars as pl

Engine = Literal["arrow", "duckdb"]
OtherVisits = Literal["refuse", "drop"]
Covariates = Sequence[str] | Mapping[str, str | tuple[str, Any]]

#: Rows that are handed over at once: their columns fit the cache, and the calls for a batch cost little beside it.
ROWS = 1 << 16
#: Of DuckDB, each of which takes memory of its own when it sorts.
MOST_THREADS = 4


@dataclass(frozen=True, eq=False)
class Summed:
    """What one pass over a long table made.

    Attributes:
        products: the sums, for `mmrm_cross_products`.
        rows: rows that were read.
        dropped: rows that were left out, by the column that was missing (the first one, if several were).
    """

    products: CrossProducts
    rows: int
    dropped: Mapping[str, int] = field(default_factory=dict)


def products_from(
    source: Any,
    *,
    subject: str,
    visit: str,
    outcome: str,
    visits: Sequence[Any],
    covariates: Covariates = (),
    time_varying: Sequence[str] = (),
    group: str | None = None,
    groups: Sequence[Any] | None = None,
    weights: str | None = None,
    units: Sequence[str] = (),
    engine: Engine | None = None,
    other_visits: OtherVisits = "refuse",
    memory_limit: str = "1GB",
) -> Summed:
    """Cross-products of a long table, one row a subject and visit, in one pass and bounded memory.

    The rows of a subject must stand together; in which order subjects come does not matter. A table in memory that is
    not like that is sorted; any other source is refused, by the name of a subject, unless an engine sorts it.

    Args:
        source: a Polars frame or LazyFrame, a pandas frame, an Arrow table, a mapping of column names to arrays, a
            Parquet file, a folder of them (in the order of their names) or a list (in that order), a DuckDB relation.
        subject, visit, outcome: columns.
        visits: the visits in their order, as text or as the numbers that the column holds.
        covariates: in the order of the design's covariates. Column names; or name -> column of numbers, or
            name -> (column of labels, the label that is 1): `{"arm[bmc]": ("arm", "bmc"), "age": "age"}`.
            `name@visit` is the value of column `name` at that visit, so that a design's own `covariates` can be given.
        time_varying: columns of covariates that change over time: each becomes `name@visit` at every visit.
        group: column of covariance groups.
        groups: the groups in their order; those found, sorted, when not given. Sites whose sums are to be added
            must name the same ones.
        weights: column of precision weights, positive.
        units: of the outcome and of each covariate but `1`; sums in other units do not add.
        engine: for Parquet files "arrow" (the default: rows as they stand) or "duckdb" (sorts by subject, spills to
            disk); for a DuckDB relation "duckdb" sorts it.
        other_visits: rows of a visit that is not listed are refused, or left out and counted ("drop").
        memory_limit: of DuckDB, when it reads Parquet files.

    Returns:
        The sums, and which rows are not in them.

    Raises:
        UsageError: a subject whose rows are scattered; two rows at one visit; a covariate or a group that changes
            within a subject; unknown columns, visits or groups; numbers that are not finite, weights that are not
            positive. Subjects are named.
        FileError: a file that is missing or is not Parquet.

    Example:
        >>> import polars as pl
        >>> from armwise.stats import products_from
        >>> rows = pl.DataFrame({
        ...     "id": ["a", "a", "b", "b"], "month": [1, 3, 1, 3], "odi": [40.0, 30, 44, None], "arm": [1, 1, 0, 0]
        ... })
        >>> made = products_from(rows, subject="id", visit="month", outcome="odi", visits=[1, 3], covariates=["arm"])
        >>> made.products.n_subjects, made.products.n_observations, made.dropped
        (2, 3, {'odi': 1})
    """
    for name, word, known in (("engine", engine, Engine), ("other_visits", other_visits, OtherVisits)):
        if word is not None and word not in get_args(known):
            raise UsageError(f"{name} {word!r}; expected one of {', '.join(get_args(known))}")
    names = tuple(text(v) for v in visits)
    if not names or len(set(names)) < len(names):
        raise UsageError(f"visits {list(names)}; expected each visit of the model once")
    layout = Layout(
        subject,
        visit,
        outcome,
        names,
        _entries(covariates, time_varying, names),
        group,
        weights,
        other_visits,
    )
    table = _table(source, layout, engine, memory_limit)
    declared = None if groups is None else [text(g) for g in groups]
    try:
        return _pass(table.batches(layout.columns), layout, units, declared, Order(remember=False))
    except OutOfOrderError:
        pass
    try:
        return _pass(table.batches(layout.columns), layout, units, declared, Order(remember=True))
    except ScatteredError as error:
        if table.ordered is None:
            who = _named(table, subject, error.key)
            raise UsageError(
                f"the rows of subject {who} do not stand together in {table.what}: others come between them, so that "
                f"one pass cannot tell what belongs together; {table.todo}"
            ) from None
    return _pass(table.ordered(layout.columns), layout, units, declared, Order(remember=True))


def _pass(
    batches: Iterator[pl.DataFrame],
    layout: Layout,
    units: Sequence[str],
    groups: Sequence[str] | None,
    order: Order,
) -> Summed:
    tally = Tally(groups={g: k for k, g in enumerate(groups or ())}, declared=groups is not None)
    total: CrossProducts | None = None
    for piece in pieces(batches, layout, tally, order):
        part = _products(piece, units)
        if (
            total is not None and layout.group
        ):  # groups are met one after another: sums so far have none of the new
            total = replace(total, groups=part.groups)
        total = part if total is None else total + part
    if total is None:
        raise UsageError("the source has no rows")
    if layout.group and groups is None:
        total = _sorted_groups(total)
    return Summed(total, tally.rows, dict(tally.dropped))


def _products(piece: Piece, units: Sequence[str]) -> CrossProducts:
    try:
        return cross_products(piece.wide, units=units)
    except UsageError:
        # Once more with labels, so that the message names whom it is about.
        return cross_products(replace(piece.wide, subjects=piece.labels()), units=units)


def _sorted_groups(products: CrossProducts) -> CrossProducts:
    """Groups in the order of their names, so that the order of rows does not show."""
    names = sorted(products.groups)
    group = np.array([names.index(g) for g in products.groups], dtype=np.intp)[products.group]
    at = np.lexsort((pattern_codes(products.observed, None), group))
    moved = {name: getattr(products, name)[at] for name in ("observed", "n", "uu", "uy", "yy")}
    logs = None if products.log_weights is None else products.log_weights[at]
    return replace(products, groups=tuple(names), group=group[at], log_weights=logs, **moved)


def _entries(
    covariates: Covariates, time_varying: Sequence[str], visits: tuple[str, ...]
) -> tuple[Entry, ...]:
    given: Mapping[str, str | tuple[str, Any]]
    given = covariates if isinstance(covariates, Mapping) else {name: name for name in covariates}
    if len(given) < len(covariates) or isinstance(covariates, str):
        raise UsageError(f"covariates {covariates!r}; expected a list of distinct names, or a mapping")
    entries = []
    for name, where in given.items():
        if name == CONSTANT:
            continue
        column, _, at = name.rpartition("@")
        if isinstance(where, tuple):
            entries.append(Entry(name, where[0], level=where[1]))
        elif column and at in visits:
            entries.append(Entry(name, column if where == name else where, visit=visits.index(at)))
        else:
            entries.append(Entry(name, where))
    entries += [Entry(f"{name}@{v}", name, visit=j) for name in time_varying for j, v in enumerate(visits)]
    if len({entry.name for entry in entries}) < len(entries):
        raise UsageError(f"covariates {[entry.name for entry in entries]} are not distinct; give each once")
    return tuple(entries)


@dataclass(frozen=True, eq=False)
class _Table:
    """A source that can be read again and again.

    Attributes:
        what: it is, in messages.
        todo: what to do when rows of a subject are scattered.
        batches: given columns, its rows in their order.
        ordered: the same with the rows of a subject together; None when only an engine that was not asked for can.
    """

    what: str
    todo: str
    batches: Callable[[list[str]], Iterator[pl.DataFrame]]
    ordered: Callable[[list[str]], Iterator[pl.DataFrame]] | None = None


def _table(source: Any, layout: Layout, engine: Engine | None, memory_limit: str) -> _Table:
    import polars as pl

    if isinstance(source, str | Path) or _is_paths(source):
        return _parquet(source, layout, engine, memory_limit)
    if type(source).__name__ == "DuckDBPyRelation":
        if engine == "arrow":
            raise UsageError('engine "arrow" reads Parquet files; a relation is read by DuckDB')
        return _relation(source, layout, engine)
    if engine is not None:
        raise UsageError(
            f"engine {engine!r} is for Parquet files and DuckDB relations, not a {type(source).__name__}"
        )
    if isinstance(source, pl.LazyFrame):
        check_columns(source.collect_schema().names(), layout.columns)
        return _Table(
            "the LazyFrame",
            f'sort it ({layout.subject!r}), or write it to Parquet and read that with engine="duckdb"',
            lambda columns: source.select(columns).collect_batches(chunk_size=ROWS, maintain_order=True),
        )
    frame = _frame(source, layout)
    return _Table(
        "the table",
        "sort it",
        lambda columns: frame.select(columns).iter_slices(ROWS),
        lambda columns: frame.select(columns).sort(layout.subject, maintain_order=True).iter_slices(ROWS),
    )


def _frame(source: Any, layout: Layout) -> pl.DataFrame:
    """A table in memory as a Polars frame of the columns that are needed."""
    import polars as pl

    if isinstance(source, pl.DataFrame):
        check_columns(source.columns, layout.columns)
        return source
    if isinstance(source, Mapping):
        check_columns(list(source), layout.columns)
        arrays = {name: np.asarray(source[name]) for name in layout.columns}
        shapes = {name: array.shape for name, array in arrays.items()}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise UsageError(f"arrays have shapes {shapes}; expected one value a row in each")
        return pl.DataFrame(arrays)
    if type(source).__module__.startswith("pyarrow") and hasattr(source, "column_names"):
        check_columns(source.column_names, layout.columns)
        return _from_arrow(source.select(layout.columns))
    if type(source).__module__.startswith("pandas"):
        check_columns([str(c) for c in source.columns], layout.columns)
        converted: pl.DataFrame = pl.from_pandas(source[layout.columns], nan_to_null=True)
        return converted
    raise UsageError(
        f"source is a {type(source).__name__}; expected a Polars or pandas frame, an Arrow table, a mapping of arrays, "
        "a Parquet file or several, or a DuckDB relation"
    )


def _from_arrow(table: Any) -> pl.DataFrame:
    """An Arrow table or batch as a Polars frame, without a copy of its numbers."""
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _is_paths(source: Any) -> bool:
    return isinstance(source, Sequence) and all(isinstance(p, str | Path) for p in source)


def _parquet(source: Any, layout: Layout, engine: Engine | None, memory_limit: str) -> _Table:
    paths = _files([source] if isinstance(source, str | Path) else source)
    what = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    if engine == "duckdb":
        return _Table(
            what, "", lambda columns: _sorted_by_duckdb(paths, columns, layout.subject, memory_limit)
        )
    for path in paths:
        check_columns(_opened(path).schema_arrow.names, layout.columns)
    return _Table(
        what,
        'sort the rows by subject, or let DuckDB do it: engine="duckdb" (pip install "armwise[duckdb]")',
        lambda columns: _by_arrow(paths, columns, layout.visit),
    )


def _files(given: Sequence[str | Path]) -> list[Path]:
    """The files of folders, in the order of their names, and those named, in the order given."""
    paths: list[Path] = []
    for path in map(Path, given):
        paths += sorted(filter(partial(_is_part, path), path.rglob("*.parquet"))) if path.is_dir() else [path]
    missing = [str(path) for path in paths if not path.exists()]
    if missing or not paths:
        raise FileError(
            f"{', '.join(missing) or ', '.join(map(str, given)) or 'source'}: no Parquet file there"
        )
    return paths


def _is_part(folder: Path, path: Path) -> bool:
    """Whether a file of a folder is data: what begins with a dot or an underscore is an engine's own."""
    return not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _opened(path: Path, **options: Any) -> Any:
    try:
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]
        from pyarrow import ArrowException
    except ImportError as error:
        raise UsageError(
            'reading Parquet in batches needs pyarrow: pip install "armwise[parquet]"'
        ) from error
    try:
        return parquet.ParquetFile(path, **options)
    except (OSError, ArrowException) as error:
        raise FileError(f"{path}: not readable as Parquet: {str(error).splitlines()[0]}") from error


def _by_arrow(paths: Sequence[Path], columns: list[str], visit: str) -> Iterator[pl.DataFrame]:
    for path in paths:
        # Visits stay the codes that Parquet stores; without read-ahead a row group is not held as bytes besides.
        with _opened(path, read_dictionary=[visit], pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=columns):
                yield _from_arrow(batch)


def _sorted_by_duckdb(
    paths: Sequence[Path], columns: list[str], subject: str, memory_limit: str
) -> Iterator[pl.DataFrame]:
    from tempfile import TemporaryDirectory

    duckdb = _duckdb()
    # What does not fit memory is patients' rows: they go to a folder of their own, which is removed.
    with TemporaryDirectory(prefix="armwise-") as folder, duckdb.connect() as connection:
        try:
            connection.execute("SET memory_limit = ?", [memory_limit])
        except duckdb.Error as error:
            raise UsageError(f'memory_limit {memory_limit!r}; expected a size, such as "1GB"') from error
        connection.execute("SET temp_directory = ?", [folder])
        connection.execute("SET threads = ?", [min(os.cpu_count() or 1, MOST_THREADS)])
        try:
            table = connection.read_parquet([str(path) for path in paths])
            check_columns(table.columns, columns)
            yield from _read_relation(table, columns, subject)
        except (duckdb.Error, OSError, ValueError) as error:  # the last two by Arrow, in the middle of a read
            what = str(error).splitlines()[0]
            if "Out of Memory" in what:
                raise UsageError(
                    f"DuckDB cannot sort {paths[0]} within memory_limit {memory_limit!r}; allow it more"
                ) from error
            raise FileError(f"{paths[0]}: DuckDB stopped: {what}") from error


def _relation(source: Any, layout: Layout, engine: Engine | None) -> _Table:
    check_columns(source.columns, layout.columns)
    by = layout.subject if engine == "duckdb" else None
    return _Table(
        "the relation",
        f'order it by {layout.subject!r}, or let DuckDB do it: engine="duckdb"',
        lambda columns: _read_relation(source, columns, by),
    )


def _read_relation(relation: Any, columns: list[str], order_by: str | None) -> Iterator[pl.DataFrame]:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    chosen = relation.project(", ".join(map(quoted, columns)))
    if order_by is not None:
        chosen = chosen.order(quoted(order_by))
    reader = chosen.to_arrow_reader if hasattr(chosen, "to_arrow_reader") else chosen.fetch_arrow_reader
    for batch in reader(ROWS):
        yield _from_arrow(batch)


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise UsageError('sorting Parquet files needs DuckDB: pip install "armwise[duckdb]"') from error
    return duckdb


def _named(table: _Table, subject: str, key: int) -> str:
    """The subject whose label has this hash: the pass kept nothing else of it."""
    for batch in table.batches([subject]):
        unique = plain(batch[subject]).unique()
        found = np.flatnonzero(keys_of(unique) == np.uint64(key))
        if len(found):
            return text(unique[int(found[0])])
    return "(unknown)"

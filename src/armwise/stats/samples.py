"""Samples as arrays, checked: what goes into a statistic is finite, one-dimensional and counted.

Array functions refuse missing values, because dropping them is a decision that must be counted somewhere;
functions that take a frame drop them and say how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]


def sample(x: ArrayLike, name: str) -> Floats:
    """A sample as a one-dimensional float array.

    Raises:
        UsageError: not one-dimensional, not numeric, or with missing or infinite values.
    """
    try:
        values = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is not numeric ({error}); pass an array of numbers") from None
    if values.ndim != 1:
        raise UsageError(f"{name} has shape {values.shape}; expected one dimension, one value a subject")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise UsageError(
            f"{name} holds {bad} missing or infinite values among {values.size}; "
            "drop them first (and count them)"
        )
    return values


def flags(x: ArrayLike, name: str) -> Bools:
    """A yes or no a subject (booleans or 0 and 1) as a boolean array.

    Raises:
        UsageError: values other than booleans, 0 and 1.
    """
    values = np.asarray(x)
    if values.dtype == np.bool_ and values.ndim == 1:
        return values
    numbers = sample(values, name)
    if not np.all((numbers == 0) | (numbers == 1)):
        found = sorted({float(v) for v in numbers if v not in (0, 1)})[:3]
        raise UsageError(f"{name} holds {found}; expected only 0 and 1 (or booleans)")
    return np.asarray(numbers == 1)


def same_length(arrays: Mapping[str, NDArray[Any]]) -> int:
    """The common length of the arrays.

    Raises:
        UsageError: lengths differ; the message names each.
    """
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"lengths differ: {lengths}; each needs one value a subject, in the same order")
    return next(iter(lengths.values()))


def check_counts(x: int, n: int) -> None:
    """Refuse counts that are not whole or that no group of subjects can have.

    Raises:
        UsageError: not whole, or events outside 0 to the number of subjects.
    """
    for name, value in (("events", x), ("subjects", n)):
        if int(value) != value:
            raise UsageError(f"{name} is {value!r}; counts are whole numbers (to shares, use `mover`)")
    if not 0 <= x <= n:
        raise UsageError(f"{x} events of {n} subjects; events must lie between 0 and the number of subjects")


def is_numeric(values: NDArray[Any]) -> bool:
    """Whether an array holds numbers (booleans are categories here, as R treats them)."""
    return bool(np.issubdtype(values.dtype, np.number))


def labels(x: ArrayLike, name: str) -> Objects:
    """Categories (arms, sites) as an array of text; whole numbers lose their decimal point.

    Raises:
        UsageError: not one-dimensional, or with missing values.
    """
    raw = np.asarray(x)
    if raw.ndim != 1:
        raise UsageError(f"{name} has shape {raw.shape}; expected one dimension, one label a subject")
    items = raw.tolist()
    missing = sum(1 for v in items if v is None or v != v)
    if missing:
        raise UsageError(
            f"{name} holds {missing} missing values among {len(items)}; drop them first (and count them)"
        )
    text = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in items]
    out = np.empty(len(text), dtype=np.object_)
    out[:] = text
    return out


def frame_columns(frame: IntoFrame, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of a frame as arrays: numbers as floats with NaN for missing, the rest as objects with None.

    Raises:
        UsageError: a column that the frame does not have, or a frame that Narwhals does not know.
    """
    import narwhals as nw

    try:
        native = nw.from_native(frame)
    except TypeError:
        raise UsageError(
            f"expected a data frame (pandas, Polars, PyArrow), found {type(frame).__name__}"
        ) from None
    table = native.collect() if isinstance(native, nw.LazyFrame) else native
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise UsageError(f"the frame has no column {absent}; it has {table.columns}")
    return {name: _column(table[name]) for name in names}


def _column(series: Any) -> NDArray[Any]:
    """One Narwhals series as an array."""
    # engines say missing in several words (None, NA, NaN): Narwhals knows which is meant
    items = zip(series.to_list(), series.is_null().to_list(), strict=True)
    if series.dtype.is_numeric():
        return np.asarray([np.nan if null else float(v) for v, null in items], dtype=np.float64)
    out = np.empty(len(series), dtype=np.object_)
    out[:] = [None if null else v for v, null in items]
    return out


def complete_rows(columns: Mapping[str, NDArray[Any]]) -> Bools:
    """Which rows have a value in every column (NaN and None are missing)."""
    length = len(next(iter(columns.values())))
    complete = np.ones(length, dtype=np.bool_)
    for values in columns.values():
        if is_numeric(values):
            complete &= np.isfinite(values)
        else:
            complete &= np.asarray([v is not None for v in values.tolist()], dtype=np.bool_)
    return complete

"""Value sets: tables that give every health state its index, one column a set."""

from __future__ import annotations

import csv
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from armwise.errors import FileError, InstrumentError

SHIPPED = Path(__file__).parent / "value_sets"


def path_of(file: str, definition: str) -> Path:
    """A value set's file: beside the definition that names it, or among those that ship."""
    beside = Path(definition).parent / file
    return beside if beside.is_file() else SHIPPED / file


def _table(path: Path) -> dict[str, dict[str, str]]:
    """Column -> state -> index, as text, so that nothing is rounded by reading."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise _unreadable(path, error) from error
    return _read(path, changed)


def _unreadable(path: Path, error: OSError) -> FileError:
    return FileError(f"{path}: the value set cannot be read ({error.strerror}); put the file there")


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> dict[str, dict[str, str]]:
    """Read one file; `changed` makes an edited file a new one."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise _unreadable(path, error) from error
    if not rows or "state" not in rows[0]:
        raise InstrumentError(f"{path}: found no column `state`; expected `state` and one column a set")
    return {name: {row["state"]: row[name] for row in rows} for name in rows[0] if name != "state"}


def columns(file: str, definition: str) -> tuple[str, ...]:
    """The sets that a file holds."""
    return tuple(_table(path_of(file, definition)))


def states(file: str, definition: str) -> frozenset[str]:
    """The states that a file gives an index to, such as 21221."""
    return frozenset(next(iter(_table(path_of(file, definition)).values())))


def values(file: str, definition: str, column: str, decimals: int | None) -> dict[int, float]:
    """State -> index, for one set.

    Args:
        file: the value set's file.
        definition: the definition that names it.
        column: the set.
        decimals: round each index to these (half away from zero); None keeps it as tabulated.

    Returns:
        A mapping of states, such as 21221, to index values.
    """
    table = _table(path_of(file, definition))[column]
    try:
        return {int(state): rounded(Decimal(value), decimals) for state, value in table.items()}
    except (ValueError, InvalidOperation) as error:
        raise InstrumentError(
            f"{file} ({column}): a state or an index is no number; correct the table"
        ) from error


def rounded(value: Decimal, decimals: int | None) -> float:
    """A decimal number as a float, rounded half away from zero where decimals are given."""
    if decimals is None:
        return float(value)
    return float(value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))

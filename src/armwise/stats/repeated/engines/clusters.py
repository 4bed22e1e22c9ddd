"""Whether every subject's rows stand together in a source that is read once and is larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

#: Subjects whose labels are not in order are told apart by 8 bytes each; sorting those takes as much again, twice.
MOST_UNSORTED = 50_000_000
#: The first check for a subject that comes back, in subjects; the next ones at twice as many each.
FIRST_CHECK = 1 << 20


class OutOfOrderError(UsageError):
    """Labels do not ascend, so that only their hashes can tell whether a subject comes back."""


class ScatteredError(UsageError):
    """A subject's rows stand in two places.

    Attributes:
        key: hash of the subject's label.
    """

    def __init__(self, key: int) -> None:
        self.key = key
        super().__init__("a subject's rows do not stand together")


class Order:
    """Watches that no subject comes back after its rows ended.

    While labels ascend nothing needs to be remembered. Otherwise each subject leaves 64 bits (a whole number itself, a
    hash of anything else). Two labels with one hash would be refused, about once in a million passes over ten million
    subjects; rows of a subject in two places are never let through.
    """

    def __init__(self, remember: bool) -> None:
        self.kind = ""
        self.last: Any = None
        self.keys: list[NDArray[np.uint64]] | None = [] if remember else None
        self.total = 0
        self.next_check = FIRST_CHECK

    def follow(self, labels: pl.Series) -> None:
        """The labels of subjects whose rows begin now.

        Raises:
            OutOfOrderError: nothing is remembered, and they do not ascend.
            ScatteredError: one was there before.
            UsageError: too many to remember; labels of another type than before, which never equal those.
        """
        kind = "whole numbers" if _whole(labels) else str(labels.dtype)
        if self.kind not in ("", kind):
            raise UsageError(
                f"{labels.name!r} holds {self.kind} in one part of the source and {kind} in another, so that a "
                "subject's rows could not be known to be one subject's; write it in one type"
            )
        self.kind = kind
        if not len(labels):
            return
        if self.keys is None:
            if not _ascends(labels, self.last):
                raise OutOfOrderError("labels do not ascend")
            self.last = labels[-1]
            return
        self.keys.append(keys_of(labels))
        self.total += len(labels)
        if self.total > MOST_UNSORTED:
            raise UsageError(
                f"more than {MOST_UNSORTED:,} subjects whose labels are not in order: whether their rows stand "
                'together cannot be held in memory; sort the rows by subject (engine="duckdb" does for Parquet files)'
            )
        if self.total >= self.next_check:
            self.check()
            self.next_check = 2 * self.total

    def check(self) -> None:
        """Looks for a subject that came back among those remembered.

        Raises:
            ScatteredError: there is one.
        """
        if not self.keys:
            return
        keys = np.sort(np.concatenate(self.keys))
        twice = keys[1:][keys[1:] == keys[:-1]]
        if len(twice):
            raise ScatteredError(self._first_back(twice))

    def _first_back(self, twice: NDArray[np.uint64]) -> int:
        """Of the keys that are there twice, the one whose second time comes first."""
        assert self.keys
        seen: set[int] = set()
        for keys in self.keys:
            for key in keys[np.isin(keys, twice)].tolist():
                if key in seen:
                    return int(key)
                seen.add(key)
        raise AssertionError("no key is there twice")


def keys_of(labels: pl.Series) -> NDArray[np.uint64]:
    """64 bits for each label: a whole number itself, a hash of anything else."""
    import polars as pl

    if _whole(labels):
        return labels.cast(pl.Int64).to_numpy().view(np.uint64)
    return labels.hash().to_numpy()


def _whole(labels: pl.Series) -> bool:
    """Whether they are whole numbers of 64 bits or fewer."""
    import polars as pl

    return bool(labels.dtype.is_integer() and labels.dtype not in (pl.UInt64, pl.Int128))


def _ascends(labels: pl.Series, last: Any) -> bool:
    return bool((last is None or last < labels[0]) and labels.is_sorted())

"""The names that assumptions may use, and what to say of one that is not among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from armwise.protocol.model import Protocol
from armwise.yaml_lines import KeyPath, nearest

#: where, what is wrong, what to do.
Finding = tuple[KeyPath, str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """The names that assumptions may use."""

    protocol: Protocol
    arms: tuple[str, ...]
    later: tuple[str, ...]
    scores: tuple[str, ...]
    #: covariates, and `covariate.category`, as effects name them.
    covariates: tuple[str, ...]
    #: sections of the file -> their entries, those that could not be read included.
    entries: Mapping[str, tuple[str, ...]]

    @property
    def effects(self) -> tuple[str, ...]:
        """What an effect may be of: a covariate, or a score at baseline."""
        return (*self.covariates, *self.entries["outcomes"])


def effect_names(covariates: Mapping[str, Any]) -> Iterator[str]:
    """What effects may be of, from the covariates as they stand in the file."""
    for name, block in covariates.items():
        shares = block.get("shares") if isinstance(block, dict) else None
        if isinstance(shares, dict):
            yield from (f"{name}.{category}" for category in shares)
        else:
            yield name


def unknown(what: str, given: Iterable[str], known: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    """A finding for each name that is not known, with the nearest one that is."""
    names = list(known)
    for name in given:
        if name not in names:
            yield (*path, name), f"unknown {what} `{name}`", nearest(name, names)


def lacking(what: str, given: Iterable[str], needed: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    """A finding when a needed name is not there."""
    absent = [name for name in needed if name not in set(given)]
    if absent:
        yield path, f"nothing for {what} {', '.join(absent)}", "say it for each of them"

"""Many sites: compared within site, and what one site does to the answer.

A site that treated one arm only says nothing on the difference: with the site in the models its subjects
are separated. They are counted and left out, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.samples import Bools, flags, labels, same_length

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of a study and what they can be compared on.

    Attributes:
        names: sites, sorted.
        n_arm, n_versus: subjects of each arm, one a site.
        one_armed: sites with one arm only: they carry no comparison.
        compared: who is in a site with both arms, shape (n,).
    """

    names: tuple[str, ...]
    n_arm: tuple[int, ...]
    n_versus: tuple[int, ...]
    one_armed: tuple[str, ...]
    compared: Bools


def sites_of(site: ArrayLike, treated: ArrayLike) -> Sites:
    """Count the arms in each site, and find the sites that carry no comparison.

    Parameters:
        site: site of each subject, shape (n,), none missing.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).

    Returns:
        A Sites.

    Raises:
        UsageError: missing values, or lengths that differ.

    >>> sites_of(["a", "a", "b"], [1, 0, 1]).one_armed
    ('b',)
    """
    where, z = labels(site, "site"), flags(treated, "treated")
    same_length({"site": where, "treated": z})
    names = tuple(sorted(set(where.tolist())))
    n_arm = tuple(int(np.count_nonzero((where == name) & z)) for name in names)
    n_versus = tuple(int(np.count_nonzero((where == name) & ~z)) for name in names)
    one_armed = tuple(name for name, n1, n0 in zip(names, n_arm, n_versus, strict=True) if n1 == 0 or n0 == 0)
    compared = np.asarray([name not in one_armed for name in where.tolist()], dtype=np.bool_)
    return Sites(names, n_arm, n_versus, one_armed, compared)


def leave_one_site_out(
    site: ArrayLike, estimate: Callable[[Bools], T], among: Bools | None = None
) -> Mapping[str, T]:
    """An estimate without each site in turn.

    Parameters:
        site: site of each subject, shape (n,), none missing.
        estimate: makes the estimate from the subjects that a mask keeps, shape (n,).
        among: the subjects compared at all (see `Sites.compared`); None for all.

    Returns:
        Site -> the estimate without it, sites sorted.

    Raises:
        UsageError: missing values, lengths that differ, fewer than two sites.
    """
    where = labels(site, "site")
    use = np.ones(len(where), dtype=np.bool_) if among is None else flags(among, "among")
    same_length({"site": where, "among": use})
    names = sorted(set(where[use].tolist()))
    if len(names) < 2:
        raise UsageError(f"there is {len(names)} site to compare in; leaving one out needs two at least")
    return {name: estimate(use & (where != name)) for name in names}

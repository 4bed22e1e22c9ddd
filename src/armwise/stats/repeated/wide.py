"""Repeated measures with one row a subject: outcomes by visit and the covariates that the model needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wide:
    """The data of a model for repeated measures, one row a subject.

    Attributes:
        visits: names of the m visits.
        covariates: names of the d covariates; the first is `1`.
        y: outcomes, shape (N, m); NaN where a visit was not observed.
        u: covariates, shape (N, d), finite; the first column is 1. An entry that belongs to one visit only (a
            covariate that changes over time) is 0 where that visit was not observed.
        group: each subject's covariance group, shape (N,), codes into `groups`; None when there is one.
        groups: names of the groups.
        weights: precision weights, shape (N, m), positive where y is observed; None when all are 1. The variance
            of an outcome is its visit's variance divided by its weight.
        subjects: labels, shape (N,), used in messages and predictions only; None when there are none.
        dropped: rows of the table that it was made from and that were left out, by the column that they lacked.
    """

    visits: tuple[str, ...]
    covariates: tuple[str, ...]
    y: Floats
    u: Floats
    group: NDArray[np.intp] | None = None
    groups: tuple[str, ...] = ("",)
    weights: Floats | None = None
    subjects: NDArray[Any] | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, m, d = len(self.y), len(self.visits), len(self.covariates)
        for name, found, expected in (
            ("y", self.y.shape, (n, m)),
            ("u", self.u.shape, (n, d)),
            ("group", self.group.shape if self.group is not None else None, (n,)),
            ("weights", self.weights.shape if self.weights is not None else None, (n, m)),
            ("subjects", self.subjects.shape if self.subjects is not None else None, (n,)),
        ):
            if found is not None and found != expected:
                raise UsageError(f"{name} has shape {found}; expected {expected}")
        if self.group is not None and n and not 0 <= self.group.min() <= self.group.max() < len(self.groups):
            raise UsageError(
                f"group holds codes {self.group.min()} to {self.group.max()}; expected 0 to {len(self.groups) - 1}"
            )

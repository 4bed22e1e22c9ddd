"""Everyone in the study, as the drawing of a form needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.protocol.model import Form, Protocol
from armwise.simulate.attendance import Attendance
from armwise.simulate.people import People


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Everyone in the study: numbers, arms, covariates, dates."""

    protocol: Protocol
    subject: NDArray[np.str_]
    arms: tuple[str, ...]
    people: People
    attendance: Attendance

    def among(self, form: Form) -> NDArray[np.bool_]:
        """Whether the form is planned for each patient's arm."""
        wanted = [a for a, arm in enumerate(self.arms) if form.arms is None or arm in form.arms]
        return np.isin(self.people.arm, wanted)

    def visits(self, form: Form) -> list[int]:
        """The visits at which the form is planned, as columns of the attendance."""
        names = list(self.protocol.visits)
        if form.at == "none":
            return []
        return [names.index(v) for v in (names if form.at == "all" else form.at)]

    def by_arm(self, values: dict[str, float], default: float = 0.0) -> NDArray[np.float64]:
        """Each patient's number, from numbers by arm."""
        return np.array([values.get(arm, default) for arm in self.arms])[self.people.arm]


def number_column(values: NDArray[np.float64], decimals: int) -> pl.Series:
    """Rounded numbers; whole ones as integers."""
    rounded = np.round(values, decimals)
    return pl.Series(rounded.astype(np.int64) if decimals == 0 else rounded)

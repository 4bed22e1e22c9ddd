"""Limits and steps of imputed values: a score stays within its range and on its grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Limits:
    """The range and step of each variable.

    Attributes:
        names: of the v variables.
        low, high: shape (v,), infinite where there is no limit.
        steps: variable -> step.
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    steps: Mapping[str, float]

    def applied(self, drawn: Floats, columns: NDArray[np.intp]) -> Floats:
        """Values (..., gaps) cut and rounded; `columns` says of which variable each is."""
        step = np.array([self.steps.get(n, 0.0) for n in self.names])[columns]
        low, high = self.low[columns], self.high[columns]
        start = np.where(np.isfinite(low), low, 0.0)
        whole = start + np.round((drawn - start) / np.where(step > 0, step, 1.0)) * step
        return np.clip(np.where(step > 0, whole, drawn), low, high)

    def outside(self, data: Floats) -> list[str]:
        """Observed values that the limits exclude, in words."""
        out = []
        for j, name in enumerate(self.names):
            beyond = (data[:, j] < self.low[j]) | (data[:, j] > self.high[j])
            if beyond.any():
                out.append(
                    f"{name}: {beyond.sum()} observed values lie outside its bounds {self.low[j]:g} to {self.high[j]:g}"
                )
        return out


def limits(
    names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]], grid: Mapping[str, float]
) -> Limits:
    """The limits, checked.

    Raises:
        UsageError: unknown names, bounds in the wrong order, a step that is not positive.
    """
    wrong = [f"{n!r} is no variable" for n in (*bounds, *grid) if n not in names]
    wrong += [f"bounds of {n} are {b}; expected low < high" for n, b in bounds.items() if not b[0] < b[1]]
    wrong += [f"grid of {n} is {g}; expected a step above 0" for n, g in grid.items() if not 0 < g < np.inf]
    if wrong:
        raise UsageError("bounds and grid: " + "; ".join(wrong))
    low = np.array([bounds.get(n, (-np.inf, np.inf))[0] for n in names], dtype=np.float64)
    high = np.array([bounds.get(n, (-np.inf, np.inf))[1] for n in names], dtype=np.float64)
    return Limits(names, low, high, dict(grid))

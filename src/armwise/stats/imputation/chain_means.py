"""Whether chained regressions have settled: means of the imputed values from cycle to cycle.

Chains of different imputations are independent, so that their common drift between two stretches of cycles has a
standard error that the chains themselves give. (R-hat compares chains with each other; that the chains agree while all
of them still move is what it does not see.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Fewest chains and cycles from which a drift is judged, and the size (in standard errors) that is reported.
FEWEST_CHAINS, FEWEST_CYCLES, LARGEST_DRIFT = 20, 4, 4.0


@dataclass(frozen=True, eq=False)
class ChainMeans:
    """Means of the imputed values of each variable, before rounding.

    Attributes:
        arms, names: of the g variables with gaps, one arm after the other; the arm is empty when there are none.
        means: shape (cycles, m, g).
    """

    arms: tuple[str, ...]
    names: tuple[str, ...]
    means: Floats

    @property
    def drift(self) -> Floats | None:
        """Shape (g,): mean change from the third to the last quarter of the cycles, in its standard errors.

        None with fewer than 4 cycles or 20 imputations.
        """
        cycles, m, _ = self.means.shape
        if cycles < FEWEST_CYCLES or m < FEWEST_CHAINS:
            return None
        half, three = cycles // 2, cycles - cycles // 4
        change = self.means[three:].mean(axis=0) - self.means[half:three].mean(axis=0)
        se = change.std(axis=0, ddof=1) / np.sqrt(m)
        return np.asarray(np.divide(change.mean(axis=0), se, out=np.zeros_like(se), where=se > 0))

    @property
    def notes(self) -> tuple[str, ...]:
        """Variables whose chains still move."""
        drift = self.drift
        if drift is None:
            return ()
        return tuple(
            f"{_place(self.arms[g])}{self.names[g]}: the chains still move after {len(self.means)} cycles (mean change "
            f"of the last quarter {drift[g]:.1f} standard errors); use more cycles"
            for g in np.flatnonzero(np.abs(drift) > LARGEST_DRIFT)
        )


def _place(arm: str) -> str:
    return f"arm {arm}, " if arm else ""

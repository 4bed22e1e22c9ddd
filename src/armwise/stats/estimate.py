"""One estimate with its interval: the value that every comparison in `armwise.stats` returns.

The policy on numbers, enforced when an `Estimate` is made:

- `status == "ok"` exactly when there is an estimate. "not estimable" (the data cannot say) and "failed"
  (the computation did not succeed) carry a `reason` and no estimate, no limits and no p.
- No NaN, ever. `math.inf` stands where infinity is the answer: a ratio over zero events, a limit that the
  data do not bound. `reason` then says so, although the status is "ok".
- Both limits are there or neither is (a standardised difference of a balance table has none).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from armwise.errors import UsageError

Status = Literal["ok", "not estimable", "failed"]

MEAN: Final = "mean"
MEAN_DIFFERENCE: Final = "mean difference"
LS_MEAN: Final = "ls mean"
SHIFT: Final = "shift"
RISK: Final = "risk"
RISK_DIFFERENCE: Final = "risk difference"
RISK_RATIO: Final = "risk ratio"
ODDS_RATIO: Final = "odds ratio"
HEDGES_G: Final = "hedges g"
STANDARDISED_DIFFERENCE: Final = "standardised difference"
VARIANCE_RATIO: Final = "variance ratio"
COEFFICIENT: Final = "coefficient"
SLOPE: Final = "slope"
CORRELATION: Final = "correlation"
FITTED_MEAN: Final = "fitted mean"
INTERACTION: Final = "interaction"
WIN_ODDS: Final = "win odds"

RATIOS: Final = frozenset({RISK_RATIO, ODDS_RATIO, VARIANCE_RATIO, WIN_ODDS})
"""Statistics whose value of no effect is 1; for all others it is 0."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimate: how much, how sure, from how many, by which method.

    Attributes:
        estimate: the point estimate in the unit of the data (risks as proportions, 0 to 1); None unless
            `status` is "ok".
        se: its standard error, None where the method has none.
        df: degrees of freedom of the t distribution used, None where none was.
        lower, upper: limits of the two-sided interval at `conf_level`; may be infinite.
        conf_level: 0.95 for 95 %.
        p: two-sided p by the same method as the interval, None where none is computed.
        n: subjects used; `n_arm` and `n_versus` in each arm, None where there are no two arms.
        method: the method in plain words ("Newcombe", "ANCOVA").
        statistic: what is estimated, one of the constants of this module.
        status: "ok", "not estimable" or "failed".
        reason: why not, or what a reader must know about an estimate that is "ok".
    """

    estimate: float | None
    se: float | None
    df: float | None
    lower: float | None
    upper: float | None
    conf_level: float
    p: float | None
    n: int
    n_arm: int | None
    n_versus: int | None
    method: str
    statistic: str
    status: Status = "ok"
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("estimate", "se", "df", "lower", "upper", "conf_level", "p"):
            value = getattr(self, name)
            if value is None:
                continue
            value = float(value)  # NumPy scalars become Python floats: they print and serialise as numbers
            if math.isnan(value):
                raise ValueError(f"{self.statistic} ({self.method}): {name} is NaN; an Estimate holds none")
            object.__setattr__(self, name, value)
        if (self.status == "ok") != (self.estimate is not None):
            raise ValueError(f"{self.statistic} ({self.method}): status {self.status!r}, {self.estimate!r}")
        if (self.lower is None) != (self.upper is None):
            raise ValueError(f"{self.statistic} ({self.method}): one limit without the other")

    @classmethod
    def not_estimable(
        cls,
        statistic: str,
        method: str,
        reason: str,
        *,
        conf_level: float = 0.95,
        n: int = 0,
        n_arm: int | None = None,
        n_versus: int | None = None,
        status: Status = "not estimable",
    ) -> Estimate:
        """An estimate that the data (or, with status "failed", the computation) cannot give, and why."""
        return cls(
            estimate=None, se=None, df=None, lower=None, upper=None, conf_level=conf_level, p=None,
            n=n, n_arm=n_arm, n_versus=n_versus, method=method, statistic=statistic,
            status=status, reason=reason,
        )  # fmt: skip

    @property
    def no_effect(self) -> float:
        """The value of no effect: 1 for ratios, 0 for everything else."""
        return 1.0 if self.statistic in RATIOS else 0.0

    @property
    def excludes_no_effect(self) -> bool:
        """Whether the interval lies wholly on one side of no effect (a limit on it does not exclude it)."""
        if self.lower is None or self.upper is None:
            return False
        return self.lower > self.no_effect or self.upper < self.no_effect


def check_conf_level(conf_level: float) -> float:
    """The confidence level, if it is one.

    Raises:
        UsageError: not strictly between 0 and 1 (95 was meant as 0.95).
    """
    if not 0 < conf_level < 1:
        raise UsageError(
            f"conf_level is {conf_level!r}; it must lie between 0 and 1: write 0.95 for a 95 % interval"
        )
    return float(conf_level)

"""Whether a covariance common to all arms may be trusted: not where arms differ in size and in SD.

In simulated studies with 25 treated (SD 11.5) and 55 controls (SD 7) the 95 % interval of a model of all visits with
one covariance holds the truth in 92 %, that of an analysis of covariance in 91 % (docs/calibration.md). A model in each
arm, or imputed scores with weights, keep the level: where the protocol declares such an analysis, the reason names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armwise.protocol.plan import DRAWN, WEIGHTED

if TYPE_CHECKING:
    from armwise.analysis.comparison import Comparison
    from armwise.analysis.repeated import Repeated

Floats = NDArray[np.float64]

#: How the reason of such a comparison begins.
UNLIKE = "arms unlike in size and in SD"
#: From these ratios on, larger to smaller: patients observed at the visit, and SDs of what the model leaves there.
SIZES, SDS = 1.5, 1.3
#: Below so many observed in an arm its SD says nothing.
LEAST = 5


def unlike_in_model(c: Comparison, model: Repeated, arm: str) -> str:
    """Why the interval of a model of all visits with one covariance is too narrow or too wide, and what leads then.

    Args:
        c: the comparison, at its visit.
        model: its fit.
        arm: the arm that is compared with the reference.

    Returns:
        A reason that begins with `UNLIKE`; empty where the arms are like each other, or nothing was fitted.
    """
    fit = model.fit.model
    if fit is None or c.visit not in model.seen:
        return ""
    from armwise.stats.repeated.residuals import residuals

    left = residuals(fit)[:, model.seen.index(c.visit)]
    pair = [left[model.of_arm(a) & ~np.isnan(left)] for a in (arm, c.reference)]
    return _verdict(c, (arm, c.reference), pair, "covariance")


def unlike_in_regression(c: Comparison, residuals: Floats, arm: str) -> str:
    """The same of an analysis of covariance, whose residual variance is one for all arms.

    Args:
        c: the comparison; those of its `frame` are analysed.
        residuals: of the model, in the order of the frame, shape (n,).
        arm: the arm that is compared with the reference.
    """
    arms = c.frame["arm"].to_numpy()
    return _verdict(
        c, (arm, c.reference), [residuals[arms == a] for a in (arm, c.reference)], "residual variance"
    )


def _verdict(c: Comparison, arms: tuple[str, str], left: Sequence[Floats], common: str) -> str:
    """The reason, from what the model leaves of both arms' outcomes."""
    sizes = [len(e) for e in left]
    if min(sizes) < LEAST:
        return ""
    sds = [float(e.std(ddof=1)) for e in left]
    if max(sizes) < SIZES * min(sizes) or min(sds) <= 0 or max(sds) < SDS * min(sds):
        return ""
    narrow = (sizes[0] < sizes[1]) == (sds[0] > sds[1])
    whose = ", ".join(
        f"{c.protocol.arms[a].label}: {n} observed, SD {sd:.3g}"
        for a, n, sd in zip(arms, sizes, sds, strict=True)
    )
    return (
        f"{UNLIKE} ({whose}): one {common} for all arms makes the interval too {'narrow' if narrow else 'wide'};"
        f" {_leads(c)}"
    )


def verdict_in(reason: str | None) -> str:
    """The part of a row's reason that says so; empty where there is none."""
    return f"{UNLIKE}{rest}" if (rest := (reason or "").partition(UNLIKE)[2]) else ""


def _leads(c: Comparison) -> str:
    """The analysis beside this one that keeps its level there, one of the same patients first; else what to declare."""
    beside = {
        name: other
        for name, other in c.protocol.analyses.items()
        if (other.supports == c.name or c.analysis.supports == name)
        and other.endpoint == c.analysis.endpoint
        and c.visit in c.protocol.analysis_visits(other)
    }
    apart = [n for n, a in beside.items() if a.method == "mmrm" and a.models == "per-arm"]
    weighted = [n for n, a in beside.items() if a.missing in DRAWN and a.adjust in WEIGHTED]
    if c.about.get("subgroup") is not None or not (apart or weighted):
        return "a model in each arm (`models: per-arm`), or imputation and weights, would keep its level"
    name = (apart or weighted)[0]
    return f"“{beside[name].label or name}” ({'one model an arm' if apart else 'imputed and weighted'}) leads here"

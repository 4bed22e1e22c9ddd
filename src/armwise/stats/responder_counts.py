"""Responders by arm in a data frame, and each arm against the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from armwise.errors import UsageError
from armwise.stats.estimate import Estimate
from armwise.stats.proportions import RiskDifferenceMethod, risk_difference, wilson
from armwise.stats.samples import complete_rows, flags, frame_columns, labels

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@dataclass(frozen=True, slots=True)
class Responders:
    """Responders by arm, and each arm against the reference.

    Attributes:
        counts: arm -> (responders, subjects).
        risks: arm -> risk with Wilson's interval.
        differences: arm -> risk difference from the reference.
        reference: the arm that the others are compared with.
        n_missing: rows left out because response or arm is missing.
    """

    counts: Mapping[str, tuple[int, int]]
    risks: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    reference: str
    n_missing: int


def responders(
    frame: IntoFrame,
    *,
    response: str,
    arm: str,
    reference: str,
    method: RiskDifferenceMethod = "newcombe",
    conf_level: float = 0.95,
    null: float = 0.0,
) -> Responders:
    """Compare the arms' responders in a data frame.

    Parameters:
        frame: pandas or Polars (eager or lazy), one row a subject.
        response: column of booleans or of 0 and 1.
        arm: column of arm labels.
        reference: the label that the others are compared with.
        method, conf_level, null: as `risk_difference`.

    Returns:
        A Responders; rows with a missing response or arm are left out and counted in `n_missing`.

    Raises:
        UsageError: unknown columns, responses other than yes and no, reference not among the arms.
    """
    columns = frame_columns(frame, [response, arm])
    complete = complete_rows(columns)
    raw = columns[response][complete]
    yes = flags(raw.astype(np.float64) if _all_yes_no(raw) else raw, f"column {response}")
    arms = labels(columns[arm][complete], f"column {arm}")
    names = sorted(set(arms.tolist()))
    if str(reference) not in names:
        raise UsageError(f"the reference arm {reference!r} is not among the arms {names}; name one of them")
    ordered = [str(reference), *(name for name in names if name != str(reference))]
    counts = {
        name: (int(np.count_nonzero(yes & (arms == name))), int(np.count_nonzero(arms == name)))
        for name in ordered
    }
    versus = counts[str(reference)]
    return Responders(
        counts=counts,
        risks={name: wilson(*counts[name], conf_level) for name in ordered},
        differences={
            name: risk_difference(*counts[name], *versus, method, conf_level, null) for name in ordered[1:]
        },
        reference=str(reference),
        n_missing=int(np.count_nonzero(~complete)),
    )


def _all_yes_no(values: np.ndarray) -> bool:
    """Whether an object column holds Python booleans or 0 and 1 only (pandas' way to keep missing ones)."""
    return all(isinstance(v, (bool, np.bool_)) or v in (0, 1) for v in values.tolist())

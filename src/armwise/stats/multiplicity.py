"""Decisions about several hypotheses at once: Bonferroni, Holm, fixed sequence.

A hypothesis without a p (its estimate is not available) keeps its place: it counts as one of the
hypotheses, is not rejected, has no adjusted p, and its decision says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from armwise.errors import UsageError


@dataclass(frozen=True, slots=True)
class Decision:
    """What a procedure decided about one hypothesis.

    Attributes:
        p: the p that went in, None where there was none.
        adjusted_p: rejected at any familywise alpha of at least this; None where p is None.
        rejected: whether it is rejected at the familywise alpha.
        reason: what a reader must know (no p; an earlier hypothesis of the sequence was not rejected).
    """

    p: float | None
    adjusted_p: float | None
    rejected: bool
    reason: str = ""


NO_P = "no p: counted among the hypotheses, not rejected"


def bonferroni(p: Mapping[str, float | None], alpha: float = 0.05) -> dict[str, Decision]:
    """Bonferroni: each p times the number of hypotheses.

    Parameters:
        p: hypothesis -> two-sided p; None counts among the hypotheses and is not rejected.
        alpha: familywise error rate.

    Returns:
        hypothesis -> Decision, in the order given.

    Raises:
        UsageError: p or alpha outside 0 to 1.
    """
    _check(p, alpha)
    return {name: _decide(q, None if q is None else min(1.0, len(p) * q), alpha) for name, q in p.items()}


def holm(p: Mapping[str, float | None], alpha: float = 0.05) -> dict[str, Decision]:
    """Holm's step-down procedure; the missing p are taken as the largest.

    Parameters, Returns, Raises: as `bonferroni`.

    Source: Holm 1979, Scand J Stat 6:65.

    >>> {k: d.adjusted_p for k, d in holm({"odi": 0.01, "pain": 0.04, "eq5d": 0.03}).items()}
    {'odi': 0.03, 'pain': 0.06, 'eq5d': 0.06}
    """
    _check(p, alpha)
    known = sorted((q, name) for name, q in p.items() if q is not None)
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, (q, name) in enumerate(known):
        largest = max(largest, min(1.0, (len(p) - place) * q))
        adjusted[name] = largest
    return {name: _decide(q, adjusted.get(name), alpha) for name, q in p.items()}


def fixed_sequence(p: Mapping[str, float | None], alpha: float = 0.05) -> dict[str, Decision]:
    """Test one after the other in the order given, each at the full alpha, until one is not rejected.

    Parameters:
        p: hypothesis -> two-sided p, in the order of the protocol; None is not rejected and ends the
            sequence, and the decisions after it say which hypothesis ended it.
        alpha: familywise error rate.

    Returns:
        hypothesis -> Decision; the adjusted p is the largest p so far (1 after a missing one).

    Raises:
        UsageError: p or alpha outside 0 to 1.

    Source: Maurer, Hothorn and Lehmacher 1995; Westfall and Krishen 2001, J Stat Plan Inference 99:25.
    """
    _check(p, alpha)
    out: dict[str, Decision] = {}
    largest, stopped_by = 0.0, ""
    for name, q in p.items():
        if q is None:
            out[name] = Decision(None, None, False, "no p: not rejected, and it ends the sequence")
            largest, stopped_by = 1.0, stopped_by or name
            continue
        largest = max(largest, q)
        rejected = not stopped_by and largest <= alpha
        reason = f"the sequence ended at {stopped_by}" if stopped_by else ""
        out[name] = Decision(q, largest, rejected, reason)
        if not rejected and not stopped_by:
            stopped_by = name
    return out


def _decide(p: float | None, adjusted: float | None, alpha: float) -> Decision:
    if adjusted is None:
        return Decision(None, None, False, NO_P)
    return Decision(p, adjusted, adjusted <= alpha)


def _check(p: Mapping[str, float | None], alpha: float) -> None:
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it must lie between 0 and 1: write 0.05 for 5 %")
    for name, q in p.items():
        if q is not None and not 0 <= q <= 1:
            raise UsageError(f"p of {name} is {q!r}; a p lies between 0 and 1 (None when there is none)")

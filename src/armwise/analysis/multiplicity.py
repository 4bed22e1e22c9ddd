"""The families of the protocol: which p-values count, and what is left of them.

Families are tested in the order of the file; a later one is reached only when everything before it was rejected
(serial gatekeeping), so that its adjusted p is at least the largest before it: the smallest level at which everything
before it and the hypothesis itself would be rejected.
Source: Westfall and Krishen 2001, J Stat Plan Inference 99:25-40 (serial gatekeeping), Holm 1979.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from armwise.analysis.comparison import is_comparison
from armwise.analysis.results import Row, row
from armwise.protocol.model import Family, Protocol
from armwise.stats import Decision, fixed_sequence, holm


def in_families(protocol: Protocol) -> frozenset[str]:
    """The analyses that belong to a family: only they keep a p-value."""
    return frozenset(member for family in protocol.families.values() for member in family.of)


def is_tested(protocol: Protocol, name: str, visit: str | None) -> bool:
    """Whether the p of an analysis at a visit enters a family: its other visits have intervals alone."""
    if name not in in_families(protocol):
        return False
    tested_at = protocol.analyses[name].tested_at
    return tested_at is None or visit == tested_at


def multiplicity(protocol: Protocol, rows: Sequence[Row]) -> Iterator[Row]:
    """The adjusted p-values of the families, then how many comparisons the report makes in all.

    The p of an analysis with a margin is that of the margin: its hypothesis is inferiority, not no difference.
    """
    compared = [r for r in rows if is_comparison(protocol, r)]
    at_margin = {(r["analysis"], r["visit"], r["arm"]): r["p"] for r in rows if r["statistic"] == "margin"}
    gate = Gate()
    for name, family in protocol.families.items():
        members = [
            r
            for a in family.of
            for r in compared
            if r["analysis"] == a and not r["subgroup"] and is_tested(protocol, a, r["visit"])
        ]
        decisions = _decide(
            family, {r["id"]: at_margin.get((r["analysis"], r["visit"], r["arm"]), r["p"]) for r in members}
        )
        for r in members:
            yield _adjusted(r, name, family, decisions[r["id"]], gate)
        if family.order != "none":
            gate = gate.after(decisions.values())
    about = {"analysis": "multiplicity", "role": "descriptive", "unit": "comparisons"}
    yield row("comparisons", sum(r["lower"] is not None for r in compared), **about)
    yield row("tests", sum(r["p"] is not None for r in compared), **about)


@dataclass(frozen=True)
class Gate:
    """What the families before leave for the next one.

    Attributes:
        p: the largest adjusted p so far; 1 where a hypothesis had no p, for then no level would reject everything.
        open: whether everything so far was rejected.
    """

    p: float = 0.0
    open: bool = True

    def after(self, decisions: Collection[Decision]) -> Gate:
        """The gate behind one more family."""
        ps = (1.0 if d.adjusted_p is None else d.adjusted_p for d in decisions)
        return Gate(max([self.p, *ps]), self.open and all(d.rejected for d in decisions))


def _adjusted(r: Row, name: str, family: Family, decision: Decision, gate: Gate) -> Row:
    adjusted = None if decision.adjusted_p is None else max(decision.adjusted_p, gate.p)
    rejected = decision.rejected and gate.open
    why = decision.reason
    if decision.rejected and not rejected:
        why = "an earlier family was not rejected as a whole"
    about = {
        k: r[k] for k in ("analysis", "role", "planned", "endpoint", "visit", "arm", "versus", "label", "n")
    }
    return row(
        "adjusted p", None, p=adjusted, item=name, at=family.alpha, method=_method(family), **about,
        status="ok" if adjusted is not None else "not estimable",
        reason=("rejected" if rejected else "not rejected") + (f": {why}" if why else ""),
    )  # fmt: skip


def _method(family: Family) -> str:
    return {"single": "one test", "holm": "Holm", "fixed-sequence": "fixed sequence", "none": "not adjusted"}[
        family.order
    ]


def _decide(family: Family, p: dict[str, float | None]) -> dict[str, Decision]:
    if family.order == "holm":
        return holm(p, family.alpha)
    if family.order == "fixed-sequence":
        return fixed_sequence(p, family.alpha)
    return {
        name: Decision(value, value, value is not None and value <= family.alpha) for name, value in p.items()
    }

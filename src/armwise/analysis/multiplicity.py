"""The families of the protocol: which p-values count, and what is left of them.

Families are tested in the order of the file; a later one is reached only when everything before it was rejected
(serial gatekeeping), so that its adjusted p is at least the largest before it.
Source: Westfall and Krishen 2001, J Stat Plan Inference 99:25-40 (serial gatekeeping), Holm 1979.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from armwise.analysis.comparison import is_comparison
from armwise.analysis.results import Row, row
from armwise.protocol.model import Family, Protocol
from armwise.stats import Decision, fixed_sequence, holm


def in_families(protocol: Protocol) -> frozenset[str]:
    """The analyses that belong to a family: only they keep a p-value."""
    return frozenset(member for family in protocol.families.values() for member in family.of)


def multiplicity(protocol: Protocol, rows: Sequence[Row]) -> Iterator[Row]:
    """The adjusted p-values of the families, then how many comparisons the report makes in all.

    The p of an analysis with a margin is that of the margin: its hypothesis is inferiority, not no difference.
    """
    compared = [r for r in rows if is_comparison(protocol, r)]
    at_margin = {(r["analysis"], r["visit"], r["arm"]): r["p"] for r in rows if r["statistic"] == "margin"}
    gate = 0.0
    for name, family in protocol.families.items():
        members = [r for a in family.of for r in compared if r["analysis"] == a and not r["subgroup"]]
        decisions = _decide(
            family, {r["id"]: at_margin.get((r["analysis"], r["visit"], r["arm"]), r["p"]) for r in members}
        )
        for r in members:
            yield _adjusted(r, name, family, decisions[r["id"]], gate)
        if family.order != "none":
            gate = max([gate, *(_passed(decision) for decision in decisions.values())])
    about = {"analysis": "multiplicity", "role": "descriptive", "unit": "comparisons"}
    yield row("comparisons", sum(r["lower"] is not None for r in compared), **about)
    yield row("tests", sum(r["p"] is not None for r in compared), **about)


def _adjusted(r: Row, name: str, family: Family, decision: Decision, gate: float) -> Row:
    adjusted = None if decision.adjusted_p is None else max(decision.adjusted_p, gate)
    rejected = decision.rejected and adjusted is not None and adjusted <= family.alpha
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


def _passed(decision: Decision) -> float:
    """What a hypothesis leaves for the families after it: its adjusted p, or 1 when it was not rejected."""
    return decision.adjusted_p if decision.rejected and decision.adjusted_p is not None else 1.0


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

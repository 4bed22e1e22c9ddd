"""The families of the protocol: which p-values count, and what is left of them.

Families are tested in the order of the file; a later one is reached only when everything before it was rejected
(serial gatekeeping), so that its adjusted p is at least the largest before it.
Source: Westfall and Krishen 2001, J Stat Plan Inference 99:25-40 (serial gatekeeping), Holm 1979.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from armwise.analysis.results import Row, row
from armwise.protocol.model import Family, Protocol
from armwise.stats import Decision, fixed_sequence, holm


def tested(protocol: Protocol) -> frozenset[str]:
    """The analyses that belong to a family: only they keep a p-value."""
    return frozenset(member for family in protocol.families.values() for member in family.of)


def multiplicity(protocol: Protocol, rows: Sequence[Row]) -> Iterator[Row]:
    """The adjusted p-values of the families, then how many comparisons the report makes in all."""
    main = [r for r in rows if r["versus"] and r["statistic"] in COMPARISONS and not r["subgroup"]]
    gate = 0.0
    for name, family in protocol.families.items():
        members = [
            r for a in family.of for r in main if r["analysis"] == a and r["statistic"] == _own(protocol, a)
        ]
        decisions = _decide(family, {r["id"]: r["p"] for r in members})
        for r in members:
            decision = decisions[r["id"]]
            adjusted = None if decision.adjusted_p is None else max(decision.adjusted_p, gate)
            rejected = decision.rejected and adjusted is not None and adjusted <= family.alpha
            yield row(
                "adjusted p", None, p=adjusted, analysis=r["analysis"], role=r["role"], planned=r["planned"], endpoint=r["endpoint"],
                visit=r["visit"], arm=r["arm"], versus=r["versus"], item=name, method=_method(family), n=r["n"],
                label=r["label"], at=family.alpha,
                reason=("rejected" if rejected else "not rejected") + (f": {decision.reason}" if decision.reason else ""),
            )  # fmt: skip
        if family.order != "none":
            gate = max(
                [
                    gate,
                    *(
                        1.0 if d.adjusted_p is None or not d.rejected else d.adjusted_p
                        for d in decisions.values()
                    ),
                ]
            )
    compared = [r for r in main if not r["analysis"].endswith(".unadjusted")]
    about = {"analysis": "multiplicity", "role": "descriptive", "unit": "comparisons"}
    yield row("comparisons", len(compared), **about)
    yield row("tests", sum(r["p"] is not None for r in compared), **about)


#: Statistics of a comparison that carry an interval; companions of the same comparison (ratios beside a difference) are not counted twice.
COMPARISONS = ("risk difference", "mean difference", "shift", "risk ratio", "odds ratio")


def _own(protocol: Protocol, analysis: str) -> str:
    return {
        "ancova": "mean difference",
        "mean-difference": "mean difference",
        "mann-whitney": "shift",
        "risk-difference": "risk difference",
        "risk-ratio": "risk ratio",
        "odds-ratio": "odds ratio",
        "fisher-exact": "odds ratio",
    }[protocol.analyses[analysis].method]


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

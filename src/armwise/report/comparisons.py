"""Which rows answer which question: the comparisons of an analysis, and the counts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.report.words import LEADING, Words

COMPARISONS: Final = ("risk difference", "mean difference", "shift", "risk ratio", "odds ratio")


def primary_name(words: Words) -> str:
    """The name of the primary analysis (the first one, should the protocol declare several)."""
    analyses = words.protocol.analyses
    return next((name for name, a in analyses.items() if a.role == "primary"), next(iter(analyses)))


def analysis_of(words: Words, name: str) -> Analysis:
    """The declared analysis; the unadjusted companion of an analysis is declared by it."""
    return words.protocol.analyses[name.removesuffix(".unadjusted")]


def leading(results: Results, words: Words, name: str, visit: str | None = None) -> list[Row]:
    """The comparisons that an analysis leads with: one row an arm, in the protocol's order, at its last visit.

    Args:
        results: the results.
        words: the study's words.
        name: an analysis, or its `.unadjusted` companion.
        visit: one of its visits; by default the last.
    """
    declared = analysis_of(words, name)
    visit = visit or words.protocol.analysis_visits(declared)[-1]
    found = results.rows(analysis=name, visit=visit, statistic=LEADING[declared.method], subgroup=None)
    whole = [r for r in found if r["category"] is None or r["status"] != "ok"] or found
    return in_order(whole, words)


def in_order(rows: Sequence[Row], words: Words) -> list[Row]:
    """Rows by arm, in the protocol's order."""
    places = {arm: i for i, arm in enumerate(words.arms)}
    return sorted(rows, key=lambda r: places.get(r["arm"] or "", len(places)))


def answers(results: Results, words: Words, endpoint: str, visit: str) -> list[str]:
    """The analyses that compare an endpoint at a visit, the most important first; sensitivity analyses never lead."""
    order = ("primary", "key-secondary", "secondary", "exploratory")
    found = [
        (order.index(a.role), i, name)
        for i, (name, a) in enumerate(words.protocol.analyses.items())
        if a.endpoint == endpoint
        and a.role in order
        and visit in words.protocol.analysis_visits(a)
        and leading(results, words, name, visit)
    ]
    return [name for _, _, name in sorted(found)]


def described(results: Results, endpoint: str, visit: str, arm: str, statistic: str) -> Row | None:
    """One row of the description of an endpoint or score by visit and arm."""
    rows = results.rows(
        analysis="describe", endpoint=endpoint, visit=visit, arm=arm, statistic=statistic, subgroup=None
    )
    return rows[0] if rows else None


def flow(results: Results, category: str, arm: str | None = None, visit: str | None = None) -> Row | None:
    """One count of the participant flow (not the ones by reason)."""
    rows = results.rows(analysis="flow", category=category, arm=arm, item=None)
    rows = [r for r in rows if r["statistic"] == "count" and (visit is None or r["visit"] == visit)]
    return rows[0] if rows else None


def adjusted_p(results: Results, row: Row) -> Row | None:
    """The adjusted p-value that stands beside a comparison, where its analysis is in a family."""
    found = results.rows(analysis=row["analysis"], visit=row["visit"], arm=row["arm"], statistic="adjusted p")
    return found[0] if found else None


def margin(results: Results, row: Row) -> Row | None:
    """The verdict on the margin of a non-inferiority or equivalence analysis."""
    found = results.rows(analysis=row["analysis"], visit=row["visit"], arm=row["arm"], statistic="margin")
    return found[0] if found else None


def main_score(words: Words) -> str:
    """The score whose course is shown: the (first) score behind the primary endpoint."""
    return words.score_of(words.protocol.analyses[primary_name(words)].endpoint)


def change_endpoint(words: Words, score: str) -> str | None:
    """The endpoint that is the change (else the value) of a score, if the protocol has one."""
    kinds = {
        kind: name
        for name, e in reversed(words.protocol.endpoints.items())
        if e.score == score
        for kind in [e.kind]
    }
    return kinds.get("change") or kinds.get("value") or kinds.get("percent-change")

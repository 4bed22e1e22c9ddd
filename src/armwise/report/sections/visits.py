"""The other outcomes at every visit at which they are compared: the course that the last visit alone does not show."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import MIXED, level, row_decimals
from armwise.report.sections import responders
from armwise.report.tables import Column, Line, Table, Text
from armwise.report.words import Words, opening


def by_visit(results: Results, words: Words) -> Table | None:
    """The comparisons of each outcome by visit; None where none is compared at several visits.

    The main score, the responders and what one model of all visits compares have sections of their own, which show
    theirs.

    Args:
        results: the results.
        words: the study's words.
    """
    shown = {
        comparisons.change_endpoint(words.protocol, comparisons.main_score(words)),
        responders.endpoint_of(words),
    }
    endpoints = dict.fromkeys(a.endpoint for a in words.protocol.analyses.values())
    shown |= {e for e in endpoints if comparisons.one_model(results, e)}
    tables = {e: comparisons.differences(results, e) for e in endpoints if e not in shown}
    tables = {e: t for e, t in tables.items() if len({v for rows in t.values() for v in rows}) > 1}
    if not tables:
        return None
    found = [row for t in tables.values() for rows in t.values() for row in rows.values()]
    visits = [v for v in words.protocol.visits if any(r["visit"] == v for r in found)]
    ci = level(found)
    columns = (Column("Outcome", side="left"), *(Column(words.protocol.visit_label(v)) for v in visits))
    lines = tuple(
        _line(results, words, e, arm, t[arm], visits, ci == MIXED)
        for e, t in tables.items()
        for arm in words.treatments
    )
    what = "ratio" if all(comparisons.is_ratio(r) for r in found) else "difference"
    caption = text(
        "{what} ({ci}), treatment minus {reference}, by the analysis of each visit; the last one stands in the table"
        " above too. {chosen}"
        if what == "difference"
        else "{what} ({ci}), treatment against {reference}, by the analysis of each visit. {chosen}",
        what=opening(what),
        ci=ci,
        reference=words.arm(words.protocol.reference),
        chosen=words.allocation_note,
    )
    return Table("Other outcomes by visit.", columns, lines, caption)


def _line(
    results: Results,
    words: Words,
    endpoint: str,
    arm: str,
    rows: dict[str, dict[str, object]],
    visits: list[str],
    mixed: bool,
) -> Line:
    """One outcome and arm; all its visits with the decimals of the last one, which the table above shows."""
    last = next((rows[v] for v in reversed(visits) if comparisons.usable(rows.get(v))), None)
    digits = row_decimals(last) if last is not None else None
    cells: list[Text] = [
        cite.compared(rows.get(v), digits, note=True, level=mixed) if v in rows else Markup("")
        for v in visits
    ]
    arms = (
        f"{words.short(arm)} against {words.short(words.protocol.reference)}"
        if len(words.treatments) > 1
        else ""
    )
    declared = {comparisons.analysis_of(words.protocol, str(r["analysis"])).adjust for r in rows.values()}
    crude = "not adjusted" if declared == {"none"} else ""
    response = words.protocol.endpoints[endpoint].is_response
    scale = "" if response else words.score(words.score_of(endpoint)).direction
    small = "; ".join(s for s in (arms, scale, crude) if s)
    return Line(words.endpoint(endpoint), tuple(cells), small)

"""Other measures of the same comparisons: effect sizes, ratios, the number needed to treat, Fisher's exact method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import MIXED, level
from armwise.report.sections import responders
from armwise.report.tables import Column, Line, Table
from armwise.report.words import Words

#: The measures that may stand beside a comparison, in the order in which they are shown.
MEASURES: Final = {
    "hedges g": "Hedges g",
    "risk difference": "Risk difference",
    "risk ratio": "Risk ratio",
    "odds ratio": "Odds ratio",
    "number needed to treat": "Number needed to treat",
}


def other_measures(results: Results, words: Words, leading: Sequence[Row]) -> Table | None:
    """What the protocol asks for beside each comparison; None where it asks for nothing.

    The main responder endpoint has its own section, which shows its measures.

    Args:
        results: the results.
        words: the study's words.
        leading: the comparisons of the table of all outcomes.
    """
    main = responders.endpoint_of(words)
    found = [
        (row, beside)
        for row in leading
        if row["endpoint"] != main
        for beside in _beside(results, row)
        if comparisons.usable(beside)
    ]
    if not found:
        return None
    ci = level(beside for _, beside in found)
    columns = (
        Column("Outcome", side="left"),
        Column("Measure", side="left", wide=True),
        Column(f"Value ({ci})", wide=True),
    )
    lines = tuple(_line(words, row, beside, ci == MIXED) for row, beside in found)
    caption = text(
        "Of the same patients as above, treatment against {reference}. {chosen}",
        reference=words.arm(words.protocol.reference),
        chosen=words.allocation_note,
    )
    return Table("Other measures.", columns, lines, caption, compact=True)


def _beside(results: Results, leading: Row) -> Iterator[Row]:
    """The measures of the analysis and of its unadjusted companion, but for the comparison itself in either."""
    for name in (leading["analysis"], f"{leading['analysis']}{comparisons.UNADJUSTED}"):
        itself = {r["id"] for r in comparisons.leading(results, name, leading["visit"])}
        rows = results.rows(analysis=name, visit=leading["visit"], arm=leading["arm"], subgroup=None)
        for statistic in MEASURES:
            yield from (
                r for r in rows if r["statistic"] == statistic and r["versus"] and r["id"] not in itself
            )


def _line(words: Words, leading: Row, row: Row, mixed: bool) -> Line:
    crude = "unadjusted" if row["analysis"].endswith(comparisons.UNADJUSTED) else ""
    exact = "Fisher’s exact method" if (row["method"] or "").startswith("Fisher") else ""
    measure = ", ".join(s for s in (MEASURES[row["statistic"]], exact, crude) if s)
    value = (
        responders.needed(row)
        if row["statistic"] == "number needed to treat"
        else cite.with_limits(row, note=True, level=mixed)
    )
    arms = f"{words.short(row['arm'])} against {words.short(words.protocol.reference)}; "
    small = f"{arms if len(words.treatments) > 1 else ''}{words.visit(row['visit'])}"
    return Line(words.endpoint(leading["endpoint"]), (measure, value), small)

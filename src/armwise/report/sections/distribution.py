"""The cumulative distribution of change: every threshold at once."""

from __future__ import annotations

from armwise.analysis.results import Results
from armwise.report import comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.distribution import distribution
from armwise.report.page import Block, Section, figure
from armwise.report.tables import noted
from armwise.report.words import Words


def section(results: Results, words: Words) -> Section | None:
    """The change of the main score at the last visit; None without its curve."""
    score = comparisons.main_score(words)
    endpoint = next(
        (n for n, e in words.protocol.endpoints.items() if e.score == score and e.kind == "change"), None
    )
    rows = (
        results.rows(analysis="distribution", endpoint=endpoint, statistic="cumulative share")
        if endpoint
        else []
    )
    better = words.score(score).higher_is_better
    if endpoint is None or not rows or better is None:
        return None
    visits = [v for v in words.protocol.visits if any(r["visit"] == v for r in rows)]
    label, visit = words.score(score).label, visits[-1]
    drawing = figure(
        f"Change in {label} from baseline to {words.visit(visit)}.",
        text(
            "Share of patients with each change or a better one, observed cases. {chosen}",
            chosen=words.allocation_note,
        ),
        lambda width: distribution(
            results,
            endpoint,
            visit,
            better="higher" if better else "lower",
            threshold=words.threshold(score),
            width=width,
        ),
    )
    side = (
        "Read it at any threshold: at each change on the horizontal axis, the height is the share of the arm that did"
        " at least as well. The curves do not depend on the choice of a responder definition."
    )
    return Section(
        name="distribution",
        short="Every threshold",
        heading=headings.distribution(results, words, endpoint, visit, words.threshold(score)),
        question="Does the answer hang on where the line between responders and others is drawn?",
        blocks=(Block(drawing, noted(side)),),
    )

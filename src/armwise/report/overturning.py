"""What could overturn a finding, for the first screen and the section on it: rows, and the first screen's sentences."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.fragility import NAME
from armwise.analysis.missing_answers import PLACED, PLAIN, POSSIBLE
from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.words import Words, counted, hyphenless, inside, opening
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED


def rows_of(results: Results, name: str, **where: object) -> list[Row]:
    """The rows about the fragility of one analysis."""
    return results.rows(analysis=NAME, item=name, **where)


def limit_row(results: Results, name: str, arm: str) -> Row | None:
    """The E-value of the nearer limit of an analysis's interval, where there is one."""
    found = rows_of(results, name, statistic="e-value", category="nearer limit", arm=arm)
    return found[0] if found and comparisons.usable(found[0]) else None


def overturned_row(results: Results, name: str, arm: str) -> Row | None:
    """In how many combinations of missing answers the interval includes no difference: weighted where it can be."""
    rows = rows_of(results, name, statistic="combinations overturned", arm=arm)
    for method in (PLACED, PLAIN, IMPUTED, SHIFTED):
        for row in rows:
            if row["method"] == method and comparisons.usable(row):
                return row
    return None


def worst_row(results: Results, name: str, arm: str) -> Row | None:
    """The combination of missing answers nearest to, or furthest beyond, no difference: weighted where it can be."""
    leading = next((r for r in comparisons.leading(results, name) if r["arm"] == arm), None)
    if leading is None or not comparisons.usable(leading):
        return None
    for method in (PLACED, PLAIN):
        cells = [
            r
            for r in rows_of(results, name, statistic=POSSIBLE, method=method, arm=arm)
            if comparisons.usable(r) and r["at"] is not None
        ]
        if len(cells) > 1:
            pick = min if leading["estimate"] >= 0 else max
            return pick(cells, key=lambda r: r["estimate"])
    return None


def strength(results: Results, words: Words) -> Markup:
    """How strong a confounder must be to overturn a clear finding: the E-value of the nearer limit."""
    name = comparisons.primary_name(words.protocol)
    many = len(words.treatments) > 1
    parts = [
        text("{e}{arm}", e=cite.estimate(limit, note=True), arm=f" ({words.brief(arm)})" if many else "")
        for arm in words.treatments
        if (limit := limit_row(results, name, arm)) is not None and limit["estimate"] > 1
    ]
    if not parts:
        return Markup("")
    return text(
        "For the interval to include no difference, something not recorded would have to go with the choice of arm and"
        " with the outcome by risk ratios of {e} each.",
        e=cite.listed(parts),
    )


def worst(results: Results, words: Words, name: str) -> Markup:
    """The combination of missing answers that leaves the smallest difference, where no analysis is the worst case."""
    parts: list[Markup] = []
    for arm in words.treatments:
        worst = worst_row(results, name, arm)
        if worst is not None:
            who = f" ({words.brief(arm)})" if len(words.treatments) > 1 else ""
            parts.append(text("{v}{arm}", v=cite.with_limits(worst, note=True, unit=not parts), arm=who))
    if not parts:
        return Markup("")
    return text(" At worst for the missing answers the difference would be {v}.", v=cite.listed(parts))


def tried(results: Results, words: Words, name: str) -> Markup:
    """In how many combinations of missing answers a clear finding would not be one; of one treatment only."""
    rows = comparisons.leading(results, name)
    if len(rows) != 1 or not comparisons.excludes_no_effect(rows[0]):
        return Markup("")
    row = overturned_row(results, name, rows[0]["arm"])
    if row is None or row["n"] <= 1:
        return Markup("")
    return text(
        " Of {n} combinations of the missing answers, {k} would make the interval include no difference.",
        k=cite.count_or_none(row),
        n=cite.count(row, "n"),
    )


def finding(words: Words, name: str) -> str:
    """What the finding of an analysis that is put to the test is called."""
    return "primary finding" if words.protocol.analyses[name].role == "primary" else "first finding"


def in_words(row: Row, what: str) -> str:
    """How many combinations of missing answers overturn a finding, which is `what` or was named just before."""
    k, n = int(row["estimate"]), int(row["n"])
    if k == 0:
        return (
            f"none of {counted(n)} combinations of missing answers does"
            if what == "it"
            else f"none of {counted(n)} combinations of missing answers overturns the {what}"
        )
    verb = "does" if k == 1 else "do"
    if what != "it":
        verb = f"overturn{'s' if k == 1 else ''} the {what}"
    return f"{counted(k)} of {counted(n)} combinations of missing answers {verb}"


def what_is_tested(words: Words, name: str) -> str:
    """The endpoint of an analysis and its leading visit, and which analysis it is where it supports another one."""
    analysis = words.protocol.analyses[name]
    which = f" ({inside(analysis.label or hyphenless(name))})" if analysis.supports else ""
    return f"{opening(words.endpoint(analysis.endpoint))} {words.at(words.protocol.leading_visit(analysis))}{which}"

"""Published against this study: figures from outside beside the study's own row of the same thing."""

from __future__ import annotations

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import MIXED, level
from armwise.report.page import Block, Section
from armwise.report.tables import Column, Line, Table
from armwise.report.words import Words, counted, opening


def section(results: Results, words: Words) -> Section | None:
    """The published figures; None where the protocol names none."""
    rows = results.rows(analysis="published")
    if not rows:
        return None
    own = "Simulated" if results.simulated else "This study"
    ci = level(_own(results, r) for r in rows)
    columns = (
        Column("Figure", side="left"),
        Column("Arm", side="left"),
        Column("Published"),
        Column(own, ci, card=own),
        Column("Source", side="left"),
    )
    lines = tuple(_line(results, words, r, ci) for r in rows)
    publication = words.protocol.study.publication
    caption = text(
        "Published figures are shown beside the study’s own; none enters an estimate.{chosen} {citation}",
        chosen=" The study was drawn with assumptions and a seed chosen to lie near the published figures."
        if results.simulated
        else "",
        citation=publication.citation if publication else "",
    )
    table = Table(f"Published against {own.lower()}.", columns, lines, caption, (_status(rows),))
    return Section(
        "published",
        "Published figures",
        _heading(results, rows),
        "How far is this study from what was published?",
        (Block(table),),
    )


def _own(results: Results, published: Row) -> Row | None:
    """The study's own row of the same endpoint, visit, arm and statistic."""
    return comparisons.described(
        results, published["endpoint"], published["visit"], published["arm"], published["statistic"]
    )


def _heading(results: Results, rows: list[Row]) -> str:
    """How many published figures lie within the study's own interval of the same thing."""
    study = "the simulated study’s" if results.simulated else "this study’s"
    own = [(r, _own(results, r)) for r in rows]
    known = [(r, o) for r, o in own if o is not None and comparisons.usable(o) and o["lower"] is not None]
    if not known:
        return f"Published figures and {study} own, side by side"
    inside = sum(o["lower"] <= r["estimate"] <= o["upper"] for r, o in known)
    return (
        f"{opening(counted(inside))} of {counted(len(known))} published figures lie within {study} intervals"
    )


def _line(results: Results, words: Words, published: Row, ci: str) -> Line:
    mine = _own(results, published)
    sd = comparisons.described(results, published["endpoint"], published["visit"], published["arm"], "sd")
    spread = sd["estimate"] if sd and comparisons.usable(sd) else None
    own = (
        text(
            "{m} ({level}{span})",
            m=cite.estimate(mine, sd=spread),
            level=f"{level([mine])} " if ci == MIXED else "",
            span=cite.limits(mine, sd=spread),
        )
        if mine and comparisons.usable(mine)
        else "no such row"
    )
    given = cite.estimate({**published, "n": None}, _decimals(published))
    label = published["label"] or words.endpoint(published["endpoint"])
    small = (
        words.visit(published["visit"])
        if words.visit(published["visit"]).lower() not in label.lower()
        else ""
    )
    mark = "" if published["reason"] == "confirmed" else " (unconfirmed)"
    arm = text(
        '<span class="arm-{arm}">{label}</span>', arm=published["arm"], label=words.short(published["arm"])
    )
    return Line(label, (arm, given, own, f"{published['method']}{mark}"), small)


def _decimals(published: Row) -> int | None:
    """The decimals that were published; a share has those of its per cent."""
    if published["statistic"] != "mean":
        return None
    return len(f"{published['estimate']:.10g}".partition(".")[2])


def _status(rows: list[Row]) -> str:
    unconfirmed = sum(r["reason"] != "confirmed" for r in rows)
    return (
        "Figures marked unconfirmed were not read at their source."
        if unconfirmed
        else "Each was read at the source named beside it."
    )

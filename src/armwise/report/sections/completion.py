"""Completion: questionnaires expected, received and scored, by form, visit and arm, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.page import Block, Section
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, inside, joined, opening

#: How many of the lowest are named, should several tie.
MOST: Final = 4

Cells = dict[tuple[str, str, str, str], Row]  # form, visit, arm, statistic -> row
Reasons = dict[tuple[str, str, str], list[Row]]  # form, visit, arm -> why questionnaires are missing


def section(results: Results, words: Words) -> Section | None:
    """Completion by questionnaire; None without its rows."""
    rows = results.rows(analysis="completion")
    cells: Cells = {
        (r["item"], r["visit"], r["arm"], r["statistic"]): r for r in rows if r["statistic"] != "missing"
    }
    reasons: Reasons = {}
    for r in rows:
        if r["statistic"] == "missing" and r["estimate"]:
            reasons.setdefault((r["item"], r["visit"], r["arm"]), []).append(r)
    forms = list(dict.fromkeys(form for form, *_ in cells))
    visits = [v for v in words.protocol.visits if any(key[1] == v for key in cells)]
    if not forms:
        return None
    columns = (
        Column("Questionnaire", side="left"),
        *(Column(words.protocol.visit_label(v), side="left") for v in visits),
    )
    lines: list[Line] = []
    for form in forms:
        lines.append(Line(opening(words.form(form)), kind="group"))
        arms = [a for a in words.arms if any((form, v, a, "expected") in cells for v in visits)]
        lines += [_line(words, cells, reasons, form, visits, arm) for arm in arms]
    table = Table(
        "Questionnaires received of those expected.",
        columns,
        tuple(lines),
        "One a patient and visit; the small print says why the others are missing.",
        noted(_unscored(words, cells)),
        compact=True,
        fold="Every questionnaire by visit and arm, and why answers are missing",
    )
    return Section(
        name="completion",
        short="Completion",
        heading=_heading(words, cells),
        question="How many questionnaires came back, how many could be scored, and why are the others missing?",
        blocks=(Block(table),),
    )


def _line(words: Words, cells: Cells, reasons: Reasons, form: str, visits: list[str], arm: str) -> Line:
    made: list[Text] = []
    for visit in visits:
        expected, received = (cells.get((form, visit, arm, s)) for s in ("expected", "received"))
        if expected is None or received is None:
            made.append("")
            continue
        why = [
            text("{why}: {n}", n=cite.count(r), why=_why(r["category"]))
            for r in reasons.get((form, visit, arm), [])
        ]
        below = text("<small>{why}</small>", why=Markup(", ").join(why)) if why else ""
        made.append(text("{k} of {n}{below}", k=cite.count(received), n=cite.count(expected), below=below))
    return Line(
        text('<span class="arm-{arm}">{label}</span>', arm=arm, label=words.short(arm)),
        tuple(made),
        kind="level",
    )


def _why(reason: str | None) -> str:
    return inside((reason or "reason not recorded").removeprefix("left the study: "))


def _heading(words: Words, cells: Cells) -> Text:
    """The lowest share received, and where; each of those that tie, up to `MOST`, else how many there are."""
    shares = []
    for (form, visit, arm, statistic), row in cells.items():
        received = cells.get((form, visit, arm, "received"))
        if statistic == "expected" and row["estimate"] and received:
            shares.append((received["estimate"] / row["estimate"], received, row, form, visit, arm))
    if not shares:
        return "No questionnaire was expected"
    low = min(s[0] for s in shares)
    if low >= 1:
        return "Every questionnaire that was expected came back"
    lowest = [s for s in shares if s[0] == low]
    if len(lowest) > MOST:
        return (
            text(
                'Completion was lowest, <span class="nb">{k} of {n}</span>, in {many} of the cells below',
                k=cite.count(lowest[0][1]),
                n=cite.count(lowest[0][2]),
                many=counted(len(lowest)),
            )
            if _same(lowest)
            else text(
                "Completion was lowest in {many} of the cells below, alike in share",
                many=counted(len(lowest)),
            )
        )
    parts = [
        text(
            '{at}: <span class="nb">{k} of {n}</span> with {arm} ({form})',
            at=words.at(visit),
            k=cite.count(received),
            n=cite.count(expected),
            arm=words.brief(arm),
            form=words.form(form),
        )
        for _, received, expected, form, visit, arm in lowest
    ]
    if len(lowest) == 1 or not _same(lowest):
        return text("Completion was lowest {parts}", parts=Markup("; and ").join(parts))
    alike: dict[tuple[str, str], list[str]] = {}
    for *_, form, visit, arm in lowest:
        alike.setdefault((words.visit(visit), words.brief(arm)), []).append(words.form(form))
    places = [f"at {visit} with {arm} ({joined(forms)})" for (visit, arm), forms in alike.items()]
    return text(
        'Completion was lowest, <span class="nb">{k} of {n}</span>, {places}',
        k=cite.count(lowest[0][1]),
        n=cite.count(lowest[0][2]),
        places=joined(places),
    )


def _same(lowest: Sequence[tuple[float, Row, Row, str, str, str]]) -> bool:
    """Whether all have the same two counts, and not only the same share."""
    return len({(received["estimate"], expected["estimate"]) for _, received, expected, *_ in lowest}) == 1


def _unscored(words: Words, cells: Cells) -> Text:
    parts = []
    for (form, visit, arm, statistic), received in cells.items():
        scored = cells.get((form, visit, arm, "scored"))
        if statistic == "received" and scored and scored["estimate"] != received["estimate"]:
            where = f"{words.form(form)}, {words.visit(visit)}, {words.short(arm)}"
            parts.append(
                text("{where}: {k} of {n}", where=where, k=cite.count(scored), n=cite.count(received))
            )
    return (
        text("Scored of received. {parts}.", parts=Markup("; ").join(parts))
        if parts
        else "Every questionnaire received could be scored."
    )

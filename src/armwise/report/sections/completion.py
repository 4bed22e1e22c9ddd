"""Completion: questionnaires expected, received and scored, by form, visit and arm, with reasons."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.page import Block, Section
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, inside, opening

Cells = dict[tuple[str, str, str, str], Row]  # form, visit, arm, statistic -> row


def section(results: Results, words: Words) -> Section | None:
    """Completion by questionnaire; None without its rows."""
    rows = results.rows(analysis="completion")
    cells: Cells = {(r["item"], r["visit"], r["arm"], r["statistic"]): r for r in rows if r["statistic"] != "missing"}
    forms = list(dict.fromkeys(form for form, *_ in cells))
    visits = [v for v in words.protocol.visits if any(key[1] == v for key in cells)]
    if not forms:
        return None
    columns = (Column("Questionnaire", side="left"), *(Column(words.protocol.visit_label(v)) for v in visits))
    lines: list[Line] = []
    for form in forms:
        lines.append(Line(opening(words.form(form))))
        lines += [_line(words, cells, form, visits, arm) for arm in words.arms if any((form, v, arm, "expected") in cells for v in visits)]
    table = Table(
        "Questionnaires received of those expected.", columns, tuple(lines),
        "One questionnaire a patient and visit. Where some that were received could not be scored, the number scored is said below.",
        noted(_unscored(words, cells)), compact=True,
    )  # fmt: skip
    return Section(
        name="completion", short="Completion", heading=_heading(words, cells),
        question="How many questionnaires came back, how many could be scored, and why are the others missing?",
        blocks=(Block(table, noted(*_reasons(words, [r for r in rows if r["statistic"] == "missing"]))),),
    )  # fmt: skip


def _line(words: Words, cells: Cells, form: str, visits: list[str], arm: str) -> Line:
    made: list[Text] = []
    for visit in visits:
        expected, received = (cells.get((form, visit, arm, s)) for s in ("expected", "received"))
        made.append(text("{k} of {n}", k=cite.count(received), n=cite.count(expected)) if expected and received else "")
    return Line(text('<span class="arm-{arm}">{label}</span>', arm=arm, label=words.short(arm)), tuple(made), kind="level")


def _heading(words: Words, cells: Cells) -> str:
    """The lowest share received, and where: the first one in the order of the protocol, should several tie."""
    shares = []
    for (form, visit, arm, statistic), row in cells.items():
        received = cells.get((form, visit, arm, "received"))
        if statistic == "expected" and row["estimate"] and received:
            shares.append((received["estimate"] / row["estimate"], received["estimate"], row["estimate"], form, visit, arm))
    if not shares:
        return "No questionnaire was expected"
    low, k, n, form, visit, arm = min(shares, key=lambda s: s[0])
    if low >= 1:
        return "Every questionnaire that was expected came back"
    return f"Completion was lowest {words.at(visit)}: {k:.0f} of {n:.0f} with {words.brief(arm)} ({words.form(form)})"


def _unscored(words: Words, cells: Cells) -> Text:
    parts = []
    for (form, visit, arm, statistic), received in cells.items():
        scored = cells.get((form, visit, arm, "scored"))
        if statistic == "received" and scored and scored["estimate"] != received["estimate"]:
            where = f"{words.form(form)}, {words.visit(visit)}, {words.short(arm)}"
            parts.append(text("{where}: {k} of {n}", where=where, k=cite.count(scored), n=cite.count(received)))
    return text("Scored of received. {parts}.", parts=Markup("; ").join(parts)) if parts else "Every questionnaire received could be scored."


def _reasons(words: Words, rows: list[Row]) -> list[Text]:
    """Why questionnaires are missing, form by form is too long: by visit and arm for the first form that has reasons."""
    found: list[Text] = []
    form = next((r["item"] for r in rows if r["estimate"]), None)
    for arm in words.arms:
        mine = [r for r in rows if r["item"] == form and r["arm"] == arm and r["estimate"]]
        if not mine:
            continue
        parts = [text("{visit}, {n} {why}", visit=words.visit(r["visit"]), n=cite.count(r), why=inside(r["category"] or "reason not recorded")) for r in mine]
        found.append(text("{arm}: {parts}.", arm=opening(words.brief(arm)), parts=Markup("; ").join(parts)))
    return [f"Why missing ({words.form(form or '')}).", *found] if found else []

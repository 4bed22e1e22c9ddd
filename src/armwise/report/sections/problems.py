"""Data problems and exclusions, counted by kind: nothing that could name a patient stands on the page."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from armwise.analysis.results import Results
from armwise.report.numbers import number
from armwise.report.page import Block, Prose, Section
from armwise.report.tables import Column, Line, Table
from armwise.report.words import Words, counted, opening, plural

QUOTED: Final = re.compile(r"`([^`]*)`|'([^']*)'|\"([^\"]*)\"|«([^»]*)»")
AFTER_SUBJECT: Final = re.compile(r"\b(subjects?|patients?|participants?)\b:?\s+\S+", re.IGNORECASE)
WITH_DIGIT: Final = re.compile(r"\S*\d\S*")


def section(results: Results, words: Words) -> Section:
    """Problems found in the data, and rows that no analysis used."""
    problems, excluded = _problems(results, words), _exclusions(results, words)
    blocks = [Block(t) for t in (problems, excluded) if t is not None]
    if not blocks:
        blocks = [Block(Prose(("Every row of data passed the checks of the protocol, and every row was used.",)))]
    n = len([p for p in results.problems if p.severity != "note"])
    lost = results.exclusions.height
    found = f"{counted(n)} {plural(n, 'problem')} in the data" if n else "no problem in the data"
    return Section(
        name="problems", short="Data problems", heading=f"{opening(found)}; {_rows_left(lost)}",
        question="What was odd in the data, and what was left out?", blocks=tuple(blocks),
    )  # fmt: skip


def _rows_left(n: int) -> str:
    return f"{counted(n)} {plural(n, 'row')} left out of an analysis" if n else "no row left out"


def general(what: str, known: frozenset[str] = frozenset()) -> str:
    """What a problem says, without what could identify a patient: values, dates, numbers, names.

    Args:
        what: the problem's own words.
        known: names of the protocol (items, visits, arms), which may stay.

    Example:
        >>> general("subject A-17: `pain` is 12, expected a whole number", frozenset({"pain"}))
        'a subject: pain is …, expected a whole number'
    """
    kept: list[str] = []

    def quoted(match: re.Match[str]) -> str:
        inner = next(g for g in match.groups() if g is not None)
        if inner not in known:
            return "…"
        kept.append(inner)
        return f"\x00{chr(0xE000 + len(kept) - 1)}"

    text = QUOTED.sub(quoted, what)
    text = AFTER_SUBJECT.sub(lambda m: f"a {m[1].lower().rstrip('s')}" + (":" if m[0].endswith(":") else ""), text)
    text = WITH_DIGIT.sub(lambda m: "…" + (m[0][-1] if m[0][-1] in ",;:." else ""), text)
    text = re.sub(r"…(\s+…)+", "…", text)
    return re.sub("\x00(.)", lambda m: kept[ord(m[1]) - 0xE000], text)


def _known(words: Words) -> frozenset[str]:
    protocol = words.protocol
    items = [item for form in protocol.forms.values() for item in form.items]
    return frozenset([*protocol.visits, *protocol.arms, *protocol.forms, *items])


def _problems(results: Results, words: Words) -> Table | None:
    if not results.problems:
        return None
    known = _known(words)
    kinds = Counter((p.severity, p.file, p.column, opening(general(p.what, known))) for p in results.problems)
    order = {"error": 0, "warning": 1, "note": 2}
    rows = sorted(kinds.items(), key=lambda kind: (order[kind[0][0]], kind[0][1], -kind[1]))
    columns = (Column("What was found", side="left"), Column("File", side="left"), Column("Column", side="left"), Column("Severity", side="left"), Column("Times"))
    lines = tuple(Line(what, (file, column, severity, number(n))) for (severity, file, column, what), n in rows)
    caption = "Counted by kind; values, dates and identifiers are left out here. results/problems.csv holds each with its row and what to do about it."
    return Table("Problems found in the data.", columns, lines, caption)


def _exclusions(results: Results, words: Words) -> Table | None:
    table = results.exclusions
    if not table.height:
        return None
    known = _known(words)
    kinds = Counter((r["excluded_from"] or "all analyses", r["file"], opening(general(r["reason"] or "reason not recorded", known))) for r in table.iter_rows(named=True))
    columns = (Column("Reason", side="left"), Column("Left out of", side="left"), Column("File", side="left"), Column("Rows"))
    lines = tuple(Line(reason, (where, file, number(n))) for (where, file, reason), n in sorted(kinds.items(), key=lambda k: (k[0][0], -k[1])))
    return Table("Rows of data left out.", columns, lines, "Each of them stands in results/exclusions.csv with its file and row.")

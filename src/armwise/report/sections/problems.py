"""Data problems and exclusions, counted by kind: nothing that could name a patient stands on the page."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from armwise.analysis.results import Results
from armwise.report.numbers import number
from armwise.report.page import Block, Prose, Section
from armwise.report.tables import Column, Line, Table
from armwise.report.words import Words, counted, inside, opening, plural

QUOTED: Final = re.compile(r"`([^`]*)`|'([^']*)'|\"([^\"]*)\"|«([^»]*)»")
SUBJECT: Final = re.compile(
    r"\b(?:(an?|the|this|that|every|each|one|no|any|another)\s+)?(subject|patient|participant)s?\b(:?)\s+(\S+)",
    re.IGNORECASE,
)
#: Words that name nobody where they follow "subject".
PLAIN: Final = frozenset(
    {
        *("and", "are", "at", "had", "has", "have", "in", "is", "not", "of", "on", "or"),
        *("seen", "was", "were", "who", "whose", "with", "without"),
    }
)
WITH_DIGIT: Final = re.compile(r"(\(?)(\S*\d\S*?)([,;:.)]*)(?=\s|$)")


def section(results: Results, words: Words) -> Section:
    """Problems found in the data, and rows that no analysis used."""
    problems, excluded = _problems(results, words), _exclusions(results, words)
    blocks = [Block(t) for t in (problems, excluded) if t is not None]
    if not blocks:
        blocks = [
            Block(Prose(("Every row of data passed the checks of the protocol, and every row was used.",)))
        ]
    n = len([p for p in results.problems if p.severity != "note"])
    found = f"{counted(n)} {plural(n, 'warning')} in the data" if n else "no warning in the data"
    return Section(
        name="problems",
        short="Data problems",
        heading=f"{opening(found)}; {'what each analysis left out is counted' if excluded else 'no row left out'}",
        question="What was odd in the data, and what was left out?",
        blocks=tuple(blocks),
    )


def general(what: str, known: frozenset[str] = frozenset()) -> str:
    """What a problem says, without what could identify a patient: values, dates, numbers, names.

    Args:
        what: the problem's own words.
        known: names of the protocol (items, visits, arms, declared reasons), which may stay.

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

    def kept_whole(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{chr(0xE000 + len(kept) - 1)}"

    phrases = sorted((k for k in known if " " in k), key=len, reverse=True)
    text = QUOTED.sub(quoted, what)
    if phrases:
        text = re.sub(rf"(?<!\w)({'|'.join(map(re.escape, phrases))})(?!\w)", kept_whole, text)
    text = SUBJECT.sub(_without_name, text)
    text = WITH_DIGIT.sub(lambda m: m[0] if m[2] in known else f"{m[1]}…{m[3]}", text)
    text = re.sub(r"…(\s+…)+", "…", text)
    return re.sub("\x00(.)", lambda m: kept[ord(m[1]) - 0xE000], text)


def _without_name(match: re.Match[str]) -> str:
    """`patient Anna` -> `a patient`; `a patient unwell`, `this subject has` and `subjects who` name nobody."""
    article, noun, colon, following = match.groups()
    word = following.rstrip(",;:.)")
    if not colon and word.isalpha() and word.islower() and (article or word in PLAIN):
        return match[0]
    return f"a {noun.lower()}" + (":" if following.endswith(":") else "")


def _known(words: Words) -> frozenset[str]:
    protocol = words.protocol
    items = [item for form in protocol.forms.values() for item in form.items]
    return frozenset(
        [
            *(*protocol.visits, *protocol.arms, *protocol.forms, *protocol.endpoints),
            *(*items, *words.score_facts, *protocol.reasons),
            *("CDC 2022", "CDC 2016", "baseline is 0"),  # of what no patient is known by
        ]
    )


def _said(what: str, words: Words, known: frozenset[str]) -> str:
    """A problem in general terms, visits by their labels."""
    said = general(what, known)
    for visit in words.protocol.visits:
        said = re.sub(rf"(?<![\w.]){visit}(?![\w.])", words.visit(visit), said)
    return opening(said)


def _problems(results: Results, words: Words) -> Table | None:
    if not results.problems:
        return None
    known = _known(words)
    kinds: dict[tuple[str, str, str], Counter[str]] = {}
    for p in results.problems:
        kinds.setdefault((p.severity, p.column, _said(p.what, words, known)), Counter())[p.file] += 1
    order = {"error": 0, "warning": 1, "note": 2}
    rows = sorted(kinds.items(), key=lambda kind: (order[kind[0][0]], -kind[1].total(), kind[0][2]))
    columns = (
        Column("What was found", side="left"),
        Column("Files", side="left", wide=True),
        Column("Column", side="left"),
        Column("Severity", side="left"),
        Column("Times"),
    )
    lines = tuple(
        Line(
            what,
            (
                ", ".join(sorted(f.removeprefix("data/") for f in files)),
                column,
                severity,
                number(files.total()),
            ),
        )
        for (severity, column, what), files in rows
    )
    caption = (
        "Counted by kind; values, dates and identifiers are left out here. The file problems.csv holds each with its"
        " row and what to do about it."
    )
    return Table("Problems found in the data.", columns, lines, caption)


def _exclusions(results: Results, words: Words) -> Table | None:
    """Rows left out, by what they were left out of and why."""
    table = results.exclusions
    if not table.height:
        return None
    known = _known(words)
    kinds: Counter[tuple[str, str]] = Counter(
        (_left_out_of(words, r["excluded_from"]), _why(words, r["reason"], known))
        for r in table.iter_rows(named=True)
    )
    wheres, reasons = dict.fromkeys(where for where, _ in kinds), dict.fromkeys(reason for _, reason in kinds)
    title, caption = "Rows of data left out.", "Each of them stands in exclusions.csv with its file and row."
    if len(reasons) > 6:
        columns = (Column("Left out of", side="left"), Column("Why", side="left", wide=True), Column("Rows"))
        by_place = {where: [(why, n) for (at, why), n in kinds.items() if at == where] for where in wheres}
        made = []
        for where, whys in sorted(by_place.items()):
            said = "; ".join(
                f"{inside(why)}: {number(n)}" for why, n in sorted(whys, key=lambda w: (-w[1], w[0]))
            )
            made.append(Line(where, (opening(said), number(sum(n for _, n in whys)))))
        return Table(title, columns, tuple(made), caption)
    lines = tuple(
        Line(where, tuple(number(kinds[where, why]) if (where, why) in kinds else "–" for why in reasons))
        for where in wheres
    )
    return Table(
        title, (Column("Left out of", side="left"), *(Column(why) for why in reasons)), lines, caption
    )


def _why(words: Words, reason: str | None, known: frozenset[str]) -> str:
    """The reason of an exclusion in general terms: of a composite's component only what is missing, not which."""
    said = general(reason or "reason not recorded", known).removeprefix("outcome missing: ")
    first, _, rest = said.partition(" ")
    event = words.protocol.events.get(rest) if first == "after" else None
    if event is not None and event.label:
        return f"After {inside(event.label)}"
    return opening(rest if first in words.protocol.endpoints and rest else said)


def _left_out_of(words: Words, name: str | None) -> str:
    declared = words.protocol.analyses.get(name or "")
    return (
        (declared.label or words.endpoint(declared.endpoint)) + f" ({name})"
        if declared
        else opening(name or "all analyses")
    )

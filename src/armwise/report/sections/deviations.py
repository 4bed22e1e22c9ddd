"""The plan against what was done: whether it was locked, when, and where the analysis differs from it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from armwise.analysis.planned import ANALYSIS
from armwise.analysis.results import Results, Row
from armwise.protocol.canonical import ORDER
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import primary_name
from armwise.report.page import Answer, Block, Facts, Prose, Section
from armwise.report.tables import Column, Line, Table, Text
from armwise.report.words import Words, counted, opening, plural

#: A value longer than this is cut; the lock and the protocol have the whole of it.
LONGEST: Final = 200
Lock = Mapping[str, Any]


def section(results: Results, words: Words) -> Section | None:
    """Plan and deviations; None for results that know nothing of a lock."""
    facts: Lock | None = results.manifest.get("lock")
    if facts is None:
        return None
    blocks = (
        [Block(Facts(_states(results, facts)))] if facts["locked"] else [Block(Prose((_unlocked(words),)))]
    )
    if facts["locked"] and facts["differences"]:
        title = "Where the analysis differs from the lock."
        blocks.append(Block(_differences(title, facts["differences"], ("Locked", "Now"))))
    for entry in facts.get("history", [])[1:]:
        title = f"What the amendment of {entry['date']} changed."
        blocks.append(Block(_differences(title, entry["differences"], ("Before", "After"))))
    if facts.get("not_done"):
        blocks.append(Block(_not_done(words, facts["not_done"])))
    if post_hoc := {**facts["post_hoc"], **facts.get("post_hoc_parts", {})}:
        blocks.append(Block(_post_hoc(words, post_hoc)))
    return Section(
        name="deviations",
        short="Plan and deviations",
        heading=heading(results, facts),
        question="Is what was done what had been planned?",
        blocks=tuple(blocks),
    )


def with_verdicts(results: Results) -> Results:
    """The results whose protocol calls post hoc what the lock found to be so, wherever the page names an analysis."""
    found = (results.manifest.get("lock") or {}).get("post_hoc") or {}
    analyses = {
        name: a.model_copy(update={"planned": False}) if name in found else a
        for name, a in results.protocol.analyses.items()
    }
    return dataclasses.replace(results, protocol=results.protocol.model_copy(update={"analyses": analyses}))


def on_first_screen(first: Answer, results: Results) -> Answer:
    """The first screen, which says beside the registration whether the plan was locked, or that it is post hoc."""
    facts: Lock | None = results.manifest.get("lock")
    if facts is None:
        return first
    why = facts["post_hoc"].get(primary_name(results.protocol))
    items = list(first.facts.items)
    if why:
        items.append(("Plan", text("<b>The primary analysis is post hoc</b>: {why}", why=why)))
        return dataclasses.replace(first, facts=Facts(tuple(items)))
    said: Text = "plan not locked"
    if facts["locked"]:
        known = _known(_count(results, "outcomes recorded by then", 1.0), first=False, short=True)
        said = text("plan locked {date}", date=facts["history"][0]["date"])
        said = (Markup(" ") if known.startswith("(") else Markup(", ")).join(s for s in (said, known) if s)
        if amended := facts["history"][1:]:
            times = "once" if len(amended) == 1 else f"{counted(len(amended))} times"
            said = text(
                "{said}; amended {times}, last {date}", said=said, times=times, date=amended[-1]["date"]
            )
    items = [(k, text("{v}; {said}", v=v, said=said) if k == "Registered" else v) for k, v in items]
    return dataclasses.replace(first, facts=Facts(tuple(items)))


def heading(results: Results, facts: Lock) -> Text:
    """Whether the plan was locked, and how much of what was done is post hoc."""
    row = _count(results, "post hoc analyses")
    if row is None:
        return "The plan and what was done"
    n = int(row["estimate"])
    late = text(
        "{k} of {n} analyses {are} post hoc",
        k=cite.count(row),
        n=cite.count(row, "n"),
        are="is" if n == 1 else "are",
    )
    if _late(results):
        late = text("The plan was locked when outcomes had been recorded; {late}", late=late)
    if not facts["locked"]:
        return text("The plan was not locked; {late}", late=late) if n else "The plan was not locked"
    places, gone = _count(results, "differences from the lock"), _count(results, "locked analyses not done")
    if gone is not None and gone["estimate"]:
        k = int(gone["estimate"])
        late = text("{late}; {k} locked {were} not done", late=late, k=cite.count(gone),
                    were="analysis was" if k == 1 else "analyses were")  # fmt: skip
    elif not n and places is not None and not places["estimate"] and not _late(results):
        return "Every analysis was done as locked" if not facts.get("post_hoc_parts") else late
    if places is None or not places["estimate"]:
        return late
    k = int(places["estimate"])
    return text(
        "{late}; the protocol differs from its lock in {k} {where}",
        late=late,
        k=cite.count(places),
        where=plural(k, "place"),
    )


def _late(results: Results) -> bool:
    """Whether outcomes had been recorded when the plan was locked."""
    known = _count(results, "outcomes recorded by then", 1.0)
    return known is not None and bool(known["estimate"])


def _count(results: Results, category: str, at: float | None = None) -> Row | None:
    return results.one(analysis=ANALYSIS, category=category, at=at)


def _unlocked(words: Words) -> str:
    posts = sum(not a.planned for a in words.protocol.analyses.values())
    said = (
        "The protocol calls no analysis post hoc. That they"
        if not posts
        else f"The protocol calls {counted(posts)} of its analyses post hoc. That the others"
    )
    return (
        f"No lock of the protocol was found. {said} were planned before the outcomes were known is the protocol’s"
        " word: nothing here shows it."
    )


def _states(results: Results, facts: Lock) -> tuple[tuple[str, Text], ...]:
    """The lock and its amendments: when, which version, the short hashes, and what was known by then."""
    items: list[tuple[str, Text]] = []
    for i, entry in enumerate(facts["history"]):
        known = _count(results, "outcomes recorded by then", float(i + 1))
        said = [
            text("{date}, version {v}", date=entry["date"], v=entry["version"]),
            text("plan <code>{h}</code>", h=entry["plan_hash"][:12]),
            text("what is collected <code>{h}</code>", h=entry["collection_hash"][:12]),
            _known(known, first=i == 0),
        ]
        reason = text(" Reason: {r}.", r=entry["reason"].rstrip(".")) if entry["reason"] else Markup("")
        items.append(
            (
                f"Amendment {i}" if i else "Locked",
                Markup("; ").join(s for s in said if s) + Markup(".") + reason,
            )
        )
    return tuple(items)


def _known(row: Row | None, *, first: bool, short: bool = False) -> Markup:
    if row is not None and row["status"] != "ok":
        return (
            text("({why})", why=row["reason"].partition(":")[0])
            if short
            else text("{why}", why=row["reason"])
        )
    if row is None or not row["n"]:
        return Markup("")
    if not row["estimate"]:
        return Markup("before any outcome was recorded")
    many = "; what was planned by then was planned with outcomes in view" if first else ""
    return text(
        "<b>after {k} of {n} outcomes had been recorded</b>{many}",
        k=cite.count(row),
        n=cite.count(row, "n"),
        many=many,
    )


def _differences(title: str, found: Sequence[Mapping[str, Any]], sides: tuple[str, str]) -> Table:
    """Added, changed and dropped places of the protocol, old and new."""
    lines = [
        Line(
            Markup("<code>{}</code>").format(_breakable(d["place"])),
            (opening(d["kind"]), _value(d["before"]), _value(d["now"])),
        )
        for d in found
    ]
    heads = ("Place in the protocol", "What", *sides)
    columns = tuple(Column(head, side="left", wide=head == sides[1]) for head in heads)
    return Table(title, columns, tuple(lines), "By place in protocol.yaml; labels in the plan do not count.")


def _value(value: Any) -> Text:
    if value is None:
        return "not written"
    said = _plainly(value)
    return said if len(said) <= LONGEST else f"{said[:LONGEST].rstrip()} …"


def _plainly(value: Any, *, inner: bool = False) -> str:
    """A value of the protocol as people write it: `endpoint: change; at: m3`, lists with commas."""
    if isinstance(value, dict):
        parts = "; ".join(f"{k}: {_plainly(v, inner=True)}" for k, v in value.items() if k != ORDER)
        return f"({parts})" if inner else parts
    if isinstance(value, list):
        return ", ".join(_plainly(v, inner=True) for v in value) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _breakable(place: str) -> Markup:
    """A dotted place that a narrow column breaks between its words, not inside one."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])(?=\w)", place))


def _not_done(words: Words, found: Mapping[str, str]) -> Table:
    lines = [Line(text("<code>{name}</code>", name=name), (opening(why),)) for name, why in found.items()]
    columns = (Column("Analysis", side="left"), Column("What became of it", side="left", wide=True))
    return Table(
        "Locked analyses that were not done.", columns, tuple(lines),
        "One that was renamed stands here, and as post hoc under its new name.",
    )  # fmt: skip


def _post_hoc(words: Words, found: Mapping[str, str]) -> Table:
    lines = [Line(_called(words, name), (_role(words, name), opening(why))) for name, why in found.items()]
    columns = (
        Column("Analysis", side="left"),
        Column("Role", side="left"),
        Column("Why it is post hoc", side="left", wide=True),
    )
    caption = "The methods, and the note behind each of their numbers, say so too."
    return Table("Analyses that are post hoc.", columns, tuple(lines), caption)


def _role(words: Words, name: str) -> str:
    """The role of an analysis, or of an entry that has one; what else is asked for is a part of the plan."""
    analysis = words.protocol.analyses.get(name) or words.protocol.associations.get(name.partition(".")[2])
    return opening(analysis.role.replace("-", " ")) if analysis else "Part of the plan"


def _called(words: Words, name: str) -> Markup:
    analysis = words.protocol.analyses.get(name)
    if analysis is None:
        return text("<code>{name}</code>", name=name)
    return text(
        "{label} <code>{name}</code>", label=analysis.label or words.endpoint(analysis.endpoint), name=name
    )

"""Pre-specified or post hoc: each analysis against the locked plan, and where the plan now differs from it.

An analysis is pre-specified when it stood in the lock as it is carried out now, endpoint, estimand and all that it
rests on included. One that an amendment set after the first outcome was recorded is post hoc. Without a lock the
protocol's own `planned` counts, and the report says that nothing was locked. The dates of SIMULATED data are invented:
they are not held against the date of a lock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.protocol.canonical import definition
from armwise.protocol.lock import Entry, differences, read_lock, state

ANALYSIS: Final = "lock"
PRE_SPECIFIED, POST_HOC = "pre-specified", "post hoc"
ASKED: Final = "the protocol says so (`planned: false`)"
NEW: Final = "not in the locked plan"
INVENTED: Final = "the dates of SIMULATED data are invented: they say nothing of what was known by then"
#: Sections of the plan whose entries are analyses of their own: each is judged by itself.
BY_ENTRY: Final = ("associations", "thresholds", "anchors")
#: Analysis of rows -> the section of the plan that asks for them, where it has another name.
SECTIONS: Final = {
    "anchor": "anchors", "exposure": "treatments", "procedures": "treatments",
}  # fmt: skip
#: Sections that make rows of their own; the others are what analyses rest on.
MAKE_ROWS: Final = ("safety", "fragility", "imaging", "medication", "treatments", "cell_product")


@dataclass(frozen=True)
class Judged:
    """What the lock says of a study's results.

    Attributes:
        planned: analysis, section of the plan or entry of one (`anchors.pgic`) -> `pre-specified` or `post hoc`.
        why: the reason, for those that are post hoc.
        facts: all of it as plain data, for the manifest.
        rows: its counts, as rows of the results table.
    """

    planned: Mapping[str, str]
    why: Mapping[str, str]
    facts: Mapping[str, Any]
    rows: tuple[Row, ...] = field(default=())


def judged(derived: Derived) -> Judged:
    """Holds a study's protocol against its lock.

    Raises:
        FileError: the lock was changed by hand.
    """
    study = derived.study
    history = read_lock(study.folder, study.protocol.study.id)
    days = [] if study.simulated else _outcome_days(derived)
    why = {name: ASKED for name, analysis in study.protocol.analyses.items() if not analysis.planned}
    names = list(study.protocol.analyses)
    facts: dict[str, Any] = {"locked": bool(history)}
    if history:
        now = state(study.protocol, study.folder, history[-1].date)
        names += [name for name in _parts(now.plan) if name not in names]
        first = min(days, default=None)
        found = {name: _why(history, now, name, first) for name in names}
        why = {**{name: said for name, said in found.items() if said}, **why}
        facts |= _facts(history, now, None if study.simulated else days)
        facts["not_done"] = _not_done(history, now, first)
        facts["post_hoc_parts"] = {k: said for k, said in why.items() if k not in study.protocol.analyses}
    facts["post_hoc"] = {name: said for name, said in why.items() if name in study.protocol.analyses}
    planned = {name: POST_HOC if name in why else PRE_SPECIFIED for name in names}
    rows = _rows(history, None if study.simulated else days, len(study.protocol.analyses), facts)
    return Judged(planned, why, facts, tuple(rows))


def stamped(rows: Iterable[Row], verdict: Judged) -> list[Row]:
    """The rows with what the lock says of the analysis that made each: its companions and subgroups too."""
    return [
        {**r, "planned": said}
        if (said := next((v for k in _asked_by(r) if (v := verdict.planned.get(k))), None))
        else r
        for r in rows
    ]


def _asked_by(r: Row) -> tuple[str, ...]:
    """What of the plan asks for a row, the nearest first."""
    name, item = str(r["analysis"]).split(".")[0], str(r["item"] or "")
    if name == "effect_modification":  # `odi_ancova.age`: an interaction in the model of an analysis
        return (item.split(".")[0],)
    section = SECTIONS.get(name, name)
    return (f"{section}.{item}", section)


def _parts(plan: Mapping[str, Any]) -> Iterator[str]:
    """What makes rows and is no analysis: sections of the plan, and entries of those that hold analyses."""
    for section, entries in plan.items():
        if section in BY_ENTRY:
            yield from (f"{section}.{name}" for name in entries)
        elif section in MAKE_ROWS:
            yield section


def _outcome_days(derived: Derived) -> list[dt.date]:
    """The dates of the outcomes: one a subject and visit after baseline at which an endpoint is known."""
    known = derived.endpoints.filter(pl.col("outcome").is_not_null() & pl.col("date").is_not_null())
    return list(known.unique(["subject", "visit"])["date"])


def _why(history: Sequence[Entry], now: Entry, name: str, first: dt.date | None) -> str:
    """Why an analysis is post hoc; empty when it is pre-specified."""
    means = definition(now.collection, now.plan, name)
    locked = [definition(entry.collection, entry.plan, name) for entry in history]
    last = locked[-1]
    if last is None:
        return NEW
    if last != means:
        changed = sorted(k for k in {*last, *(means or {})} if last.get(k) != (means or {}).get(k))
        return f"changed after the lock: {', '.join(changed)}"
    since = len(locked) - 1
    while since and locked[since - 1] == means:
        since -= 1
    if since and first is not None and history[since].date >= first:
        return f"set by the amendment of {history[since].date}, when outcomes had been recorded"
    return ""


def _not_done(history: Sequence[Entry], now: Entry, first: dt.date | None) -> dict[str, str]:
    """Analyses that a locked plan had and the protocol has no longer, with what is known of when they went.

    One that an amendment took out before the first outcome was recorded was never due.
    """
    found: dict[str, str] = {}
    for i, entry in enumerate(history):
        after = history[i + 1] if i + 1 < len(history) else None
        kept = after or now
        for name in _analyses(entry):
            if name in _analyses(kept) or name in _analyses(now):
                continue
            if after is None:
                found[name] = "locked, and no longer in the protocol"
            elif first is None or after.date >= first:
                found[name] = f"taken out by the amendment of {after.date}"
    return found


def _analyses(entry: Entry) -> set[str]:
    """Analyses, and entries of sections that hold analyses."""
    held = {f"{section}.{name}" for section in BY_ENTRY for name in entry.plan.get(section, {})}
    return held | set(entry.plan.get("analyses", {}))


def _facts(history: Sequence[Entry], now: Entry, days: Sequence[dt.date] | None) -> dict[str, Any]:
    """The lock as plain data; without the days of outcomes (None: they are invented) nothing is counted by date."""
    entries = []
    for i, entry in enumerate(history):
        changes = list(differences(history[i - 1], entry)) if i else []
        entries.append(
            {
                "date": entry.date.isoformat(),
                "version": entry.version,
                "armwise": entry.armwise,
                "reason": entry.reason,
                "plan_hash": entry.plan_hash,
                "collection_hash": entry.collection_hash,
                "differences": [vars(d) for d in changes],
                "outcomes_before": None if days is None else _before(days, entry.date),
            }
        )
    return {
        "history": entries,
        "outcomes": None if days is None else len(days),
        "differences": [vars(d) for d in differences(history[-1], now)],
    }


def _before(days: Sequence[dt.date], date: dt.date) -> int:
    """How many outcomes had been recorded by the end of a day."""
    return sum(day <= date for day in days)


def _rows(
    history: Sequence[Entry], days: Sequence[dt.date] | None, analyses: int, facts: Mapping[str, Any]
) -> Iterator[Row]:
    about: dict[str, Any] = {"analysis": ANALYSIS, "role": "descriptive"}
    yield row("count", len(history), category="locked states", unit="states", **about)
    yield row(
        "count", len(facts["post_hoc"]), n=analyses, category="post hoc analyses", unit="analyses", **about
    )
    for i, entry in enumerate(history):
        known: dict[str, Any] = {"status": "not estimable", "reason": INVENTED}
        if days is not None:
            known = {"estimate": _before(days, entry.date), "n": len(days)}
        yield row(
            "count", known.pop("estimate", None), category="outcomes recorded by then", at=float(i + 1),
            unit="outcomes", **known, **about,
        )  # fmt: skip
    if history:
        yield row(
            "count", len(facts["differences"]), category="differences from the lock", unit="places", **about
        )
        yield row(
            "count", len(facts["not_done"]), category="locked analyses not done", unit="analyses", **about
        )

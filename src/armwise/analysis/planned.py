"""Pre-specified or post hoc: each analysis against the locked plan, and where the plan now differs from it.

An analysis is pre-specified when it stood in the lock as it is carried out now, endpoint, estimand and all that it
rests on included. One that an amendment set after the first outcome was recorded is post hoc. Without a lock the
protocol's own `planned` counts, and the report says that nothing was locked.
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


@dataclass(frozen=True)
class Judged:
    """What the lock says of a study's results.

    Attributes:
        planned: analysis (or section of the plan) -> `pre-specified` or `post hoc`.
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
    history = read_lock(study.folder)
    days = _outcome_days(derived)
    why = {name: ASKED for name, analysis in study.protocol.analyses.items() if not analysis.planned}
    names = list(study.protocol.analyses)
    facts: dict[str, Any] = {"locked": bool(history)}
    if history:
        now = state(study.protocol, study.folder, history[-1].date)
        names += [name for name in now.plan if name not in ("analyses", "study", "planned_size", *names)]
        first = min(days, default=None)
        found = {name: _why(history, now, name, first) for name in names}
        why = {**{name: said for name, said in found.items() if said}, **why}
        facts |= _facts(history, now, days)
    facts["post_hoc"] = {name: said for name, said in why.items() if name in study.protocol.analyses}
    planned = {name: POST_HOC if name in why else PRE_SPECIFIED for name in names}
    rows = _rows(history, days, len(study.protocol.analyses), facts)
    return Judged(planned, why, facts, tuple(rows))


def stamped(rows: Iterable[Row], verdict: Judged) -> list[Row]:
    """The rows with what the lock says of the analysis that made each: its companions and subgroups too."""
    return [
        {**r, "planned": said} if (said := verdict.planned.get(str(r["analysis"]).split(".")[0])) else r
        for r in rows
    ]


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


def _facts(history: Sequence[Entry], now: Entry, days: Sequence[dt.date]) -> dict[str, Any]:
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
                "outcomes_before": _before(days, entry.date),
            }
        )
    return {
        "history": entries,
        "outcomes": len(days),
        "differences": [vars(d) for d in differences(history[-1], now)],
    }


def _before(days: Sequence[dt.date], date: dt.date) -> int:
    """How many outcomes had been recorded by the end of a day."""
    return sum(day <= date for day in days)


def _rows(
    history: Sequence[Entry], days: Sequence[dt.date], analyses: int, facts: Mapping[str, Any]
) -> Iterator[Row]:
    about: dict[str, Any] = {"analysis": ANALYSIS, "role": "descriptive"}
    yield row("count", len(history), category="locked states", unit="states", **about)
    yield row(
        "count", len(facts["post_hoc"]), n=analyses, category="post hoc analyses", unit="analyses", **about
    )
    for i, entry in enumerate(history):
        yield row(
            "count", _before(days, entry.date), n=len(days), category="outcomes recorded by then", at=float(i + 1),
            unit="outcomes", **about,
        )  # fmt: skip
    if history:
        yield row(
            "count", len(facts["differences"]), category="differences from the lock", unit="places", **about
        )

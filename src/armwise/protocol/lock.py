"""The locked protocol: what is collected and the plan, fixed with a date before the outcomes are known.

`protocol.lock` holds each locked state in full, with its two hashes, so that one can say later not only that the plan
differs but where. Every entry carries the hash of the one before it: what was locked cannot be changed alone. Whoever
rewrites the whole file leaves no trace in it: keep the short hash that `armwise lock` prints where others can see it
(a registry, a letter).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from armwise.errors import FileError, UsageError
from armwise.protocol.canonical import ORDER, Data, collection, digest, plan
from armwise.protocol.load import load_protocol
from armwise.protocol.model import Protocol

FILE: Final = "protocol.lock"
FORMAT: Final = 1
_KEYS: Final = (
    *("date", "version", "armwise", "reason", "collection_hash", "plan_hash", "collection", "plan"),
    *("previous", "entry_hash"),
)
Kind = Literal["added", "changed", "dropped"]


@dataclass(frozen=True)
class Entry:
    """One locked state.

    Attributes:
        date: the day on which it was locked.
        version: the protocol's version, in its own words.
        armwise: the version of armwise that wrote it (whose defaults the plan leaves out).
        reason: why it was amended; empty for the first.
        collection_hash, plan_hash: SHA-256 of the two parts.
        collection, plan: the two parts, as `canonical` makes them.
        previous: the hash of the entry before it; empty for the first.
    """

    date: dt.date
    version: str
    armwise: str
    reason: str
    collection_hash: str
    plan_hash: str
    collection: Data
    plan: Data
    previous: str

    def as_dict(self) -> Data:
        """The entry as it stands in the file, with its own hash last."""
        made = {**vars(self), "date": self.date.isoformat()}
        return {**made, "entry_hash": digest(made)}


@dataclass(frozen=True)
class Difference:
    """Where two states differ: the dotted place, what stood there and what stands there now (None: nothing)."""

    place: str
    kind: Kind
    before: Any
    now: Any


def read_lock(folder: Path, study: str | None = None) -> tuple[Entry, ...]:
    """The locked states of a study, the oldest first; empty where it was never locked.

    Args:
        folder: the study folder.
        study: its `study.id`; with it, the lock of another study is refused.

    Raises:
        FileError: the file is no lock, what it holds does not have its hashes, or it locks another study.
    """
    file = folder / FILE
    if file.is_dir():
        todo = "move it away, and put the file back that `armwise lock` wrote, if there was one"
        raise FileError(f"{file}: found a folder, expected a file; {todo}")
    if not file.is_file():
        return ()
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        raw = data["history"]
        if data["format"] != FORMAT or not raw or any(set(r) != set(_KEYS) for r in raw):
            raise ValueError
        entries = tuple(_entry(r) for r in raw)
    except (ValueError, KeyError, TypeError):
        raise FileError(
            f"{file}: not a lock of this version; restore the file that `armwise lock` wrote"
        ) from None
    for i, (entry, found) in enumerate(zip(entries, raw, strict=True)):
        before = raw[i - 1]["entry_hash"] if i else ""
        whole = entry.as_dict()["entry_hash"] == found["entry_hash"] and entry.previous == before
        if (
            not whole
            or digest(entry.plan) != entry.plan_hash
            or digest(entry.collection) != entry.collection_hash
        ):
            what = (
                f"entry {i + 1} of {len(raw)} ({entry.date}) does not have its hash: it was changed by hand"
            )
            raise FileError(f"{file}: {what}; restore the file that `armwise lock` wrote")
    if study is not None and data.get("study", study) != study:
        what = f"it locks the study `{data['study']}`, and this one is `{study}`"
        raise FileError(
            f"{file}: {what}; restore this study's own lock, or its `study.id` if that was changed"
        )
    return entries


def _entry(raw: Data) -> Entry:
    fields = {k: v for k, v in raw.items() if k not in ("date", "entry_hash")}
    if not isinstance(fields["plan"], dict) or not isinstance(fields["collection"], dict):
        raise ValueError
    return Entry(date=dt.date.fromisoformat(raw["date"]), **fields)


def state(
    protocol: Protocol, folder: Path | None, date: dt.date, reason: str = "", previous: str = ""
) -> Entry:
    """The protocol as it stands, as an entry of a lock."""
    import armwise

    collected, planned = collection(protocol, folder), plan(protocol)
    return Entry(
        date=date, version=protocol.study.version, armwise=armwise.__version__, reason=reason,
        collection_hash=digest(collected), plan_hash=digest(planned), collection=collected, plan=planned,
        previous=previous,
    )  # fmt: skip


def lock(folder: Path, *, amend: str | None = None, today: dt.date | None = None) -> Entry:
    """Locks a study's protocol, or amends its lock.

    Args:
        folder: the study folder.
        amend: why the locked protocol changes; None to lock it for the first time.
        today: the date to write (by default today's, UTC).

    Returns:
        The new entry, which stands in `protocol.lock` now.

    Raises:
        ProtocolError: the protocol has mistakes.
        FileError: the lock that is there was changed by hand.
        UsageError: it is locked already, there is nothing to amend, or no reason is given.
    """
    protocol = load_protocol(folder)
    history = read_lock(folder, protocol.study.id)
    file = folder / FILE
    today = today or dt.datetime.now(dt.UTC).date()
    if history and amend is None:
        same = state(protocol, folder, today)
        changed = (same.collection_hash, same.plan_hash) != (
            history[-1].collection_hash,
            history[-1].plan_hash,
        )
        todo = (
            f'; to change it, say why: armwise lock {folder} --amend "reason"'
            if changed
            else ", as it stands"
        )
        raise UsageError(f"{file}: locked on {history[-1].date}{todo}")
    if not history and amend is not None:
        raise UsageError(f"{file}: there is no lock to amend; lock it first: armwise lock {folder}")
    if amend is not None and not amend.strip():
        raise UsageError("--amend needs a reason in words, which stays in the lock")
    if history and today < history[-1].date:
        raise UsageError(f"{file}: today is {today}, and the last entry is of {history[-1].date}")
    previous = history[-1].as_dict()["entry_hash"] if history else ""
    made = state(protocol, folder, today, (amend or "").strip(), previous)
    if history and not list(differences(history[-1], made)):
        raise UsageError(f"{file}: nothing differs from what was locked on {history[-1].date}")
    written = {
        "format": FORMAT,
        "study": protocol.study.id,
        "history": [e.as_dict() for e in (*history, made)],
    }
    whole = folder / f"{FILE}.new"  # a write that is cut short leaves the history that was there
    whole.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    whole.replace(file)
    return made


def differences(before: Entry, now: Entry) -> Iterator[Difference]:
    """Every place where what is collected, or the plan, differs between two states."""
    yield from _differ(before.collection, now.collection, "")
    yield from _differ(before.plan, now.plan, "")


def _differ(before: Any, now: Any, place: str) -> Iterator[Difference]:
    if before == now:
        return
    if not (isinstance(before, dict) and isinstance(now, dict)):
        yield Difference(place, "changed", before, now)
        return
    for key in dict.fromkeys((*before, *now)):
        there = f"{place}.{key}".removeprefix(".") if key != ORDER else f"{place} (order)"
        if key not in now:
            yield Difference(there, "dropped", before[key], None)
        elif key not in before:
            yield Difference(there, "added", None, now[key])
        elif key != ORDER or set(before[key]) == set(now[key]):  # a new name is said by itself
            yield from _differ(before[key], now[key], there)

"""The names that stand in a protocol, whether or not what they name could be built: a mistake is said once."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from armwise.errors import Severity
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of
from armwise.yaml_lines import KeyPath, nearest

#: Path of the key, what was found and expected, what to do; an error unless it says otherwise.
Finding = tuple[KeyPath, str, str] | tuple[KeyPath, str, str, Severity]

#: Columns that any table may have, beside the form's own items.
RESERVED = (
    *("subject", "site", "visit", "date", "status", "reason"),
    *("mode", "entered_by", "recorded_at", "collection"),
)
#: Columns that these tables have beside their items.
BUILT_IN: dict[str, tuple[str, ...]] = {
    "subjects": ("arm", "enrolled"),
    "screening": ("enrolled",),
    "events": ("event",),
}


class Known:
    """Names that stand in the file, and the entries (section, name) that hold a mistake of form."""

    def __init__(self, data: Mapping[str, Any], broken: Collection[tuple[str, str]], folder: Path) -> None:
        """From the file's data, its broken entries, and the folder where instruments of one's own lie."""
        self._data = data
        self._broken = broken
        self.folder = folder

    def names(self, section: str) -> list[str]:
        """The names in a section."""
        found = self._data.get(section)
        return [str(k) for k in found] if isinstance(found, dict) else []

    def items(self, form: str) -> list[str]:
        """The items of a form."""
        return [str(k) for k in _entries(_entries(_entries(self._data.get("forms")).get(form)).get("items"))]

    def broken(self, section: str, name: str | None = None) -> bool:
        """Whether an entry, or any entry of a section, holds a mistake already."""
        return any(s == section and name in (None, n) for s, n in self._broken)

    def cannot_tell(self, protocol: Protocol, ref: str) -> bool:
        """Whether `form.item` or `form.score` may exist: its form stands there, with a mistake that is in the list."""
        name, item = ref.split(".")
        form = protocol.forms.get(name)
        if form is None:
            return name in self.names("forms") or name == "subjects"
        if form.instrument and instrument_of(form, self.folder) is None:
            return True
        if not form.instrument and not form.items and not self.items(name) and name not in BUILT_IN:
            return True
        return self.broken("forms", name) and (item in self.items(name) or not form.items)


def _entries(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def unknown(what: str, word: str, known: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    """A finding when a word is none of those that are known."""
    names = list(known)
    if word not in names:
        yield path, f"unknown {what} `{word}`", nearest(word, names)


def form_of(
    protocol: Protocol, known: Known, name: str, here: KeyPath
) -> Generator[Finding, None, Form | None]:
    """The form that a section reads; none where there is no such form, or it holds a mistake that is told already."""
    form = protocol.forms.get(name)
    if form is None:
        yield from unknown("form", name, known.names("forms"), (*here, "form"))
        return None
    return None if known.broken("forms", name) else form

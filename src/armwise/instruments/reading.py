"""Reading a definition's YAML: every key knows its line, every mistake is kept, none stops the reading."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

from armwise.errors import InstrumentError, Problem
from armwise.yaml_lines import scan_yaml

Path = tuple[str, ...]
MISSING = object()


def nearest(word: object, known: Collection[str]) -> str:
    """`did you mean "x"?`, or the known words when none is near."""
    text = str(word).lower()
    match = difflib.get_close_matches(text, list(known), n=1)
    match = match or [one for one in known if text and str(one).lower().startswith(text)][:2]
    if match:
        return "did you mean " + " or ".join(f'"{one}"' for one in match) + "?"
    return "known: " + ", ".join(list(known)[:12]) + (", ..." if len(known) > 12 else "")


def is_number(value: object) -> bool:
    """A number of Python or NumPy; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


class Reading:
    """A YAML document, the line of each of its keys, and the mistakes found in it so far."""

    def __init__(self, text: str, file: str) -> None:
        """Parse `text`.

        Raises:
            InstrumentError: it is not YAML, or not a mapping.
        """
        self.file = file
        data, lines, mistakes = scan_yaml(text, file)
        if data is None and mistakes:
            raise InstrumentError("\n".join(map(str, mistakes)))
        if not isinstance(data, Mapping):
            raise InstrumentError(f"{file}: expected keys such as `id:`, `items:`, `scores:`; found none")
        self.mistakes: list[Problem] = list(mistakes)
        # Messages count the entries of a list from 1.
        self._lines = {
            tuple(str(p + 1) if isinstance(p, int) else p for p in path): at for path, at in lines.items()
        }
        self.root: Mapping[str, Any] = data

    def line(self, path: Path) -> int | None:
        """The line of a key, or of the nearest key above it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)

    def wrong(self, path: Path, found: str, expected: str, todo: str = "") -> None:
        """Keep a mistake: where, what was found, what was expected, what to do."""
        what = f"{found}; expected {expected}"
        self.mistakes.append(Problem("error", self.file, self.line(path), ".".join(path), what, todo))

    def finish(self) -> None:
        """Raise all the mistakes at once, in the order of the file."""
        if self.mistakes:
            count = len(self.mistakes)
            headline = f"{self.file}: {count} mistake{'s' if count > 1 else ''} in the definition"
            ordered = sorted(self.mistakes, key=lambda problem: problem.row or 0)
            raise InstrumentError("\n".join([headline, *(f"  {problem}" for problem in ordered)]))

    # -- values, each checked where it is taken ------------------------------------------------------

    def keys(
        self, value: object, path: Path, allowed: Collection[str], required: Collection[str] = ()
    ) -> bool:
        """True when `value` is a mapping; unknown and missing keys are mistakes."""
        if not isinstance(value, Mapping):
            self.wrong(path, f"found {_shown(value)}", "keys and values")
            return False
        for key in value:
            if key not in allowed:
                self.wrong((*path, str(key)), f'unknown key "{key}"', "a known key", nearest(key, allowed))
        for key in required:
            if key not in value:
                self.wrong(path, f'the key "{key}" is missing', f"`{key}:` here")
        return True

    def take(
        self, mapping: Mapping[str, Any], path: Path, key: str, kind: str, default: Any = MISSING
    ) -> Any:
        """`mapping[key]` of that kind (text, number, integer, yes/no); a wrong one is a mistake.

        A missing key without a default is reported by `keys`, so None stands in for it here.
        """
        if key not in mapping:
            return None if default is MISSING else default
        value = mapping[key]
        if kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        fits = {
            "text": isinstance(value, str),
            "number": is_number(value),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "yes/no": isinstance(value, bool),
        }[kind]
        if fits:
            return value
        expected = {
            "text": "a text",
            "number": "a number",
            "integer": "a whole number",
            "yes/no": "true or false",
        }
        self.wrong((*path, key), f"found {_shown(value)}", expected[kind])
        return None if default is MISSING else default

    def one_of(self, value: object, path: Path, allowed: Collection[str]) -> bool:
        """True when `value` is one of the allowed words."""
        if value in allowed:
            return True
        self.wrong(path, f"found {_shown(value)}", "one of " + ", ".join(allowed), nearest(value, allowed))
        return False


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f'"{value}"'

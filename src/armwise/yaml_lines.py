"""YAML with the line of every key, as messages about a file need it.

YAML is read as version 1.2 reads it (`no` is a word, not false; `12:30` is not a number), and a key that
stands twice is a mistake.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from armwise.errors import FileError, Problem, ProtocolError

#: Values that a file may hold when every alias is written out; a whole protocol has about a thousand.
UNFOLDED = 100_000
KeyPath = tuple[str | int, ...]
#: path of a key -> its line, counted from 1.
Lines = dict[KeyPath, int]


class _CoreScalars:
    """The scalars of YAML 1.2's core schema, for a loader of PyYAML's."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML's, but a value that its tag cannot hold (`!!int ten`) is a mistake with a line."""
        try:
            return super().construct_object(node, deep)  # type: ignore[misc]
        except (ValueError, KeyError, AttributeError, TypeError):
            what = f"`{str(node.value)[:40]}` cannot be read as {node.tag.rsplit(':', 1)[-1]}"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark) from None


class _Loader(_CoreScalars, yaml.SafeLoader):
    """Written in Python: the one whose messages people read."""


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", list("0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _date(loader: Any, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value  # 2026-02-30: the key that wants a date refuses it, beside all other mistakes


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
# `007` is seven in YAML 1.2, not an octal number.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


class _Fast(_CoreScalars, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """On libyaml, where PyYAML was built with it: seven times faster, the same nodes and marks."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    yaml_constructors = _Loader.yaml_constructors


def read_text(file: Path, missing: str) -> str:
    """The text of a file that people write.

    Args:
        file: the file.
        missing: what to say when there is none: what it is for, and how to get one.

    Raises:
        FileError: there is no such file, or it is not UTF-8; with the line.
    """
    if not file.is_file():
        raise FileError(f"{file}: no such file; {missing}")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileError(f"{file}:{line}: not UTF-8 text; save the file as UTF-8") from None


def read_yaml(text: str, file: str) -> tuple[Any, Lines]:
    """The data of a YAML text, and the line of every key.

    Raises:
        ProtocolError: the text is not YAML, or a key stands twice in one place.
    """
    data, lines, problems = scan_yaml(text, file)
    if problems:
        twice = data is not None
        raise ProtocolError(f"{file}: a key stands twice" if twice else f"{file} cannot be read", problems)
    return data, lines


def scan_yaml(text: str, file: str) -> tuple[Any, Lines, list[Problem]]:
    """As `read_yaml`, but the mistakes are returned: a key that stands twice, or (then the data are None) no YAML."""
    if _shallow(text):
        try:
            return _read(_Fast, text, file)
        except (yaml.YAMLError, RecursionError):
            pass  # read again by the other, for its message
    try:
        return _read(_Loader, text, file)
    except yaml.reader.ReaderError as error:
        what = f"the character U+{ord(text[error.position]):04X} may not stand in a text"
        found = _not_yaml(file, text.count("\n", 0, error.position) + 1, what)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        found = _not_yaml(file, line, error.problem or "it cannot be read")
    except RecursionError:
        found = _not_yaml(file, 1, "brackets or indentation go hundreds of levels deep")
    return None, {(): 1}, [found]


def _shallow(text: str) -> bool:
    """Whether the text cannot nest so deeply that libyaml's caller overruns its stack (100,000 brackets do)."""
    return len(text) < 1_000_000 and sum(text.count(mark) for mark in "[{?-") < 4_000


def _read(kind: Any, text: str, file: str) -> tuple[Any, Lines, list[Problem]]:
    loader = kind(text)
    try:
        node = loader.get_single_node()
        lines: Lines = {(): 1}
        problems: list[Problem] = []
        if node is None:
            return None, lines, problems
        _walk(node, (), lines, problems, file)
        if _unfolded(node, {}) > UNFOLDED:
            what = f"its aliases (*name) unfold into more than {UNFOLDED:,} values"
            todo = "write out what is meant, without anchors (&name) and aliases"
            return None, lines, [Problem("error", file, 1, "", what, todo)]
        return loader.construct_document(node), lines, problems
    finally:
        loader.dispose()


def _not_yaml(file: str, line: int, what: str) -> Problem:
    spaces, other = (
        "indent with spaces, not with tabs",
        "check the indentation, quotes and brackets of this line",
    )
    return Problem("error", file, line, "", f"not YAML: {what}", spaces if "\\t" in what else other)


def _walk(
    node: yaml.Node,
    path: KeyPath,
    lines: Lines,
    problems: list[Problem],
    file: str,
    seen: set[int] | None = None,
) -> None:
    seen = set() if seen is None else seen
    if id(node) in seen:  # an alias: its keys stand where the anchor is
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                what = f"the key `{key.value}` stands here and on line {lines[here]}"
                problems.append(Problem("error", file, line, dotted(here), what, "keep one of them"))
                continue
            lines[here] = line
            _walk(value, here, lines, problems, file, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _walk(value, (*path, index), lines, problems, file, seen)


def _unfolded(node: yaml.Node, sizes: dict[int, int]) -> int:
    """The values that a reader of the data meets: an alias costs one word in the file, and here all it stands for."""
    if id(node) not in sizes:
        sizes[id(node)] = 1  # an alias that holds itself ends here
        parts: Iterable[yaml.Node] = ()
        if isinstance(node, yaml.MappingNode):
            parts = (value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        sizes[id(node)] = 1 + sum(_unfolded(part, sizes) for part in parts)
    return sizes[id(node)]


def dotted(path: Iterable[str | int]) -> str:
    """`('analyses', 'primary', 'at', 0)` -> `analyses.primary.at[0]`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def line_of(lines: Lines, path: KeyPath) -> int:
    """The line of a key, or of the nearest key above it."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def span_of(text: str, path: KeyPath) -> tuple[int, int] | None:
    """Where a key's value stands in a YAML text: its first character and the one after its last; None without it."""
    node = yaml.compose(text, Loader=_Loader)
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for key, value in pairs if key.value == part), None)
    return None if node is None else (node.start_mark.index, node.end_mark.index)


def word(value: Any) -> str:
    """A value of YAML as it would stand in a table: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean `x`?`, or the known words when none is near."""
    names = list(dict.fromkeys(known))
    lower = {name.lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(str(word).lower(), lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{lower[close[0]]}`?"
    listed = ", ".join(f"`{name}`" for name in names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known here: {listed}" if names else "none is known here"

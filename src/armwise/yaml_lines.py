"""YAML with the line of every key, as messages about a file need it.

YAML is read as version 1.2 reads it (`no` is a word, not false; `12:30` is not a number), and a key that
stands twice is a mistake.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import yaml

from armwise.errors import Problem, ProtocolError

KeyPath = tuple[str | int, ...]
#: path of a key -> its line, counted from 1.
Lines = dict[KeyPath, int]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, the base class declares it

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML's, but a value that its tag cannot hold (`!!int ten`) is a mistake with a line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError):
            what = f"`{str(node.value)[:40]}` cannot be read as {node.tag.rsplit(':', 1)[-1]}"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark) from None


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", list("0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _date(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value  # 2026-02-30: the key that wants a date refuses it, beside all other mistakes


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
# `007` is seven in YAML 1.2, not an octal number.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def read_yaml(text: str, file: str) -> tuple[Any, Lines]:
    """The data of a YAML text, and the line of every key.

    Raises:
        ProtocolError: the text is not YAML, or a key stands twice in one place.
    """
    loader = _loader(text, file)
    try:
        node = loader.get_single_node()
        lines: Lines = {(): 1}
        problems: list[Problem] = []
        if node is not None:
            _walk(node, (), lines, problems, file)
        if problems:
            raise ProtocolError(f"{file}: a key stands twice", problems)
        return (loader.construct_document(node) if node is not None else None), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _not_yaml(file, line, error.problem or "it cannot be read") from None
    except RecursionError:
        raise _not_yaml(file, 1, "brackets or indentation go hundreds of levels deep") from None
    finally:
        loader.dispose()


def _loader(text: str, file: str) -> _Loader:
    try:
        return _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"the character U+{ord(text[error.position]):04X} may not stand in a text"
        raise _not_yaml(file, line, what) from None


def _not_yaml(file: str, line: int, what: str) -> ProtocolError:
    tab = "\\t" in what
    todo = (
        "indent with spaces, not with tabs"
        if tab
        else "check the indentation, quotes and brackets of this line"
    )
    return ProtocolError(
        f"{file} cannot be read", [Problem("error", file, line, "", f"not YAML: {what}", todo)]
    )


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

"""protocol.yaml -> `Protocol`, or every mistake in it at once, each with its line.

Mistakes of the file's form (a missing key, an unknown word) are found here; references from one section
to another are followed by `check`.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from armwise.errors import FileError, Problem, ProtocolError
from armwise.protocol.model import Protocol
from armwise.yaml_lines import KeyPath, Lines, dotted, line_of, nearest, read_yaml


def load_protocol(path: Path) -> Protocol:
    """Reads and checks a protocol.

    Args:
        path: the file, or the study folder that holds `protocol.yaml`.

    Returns:
        The protocol, every reference in it followed.

    Raises:
        FileError: there is no such file.
        ProtocolError: it holds mistakes; `problems` lists them all.
    """
    protocol, problems = read_protocol(path)
    errors = [p for p in problems if p.severity == "error"]
    if errors or protocol is None:
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        raise ProtocolError(f"{path}: {count}", errors)
    return protocol


def parse_protocol(text: str, file: str) -> Protocol:
    """A protocol from its text alone: the snapshot in a results folder, whose references were followed once.

    Raises:
        ProtocolError: the text is not a protocol.
    """
    data, lines = read_yaml(text, file)
    protocol, problems = build(Protocol, data, lines, file)
    if protocol is None or problems:
        raise ProtocolError(f"{file}: not a protocol of this version", problems)
    return protocol


def read_protocol(path: Path) -> tuple[Protocol | None, list[Problem]]:
    """As `load_protocol`, but returns the mistakes and warnings: the protocol is None when it cannot be built."""
    from armwise.protocol.check import check

    file = path / "protocol.yaml" if path.is_dir() else path
    if not file.is_file():
        raise FileError(
            f"{file}: no such file; a study folder holds a protocol.yaml (`armwise init` writes one)"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    data, lines = read_yaml(text, file.name)
    protocol, problems = build(Protocol, data, lines, file.name)
    if protocol is not None:
        problems += check(protocol, data, lines, file)
    # In the order of the file; a section that could not be built is checked as far as it can be.
    problems.sort(key=lambda p: (p.row or 0, p.column))
    broken = any(p.severity == "error" for p in problems)
    return (None if broken else protocol), problems


Model = typing.TypeVar("Model", bound=BaseModel)


def build(model: type[Model], data: Any, lines: Lines, file: str) -> tuple[Model | None, list[Problem]]:
    """Data -> model, with one problem a mistake.

    Where an entry (one endpoint, one analysis) is wrong it is left out and the rest is built, so that the rest
    can be checked too; the mistakes stay in the list. The model is None when what is left cannot be built.
    """
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        what = f"found {found}, expected keys: {', '.join(model.model_fields)}"
        return None, [Problem("error", file, 1, "", what, "start from `armwise init`")]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        problems, wrong = _explain(model, error, data, lines, file)
    kept = _without(data, wrong)
    if "study" in model.model_fields:
        # A slip in the title must not hide one in the analyses: what is wrong or missing here stands in for the check.
        stand_in = {
            "id": "?",
            "version": "?",
            "title": "?",
            "allocation": "nonrandomised",
            "masking": "open-label",
        }
        kept["study"] = {**stand_in, **kept.get("study", {})}
    try:
        return model.model_validate(kept), problems
    except ValidationError:
        return None, problems


def _explain(
    model: type[BaseModel], error: ValidationError, data: Any, lines: Lines, file: str
) -> tuple[list[Problem], set[KeyPath]]:
    seen: dict[KeyPath, Problem] = {}
    wrong: set[KeyPath] = set()
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], data, missing=detail["type"] == "missing")
        wrong.add(path[:2])
        if path in seen:  # the other members of a union fail at the same place
            continue
        what, todo = _words(model, detail, path, data)
        seen[path] = Problem("error", file, line_of(lines, path), dotted(path), what, todo)
    return list(seen.values()), wrong


def _real_path(loc: Iterable[str | int], data: Any, *, missing: bool) -> KeyPath:
    """The part of pydantic's location that stands in the file: it also names union members and validators."""
    path: list[str | int] = []
    parts = list(loc)
    for number, part in enumerate(parts):
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif missing and number == len(parts) - 1:
            pass
        else:
            continue
        path.append(part)
    return tuple(path)


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part] if (isinstance(data, list) or part in data) else None
    return data


def _words(model: type[BaseModel], detail: Any, path: KeyPath, data: Any) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    key = path[-1] if path else ""
    if kind == "extra_forbidden":
        return f"unknown key `{key}`", nearest(str(key), _keys_at(model, path[:-1]))
    if kind == "missing":
        return f"the key `{key}` is missing", f"add `{key}:` here"
    if kind == "value_error":
        return str(context.get("error", detail["msg"])), ""
    found = _at(data, path)
    if kind == "literal_error":
        expected = [w.strip(" '\"") for w in re.split(r",| or ", str(context["expected"])) if w.strip()]
        return f"found `{found}`, expected one of {', '.join(expected)}", nearest(str(found), expected)
    if kind == "string_pattern_mismatch":
        form = (
            "form.score, like odi.total"
            if "\\." in str(context["pattern"])
            else "a name of small letters, digits and _"
        )
        return f"found `{found}`, expected {form}", ""
    if kind == "string_type":
        return f"found {found!r}, expected text", "put it in quotes"
    return f"found {found!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}", ""


def _keys_at(model: Any, path: KeyPath) -> list[str]:
    """The keys that a section knows: the path is followed through the models' annotations."""
    for part in path:
        model = _member(model, part)
    model = _model_in(model)
    return list(model.model_fields) if model else []


def _member(annotation: Any, part: str | int) -> Any:
    model = _model_in(annotation)
    if model and isinstance(part, str) and part in model.model_fields:
        return model.model_fields[part].annotation
    arguments = [a for a in typing.get_args(annotation) if a is not Ellipsis]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((_member(a, part) for a in arguments if _member(a, part) is not None), None)
    return arguments[-1] if arguments else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return next((m for a in typing.get_args(annotation) if (m := _model_in(a))), None)
    return None


def _without(data: dict[str, Any], wrong: set[KeyPath]) -> dict[str, Any]:
    """The data less the entries that are wrong, so that the rest can still be checked."""
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if (key,) in wrong:
            continue
        if isinstance(value, dict):
            kept[key] = {k: v for k, v in value.items() if (key, k) not in wrong}
        elif isinstance(value, list):
            kept[key] = [v for i, v in enumerate(value) if (key, i) not in wrong]
        else:
            kept[key] = value
    return kept

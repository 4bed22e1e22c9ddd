"""Data -> model, with every mistake of form in our words: where, what was found, what was expected, the nearest key."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from armwise.errors import Problem
from armwise.yaml_lines import KeyPath, Lines, dotted, line_of, nearest

Model = typing.TypeVar("Model", bound=BaseModel)

#: Kinds of pydantic's errors -> what was expected.
EXPECTED = {
    "string_type": "text",
    "string_too_long": "at most {max_length} characters",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "dict_type": "named entries: `name: ...`",
    "tuple_type": "a list: [..., ...]",
    "too_long": "at most {max_length}",
    "too_short": "at least {min_length}",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}


def build(model: type[Model], data: Any, lines: Lines, file: str) -> tuple[Model | None, list[Problem]]:
    """Data -> model, with one problem a mistake.

    What is wrong is left out (the key; if that does not help, its whole entry) and the rest is built, so that the rest
    can be checked too; the mistakes stay in the list. The model is None when what is left cannot be built.

    Args:
        model: the model.
        data: the file's data.
        lines: the line of every key.
        file: the file's name in the problems.
    """
    if not isinstance(data, dict):
        what = f"found {_shown(data)}, expected keys: {', '.join(model.model_fields)}"
        return None, [Problem("error", file, 1, "", what, "start from `armwise init`")]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        mistakes = _mistakes(error, data)
    problems = [_problem(model, path, details, lines, file) for path, details in mistakes.items()]
    kept: Any = data
    for depth in (3, 2):
        kept = _without(kept, {_entry(path, details, depth) for path, details in mistakes.items()})
        kept = _stand_in(kept) if "study" in model.model_fields else kept
        try:
            return model.model_validate(kept), problems
        except ValidationError as error:
            mistakes = _mistakes(error, kept)
    return None, problems


def _mistakes(error: ValidationError, data: Any) -> dict[KeyPath, list[Any]]:
    """Where -> what is wrong there. A union fails once a member: of its failures those that lie deepest are meant."""
    found: dict[KeyPath, list[Any]] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_real_path(detail, data), []).append(detail)
    return {
        path: details
        for path, details in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found)
        or details[0]["type"] in ("missing", "extra_forbidden")
    }


def _real_path(detail: Any, data: Any) -> KeyPath:
    """The part of pydantic's location that stands in the file: it also names union members and validators."""
    path: list[str | int] = []
    for number, part in enumerate(detail["loc"]):
        if isinstance(data, Mapping) and (key := _key(data, part)) is not None:
            path.append(str(part))
            data = data[key[0]]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
        elif detail["type"] == "missing" and number == len(detail["loc"]) - 1 and isinstance(part, str):
            path.append(part)
    return tuple(path)


def _key(data: Mapping[Any, Any], part: str | int) -> tuple[Any] | None:
    """The key as it stands in the data: what YAML reads as a number, or as nothing, is text in the location."""
    return next(((key,) for key in data if key == part or str(key) == str(part)), None)


def _entry(path: KeyPath, details: Sequence[Any], depth: int) -> KeyPath:
    """What to leave out so that the rest can be built."""
    if path[:1] == ("published",):  # a list: what comes later would be taken for its neighbour
        return path[:1]
    if details[0]["type"] == "extra_forbidden":
        return path
    return path[: depth + 1] if path[:1] == ("forms",) and path[2:3] == ("items",) else path[:depth]


def _without(data: Any, wrong: set[KeyPath], here: KeyPath = ()) -> Any:
    if len(here) > max(map(len, wrong), default=0):
        return data
    if isinstance(data, dict):
        return {k: _without(v, wrong, p) for k, v in data.items() if (p := (*here, str(k))) not in wrong}
    if isinstance(data, list):
        return [_without(v, wrong, p) for i, v in enumerate(data) if (p := (*here, i)) not in wrong]
    return data


def _stand_in(data: dict[str, Any]) -> dict[str, Any]:
    """A slip in a title or an arm's label must not hide one in the analyses: something stands in for it."""
    study = {"id": "?", "version": "?", "title": "?", "allocation": "nonrandomised", "masking": "open-label"}
    made = {**data, "study": {**study, **_entries(data.get("study"))}}
    if arms := _entries(data.get("arms")):
        made["arms"] = {name: {"label": "?", **_entries(arm)} for name, arm in arms.items()}
    return made


def _entries(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _problem(
    model: type[BaseModel], path: KeyPath, details: Sequence[Any], lines: Lines, file: str
) -> Problem:
    what, todo = _words(model, path, details)
    return Problem("error", file, line_of(lines, path), dotted(path), what, todo)


def _words(model: type[BaseModel], path: KeyPath, details: Sequence[Any]) -> tuple[str, str]:
    kind, found, key = details[0]["type"], details[0]["input"], path[-1] if path else ""
    if kind == "extra_forbidden":
        return f"unknown key `{key}`", nearest(str(key), _keys_at(model, path[:-1]))
    if kind == "missing" and isinstance(details[0]["loc"][-1], int):
        return f"found {_entries_of(found)}, expected {details[0]['loc'][-1] + 1}", ""
    if kind == "missing":
        return f"the key `{key}` is missing", f"add `{key}:` here"
    if kind == "value_error":
        return str(details[0].get("ctx", {}).get("error", details[0]["msg"])), ""
    expected = " or ".join(dict.fromkeys(_expected(model, path, detail) for detail in details))
    if any(detail["type"] in ("too_short", "too_long") for detail in details):
        return f"found {_entries_of(found)}, expected {expected}", ""
    return f"found {_shown(found)}, expected {expected}", _todo(details[0])


def _expected(model: type[BaseModel], path: KeyPath, detail: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        choices = _choices(detail)
        return f"one of {', '.join(choices)}" if len(choices) > 1 else f"`{choices[0]}`"
    if detail["loc"][-1] == "[key]":
        return "a name of small letters, digits and _, a letter first"
    if kind == "string_pattern_mismatch":
        if "\\." in str(context["pattern"]):
            return "two names with a point between them, like odi.total"
        return "a name of small letters, digits and _, a letter first"
    if kind == "model_type":
        return f"keys: {', '.join(_keys_at(model, path))}"
    if kind.startswith("date_"):
        return "a date like 2026-03-31"
    text = str(detail["msg"])
    return EXPECTED[kind].format(**context) if kind in EXPECTED else f"otherwise: {text[0].lower()}{text[1:]}"


def _choices(detail: Any) -> list[str]:
    return [w.strip(" '\"") for w in re.split(r",| or ", str(detail["ctx"]["expected"])) if w.strip()]


def _todo(detail: Any) -> str:
    found = detail["input"]
    if detail["loc"][-1] == "[key]":
        return ""
    if detail["type"] == "literal_error":
        near = nearest(str(found), _choices(detail))
        return near if near.startswith("did you mean") else ""
    if detail["type"] == "string_type" and found is not None and not isinstance(found, dict | list):
        return "put it in quotes"
    return ""


def _entries_of(found: Any) -> str:
    return f"{len(found)} entr{'y' if len(found) == 1 else 'ies'}"


def _shown(found: Any) -> str:
    if found is None:
        return "nothing"
    if isinstance(found, dict):
        return f"the keys {', '.join(map(str, found))}"[:80] if found else "no entries"
    if isinstance(found, list):
        return f"a list of {len(found)}" if found else "an empty list"
    return f"`{str(found).lower() if isinstance(found, bool) else str(found)[:80]}`"


def _keys_at(model: Any, path: Iterable[str | int]) -> list[str]:
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

"""The JSON Schema of protocol.yaml: an editor that has it completes keys and marks mistakes while one types."""

from __future__ import annotations

import json
from typing import Any

from armwise.protocol.model import METHODS, Protocol


def schema() -> dict[str, Any]:
    """The schema as data, short forms (a list of choices, a visit as a word) included."""
    made = Protocol.model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "armwise protocol"
    parts = made["$defs"]
    parts["Analysis"]["properties"]["method"] = {
        "enum": list(METHODS),
        "description": "the methods of this version",
    }
    word = {"type": "string"}
    for part in ("Analysis", "Form", "Thresholds"):
        parts[part]["properties"]["at"] = {"anyOf": [word, {"type": "array", "items": word, "minItems": 1}]}
    choices = parts["Item"]["properties"]["choices"]
    choices["anyOf"] = [*choices["anyOf"], {"type": "array", "items": word}]
    amount = {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[0-9.]+ ?%?$"}]
    }
    for operator in ("at_least", "more_than"):
        parts["Threshold"]["properties"][operator] = amount
        parts["Improvement"]["properties"][operator] = amount
    parts["Covariate"] = {
        "anyOf": [{"type": "string", "pattern": r"^[a-z0-9_]+\.[a-z0-9_]+$"}, parts["Covariate"]]
    }
    parts["Family"] = {"anyOf": [{"type": "array", "items": word}, parts["Family"]]}
    parts["Mark"] = {"anyOf": [word, parts["Mark"]]}
    parts["Modifier"] = {"anyOf": [word, parts["Modifier"]]}
    _close(made)
    return made


def _close(part: Any) -> None:
    """A section whose names have a pattern takes no other name."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _close(inner)
    if isinstance(part, dict) and "patternProperties" in part:
        part.setdefault("additionalProperties", False)


def schema_text() -> str:
    """The schema as JSON text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"

"""A definition file's text -> `Instrument`, with all its mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from armwise.instruments.definition import (
    MCID,
    Instrument,
    Item,
    Option,
    ScoreDef,
    Source,
)
from armwise.instruments.reading import Path, Reading, is_number
from armwise.instruments.rules import RULE_KEYS, parse_rule

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
STATUSES = ("confirmed", "unconfirmed")
TOP = ("id", "title", "version", "description", "recall", "items", "options", "scores", "mcids", "licence")
SCORE_KEYS = ("label", "range", "higher_is_better", "decimals", "unit", "missing")


def parse(text: str, file: str) -> Instrument:
    """Read a definition.

    Args:
        text: the YAML file's contents.
        file: its name, for messages.

    Returns:
        The instrument.

    Raises:
        InstrumentError: with every mistake: file, line, key, what was found, what was expected.
    """
    reading = Reading(text, file)
    root = reading.root
    required = ("id", "title", "items", "scores")
    reading.keys(root, (), (*TOP, "notice", "sources"), required)
    texts = {
        key: (reading.take(root, (), key, "text", "") or "").strip()
        for key in ("id", "title", "version", "description", "recall", "licence", "notice")
    }
    _named(reading, ("id",), texts["id"])
    items = _items(reading, root, texts["recall"])
    options = _options(reading, root)
    scores = _scores(reading, root, items, options)
    mcids = _mcids(reading, root, [score.name for score in scores])
    sources = _sources(reading, root)
    reading.finish()
    return Instrument(
        items=tuple(items.values()),
        options=options,
        scores=tuple(scores),
        mcids=tuple(mcids),
        sources=tuple(sources),
        file=file,
        **texts,
    )


def _named(reading: Reading, path: Path, name: str) -> None:
    if name and not NAME.match(name):
        reading.wrong(path, f'found "{name}"', "a name of a-z, 0-9 and _ that begins with a letter")


def _range(reading: Reading, body: Mapping[str, Any], path: Path) -> tuple[float, float]:
    value = body.get("range")
    if isinstance(value, list) and len(value) == 2 and all(is_number(v) for v in value):
        if value[0] < value[1]:
            return float(value[0]), float(value[1])
        reading.wrong((*path, "range"), f"found {value}", "the smaller number first")
    elif "range" in body:
        reading.wrong((*path, "range"), f"found {value}", "two numbers, such as [0, 5]")
    return 0.0, 1.0


def _items(reading: Reading, root: Mapping[str, Any], recall: str) -> dict[str, Item]:
    items: dict[str, Item] = {}
    found = root.get("items", {})
    allowed = ("label", "range", "integer", "recall", "optional", "if_applicable")
    if not reading.keys(found, ("items",), found if isinstance(found, Mapping) else ()):
        return items
    if not found and "items" in root:
        reading.wrong(("items",), "no item", "at least one item")
    for code, body in found.items():
        path = ("items", str(code))
        _named(reading, path, str(code))
        if not reading.keys(body, path, allowed, ("label", "range")):
            continue
        lo, hi = _range(reading, body, path)
        items[code] = Item(
            code=code,
            label=reading.take(body, path, "label", "text", ""),
            lo=lo,
            hi=hi,
            integer=reading.take(body, path, "integer", "yes/no", True),
            recall=reading.take(body, path, "recall", "text", None) or recall or None,
            optional=reading.take(body, path, "optional", "yes/no", False),
            if_applicable=reading.take(body, path, "if_applicable", "yes/no", False),
        )
    return items


def _options(reading: Reading, root: Mapping[str, Any]) -> dict[str, Option]:
    options: dict[str, Option] = {}
    found = root.get("options", {})
    if not reading.keys(found, ("options",), found if isinstance(found, Mapping) else ()):
        return options
    for name, body in found.items():
        path = ("options", str(name))
        _named(reading, path, str(name))
        if not reading.keys(body, path, ("choices", "default", "meaning", "status"), ("choices",)):
            continue
        choices = body.get("choices")
        if not isinstance(choices, list) or len(choices) < 2:
            if "choices" in body:
                reading.wrong((*path, "choices"), f"found {choices}", "a list of at least two choices")
            continue
        default = body.get("default")
        if default is not None and not any(
            default is c or (default == c and type(default) is type(c)) for c in choices
        ):
            known = ", ".join(map(str, choices))
            reading.wrong((*path, "default"), f'found "{default}"', f"one of its choices: {known}")
        status = reading.take(body, path, "status", "text", "confirmed")
        reading.one_of(status, (*path, "status"), STATUSES)
        meaning = reading.take(body, path, "meaning", "text", "").strip()
        options[name] = Option(name, tuple(choices), default, meaning, status)
    return options


def _scores(
    reading: Reading, root: Mapping[str, Any], items: Mapping[str, Item], options: Mapping[str, Option]
) -> list[ScoreDef]:
    scores: list[ScoreDef] = []
    found = root.get("scores", {})
    if not reading.keys(found, ("scores",), found if isinstance(found, Mapping) else ()):
        return scores
    if not found and "scores" in root:
        reading.wrong(("scores",), "no score", "at least one score")
    for name, body in found.items():
        path = ("scores", str(name))
        _named(reading, path, str(name))
        needed = ("label", "range", "higher_is_better", "rule", "items")
        if not reading.keys(body, path, (*SCORE_KEYS, *RULE_KEYS), needed):
            continue
        lo, hi = _range(reading, body, path)
        scores.append(
            ScoreDef(
                name=str(name),
                label=reading.take(body, path, "label", "text", ""),
                lo=lo,
                hi=hi,
                higher_is_better=reading.take(body, path, "higher_is_better", "yes/no", False),
                decimals=reading.take(body, path, "decimals", "integer", 1),
                unit=reading.take(body, path, "unit", "text", "points"),
                missing=(reading.take(body, path, "missing", "text", "") or "").strip(),
                rule=parse_rule(reading, body, path, items, options),
            )
        )
    return scores


def _mcids(reading: Reading, root: Mapping[str, Any], scores: list[str]) -> list[MCID]:
    mcids: list[MCID] = []
    found = root.get("mcids", [])
    if not isinstance(found, list):
        reading.wrong(("mcids",), "no list", "a list of differences")
        return mcids
    keys = ("score", "value", "kind", "population", "citation", "status")
    for i, body in enumerate(found):
        path = ("mcids", str(i + 1))
        if not reading.keys(body, path, (*keys, "note"), keys):
            continue
        for key, allowed in (("score", scores), ("kind", ("points", "percent")), ("status", STATUSES)):
            if key in body:
                reading.one_of(body[key], (*path, key), allowed)
        value = reading.take(body, path, "value", "number", 0)
        words = {k: reading.take(body, path, k, "text", "") for k in (*keys, "note") if k != "value"}
        mcids.append(MCID(value=float(value or 0), **words))
    return mcids


def _sources(reading: Reading, root: Mapping[str, Any]) -> list[Source]:
    sources: list[Source] = []
    found = root.get("sources", [])
    if not isinstance(found, list):
        reading.wrong(("sources",), "no list", "a list of citations")
        return sources
    for i, body in enumerate(found):
        path = ("sources", str(i + 1))
        entry = {"citation": body} if isinstance(body, str) else body
        if not reading.keys(entry, path, ("citation", "status"), ("citation",)):
            continue
        status = entry.get("status", "confirmed")
        reading.one_of(status, (*path, "status"), STATUSES)
        citation = str(reading.take(entry, path, "citation", "text", ""))
        sources.append(Source(citation, "confirmed" if status == "confirmed" else "unconfirmed"))
    return sources

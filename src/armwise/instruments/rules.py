"""A score's rule, as a definition file writes it -> `Rule`, with its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from armwise.instruments.definition import PRORATE, RULES, Chosen, Item, Option, Rule
from armwise.instruments.reading import Path, Reading, is_number, nearest

RULE_KEYS = (
    "rule",
    "items",
    "recode",
    "max_missing",
    "min_answered",
    "prorate",
    "lookup",
    "value_set",
    "column",
    "round",
)


def parse_rule(
    reading: Reading,
    body: Mapping[str, Any],
    path: Path,
    items: Mapping[str, Item],
    options: Mapping[str, Option],
) -> Rule:
    """The rule of one score.

    Args:
        reading: where mistakes are kept.
        body: the score's keys.
        path: where they stand in the file.
        items: the instrument's items.
        options: the instrument's options.

    Returns:
        The rule; what was wrong in it is replaced by something harmless, and kept as a mistake.
    """
    name = body.get("rule", "sum")
    reading.one_of(name, (*path, "rule"), RULES)
    codes = _codes(reading, body, path, items)
    if name == "single" and len(codes) != 1:
        reading.wrong((*path, "items"), f"found {len(codes)} items", "one item for the rule single")
    max_missing = _max_missing(reading, body, path, codes, options)
    prorate = _part(
        reading,
        body,
        (*path, "prorate"),
        options,
        "none",
        lambda value: value in PRORATE,
        "one of " + ", ".join(PRORATE),
    )
    if name == "sum" and max_missing != 0 and prorate == "none":
        expected = "`prorate: zero, mean or attainable`"
        reading.wrong((*path, "rule"), "a sum with missing items, and no `prorate:`", expected)
    if "prorate" in body and name != "sum":
        reading.wrong((*path, "prorate"), f"prorate with the rule {name}", "prorate only with the rule sum")
    decimals = _part(
        reading,
        body,
        (*path, "round"),
        options,
        None,
        lambda value: value is None or (isinstance(value, int) and 0 <= value <= 6),
        "decimals from 0 to 6",
    )
    recode = _recode(reading, body, path, codes, items, options)
    return Rule(
        name=name,
        items=tuple(codes),
        recode=recode,
        max_missing=max_missing,
        prorate=prorate,
        lookup=_lookup(reading, body, path, codes, items, recode),
        round=decimals,
        **_value_set(reading, name, body, path, options, codes, items),
    )


def _max_missing(
    reading: Reading, body: Mapping[str, Any], path: Path, codes: list[str], options: Mapping[str, Option]
) -> object:
    """How many items may be missing, from `max_missing` or from `min_answered`."""
    size = len(codes)
    if "min_answered" not in body:

        def fits(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < max(size, 1)

        expected = f"a whole number from 0 to {size - 1} (one of the {size} items must be answered)"
        return _part(reading, body, (*path, "max_missing"), options, 0, fits, expected)
    if "max_missing" in body:
        reading.wrong((*path, "min_answered"), "both max_missing and min_answered", "one of them")
    answered = reading.take(body, path, "min_answered", "integer", size)
    if not 1 <= answered <= size:
        reading.wrong((*path, "min_answered"), f"found {answered}", f"a number from 1 to {size}")
    return size - int(answered)


def _codes(reading: Reading, body: Mapping[str, Any], path: Path, items: Mapping[str, Item]) -> list[str]:
    """The items of a score: `all`, one code, or a list of codes."""
    found = body.get("items", [])
    if found == "all":
        return list(items)
    listed = found if isinstance(found, list) else [found]
    for i, code in enumerate(listed):
        where = (*path, "items", str(i + 1))
        if code not in items:
            reading.wrong(where, f'unknown item "{code}"', "an item of this file", nearest(code, items))
        if code in listed[:i]:
            reading.wrong(where, f'the item "{code}" twice', "once")
    return [code for code in listed if code in items]


def _part(
    reading: Reading,
    body: Mapping[str, Any],
    path: Path,
    options: Mapping[str, Option],
    default: object,
    fits: Callable[[object], bool],
    expected: str,
) -> object:
    """A part of a rule: a value, `{option: name}`, or `{option: name, <choice>: <value>, ...}`."""
    key = path[-1]
    if key not in body:
        return default
    value = body[key]
    if not isinstance(value, Mapping) or "option" not in value:
        if not fits(value):
            reading.wrong(path, f'found "{value}"', f"{expected}, or `option:` and its cases")
            return default
        return value
    option = value["option"]
    if option not in options:
        reading.wrong(
            (*path, "option"),
            f'unknown option "{option}"',
            "an option of this file",
            nearest(option, options),
        )
        return default
    cases = {choice: case for choice, case in value.items() if choice != "option"}
    choices = options[option].choices
    if not cases:
        bad = [choice for choice in choices if not fits(choice)]
        if bad:
            reading.wrong(
                path, f'the choice "{bad[0]}" of {option}', f"{expected}, or a case for each choice"
            )
        return Chosen(option)
    for choice in choices:
        if choice not in cases:
            reading.wrong(path, f'no case for the choice "{choice}" of {option}', "a case for each choice")
    for choice, case in cases.items():
        if choice not in choices:
            reading.wrong(
                (*path, str(choice)),
                f'"{choice}" is no choice of {option}',
                "a choice",
                nearest(choice, [str(c) for c in choices]),
            )
        elif not fits(case):
            reading.wrong((*path, str(choice)), f'found "{case}"', expected)
    return Chosen(option, cases)


def _recode(
    reading: Reading,
    body: Mapping[str, Any],
    path: Path,
    codes: list[str],
    items: Mapping[str, Item],
    options: Mapping[str, Option],
) -> dict[str, object]:
    recode: dict[str, object] = {}
    found = body.get("recode", {})
    if not reading.keys(found, (*path, "recode"), codes):
        return recode
    for code in found:
        if code not in codes:
            continue
        item = items[code]

        def fits(value: object, item: Item = item) -> bool:
            if not isinstance(value, Mapping):
                return value in ("reverse", "keep")
            numbers = all(isinstance(n, int | float) for pair in value.items() for n in pair)
            return numbers and item.integer and set(value) == set(range(int(item.lo), int(item.hi) + 1))

        expected = f"reverse, keep, or a new value for each answer from {item.lo:g} to {item.hi:g}"
        recode[code] = _part(reading, found, (*path, "recode", code), options, "keep", fits, expected)
    return recode


def _lookup(
    reading: Reading,
    body: Mapping[str, Any],
    path: Path,
    codes: list[str],
    items: Mapping[str, Item],
    recode: Mapping[str, object],
) -> dict[float, float] | None:
    """A look-up table; it must hold every raw score that complete answers can give."""
    if "lookup" not in body:
        return None
    table = body["lookup"]
    where = (*path, "lookup")
    if (
        not isinstance(table, Mapping)
        or not table
        or not all(is_number(n) for pair in table.items() for n in pair)
    ):
        reading.wrong(where, f'found "{table}"', "raw score: score, both numbers")
        return None
    allowed = body.get("rule") in ("sum", "single") and all(items[code].integer for code in codes)
    if not allowed or any(key in body for key in ("max_missing", "min_answered")):
        reading.wrong(where, "a look-up", "it only for a sum of whole answers, none of which may be missing")
        return None
    ends = [_ends(items[code], recode.get(code, "keep")) for code in codes]
    low, high = sum(low for low, _ in ends), sum(high for _, high in ends)
    absent = [str(raw) for raw in range(int(low), int(high) + 1) if raw not in table]
    if absent:
        found = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        expected = f"every raw score from {low:g} to {high:g}"
        reading.wrong(where, f"no score for the raw score {found}", expected)
    if any(raw < 0 or raw != int(raw) for raw in table):
        reading.wrong(where, "a raw score that is negative or not whole", "whole numbers from 0 on")
    return {float(raw): float(value) for raw, value in table.items()}


def _ends(item: Item, recode: object) -> tuple[float, float]:
    """The least and the most that an answer can count for, under any choice of options."""
    cases = list(recode.cases.values()) if isinstance(recode, Chosen) and recode.cases else [recode]
    counted = [item.lo, item.hi] if any(isinstance(case, str | Chosen) for case in cases) else []
    counted += [value for case in cases if isinstance(case, Mapping) for value in case.values()]
    return min(counted), max(counted)


def _value_set(
    reading: Reading,
    rule: object,
    body: Mapping[str, Any],
    path: Path,
    options: Mapping[str, Option],
    codes: list[str],
    items: Mapping[str, Item],
) -> dict[str, Any]:
    """The keys `value_set` (a file) and `column` (a column of it, or an option) of the rule value_set."""
    if rule != "value_set":
        for key in ("value_set", "column"):
            if key in body:
                reading.wrong((*path, key), f"{key} with the rule {rule}", "it only with the rule value_set")
        return {}
    if not codes or any(key not in body for key in ("value_set", "column")):
        reading.wrong(path, "a rule value_set that lacks a key", "`items:`, `value_set:` and `column:`")
        return {}
    file = reading.take(body, path, "value_set", "text", None)
    if file is not None and (not file or set(file) & set("/\\:") or file.startswith(".")):
        expected = "a file's name, such as mine.csv: it stands beside the definition"
        reading.wrong((*path, "value_set"), f'found "{file}"', expected)
    for code in codes:
        if not items[code].integer or items[code].lo < 0 or items[code].hi > 9:
            reading.wrong(
                (*path, "items"), f"the item {code} ({items[code].answers})", "whole levels from 0 to 9"
            )
    column = _part(
        reading,
        body,
        (*path, "column"),
        options,
        None,
        lambda v: isinstance(v, str),
        "a column of the value set",
    )
    return {"value_set": file, "column": column}

"""The protocol in one form: what is collected and the plan apart, without what changes nothing.

Comments, whitespace, defaults written out and the order of names that has no meaning do not change it. A label is part
of what is collected (it changes what is asked); in the plan it is not (it changes what a row is called). What neither
is collected nor planned (title, version, registration, publication, published figures, paper size) is in neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from armwise.protocol.model import Protocol
from armwise.protocol.plan import DRAWN
from armwise.protocol.scores import instrument_of
from armwise.yaml_lines import read_text, read_yaml

Data = dict[str, Any]

COLLECTED: Final = ("arms", "time_zero", "visits", "visits_by", "forms", "reasons", "eligibility", "events")
#: Keys of `study` that say what is planned; `language` is what is asked in; the others describe.
STUDY: Final = ("objective", "population", "setting", "allocation", "allocated_by", "masking", "model")
NEITHER: Final = ("study", "published")
#: Where the order of names has a meaning: the first visit is the baseline, families are tested one after the other,
#: events of one day are taken in order, arms in a fixed sequence, a form's items as they are asked.
ORDERED: Final = (
    ("arms",), ("visits",), ("families",), ("forms", "*", "items"), ("estimands", "*", "events"),
)  # fmt: skip
#: Lists whose order has none.
SETS: Final = (
    *("at", "arms", "subgroups", "also", "components", "reasons", "values", "one_effect", "fatal", "keys"),
    *(
        "modifiers",
        "cuts",
        "benchmarks",
        "negative_controls",
        "strengths",
        "deltas",
        "cut_points",
        "improved",
    ),
)
#: The key under which the order of names stands, which no name can be.
ORDER: Final = "(order)"
#: A key of the plan -> the section that its words name.
REFERS: Final = {
    "endpoint": "endpoints", "endpoints": "endpoints", "estimand": "estimands", "set": "analysis_sets",
    "covariate": "covariates", "covariates": "covariates", "adjusted_for": "covariates",
    "droppable": "covariates", "subgroups": "subgroups", "subgroup": "subgroups", "anchor": "anchors",
    "benchmarks": "covariates", "measure": "covariates", "negative_controls": "endpoints",
    "analyses": "analyses", "like": "analyses",
}  # fmt: skip
#: Keys that name a form of which a section reads several items.
FORMS: Final = ("form", "injections")
#: What a measure of an association begins with when it is made from the cell product.
OF_PRODUCT: Final = ("dose", "ratio")
#: Keys of an analysis that say nothing of how it is done.
SAID: Final = ("planned",)


def collection(protocol: Protocol, folder: Path | None = None) -> Data:
    """What is collected, in its one form: arms, time zero, visits, forms with their instruments' definitions.

    Args:
        protocol: the protocol.
        folder: the study folder, where instruments of one's own are looked for.
    """
    dumped = _dumped(protocol)
    found: Data = {name: dumped[name] for name in COLLECTED if name in dumped}
    found["arms"] = {name: _without(arm, "planned") for name, arm in dumped["arms"].items()}
    if "language" in dumped["study"]:
        found["language"] = dumped["study"]["language"]
    for name in protocol.forms:
        if asked := _definition(protocol, name, folder):
            found["forms"] = {**found["forms"], name: {**found["forms"][name], "definition": asked}}
    return _canonical(found, labels=True)


def plan(protocol: Protocol) -> Data:
    """The plan, in its one form: every section that is not collected, without labels."""
    dumped = _dumped(protocol)
    found = {k: v for k, v in dumped.items() if k not in COLLECTED and k not in NEITHER}
    planned = {name: arm["planned"] for name, arm in dumped["arms"].items() if "planned" in arm}
    described = {k: v for k, v in dumped["study"].items() if k in STUDY}
    return _canonical({**found, "study": described, "planned_size": planned}, labels=False)


def digest(data: Any) -> str:
    """The SHA-256 of data in their one form."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _dumped(protocol: Protocol) -> Data:
    return protocol.model_dump(mode="json", exclude_defaults=True)


def _without(data: Mapping[str, Any], *keys: str) -> Data:
    return {k: v for k, v in data.items() if k not in keys}


def _definition(protocol: Protocol, name: str, folder: Path | None) -> str:
    """What a form's instrument asks and scores: the hash of a study's own definition, the version of one that ships."""
    form = protocol.forms[name]
    own = folder / "instruments" / f"{form.instrument}.yaml" if folder and form.instrument else None
    if own is not None and own.is_file():
        return digest(json.loads(json.dumps(read_yaml(read_text(own, ""), own.name)[0], default=str)))
    found = instrument_of(form, folder)
    return f"version {found.version}" if found else ""


def _canonical(data: Data, *, labels: bool, at: tuple[str, ...] = ()) -> Data:
    made: Data = {}
    for key, value in sorted(data.items()):
        if key == "label" and not labels and len(at) > 1:
            continue
        made[key] = _value(value, labels, (*at, key))
    if any(_fits(at, where) for where in ORDERED):
        made[ORDER] = list(data)
    return made


def _value(value: Any, labels: bool, at: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return _canonical(value, labels=labels, at=at)
    if isinstance(value, list):
        items = [_value(item, labels, (*at, "")) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if _is_set(at) else items
    return value


def _is_set(at: tuple[str, ...]) -> bool:
    """Whether a list's order says nothing; a family's members have one, a composite's and thresholds have none."""
    return (
        at[-1] in SETS
        or (at[-1] == "of" and at[0] in ("endpoints", "thresholds"))
        or at == ("imaging", "visits")
    )


def _fits(at: tuple[str, ...], where: tuple[str, ...]) -> bool:
    return len(at) == len(where) and all(w in ("*", a) for a, w in zip(at, where, strict=True))


def definition(collected: Data, planned: Data, name: str) -> Data | None:
    """All that an analysis rests on, by its place: itself, endpoint, scores, estimand, covariates, visits, families.

    Args:
        collected, planned: as `collection` and `plan` make them.
        name: an analysis of the protocol, a section of the plan, or an entry of a section (`thresholds.odi`).

    Returns:
        Place -> definition; None where the plan has nothing of this name.
    """
    found: Data = {}
    start = _start(planned, name)
    if start is None:
        return None
    place, data = start
    found[place] = _unsaid(data)
    _follow(collected, planned, data, found)
    if isinstance(data, dict) and "set" not in planned.get("estimands", {}).get(data.get("estimand"), data):
        _follow(collected, planned, {"set": "full"}, found)
    if place.startswith("analyses."):
        _families(planned, name, found)
        if data.get("missing") in DRAWN:
            found["imputation"] = planned.get("imputation", {})
    for key in ("time_zero", "visits_by"):
        found[key] = collected.get(key)
    found["window_rule"] = planned.get("window_rule")
    order = collected["visits"][ORDER]
    at = data.get("at", "all") if isinstance(data, dict) else "all"
    every = (
        at == "all" or collected.get("visits_by") == "date"
    )  # by date, each visit decides on its neighbours
    for visit in order if every else [order[0], *([at] if isinstance(at, str) else at)]:
        found[f"visits.{visit}"] = _without(collected["visits"].get(visit, {}), "label")
    found["visits (order)"] = order
    found["arms"] = {a: d.get("reference", False) for a, d in collected["arms"].items() if a != ORDER}
    return found


def _unsaid(data: Any) -> Any:
    return _without(data, *SAID) if isinstance(data, dict) else data


def _start(planned: Data, name: str) -> tuple[str, Any] | None:
    section, _, entry = name.partition(".")
    if entry:
        found = planned.get(section, {}).get(entry)
        return None if found is None else (name, found)
    if name in planned.get("analyses", {}):
        return f"analyses.{name}", planned["analyses"][name]
    if name in planned:
        return name, planned[name]
    for section, entries in planned.items():
        if isinstance(entries, dict) and isinstance(entries.get(name), dict) and section not in _NAMED:
            return f"{section}.{name}", entries[name]
    return None


#: Sections whose entries are parts of analyses, and make no rows of their own.
_NAMED: Final = ("endpoints", "estimands", "analysis_sets", "covariates", "families", "subgroups", "study")


def _follow(collected: Data, planned: Data, data: Any, found: Data) -> None:
    """Adds what the words of an entry name, and what those name."""
    for key, value in _pairs(data):
        section = "endpoints" if key == "of" else REFERS.get(key, "")
        if key in ("score", "item", "scores", "rating", "measure", "volume"):
            _score(collected, planned, value, found)
        if key == "measure" and value.split(".")[0] in OF_PRODUCT and "cell_product" not in found:
            found["cell_product"] = planned.get("cell_product")
            _follow(collected, planned, found["cell_product"], found)
        if key in FORMS and isinstance(form := collected["forms"].get(value), dict):
            found[f"forms.{value}"] = _without(form, "label") | {
                "items": {k: _asked(v) for k, v in form.get("items", {}).items() if k != ORDER}
            }
        entry = planned.get(section, {}).get(value)
        place = f"{section}.{value}"
        if entry is not None and place not in found:
            found[place] = _unsaid(entry)
            _follow(collected, planned, entry, found)


def _pairs(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every (key, word) of an entry, lists and inner entries opened."""
    if isinstance(data, dict):
        for inner, value in data.items():
            yield from _pairs(value, inner)
    elif isinstance(data, list):
        for value in data:
            yield from _pairs(value, key)
    elif isinstance(data, str):
        yield key, data


def _score(collected: Data, planned: Data, ref: str, found: Data) -> None:
    """What a score is computed from: its form's instrument and options, or its item; labels change no score."""
    name, _, item = ref.partition(".")
    form = collected["forms"].get(name)
    if not isinstance(form, dict):
        return
    parts = {k: form[k] for k in ("instrument", "definition", "options", "columns") if k in form}
    declared = form.get("items", {}).get(item)
    if isinstance(declared, dict):
        parts[item] = _asked(declared)
    found[f"forms.{name}"] = {**found.get(f"forms.{name}", {}), **parts}
    if planned.get("medication", {}).get("form") == name:
        found["medication"] = planned["medication"]


def _asked(item: Data) -> Data:
    """An item without the words in which it is asked."""
    return _without(item, "label", "choices") | {"choices": sorted(item.get("choices", {}))}


def _families(planned: Data, name: str, found: Data) -> None:
    """The family that tests an analysis, and those before it: they decide whether it is tested at all."""
    families = planned.get("families", {})
    order = families.get(ORDER, [])
    mine = [i for i, family in enumerate(order) if name in families[family].get("of", [])]
    if mine:
        found["families"] = [[family, families[family]] for family in order[: mine[-1] + 1]]

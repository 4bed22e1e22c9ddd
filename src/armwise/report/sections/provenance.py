"""Where every number comes from: protocol, data, versions, seed, what is assumed, and the command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.report.cite import text
from armwise.report.numbers import number
from armwise.report.page import Block, Facts, Prose, Section
from armwise.report.tables import Text
from armwise.report.words import Words, counted, plural


def section(results: Results, words: Words) -> Section:
    """The last section of every report."""
    manifest = results.manifest
    versions = {
        "armwise": manifest.get("armwise"),
        "Python": manifest.get("python"),
        **(manifest.get("packages") or {}),
    }
    items: list[tuple[str, Text]] = [
        ("Protocol", _protocol(words, manifest)),
        ("Results", _results(results, manifest)),
        ("Data", _inputs(manifest.get("inputs") or {})),
        ("Software", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
        ("Seeds", _seeds(manifest)),
        ("Compute again", _command(results)),
    ]
    blocks = [Block(Facts(tuple((k, v) for k, v in items if v)))]
    if results.simulated:
        blocks += _simulated(manifest.get("provenance") or {})
    return Section(
        name="provenance",
        short="Where the numbers come from",
        heading="Where every number comes from",
        question="Could someone else get the same numbers?",
        blocks=tuple(blocks),
    )


def _simulated(provenance: Mapping[str, Any]) -> list[Block]:
    """What a simulation assumes, each invented number by its place in the assumptions file."""
    first = "All data on this page are simulated: no patient, treatment or outcome is real."
    blocks = [Block(Prose((first,)))]
    for kind, head in (
        ("assumed", "Assumed for the simulation"),
        ("confirmed", "Taken from published figures"),
    ):
        listed = provenance.get(kind)
        if isinstance(listed, (list, tuple)) and listed:
            items = Markup("").join(
                text("<li><b>{place}</b> {said}</li>" if place else "<li>{said}</li>", place=place, said=said)
                for place, said in by_place(listed)
            )
            blocks.append(
                Block(
                    Prose(
                        (text('<h3>{head}</h3><ul class="refs">{items}</ul>', head=head, items=items),),
                        small=True,
                    ),
                    fold=f"{head}: {counted(len(listed))} numbers by what they are about",
                )
            )
    return blocks


#: How many words of an assumption's dotted place say what it is about, by the first of them; one for the others.
DEPTH: Final[Mapping[str, int]] = {"outcomes": 3, "tables": 2}


def by_place(assumptions: Iterable[str]) -> list[tuple[str, str]]:
    """The assumptions by what they are about, so that a list of them can be read.

    Args:
        assumptions: `place: numbers (why)` each, as the simulation writes them.

    Returns:
        What they are about, and their numbers and reasons: nothing is left out, a reason that several share is said
        once.

    Example:
        >>> by_place(["outcomes.nrs.pain.means: m1 3 (invented)", "outcomes.nrs.pain.sds: m1 2 (invented)"])
        [('outcomes.nrs.pain', 'means: m1 3; sds: m1 2 (invented)')]
    """
    found: dict[str, dict[str, list[str]]] = {}
    for said in assumptions:
        place, colon, rest = said.partition(": ")
        if not colon or " " in place:
            found.setdefault("", {}).setdefault("", []).append(said)
            continue
        words = place.split(".")
        depth = DEPTH.get(words[0], 1)
        numbers, bracket, why = rest.partition(" (")
        if not bracket or not why.endswith(")"):
            numbers, why = rest, ")"
        inner = ".".join(words[depth:])
        about = found.setdefault(".".join(words[:depth]), {})
        about.setdefault(why[:-1], []).append(f"{inner}: {numbers}" if inner else numbers)
    return [
        (place, ". ".join("; ".join(parts) + (f" ({why})" if why else "") for why, parts in about.items()))
        for place, about in found.items()
    ]


def _command(results: Results) -> Markup:
    """The command that makes these results again from the study folder."""
    first = "<code>armwise simulate STUDY</code>, then " if results.simulated else ""
    return text(f"{first}<code>armwise analyse STUDY</code>")


def _seeds(manifest: Mapping[str, Any]) -> str:
    simulated = (manifest.get("provenance") or {}).get("seed")
    parts = [
        f"analysis {manifest['seed']}" if manifest.get("seed") is not None else "",
        f"simulation {simulated}" if simulated is not None else "",
    ]
    return ", ".join(p for p in parts if p)


def _protocol(words: Words, manifest: Mapping[str, object]) -> Markup:
    parts = [text("<code>protocol.yaml</code>, version {v}", v=words.protocol.study.version)]
    for name, label in (("plan_hash", "plan"), ("collection_hash", "what is collected")):
        if manifest.get(name):
            parts.append(text("{label} <code>{h}</code>", label=label, h=str(manifest[name])[:12]))
    return Markup("; ").join(parts)


def _results(results: Results, manifest: Mapping[str, object]) -> Markup:
    digest = (
        text(", <code>{h}</code>", h=str(manifest["results_hash"])[:12])
        if manifest.get("results_hash")
        else ""
    )
    return text(
        "<code>results.csv</code>, {n} rows{digest}; each number above carries the id of its row",
        n=number(results.table.height),
        digest=digest,
    )


def _inputs(inputs: Mapping[str, object]) -> Markup:
    if not inputs:
        return Markup("")
    parts = [
        text("{name} <code>{h}</code>", name=name, h=str(digest)[:12]) for name, digest in inputs.items()
    ]
    return text(
        "{n} {files}, SHA-256: {parts}",
        n=number(len(inputs)),
        files=plural(len(inputs), "file"),
        parts=Markup(", ").join(parts),
    )

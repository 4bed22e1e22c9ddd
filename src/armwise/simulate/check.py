"""Assumptions against their protocol: names that must exist, numbers that must be there, possible matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from armwise.errors import Problem
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of, scores_of
from armwise.simulate.assumptions import (
    AdverseEvents,
    Assumptions,
    Chosen,
    Doses,
    Grades,
    Measures,
    Sites,
    Table,
)
from armwise.simulate.people import correlation_matrix
from armwise.yaml_lines import KeyPath, Lines, dotted, line_of, nearest

#: where, what is wrong, what to do.
Finding = tuple[KeyPath, str, str]
#: Forms that are drawn from enrolment, screening and events, not from `tables`.
OWN = ("subjects", "screening", "events")


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that assumptions may use."""

    protocol: Protocol
    arms: tuple[str, ...]
    later: tuple[str, ...]
    scores: tuple[str, ...]
    #: covariates, and `covariate.category`, as effects name them.
    covariates: tuple[str, ...]
    #: sections of the file -> their entries, those that could not be read included.
    entries: Mapping[str, tuple[str, ...]]

    @property
    def effects(self) -> tuple[str, ...]:
        """What an effect may be of: a covariate, or a score at baseline."""
        return (*self.covariates, *self.entries["outcomes"])


def check(assumptions: Assumptions, protocol: Protocol, data: Any, lines: Lines, file: Path) -> list[Problem]:
    """Every mistake in the assumptions that the protocol shows, each with its line.

    Args:
        assumptions: as built; entries that could not be built are absent.
        protocol: what they are for.
        data: the file as read: an entry that is wrong in itself is not reported as lacking too.
        lines: the line of every key.
        file: the file.
    """
    sections = ("covariates", "outcomes", "tables")
    known = _Known(
        protocol,
        tuple(protocol.arms),
        tuple(protocol.visits)[1:],
        tuple(scores_of(protocol, file.parent)),
        tuple(_effect_names(data.get("covariates") or {})),
        {name: tuple(data.get(name) or ()) for name in sections},
    )
    found = [
        *_people(assumptions, known),
        *_outcomes(assumptions, known),
        *_correlations(assumptions, known),
        *_missing(assumptions, known),
        *_tables(assumptions, known, file.parent),
    ]
    return [
        Problem("error", file.name, line_of(lines, path), dotted(path), what, todo)
        for path, what, todo in found
    ]


def _effect_names(covariates: Mapping[str, Any]) -> Iterator[str]:
    for name, block in covariates.items():
        shares = block.get("shares") if isinstance(block, dict) else None
        if isinstance(shares, dict):
            yield from (f"{name}.{category}" for category in shares)
        else:
            yield name


def _unknown(what: str, given: Iterable[str], known: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    names = list(known)
    for name in given:
        if name not in names:
            yield (*path, name), f"unknown {what} `{name}`", nearest(name, names)


def _lacking(what: str, given: Iterable[str], needed: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    lacking = [name for name in needed if name not in set(given)]
    if lacking:
        yield path, f"nothing for {what} {', '.join(lacking)}", "say it for each of them"


def _people(assumptions: Assumptions, known: _Known) -> Iterator[Finding]:
    protocol = known.protocol
    sizes = assumptions.size.per_arm
    yield from _unknown("arm", sizes, known.arms, ("size", "per_arm"))
    yield from _lacking("arm", sizes, known.arms, ("size", "per_arm"))
    waits = assumptions.enrolment.days_to_time_zero
    yield from _unknown("arm", waits, known.arms, ("enrolment", "days_to_time_zero"))
    for arm, (low, high) in waits.items():
        if not 0 <= low <= high:
            yield (
                ("enrolment", "days_to_time_zero", arm),
                f"found {[low, high]}",
                "write [fewest days, most days], 0 or more",
            )
    if "{number" not in assumptions.enrolment.subject:
        yield (
            ("enrolment", "subject"),
            "no {number} in the pattern of the subject's number",
            'write it like "{site}-{number:03d}"',
        )
    items = protocol.forms["subjects"].items if "subjects" in protocol.forms else {}
    numeric = {n: i for n, i in items.items() if i.type in ("integer", "number", "choice")}
    yield from _unknown("item of the form subjects", assumptions.covariates, numeric, ("covariates",))
    yield from _lacking("item of the form subjects:", known.entries["covariates"], numeric, ("covariates",))
    for name, covariate in assumptions.covariates.items():
        choices = items[name].choices if name in items else None
        if covariate.kind == "category" and choices:
            yield from _unknown("choice", covariate.shares, choices, ("covariates", name, "shares"))
    allocation = assumptions.allocation
    if protocol.randomised == isinstance(allocation, Chosen):
        word = "randomised" if protocol.randomised else "non-randomised"
        expected = "random" if protocol.randomised else "chosen"
        yield (
            ("allocation", "kind"),
            f"found `{allocation.kind}`, but the protocol's arms are {word}",
            f"write `kind: {expected}`",
        )
    if isinstance(allocation, Chosen):
        path: KeyPath = ("allocation", "log_odds")
        others = [arm for arm in known.arms if arm != protocol.reference]
        yield from _unknown("arm (the reference arm has none)", allocation.log_odds, others, path)
        for arm, effects in allocation.log_odds.items():
            yield from _unknown("covariate or score", effects, known.effects, (*path, arm))


def _outcomes(assumptions: Assumptions, known: _Known) -> Iterator[Finding]:
    yield from _unknown("score", assumptions.outcomes, known.scores, ("outcomes",))
    for score, outcome in assumptions.outcomes.items():
        here: KeyPath = ("outcomes", score)
        yield from _unknown(
            "covariate", outcome.baseline.effects, known.covariates, (*here, "baseline", "effects")
        )
        for which, blocks in (("means", outcome.means), ("sds_of_change", outcome.sds_of_change)):
            given = [(block.arm, visit) for block in blocks for visit in block.values]
            for number, block in enumerate(blocks):
                yield from _unknown("arm", [block.arm], known.arms, (*here, which, number))
                yield from _unknown(
                    "visit after baseline", block.values, known.later, (*here, which, number, "values")
                )
            twice = sorted({pair for pair in given if given.count(pair) > 1})
            for arm, visit in twice:
                yield (*here, which), f"{arm} at {visit} stands here twice", "keep one of the numbers"
            lacking = [f"{a} at {v}" for a in known.arms for v in known.later if (a, v) not in given]
            if lacking:
                yield (
                    (*here, which),
                    f"nothing for {', '.join(lacking)}",
                    "give each arm a number at each visit after baseline",
                )
        for block in outcome.sds_of_change:
            for visit, value in block.values.items():
                if value <= 0:
                    yield (
                        (*here, "sds_of_change"),
                        f"found {value:g} ({block.arm}, {visit})",
                        "an SD is larger than 0",
                    )
        if outcome.effects:
            effects: KeyPath = (*here, "effects")
            yield from _unknown(
                "covariate or score", outcome.effects.common, known.effects, (*effects, "common")
            )
            yield from _unknown("arm", outcome.effects.by_arm, known.arms, (*effects, "by_arm"))
            for arm, inner in outcome.effects.by_arm.items():
                yield from _unknown("covariate or score", inner, known.effects, (*effects, "by_arm", arm))
            yield from _unknown(
                "visit after baseline", outcome.effects.share, known.later, (*effects, "share")
            )


def _correlations(assumptions: Assumptions, known: _Known) -> Iterator[Finding]:
    if assumptions.correlations is None:
        return
    names: Mapping[str, tuple[str, ...]] = {
        "covariates": tuple(assumptions.covariates),
        "scores": tuple(assumptions.outcomes),
        "visits": known.later,
    }
    words = {"covariates": "covariate", "scores": "score", "visits": "visit after baseline"}
    for part, allowed in names.items():
        pairs: Mapping[str, Mapping[str, float]] = getattr(assumptions.correlations, part)
        here: KeyPath = ("correlations", part)
        wrong = list(_unknown(words[part], pairs, allowed, here))
        for one, others in pairs.items():
            wrong += _unknown(words[part], others, allowed, (*here, one))
            for other, r in others.items():
                if one == other or not -1 < r < 1:
                    wrong.append(
                        (
                            (*here, one, other),
                            f"found {r:g}",
                            "a correlation of two different things, between -1 and 1",
                        )
                    )
        yield from wrong
        if not wrong and pairs and np.linalg.eigvalsh(correlation_matrix(allowed, pairs)).min() < 1e-8:
            yield (
                here,
                "these correlations cannot be had together (not positive definite)",
                "make the strongest ones smaller",
            )


def _missing(assumptions: Assumptions, known: _Known) -> Iterator[Finding]:
    events = known.protocol.events
    dropout = assumptions.missing.dropout
    if dropout:
        here: KeyPath = ("missing", "dropout")
        if dropout.event not in events:
            yield (*here, "event"), f"unknown event `{dropout.event}`", nearest(dropout.event, events)
        yield from _unknown("arm", dropout.by_arm, known.arms, (*here, "by_arm"))
        for arm, by_visit in dropout.by_arm.items():
            yield from _unknown("visit after baseline", by_visit, known.later, (*here, "by_arm", arm))
        yield from _unknown("covariate or score", dropout.effects, known.effects, (*here, "effects"))
    yield from _unknown("event", assumptions.events, events, ("events",))
    for name, event in assumptions.events.items():
        yield from _unknown("arm", event.by_arm, known.arms, ("events", name, "by_arm"))
        if event.days[0] > event.days[1]:
            yield (
                ("events", name, "days"),
                f"found {list(event.days)}",
                "write [first day, last day] after time zero",
            )


def _tables(assumptions: Assumptions, known: _Known, folder: Path) -> Iterator[Finding]:
    forms = known.protocol.forms
    scored = {ref.split(".")[0] for ref in known.entries["outcomes"]}
    drawn = known.entries["tables"]
    yield from _unknown("form", assumptions.tables, [f for f in forms if f not in OWN], ("tables",))
    for name in forms:
        if name in OWN:
            continue
        if name in scored and name in drawn:
            yield (
                ("tables", name),
                "the form's numbers are drawn by `outcomes` already",
                "keep one of the two",
            )
        elif name not in scored and name not in drawn:
            section = "outcomes" if forms[name].instrument else "tables"
            yield (
                (section,),
                f"nothing for the form `{name}`, so its table would be empty",
                f"say in `{section}` what it is drawn from",
            )
    yield from _overlapping(assumptions, forms, folder)
    for name, table in assumptions.tables.items():
        if name in forms and name not in OWN:
            yield from _table(table, forms[name], ("tables", name), known)


def _overlapping(assumptions: Assumptions, forms: Mapping[str, Form], folder: Path) -> Iterator[Finding]:
    """Two declared scores of one form must not share an item: each draws its own items."""
    taken: dict[tuple[str, str], str] = {}
    for ref in assumptions.outcomes:
        form, _, name = ref.partition(".")
        instrument = instrument_of(forms[form], folder) if form in forms else None
        if instrument is None or name not in [s.name for s in instrument.scores]:
            continue
        for code in instrument.score(name).rule.items:
            other = taken.setdefault((form, code), ref)
            if other != ref:
                yield (
                    ("outcomes", ref),
                    f"its item `{code}` is drawn for `{other}` already",
                    "keep one of the two scores",
                )
                break


def _table(table: Table, form: Form, here: KeyPath, known: _Known) -> Iterator[Finding]:
    items = form.items
    if isinstance(table, Measures):
        yield from _unknown("item", table.items, items, (*here, "items"))
    elif isinstance(table, Sites):
        yield from _unknown("item", table.numbers, items, (*here, "numbers"))
        for key in ("group", "place"):
            if getattr(table, key) not in items:
                yield (
                    (*here, key),
                    f"unknown item `{getattr(table, key)}`",
                    nearest(getattr(table, key), items),
                )
        group = items[table.group].choices if table.group in items else None
        if group:
            yield from _unknown("choice", table.shares, group, (*here, "shares"))
    elif isinstance(table, Grades):
        for key in ("place", "item"):
            if getattr(table, key) not in items:
                yield (
                    (*here, key),
                    f"unknown item `{getattr(table, key)}`",
                    nearest(getattr(table, key), items),
                )
        places = items[table.place].choices if table.place in items else None
        if places:
            yield from _unknown("choice", table.first, places, (*here, "first"))
        for arms, key in ((table.better, "better"), (table.worse, "worse")):
            yield from _unknown("arm", arms, known.arms, (*here, key))
    elif isinstance(table, Doses):
        if table.item not in items:
            yield (*here, "item"), f"unknown item `{table.item}`", nearest(table.item, items)
        users = [name for name in known.covariates if "." in name]
        if table.users not in users:
            yield (
                (*here, "users"),
                f"found `{table.users}`, expected covariate.category",
                nearest(table.users, users),
            )
        for key in ("ratio", "stop", "start"):
            yield from _unknown("arm", getattr(table, key), known.arms, (*here, key))
        for arm, by_visit in table.ratio.items():
            yield from _unknown("visit after baseline", by_visit, known.later, (*here, "ratio", arm))
    elif isinstance(table, AdverseEvents):
        for word, term in table.terms.items():
            yield from _unknown("arm", term.by_arm, known.arms, (*here, "terms", word, "by_arm"))

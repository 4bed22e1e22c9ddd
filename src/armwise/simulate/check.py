"""Assumptions against their protocol: names that must exist, numbers that must be there, possible matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from armwise.errors import Problem
from armwise.protocol.model import Protocol
from armwise.protocol.scores import scores_of
from armwise.simulate.assumptions import Assumptions, Chosen
from armwise.simulate.check_forms import check_forms
from armwise.simulate.names import Finding, Known, effect_names, lacking, unknown
from armwise.simulate.people import correlation_matrix
from armwise.yaml_lines import KeyPath, Lines, dotted, line_of, nearest


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
    known = Known(
        protocol,
        tuple(protocol.arms),
        tuple(protocol.visits)[1:],
        tuple(scores_of(protocol, file.parent)),
        tuple(effect_names(data.get("covariates") or {})),
        {name: tuple(data.get(name) or ()) for name in sections},
    )
    found = [
        *_people(assumptions, known),
        *_outcomes(assumptions, known),
        *_correlations(assumptions, known),
        *_missing(assumptions, known),
        *check_forms(assumptions, known, file.parent),
    ]
    return [
        Problem("error", file.name, line_of(lines, path), dotted(path), what, todo)
        for path, what, todo in found
    ]


def _people(assumptions: Assumptions, known: Known) -> Iterator[Finding]:
    protocol = known.protocol
    sizes = assumptions.size.per_arm
    yield from unknown("arm", sizes, known.arms, ("size", "per_arm"))
    yield from lacking("arm", sizes, known.arms, ("size", "per_arm"))
    yield from _enrolment(assumptions, known)
    items = protocol.forms["subjects"].items if "subjects" in protocol.forms else {}
    numeric = {n: i for n, i in items.items() if i.type in ("integer", "number", "choice")}
    yield from unknown("item of the form subjects", assumptions.covariates, numeric, ("covariates",))
    yield from lacking("item of the form subjects:", known.entries["covariates"], numeric, ("covariates",))
    for name, covariate in assumptions.covariates.items():
        choices = items[name].choices if name in items else None
        expected = "category" if choices else "normal"
        if name in items and covariate.kind != expected:
            what = f"found `{covariate.kind}`, but the item is of type {items[name].type}"
            yield ("covariates", name, "kind"), what, f"write `kind: {expected}`"
        if covariate.kind == "category" and choices:
            yield from unknown("choice", covariate.shares, choices, ("covariates", name, "shares"))
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
        yield from unknown("arm (the reference arm has none)", allocation.log_odds, others, path)
        for arm, effects in allocation.log_odds.items():
            yield from unknown("covariate or score", effects, known.effects, (*path, arm))


def _enrolment(assumptions: Assumptions, known: Known) -> Iterator[Finding]:
    protocol, enrolment = known.protocol, assumptions.enrolment
    try:
        numbers = {enrolment.subject.format(site="1", number=number) for number in (1, 2)}
    except (KeyError, IndexError, ValueError):
        numbers = set()
    if len(numbers) < 2:
        here: KeyPath = ("enrolment", "subject")
        what = f"found `{enrolment.subject}`: patients would not have numbers of their own"
        yield here, what, 'write a pattern of {site} and {number}, like "{site}-{number:03d}"'
    waits = enrolment.days_to_time_zero
    path: KeyPath = ("enrolment", "days_to_time_zero")
    yield from unknown("arm", waits, known.arms, path)
    zero = protocol.time_zero
    window = protocol.visits[protocol.baseline].window
    for arm, (low, high) in waits.items():
        at = zero.get(arm) if isinstance(zero, dict) else zero
        if not 0 <= low <= high:
            yield (*path, arm), f"found {[low, high]}", "write [fewest days, most days], 0 or more"
        elif at == "subjects.enrolled":
            yield (*path, arm), "the protocol's time zero of this arm is the enrolment itself", "leave it out"
        elif window and high > -window[0]:
            what = f"up to {high} days, but the baseline's window opens {-window[0]} days before time zero"
            yield (*path, arm), what, "make the days fewer or the window wider"


def _outcomes(assumptions: Assumptions, known: Known) -> Iterator[Finding]:
    yield from unknown("score", assumptions.outcomes, known.scores, ("outcomes",))
    for score, outcome in assumptions.outcomes.items():
        here: KeyPath = ("outcomes", score)
        yield from unknown(
            "covariate", outcome.baseline.effects, known.covariates, (*here, "baseline", "effects")
        )
        for which, blocks in (("means", outcome.means), ("sds_of_change", outcome.sds_of_change)):
            given = [(block.arm, visit) for block in blocks for visit in block.values]
            for number, block in enumerate(blocks):
                yield from unknown("arm", [block.arm], known.arms, (*here, which, number))
                yield from unknown(
                    "visit after baseline", block.values, known.later, (*here, which, number, "values")
                )
            twice = sorted({pair for pair in given if given.count(pair) > 1})
            for arm, visit in twice:
                yield (*here, which), f"{arm} at {visit} stands here twice", "keep one of the numbers"
            absent = [f"{a} at {v}" for a in known.arms for v in known.later if (a, v) not in given]
            if absent:
                yield (
                    (*here, which),
                    f"nothing for {', '.join(absent)}",
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
            yield from unknown(
                "covariate or score", outcome.effects.common, known.effects, (*effects, "common")
            )
            yield from unknown("arm", outcome.effects.by_arm, known.arms, (*effects, "by_arm"))
            for arm, inner in outcome.effects.by_arm.items():
                yield from unknown("covariate or score", inner, known.effects, (*effects, "by_arm", arm))
            yield from unknown(
                "visit after baseline", outcome.effects.share, known.later, (*effects, "share")
            )


def _correlations(assumptions: Assumptions, known: Known) -> Iterator[Finding]:
    if assumptions.correlations is None:
        return
    names: Mapping[str, tuple[str, ...]] = {
        "covariates": known.entries["covariates"],
        "scores": known.entries["outcomes"],
        "visits": known.later,
    }
    words = {"covariates": "covariate", "scores": "score", "visits": "visit after baseline"}
    for part, allowed in names.items():
        pairs: Mapping[str, Mapping[str, float]] = getattr(assumptions.correlations, part)
        here: KeyPath = ("correlations", part)
        wrong = list(unknown(words[part], pairs, allowed, here))
        for one, others in pairs.items():
            wrong += unknown(words[part], others, allowed, (*here, one))
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


def _missing(assumptions: Assumptions, known: Known) -> Iterator[Finding]:
    events = known.protocol.events
    dropout = assumptions.missing.dropout
    if dropout:
        here: KeyPath = ("missing", "dropout")
        if dropout.event not in events:
            yield (*here, "event"), f"unknown event `{dropout.event}`", nearest(dropout.event, events)
        yield from unknown("arm", dropout.by_arm, known.arms, (*here, "by_arm"))
        for arm, by_visit in dropout.by_arm.items():
            yield from unknown("visit after baseline", by_visit, known.later, (*here, "by_arm", arm))
        yield from unknown("covariate or score", dropout.effects, known.effects, (*here, "effects"))
    yield from unknown("event", assumptions.events, events, ("events",))
    for name, event in assumptions.events.items():
        yield from unknown("arm", event.by_arm, known.arms, ("events", name, "by_arm"))
        if event.days[0] > event.days[1]:
            yield (
                ("events", name, "days"),
                f"found {list(event.days)}",
                "write [first day, last day] after time zero",
            )

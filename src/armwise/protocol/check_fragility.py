"""Checks of the section on fragility: its analyses, covariates and endpoints exist and can answer what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.fragility import Fragility
from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import METHODS, Protocol

#: Methods whose difference can be put to these tests.
TESTED = ("risk-difference", "risk-ratio", "odds-ratio", "ancova", "mean-difference", "mmrm")


def fragility(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every key of `fragility` that leads nowhere, or asks what its analyses cannot answer."""
    declared = protocol.fragility
    if declared is None:
        return
    for index, name in enumerate(declared.analyses):
        path = ("fragility", "analyses", index)
        yield from unknown("analysis", name, known.names("analyses"), path)
        found = protocol.analyses.get(name)
        if found is not None and found.method in METHODS and found.method not in TESTED:
            yield path, f"{found.method} gives no difference or ratio to test", f"use {', '.join(TESTED)}"
    for index, name in enumerate(declared.negative_controls):
        yield from unknown(
            "endpoint", name, known.names("endpoints"), ("fragility", "negative_controls", index)
        )
    if not known.broken("analyses"):
        yield from _measures(protocol, declared)


def _measures(protocol: Protocol, declared: Fragility) -> Iterator[Finding]:
    primary = [name for name, a in protocol.analyses.items() if a.role == "primary"][:1]
    tested = {
        name: protocol.analyses[name] for name in declared.analyses or primary if name in protocol.analyses
    }
    covariates = list(dict.fromkeys(c for a in tested.values() for c in a.covariates))
    for index, name in enumerate(declared.benchmarks):
        yield from unknown(
            "covariate of these analyses", name, covariates, ("fragility", "benchmarks", index)
        )
    for index, name in enumerate(declared.negative_controls):
        if name in {a.endpoint for a in tested.values()}:
            what = f"`{name}` is the endpoint of an analysis that is put to the test"
            todo = "a negative control is an outcome on which the treatment cannot act"
            yield ("fragility", "negative_controls", index), what, todo
    numbers = [a for a in tested.values() if METHODS.get(a.method) == "number"]
    for key in ("deltas", "strengths", "benchmarks"):
        value = getattr(declared, key)
        if value and not numbers and tested:
            what = f"`{key}` is about an analysis of a measured endpoint, and none is put to the test"
            yield ("fragility", key), what, "name one under `analyses`, or leave it out"
        elif len(set(value)) < len(value):
            yield ("fragility", key), f"found {list(value)}: one stands there twice", "write each once"

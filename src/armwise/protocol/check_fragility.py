"""Checks of the section on fragility: its analyses, covariates and endpoints exist and can answer what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    for name, primary in protocol.analyses.items():
        if primary.role == "primary" and not declared.analyses:  # the one that is tested when none is named
            if primary.method in METHODS and primary.method not in TESTED:
                what = f"the primary analysis `{name}` is {primary.method}, which gives no difference or ratio to test"
                yield ("fragility",), what, f"name others under `analyses`: {', '.join(TESTED)}"
            break
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
        why = _no_control(protocol, name, [a.endpoint for a in tested.values()])
        if why is not None:
            yield ("fragility", "negative_controls", index), why[0], why[1]
    for key in ("analyses", "benchmarks", "negative_controls"):
        named = getattr(declared, key)
        if len(set(named)) < len(named):
            yield ("fragility", key), f"found {', '.join(named)}: one stands there twice", "write each once"
    numbers = [a for a in tested.values() if METHODS.get(a.method) == "number"]
    for key in ("deltas", "strengths", "benchmarks"):
        value = getattr(declared, key)
        if value and not numbers and tested:
            what = f"`{key}` is about an analysis of a measured endpoint, and none is put to the test"
            yield ("fragility", key), what, "name one under `analyses`, or leave it out"
        elif len(set(value)) < len(value):
            yield ("fragility", key), f"found {list(value)}: one stands there twice", "write each once"


def _no_control(protocol: Protocol, name: str, tested: Sequence[str]) -> tuple[str, str] | None:
    """Why an endpoint is no negative control, and what to do; None where it can be one."""
    endpoint = protocol.endpoints.get(name)
    if endpoint is None:
        return None
    acts = "a negative control is an outcome on which the treatment cannot act"
    if name in tested:
        return f"`{name}` is the endpoint of an analysis that is put to the test", acts
    scores = {ref: other for other in tested for ref in _scores_of(protocol, other)}
    if shared := [ref for ref in _scores_of(protocol, name) if ref in scores]:
        return (
            f"`{name}` is made of `{shared[0]}`, as `{scores[shared[0]]}` is, which is put to the test",
            acts,
        )
    forms = {ref.split(".")[0] for ref in _scores_of(protocol, name)}
    computed = protocol.medication.form if protocol.medication else ""
    for form in sorted(f for f in forms if f in protocol.forms):
        arms = protocol.forms[form].arms
        if arms is not None and (lacking := [a for a in protocol.arms if a not in arms]):
            what = f"the form `{form}` of `{name}` is not filled in by the arm {', '.join(lacking)}"
            return what, "compare what every arm fills in"
    if forms <= set(protocol.forms) and computed not in forms and not protocol.measured_visits(name):
        return f"`{name}` is recorded at no visit after baseline", "add a visit to its form, or leave it out"
    return None


def _scores_of(protocol: Protocol, name: str) -> list[str]:
    """The scores that an endpoint is made of, those of its components included."""
    endpoint = protocol.endpoints.get(name)
    if endpoint is None:
        return []
    parts = [protocol.endpoints[part] for part in endpoint.of if part in protocol.endpoints] or [endpoint]
    return [part.score for part in parts if part.score]

"""Checks of associations and of interactions with arm: what is named exists, and has the kind that is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from armwise.protocol.associations import Association
from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.scores import Score
from armwise.yaml_lines import KeyPath


@dataclass(frozen=True, slots=True)
class Kind:
    """What a measure is: a number (with the lowest value that it may have, where that is declared) or a category."""

    number: bool
    lowest: float | None = None
    form: str = ""


def kind_of(protocol: Protocol, scores: Mapping[str, Score], name: str) -> Kind | None:
    """The kind of a measure as an association names it; None where there is no such measure."""
    first, _, second = name.partition(".")
    product = protocol.cell_product
    if not second:
        covariate = protocol.covariates.get(first)
        ref = (covariate.score or covariate.item or "") if covariate else ""
        if ref in scores:
            return Kind(True, scores[ref].lo, ref.split(".")[0])
        return Kind(False, form=ref.split(".")[0]) if ref else None
    if name in scores:
        return Kind(True, scores[name].lo, first)
    if product and first == "dose" and second in product.measures and product.measures[second].dose:
        return Kind(True, 0.0, product.form)
    if product and first == "ratio" and second in product.ratios:
        return Kind(True, 0.0, product.form)
    return None


def measures_of(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> list[str]:
    """Every name that an association may take as its measure."""
    product = protocol.cell_product
    doses = [f"dose.{name}" for name, m in (product.measures if product else {}).items() if m.dose]
    ratios = [f"ratio.{name}" for name in (product.ratios if product else {})]
    return [*known.names("covariates"), *scores, *doses, *ratios]


def associations(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """Every declared association can be estimated, and at most one was declared to lead."""
    first = ""
    for name, declared in protocol.associations.items():
        here: KeyPath = ("associations", name)
        if declared.role == "secondary" and first:
            what = f"`{name}` and `{first}` both have the role secondary"
            yield (*here, "role"), what, "one pair is declared to lead; the others are exploratory"
        first = first or (name if declared.role == "secondary" else "")
        yield from _outcome(protocol, declared, known, here)
        yield from _measure(protocol, declared, known, scores, here)
        for index, covariate in enumerate(declared.adjusted_for):
            there = ["baseline", *known.names("covariates")]
            yield from unknown("covariate", covariate, there, (*here, "adjusted_for", index))
            if covariate == declared.measure or covariate in declared.adjusted_for[:index]:
                yield (*here, "adjusted_for", index), f"`{covariate}` stands twice", "leave it out"
        if list(declared.cuts) != sorted(set(declared.cuts)):
            yield (*here, "cuts"), "the cut points do not rise", "write them from the lowest to the highest"


def _outcome(protocol: Protocol, declared: Association, known: Known, here: KeyPath) -> Iterator[Finding]:
    yield from unknown("endpoint", declared.endpoint, known.names("endpoints"), (*here, "endpoint"))
    yield from unknown("visit", declared.at, known.names("visits"), (*here, "at"))
    yield from unknown("arm", declared.arm, known.names("arms"), (*here, "arm"))
    endpoint = protocol.endpoints.get(declared.endpoint)
    if endpoint is None:
        return
    if endpoint.is_response:
        what = f"`{declared.endpoint}` is yes or no, and an association is with a number"
        yield (*here, "endpoint"), what, "use the value or the change behind it"
    elif declared.at in protocol.visits and not known.broken("forms", (endpoint.score or "").split(".")[0]):
        visits = _visits(protocol, endpoint.score or "")
        if declared.at not in visits:
            what = f"`{declared.endpoint}` has no value at {declared.at}"
            yield (*here, "at"), what, f"one of {', '.join(visits)}"


def _visits(protocol: Protocol, score: str) -> list[str]:
    form = protocol.forms.get(score.split(".")[0])
    planned = form.at if form else "none"
    after = protocol.visits_after_baseline()
    return [v for v in after if planned == "all" or (isinstance(planned, tuple) and v in planned)]


def _measure(
    protocol: Protocol, declared: Association, known: Known, scores: Mapping[str, Score], here: KeyPath
) -> Iterator[Finding]:
    path = (*here, "measure")
    kind = kind_of(protocol, scores, declared.measure)
    if kind is None:
        broken = known.broken("cell_product") or known.broken("covariates", declared.measure)
        if not broken and not ("." in declared.measure and known.cannot_tell(protocol, declared.measure)):
            yield from unknown("measure", declared.measure, measures_of(protocol, known, scores), path)
        return
    form = protocol.forms.get(kind.form)
    if form and form.arms is not None and declared.arm in protocol.arms and declared.arm not in form.arms:
        yield (
            path,
            f"the form `{kind.form}` is not filled in by the arm {declared.arm}",
            "name an arm that does",
        )
    if (
        declared.measure in scores
        and form
        and isinstance(form.at, tuple)
        and protocol.baseline not in form.at
    ):
        yield path, f"`{declared.measure}` has no baseline", f"add {protocol.baseline} to the form's visits"
    if not kind.number:
        odd = [key for key in ("spline", "cuts") if getattr(declared, key)]
        odd += ["scale"] * (declared.scale != "linear") + ["per"] * (declared.per != 1)
        for key in odd:
            what = f"`{declared.measure}` is a category, and {key} belongs to a number"
            yield (*here, key), what, "leave it out"
        return
    if declared.scale != "linear" and declared.zero is None and not (kind.lowest or 0) > 0:
        what = f"a value of 0 has no logarithm, and `{declared.measure}` may be 0"
        todo = "say what then: `zero: half-smallest-positive` or `zero: left-out`"
        yield (*here, "scale"), what, todo
    if declared.cuts:
        what = "a cut point throws away how far values lie from it"
        todo = "keep it only where it was declared beforehand; the slope and the curve lead"
        yield (*here, "cuts"), what, todo, "warning"


def modifiers(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """Every interaction that an analysis asks for is of a method that has one, with a characteristic that exists."""
    for name, analysis in protocol.analyses.items():
        for index, modifier in enumerate(analysis.modifiers):
            here: KeyPath = ("analyses", name, "modifiers", index)
            if modifier.covariate:
                yield from unknown("covariate", modifier.covariate, known.names("covariates"), here)
                kind = kind_of(protocol, scores, modifier.covariate)
                if kind and not kind.number and (modifier.per != 1 or modifier.at):
                    what = f"`{modifier.covariate}` is a category: it has no `per` and no `at`"
                    yield here, what, "leave them out"
            if modifier.subgroup:
                yield from unknown("subgroup", modifier.subgroup, known.names("subgroups"), here)
            yield from _of_method(analysis, index, here)


def _of_method(analysis: Analysis, index: int, here: KeyPath) -> Iterator[Finding]:
    modifier = analysis.modifiers[index]
    if analysis.method == "ancova":
        if modifier.subgroup:
            todo = "name the covariate: `modifiers: [{covariate: age, per: 10}]`"
            yield here, "ancova keeps a number a number: it takes a covariate, not a subgroup", todo
    elif analysis.method in ("risk-difference", "mean-difference"):
        if modifier.covariate:
            todo = "declare a split in `subgroups`, and write `modifiers: [{subgroup: ...}]`"
            yield here, f"{analysis.method} takes a subgroup: the difference of its differences", todo
        elif modifier.subgroup and modifier.subgroup not in analysis.subgroups:
            what = f"the analysis does not compare within `{modifier.subgroup}`"
            yield here, what, "add it to the analysis's `subgroups`"
    else:
        what = f"this version has no interaction for {analysis.method}"
        yield here, what, "use ancova, risk-difference or mean-difference"

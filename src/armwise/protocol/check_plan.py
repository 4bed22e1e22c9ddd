"""Checks of the plan: covariates, endpoints, estimands, analyses and their families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import METHODS, Analysis, Endpoint, Protocol
from armwise.protocol.plan import ADJUSTED_TARGETS, DRAWN, SITE, WEIGHTED
from armwise.protocol.scores import Score
from armwise.yaml_lines import KeyPath, nearest

#: Estimates that may be printed beside the one of an analysis's method.
ALSO = ("risk-ratio", "odds-ratio", "number-needed-to-treat", "fisher-exact", "hedges-g")
#: Method -> those that it makes.
COMPANIONS = {"risk-difference": ALSO[:4], "mean-difference": ALSO[4:], "ancova": ALSO[4:]}
#: Adjustments with a model of who is in which arm, from which terms may be dropped where it has no solution.
DROPPING = ("overlap-weights", "inverse-probability", "aipw")
#: Method -> how it can be adjusted, the usual way first.
ADJUSTED_BY: dict[str, tuple[str, ...]] = {
    "ancova": ("covariates",),
    "mmrm": ("covariates",),
    "proportional-odds": ("covariates",),
    "odds-ratio": ("covariates",),
    "risk-difference": WEIGHTED,
    "mean-difference": WEIGHTED,
}


def covariates(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """A covariate is an item kept once a subject, or a score that has a baseline; subgroups split one of them."""
    once = [*_items_kept_once(protocol), SITE]
    for name, covariate in protocol.covariates.items():
        here = ("covariates", name)
        if covariate.item and not known.cannot_tell(protocol, covariate.item):
            yield from unknown("item kept once a subject", covariate.item, once, (*here, "item"))
            yield from _before_treatment(covariate.item, protocol, known, (*here, "item"))
        if covariate.score:
            yield from _score(covariate.score, protocol, known, scores, (*here, "score"))
            yield from _has_baseline(covariate.score, protocol, known, (*here, "score"))
    for name, subgroup in protocol.subgroups.items():
        here = ("subgroups", name)
        yield from unknown("covariate", subgroup.covariate, known.names("covariates"), (*here, "covariate"))
        split = protocol.covariates.get(subgroup.covariate)
        numeric = bool(split and (split.score or split.item in scores))
        if split and (split.score or split.item in once) and numeric != bool(subgroup.cuts):
            todo = "give `cuts: [65]`" if numeric else "leave `cuts` out: its categories are the subgroups"
            yield here, f"`{subgroup.covariate}` is {'a number' if numeric else 'a category'}", todo
        if list(subgroup.cuts) != sorted(set(subgroup.cuts)):
            yield (*here, "cuts"), "the cut points do not rise", "write them from the lowest to the highest"


def _before_treatment(ref: str, protocol: Protocol, known: Known, path: KeyPath) -> Iterator[Finding]:
    """An item that is recorded at later visits only may be what the treatment did."""
    form = protocol.forms.get(ref.split(".")[0])
    baseline = known.names("visits")[0]
    if form and isinstance(form.at, tuple) and baseline not in form.at:
        what = f"`{ref}` is recorded at {', '.join(form.at)}, after the treatment began"
        yield path, what, f"a covariate is known before treatment: record it at {baseline}"


def _items_kept_once(protocol: Protocol) -> list[str]:
    return [
        f"{name}.{item}"
        for name, form in protocol.forms.items()
        for item in form.items
        if name == "subjects" or form.keys == ("subject",)
    ]


def _score(
    ref: str, protocol: Protocol, known: Known, scores: Mapping[str, Score], path: KeyPath
) -> Iterator[Finding]:
    """The score exists, and there is one of it a subject and visit."""
    if ref not in scores:
        if not known.cannot_tell(protocol, ref):
            yield from unknown("score", ref, scores, path)
        return
    if scores[ref].computed:  # at every visit that takes place, whatever its form says
        return
    name = ref.split(".")[0]
    form = protocol.forms[name]
    if known.broken("forms", name):
        return
    if form.at == "none":
        yield path, f"the form `{name}` is filled in at no visit", f"say when: `at: all` in forms.{name}"
    elif len(form.keys or ()) > 2:
        what = f"the form `{name}` repeats within a visit ({', '.join(form.keys or ())})"
        yield path, what, "use a score that there is one of a subject and visit"


def _has_baseline(ref: str, protocol: Protocol, known: Known, path: KeyPath) -> Iterator[Finding]:
    form = protocol.forms.get(ref.split(".")[0])
    baseline = known.names("visits")[0]  # the first that stands there, built or not
    if form and isinstance(form.at, tuple) and baseline not in form.at:
        what = f"`{ref}` has no baseline: its form is filled in at {', '.join(form.at)}"
        yield path, what, f"add {baseline} to the form's visits"


def endpoints(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """An endpoint's score exists and can do what is asked of it."""
    for name, endpoint in protocol.endpoints.items():
        here = ("endpoints", name)
        for index, part in enumerate(endpoint.of):
            yield from unknown("endpoint", part, known.names("endpoints"), (*here, "of", index))
            component = protocol.endpoints.get(part)
            if component and component.kind not in ("responder", "state"):
                what = f"`{part}` is of kind {component.kind}, expected a responder"
                yield (*here, "of", index), what, "combine responders only"
        if endpoint.score:
            yield from _score(endpoint.score, protocol, known, scores, (*here, "score"))
            if endpoint.kind not in ("value", "state"):
                yield from _has_baseline(endpoint.score, protocol, known, (*here, "score"))
            if endpoint.score in scores:
                yield from _improvement(endpoint, scores[endpoint.score], here)
                yield from _state(endpoint, scores[endpoint.score], here)


def _state(endpoint: Endpoint, score: Score, here: KeyPath) -> Iterator[Finding]:
    """A state is a good one: at most of what is better low, at least of what is better high, within the scale."""
    if endpoint.kind != "state":
        return
    key, limit = (
        ("at_most", endpoint.at_most) if endpoint.at_least is None else ("at_least", endpoint.at_least)
    )
    if score.higher_is_better is None:
        todo = "add `direction: lower-better` (or higher-better) to the item"
        yield here, f"the direction of `{score.ref}` is not known", todo
    elif score.higher_is_better != (key == "at_least"):
        better, right = ("higher", "at_least") if score.higher_is_better else ("lower", "at_most")
        what = f"`{score.ref}` is better {better}, and a state that is compared is a good one"
        yield (*here, key), what, f"write `{right}`: the share in the other state is 1 minus it"
    lo, hi = score.lo, score.hi
    if limit is not None and ((lo is not None and limit < lo) or (hi is not None and limit > hi)):
        span = f"{'' if lo is None else f'{lo:g}'} to {'' if hi is None else f'{hi:g}'}"
        yield (
            (*here, key),
            f"found {limit:g}, but `{score.ref}` runs from {span}",
            "check the limit and its unit",
        )


def _improvement(endpoint: Endpoint, score: Score, here: KeyPath) -> Iterator[Finding]:
    improvement = endpoint.improvement
    if improvement is None:
        return
    if score.higher_is_better is None:
        todo = "add `direction: lower-better` (or higher-better) to the item"
        yield here, f"the direction of `{score.ref}` is not known", todo
    if score.lo is None or score.hi is None:
        return
    # The largest change that the scale allows; in per cent only a fall is bounded, by all of the baseline.
    bounded = not improvement.percent or (score.higher_is_better is False and score.lo >= 0)
    largest = 1 if improvement.percent else score.hi - score.lo
    if bounded and (improvement.exact > largest or (improvement.strict and improvement.exact == largest)):
        span = f"`{score.ref}` runs from {score.lo:g} to {score.hi:g}"
        what = f"an improvement of {improvement.amount} cannot happen: {span}"
        yield (*here, "improvement"), what, "check the threshold and its unit"


def estimands(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """An estimand's set and events exist; a set selects by items kept once a subject."""
    for name, estimand in protocol.estimands.items():
        here = ("estimands", name)
        yield from unknown(
            "analysis set", estimand.set, ["full", *known.names("analysis_sets")], (*here, "set")
        )
        for event in estimand.events:
            yield from unknown("event", event, known.names("events"), (*here, "events", event))
    once = _items_kept_once(protocol)
    for name, analysis_set in protocol.analysis_sets.items():
        for ref, value in analysis_set.where.items():
            path = ("analysis_sets", name, "where", ref)
            if not known.cannot_tell(protocol, ref):
                yield from unknown("item kept once a subject", ref, once, path)
            form, item = ref.split(".")
            choices = protocol.forms[form].items[item].choices if ref in once else None
            if choices:
                yield from unknown("choice", value, choices, path)


def analyses(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every analysis asks for what there is, by a method that can answer."""
    if not any(a.role == "primary" for a in protocol.analyses.values()):
        todo = "say which analysis answers the study's question"
        yield ("analyses",), "no analysis has the role primary", todo
    for name, analysis in protocol.analyses.items():
        here = ("analyses", name)
        yield from unknown("endpoint", analysis.endpoint, known.names("endpoints"), (*here, "endpoint"))
        for index, visit in enumerate(analysis.at if analysis.at != "all" else ()):
            yield from unknown("visit", visit, known.names("visits"), (*here, "at", index))
            if visit == known.names("visits")[0]:
                yield (*here, "at", index), f"`{visit}` is the baseline", "arms are compared at a later visit"
        yield from _tested_visit(protocol, analysis, here)
        if analysis.estimand:
            yield from unknown("estimand", analysis.estimand, known.names("estimands"), (*here, "estimand"))
        for index, covariate in enumerate(analysis.covariates):
            there = ["baseline", *known.names("covariates")]
            yield from unknown("covariate", covariate, there, (*here, "covariates", index))
            if covariate in analysis.covariates[:index]:
                yield (*here, "covariates", index), f"`{covariate}` stands twice", "leave it out"
        yield from _baseline_twice(protocol, analysis, here)
        for index, subgroup in enumerate(analysis.subgroups):
            yield from unknown("subgroup", subgroup, known.names("subgroups"), (*here, "subgroups", index))
        if analysis.supports:
            yield from unknown("analysis", analysis.supports, known.names("analyses"), (*here, "supports"))
        yield from _observed(protocol, analysis, known, here)
        yield from _half_observed(protocol, analysis, here)
        yield from _method(protocol, analysis, here)
        yield from _adjustment(protocol, analysis, known, here)
    yield from _many_covariates(protocol)


def _tested_visit(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    """The visit that is tested is one of those compared, and the endpoint is measured there."""
    if analysis.tested_at is None:
        return
    compared = protocol.analysis_visits(analysis)
    yield from unknown("visit of the analysis", analysis.tested_at, compared, (*here, "tested_at"))
    if analysis.tested_at not in compared or analysis.at != "all":
        return  # a visit that `at` lists is held against the form there
    try:
        measured = protocol.measured_visits(analysis.endpoint)
    except KeyError:  # a form or a component that is not there is said elsewhere
        return
    if measured and analysis.tested_at not in measured:
        what = f"`{analysis.endpoint}` is not measured at {analysis.tested_at}, but at {', '.join(measured)}"
        yield (*here, "tested_at"), what, "test at one of these"


def _baseline_twice(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    """`baseline` and a covariate that is the same score are one variable, not two."""
    endpoint = protocol.endpoints.get(analysis.endpoint)
    scores = {n: protocol.covariates[n].score for n in analysis.covariates if n in protocol.covariates}
    same = [name for name, score in scores.items() if endpoint and score and score == endpoint.score]
    if "baseline" in analysis.covariates and "baseline" not in scores and same:
        yield (*here, "covariates"), f"`baseline` and `{same[0]}` are the same score", "leave one of them out"


def _observed(protocol: Protocol, analysis: Analysis, known: Known, here: KeyPath) -> Iterator[Finding]:
    """The endpoint is observed at the analysis's visits, in every arm."""
    endpoint = protocol.endpoints.get(analysis.endpoint)
    if endpoint is None:
        return
    parts = [protocol.endpoints[p] for p in endpoint.of if p in protocol.endpoints] or [endpoint]
    for form in dict.fromkeys(part.score.split(".")[0] for part in parts if part.score):
        declared = protocol.forms.get(form)
        if declared is None or known.broken("forms", form):
            continue
        if isinstance(declared.at, tuple) and analysis.at != "all":
            for index, visit in enumerate(analysis.at):
                if visit in protocol.visits and visit not in declared.at:
                    what = f"the form `{form}` is not filled in at {visit}, but at {', '.join(declared.at)}"
                    yield (*here, "at", index), what, "compare at one of these, or add the visit to the form"
        if declared.arms is not None and (lacking := [a for a in protocol.arms if a not in declared.arms]):
            what = f"the form `{form}` is not filled in by the arm {', '.join(lacking)}"
            yield (*here, "endpoint"), what, "compare what every arm fills in"


def _half_observed(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    """A composite that is known from one component has nothing left to draw: its other component never is."""
    endpoint = protocol.endpoints.get(analysis.endpoint)
    if endpoint and endpoint.missing_component == "observed" and analysis.missing in DRAWN:
        what = (
            f"`{analysis.endpoint}` has `missing_component: observed`: whoever has one component counts as observed,"
            " and the other one is not drawn"
        )
        todo = (
            f"to draw missing components compare an endpoint with `missing_component: missing`; else leave out"
            f" `missing: {analysis.missing}`"
        )
        yield (*here, "missing"), what, todo, "warning"


def _method(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    wants = METHODS.get(analysis.method)
    if wants is None:
        what = f"this version has no method `{analysis.method}`"
        yield (*here, "method"), what, nearest(analysis.method, METHODS)
        return
    endpoint = protocol.endpoints.get(analysis.endpoint)
    if endpoint and endpoint.is_response != (wants == "response"):
        kinds = "responders (yes or no)" if wants == "response" else "numbers"
        fits = [m for m, kind in METHODS.items() if kind != wants]
        what = f"{analysis.method} compares {kinds}, and `{analysis.endpoint}` is of kind {endpoint.kind}"
        yield (*here, "method"), what, f"use one of {', '.join(fits)}"
    if (
        analysis.missing in ("non-response", "worst-case")
        and wants != "response"
        and analysis.method != "mmrm"
    ):
        what = f"{analysis.missing} is a rule for responders"
        yield (*here, "missing"), what, "use complete-cases or locf"
    if analysis.interval and (analysis.method != "risk-difference" or analysis.adjust != "none"):
        what = "an interval is chosen for an unadjusted risk difference only"
        yield (*here, "interval"), what, "leave it out: the method has its own"
    for index, extra in enumerate(analysis.also):
        yield from unknown("companion", extra, ALSO, (*here, "also", index))
        if extra in ALSO and extra not in COMPANIONS.get(analysis.method, ()):
            yield (*here, "also", index), f"{extra} does not go with {analysis.method}", "leave it out"
    if analysis.margin and analysis.method in (
        "risk-ratio",
        "odds-ratio",
        "fisher-exact",
        "proportional-odds",
    ):
        todo = "use risk-difference, ancova, mmrm, mean-difference or mann-whitney"
        yield (*here, "margin"), "a margin is for a difference", todo


def _adjustment(protocol: Protocol, analysis: Analysis, known: Known, here: KeyPath) -> Iterator[Finding]:
    if analysis.method not in METHODS:
        return
    takes = ADJUSTED_BY.get(analysis.method, ())
    if analysis.adjust not in ("none", *takes):
        what = f"{analysis.method} cannot be adjusted by {analysis.adjust}"
        yield (*here, "adjust"), what, f"use {', '.join(takes)} or none" if takes else "use none"
        return
    if analysis.method == "ancova" and analysis.adjust == "none":
        todo = "write `adjust: covariates`, or use mean-difference"
        yield (*here, "adjust"), "ancova adjusts by covariates", todo
        return
    if (analysis.adjust != "none") != bool(analysis.covariates):
        adjusted = analysis.adjust != "none"
        how = f"say how: `adjust: {takes[0]}`" if takes else "leave them out"
        todo = "list the covariates" if adjusted else how
        yield here, f"`adjust: {analysis.adjust}` with {len(analysis.covariates)} covariates", todo
    if analysis.adjust in WEIGHTED and len(protocol.arms) > 2:
        what = f"{analysis.adjust} compares two arms, and the study has {len(protocol.arms)}"
        yield (*here, "adjust"), what, "use ancova or mmrm"
    if analysis.droppable and analysis.adjust not in DROPPING:
        what = f"nothing is dropped from a model of `adjust: {analysis.adjust}`"
        yield (*here, "droppable"), what, "leave it out"
    for index, name in enumerate(analysis.droppable):
        yield from unknown(
            "covariate of the analysis", name, analysis.covariates, (*here, "droppable", index)
        )
    yield from _target(protocol, analysis, known, here)


def _target(protocol: Protocol, analysis: Analysis, known: Known, here: KeyPath) -> Iterator[Finding]:
    """The method speaks of those whom the estimand speaks of."""
    estimand = protocol.estimands.get(analysis.estimand or "")
    if known.broken("estimands", analysis.estimand or "") or (analysis.estimand and estimand is None):
        return
    speaks = ADJUSTED_TARGETS[analysis.adjust]
    asked = estimand.target if estimand else speaks[0]
    if estimand is None and speaks[0] != "everyone":
        what = f"`adjust: {analysis.adjust}` estimates for the target `{speaks[0]}`, and no estimand says so"
        yield (*here, "estimand"), what, f"name an estimand with `target: {speaks[0]}`"
    elif asked not in speaks:
        whose = f"the estimand `{analysis.estimand}`"
        can = "` or `".join(speaks)
        what = f"`adjust: {analysis.adjust}` estimates for the target `{can}`, {whose} asks for `{asked}`"
        fits = [a for a, targets in ADJUSTED_TARGETS.items() if asked in targets]
        yield (*here, "estimand"), what, f"with `target: {asked}` go {', '.join(fits)}"


def _many_covariates(protocol: Protocol) -> Iterator[Finding]:
    """One warning for the whole protocol: the same covariates usually stand in every analysis."""
    planned = [arm.planned for arm in protocol.arms.values() if arm.planned]
    if len(planned) < len(protocol.arms):
        return
    limit = min(planned) / 10
    crowded = [name for name, analysis in protocol.analyses.items() if len(analysis.covariates) > limit]
    if crowded:
        most = max(len(protocol.analyses[name].covariates) for name in crowded)
        others = f" (and {len(crowded) - 1} more analyses)" if len(crowded) > 1 else ""
        what = f"{most} covariates{others} for {min(planned)} planned patients in the smaller arm"
        todo = f"more than one covariate for ten patients ({limit:g}) makes adjusted estimates unstable"
        yield ("analyses", crowded[0], "covariates"), what, todo, "warning"


def families(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every planned test is in one family, once, and is made at one visit."""
    placed: dict[str, str] = {}
    for name, family in protocol.families.items():
        for index, member in enumerate(family.of):
            path = ("families", name, "of", index)
            yield from unknown("analysis", member, known.names("analyses"), path)
            if member in placed:
                what = f"`{member}` is in the family `{placed[member]}` already"
                yield path, what, "an analysis is tested once"
            placed[member] = name
            analysis = protocol.analyses.get(member)
            if analysis and len(protocol.analysis_visits(analysis)) > 1 and not analysis.tested_at:
                todo = f"say which one is tested: `tested_at: {protocol.leading_visit(analysis)}`"
                yield path, f"`{member}` compares at several visits", todo
            if (
                analysis
                and analysis.role not in ("primary", "key-secondary")
                and not known.broken("analyses", member)
            ):
                what = f"`{member}` has the role {analysis.role}"
                yield path, what, "families hold primary and key secondary analyses"
    members = {m for family in protocol.families.values() for m in family.of}
    if known.broken("families") or not members <= set(known.names("analyses")):
        return  # the misspelt member may be the one
    for name, analysis in protocol.analyses.items():
        if analysis.role in ("primary", "key-secondary") and name not in placed:
            todo = "add it to `families`, so that the number of tests is planned"
            yield ("analyses", name, "role"), f"{analysis.role}, but in no family", todo
        elif analysis.tested_at and name not in placed:
            what = f"`{name}` is in no family, so that nothing of it is tested"
            yield ("analyses", name, "tested_at"), what, "leave it out, or add the analysis to `families`"


def outside(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """What points into the protocol from `size` and `published`."""
    if protocol.size:
        yield from unknown("endpoint", protocol.size.endpoint, known.names("endpoints"), ("size", "endpoint"))
    names = [*known.names("endpoints"), *scores]
    for index, figure in enumerate(protocol.published):
        here = ("published", index)
        if "." not in figure.endpoint or not known.cannot_tell(protocol, figure.endpoint):
            yield from unknown("endpoint or score", figure.endpoint, names, (*here, "endpoint"))
        yield from unknown("visit", figure.visit, known.names("visits"), (*here, "visit"))
        yield from unknown("arm", figure.arm, known.names("arms"), (*here, "arm"))

"""What a well-formed protocol may still get wrong: references that lead nowhere, analyses that cannot be.

Each check is a function of the protocol that yields (path of the key, what, what to do[, severity]); `check` gives
them their lines. Names that stand in the file but could not be built count as known: their own mistake is
already in the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from armwise.errors import InstrumentError, Problem, Severity
from armwise.protocol.model import METHODS, Analysis, Endpoint, Item, Protocol
from armwise.protocol.scores import Score, instrument_of, scores_of
from armwise.yaml_lines import KeyPath, Lines, dotted, line_of, nearest

Finding = tuple[KeyPath, str, str] | tuple[KeyPath, str, str, Severity]

#: Columns that any table may have, beside the form's own items.
RESERVED = (
    *("subject", "site", "visit", "date", "status", "reason"),
    *("mode", "entered_by", "recorded_at", "collection"),
)
#: Columns that these tables have beside their items.
BUILT_IN: dict[str, tuple[str, ...]] = {
    "subjects": ("arm", "enrolled"),
    "screening": ("enrolled",),
    "events": ("event",),
}
ALSO = ("risk-ratio", "odds-ratio", "number-needed-to-treat", "fisher-exact", "hedges-g")


def check(protocol: Protocol, data: Any, lines: Lines, file: Path) -> list[Problem]:
    """Every mistake and warning in the protocol's references.

    Args:
        protocol: the protocol as built (entries that could not be built are absent).
        data: the file's data, for the names of those entries.
        lines: the line of every key.
        file: the file; instruments of one's own are looked for beside it.
    """
    scores = scores_of(protocol, file.parent)
    known = _Known(data if isinstance(data, dict) else {})
    problems = []
    for finding in (
        *_arms(protocol),
        *_time_zero(protocol),
        *_visits(protocol),
        *_forms(protocol, known, file.parent),
        *_covariates(protocol, known, scores),
        *_endpoints(protocol, known, scores),
        *_estimands(protocol, known),
        *_analyses(protocol, known),
        *_many_covariates(protocol),
        *_families(protocol, known),
        *_outside(protocol, known, scores),
    ):
        path, what, todo = finding[:3]
        severity: Severity = finding[3] if len(finding) == 4 else "error"
        problems.append(Problem(severity, file.name, line_of(lines, path), dotted(path), what, todo))
    return problems


class _Known:
    """Names that stand in the file, whether or not they could be built."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def names(self, section: str) -> list[str]:
        found = self._data.get(section)
        return [str(k) for k in found] if isinstance(found, dict) else []


def _unknown(what: str, word: str, known: list[str], path: KeyPath) -> Iterator[Finding]:
    if word not in known:
        yield path, f"unknown {what} `{word}`", nearest(word, known)


def _arms(protocol: Protocol) -> Iterator[Finding]:
    references = [name for name, arm in protocol.arms.items() if arm.reference]
    if len(references) != 1:
        found = "no arm" if not references else f"{len(references)} arms ({', '.join(references)})"
        yield (
            ("arms",),
            f"{found} marked `reference: true`, expected exactly one",
            "mark the arm that the others are compared with",
        )


def _date_columns(protocol: Protocol) -> list[str]:
    found = ["subjects.enrolled"]
    for name, form in protocol.forms.items():
        found += [
            f"{name}.{item}"
            for item, i in form.items.items()
            if i.type == "date" and f"{name}.{item}" not in found
        ]
        if f"{name}.date" not in found and name != "subjects":
            found.append(f"{name}.date")
    return found


def _time_zero(protocol: Protocol) -> Iterator[Finding]:
    dates = _date_columns(protocol)
    if isinstance(protocol.time_zero, str):
        yield from _unknown("date", protocol.time_zero, dates, ("time_zero",))
        return
    for arm, ref in protocol.time_zero.items():
        yield from _unknown("arm", arm, list(protocol.arms), ("time_zero", arm))
        yield from _unknown("date", ref, dates, ("time_zero", arm))
    lacking = [arm for arm in protocol.arms if arm not in protocol.time_zero]
    if lacking:
        yield (
            ("time_zero",),
            f"no time zero for arm {', '.join(lacking)}",
            "give each arm its date, like `control: subjects.enrolled`",
        )


def _visits(protocol: Protocol) -> Iterator[Finding]:
    visits = list(protocol.visits.items())
    for (before, a), (after, b) in zip(visits, visits[1:], strict=False):
        if b.day <= a.day:
            yield (
                ("visits", after, "day"),
                f"day {b.day} is not after day {a.day} of `{before}`",
                "write the visits in the order of their days",
            )
            continue
        end = a.day + (a.window[1] if a.window else 0)
        start = b.day + (b.window[0] if b.window else 0)
        if end >= start:
            what = (
                f"the window of `{after}` begins on day {start}, before that of `{before}` ends (day {end})"
            )
            yield ("visits", after), what, "make the windows of neighbouring visits meet but not overlap"
    if protocol.visits_by == "date":
        for name, visit in visits:
            if visit.window is None:
                yield ("visits", name), "no window, but `visits_by: date` needs one", "add `window: [-7, 7]`"


def _forms(protocol: Protocol, known: _Known, folder: Path) -> Iterator[Finding]:
    if "subjects" not in protocol.forms and "subjects" not in known.names("forms"):
        yield (
            ("forms",),
            "no form `subjects`",
            "add `subjects: {items: {age: {type: integer}, ...}}`: who was enrolled, and into which arm",
        )
    for name, form in protocol.forms.items():
        here = ("forms", name)
        for index, visit in enumerate(form.at if isinstance(form.at, tuple) else ()):
            yield from _unknown("visit", visit, known.names("visits"), (*here, "at", index))
        for index, arm in enumerate(form.arms or ()):
            yield from _unknown("arm", arm, known.names("arms"), (*here, "arms", index))
        instrument = instrument_of(form, folder)
        if form.instrument and instrument is None:
            yield from _instrument_trouble(form.instrument, folder, (*here, "instrument"))
        codes = [i.code for i in instrument.items] if instrument else []
        if instrument:
            yield from _options(form.options, instrument.options, here)
            for code in form.columns:
                yield from _unknown("item", code, codes, (*here, "columns", code))
        for key in form.keys or ():
            yield from _unknown(
                "key column", key, [*RESERVED, *BUILT_IN.get(name, ()), *form.items, *codes], (*here, "keys")
            )
        if form.keys and "subject" not in form.keys and name != "screening":
            yield (
                (*here, "keys"),
                "the keys do not hold `subject`",
                "every table but `screening` is about subjects",
            )
        if not form.instrument and not form.items and name not in BUILT_IN:
            yield (
                here,
                "neither `instrument` nor `items`",
                "name an instrument, or list the items of the form",
            )
        for code, item in form.items.items():
            yield from _item(code, item, form.items, name, (*here, "items", code))


def _instrument_trouble(name: str, folder: Path, path: KeyPath) -> Iterator[Finding]:
    from armwise.instruments.load import load

    try:
        load(name, folder=folder)
    except InstrumentError as error:
        yield (
            path,
            str(error),
            f"`armwise instruments` lists those that are built in; one's own is a file instruments/{name}.yaml",
        )


def _options(given: Mapping[str, Any], options: Mapping[str, Any], here: KeyPath) -> Iterator[Finding]:
    for name, value in given.items():
        path = (*here, "options", name)
        if name not in options:
            yield path, f"unknown option `{name}`", nearest(name, options)
        elif options[name].choices and value not in options[name].choices:
            yield path, f"found `{value}`", nearest(str(value), [str(c) for c in options[name].choices])
    for name, option in options.items():
        if option.required and name not in given:
            choices = ", ".join(str(c) for c in option.choices)
            yield (
                here,
                f"the option `{name}` must be chosen: it changes the numbers",
                f"add `options: {{{name}: ...}}`; one of {choices}",
            )


def _item(code: str, item: Item, items: Mapping[str, Item], form: str, path: KeyPath) -> Iterator[Finding]:
    if code in RESERVED and code not in ("date", "status", "reason"):
        yield path, f"`{code}` is a reserved column", "give the item another name"
    if code in BUILT_IN.get(form, ()) and not (form == "screening" and code == "enrolled"):
        yield path, f"`{code}` is a column that the table `{form}` has already", "leave it out"
    if item.show_if:
        yield from _unknown("item", item.show_if.item, list(items), (*path, "show_if", "item"))


def _covariates(protocol: Protocol, known: _Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    once = _items_kept_once(protocol)
    for name, covariate in protocol.covariates.items():
        here = ("covariates", name)
        if covariate.item:
            yield from _unknown("item kept once a subject", covariate.item, once, (*here, "item"))
        if covariate.score:
            yield from _unknown("score", covariate.score, list(scores), (*here, "score"))
    for name, subgroup in protocol.subgroups.items():
        here = ("subgroups", name)
        yield from _unknown("covariate", subgroup.covariate, known.names("covariates"), (*here, "covariate"))
        covariate_ = protocol.covariates.get(subgroup.covariate)
        numeric = bool(covariate_ and (covariate_.score or covariate_.item in scores))
        if covariate_ and numeric != bool(subgroup.cuts):
            todo = "give `cuts: [65]`" if numeric else "leave `cuts` out: its categories are the subgroups"
            yield here, f"`{subgroup.covariate}` is {'a number' if numeric else 'a category'}", todo


def _items_kept_once(protocol: Protocol) -> list[str]:
    return [
        f"{name}.{item}"
        for name, form in protocol.forms.items()
        for item in form.items
        if name == "subjects" or form.keys == ("subject",)
    ]


def _endpoints(protocol: Protocol, known: _Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    for name, endpoint in protocol.endpoints.items():
        here = ("endpoints", name)
        for index, part in enumerate(endpoint.of):
            yield from _unknown("endpoint", part, known.names("endpoints"), (*here, "of", index))
            component = protocol.endpoints.get(part)
            if component and component.kind != "responder":
                yield (
                    (*here, "of", index),
                    f"`{part}` is of kind {component.kind}, expected a responder",
                    "combine responders only",
                )
        if endpoint.score is None:
            continue
        if endpoint.score not in scores:
            if not _belongs_to_broken_form(endpoint.score, protocol, known):
                yield (*here, "score"), f"unknown score `{endpoint.score}`", nearest(endpoint.score, scores)
            continue
        yield from _improvement(endpoint, scores[endpoint.score], here)


def _belongs_to_broken_form(ref: str, protocol: Protocol, known: _Known) -> bool:
    form = ref.split(".")[0]
    if form in protocol.forms:
        named = protocol.forms[form]
        return bool(
            named.instrument
            and not any(named.items)
            and instrument_of(named, None) is None
            and named.instrument != form
        )
    return form in known.names("forms")


def _improvement(endpoint: Endpoint, score: Score, here: KeyPath) -> Iterator[Finding]:
    improvement = endpoint.improvement
    if improvement is None:
        return
    if score.higher_is_better is None:
        yield (
            here,
            f"the direction of `{score.ref}` is not known",
            "add `direction: lower-better` (or higher-better) to the item",
        )
    if score.lo is not None and score.hi is not None and not improvement.percent:
        width = score.hi - score.lo
        if improvement.exact > width or (improvement.strict and improvement.exact == width):
            what = f"an improvement of {improvement.amount} cannot happen: `{score.ref}` runs from {score.lo:g} to {score.hi:g}"
            yield (*here, "improvement"), what, "check the threshold and its unit"


def _estimands(protocol: Protocol, known: _Known) -> Iterator[Finding]:
    for name, estimand in protocol.estimands.items():
        here = ("estimands", name)
        yield from _unknown(
            "analysis set", estimand.set, ["full", *known.names("analysis_sets")], (*here, "set")
        )
        for event in estimand.events:
            yield from _unknown("event", event, known.names("events"), (*here, "events", event))
    once = _items_kept_once(protocol)
    for name, analysis_set in protocol.analysis_sets.items():
        for ref, value in analysis_set.where.items():
            path = ("analysis_sets", name, "where", ref)
            yield from _unknown("item kept once a subject", ref, once, path)
            form, item = ref.split(".")
            choices = protocol.forms[form].items[item].choices if ref in once else None
            if choices:
                yield from _unknown("choice", value, list(choices), path)


def _analyses(protocol: Protocol, known: _Known) -> Iterator[Finding]:
    if not any(a.role == "primary" for a in protocol.analyses.values()):
        yield (
            ("analyses",),
            "no analysis has the role primary",
            "say which analysis answers the study's question",
        )
    for name, analysis in protocol.analyses.items():
        here = ("analyses", name)
        yield from _unknown("endpoint", analysis.endpoint, known.names("endpoints"), (*here, "endpoint"))
        for index, visit in enumerate(analysis.at if analysis.at != "all" else ()):
            yield from _unknown("visit", visit, known.names("visits"), (*here, "at", index))
            if visit == protocol.baseline:
                yield (*here, "at", index), f"`{visit}` is the baseline", "arms are compared at a later visit"
        if analysis.estimand:
            yield from _unknown("estimand", analysis.estimand, known.names("estimands"), (*here, "estimand"))
        for index, covariate in enumerate(analysis.covariates):
            yield from _unknown(
                "covariate", covariate, ["baseline", *known.names("covariates")], (*here, "covariates", index)
            )
        for index, subgroup in enumerate(analysis.subgroups):
            yield from _unknown("subgroup", subgroup, known.names("subgroups"), (*here, "subgroups", index))
        if analysis.supports:
            yield from _unknown("analysis", analysis.supports, known.names("analyses"), (*here, "supports"))
        yield from _method(protocol, analysis, here)


def _method(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    if analysis.method not in METHODS:
        yield (
            (*here, "method"),
            f"this version has no method `{analysis.method}`",
            nearest(analysis.method, METHODS),
        )
        return
    endpoint = protocol.endpoints.get(analysis.endpoint)
    wants = METHODS[analysis.method]
    if endpoint and endpoint.is_response != (wants == "response"):
        kinds = "responders (yes or no)" if wants == "response" else "numbers"
        fits = [m for m, kind in METHODS.items() if kind != wants]
        yield (
            (*here, "method"),
            f"{analysis.method} compares {kinds}, and `{analysis.endpoint}` is of kind {endpoint.kind}",
            f"use one of {', '.join(fits)}",
        )
    yield from _adjustment(protocol, analysis, here)
    if analysis.missing in ("non-response", "worst-case") and wants != "response":
        yield (*here, "missing"), f"{analysis.missing} is a rule for responders", "use complete-cases or locf"
    if analysis.interval and (analysis.method != "risk-difference" or analysis.adjust != "none"):
        yield (
            (*here, "interval"),
            "an interval is chosen for an unadjusted risk difference only",
            "leave it out: the method has its own",
        )
    for index, extra in enumerate(analysis.also):
        yield from _unknown("companion", extra, list(ALSO), (*here, "also", index))
        if extra in ALSO and (extra == "hedges-g") == (wants == "response"):
            yield (*here, "also", index), f"{extra} does not go with {analysis.method}", "leave it out"
    if analysis.margin and analysis.method in ("risk-ratio", "odds-ratio", "fisher-exact"):
        yield (
            (*here, "margin"),
            "a margin is for a difference",
            "use risk-difference, ancova, mean-difference or mann-whitney",
        )


def _adjustment(protocol: Protocol, analysis: Analysis, here: KeyPath) -> Iterator[Finding]:
    takes = {
        "ancova": "covariates",
        "risk-difference": "overlap-weights",
        "mean-difference": "overlap-weights",
    }.get(analysis.method)
    if analysis.adjust != "none" and analysis.adjust != takes:
        yield (
            (*here, "adjust"),
            f"{analysis.method} cannot be adjusted by {analysis.adjust}",
            f"use {takes} or none" if takes else "use none",
        )
    if analysis.method == "ancova" and analysis.adjust != "covariates":
        yield (
            (*here, "adjust"),
            "ancova adjusts by covariates",
            "write `adjust: covariates`, or use mean-difference",
        )
    if (analysis.adjust != "none") != bool(analysis.covariates):
        todo = (
            "list the covariates"
            if analysis.adjust != "none"
            else "say how: `adjust: covariates` or `adjust: overlap-weights`"
        )
        yield here, f"`adjust: {analysis.adjust}` with {len(analysis.covariates)} covariates", todo
    estimand = protocol.estimands.get(analysis.estimand or "")
    target = estimand.target if estimand else "everyone"
    if (target == "overlap") != (analysis.adjust == "overlap-weights") and (
        estimand or analysis.adjust == "overlap-weights"
    ):
        yield (
            (*here, "estimand"),
            f"{analysis.adjust} does not speak of the target `{target}`",
            "overlap-weights go with `target: overlap`, the others with `everyone`",
        )
    if target == "treated":
        yield (
            (*here, "estimand"),
            "this version has no method for the target `treated`",
            "use overlap or everyone",
        )
    if analysis.adjust == "overlap-weights" and len(protocol.arms) > 2:
        yield (
            (*here, "adjust"),
            f"overlap weights compare two arms, and the study has {len(protocol.arms)}",
            "use ancova",
        )


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


def _families(protocol: Protocol, known: _Known) -> Iterator[Finding]:
    placed: dict[str, str] = {}
    for name, family in protocol.families.items():
        for index, member in enumerate(family.of):
            path = ("families", name, "of", index)
            yield from _unknown("analysis", member, known.names("analyses"), path)
            if member in placed:
                yield (
                    path,
                    f"`{member}` is in the family `{placed[member]}` already",
                    "an analysis is tested once",
                )
            placed[member] = name
            analysis = protocol.analyses.get(member)
            if analysis and len(protocol.analysis_visits(analysis)) > 1:
                yield path, f"`{member}` compares at several visits", "test one visit: split the analysis"
            if analysis and analysis.role not in ("primary", "key-secondary"):
                yield (
                    path,
                    f"`{member}` has the role {analysis.role}",
                    "families hold primary and key secondary analyses",
                )
    for name, analysis in protocol.analyses.items():
        if analysis.role in ("primary", "key-secondary") and name not in placed:
            yield (
                ("analyses", name, "role"),
                f"{analysis.role}, but in no family",
                "add it to `families`, so that the number of tests is planned",
            )


def _outside(protocol: Protocol, known: _Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """What points into the protocol from `size` and `published`."""
    if protocol.size:
        yield from _unknown(
            "endpoint", protocol.size.endpoint, known.names("endpoints"), ("size", "endpoint")
        )
    names = [*known.names("endpoints"), *scores]
    for index, figure in enumerate(protocol.published):
        here = ("published", index)
        yield from _unknown("endpoint or score", figure.endpoint, names, (*here, "endpoint"))
        yield from _unknown("visit", figure.visit, known.names("visits"), (*here, "visit"))
        yield from _unknown("arm", figure.arm, known.names("arms"), (*here, "arm"))

"""Methods in words, made from the protocol: what was planned is what is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from markupsafe import Markup

from armwise.analysis.results import Results
from armwise.protocol.model import Analysis
from armwise.report import comparisons
from armwise.report.cite import count, text
from armwise.report.numbers import levels, number
from armwise.report.page import Block, Prose, Section
from armwise.report.phrases import MISSING, MISSING_RULES
from armwise.report.references import used
from armwise.report.sections import model_methods
from armwise.report.sections.outcomes import adjusted_words, family_words
from armwise.report.tables import Column, Line, Table, Text
from armwise.report.words import Words, hyphenless, inside, joined, opening, spoken

#: What each method of the analysis computes, in words; keys are beginnings of the rows' method names, in lower case.
INTERVALS: Mapping[str, str] = {
    "overlap weights, mover-wilson": (
        "the weighted difference in risks combines, by the MOVER rule, two Wilson limits at the effective number of"
        " patients"
    ),
    "overlap weights, stacked sandwich": (
        "the weighted difference in means has the standard error of the stacked estimating equations, with a"
        " small-sample correction"
    ),
    "newcombe": "the unadjusted difference in risks has Newcombe’s interval from two Wilson limits",
    "miettinen-nurminen": "score intervals for risks and their ratios follow Miettinen and Nurminen",
    "ancova": "analysis of covariance gives t intervals from its model",
    "mmrm": "the mixed model for repeated measures gives t intervals, with the degrees of freedom said above",
    "welch": "unadjusted differences in means have Welch’s interval",
    "proportional odds": (
        "the proportional odds model gives the odds ratio of a better category, with the interval of its profile"
        " likelihood"
    ),
    "all pairs": "the probability of a better outcome and the win odds have Newcombe’s interval for all pairs",
    "overlap weights, simultaneous band": (
        "the curve over all thresholds has one half width, the quantile of its largest error in a multiplier bootstrap"
        " of its weighted influence functions"
    ),
    "normal tail": "risks that are not dichotomised come from a normal model of the change in each arm",
    "adjusted predictive modelling": (
        "the change that patients call an improvement comes from adjusted predictive modelling, with percentile limits"
        " of a bootstrap over patients"
    ),
    "firth": (
        "odds ratios given covariates come from Firth’s penalised logistic regression, with the interval of its"
        " profile likelihood"
    ),
    "fisher": "Fisher’s exact method gives the conditional odds ratio",
    "wilson": "single proportions have Wilson’s interval",
    "mann-whitney": (
        "the Hodges-Lehmann shift is the median of all pairwise differences, with the interval of the Mann-Whitney test"
    ),
    "permutation of welch": (
        "the difference in means by permutation of the arms has the interval of the differences that a permutation test"
        " of Welch’s t does not reject; it adjusts for nothing"
    ),
}

#: What an adjustment of chosen arms does and whom its estimate speaks of.
WEIGHTING_METHODS: Mapping[str, str] = {
    "overlap-weights": (
        "The probability of the arm was estimated by logistic regression on the covariates of the analysis. Each"
        " patient is weighted by the probability of the arm that the patient did not have (overlap weights; Li, Morgan"
        " and Zaslavsky 2018): the weighted arms then have equal means of these covariates, and the estimate speaks of"
        " patients for whom either arm was a realistic choice."
    ),
    "inverse-probability": (
        "Inverse-probability weights make each arm look like the target population; a patient who was unlikely to be in"
        " the arm that he or she was in counts much."
    ),
    "entropy-balancing": (
        "Entropy balancing takes, of all weights that make the covariates’ means those of the target population, those"
        " nearest to equal ones (Hainmueller 2012)."
    ),
    "g-computation": (
        "G-computation fits a regression in each arm and averages its predictions over the target population."
    ),
    "aipw": (
        "The augmented estimator combines weights with a regression in each arm, and needs only one of the two to be"
        " right."
    ),
}


def section(results: Results, words: Words) -> Section:
    """Design, endpoints, estimands, analyses, multiplicity, intervals, and the works they rest on."""
    study = (_design(words), _eligibility(words), _visits(words), _size(words))
    statistics = (_weights(words), _missing(results, words), _tests(words), _within(words))
    computed = (
        _paragraph("Repeated measures", model_methods.methods(results, words)),
        _ls_means(words),
        _intervals(results),
        _rounding(),
    )
    blocks = [
        Block(Prose(tuple(p for p in study if p))),
        Block(_endpoints(words), fold="Endpoints, as the protocol defines them"),
        Block(_analyses(words)),
        Block(Prose(tuple(p for p in statistics if p))),
        Block(Prose(tuple(p for p in computed if p)), fold="Models, intervals and rounding"),
        Block(_references(results, words), fold="References"),
    ]
    return Section(
        name="methods",
        short="Methods",
        heading="How this was done",
        question="Could someone else do it again?",
        blocks=tuple(blocks),
    )


def _paragraph(head: str, body: Text) -> Text:
    return text("<b>{head}.</b> {body}", head=head, body=body) if body else ""


def _design(words: Words) -> Text:
    study = words.protocol.study
    arms = []
    for name in words.arms:
        arm = words.protocol.arms[name]
        parts = f" ({'; '.join(arm.components)})" if arm.components else ""
        if arm.description or parts:
            arms.append(f"{arm.label}: {inside(arm.description)}{parts}.")
    who = f" {opening(words.allocated)}."
    setting = f" {study.setting.rstrip('.')}." if study.setting else ""
    aim = f" Aim: {inside(study.objective.strip()).rstrip('.')}." if study.objective else ""
    return _paragraph("Design", f"{opening(words.allocation())}.{who}{setting}{aim} {' '.join(arms)}")


def _eligibility(words: Words) -> Text:
    declared = words.protocol.eligibility
    parts = [
        f"Included: {'; '.join(declared.inclusion.values())}." if declared.inclusion else "",
        f"Excluded: {'; '.join(declared.exclusion.values())}." if declared.exclusion else "",
    ]
    return _paragraph("Eligibility", " ".join(p for p in parts if p))


def _visits(words: Words) -> Text:
    protocol = words.protocol
    parts = []
    for name, visit in protocol.visits.items():
        window = (
            f" ({number(visit.day + visit.window[0])} to {number(visit.day + visit.window[1])})"
            if visit.window
            else ""
        )
        parts.append(f"{words.visit(name)} on day {number(visit.day)}{window}")
    zero = protocol.time_zero
    origins = (
        {"": zero} if isinstance(zero, str) else {f" ({words.short(a)})": ref for a, ref in zero.items()}
    )
    day0 = joined(f"{_origin(words, ref)}{arm}" for arm, ref in origins.items())
    return _paragraph("Visits", f"{opening(joined(parts))}. Day 0 is {day0}. {_records(words)}")


def _records(words: Words) -> str:
    """By which rule a record belongs to a visit, and which of several is used."""
    place = (
        "A record belongs to the visit that it is labelled with; the windows assign none."
        if words.protocol.visits_by == "label"
        else "A record belongs to the visit in whose window its date lies, whatever its label."
    )
    rule = {"nearest": "the one nearest to the target day", "first": "the first", "last": "the last"}[
        words.protocol.window_rule
    ]
    return (
        f"{place} Of several records of one visit, among those that can be scored, {rule} is used; the baseline is the"
        " last one on or before day 0."
    )


def _origin(words: Words, ref: str) -> str:
    """`procedures.date` -> `date of injection`."""
    form, _, item = ref.partition(".")
    declared = words.protocol.forms.get(form)
    if declared and item in declared.items:
        return inside(declared.items[item].text(words.protocol.study.language) or hyphenless(item))
    return {"enrolled": "the day of enrolment", "date": f"the date of {inside(words.form(form))}"}.get(
        item, ref
    )


def _size(words: Words) -> Text:
    planned = [
        f"{number(arm.planned)} with {words.brief(name)}"
        for name, arm in words.protocol.arms.items()
        if arm.planned
    ]
    return _paragraph("Size", f"Planned: {joined(planned)}." if planned else "")


def _endpoints(words: Words) -> Table:
    protocol = words.protocol
    lines = []
    for name, endpoint in protocol.endpoints.items():
        scale = words.score(words.score_of(name)).scale if not endpoint.is_response else "yes or no"
        score = (
            ""
            if not endpoint.of
            else (
                "A missing component makes it missing"
                if endpoint.missing_component == "missing"
                else "Taken from the observed component"
            )
        )
        lines.append(Line(words.endpoint(name), (opening(words.criterion(name)), scale), score))
    columns = (
        Column("Endpoint", side="left"),
        Column("Definition", side="left", wide=True),
        Column("Scale", side="left"),
    )
    return Table("Endpoints.", columns, tuple(lines), "As declared in the protocol, with their operators.")


def _analyses(words: Words) -> Table:
    lines = []
    for name, a in words.protocol.analyses.items():
        visits = joined(words.visit(v) for v in words.protocol.analysis_visits(a))
        planned = "" if a.planned else " (post hoc)"
        lines.append(
            Line(
                a.label or words.endpoint(a.endpoint),
                (
                    opening(hyphenless(a.role)) + planned,
                    words.endpoint(a.endpoint),
                    opening(visits) + (f"; tested {words.at(a.tested_at)}" if a.tested_at else ""),
                    _how(words, a),
                    hyphenless(a.estimand or "–"),
                ),
                name,
            )
        )
    columns = (
        Column("Analysis", side="left"),
        Column("Role", side="left"),
        Column("Endpoint", side="left"),
        Column("At", side="left"),
        Column("Method", side="left", wide=True),
        Column("Estimand", side="left"),
    )
    return Table("Analyses.", columns, tuple(lines), "In the order of the protocol.", compact=True)


def _how(words: Words, a: Analysis) -> str:
    covariates = f"; {joined(spoken(words.covariate(c)) for c in a.covariates)}" if a.covariates else ""
    missing = "" if a.missing == "complete-cases" else f"; {MISSING[a.missing]}"
    margin = f"; {a.margin.kind} margin {a.margin.value:g}" if a.margin else ""
    return f"{opening(words.method(a))}{covariates}{missing}{margin}"


def _weights(words: Words) -> Text:
    used = dict.fromkeys(a.adjust for a in words.protocol.analyses.values() if a.adjust in WEIGHTING_METHODS)
    return _paragraph("Weighting", " ".join(WEIGHTING_METHODS[a] for a in used)) if used else ""


def _missing(results: Results, words: Words) -> Text:
    """The rule of each analysis: the primary one's first, the most frequent of the others as that of all others."""
    analyses = words.protocol.analyses
    primary = comparisons.primary_name(words.protocol)
    by_rule: dict[str, list[str]] = {}
    for name, declared in analyses.items():
        if name != primary:
            by_rule.setdefault(declared.missing, []).append(name)
    first = analyses[primary].missing
    said = [f"Primary analysis: {MISSING_RULES[first]}."]
    named = sorted(
        by_rule, key=lambda rule: (len(by_rule[rule]), rule == first)
    )  # the last is that of all others
    labels = Counter(_named(words, name) for name in analyses)
    for rule in named:
        names = [
            _named(words, name) if labels[_named(words, name)] == 1 else f"{_named(words, name)} ({name})"
            for name in by_rule[rule]
        ]
        whose = joined(names) if rule != named[-1] or len(names) == 1 else "All other analyses"
        what = "the rule of the primary analysis" if rule == first else MISSING_RULES[rule]
        said.append(f"{opening(whose)}: {what}.")
    items = "Items missing within a questionnaire follow the instrument’s own rule."
    body = text("{said}{drawn} {items}", said=" ".join(said), drawn=_drawn(results, primary), items=items)
    return _paragraph("Missing answers", body)


def _drawn(results: Results, primary: str) -> Text:
    """How many outcomes of the primary analysis were drawn, and how often; nothing where none was."""
    rows = results.rows(analysis=primary, statistic="imputations")
    if not rows or not rows[-1]["n"]:
        return ""
    row = rows[-1]
    return text(
        " In the primary analysis the outcomes of {n} patients were drawn, {sets} times.",
        n=count(row, "n"), sets=count(row),
    )  # fmt: skip


def _named(words: Words, name: str) -> str:
    declared = words.protocol.analyses[name]
    return declared.label or words.endpoint(declared.endpoint)


def _ls_means(words: Words) -> Text:
    weights = dict.fromkeys(
        a.ls_means
        for a in words.protocol.analyses.values()
        if a.method in ("ancova", "mmrm") and a.adjust != "none"
    )
    said = {
        "equal": "equal weights for the categories of a factor",
        "observed": "the observed shares of the categories of a factor",
    }
    return (
        _paragraph(
            "Adjusted means",
            f"Least-squares means take the covariates at their means, with {joined(said[w] for w in weights)}.",
        )
        if weights
        else Markup("")
    )


def _intervals(results: Results) -> Text:
    methods = [str(m).lower() for m in results.table["method"].drop_nulls().unique()]
    found = [
        words
        for start, words in INTERVALS.items()
        if any(m.startswith(start) or (start == "fisher" and "fisher" in m) for m in methods)
    ]
    return _paragraph("Intervals", opening("; ".join(found)) + f". {_levels(results)}") if found else ""


def _levels(results: Results) -> str:
    """The levels of the intervals, from the rows themselves."""
    found = levels(results.rows())
    if len(found) == 1:
        return f"They are two-sided, each a {found[0]}."
    return f"They are two-sided, at different levels ({joined(found)}); each says its own where they stand together."


def _tests(words: Words) -> Text:
    families = words.protocol.families
    if not families:
        return _paragraph("Multiplicity", "The protocol declares no family of tests, so no P value is shown.")
    names = "; ".join(family_words(words, f) for f in families)
    return _paragraph(
        "Multiplicity",
        f"Families of tests, in this order: {names}. Other analyses carry intervals without P values. A P value comes"
        f" from the method of the interval beside it. {adjusted_words(words)}".rstrip(),
    )


def _within(words: Words) -> Text:
    said = (
        "Changes within an arm are described by their mean and interval; a change within an arm is no evidence about"
        " the treatment (Bland and Altman 2011), so none is tested."
    )
    return (
        _paragraph("Changes within arms", said)
        if any(e.kind == "change" for e in words.protocol.endpoints.values())
        else ""
    )


def _rounding() -> Text:
    return _paragraph(
        "Numbers", "Rounded once, half away from zero; an estimate and its limits have the same decimals."
    )


def _references(results: Results, words: Words) -> Prose:
    items = Markup("").join(text("<li>{c}</li>", c=c) for c in used(results, words))
    publication = words.protocol.study.publication
    own = (
        text(
            "<li>{c}</li>",
            c=f"{publication.citation.strip()}{' PMID ' + publication.pmid + '.' if publication.pmid else ''}",
        )
        if publication
        else Markup("")
    )
    return Prose(
        (text('<h3>References</h3><ol class="refs">{own}{items}</ol>', own=own, items=items),), small=True
    )

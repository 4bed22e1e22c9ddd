"""Models for repeated measures: LS means and differences at every visit, and the covariance that was fitted."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from armwise.analysis.repeated import COVARIANCES
from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.ls_means import ls_means
from armwise.report.figures.style import Better
from armwise.report.numbers import MIXED, level, row_decimals
from armwise.report.page import Block, Figure, Section, figure
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words, inside, joined, opening, spoken


def section(results: Results, words: Words) -> Section | None:
    """Every analysis that is a model of all visits; None where there is none, or its rows are not there."""
    names = [
        n
        for n in comparisons.repeated(words.protocol)
        if any(comparisons.model_means(results, n, "ls mean").values())
    ]
    if not names:
        return None
    blocks: list[Block] = []
    for name in names:
        blocks.append(Block(_figure(results, words, name), noted(*_notes(results, words, name))))
        blocks.append(Block(_table(results, words, name)))
        blocks.append(Block(_covariance(results, words, name), noted(_fit(results, name))))
    return Section(
        name="repeated",
        short="All visits in one model",
        heading=headings.repeated(results, words, names),
        question="What do all visits together show, with the answers of patients who missed some of them?",
        blocks=tuple(blocks),
    )


def _called(words: Words, name: str) -> str:
    """What a model is about: the endpoint, with the analysis's label where several models share it."""
    endpoint = words.protocol.analyses[name].endpoint
    sharing = [
        n for n in comparisons.repeated(words.protocol) if words.protocol.analyses[n].endpoint == endpoint
    ]
    label = words.protocol.analyses[name].label
    return (
        f"{words.endpoint(endpoint)} ({inside(label or name)})"
        if len(sharing) > 1
        else words.endpoint(endpoint)
    )


def _change(words: Words, name: str) -> str:
    kind = words.protocol.endpoints[words.protocol.analyses[name].endpoint].kind
    return {"change": "change", "percent-change": "per cent change"}.get(kind, "value")


def _figure(results: Results, words: Words, name: str) -> Figure:
    declared = words.protocol.analyses[name]
    score = words.score_of(declared.endpoint)
    better: Better = "higher" if words.score(score).higher_is_better else "lower"
    mid = (
        words.threshold(score)
        if words.protocol.endpoints[declared.endpoint].kind != "percent-change"
        else None
    )
    return figure(
        f"{opening(_called(words, name))}, all visits in one model.",
        text(
            "Above, adjusted means of the {change} with their intervals; below, the difference at each visit that is"
            " compared. {chosen}",
            change=_change(words, name),
            chosen=words.allocation_note,
        ),
        lambda width: ls_means(results, name, better=better, mid=mid, width=width),
    )


def _notes(results: Results, words: Words, name: str) -> list[Text]:
    """What the model used, what it takes for granted, and what was wrong with the data, if anything."""
    declared = words.protocol.analyses[name]
    visits = words.protocol.measured_visits(declared.endpoint)
    observations = results.one(analysis=name, statistic="observations")
    used: Text = ""
    if observations is not None:
        used = text(
            "The model uses {k} answers of {n} patients at {visits}, whichever of them a patient has.",
            k=cite.count(observations),
            n=cite.count(observations, "n"),
            visits=joined(words.visit(v) for v in visits),
        )
    assumes = (
        "It assumes that a missing answer is missing at random: that, given arm, covariates and the answers that are"
        " there, it would have been like those of the others."
    )
    chosen = (
        f"{opening(words.chosen)}: the difference assumes that patients alike in what was recorded would have fared"
        " alike."
        if words.nonrandomised
        else ""
    )
    return [troubles(results, name), used, assumes, chosen]


def troubles(results: Results, name: str) -> Text:
    """Why the declared covariance was not the one that was fitted, or why there is no fit; else nothing."""
    row = results.one(analysis=name, statistic="log likelihood")
    if row is None or not row["reason"]:
        return ""
    return text("<b>{what}</b>", what=f"{row['reason'].rstrip('.')}.")


def _table(results: Results, words: Words, name: str) -> Table:
    """LS means, how many were observed, and the differences, by visit."""
    declared = words.protocol.analyses[name]
    means, counts = (comparisons.model_means(results, name, s) for s in ("ls mean", "n"))
    gaps = comparisons.model_differences(results, name)
    visits = words.protocol.measured_visits(declared.endpoint)
    rows = [r for table in (means, gaps) for by_visit in table.values() for r in by_visit.values()]
    ci = level(rows)
    columns = [Column("Visit", side="left")]
    said = f"adjusted mean ({ci}), n"
    columns += [
        Column(words.short(arm), said, arm=arm, card=f"{words.short(arm)}, {said}", wide=True)
        for arm in words.arms
    ]
    change = "" if _change(words, name) == "value" else " in change"
    for arm in words.treatments:
        against = "Difference" if len(words.treatments) == 1 else f"{words.short(arm)}, difference"
        columns.append(Column(f"{against} ({ci})", f"{change.strip()}, adjusted".lstrip(", "), wide=True))
    beside = declared.adjust != "none" and len(words.treatments) == 1
    if beside:
        columns.append(
            Column("Unadjusted", "of those observed", card="Unadjusted, of those observed", wide=True)
        )
    lines = []
    for visit in visits:
        digits = _digits(words, means, visit)
        cells = [
            _mean(means[arm].get(visit), counts[arm].get(visit), digits, ci == MIXED) for arm in words.arms
        ]
        cells += [
            cite.with_limits(gaps[arm].get(visit), note=True, level=ci == MIXED) for arm in words.treatments
        ]
        if beside:
            cells.append(_unadjusted(results, name, visit, gaps[words.treatments[0]].get(visit)))
        lines.append(Line(words.protocol.visit_label(visit), tuple(cells)))
    caption = text(
        "Adjusted means of the {change} and how many were observed; the difference is treatment minus"
        " {reference}. {note}",
        change=_change(words, name),
        reference=words.arm(words.protocol.reference),
        note=words.allocation_note,
    )
    made = Table(
        f"{opening(_called(words, name))} by visit, all visits in one model.", tuple(columns), tuple(lines), caption,
        compact=True,
    )  # fmt: skip
    return folded(made, len(words.arms), len(words.treatments), f"below: difference{change} ({ci})")


def _digits(words: Words, means: comparisons.Table, visit: str) -> int | None:
    rows = [means[arm][visit] for arm in words.arms if comparisons.usable(means[arm].get(visit))]
    return max((row_decimals(r) for r in rows), default=None)


def _mean(mean: Row | None, seen: Row | None, digits: int | None, levelled: bool) -> Text:
    n = text(", {n}", n=cite.count(seen)) if seen is not None else Markup("")
    return text("{m}{n}", m=cite.with_limits(mean, digits, level=levelled), n=n) if mean else Markup("")


def _unadjusted(results: Results, name: str, visit: str, beside: Row | None) -> Text:
    rows = comparisons.leading(results, f"{name}{comparisons.UNADJUSTED}", visit) if beside else []
    digits = row_decimals(beside) if beside is not None and comparisons.usable(beside) else None
    return cite.with_limits(rows[0], digits) if rows else Markup("")


def _covariance(results: Results, words: Words, name: str) -> Table:
    """SDs and correlations of what arm and covariates leave unexplained."""
    visits = words.protocol.measured_visits(words.protocol.analyses[name].endpoint)
    sds = {r["visit"]: r for r in results.rows(analysis=name, statistic="sd", arm=None, subgroup=None)}
    pairs = {(r["visit"], r["item"]): r for r in results.rows(analysis=name, statistic="correlation")}
    columns = [Column("Visit", side="left"), Column("SD")]
    columns += [
        Column(words.protocol.visit_label(v), "correlation", card=f"Correlation with {words.visit(v)}")
        for v in visits[1:]
    ]
    lines = []
    for i, visit in enumerate(visits):
        cells: list[Text] = [cite.estimate(sds.get(visit))]
        cells += [
            cite.estimate(pairs.get((visit, other))) if j > i else Markup("")
            for j, other in enumerate(visits[1:], start=1)
        ]
        lines.append(Line(words.protocol.visit_label(visit), tuple(cells)))
    caption = (
        "Standard deviation at each visit, and correlations between visits, of what arm and covariates leave."
    )
    return Table(
        f"{opening(_called(words, name))}: the fitted covariance.",
        tuple(columns),
        tuple(lines),
        caption,
        compact=True,
    )


def _fit(results: Results, name: str) -> Text:
    """Log likelihood, AIC and number of parameters."""
    likelihood, aic, parameters = (
        results.one(analysis=name, statistic=s) for s in ("log likelihood", "aic", "variance parameters")
    )
    if likelihood is None or not comparisons.usable(likelihood):
        return ""
    return text(
        "Restricted log likelihood {l}, AIC {a}; {k} {what}.",
        l=cite.estimate(likelihood),
        a=cite.estimate(aic),
        k=cite.count(parameters),
        what="variances and correlations",
    )


def methods(results: Results, words: Words) -> Text:
    """The model in words, made from the protocol; the fallback too where it was needed. Nothing without a model."""
    return Markup(" ").join(_model(results, words, name) for name in comparisons.repeated(words.protocol))


#: Degrees of freedom of the protocol -> what is said of them.
DEGREES: Mapping[str, str] = {
    "kenward-roger": (
        "standard errors and degrees of freedom are Kenward and Roger’s (1997), the covariance being linear in its"
        " parameters"
    ),
    "kenward-roger-log-cholesky": (
        "standard errors and degrees of freedom are Kenward and Roger’s (1997), the parameters being those of a"
        " log-Cholesky factor"
    ),
    "satterthwaite": "degrees of freedom are Satterthwaite’s (Giesbrecht and Burns 1985)",
    "between-within": "degrees of freedom are between and within patients",
    "residual": "degrees of freedom are those of the residual",
}


def _covariate(words: Words, name: str) -> str:
    declared = words.protocol.covariates.get(name)
    said = spoken(words.covariate(name))
    return f"baseline {said}" if declared is not None and declared.score else said


def _effects(words: Words, a: Analysis) -> str:
    """Which effects differ from visit to visit."""
    shared = [_covariate(words, c) for c in a.covariates if c in a.one_effect]
    crossed = ["arm", *(_covariate(words, c) for c in a.covariates if c not in a.one_effect)]
    own = "have effects of their own" if len(crossed) > 1 else "has an effect of its own"
    same = (
        f"; {joined(shared)} {'have' if len(shared) > 1 else 'has'} one effect for all visits"
        if shared
        else ""
    )
    return opening(f"{joined(crossed)} {own} at each visit{same}.")


def _model(results: Results, words: Words, name: str) -> Text:
    a = words.protocol.analyses[name]
    visits = joined(words.visit(v) for v in words.protocol.measured_visits(a.endpoint))
    named = (
        "unstructured (a variance for each visit, a correlation for each pair)"
        if a.covariance == "unstructured"
        else COVARIANCES[a.covariance]
    )
    second = a.second_covariance
    fallback = f"; were that to have no fit, {COVARIANCES[second]} was to take its place" if second else ""
    trouble = troubles(results, name)
    said = (
        f"{opening(_called(words, name))}: a mixed model for repeated measures (MMRM), fitted by restricted maximum"
        f" likelihood to every observed answer at {visits}. {_effects(words, a)} The covariance of a"
        f" patient’s visits is {named}{fallback}; {DEGREES[a.degrees_of_freedom]}. Missing answers are taken to"
        " be missing at random, given arm, covariates and the visits that were observed."
    )
    return text("{said}{sep}{trouble}", said=said, sep=" " if trouble else "", trouble=trouble)

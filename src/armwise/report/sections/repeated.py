"""Models for repeated measures: LS means and differences at every visit, and the covariance that was fitted."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.fragility import put_to_test
from armwise.analysis.repeated import DEGREES_OF_FREEDOM, covariance_words, fitted_covariance
from armwise.analysis.results import Results, Row
from armwise.analysis.unlike_arms import verdict_in
from armwise.protocol.model import Analysis
from armwise.protocol.plan import WEIGHTED
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.ls_means import ls_means
from armwise.report.figures.style import Better
from armwise.report.numbers import MIXED, level, row_decimals
from armwise.report.page import Block, Figure, Section, figure
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words, hyphenless, inside, joined, opening

#: Letters of a visit's label that stand in one line at the head of a row.
SHORT = 14


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
    many = len(names) > 1
    before = _in_the_course(results, words)
    for i, name in enumerate(sorted(names, key=lambda n: n == before)):
        notes = noted(
            *_notes(results, words, name),
            beside_the_model(results, words, name) if name != before else "",
            *([] if i else _assumptions(words)),
        )
        table = _table(results, words, name, gaps=name != before)
        numbers = table.title.rstrip(".")  # on a screen they are folded where the figure shows them
        blocks += (
            [Block(table, notes, fold=numbers)]
            if name == before
            else [Block(_figure(results, words, name, many), notes), Block(table, fold=numbers)]
        )
        blocks.append(Block(_covariance(results, words, name, many), noted(_fit(results, words, name))))
    return Section(
        name="repeated",
        short="All visits in one model",
        heading=headings.repeated(results, words, [n for n in names if n != before] or names),
        question="What do all visits together show, with the answers of patients who missed some of them?",
        blocks=tuple(blocks),
    )


def _in_the_course(results: Results, words: Words) -> str | None:
    """The model whose differences the section of the main score shows: they are not shown a second time."""
    endpoint = comparisons.change_endpoint(words.protocol, comparisons.main_score(words))
    return comparisons.one_model(results, endpoint)


def outcome_called(words: Words, name: str) -> str:
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


def _adjusted(words: Words, name: str) -> bool:
    return words.protocol.analyses[name].adjust != "none"


def _means(words: Words, name: str) -> str:
    """What the LS means are called, for readers."""
    return "adjusted means" if _adjusted(words, name) else "means from the model"


def _figure(results: Results, words: Words, name: str, many: bool) -> Figure:
    declared = words.protocol.analyses[name]
    score = words.score_of(declared.endpoint)
    better: Better = "higher" if words.score(score).higher_is_better else "lower"
    mid = (
        words.threshold(score)
        if words.protocol.endpoints[declared.endpoint].kind != "percent-change"
        else None
    )
    called = opening(outcome_called(words, name))
    finding = headings.model_finding(results, words, name).removeprefix("was ")
    return figure(
        f"{called}: {finding}."
        if many
        else f"{called}, all visits in one model.",  # one: it is the section's heading
        text(
            "Above, {means} of the {change} with their intervals; below, the difference at each visit that is"
            " compared. {chosen}",
            means=_means(words, name),
            change=_change(words, name),
            chosen=words.allocation_note,
        ),
        lambda width: ls_means(results, name, better=better, mid=mid, width=width),
    )


def _notes(results: Results, words: Words, name: str) -> list[Text]:
    """Which analysis it is, what was wrong with the data, if anything, and what the model used."""
    declared = words.protocol.analyses[name]
    seen = _seen(results, words, name)
    observations = results.one(analysis=name, statistic="observations")
    used: Text = ""
    if observations is not None and observations["estimate"]:
        unseen = [v for v in words.protocol.measured_visits(declared.endpoint) if v not in seen]
        used = text(
            "The model uses {k} answers of {n} patients at {visits}, whichever of them a patient has{aside}.{unseen}",
            k=cite.count(observations),
            n=cite.count(observations, "n"),
            visits=joined(words.visit(v) for v in seen),
            aside=set_aside(words, declared),
            unseen=f" Nobody was observed at {joined(words.visit(v) for v in unseen)}." if unseen else "",
        )
    return [_role(words, name), troubles(results, name), *_unlike(results, words, name), used]


def beside_the_model(results: Results, words: Words, name: str) -> Text:
    """What the analyses that stand beside a model found, at the visit that it stands for.

    Where the section on fragility has all of them, the weighted ones alone: they compare without a model of outcomes.

    Args:
        results: the results.
        words: the study's words.
        name: the analysis that is a model.
    """
    protocol = words.protocol
    visit = protocol.leading_visit(protocol.analyses[name])
    others = {n: a for n, a in protocol.analyses.items() if a.supports == name and a.role == "sensitivity"}
    tested = not {name, *others}.isdisjoint(put_to_test(protocol))
    many = len(words.treatments) > 1
    parts: list[Markup] = []
    for other, declared in others.items():
        if visit not in protocol.analysis_visits(declared) or (tested and declared.adjust not in WEIGHTED):
            continue
        label = declared.label or opening(hyphenless(other))
        parts += [
            text("{label}{arm}: {v}.", label=label, arm=f", {words.brief(r['arm'])}" if many else "",
                 v=cite.with_limits(r, note=True))
            for r in comparisons.leading(results, other, visit)
            if comparisons.usable(r)
        ]  # fmt: skip
    said = Markup(" ").join(parts)
    return text("Beside it, {at}. {parts}", at=words.at(visit), parts=said) if parts else ""


def _assumptions(words: Words) -> list[Text]:
    """What such a model takes for granted, once for all of them."""
    assumes = (
        "It assumes that a missing answer is missing at random: that, given arm, covariates and the answers that are"
        " there, it would have been like those of the others."
    )
    chosen = (
        f"{opening(words.chosen)}: the difference assumes that patients alike in what was recorded would have fared"
        " alike."
    )
    return [assumes, chosen if words.nonrandomised else ""]


def _seen(results: Results, words: Words, name: str) -> list[str]:
    """The visits of a model at which anybody was observed."""
    counts = comparisons.model_means(results, name, "n").values()
    visits = words.protocol.measured_visits(words.protocol.analyses[name].endpoint)
    return [v for v in visits if any(rows[v]["estimate"] for rows in counts if v in rows)]


def _role(words: Words, name: str) -> str:
    """`A sensitivity analysis of the primary one (MMRM).`: what the plan makes of it."""
    declared = words.protocol.analyses[name]
    role = hyphenless(declared.role)
    article = "The" if declared.role == "primary" else "An" if role[0] in "aeiou" else "A"
    supported = words.protocol.analyses.get(declared.supports or "")
    whose = f" of “{supported.label or words.endpoint(supported.endpoint)}”" if supported else ""
    return f"{article} {role} analysis{whose}{'' if declared.planned else ', post hoc'}."


def set_aside(words: Words, declared: Analysis) -> str:
    """That answers after some events are set aside, where the estimand has any such."""
    estimand = words.protocol.estimands.get(declared.estimand or "")
    events = [e for e, strategy in estimand.events.items() if strategy == "hypothetical"] if estimand else []
    known = words.protocol.events
    named = [inside((known[e].label if e in known else "") or hyphenless(e)) for e in events]
    return f"; answers after {joined(named, 'or')} are set aside" if named else ""


def troubles(results: Results, name: str) -> Text:
    """Why the declared covariance was not the one that was fitted, or why there is no fit; else nothing."""
    row = results.one(analysis=name, statistic="log likelihood")
    if row is None or not row["reason"]:
        return ""
    what = row["reason"].rstrip(".")
    return text("<b>{what}</b>", what=opening(what if what.endswith("?") else f"{what}."))


def _unlike(results: Results, words: Words, name: str) -> list[Text]:
    """Where arms differ in size and in SD: why and which other analysis leads at the visit that this one is for."""
    visit = words.protocol.leading_visit(words.protocol.analyses[name])
    found = (verdict_in(r["reason"]) for r in comparisons.leading(results, name, visit))
    return [text("<b>{at}: {why}.</b>", at=opening(words.at(visit)), why=why) for why in found if why]


def _table(results: Results, words: Words, name: str, *, gaps: bool) -> Table:
    """LS means, how many were observed, and the differences (unless they stand with the main score), by visit."""
    declared = words.protocol.analyses[name]
    means, counts = (comparisons.model_means(results, name, s) for s in ("ls mean", "n"))
    differences = comparisons.model_differences(results, name)
    visits = words.protocol.measured_visits(declared.endpoint)
    rows = [r for table in (means, differences) for by_visit in table.values() for r in by_visit.values()]
    ci = level(rows)
    columns = [Column("Visit", side="left")]
    adjusted = _adjusted(words, name)
    said = f"{'adjusted mean' if adjusted else 'mean from the model'} ({ci}),\u00a0n"
    columns += [
        Column(words.short(arm), said, arm=arm, card=f"{words.short(arm)}, {said}", wide=True)
        for arm in words.arms
    ]
    change = "" if _change(words, name) == "value" else " in change"
    compared = words.treatments if gaps else ()
    for arm in compared:
        against = "Difference" if len(words.treatments) == 1 else f"{words.short(arm)}, difference"
        small = ", ".join(filter(None, (change.strip(), "adjusted" if adjusted else "")))
        columns.append(Column(f"{against} ({ci})", small, wide=True))
    beside = adjusted and len(words.treatments) == 1
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
            cite.with_limits(differences[arm].get(visit), note=True, level=ci == MIXED) for arm in compared
        ]
        if beside:
            cells.append(_unadjusted(results, name, visit, differences[words.treatments[0]].get(visit)))
        lines.append(Line(_head(words, visit), tuple(cells)))
    caption = text(
        "{means} of the {change} and how many were observed; {difference}. {note}",
        means=opening(_means(words, name)),
        change=_change(words, name),
        difference=f"the difference is treatment minus {words.arm(words.protocol.reference)}"
        if gaps
        else "the differences of this model stand with the score over time",
        note=words.allocation_note,
    )
    title = f"{opening(outcome_called(words, name))} by visit, all visits in one model."
    made = Table(title, tuple(columns), tuple(lines), caption, compact=True)
    return folded(made, len(words.arms), len(words.treatments), f"below: difference{change} ({ci})")


def _head(words: Words, visit: str) -> str:
    """A visit's label as the head of a row: a short one stays on its line."""
    label = words.protocol.visit_label(visit)
    return label.replace(" ", "\u00a0") if len(label) <= SHORT else label


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


def _covariance(results: Results, words: Words, name: str, many: bool) -> Table:
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
        lines.append(Line(_head(words, visit), tuple(cells)))
    caption = (
        "Standard deviation at each visit, and correlations between visits, of what arm and covariates leave."
    )
    return Table(
        f"{opening(outcome_called(words, name))}: the fitted covariance.",
        tuple(columns),
        tuple(lines),
        caption,
        compact=True,
        fold="The fitted covariance" if many else "",
    )


def _fit(results: Results, words: Words, name: str) -> Text:
    """Which covariance was fitted, log likelihood, AIC and number of parameters."""
    likelihood, aic, parameters = (
        results.one(analysis=name, statistic=s) for s in ("log likelihood", "aic", "variance parameters")
    )
    if likelihood is None or not comparisons.usable(likelihood):
        return ""
    declared = words.protocol.analyses[name]
    fitted = covariance_words(fitted_covariance(declared, likelihood["reason"] or ""))
    one = parameters is not None and parameters["estimate"] == 1
    return text(
        "{covariance}, {df}. Restricted log likelihood {l}, AIC {a}; {k} {what}.",
        covariance=opening(fitted),
        df=DEGREES_OF_FREEDOM[declared.degrees_of_freedom],
        l=cite.estimate(likelihood),
        a=cite.estimate(aic),
        k=cite.count(parameters),
        what="variance" if one else "variances and correlations",
    )

"""The first screen: what was compared, the finding, the primary estimate under every analysis, the doubts."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.plan import WEIGHTED
from armwise.report import cite, comparisons, headings, overturning
from armwise.report.cite import text
from armwise.report.figures.estimates import estimates
from armwise.report.figures.style import Better
from armwise.report.numbers import row_decimals, sd_decimals, shown
from armwise.report.page import Answer, Facts, figure
from armwise.report.phrases import MISSING_RULES, TARGETS
from armwise.report.tables import Text
from armwise.report.words import Words, hyphenless, inside, joined, opening


def answer(results: Results, words: Words) -> Answer:
    """The first screen."""
    name = comparisons.primary_name(words.protocol)
    declared = comparisons.analysis_of(words.protocol, name)
    rows = comparisons.leading(results, name)
    visit = words.protocol.leading_visit(declared)
    better: Better = "higher" if words.more_is_better(name, declared.endpoint) else "lower"
    drawn = None
    if rows:
        drawn = figure(
            f"{opening(words.endpoint(declared.endpoint))} {words.at(visit)}.",
            _caption(words, name),
            lambda width: estimates(results, name, better=better, width=width),
        )
    return Answer(
        design=_design(results, words),
        heading=headings.primary(results, words),
        lead=lead(results, words, name, rows, visit),
        fragile=overturning.strength(results, words),
        figure=drawn,
        facts=Facts(_facts(results, words, name, visit)),
        doubts=(_allocation(results, words), _missing(results, words, name, visit), _masking(words)),
    )


def _design(results: Results, words: Words) -> Text:
    enrolled = comparisons.flow(results, "enrolled")
    patients = (
        text(" {n} patients, followed to {end}.", n=cite.count(enrolled), end=words.visit(words.last_visit))
        if enrolled
        else ""
    )
    return text("{design}.{patients}", design=opening(words.allocation()), patients=patients)


def lead(results: Results, words: Words, name: str, rows: list[Row], visit: str) -> Markup:
    """The one sentence: the counts or means, the adjusted difference, its interval."""
    declared = comparisons.analysis_of(words.protocol, name)
    observed = (
        _counts(results, words, name, visit)
        if words.protocol.endpoints[declared.endpoint].is_response
        else _means(results, words, name, declared.endpoint, visit)
    )
    usable = [r for r in rows if comparisons.usable(r)]
    if not usable:
        reason = rows[0]["reason"] if rows else "the results hold no such comparison"
        return text(
            "{observed} The difference could not be estimated: {reason}.",
            observed=observed,
            reason=reason.rstrip("."),
        )
    many = len(words.treatments) > 1
    digits = row_decimals(usable[0])  # those of the figure below, for every estimate of the sentence
    reference = words.arm(words.protocol.reference)
    what = _what_is_compared(usable[0]["statistic"])
    parts = [
        text(
            "{value}{arm}",
            value=_bold(r, digits, full=i == 0),
            arm=f" with {words.arm(r['arm'])}" if many else "",
        )
        for i, r in enumerate(usable)
    ]
    return text(
        "{observed} {how} {what}{versus} was {values}.{unclear}",
        observed=observed,
        how=f"{words.adjustment(declared)}{'' if declared.adjust in WEIGHTED else ','}",
        what=what,
        versus=f" {'against' if comparisons.is_ratio(usable[0]) else 'from'} {reference}" if many else "",
        values=cite.listed(parts),
        unclear=_unclear(usable),
    )


def _what_is_compared(statistic: str) -> str:
    return {
        "shift": "the median shift",
        "risk ratio": "the ratio of risks",
        "odds ratio": "the ratio of odds",
    }.get(statistic, "the difference")


def _bold(row: Row, digits: int, full: bool) -> Markup:
    first = cite.estimate(row, digits, unit=full, note=True)
    span = cite.limits(row, digits)
    level = f"{shown(row).confidence} " if full else ""
    return text(
        '<b class="nb">{first}</b>{span}',
        first=first,
        span=text(' <span class="nb">({level}{s})</span>', level=level, s=span) if span else "",
    )


def _unclear(rows: list[Row]) -> str:
    unclear = [r for r in rows if headings.direction(r) == "unclear"]
    if not unclear:
        return ""
    if len(rows) == 1:
        return " The interval includes no difference."
    return " Every interval includes no difference." if len(unclear) == len(rows) else ""


def _counts(results: Results, words: Words, name: str, visit: str) -> Markup:
    """`At 12 months 27 of 36 patients with A and 11 of 36 with B had improved.`"""
    found = {r["arm"]: r for r in results.rows(analysis=name, visit=visit, statistic="responders")}
    parts = [
        text(
            "{k} of {n}{patients} with {arm}",
            k=cite.count(found[arm]),
            n=cite.count(found[arm], "n"),
            arm=words.arm(arm),
            patients=" patients" if i == 0 else "",
        )
        for i, arm in enumerate(words.arms)
        if arm in found
    ]
    return (
        text("{at}, {counts} improved.", at=opening(words.at(visit)), counts=cite.listed(parts))
        if parts
        else Markup("")
    )


def _means(results: Results, words: Words, name: str, endpoint: str, visit: str) -> Markup:
    """`At week 24, the adjusted mean change in ADAS-Cog was 2.0 points with A and 2.5 with B.`

    The adjusted means of the analysis itself where it has them, so that they differ by what the sentence says next;
    those of the patients whom it compares otherwise.
    """
    change = "change in " if words.protocol.endpoints[endpoint].kind != "value" else ""
    adjusted = {
        r["arm"]: r
        for r in results.rows(analysis=name, visit=visit, statistic="ls mean")
        if comparisons.usable(r)
    }
    own = set(words.arms) <= adjusted.keys()
    parts: list[Markup] = []
    digits = _mean_decimals(results, words, name, visit)
    for arm in words.arms:
        mean = adjusted[arm] if own else comparisons.analysed(results, name, visit, arm, "mean")
        if mean is not None and comparisons.usable(mean):
            parts.append(
                text(
                    "{mean} with {arm}",
                    mean=cite.estimate(mean, digits, unit=not parts),
                    arm=words.arm(arm),
                )
            )
    if not parts:
        return Markup("")
    return text(
        "{at}, the {adjusted}mean {change}{what} was {means}.",
        at=opening(words.at(visit)),
        adjusted="adjusted " if own else "",
        change=change,
        what=inside(words.score(words.score_of(endpoint)).label if change else words.endpoint(endpoint)),
        means=cite.listed(parts),
    )


def _mean_decimals(results: Results, words: Words, name: str, visit: str) -> int:
    """The decimals of every mean of the sentence: those of the difference, else the most that an SD asks for."""
    rows = [r for r in comparisons.leading(results, name, visit) if comparisons.usable(r)]
    if rows and not comparisons.is_ratio(rows[0]):
        return row_decimals(rows[0])
    sds = [comparisons.analysed(results, name, visit, arm, "sd") for arm in words.arms]
    return max((sd_decimals(sd["estimate"]) for sd in sds if sd and comparisons.usable(sd)), default=1)


def _caption(words: Words, name: str) -> Markup:
    declared = comparisons.analysis_of(words.protocol, name)
    endpoint = words.protocol.endpoints[declared.endpoint]
    what = (
        text("A patient improved when {criterion}.", criterion=_criterion(words, declared.endpoint))
        if endpoint.is_response
        else text(
            "{scale}.",
            scale=opening(
                f"{words.criterion(declared.endpoint)}, {words.score(words.score_of(declared.endpoint)).scale}"
            ),
        )
    )
    return text("{what} {chosen}", what=what, chosen=words.allocation_note)


def _criterion(words: Words, endpoint: str) -> str:
    return words.criterion(endpoint)


def _facts(results: Results, words: Words, name: str, visit: str) -> tuple[tuple[str, Text], ...]:
    study = words.protocol.study
    declared = comparisons.analysis_of(words.protocol, name)
    response = words.protocol.endpoints[declared.endpoint].is_response
    endpoint = (
        f"{_criterion(words, declared.endpoint)}, {words.at(visit)}"
        if response
        else f"{words.criterion(declared.endpoint)} {words.at(visit)}"
    )
    items = [
        ("Patients", study.population),
        ("Compared", _compared(results, words)),
        ("Primary endpoint", opening(endpoint)),
        ("Estimand", _estimand(words, name)),
        ("Registered", _registered(words)),
        ("Data", _data(results, words, visit)),
    ]
    return tuple((term, what) for term, what in items if what)


def _compared(results: Results, words: Words) -> Markup:
    parts = []
    for arm in words.arms:
        allocated = comparisons.flow(results, "allocated", arm)
        count = text(", {n}", n=cite.count(allocated)) if allocated else ""
        declared = words.protocol.arms[arm]
        what = "" if declared.reference else declared.description  # what a short name stands for
        parts.append(
            text(
                '<span class="arm-{arm}">{label}</span>{n}{what}',
                arm=arm,
                label=words.protocol.arms[arm].label,
                n=count,
                what=f" ({inside(what.rstrip('.'))})" if declared.short and what else "",
            )
        )
    return Markup("; ").join(parts)


def _estimand(words: Words, name: str) -> str:
    """Whom the estimate speaks of, in one sentence."""
    declared = comparisons.analysis_of(words.protocol, name)
    estimand = words.protocol.estimands.get(declared.estimand or "")
    if estimand is None:
        return "All patients with the outcome"
    chosen = words.protocol.analysis_sets.get(estimand.set)
    label = estimand.label or (chosen.label if chosen else "") or hyphenless(estimand.set)
    target = "" if estimand.label else f", {TARGETS[estimand.target]}"
    overlap = (
        ": a patient counts the more, the less certain the choice of arm was"
        if estimand.target == "overlap"
        else ""
    )
    return f"{label}{target}{overlap}"


def _registered(words: Words) -> Text:
    registration = words.protocol.study.registration
    if registration is None:
        return "No registration given"
    date = f", {registration.date:%-d %B %Y}" if registration.date else ""
    return text(
        "{registry} {number}{date}", registry=registration.registry, number=registration.number, date=date
    )


def _data(results: Results, words: Words, visit: str) -> Text:
    parts = []
    for arm in words.arms:
        seen, all_of = (
            comparisons.flow(results, "assessed", arm, visit),
            comparisons.flow(results, "allocated", arm),
        )
        if seen and all_of:
            parts.append(
                text("{k} of {n} with {arm}", k=cite.count(seen), n=cite.count(all_of), arm=words.brief(arm))
            )
    assessed = (
        text("assessed {at}: {parts}", at=words.at(visit), parts=cite.listed(parts)) if parts else Markup("")
    )
    kind = "Simulated, no patient is real; " if results.simulated else ""
    return text("{kind}{assessed}", kind=kind, assessed=assessed) if kind else opening(assessed)


def _allocation(results: Results, words: Words) -> tuple[str, Text]:
    if not words.nonrandomised:
        return "Allocated by chance", text(
            "Arms were assigned at random, so what was not recorded differs between them by chance alone; the intervals"
            " allow for that chance."
        )
    rows = [
        r
        for r in results.rows(analysis="baseline", statistic="standardised difference", target="everyone")
        if comparisons.usable(r)
    ]
    largest = max(rows, key=lambda r: abs(r["estimate"]), default=None)
    seen = ""
    if largest is not None:
        weights = comparisons.analysis_of(words.protocol, comparisons.primary_name(words.protocol)).adjust
        seen = text(
            " The largest recorded difference {when} was in {what}, {d} standard deviations.",
            when="before weighting" if weights in WEIGHTED else "at baseline",
            what=inside(words.covariate(largest["item"])),
            d=cite.estimate(largest, note=True),
        )
    weighted = (
        comparisons.analysis_of(words.protocol, comparisons.primary_name(words.protocol)).adjust != "none"
    )
    cannot = (
        "Adjustment balances what was recorded; it cannot balance what was not."
        if weighted
        else "The comparison is not adjusted."
    )
    return "Chosen, not randomised" if words.by_choice else "Not randomised", text(
        "{how}.{seen} {cannot}", how=opening(words.allocated), seen=seen, cannot=cannot
    )


def _missing(results: Results, words: Words, name: str, visit: str) -> tuple[str, Text]:
    lost = {r["arm"]: r for r in results.rows(analysis=name, visit=visit, statistic="missing outcomes")}
    parts = [
        text(
            "{k} of {n} with {arm}",
            k=cite.count(lost[arm]),
            n=cite.count(lost[arm], "n"),
            arm=words.brief(arm),
        )
        for arm in words.arms
        if arm in lost
    ]
    observed = (
        text("The primary outcome is missing for {parts}.", parts=cite.listed(parts))
        if parts
        else _analysed(results, words)
    )
    if lost and not any(r["estimate"] for r in lost.values()):
        return "Missing answers", observed
    rule = text(
        " {rule}.", rule=opening(MISSING_RULES[comparisons.analysis_of(words.protocol, name).missing])
    )
    cases = [
        text(" {case}", case=_case(results, words, other))
        for other, a in words.protocol.analyses.items()
        if a.supports == name and a.missing == "worst-case"
    ]
    said = Markup("").join(c for c in cases if c.strip()) or text(
        "{rule}{worst}", rule=rule, worst=overturning.worst(results, words, name)
    )
    return "Missing answers", text(
        "{observed}{said}{tried}", observed=observed, said=said, tried=overturning.tried(results, words, name)
    )


def _analysed(results: Results, words: Words) -> Markup:
    parts = []
    for arm in words.arms:
        used, all_of = comparisons.flow(results, "analysed", arm), comparisons.flow(results, "allocated", arm)
        if used and all_of:
            parts.append(
                text("{k} of {n} with {arm}", k=cite.count(used), n=cite.count(all_of), arm=words.brief(arm))
            )
    return text("The primary analysis rests on {parts}.", parts=cite.listed(parts)) if parts else Markup("")


def _case(results: Results, words: Words, name: str) -> Markup:
    rows = [r for r in comparisons.leading(results, name) if comparisons.usable(r)]
    many = len(words.treatments) > 1
    supported = words.protocol.analyses[name].supports
    figure_rows = [*comparisons.leading(results, supported or name), *rows]
    first = next((r for r in figure_rows if comparisons.usable(r)), None)
    alike = first is not None and all(r["statistic"] == first["statistic"] for r in rows)
    digits = row_decimals(first) if first is not None and alike else None  # as in the first figure
    parts = [
        text(
            "{v}{arm}",
            v=cite.with_limits(r, digits, note=True, unit=i == 0, level=i == 0),
            arm=f" with {words.brief(r['arm'])}" if many else "",
        )
        for i, r in enumerate(rows)
    ]
    names = joined(words.brief(a) for a in words.treatments)
    return (
        text(
            "Were every missing answer to count against {names}, the difference would be {v}.",
            names=names,
            v=cite.listed(parts),
        )
        if parts
        else Markup("")
    )


def _masking(words: Words) -> tuple[str, Text]:
    by_patient = any(form.by == "patient" for form in words.protocol.forms.values())
    scored = "scored their own outcome" if by_patient else "took part in the assessment of the outcome"
    said = {
        "open-label": (
            "Open label",
            f"Patients knew their treatment and {scored}. No analysis in this report can remove that.",
        ),
        "single-blind": (
            "Single-blind",
            "One side knew the treatment. Whether the masking held is not tested in this report.",
        ),
        "assessor-blind": (
            "Assessor-blind",
            f"Those who assessed did not know the treatment; patients did{', and ' + scored if by_patient else ''}.",
        ),
        "double-blind": (
            "Double-blind",
            (
                "Neither patients nor staff were to know the treatment. Whether the masking held is not tested in this"
                " report."
            ),
        ),
    }
    head, sentence = said[words.protocol.study.masking]
    return head, text("{s}", s=sentence)

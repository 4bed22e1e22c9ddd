"""Responders: the share by visit, the components of a composite, how many could not respond at all."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.plan import WEIGHTED
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.responders import responders as responders_figure
from armwise.report.numbers import MIXED, level, number, row_decimals
from armwise.report.page import Block, Section, figure
from armwise.report.sections import estimands
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words, inside, joined, opening
from armwise.stats.estimate import RATIOS


def endpoint_of(words: Words) -> str | None:
    """The responder endpoint that the section is about: the primary one, else the first that is analysed."""
    analyses = words.protocol.analyses
    primary = analyses[comparisons.primary_name(words.protocol)].endpoint
    analysed = [a.endpoint for a in analyses.values()]
    return next((e for e in (primary, *analysed) if words.protocol.endpoints[e].is_response), None)


def section(results: Results, words: Words) -> Section | None:
    """Responders by visit; None in a study without a responder endpoint, or without its rows."""
    endpoint = endpoint_of(words)
    if endpoint is None or not results.rows(analysis="describe", endpoint=endpoint, statistic="risk"):
        return None
    drawing = figure(
        f"{opening(words.endpoint(endpoint))} by visit.",
        text(
            "Per cent of the patients, with its interval; at the right the {what} {how}. At visits with a"
            " {what} the patients are those compared, at others those with the answer. {chosen}",
            how=_adjusted(words, endpoint),
            what=_what(_statistics(results, endpoint)),
            chosen=words.allocation_note,
        ),
        lambda width: responders_figure(results, endpoint, width=width),
    )
    visit = _last_compared(results, words, endpoint)
    blocks = [Block(drawing, noted(*_other_measures(results, words, endpoint, visit)))]
    for other in (endpoint, *_other_composites(words, endpoint)):
        parts = _components(results, words, other, _last_compared(results, words, other), other == endpoint)
        blocks += [Block(parts, noted(_pham(words, other)))] if parts else []
    return Section(
        name="responders",
        short="Responders",
        heading=headings.responders(results, words, endpoint, visit),
        question=f"How many patients improved by an amount that matters? {_definition(words, endpoint)}",
        blocks=tuple(blocks),
    )


def _other_composites(words: Words, main: str) -> list[str]:
    """The other endpoints of several components that are analysed."""
    analysed = dict.fromkeys(a.endpoint for a in words.protocol.analyses.values())
    return [e for e in analysed if e != main and words.protocol.endpoints[e].of]


def _definition(words: Words, endpoint: str) -> str:
    return f"Improved: {words.criterion(endpoint)}."


def _adjusted(words: Words, endpoint: str) -> str:
    used = [a for a in words.protocol.analyses.values() if a.endpoint == endpoint and a.adjust in WEIGHTED]
    if not used:
        return "between the arms"
    return "after overlap weighting" if used[0].adjust == "overlap-weights" else "after adjustment"


def _last_compared(results: Results, words: Words, endpoint: str) -> str:
    visits = words.protocol.visits_after_baseline()
    return next((v for v in reversed(visits) if comparisons.answers(results, endpoint, v)), visits[-1])


def _other_measures(results: Results, words: Words, endpoint: str, visit: str) -> tuple[Text, ...]:
    """The ratio measures and the number needed to treat that stand beside the difference."""
    names = comparisons.answers(results, endpoint, visit)
    if not names:
        return ()
    said: list[Text] = []
    measures = (
        ("risk ratio", "Risk ratio"),
        ("odds ratio", "Odds ratio"),
        ("number needed to treat", "Number needed to treat"),
    )
    for analysis in (names[0], f"{names[0]}.unadjusted"):
        adjusted = "" if not analysis.endswith("unadjusted") else ", unadjusted"
        for statistic, label in measures:
            for row in results.rows(analysis=analysis, visit=visit, statistic=statistic, subgroup=None):
                if comparisons.usable(row):
                    said.append(_measure(words, row, label, adjusted))
    return (text("Other measures {at}.", at=words.at(visit)), *said) if said else ()


def _measure(words: Words, row: Row, label: str, adjusted: str) -> Markup:
    arm = f", {words.brief(row['arm'])}" if len(words.treatments) > 1 else ""
    exact = ", Fisher’s exact method" if (row["method"] or "").startswith("Fisher") else ""
    value = (
        needed(row)
        if row["statistic"] == "number needed to treat"
        else cite.with_limits(row, note=True, level=True)
    )
    return text(
        "{label}{arm}{exact}{adjusted}: {v}.", label=label, exact=exact, adjusted=adjusted, arm=arm, v=value
    )


def needed(row: Row) -> Markup:
    """`1.6 to benefit (95% CI 1.3 to 2.5)`; through infinity where the interval of the difference holds none."""
    reason = row["reason"] or ""
    first = cite.estimate(row, note=True)
    ci = level([row])
    side = " to harm" if reason.startswith("to harm") else " to benefit"
    if "infinity" not in reason or row["lower"] is None:
        return text("{first}{side} ({ci} {span})", first=first, side=side, ci=ci, span=cite.limits(row))
    digits = row_decimals(row)
    words = f"{number(row['lower'], digits)} to benefit, through infinity, to {number(row['upper'], digits)} to harm"
    return text(
        "{first}{side} ({ci} {span})", first=first, side=side, ci=ci, span=cite.cited(row, "limits", words)
    )


def _components(results: Results, words: Words, endpoint: str, visit: str, main: bool) -> Table | None:
    """Any, all and each component, then the cells of components against each other, by arm."""
    declared = words.protocol.endpoints[endpoint]
    columns = [
        Column("Patients who improved", side="left"),
        *(Column(words.short(a), arm=a) for a in words.arms),
    ]
    endpoints = (endpoint, *declared.of)
    ci = level(row for e in endpoints for row in _compared(results, e, visit).values())
    kinds = {row["statistic"] for e in endpoints for row in _compared(results, e, visit).values()}
    columns += [Column(_against(words, a, ci, kinds), wide=True) for a in words.treatments]
    rows = [_share_line(results, words, e, visit, ci, first=e == endpoint) for e in endpoints]
    cells = results.rows(analysis="crosstab", endpoint=endpoint, visit=visit, statistic="count")
    if declared.of and cells:
        rows.append(Line("Of the patients with every component", kind="group"))
        for category in dict.fromkeys(r["category"] for r in cells):
            mine = {r["arm"]: r for r in cells if r["category"] == category}
            counts: list[Text] = [cite.of(mine.get(a)) if a in mine else "" for a in words.arms]
            rows.append(
                Line(
                    _cell_name(words, declared.of, category),
                    (*counts, *("",) * len(words.treatments)),
                    kind="level",
                )
            )
    rows += _impossible(results, words, endpoints)
    if not [r for r in rows if r.cells]:
        return None
    tested = (
        f" The protocol tests “{words.endpoint(endpoint)}”; the other rows explain it." if declared.of else ""
    )
    caption = text(
        "Patients who improved, among those compared where there is a difference, else among those with the answer."
        "{tested} {chosen}",
        tested=tested,
        chosen=words.allocation_note,
    )
    of = "the responder endpoint" if main else f"“{words.endpoint(endpoint)}”"
    title = f"{f'Components of {of}' if declared.of else 'Responders'} {words.at(visit)}."
    answered = next((r["analysis"] for r in _compared(results, endpoint, visit).values()), "")
    apart = (
        estimands.failures(words, answered, "counts as not improved where arms are compared")
        if answered
        else ""
    )
    made = Table(title, tuple(columns), tuple(rows), caption, noted(apart))
    return folded(made, len(words.arms), len(words.treatments), f"below: {_what(kinds)} ({ci})")


def _statistics(results: Results, endpoint: str) -> set[str]:
    """What an endpoint is compared by, at all of its visits."""
    table = comparisons.differences(results, endpoint)
    return {row["statistic"] for rows in table.values() for row in rows.values()}


def _what(kinds: set[str]) -> str:
    """What the comparisons are together: a difference, a ratio, or the one or the other (each cell names a ratio)."""
    ratios = kinds & RATIOS
    return "difference" if not ratios else "ratio" if ratios == kinds else "difference or ratio"


def _against(words: Words, arm: str, ci: str, kinds: set[str]) -> str:
    what = _what(kinds)
    if len(words.treatments) > 1:
        return f"{words.short(arm)}, {what} ({ci})"
    return f"{opening(what)} ({ci}){', points' if what == 'difference' else ''}"


def _compared(results: Results, endpoint: str, visit: str) -> dict[str, Row]:
    """The comparison of each arm by the analysis that answers for the endpoint itself."""
    names = comparisons.answers(results, endpoint, visit)
    return {r["arm"]: r for r in comparisons.leading(results, names[0], visit)} if names else {}


def _share_line(results: Results, words: Words, endpoint: str, visit: str, ci: str, first: bool) -> Line:
    cells: list[Text] = []
    compared = _compared(results, endpoint, visit)
    name = next((r["analysis"] for r in compared.values()), None)
    for arm in words.arms:
        k, risk = (
            comparisons.analysed(results, name, visit, arm, s)
            if name
            else comparisons.described(results, endpoint, visit, arm, s)
            for s in ("responders", "risk")
        )
        if k is None:
            cells.append("")
            continue
        share = text(" ({s})", s=cite.estimate(risk)) if comparisons.usable(risk) else ""
        cells.append(text("{k}{share}", k=cite.of(k), share=share))
    cells += [cite.compared(compared.get(arm), note=True, level=ci == MIXED) for arm in words.treatments]
    kind = words.protocol.endpoints[endpoint].kind
    head = {"any": "Any of the components", "all": "All of the components"}.get(
        kind, opening(words.criterion(endpoint))
    )
    return Line(head, tuple(cells), "as tested" if first and kind in ("any", "all") else "")


def _cell_name(words: Words, parts: tuple[str, ...], category: str) -> str:
    """`odi_mcid yes, pain_2pt no` -> `ODI fell by 10 points or more alone`."""
    answers = dict(piece.rsplit(" ", 1) for piece in category.split(", ") if " " in piece)
    yes = [p for p in parts if answers.get(p) == "yes"]
    if len(yes) == len(parts):
        return "Both" if len(parts) == 2 else "All"
    if not yes:
        return "Neither" if len(parts) == 2 else "None"
    return f"Only: {joined(inside(words.endpoint(p)) for p in yes)}"


def _impossible(results: Results, words: Words, endpoints: tuple[str, ...]) -> list[Line]:
    """Patients whose baseline makes a response impossible: they count as not improved whatever happens.

    Nothing where there are none.
    """
    made: list[Line] = []
    any_such = False
    for endpoint in endpoints:
        rows = {
            r["arm"]: r for r in results.rows(analysis="impossible", endpoint=endpoint, statistic="count")
        }
        if not rows:
            continue
        counts: list[Text] = [cite.of(rows.get(a)) if a in rows else "" for a in words.arms]
        any_such = any_such or any(r["estimate"] for r in rows.values())
        made.append(
            Line(_short_criterion(words, endpoint), (*counts, *("",) * len(words.treatments)), kind="level")
        )
    return [Line("Too well at baseline to improve so much", kind="group"), *made] if any_such else []


def _short_criterion(words: Words, endpoint: str) -> str:
    kind = words.protocol.endpoints[endpoint].kind
    return {"any": "On every component", "all": "On at least one component"}.get(
        kind, words.endpoint(endpoint)
    )


def _pham(words: Words, endpoint: str) -> Text:
    declared = words.protocol.endpoints[endpoint]
    if not declared.of:
        return ""
    if declared.missing_component == "missing":
        return (
            "A patient with one component unanswered has no composite outcome: deriving it from the other component"
            " alone would be biased (Pham and others, 2021)."
        )
    return (
        "Where one component is unanswered the composite is taken from the other, as the protocol declares; that is"
        " biased even when components are missing at random (Pham and others, 2021)."
    )

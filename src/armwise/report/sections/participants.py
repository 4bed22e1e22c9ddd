"""Who took part: the flow of participants and the arms at baseline."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.baseline import is_weighted
from armwise.analysis.results import Results, Row
from armwise.analysis.weights import DRAWN_COVARIATES
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.balance import balance_cell
from armwise.report.figures.flow import flow as flow_figure
from armwise.report.numbers import sd_decimals
from armwise.report.page import Block, Section, figure
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words, inside, joined, opening

Differences = dict[
    tuple[str, str, str], Row
]  # item, arm, before or after weighting -> standardised difference
BEFORE, AFTER = "before", "after"


def section(results: Results, words: Words) -> Section | None:
    """The flow and Table 1; None when the results hold neither."""
    found = _differences(results)
    blocks = [b for b in (_flow(results, words), _table(results, words, found)) if b is not None]
    if not blocks:
        return None
    before, after = _of(found, BEFORE), _of(found, AFTER)
    return Section(
        name="participants",
        short="Who took part",
        heading=headings.balance(before, after, words),
        question="Who entered, who was lost, and were the arms alike before treatment?",
        blocks=tuple(blocks),
    )


def _differences(results: Results) -> Differences:
    rows = results.rows(analysis="baseline", statistic="standardised difference")
    when = {True: AFTER, False: BEFORE}
    return {(r["item"], r["arm"], when[is_weighted(r)]): r for r in rows if comparisons.usable(r)}


def _of(found: Differences, when: str) -> list[float]:
    """The standardised differences before or after weighting, one a characteristic and treatment arm."""
    return [row["estimate"] for (_, _, of), row in found.items() if of == when]


def _flow(results: Results, words: Words) -> Block | None:
    if not results.rows(analysis="flow"):
        return None
    guide = "follows TREND" if words.nonrandomised else "follows CONSORT 2025"
    start = (
        ""
        if comparisons.flow(results, "screened")
        else " No screening record was kept: the diagram starts at enrolment."
    )
    return Block(
        figure(
            "Participant flow.",
            f"{opening(words.allocated)}; the diagram {guide}.{start}",
            lambda width: flow_figure(results, width=width),
        )
    )


def _table(results: Results, words: Words, found: Differences) -> Block | None:
    items = list(dict.fromkeys(r["item"] for r in results.rows(analysis="baseline") if r["item"]))
    if not items:
        return None
    weighted = any(when == AFTER for _, _, when in found)
    single = len(words.treatments) == 1
    columns = [
        Column("Characteristic", side="left"),
        *(_arm_column(results, words, arm) for arm in words.arms),
        *(_difference_columns(words, weighted) if found else ()),
    ]
    rows = [line for item in items for line in _lines(results, words, found, item, weighted)]
    marks = (
        f" before{' (○)' if single else ''} and after{' (●)' if single else ''} {_weighting(words)}"
        if weighted
        else ""
    )
    caption = text(
        "Mean (SD) or number (per cent){smd}. {chosen}",
        smd=f"; standardised difference{marks}{'; the dotted line marks 0.1' if single else ''}"
        if found
        else "",
        chosen=words.allocation_note,
    )
    table = Table(
        "The arms at baseline.", tuple(columns), tuple(rows), caption, _notes(words, bool(found), weighted)
    )
    made = folded(table, len(words.arms), len(words.treatments), "below: standardised difference")
    return Block(made, noted(_chance(results, not single), _effective(results, words), _averaged(results)))


def _weighting(words: Words) -> str:
    """What the primary analysis weights by."""
    adjust = words.protocol.analyses[comparisons.primary_name(words.protocol)].adjust
    return "overlap weighting" if adjust == "overlap-weights" else "weighting"


def _difference_columns(words: Words, weighted: bool) -> list[Column]:
    """Two arms: before, after and the drawing of both; more arms: one column a treatment."""
    if len(words.treatments) > 1:
        return [Column(f"{words.short(arm)}, difference", "in SDs") for arm in words.treatments]
    before = Column("Before" if weighted else "Difference", "in SDs")
    after = [Column("After", "in SDs")] if weighted else []
    marks = "○ before  ● after" if weighted else ""
    return [before, *after, Column("Standardised difference", marks, side="left", card="", wide=True)]


def _arm_column(results: Results, words: Words, arm: str) -> Column:
    allocated = comparisons.flow(results, "allocated", arm)
    small = text("n = {n}", n=cite.count(allocated)) if allocated else ""
    return Column(words.short(arm), small, arm=arm)


def _lines(results: Results, words: Words, found: Differences, item: str, weighted: bool) -> list[Line]:
    rows = [r for r in results.rows(analysis="baseline", item=item) if not is_weighted(r)]
    by = {(r["arm"], r["statistic"], r["category"]): r for r in rows}
    categories = list(
        dict.fromkeys(r["category"] for r in rows if r["statistic"] == "count" and r["category"])
    )
    unit = words.covariate_unit(item)
    name = f"{opening(words.covariate(item))}{', ' + unit if unit else ''}"
    tail = _difference_cells(words, found, item, weighted)
    if not categories:
        sds = [
            by[arm, "sd", None]["estimate"]
            for arm in words.arms
            if comparisons.usable(by.get((arm, "sd", None)))
        ]
        digits = sd_decimals(min(sds)) if sds else 1
        cells: list[Text] = []
        for arm in words.arms:
            mean, sd = by.get((arm, "mean", None)), by.get((arm, "sd", None))
            spread = text(" ({sd})", sd=cite.estimate(sd, digits)) if comparisons.usable(sd) else ""
            cells.append(text("{m}{sd}", m=cite.estimate(mean, digits), sd=spread))
        return [Line(name, (*cells, *tail), _missing(words, by))]
    shown = categories[:1] if len(categories) == 2 else categories
    made = [] if len(shown) == 1 else [Line(name, ("",) * len(words.arms) + tail, _missing(words, by))]
    for category in shown:
        cells = [
            _share(by.get((arm, "count", category)), by.get((arm, "share", category))) for arm in words.arms
        ]
        label = words.category(item, category)
        if len(shown) == 1:
            head = name if category.lower() == "yes" else f"{name}, {inside(label)}"
            made.append(Line(head, (*cells, *tail), _missing(words, by)))
        else:
            made.append(Line(label, (*cells, *("",) * len(tail)), kind="level"))
    return made


def _share(count: Row | None, share: Row | None) -> Text:
    if count is None:
        return ""
    part = text(" ({s})", s=cite.estimate(share)) if comparisons.usable(share) else ""
    return text("{n}{part}", n=cite.count(count), part=part)


def _missing(words: Words, by: dict[tuple[str, str, str | None], Row]) -> Text:
    rows = [(arm, by.get((arm, "missing", None))) for arm in words.arms]
    parts = [
        text("{n} {arm}", n=cite.count(r), arm=words.short(arm))
        for arm, r in rows
        if r is not None and r["estimate"]
    ]
    return text("missing: {parts}", parts=Markup(", ").join(parts)) if parts else ""


def _difference_cells(words: Words, found: Differences, item: str, weighted: bool) -> tuple[Text, ...]:
    if not found:
        return ()
    pairs = [(found.get((item, arm, BEFORE)), found.get((item, arm, AFTER))) for arm in words.treatments]
    if len(pairs) > 1:
        return tuple(_before_after(*pair) for pair in pairs)
    before, after = pairs[0]
    cells: list[Text] = [cite.estimate(before, 2), *([cite.estimate(after, 2)] if weighted else [])]
    cells.append(Markup(balance_cell(before, after, name=item, what=inside(words.covariate(item)))))  # noqa: S704 (drawn by us)
    return tuple(cells)


def _before_after(before: Row | None, after: Row | None) -> Markup:
    """`−0.45`, or `−0.45 → 0.00` where there is a weighting."""
    first = cite.estimate(before, 2)
    return text("{a} → {b}", a=first, b=cite.estimate(after, 2)) if after is not None else first


def _chance(results: Results, many: bool) -> Text:
    rows = [
        r
        for r in results.rows(analysis="baseline", statistic="chance imbalance", at=0.1)
        if comparisons.usable(r)
    ]
    if not rows:
        return ""
    row = rows[0]
    return text(
        "At this size chance alone, in arms drawn at random, gives a standardised difference beyond 0.1 in {share} of"
        " {each}.",
        share=cite.estimate(row),
        each="comparisons of a characteristic" if many else "characteristics",
    )


def _effective(results: Results, words: Words) -> Text:
    rows = {
        r["arm"]: r
        for r in results.rows(
            analysis=comparisons.primary_name(words.protocol), statistic="effective sample size"
        )
        if comparisons.usable(r)
    }
    parts = [
        text("{n} with {arm}", n=cite.estimate(rows[arm]), arm=words.brief(arm))
        for arm in words.arms
        if arm in rows
    ]
    if not parts:
        return ""
    return text(
        "Weighting costs precision: the weighted arms carry the information of fewer patients: {parts}.",
        parts=Markup(" and ").join(parts),
    )


def _averaged(results: Results) -> Text:
    """That characteristics were drawn, so that the weighted ones are those of many data sets."""
    rows = results.rows(analysis="baseline", statistic="standardised difference")
    if not any(DRAWN_COVARIATES in (r["reason"] or "") for r in rows):
        return ""
    return (
        "Missing characteristics were drawn, and each completed data set has weights of its own: what stands after"
        " weighting is the mean over all of them."
    )


def _notes(words: Words, differences: bool, weighted: bool) -> tuple[Text, ...]:
    if not differences:
        return ()
    arms = joined(words.short(a) for a in words.treatments)
    return (
        (
            f"Standardised difference: {arms} minus {words.short(words.protocol.reference)}, over the square root of"
            f" the mean of the two variances{' before weighting' if weighted else ''} (of categories without a sign);"
            " the heading counts those shown that lie beyond 0.1"
            f"{', one a characteristic and arm' if len(words.treatments) > 1 else ''}. No P values:"
            " whether arms differ at baseline is not a question for a test."
        ),
    )

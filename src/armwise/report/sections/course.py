"""The main score over time: means by visit, the adjusted difference, and what it assumes."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.plan import WEIGHTED
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.trajectory import trajectory
from armwise.report.numbers import MIXED, level, row_decimals, sd_decimals
from armwise.report.page import Block, Section, figure
from armwise.report.phrases import ADJUSTED
from armwise.report.sections.repeated import beside_the_model
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words


def section(results: Results, words: Words) -> Section | None:
    """The course of the score behind the primary endpoint; None without its means."""
    score = comparisons.main_score(words)
    endpoint = comparisons.change_endpoint(words.protocol, score)
    visits = [
        v
        for v in words.protocol.visits
        if any(comparisons.described(results, score, v, a, "mean") for a in words.arms)
    ]
    if endpoint is None or len(visits) < 2:
        return None
    facts = words.score(score)
    compared = [v for v in visits if comparisons.answers(results, endpoint, v)]
    change = "" if words.protocol.endpoints[endpoint].kind == "value" else " in change"
    below = f" Below, the difference{change}{_adjusted(words, endpoint)}." if compared else ""
    drawing = figure(
        f"{facts.label} by visit.",
        text(
            "Above, observed means with their intervals.{below} {chosen}",
            below=below,
            chosen=words.allocation_note,
        ),
        lambda width: trajectory(
            results,
            endpoint,
            better="higher" if facts.higher_is_better else "lower",
            mid=words.threshold(score),
            width=width,
        ),
    )
    last = _last(results, words, endpoint, compared[-1]) if compared else ()
    table = _table(results, words, score, endpoint, visits)
    blocks = (Block(drawing, noted(*last)), Block(table, later=table.title.rstrip(".")))
    scale = f" Scale: {facts.scale}." if facts.scale else ""
    return Section(
        name="course",
        short=f"{facts.label} over time",
        heading=headings.course(results, words, score),
        question=f"How large was the difference, and did it last?{scale}",
        blocks=blocks,
    )


def _adjusted(words: Words, endpoint: str) -> str:
    names = [
        n for n, a in words.protocol.analyses.items() if a.endpoint == endpoint and a.role != "sensitivity"
    ]
    declared = [words.protocol.analyses[n] for n in names]
    if any(a.adjust == "covariates" for a in declared):
        return ", adjusted for the covariates of the analysis"
    weighted = [a.adjust for a in declared if a.adjust in WEIGHTED]
    return f", {ADJUSTED[weighted[0]]}" if weighted else ""


def _last(results: Results, words: Words, endpoint: str, visit: str) -> tuple[Text, ...]:
    """The difference at the visit that is tested, else the last: adjusted and not, and what each assumes."""
    name = comparisons.answers(results, endpoint, visit)[0]
    declared = comparisons.analysis_of(words.protocol, name)
    visit = declared.tested_at or visit
    many = len(words.treatments) > 1
    said: list[Text] = []
    for row in comparisons.leading(results, name, visit):
        beside = (
            [r for r in comparisons.leading(results, f"{name}.unadjusted", visit) if r["arm"] == row["arm"]]
            if declared.adjust != "none"
            else []
        )
        crude = (
            text(
                " Unadjusted: {u}.",
                u=cite.with_limits(beside[0], row_decimals(row) if comparisons.usable(row) else None),
            )
            if beside
            else ""
        )
        kind = "Difference" if declared.adjust == "none" else "Adjusted difference"
        said.append(
            text(
                "{kind}{arm} {at}: {value}.{crude}",
                kind=kind,
                arm=f", {words.brief(row['arm'])}" if many else "",
                at=words.at(visit),
                value=cite.with_limits(row, note=True, unit=True, level=True),
                crude=crude,
            )
        )
        said.append(lord(results, words, row))
    if name == comparisons.one_model(results, endpoint):
        said.append(beside_the_model(results, words, name))
    return tuple(s for s in said if s)


def lord(results: Results, words: Words, row: Row) -> Text:
    """How the adjusted and the unadjusted difference in change differ, where arms were chosen and they do."""
    found = results.rows(analysis=row["analysis"], visit=row["visit"], arm=row["arm"], statistic="lord")
    if not found or not comparisons.usable(found[0]) or not (found[0]["reason"] or "").startswith("differ"):
        return ""
    return text(
        "The two differences are {d} standard errors apart (Lord’s paradox). The adjusted one assumes that patients"
        " alike in what was recorded would have fared alike without the treatment; the unadjusted one, that both arms"
        " would have changed by the same amount. Neither assumption can be tested here.",
        d=cite.estimate(found[0], 1, note=True),
    )


def _table(results: Results, words: Words, score: str, endpoint: str, visits: list[str]) -> Table:
    table = comparisons.differences(results, endpoint)
    ci = level(row for rows in table.values() for row in rows.values())
    columns = [Column("Visit", side="left")]
    columns += [Column(words.short(arm), "mean (SD), n", arm=arm) for arm in words.arms]
    change = "in value" if words.protocol.endpoints[endpoint].kind == "value" else "in change"
    for arm in words.treatments:
        against = "Difference" if len(words.treatments) == 1 else f"{words.short(arm)}, difference"
        columns.append(
            Column(
                f"{against} ({ci})",
                f"{change}, adjusted" if _adjusted(words, endpoint) else change,
                wide=True,
            )
        )
    rows = [_line(results, words, score, visit, table, ci) for visit in visits]
    label = words.score(score).label
    caption = text(
        "Means of those with a score at the visit; differences {of}. {note}",
        of=_of_whom(words, table),
        note=words.allocation_note,
    )
    made = Table(f"{label} by visit.", tuple(columns), tuple(rows), caption, compact=True)
    return folded(made, len(words.arms), len(words.treatments), f"below: difference {change} ({ci})")


def _of_whom(words: Words, table: comparisons.Table) -> str:
    """Whose differences the table shows: a model of all visits has more patients than were compared at one."""
    names = {row["analysis"] for rows in table.values() for row in rows.values()}
    models = [comparisons.analysis_of(words.protocol, name).method == "mmrm" for name in names]
    if models and all(models):
        return "from one model of all visits"
    return "of those compared" + (", or from one model of all visits" if any(models) else "")


def _line(results: Results, words: Words, score: str, visit: str, table: comparisons.Table, ci: str) -> Line:
    cells: list[Text] = []
    for arm in words.arms:
        mean, sd = (comparisons.described(results, score, visit, arm, s) for s in ("mean", "sd"))
        digits = sd_decimals(sd["estimate"]) if sd and comparisons.usable(sd) else 1
        spread = text(" ({sd})", sd=cite.estimate(sd, digits)) if comparisons.usable(sd) else ""
        n = text(", {n}", n=cite.count(mean, "n")) if mean and mean["n"] is not None else ""
        cells.append(
            text("{m}{sd}{n}", m=cite.estimate(mean, digits), sd=spread, n=n) if mean else Markup("")
        )
    cells += [
        cite.with_limits(table[arm].get(visit), note=True, level=ci == MIXED) for arm in words.treatments
    ]
    return Line(words.protocol.visit_label(visit), tuple(cells))

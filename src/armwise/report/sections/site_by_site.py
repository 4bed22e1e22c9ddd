"""The primary comparison without each site, and which sites carry none: for the section on comparability."""

from __future__ import annotations

from armwise.analysis.results import Results, Row
from armwise.analysis.sites import BOTH_ARMS
from armwise.protocol.plan import SITE
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import level, shown
from armwise.report.page import Block
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, joined, opening, plural


def blocks(results: Results, words: Words) -> list[Block]:
    """A table for each arm that is compared; none where the study has one site, or was randomised."""
    return [
        Block(_table(results, words, arm), _notes(words, counts))
        for arm in words.treatments
        if (counts := _counts(results, words, arm))
    ]


def _counts(results: Results, words: Words, arm: str) -> dict[str, dict[str, Row]]:
    """Site -> arm -> patients."""
    reference = words.protocol.reference
    found: dict[str, dict[str, Row]] = {}
    for mine, other in ((arm, reference), (reference, arm)):
        for row in results.rows(analysis="sites", arm=mine, versus=other, statistic="count"):
            found.setdefault(row["category"], {})[mine] = row
    return found


def _without(results: Results, words: Words, arm: str) -> dict[str, Row]:
    """Who is compared -> the comparison."""
    rows = results.rows(analysis="sites", arm=arm, versus=words.protocol.reference)
    return {r["category"]: r for r in rows if r["statistic"] != "count"}


def _table(results: Results, words: Words, arm: str) -> Table:
    counts, without = _counts(results, words, arm), _without(results, words, arm)
    reference = words.protocol.reference
    name = comparisons.primary_name(words.protocol)
    main = comparisons.leading(results, name)
    whole = next((r for r in main if r["arm"] == arm), None)
    lines = [Line("All patients of the analysis", ("", "", cite.with_limits(whole)))]
    for site, pair in counts.items():
        found = without.get(f"without {site}")
        cells = (*(cite.count(pair[a]) for a in (arm, reference)), _estimate(found))
        lines.append(Line(f"Site {site}", cells))
    if (alone := without.get(BOTH_ARMS)) is not None:
        lines.append(Line("Without all sites of one arm", ("", "", _estimate(alone))))
    what = opening(words.endpoint(words.protocol.analyses[name].endpoint))
    unit = _unit(whole)
    ci = level([whole, *without.values()])
    caption = (
        f"{what}: the primary analysis, made again without the patients of each site. {words.allocation_note}"
    )
    columns = (
        Column("Left out", side="left"),
        Column(words.short(arm), "patients", arm=arm),
        Column(words.short(reference), "patients", arm=reference),
        Column(
            f"Difference without it ({ci})",
            unit,
            side="left",
            card=f"Difference without it ({ci}){', ' if unit else ''}{unit}",
            wide=True,
        ),
    )
    return Table("The primary comparison without each site.", columns, tuple(lines), caption)


def _unit(row: Row | None) -> str:
    return shown(row).unit if row is not None and comparisons.usable(row) else ""


def _estimate(row: Row | None) -> Text:
    return "the same: not in the analysis" if row is None else cite.with_limits(row)


def _notes(words: Words, counts: dict[str, dict[str, Row]]) -> tuple[Text, ...]:
    one = [site for site, pair in counts.items() if any(not r["estimate"] for r in pair.values())]
    some = (
        text(
            "{n} {sites} had patients of one arm only ({names}): they carry no comparison of their own.",
            n=opening(counted(len(one))),
            sites=plural(len(one), "site"),
            names=joined(one),
        )
        if one
        else ""
    )
    again = "missing answers are drawn and models are fitted again each time."
    return noted(
        some, _within(words), f"Without a site everything is made again: {again} Intervals, no P values."
    )


def _within(words: Words) -> str:
    """Whether the primary analysis compares patients of the same site with each other."""
    covariates = words.protocol.covariates
    analysis = words.protocol.analyses[comparisons.primary_name(words.protocol)]
    if any(covariates[name].item == SITE for name in analysis.covariates if name in covariates):
        return "The site is among the covariates: the arms are compared within sites."
    return "The site is not among the covariates: the arms are compared over all sites, not within them."

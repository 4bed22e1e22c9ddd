"""Ordered outcomes: who is in which category, the odds of a better one, and the chance of doing better."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.ordinal import ALIKE, UNLIKE
from armwise.analysis.results import Results, Row
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import comparison, usable
from armwise.report.numbers import number
from armwise.report.page import Block, Facts, Section
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, opening

METHOD = "proportional-odds"


def section(results: Results, words: Words) -> Section | None:
    """Every analysis by proportional odds; None where the protocol has none."""
    parts = [
        (name, visit)
        for name, declared in words.protocol.analyses.items()
        if declared.method == METHOD
        for visit in words.protocol.analysis_visits(declared)
        if results.rows(analysis=name, visit=visit, statistic="odds ratio")
    ]
    if not parts:
        return None
    blocks: list[Block] = []
    for name, visit in parts:
        blocks.append(Block(_table(results, words, name, visit), _notes(results, words, name, visit)))
        blocks += [Block(_facts(results, words, name, visit, arm)) for arm in words.treatments]
    return Section(
        name="ordinal",
        short="Ordered outcomes",
        heading=_heading(results, words, *parts[0]),
        question="How do the arms compare when the answer is one of several in order?",
        blocks=tuple(blocks),
    )


def _heading(results: Results, words: Words, name: str, visit: str) -> Text:
    """The chance of a better category; it claims no direction."""
    declared = words.protocol.analyses[name]
    label, arm = words.endpoint(declared.endpoint), words.treatments[0]
    row = results.one(
        analysis=name, visit=visit, arm=arm, statistic="probability of a better outcome", subgroup=None
    )
    if row is None or not usable(row):
        return f"{opening(label)} {words.at(visit)}"
    return text(
        "{label} {at}: better with {arm} in {p} of all pairs of patients",
        label=opening(label),
        at=words.at(visit),
        arm=words.brief(arm),
        p=cite.estimate(row),
    )


def _table(results: Results, words: Words, name: str, visit: str) -> Table:
    declared = words.protocol.analyses[name]
    rows = [
        r
        for r in results.rows(analysis=name, visit=visit, statistic="count", subgroup=None)
        if r["at"] is not None
    ]
    better = words.higher_is_better(declared.endpoint)
    values = sorted({r["at"] for r in rows}, reverse=bool(better))
    lines = []
    for k, value in enumerate(values):
        side = {0: " (best)", len(values) - 1: " (worst)"}.get(k, "") if better is not None else ""
        cells: list[Text] = []
        for arm in words.arms:
            row = next((r for r in rows if r["arm"] == arm and r["at"] == value), None)
            cells.append(cite.of(row) if row else "")
        lines.append(Line(f"{number(value, 0 if value == int(value) else 1)}{side}", tuple(cells)))
    columns = (
        Column("Category", side="left"),
        *(Column(words.short(a), arm=a) for a in words.arms),
    )
    caption = text("Patients in each category, among those compared. {chosen}", chosen=words.allocation_note)
    title = f"{opening(words.endpoint(declared.endpoint))} {words.at(visit)}."
    return Table(title, columns, tuple(lines), caption, compact=True)


def _facts(results: Results, words: Words, name: str, visit: str, arm: str) -> Facts:
    declared = words.protocol.analyses[name]
    named = f", {words.brief(arm)}" if len(words.treatments) > 1 else ""
    items: list[tuple[str, Text]] = []
    leading = comparison(results, name, arm, visit)
    adjusted = declared.adjust != "none"
    items.append(
        (
            f"Odds ratio of a better category{', adjusted' if adjusted else ''}{named}",
            _odds(leading),
        )
    )
    beside = results.one(analysis=f"{name}.unadjusted", visit=visit, arm=arm, statistic="odds ratio")
    if beside is not None:
        items.append(("Odds ratio as the arms are", _odds(beside)))
    for statistic, label in (
        ("probability of a better outcome", "Probability of a better outcome, not adjusted"),
        ("win odds", "Win odds, not adjusted"),
    ):
        row = results.one(analysis=name, visit=visit, arm=arm, statistic=statistic, subgroup=None)
        if row is not None:
            items.append((label, _odds(row)))
    if leading is not None and usable(leading):
        items.append(("Is it one odds ratio?", _proportional(results, name, visit, arm)))
    return Facts(tuple(items))


def _odds(row: Row | None) -> Markup:
    if row is None or not usable(row):
        why = f": {row['reason']}" if row is not None and row["reason"] else ""
        return text("not estimable{why}", why=why)
    return cite.with_limits(row, note=True, level=True)


def _proportional(results: Results, name: str, visit: str, arm: str) -> Markup:
    """The check of proportionality in words: the odds ratios of single cuts, and what Brant's test says of them."""
    cuts = [
        r
        for r in results.rows(analysis=f"{name}.cuts", visit=visit, arm=arm, statistic="odds ratio")
        if usable(r)
    ]
    verdict = results.one(analysis=name, visit=visit, arm=arm, statistic="proportionality", subgroup=None)
    if len(cuts) < 2 or verdict is None or not usable(verdict):
        return text(
            "This cannot be told: too few cuts between categories have enough patients on both sides."
        )
    cuts.sort(key=lambda r: r["estimate"])
    said = text(
        "At single cuts between categories the odds ratio runs from {low} to {high}. ",
        low=cite.estimate(cuts[0]),
        high=cite.estimate(cuts[-1]),
    )
    words = {
        ALIKE: "Nothing speaks against one odds ratio for all cuts, which at this size is weak support.",
        UNLIKE: "They differ by more than chance would (Brant’s test, 5%): one odds ratio averages unlike ones.",
    }
    return said + words.get(str(verdict["reason"]), "")


def _notes(results: Results, words: Words, name: str, visit: str) -> tuple[Text, ...]:
    several = len(words.treatments) > 1
    return noted(
        "The odds ratio of a better category is one number for every cut between categories (proportional odds).",
        "The probability of a better outcome compares every patient of one arm with every patient of the other, ties"
        " counted half; 50% is no difference. It is not adjusted.",
        "Each arm is compared in a model of its own with the reference." if several else "",
    )

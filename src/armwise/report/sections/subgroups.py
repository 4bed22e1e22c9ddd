"""One comparison within each subgroup: what is consistent, and what it cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from armwise.analysis.results import Results, Row
from armwise.report.cite import text
from armwise.report.comparisons import comparison, has_interval, treatments, usable
from armwise.report.figures.style import Better
from armwise.report.figures.subgroups import subgroups, within
from armwise.report.page import Block, Figure, Section, figure
from armwise.report.sections import interactions
from armwise.report.tables import Text, noted
from armwise.report.words import Words, opening

Part = tuple[str, str]
"""An analysis and one of its visits."""


def section(results: Results, words: Words) -> Section | None:
    """Every comparison that the protocol asks for within subgroups; None where it asks for none."""
    parts = parts_of(results)
    if not parts and not interactions.rows_of(results):
        return None
    drawn = [_figure(results, words, *part) for part in parts]
    blocks = [
        Block(one, () if i else _notes(words), later=one.title.rstrip(".") if i else "")
        for i, one in enumerate(drawn)
    ]
    crossed = interactions.rows_of(results)
    if crossed:
        blocks.append(Block(interactions.table(results, words, crossed), interactions.NOTES))
    return Section(
        name="subgroups",
        short="Subgroups",
        heading=interactions.heading(words, crossed) if crossed else heading(results, parts),
        question="Do the arms compare alike in different groups of patients?",
        blocks=tuple(blocks),
    )


def parts_of(results: Results) -> list[Part]:
    """The analyses with comparisons within subgroups and their visits, in the order of the protocol."""
    protocol = results.protocol
    return [
        (name, visit)
        for name, declared in protocol.analyses.items()
        for visit in protocol.analysis_visits(declared)
        if any(within(results, name, visit, arm) for arm in treatments(protocol))
    ]


def heading(results: Results, parts: Sequence[Part]) -> str:
    """What the intervals show, by a rule that claims no difference between subgroups.

    Separate intervals cannot show that subgroups differ: the heading says that all of them hold the estimate of all
    patients, where each could be estimated and does; else it says what is shown and no more.
    """
    pairs = [
        (comparison(results, name, arm, visit), row)
        for name, visit in parts
        for arm in treatments(results.protocol)
        for row in within(results, name, visit, arm)
    ]
    if pairs and all(_holds(row, overall) for overall, row in pairs):
        return "Every subgroup’s interval holds the overall estimate"
    return "The difference by subgroup"


def _holds(row: Row, overall: Row | None) -> bool:
    if overall is None or not usable(overall) or not usable(row) or not has_interval(row):
        return False
    return bool(row["lower"] <= overall["estimate"] <= row["upper"])


def _figure(results: Results, words: Words, name: str, visit: str) -> Figure:
    declared = words.protocol.analyses[name]
    better: Better = "higher" if words.higher_is_better(declared.endpoint) else "lower"
    adjusted = (
        ""
        if declared.adjust == "none"
        else f" {words.adjustment(declared)}, within each subgroup as among all patients."
    )
    return figure(
        f"{opening(words.endpoint(declared.endpoint))} {words.at(visit)}, by subgroup.",
        text(
            "Filled, and dotted across the figure: all patients of the analysis.{adjusted} {chosen}",
            adjusted=adjusted,
            chosen=words.allocation_note,
        ),
        lambda width: subgroups(results, name, visit, better=better, width=width),
    )


def _notes(words: Words) -> tuple[Text, ...]:
    return noted(
        "Exploratory: no P values, and intervals that are not adjusted for how many there are.",
        "Intervals side by side do not show whether subgroups differ from each other: one interval that excludes no"
        " difference and one that does not may come from the same difference. Subgroups are smaller than the study,"
        " so their intervals are wider.",
        f"{opening(words.chosen)}, within subgroups too." if words.nonrandomised else "",
    )

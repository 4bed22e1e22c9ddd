"""What change these patients call an improvement: the anchor, and what must not be done with it."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from armwise.analysis.anchor import NOT_A_TEST, ONLY
from armwise.analysis.results import Results, Row
from armwise.protocol.model import Anchor
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.numbers import level
from armwise.report.page import Block, Section
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, joined, opening, spoken
from armwise.stats.anchor import ADJUSTED, POINT_BISERIAL, PREDICTIVE, ROC, SPEARMAN, WEAK

METHODS: Mapping[str, tuple[str, str]] = {
    ADJUSTED: ("Adjusted predictive modelling", "the estimate to use"),
    PREDICTIVE: ("Predictive modelling, not adjusted", "off where not half of the patients improved"),
    ROC: ("Cut point of the ROC curve", "beside it only: the least precise"),
}


def section(results: Results, words: Words) -> Section | None:
    """Every anchor of the protocol; None where it declares none."""
    anchors = {
        name: declared
        for name, declared in words.protocol.anchors.items()
        if results.rows(analysis="anchor", item=name)
    }
    if not anchors:
        return None
    return Section(
        name="anchor",
        short="What change matters",
        heading=_heading(results, words, *next(iter(anchors.items()))),
        question="Which improvement do the patients themselves call one?",
        blocks=tuple(
            Block(_table(results, words, name, declared), _notes(results, words, name, declared))
            for name, declared in anchors.items()
        ),
    )


def _heading(results: Results, words: Words, name: str, declared: Anchor) -> Text:
    row = _change(results, name, ADJUSTED)
    label = words.score(declared.score).label
    if row is None or not usable(row):
        return f"What change in {spoken(label)} patients call an improvement could not be estimated"
    return text(
        "These patients called a change in {label} of {d} an improvement",
        label=spoken(label),
        d=cite.estimate(row, unit=True),
    )


def _change(results: Results, name: str, method: str) -> Row | None:
    return results.one(analysis="anchor", item=name, statistic="minimal important change", method=method)


def _table(results: Results, words: Words, name: str, declared: Anchor) -> Table:
    rows = {method: row for method in METHODS if (row := _change(results, name, method)) is not None}
    columns = (
        Column("Method", side="left"),
        Column(f"Smallest change that matters ({level(rows.values())}), {_unit(words, declared)}", wide=True),
    )
    lines = [
        Line(label, (cite.with_limits(rows[method], note=True),), small=small)
        for method, (label, small) in METHODS.items()
        if method in rows
    ]
    n = next((row["n"] for row in rows.values()), None)
    arms = "both" if len(words.arms) == 2 else "all"
    caption = text(
        "All patients of {arms} arms together who rated their change {at} and have a score then and at baseline{n}."
        " Intervals by bootstrap over patients.",
        arms=arms,
        at=words.at(declared.at),
        n=text(" ({n} patients)", n=cite.count(next(iter(rows.values())), "n")) if n else "",
    )
    title = f"{opening(words.score(declared.score).label)}: the change that patients call an improvement."
    return Table(title, columns, tuple(lines), caption)


def _unit(words: Words, declared: Anchor) -> str:
    unit = words.score(declared.score).unit
    return "points" if unit in ("%", "", "T score") else unit


def _notes(results: Results, words: Words, name: str, declared: Anchor) -> tuple[Text, ...]:
    return noted(
        Markup("<strong>{}</strong>").format(
            "Not a threshold for this study: it comes from these patients’ own ratings, and comparing the arms by it"
            " would test them by what they themselves define."
        ),
        _refusal(results, name),
        _one_arm(results, words, name),
        _correlation(results, name),
        _share(results, words, name, declared),
        "The adjustment supposes ratings that are themselves reliable; a rating with much noise of its own leaves the"
        " estimate between the change that matters and the mean change.",
    )


def _refusal(results: Results, name: str) -> Text:
    """Why there is no estimate."""
    row = _change(results, name, ADJUSTED)
    if row is None or usable(row):
        return ""
    return f"Not estimable: {str(row['reason']).removesuffix(NOT_A_TEST).rstrip('; ')}."


def _one_arm(results: Results, words: Words, name: str) -> Text:
    """Whose rating it is, where not every arm gave any."""
    row = results.one(analysis="anchor", item=name, statistic="count")
    said = str((row["reason"] if row else None) or "")
    if not said.startswith(ONLY):
        return ""
    arms = [words.brief(a) for a in said.removeprefix(ONLY).strip().split(", ")]
    who = f"Only patients of {joined(arms)} rated their change"
    return f"{who}: what the others would call an improvement is not known."


def _correlation(results: Results, name: str) -> Text:
    row = results.one(analysis="anchor", item=name, statistic="correlation", method=SPEARMAN)
    if row is None or not usable(row):
        return "The correlation of the rating with the change could not be estimated."
    other = results.one(analysis="anchor", item=name, statistic="correlation", method=POINT_BISERIAL)
    binary = (
        text(", of improved or not with the change {r}", r=cite.estimate(other))
        if other is not None and usable(other)
        else ""
    )
    said = text(
        "The rating and the change in the score correlate {r} (Spearman){binary}.",
        r=cite.with_limits(row, level=True),
        binary=binary,
    )
    if abs(row["estimate"]) < WEAK:
        weak = f"Warning: less than {WEAK:g}. This rating is too weak an anchor to learn a threshold from."
        return said + Markup(" <strong>{}</strong>").format(weak)
    return said


def _share(results: Results, words: Words, name: str, declared: Anchor) -> Text:
    row = results.one(analysis="anchor", item=name, statistic="count")
    if row is None:
        return ""
    better = words.score(declared.rating).higher_is_better
    listed = ", ".join(str(v) for v in sorted(declared.improved))
    side = {True: "; the highest rating is the best", False: "; the lowest rating is the best", None: ""}
    return text(
        "{k} of {n} rated themselves improved (ratings {listed}{side}).",
        k=cite.count(row),
        n=cite.count(row, "n"),
        listed=listed,
        side=side[better],
    )

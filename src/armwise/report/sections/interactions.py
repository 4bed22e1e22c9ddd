"""The part of the section of subgroups that can show a difference between them: interactions, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import association_headings, cite
from armwise.report.cite import text
from armwise.report.figures.subgroups import category, within
from armwise.report.numbers import number
from armwise.report.sections.cell_product import unit_words
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, opening, spoken

NOTES: Final = noted(
    "An interaction is how the difference between the arms itself differs: between two categories, or for each step of"
    " a number, which stays a number.",
    "An interval that holds zero leaves open whether the difference varies: interactions need several times as many"
    " patients as the difference itself. Exploratory, without P values.",
)


def rows_of(results: Results) -> list[Row]:
    """The interactions, in the order of the protocol."""
    return results.rows(analysis="effect_modification", statistic="interaction")


def heading(words: Words, rows: Sequence[Row]) -> Text:
    """The heading of the section where interactions were estimated."""
    return association_headings.modification(rows, [spoken(_label(words, r)) for r in rows])


def table(results: Results, words: Words, rows: Sequence[Row]) -> Table:
    """Each characteristic: the difference at its values, and how much it changes."""
    lines: list[Line] = []
    before = ""
    several = len({(r["item"].partition(".")[0], r["visit"]) for r in rows}) > 1
    arms = len({r["arm"] for r in rows}) > 1
    for r in rows:
        head = _head(words, r, rows)
        if several and head != before:
            lines.append(Line(opening(head), kind="group"))
            before = head
        who = f", {words.brief(r['arm'])}" if arms else ""
        lines.append(
            Line(
                opening(_label(words, r)) + who,
                (_differences(results, words, r), cite.with_limits(r, note=True)),
                small=_step(words, r),
            )
        )
    first = rows[0]
    what = f": {words.endpoint(first['endpoint'])} {words.at(first['visit'])}" if not several else ""
    unit = f"{opening(words.unit(first['endpoint']))}." if not several else ""
    return Table(
        f"How the difference between the arms varies{what}.",
        (
            Column("Characteristic", side="left"),
            Column("Difference between the arms", "at values of it", side="left", wide=True),
            Column("Interaction", "95% CI", card="Interaction (95% CI)"),
        ),
        tuple(lines),
        unit,
    )


def _head(words: Words, row: Row, rows: Sequence[Row]) -> str:
    """What is compared, and when; by which analysis where several compare the same."""
    name, place = row["item"].partition(".")[0], (row["endpoint"], row["visit"])
    others = {r["item"].partition(".")[0] for r in rows if (r["endpoint"], r["visit"]) == place}
    declared = words.protocol.analyses.get(name)
    which = f" ({(declared.label if declared else '') or name})" if len(others) > 1 else ""
    return f"{words.endpoint(row['endpoint'])} {words.at(row['visit'])}{which}, {words.unit(row['endpoint'])}"


def _modifier(row: Row) -> str:
    return str(row["item"]).partition(".")[2]


def _covariate(words: Words, row: Row) -> str:
    """The covariate behind an interaction: its modifier, or what the subgroup splits."""
    name = _modifier(row)
    split = words.protocol.subgroups.get(name)
    return split.covariate if split and _is_split(row) else name


def _is_split(row: Row) -> bool:
    return "differences" in str(row["method"])


def _label(words: Words, row: Row) -> str:
    return words.covariate(_covariate(words, row))


def _step(words: Words, row: Row) -> str:
    """`per 10 years`, `Male against Female`, `60 or more against under 60`."""
    named, why = str(row["category"] or ""), str(row["reason"] or "")
    if named.startswith("per ") and row["at"] is not None:
        return unit_words(named)
    first = why.partition(";")[0].removeprefix("against ") if why.startswith("against ") else ""
    name = _covariate(words, row)
    labels = [words.category(name, c) for c in (named, first) if c]
    return " against ".join(opening(label) if i == 0 else label for i, label in enumerate(labels))


def _differences(results: Results, words: Words, row: Row) -> Text:
    """The difference at the declared values, or in the category and the first one."""
    same = {c: row[c] for c in ("item", "visit", "arm", "endpoint")}
    found = results.rows(analysis="effect_modification", statistic="mean difference", **same)
    unit = words.covariate_unit(_covariate(words, row))
    parts = []
    for r in found:
        place = (
            f"{number(r['at'])} {unit}".strip()
            if r["at"] is not None
            else words.category(_modifier(row), str(r["category"]))
        )
        parts.append(text("<div>{place}: {value}</div>", place=place, value=cite.with_limits(r)))
    if _is_split(row):
        parts = [
            text("<div>{place}: {value}</div>", place=category(words, r), value=cite.with_limits(r))
            for r in within(results, row["item"].partition(".")[0], row["visit"], row["arm"])
            if str(r["subgroup"]).partition("=")[0] == _modifier(row)
        ]
    return Markup("").join(parts)

"""The cell product: what it held, against declared ranges, and how much of it went where."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from armwise.analysis.cell_product import ALL_PLACES, DOSE, INSIDE
from armwise.analysis.results import Results, Row
from armwise.report import cite
from armwise.report.association_headings import measure_name, unbroken
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.numbers import number
from armwise.report.page import Block, Section
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, opening, plural

Found = dict[tuple[str, str, str], Row]
"""Rows by measure, place ("" for the product itself) and statistic."""

POWER: Final = {
    "10^6": "10\N{SUPERSCRIPT SIX}",
    "10^3": "10\N{SUPERSCRIPT THREE}",
    "10^9": "10\N{SUPERSCRIPT NINE}",
    "kg/m2": "kg/m\N{SUPERSCRIPT TWO}",
}


def section(results: Results, words: Words) -> Section | None:
    """What was injected, by arm; None where the protocol declares no cell product or nothing is known of it."""
    if words.protocol.cell_product is None:
        return None
    blocks: list[Block] = []
    heading: Text = ""
    for arm in words.arms:
        rows = _rows(results, arm)
        if not rows:
            continue
        heading = heading or _heading(words, rows, arm)
        blocks.append(Block(_product(words, rows, arm), _notes(rows)))
        for depth, fold in ((1, "Volume and dose by structure"), (2, "Doses by level")):
            table = _doses(words, rows, arm, depth, fold)
            if table is not None:
                blocks.append(Block(table))
    if not blocks:
        return None
    return Section(
        name="cell-product",
        short="Cell product",
        heading=heading,
        question="What was injected, and how much of it?",
        blocks=tuple(blocks),
    )


def _rows(results: Results, arm: str) -> Found:
    found: Found = {}
    for r in results.rows(analysis="cell_product", arm=arm):
        place = r["category"] if r["method"] == DOSE else r["category"] or ""
        found[r["item"], place, r["statistic"]] = r
    return found


def _heading(words: Words, rows: Found, arm: str) -> Text:
    """The middle of the first measure with a dose, and of the volume: it compares nothing."""
    declared = words.protocol.cell_product
    assert declared is not None
    doses = [name for name, m in declared.measures.items() if m.dose]
    volume = rows.get(("volume", ALL_PLACES, "median"))
    lead = next(
        (n for n in declared.measures if declared.measures[n].reference), (doses or [*declared.measures])[0]
    )
    median = rows.get((lead, "", "median"))
    if median is None or not usable(median):
        return "What the cell product held"
    said = text(
        "The median {what} was {value}",
        what=unbroken(measure_name(median)),
        value=_value(rows, lead, "", "median", unit=True),
    )
    if volume is None:
        return said
    return text(
        "{said}; {volume} were injected in all (median)", said=said,
        volume=_value(rows, "volume", ALL_PLACES, "median", unit=True),
    )  # fmt: skip


def _value(rows: Found, item: str, place: str, statistic: str, unit: bool = False) -> Markup:
    row = rows.get((item, place, statistic))
    if row is None:
        return Markup("–")
    sd = rows.get((item, ALL_PLACES if place and (item, ALL_PLACES, "sd") in rows else place, "sd"))
    spread = sd["estimate"] if sd else None
    said = cite.estimate(row, sd=spread)
    name = unit_words(row["unit"]) if unit else ""
    return text('<span class="nb">{v}{u}</span>', v=said, u=f" {name}" if name and name[0] != "/" else name)


def unit_words(unit: str | None) -> str:
    """A unit as it is printed: powers of ten raised, u as the micro sign."""
    said = unit or ""
    for plain, raised in POWER.items():
        said = said.replace(plain, raised)
    return said.replace("/uL", "/\N{MICRO SIGN}L")


def _spread(rows: Found, item: str, place: str) -> Markup:
    """`225 (170 to 280)`: the median with its quartiles; a dash where nobody has a value."""
    if (item, place, "median") not in rows:
        return Markup("–")
    return text(
        '{m} <span class="nb">({a} to {b})</span>', m=_value(rows, item, place, "median"),
        a=_value(rows, item, place, "q1"), b=_value(rows, item, place, "q3"),
    )  # fmt: skip


def _product(words: Words, rows: Found, arm: str) -> Table:
    declared = words.protocol.cell_product
    assert declared is not None
    items = [*declared.measures, *(f"ratio.{name}" for name in declared.ratios)]
    lines = []
    for item in items:
        n = rows.get((item, "", "n"))
        if n is None:
            continue
        share = rows.get((item, INSIDE, "share"))
        lines.append(
            Line(
                opening(unit_words(str(n["label"]))),
                (
                    cite.count(n),
                    _spread(rows, item, ""),
                    text(
                        '{m} <span class="nb">({s})</span>', m=_value(rows, item, "", "mean"),
                        s=_value(rows, item, "", "sd"),
                    ) if (item, "", "mean") in rows else "–",
                    _range(share),
                    cite.with_limits(share) if share is not None else "–",
                ),
                small=unit_words(_unit(rows, item)),
            )
        )  # fmt: skip
    columns = (
        Column("Measure", side="left"),
        Column("Patients"),
        Column("Median", "quartiles", card="Median (quartiles)"),
        Column("Mean", "SD", card="Mean (SD)"),
        Column("Reference range", side="left"),
        Column("Inside", "95% CI", card="Inside (95% CI)"),
    )
    return Table(
        "The cell product.",
        columns,
        tuple(lines),
        text("{arm}, one product a patient.", arm=words.protocol.arms[arm].label),
        compact=True,
    )


def _unit(rows: Found, item: str) -> str | None:
    row = rows.get((item, "", "median"))
    return row["unit"] if row else None


def _range(share: Row | None) -> Text:
    """`2000 or more`, and whether the range is confirmed."""
    if share is None:
        return "–"
    low, high = share["at"], share["at2"]
    if low is None:
        said = f"{_bare(high)} or less"
    elif high is None:
        said = f"{_bare(low)} or more"
    else:
        said = f"{_bare(low)} to {_bare(high)}"
    status = str(share["reason"]).partition(":")[0]
    return text("{said}<small>{status}</small>", said=said, status=status)


def _bare(value: float) -> str:
    return number(value, 0 if value == int(value) else 1)


def _notes(rows: Found) -> tuple[Text, ...]:
    """Where each range comes from; a range is no target."""
    sources = []
    for (_, place, statistic), r in rows.items():
        if place == INSIDE and statistic == "share":
            status, _, source = str(r["reason"]).partition(": ")
            sources.append(f"{opening(unit_words(str(r['label'])))}: {unit_words(source)} ({status})")
    missing = [r for (_, place, s), r in rows.items() if s == "missing" and not place and r["estimate"]]
    return noted(
        f"Reference ranges. {'; '.join(sources)}." if sources else "",
        "A product inside a range was not shown to be better for it: the ranges come from other studies."
        if sources
        else "",
        text(
            "Not measured: {parts}.",
            parts=Markup("; ").join(
                text("{what} {k} of {n}", what=str(r["label"]), k=cite.count(r), n=cite.count(r, "n"))
                for r in missing
            ),
        )
        if missing
        else "",
    )


def _doses(words: Words, rows: Found, arm: str, depth: int, fold: str) -> Table | None:
    """Doses by structure (below everything together), or by level of each structure."""
    declared = words.protocol.cell_product
    assert declared is not None
    items = ["volume", *(name for name, m in declared.measures.items() if m.dose)]
    places = list(dict.fromkeys(p for (i, p, _), r in rows.items() if r["method"] == DOSE and i == "volume"))
    nested = [p for p in places if ", " in p] if len(declared.by) > 1 else []
    wanted = nested if depth == 2 else [p for p in places if p not in nested]
    if not wanted or (depth == 2 and len(declared.by) < 2):
        return None
    facts = {
        item: next((r for (i, p, _), r in rows.items() if i == item and r["method"] == DOSE), None)
        for item in items
    }
    columns = [Column("Place", side="left"), Column("Patients")]
    columns += [Column(_short_dose(r), unit_words(_dose_unit(rows, item))) for item, r in facts.items() if r]
    lines: list[Line] = []
    group = ""
    for place in wanted:
        structure, _, level = place.partition(", ")
        n = rows.get(("volume", place, "n"))
        cells = (cite.count(n), *(_dosed(rows, item, place) for item, r in facts.items() if r))
        if depth == 2 and structure != group:
            lines.append(Line(_place(words, structure), kind="group"))
            group = structure
        name = level if depth == 2 else "All places" if place == ALL_PLACES else _place(words, place)
        lines.append(Line(name, cells, kind="level" if depth == 2 else ""))
    return Table(
        f"Volume and dose by {'level' if depth == 2 else 'structure'}.",
        tuple(columns),
        tuple(lines),
        "Median (quartiles) a patient treated there; dose is concentration times volume. A place without a recorded"
        " volume has no dose, and no sum that it belongs to.",
        compact=True,
        fold=fold,
    )


def _dosed(rows: Found, item: str, place: str) -> Markup:
    """A dose, with how many patients have it where not everybody treated there has."""
    mine, everyone = rows.get((item, place, "n")), rows.get(("volume", place, "n"))
    said = _spread(rows, item, place)
    if mine is None or everyone is None or mine["estimate"] in (everyone["estimate"], 0):
        return said
    who = plural(int(mine["estimate"]), "patient")
    return text("{said}<small>{n} {who}</small>", said=said, n=cite.count(mine), who=who)


def _short_dose(row: Row) -> str:
    return opening(measure_name({**row, "label": str(row["label"]).removesuffix(", dose")}))


def _dose_unit(rows: Found, item: str) -> str | None:
    row = rows.get((item, ALL_PLACES, "median"))
    return (row["unit"] or None) if row else None


def _place(words: Words, structure: str) -> str:
    """A structure by its label in the protocol."""
    declared = words.protocol.cell_product
    assert declared is not None
    form = words.protocol.forms.get(declared.injections or "")
    item = form.items.get(declared.by[0]) if form and declared.by else None
    return ((item.choices if item else None) or {}).get(structure, structure)

"""Treatments received: conventional care and drugs by class over time, and the injections of the procedure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import sd_decimals
from armwise.report.page import Block, Prose, Section
from armwise.report.sections.opioids import share
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, inside, opening, plural


def section(results: Results, words: Words) -> Section | None:
    """The section; None where neither care nor procedures are declared, or nothing was recorded."""
    exposure, injected = results.rows(analysis="exposure"), results.rows(analysis="procedures")
    blocks = []
    if exposure:
        blocks.append(Block(_ends(words, exposure), _notes(words, exposure)))
        blocks.append(Block(_exposure(words, exposure), fold="Conventional care at every visit"))
    for arm in words.arms:
        mine = [r for r in injected if r["arm"] == arm]
        if mine:
            places = _places(words, arm, mine)
            title = places.title.rstrip(".") if exposure else ""
            blocks.append(Block(places, noted(_each_patient(words, mine)), fold=title))
    if not blocks:
        return None
    if exposure:
        caution = (
            "Conventional care was not assigned: it was given as indicated after the arms had come about, so that a"
            " difference in it may follow the course of the pain rather than explain it. No analysis adjusts for it."
        )
        blocks.append(Block(Prose((caution,), small=True)))
    return Section(
        name="treatments",
        short="Treatments received",
        heading=_heading(words, exposure, injected),
        question="What did the patients of each arm receive?",
        blocks=tuple(blocks),
    )


def _heading(words: Words, exposure: Sequence[Row], injected: Sequence[Row]) -> Text:
    """How many were injected and where most often; else how many kinds of care are counted. Counts, no reasons."""
    treated = next((r for r in injected if r["statistic"] == "count" and r["item"] is None), None)
    if treated is not None and treated["estimate"]:
        median = next((r for r in injected if r["item"] == "injections" and r["statistic"] == "median"), None)
        middle = text(", a median of {m} injections each", m=cite.estimate(median, 0)) if median else ""
        return text(
            '<span class="nb">{k} of {n}</span> patients with {arm} had the procedure{middle}',
            k=cite.count(treated),
            n=cite.count(treated, "n"),
            arm=words.brief(treated["arm"]),
            middle=middle,
        )
    kinds = len({(r["item"], r["category"]) for r in exposure})
    return f"{opening(counted(kinds))} {plural(kinds, 'kind')} of conventional care, by visit and arm"


def _received(rows: Sequence[Row]) -> dict[tuple[str, str, str, str], Row]:
    """(form, kind, visit, arm) -> its count."""
    return {(r["item"], r["category"], r["visit"], r["arm"]): r for r in rows if r["statistic"] == "count"}


def _ends(words: Words, rows: Sequence[Row]) -> Table:
    """Patients who received each kind at the first and at the last visit: what a reader needs first."""
    cells = _received(rows)
    visits = [v for v in words.protocol.visits if any(key[2] == v for key in cells)]
    ends = list(dict.fromkeys((visits[0], visits[-1])))
    kinds = dict.fromkeys((form, kind, r["label"]) for (form, kind, *_), r in cells.items())
    lines = [
        Line(
            opening(label),
            tuple(share(cells.get((form, kind, visit, arm))) for arm in words.arms for visit in ends),
        )
        for form, kind, label in kinds
    ]
    columns = (
        Column("Kind of treatment", side="left"),
        *(
            Column(
                words.short(arm),
                small=label,
                side="left",
                arm=arm,
                card=f"{words.short(arm)}, {inside(label)}",
            )
            for arm in words.arms
            for label in (words.protocol.visit_label(visit) for visit in ends)
        ),
    )
    first, last = (inside(words.protocol.visit_label(v)) for v in (ends[0], ends[-1]))
    title = f"Conventional care: {first} and {last}." if len(ends) > 1 else "Conventional care."
    caption = f"Patients who received it, of those who came and for whom it is known. {words.allocation_note}"
    return Table(title, columns, tuple(lines), caption)


def _exposure(words: Words, rows: Sequence[Row]) -> Table:
    """Patients who received each kind, of those who came and for whom it is known."""
    cells = _received(rows)
    visits = [v for v in words.protocol.visits if any(key[2] == v for key in cells)]
    kinds = dict.fromkeys((form, kind, r["label"]) for (form, kind, *_), r in cells.items())
    lines: list[Line] = []
    for form, kind, label in kinds:
        lines.append(Line(opening(label), kind="group"))
        for arm in words.arms:
            made = tuple(share(cells.get((form, kind, visit, arm))) for visit in visits)
            head = text('<span class="arm-{arm}">{label}</span>', arm=arm, label=words.short(arm))
            lines.append(Line(head, made, kind="level"))
    columns = (
        Column("Kind of treatment", side="left"),
        *(Column(words.protocol.visit_label(v), side="left") for v in visits),
    )
    caption = "Patients who received it, of those who came and for whom it is known."
    return Table("Conventional care at every visit.", columns, tuple(lines), caption, compact=True)


def _notes(words: Words, rows: Sequence[Row]) -> tuple[Text, ...]:
    """What counts as received at a visit, and for how many it is not known."""
    protocol = words.protocol
    said: list[Text] = []
    care = protocol.treatments.care if protocol.treatments else None
    for declared in (protocol.medication, care):
        if declared is None or not any(r["item"] == declared.form for r in rows):
            continue
        days = f"in the {counted(declared.look_back)} {plural(declared.look_back, 'day')} that end with the visit"
        when = days if declared.start is not None else "as recorded at the visit"
        none = (
            "no record means not received"
            if declared.complete
            else "without a record it is not known whether it was received"
        )
        said.append(f"{opening(words.form(declared.form))}: {when}; {none}.")
    gaps = [r for r in rows if r["statistic"] == "missing" and r["estimate"]]
    if gaps:
        most = max(gaps, key=lambda r: int(r["estimate"]))
        said.append(
            text(
                "Not known for up to {n} of {of} patients who came ({what}, {visit}, {arm}).",
                n=cite.count(most),
                of=cite.count(most, "n"),
                what=inside(most["label"]),
                visit=words.visit(most["visit"]),
                arm=words.short(most["arm"]),
            )
        )
    return noted(*said)


def _places(words: Words, arm: str, rows: Sequence[Row]) -> Table:
    """Patients and injections by structure and level, and by side where it is recorded."""
    by = {
        (*_split(r["category"]), r["item"], r["statistic"]): r
        for r in rows
        if r["statistic"] in ("patients", "injections")
    }
    sides = list(dict.fromkeys(side for _, side, *_ in by if side))
    names = _side_names(words)
    lines: list[Line] = []
    for structure, label in dict.fromkeys(
        (_split(r["category"])[0], r["label"]) for r in rows if r["statistic"] == "patients"
    ):
        total = by[structure, "", None, "injections"]
        if not total["estimate"]:
            lines.append(Line(label, _cells(by, structure, None, sides)))
            continue
        lines.append(Line(text("<b>{label}</b>", label=label), _cells(by, structure, None, sides)))
        levels = dict.fromkeys(level for found, _, level, _ in by if found == structure and level)
        lines += [Line(level, _cells(by, structure, level, sides), kind="level") for level in levels]
    columns = (
        Column("Structure and level", side="left"),
        Column("Patients", side="left"),
        Column("Injections", side="left"),
        *(Column(names.get(s, s), "injections", side="left") for s in sides),
    )
    return Table(
        f"Injections with {words.brief(arm)}, by structure and level.",
        columns,
        tuple(lines),
        "Patients of those who had the procedure; a patient with several injections in a structure counts once there.",
        compact=True,
    )


def _split(category: str) -> tuple[str, str]:
    """`facet, left` -> structure and side."""
    structure, _, side = category.partition(", ")
    return structure, side


def _cells(
    by: dict[tuple[str, str, str | None, str], Row], structure: str, level: str | None, sides: Sequence[str]
) -> tuple[Text, ...]:
    found = by.get((structure, "", level, "injections"))
    made: list[Text] = [share(by.get((structure, "", level, "patients"))), cite.count(found)]
    for side in sides:
        row = by.get((structure, side, level, "injections"))
        made.append(cite.count(row) if row else "–")
    return tuple(made)


def _side_names(words: Words) -> dict[str, str]:
    declared = words.protocol.treatments.procedures if words.protocol.treatments else None
    if declared is None or declared.side is None:
        return {}
    choices = words.protocol.forms[declared.form].items[declared.side].choices or {}
    return dict(choices)


def _each_patient(words: Words, rows: Sequence[Row]) -> Text:
    """Injections and total volume of each patient: median, quartiles, range."""
    parts = []
    for item, what in (("injections", "Injections a patient"), ("volume", "Total volume a patient")):
        found = {r["statistic"]: r for r in rows if r["item"] == item}
        if not comparisons.usable(found.get("median")) or "q1" not in found:
            continue
        unit = found["median"]["unit"] if item == "volume" else ""
        sd = found.get("sd")
        digits = 0 if item == "injections" or sd is None else sd_decimals(sd["estimate"])
        q1, q3, low, high = (cite.estimate(found[s], digits) for s in ("q1", "q3", "min", "max"))
        parts.append(
            text(
                "{what}: median {m}{unit} (quartiles {q1} to {q3}, range {low} to {high}; {n} {patients}).",
                what=what,
                m=cite.estimate(found["median"], digits),
                unit=f" {unit}" if unit else "",
                q1=q1, q3=q3, low=low, high=high,
                n=cite.count(found["median"], "n"),
                patients=plural(int(found["median"]["n"]), "patient"),
            )
        )  # fmt: skip
        gaps = found.get("missing")
        if gaps is not None:
            parts.append(
                text(
                    "Without a volume for every injection: {n} of {of}.",
                    n=cite.count(gaps),
                    of=cite.count(gaps, "n"),
                )
            )
    return Markup(" ").join(parts)

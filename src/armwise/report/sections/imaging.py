"""Imaging: who was imaged and by whom it was read, shifts of grades, changes, and how far the readers agree."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.imaging import CONSENSUS, MEAN, Imaging
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.figures.shift import cells_of, shifts
from armwise.report.numbers import level
from armwise.report.page import Block, Figure, Prose, Section, figure
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, inside, joined, opening, plural


def section(results: Results, words: Words) -> Section | None:
    """Every part of imaging that the protocol declares; None where it declares none, or nothing was imaged."""
    declared = results.protocol.imaging
    if declared is None or not any(
        r["estimate"] for r in results.rows(analysis="imaging", statistic="imaged")
    ):
        return None
    planned = [a for a in words.arms if results.rows(analysis="imaging", statistic="imaged", arm=a)]
    arms = [a for a in planned if any(r["estimate"] for r in _imaged(results, a))]
    visits = list(
        dict.fromkeys(r["visit"] for r in results.rows(analysis="imaging", statistic="mean change"))
    )
    blocks = [Block(Prose((_who(results, words, declared, planned),)), _cautions(words, arms))]
    for visit in visits:
        for arm in arms:
            if any(cells_of(results, name, visit, arm)[0] for name in declared.grades):
                blocks.append(Block(_figure(results, words, visit, arm)))
            blocks.append(Block(_changes(results, words, declared, visit, arm, len(arms) == 1)))
        if len(arms) > 1:
            blocks.append(Block(_compared(results, words, declared, visit)))
    agreement = _agreement(results, words, declared)
    if agreement is not None:
        blocks.append(Block(Prose((_read_differently(),), small=True)))
        blocks.append(Block(agreement, _agreement_notes(), fold="Agreement of the readings"))
    return Section(
        name="imaging",
        short="Imaging",
        heading=heading(words, arms),
        question="What was seen on the images, and how surely was it read?",
        blocks=tuple(blocks),
    )


def _imaged(results: Results, arm: str) -> list[Row]:
    return results.rows(analysis="imaging", statistic="imaged", arm=arm)


def heading(words: Words, arms: Sequence[str]) -> str:
    """What was imaged, by a rule that claims no change: one arm alone cannot show what treatment has to do with it."""
    if len(arms) == 1:
        return f"Uncontrolled: only {words.brief(arms[0])} was imaged"
    return "Grades of the images before and after, by arm"


def _who(results: Results, words: Words, declared: Imaging, arms: Sequence[str]) -> Markup:
    said = []
    for arm in arms:
        parts = [
            text("{k} of {n} {visit}", k=cite.count(r), n=cite.count(r, "n"), visit=words.at(r["visit"]))
            for r in _imaged(results, arm)
        ]
        said.append(
            text("{arm}: images of {parts}.", arm=opening(words.brief(arm)), parts=cite.listed(parts))
        )
    said.append(_leads(results, declared))
    said += _blinding(results, declared)
    late = [r for r in results.rows(analysis="imaging", statistic="excluded") if r["estimate"]]
    said += [
        text(
            "Baseline images made after time zero are left out: {n} {patients} ({arm}).",
            n=cite.count(r),
            patients=plural(int(r["estimate"]), "patient"),
            arm=words.brief(r["arm"]),
        )
        for r in late
    ]
    return Markup(" ").join(said)


def reader_label(results: Results, reader: str) -> str:
    """What the protocol calls a reader."""
    declared = results.protocol.imaging
    item = results.protocol.forms[declared.form].items.get(declared.reader or "") if declared else None
    return (item.choices or {}).get(reader, reader) if item else reader


def _leads(results: Results, declared: Imaging) -> Markup:
    if not declared.reader:
        return Markup("One reading of each image.")
    if declared.leading == MEAN:
        return Markup("The mean of the readers’ grades leads, over places that all of them graded.")
    if declared.leading == CONSENSUS:
        return Markup("The readers’ consensus leads, as the protocol declares.")
    return text(
        "The reading of {reader} leads, as the protocol declares.",
        reader=_inside(results, declared.leading),
    )


def _blinding(results: Results, declared: Imaging) -> list[Markup]:
    """Who read without knowing the arm, and the order of the scans; what was not recorded is said to be so."""
    said = []
    for key, column, what in (
        ("arm", declared.blinded.arm, "the arm"),
        ("time", declared.blinded.time, "the order of the scans"),
    ):
        if column is None:
            said.append(text("Whether the readers knew {what} is not recorded.", what=what))
            continue
        parts = []
        for r in results.rows(analysis="imaging", statistic="readings", category=f"{key}: blinded"):
            whole = results.one(analysis="imaging", statistic="readings", item=r["item"], category=None)
            if whole is None or not whole["estimate"]:
                continue
            parts.append(
                text(
                    "{k} of {n} by {who}",
                    k=cite.count(r),
                    n=cite.count(whole),
                    who=_inside(results, r["item"]),
                )
            )
        if parts:
            said.append(
                text("Scans read without knowledge of {what}: {parts}.", what=what, parts=cite.listed(parts))
            )
    return said


def _inside(results: Results, reader: str) -> str:
    label = reader_label(results, reader)
    return label[:1].lower() + label[1:] if not label[:2].isupper() else label


def _cautions(words: Words, arms: Sequence[str]) -> tuple[Text, ...]:
    alone = len(arms) == 1
    return noted(
        "UNCONTROLLED: without images of another arm a change may be the natural course, or the readers; it cannot be"
        " set down to what was done."
        if alone
        else "",
        f"{opening(words.chosen)}, for images too." if words.nonrandomised and not alone else "",
        "Exploratory: no P values, and intervals that are not adjusted for how many there are.",
    )


def _figure(results: Results, words: Words, visit: str, arm: str) -> Figure:
    return figure(
        f"{opening(words.brief(arm))}: grades at baseline and {words.at(visit)}.",
        text(
            "Places (levels, or sides of a level) by their grade at baseline, in rows, and {at}, in columns. Hollow"
            " grey squares stand for places that kept their grade; the area of a square goes with its number.",
            at=words.at(visit),
        ),
        lambda width: shifts(results, visit, arm, width=width),
    )


def _grade_rows(results: Results, declared: Imaging, name: str, **where: object) -> list[Row]:
    return results.rows(analysis="imaging", endpoint=f"{declared.form}.{name}", **where)


def _cell(rows: Sequence[Row], statistic: str, category: str | None = None) -> Row | None:
    return next((r for r in rows if r["statistic"] == statistic and r["category"] == category), None)


DOWN = {"ordinal": "better", "binary": "gone", "nominal": "changed"}
UP = {"ordinal": "worse", "binary": "new"}
NONE = "with none that moved"


def _changes(results: Results, words: Words, declared: Imaging, visit: str, arm: str, alone: bool) -> Table:
    """Places that moved, patients with a place that moved, and the mean change with its interval."""
    lines = []
    changes: list[Row] = []
    for name, grade in declared.grades.items():
        rows = _grade_rows(results, declared, name, visit=visit, arm=arm, versus=None)
        change = _cell(rows, "mean change")
        changes += [change] if change is not None else []
        kind = grade.scale
        down, up = DOWN[kind], UP.get(kind)
        places = [_moves(_cell(rows, "places", c), c) for c in (down, "same", up) if c]
        people = [
            _moves(_cell(rows, "subjects", c), NONE if c == "no place" else c)
            for c in (down, up, "no place")
            if c
        ]
        patients = (
            text("{n} {patients}", n=cite.count(change, "n"), patients=plural(int(change["n"]), "patient"))
            if change is not None
            else ""
        )
        lines.append(
            Line(
                opening(grade.called(name)),
                (
                    cite.listed([p for p in places if p]) or Markup("not counted"),
                    cite.listed([p for p in people if p]) or Markup("not counted"),
                    _change(change),
                ),
                patients,
            )
        )
    ci = level(changes)
    columns = (
        Column("Grade", side="left"),
        Column("Places", side="left", wide=True),
        Column("Patients with such a place", side="left", wide=True),
        Column(f"Mean change ({ci})", wide=True),
    )
    signs = [inside(g.called(n)) for n, g in declared.grades.items() if g.scale != "ordinal"]
    caption = text(
        "{start}A patient counts under each kind of move that some place of theirs made. The mean change is that of"
        " patients (each the mean of the places), with the interval of a test that flips the signs of patients.{signs}",
        start="Uncontrolled change within one arm. " if alone else "Change within the arm. ",
        signs=f" {opening(joined(signs))}: the change in the share of places that have it, of whatever type."
        if signs
        else "",
    )
    return Table(
        f"{opening(words.brief(arm))}: changes {words.at(visit)}.",
        columns,
        tuple(lines),
        caption,
        compact=True,
    )


def _moves(row: Row | None, said: str) -> Markup:
    return Markup("") if row is None else text("{n} {said}", n=cite.count(row), said=said)


def _change(row: Row | None) -> Markup:
    if row is None:
        return Markup("")
    if not usable(row):
        return cite.estimate(row)
    unit = "percentage points" if row["unit"] == "proportion" else "of a grade"
    alike = "; no interval: all changes are alike" if row["lower"] is None else ""
    return text("{value} {unit}{alike}", value=cite.with_limits(row, note=True), unit=unit, alike=alike)


def _compared(results: Results, words: Words, declared: Imaging, visit: str) -> Table:
    """Each arm against the reference."""
    lines, shown = [], []
    for name, grade in declared.grades.items():
        for row in _grade_rows(results, declared, name, visit=visit):
            if row["versus"] is None:
                continue
            shown.append(row)
            arm = f"{words.short(row['arm'])} against {words.short(row['versus'])}"
            sizes = (
                text("{a} and {b} patients", a=cite.count(row, "n_arm"), b=cite.count(row, "n_versus"))
                if row["n_arm"] is not None
                else ""
            )
            lines.append(Line(opening(grade.called(name)), (arm, cite.compared(row, note=True)), sizes))
    columns = (
        Column("Grade", side="left"),
        Column("Arms", side="left", wide=True),
        Column(f"Difference ({level(shown)})", wide=True),
    )
    given = joined(["the grade at baseline", *(inside(words.covariate(c)) for c in declared.covariates)])
    caption = text(
        "Place by place, given {given}; the intervals rest on patients (generalised estimating equations with a"
        " covariance corrected for their small number). A grade that has an order: difference in grades. Other signs:"
        " odds ratio of their presence. {chosen}",
        given=given,
        chosen=words.allocation_note,
    )
    return Table(f"Between the arms {words.at(visit)}.", columns, tuple(lines), caption, compact=True)


def _agreement(results: Results, words: Words, declared: Imaging) -> Table | None:
    """Every pair of readings with places that both graded."""
    lines, shown = [], []
    for name, grade in declared.grades.items():
        rows = [r for r in _grade_rows(results, declared, name) if r["item"]]
        for item in dict.fromkeys(r["item"] for r in rows):
            mine = [r for r in rows if r["item"] == item]
            places = _cell(mine, "places", "read twice")
            if places is None or not places["estimate"]:
                continue
            shown += mine
            small = text(
                "{who}; {k} {places} of {n} {patients}",
                who=_pair(results, item),
                k=cite.count(places),
                places=plural(int(places["estimate"]), "place"),
                n=cite.count(places, "n"),
                patients=plural(int(places["n"]), "patient"),
            )
            cells = (
                cite.with_limits(_cell(mine, "percent agreement")),
                _coefficients([r for r in mine if r["statistic"] == "kappa"]),
                _coefficients([r for r in mine if r["statistic"].startswith("gwet")]),
            )
            lines.append(Line(opening(grade.called(name)), cells, small))
    if not lines:
        return None
    ci = level(shown)
    columns = (
        Column("Grade", side="left"),
        Column("Same category", small=ci, wide=True),
        Column("Kappa", small=ci, wide=True),
        Column("Gwet’s AC", small=ci, wide=True),
    )
    return Table("Agreement of the readings, all visits together.", columns, tuple(lines), compact=True)


def _pair(results: Results, item: str) -> str:
    if item.endswith(", read twice"):
        return f"{reader_label(results, item.removesuffix(', read twice'))}, read twice"
    first, _, second = item.partition(" and ")
    return f"{reader_label(results, first)} and {_inside(results, second)}"


def _coefficients(rows: Sequence[Row]) -> Markup:
    said = []
    for r in rows:
        weights = str(r["method"]).partition(",")[0]
        name = "AC1 " if r["statistic"] == "gwet ac1" else "AC2 " if r["statistic"] == "gwet ac2" else ""
        said.append(text("{name}{weights} {value}", name=name, weights=weights, value=cite.with_limits(r, 2)))
    return Markup("<br>").join(said)


def _read_differently() -> str:
    return (
        "A place that moves by one grade may be a place that was read differently: compare the share of places that"
        " moved with the share on which readings differ."
    )


def _agreement_notes() -> tuple[Text, ...]:
    return noted(
        "Linear and quadratic weights give one table two kappas, and papers use both: compare like with like. Kappa"
        " falls where nearly all places have one category, however well readers agree; Gwet’s does so less.",
        "Intervals leave out one patient at a time with all levels and visits: levels of one spine are alike.",
    )

"""Opioids: who takes any, how much, what compares the arms, and what the doses of those who take them cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from armwise.analysis.comparison import STATISTIC
from armwise.analysis.results import Results, Row
from armwise.instruments.morphine_equivalents import VERSIONS
from armwise.protocol.medication import DOSE, NUMBER, Medication
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import MIXED, level, number, sd_decimals
from armwise.report.page import Block, Prose, Section
from armwise.report.sections import estimands
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, joined, opening, plural

Cells = dict[tuple[str, str, str, str | None, float | None], Row]
"""(item, statistic, visit and arm, category, cut point) -> row."""

COURSE = {
    "still taking": "Still taking",
    "stopped": "Stopped",
    "started": "Started",
    "none at either": "At neither",
}


def section(results: Results, words: Words) -> Section | None:
    """The section; None where the protocol declares no medication, or none was recorded."""
    declared = words.protocol.medication
    rows = results.rows(analysis="medication")
    if declared is None or not rows:
        return None
    found: Cells = {
        (r["item"], r["statistic"], f"{r['visit']} {r['arm']}", r["category"], r["at"]): r for r in rows
    }
    visits = [v for v in words.protocol.visits if any(r["visit"] == v for r in rows)]
    compared = _compared(results, words, declared)
    blocks = [
        Block(_by_visit(results, words, found, visits, declared), _notes(words, declared, rows)),
        *([Block(compared)] if compared else []),
        *_folded(words, found, visits, declared),
        Block(_users(words, found, visits), (_selected(words),), fold="Dose of those who take an opioid"),
        Block(Prose((_caution(declared),), small=True)),
    ]
    return Section(
        name="opioids",
        short="Opioids",
        heading=_heading(words, found, visits),
        question="Who takes opioids, and how much?",
        blocks=tuple(blocks),
    )


def _folded(words: Words, found: Cells, visits: Sequence[str], declared: Medication) -> list[Block]:
    """Cut points, and use against use at baseline: for who asks."""
    made = []
    if declared.cut_points:
        table = _reached(words, found, visits, declared)
        made.append(Block(table, fold=table.title.rstrip(".")))
    if any(item == "use since baseline" for item, *_ in found):
        made.append(Block(_courses(words, found, visits), fold="Use of opioids against use at baseline"))
    return made


def _heading(words: Words, found: Cells, visits: Sequence[str]) -> Text:
    """Who took any at the last visit at which it is known, in each arm: counts, and nothing that says why."""
    asked = [
        (v, found.get(("any opioid", "count", f"{v} {arm}", None, None)))
        for v in visits
        for arm in words.arms
    ]
    visit = next((v for v, r in reversed(asked) if r and r["n"]), visits[-1])
    rows = {arm: found.get(("any opioid", "count", f"{visit} {arm}", None, None)) for arm in words.arms}
    known = [arm for arm, r in rows.items() if r and r["n"]]
    parts = [
        text(
            '<span class="nb">{k} of {n}</span>{patients} with {arm}',
            k=cite.count(r),
            n=cite.count(r, "n"),
            patients=f" {plural(int(r['n']), 'patient')}" if r and arm == known[0] else "",
            arm=words.brief(arm),
        )
        for arm, r in ((arm, rows[arm]) for arm in known)
    ]
    if not parts:
        return "How many take opioids is not known"
    return text("{at} {parts} took an opioid", at=opening(words.at(visit)), parts=cite.listed(parts))


def _arm_lines(words: Words, cells: Iterable[tuple[str, tuple[Text, ...]]]) -> list[Line]:
    return [
        Line(
            text('<span class="arm-{arm}">{label}</span>', arm=arm, label=words.short(arm)),
            made,
            kind="level",
        )
        for arm, made in cells
    ]


def _columns(words: Words, head: str, visits: Sequence[str]) -> tuple[Column, ...]:
    return (Column(head, side="left"), *(Column(words.protocol.visit_label(v), side="left") for v in visits))


def share(row: Row | None) -> Text:
    """`9 of 38 (24%)`: a count among those for whom it is known."""
    if row is not None and row["n"] is None:  # no complete list: nobody is known to have had none
        return text("at least {k}", k=cite.count(row))
    if row is None or not row["n"]:
        return "not known"
    return cite.of(row, share=True)


def _by_visit(
    results: Results, words: Words, found: Cells, visits: Sequence[str], declared: Medication
) -> Table:
    """Any opioid and the dose of all patients, by visit and arm."""
    lines = [Line("Any opioid", kind="group")]
    lines += _arm_lines(
        words,
        (
            (arm, tuple(share(found.get(("any opioid", "count", f"{v} {arm}", None, None))) for v in visits))
            for arm in words.arms
        ),
    )
    whose = "all patients" if declared.complete else "those with a record of an opioid"
    lines.append(Line(f"Dose of {whose}, MME/day: mean (SD); median", kind="group"))
    ref = f"{declared.form}.{DOSE}"
    lines += _arm_lines(
        words, ((arm, tuple(_dose(results, ref, v, arm) for v in visits)) for arm in words.arms)
    )
    return Table(
        "Opioids by visit.",
        _columns(words, "Opioids", visits),
        tuple(lines),
        f"Of the patients who came and for whom it is known. MME: milligrams of morphine that an opioid amounts to,"
        f" {VERSIONS[declared.factors]} factors. {words.allocation_note}",
        compact=True,
    )


def _reached(words: Words, found: Cells, visits: Sequence[str], declared: Medication) -> Table:
    """How many reach each cut point, by visit and arm."""
    lines: list[Line] = []
    for at in declared.cut_points:
        lines.append(Line(f"{number(at)} MME/day or more", kind="group"))
        lines += _arm_lines(
            words,
            (
                (
                    arm,
                    tuple(
                        share(found.get(("dose at or above", "count", f"{v} {arm}", None, at)))
                        for v in visits
                    ),
                )
                for arm in words.arms
            ),
        )
    points = joined([number(at) for at in declared.cut_points], "or")
    return Table(
        f"Patients who take {points} MME/day or more.",
        _columns(words, "Dose", visits),
        tuple(lines),
        "Of the patients who came and whose dose is known.",
        compact=True,
    )


def _dose(results: Results, ref: str, visit: str, arm: str) -> Text:
    rows = {r["statistic"]: r for r in results.rows(analysis="describe", endpoint=ref, visit=visit, arm=arm)}
    mean, sd, median = rows.get("mean"), rows.get("sd"), rows.get("median")
    if mean is None or not comparisons.usable(mean):
        return "not known"
    digits = sd_decimals(sd["estimate"]) if sd else 1
    spread = text(" ({sd})", sd=cite.estimate(sd, digits)) if sd else ""
    middle = text("; {m}", m=cite.estimate(median, digits)) if median else ""
    return text("{m}{spread}{middle}", m=cite.estimate(mean, digits), spread=spread, middle=middle)


def _compared(results: Results, words: Words, declared: Medication) -> Table | None:
    """The declared analyses of opioid endpoints: each arm against the reference, at each of their visits."""
    refs = {f"{declared.form}.{name}" for name in (DOSE, NUMBER)}
    found = [
        row
        for name, analysis in words.protocol.analyses.items()
        if refs & set(words.scores_of(analysis.endpoint)) and analysis.method in STATISTIC
        for visit in words.protocol.analysis_visits(analysis)
        for row in comparisons.leading(results, name, visit)
    ]
    if not found:
        return None
    ci = level(found)
    lines = []
    for row in found:
        analysis = words.protocol.analyses[row["analysis"]]
        against = f"{words.short(row['arm'])} against {words.short(words.protocol.reference)}"
        where = joined(
            [opening(words.visit(row["visit"])), *([against] if len(words.treatments) > 1 else [])], ","
        ).replace(" , ", ", ")
        sizes = Markup("")
        if row["n_arm"] is not None and row["n_versus"] is not None:
            sizes = text(
                '<span class="nb">{a} and {b}</span>',
                a=cite.count(row, "n_arm"),
                b=cite.count(row, "n_versus"),
            )
        value = cite.compared(row, note=True, level=ci == MIXED)
        unit = words.unit(analysis.endpoint) if comparisons.usable(row) else ""
        unit = "percentage points" if unit == "per cent" else unit
        lines.append(
            Line(
                words.endpoint(analysis.endpoint),
                (text("{v} {u}", v=value, u=unit), sizes, _how(words, row["analysis"])),
                small=where,
            )
        )
    columns = (
        Column("Outcome", side="left"),
        Column("Difference", ci, side="left", wide=True),
        Column("Patients", side="left"),
        Column("Method", side="left", wide=True),
    )
    caption = text(
        "Each treatment minus {reference}.",
        reference=words.arm(words.protocol.reference),
    )
    return Table(
        "Opioids compared between the arms.",
        columns,
        tuple(lines),
        caption,
        noted(_left_out(results, words, found)),
        True,
    )


def _how(words: Words, name: str) -> str:
    analysis = words.protocol.analyses[name]
    return opening(words.method(analysis)) + ("" if analysis.adjust != "none" else ", not adjusted")


def _left_out(results: Results, words: Words, found: Sequence[Row]) -> Text:
    """What the other side of a share is; whom a per cent change leaves out: those who took none at baseline, by arm."""
    parts = []
    for row in found:
        endpoint = words.protocol.endpoints[row["endpoint"]]
        if endpoint.kind == "state" and endpoint.at_most == 0:
            parts.append(
                text(
                    "{what}: the difference in the share who take any is the same number with the other sign.",
                    what=opening(words.endpoint(row["endpoint"])),
                )
            )
            parts.append(Markup.escape(estimands.failures(words, row["analysis"], "counts as taking one")))
        if endpoint.kind != "percent-change":
            continue
        none = results.rows(
            analysis=row["analysis"], statistic="excluded", visit=row["visit"],
            category="outcome missing: baseline is 0",
        )  # fmt: skip
        said = [text("{n} with {arm}", n=cite.count(r), arm=words.brief(r["arm"])) for r in none]
        if said:
            parts.append(
                text(
                    "{what}, {visit}: a change in per cent exists only for those who took an opioid at baseline;"
                    " left out, having taken none: {said}.",
                    what=opening(words.endpoint(row["endpoint"])),
                    visit=words.visit(row["visit"]),
                    said=cite.listed(said),
                )
            )
    return Markup(" ").join(dict.fromkeys(p for p in parts if p))


def _courses(words: Words, found: Cells, visits: Sequence[str]) -> Table:
    """Use at each later visit against use at baseline."""
    later = [v for v in visits if v != words.protocol.baseline]
    lines = []
    for category, label in COURSE.items():
        lines.append(Line(label, kind="group"))
        cells = (
            (
                arm,
                tuple(
                    share(found.get(("use since baseline", "count", f"{v} {arm}", category, None)))
                    for v in later
                ),
            )
            for arm in words.arms
        )
        lines += _arm_lines(words, cells)
    return Table(
        "Use of opioids against use at baseline.",
        _columns(words, "Since baseline", later),
        tuple(lines),
        "Of the patients for whom both are known.",
        compact=True,
    )


def _users(words: Words, found: Cells, visits: Sequence[str]) -> Table:
    """The doses of those who take any at a visit."""

    def cell(visit: str, arm: str) -> Text:
        def of(statistic: str) -> Row | None:
            return found.get(("dose of users", statistic, f"{visit} {arm}", None, None))

        n, median, q1, q3, sd = (of(s) for s in ("n", "median", "q1", "q3", "sd"))
        if n is None or not n["estimate"] or median is None:
            return "nobody"
        digits = sd_decimals(sd["estimate"]) if sd else 0
        quartiles = text(" ({a} to {b})", a=cite.estimate(q1, digits), b=cite.estimate(q3, digits))
        return text(
            "{m}{q}<small>{n} {patients}</small>",
            m=cite.estimate(median, digits),
            q=quartiles if q1 and q3 else "",
            n=cite.count(n),
            patients=plural(int(n["estimate"]), "patient"),
        )

    lines = _arm_lines(words, ((arm, tuple(cell(v, arm) for v in visits)) for arm in words.arms))
    return Table(
        "Dose of those who take an opioid at the visit, MME/day.",
        _columns(words, "Median (quartiles)", visits),
        tuple(lines),
        "Described, not compared.",
        compact=True,
    )


def _selected(words: Words) -> Text:
    return (
        "Who takes an opioid at a visit was selected after treatment began: the arms’ groups of users differ for that"
        " reason too, so that their doses are not compared."
    )


def _notes(words: Words, declared: Medication, rows: Sequence[Row]) -> tuple[Text, ...]:
    dated = declared.start is not None
    look = (
        f"A dose is the mean over the {counted(declared.look_back)} {plural(declared.look_back, 'day')} that end with"
        " the visit, from records with a first and a last day."
        if dated and declared.look_back > 1
        else "A dose is that of the day of the visit, from records with a first and a last day."
        if dated
        else "Doses are recorded by visit."
    )
    nobody = (
        "The list of drugs is declared complete: a patient who came and has no record of an opioid took none."
        if declared.complete
        else "The list of drugs is not declared complete: of a patient without a record of an opioid nothing is known."
    )
    return noted(look, nobody, _unknown(words, rows))


def _unknown(words: Words, rows: Sequence[Row]) -> Text:
    """Why users have no dose: the largest number at any visit, for each reason and arm."""
    most: dict[tuple[str, str], Row] = {}
    for r in rows:
        if r["item"] == "dose of users" and r["statistic"] == "missing":
            key = (r["category"], r["arm"])
            most[key] = max(most.get(key, r), r, key=lambda row: int(row["estimate"]))
    by: dict[str, list[Markup]] = {}
    for (why, arm), r in most.items():
        n = plural(int(r["estimate"]), "patient")
        said = text("up to {n} {patients} with {arm}", n=cite.count(r), patients=n, arm=words.brief(arm))
        by.setdefault(why, []).append(said)
    parts = [text("{why} ({said} at a visit)", why=why, said=cite.listed(said)) for why, said in by.items()]
    return text("Takes an opioid, but has no dose: {parts}.", parts=Markup("; ").join(parts)) if parts else ""


def _caution(declared: Medication) -> str:
    return (
        f"MME are estimates with the factors of the {VERSIONS[declared.factors]} guideline, each for a drug, a route"
        " and a unit; they describe groups of patients. They are never to be used to convert one opioid into another,"
        " and need the most care with methadone and fentanyl patches. Doses by other factors (2016) are not comparable."
    )

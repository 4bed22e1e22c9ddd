"""What the outcome went with within an arm: the declared pair first, the others below, none of them assigned."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.associations import Association
from armwise.report import association_headings, cite
from armwise.report.association_headings import measure_name, opened
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.figures.correlations import Correlation, correlations
from armwise.report.figures.dose_curve import Point, dose_curve
from armwise.report.numbers import number, percent
from armwise.report.page import Block, Figure, Prose, Section, figure
from armwise.report.sections.cell_product import unit_words
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, joined, opening, plural, spoken


def section(results: Results, words: Words) -> Section | None:
    """Every declared association; None where there are none, or the results have no rows of them."""
    declared = {n: a for n, a in words.protocol.associations.items() if _slope(results, n)}
    if not declared:
        return None
    lead = next((n for n, a in declared.items() if a.role == "secondary"), next(iter(declared)))
    slope = _slope(results, lead)
    assert slope is not None
    blocks = [
        Block(_lead(results, words, lead, declared[lead], slope), _notes(results, words, declared, lead))
    ]
    if declared[lead].spline and (curve := _curve(results, words, lead, declared[lead])):
        blocks.append(Block(curve, _curve_notes(results, lead)))
    groups = list(dict.fromkeys((a.endpoint, a.at, a.arm) for a in declared.values()))
    for group in groups:
        names = [n for n, a in declared.items() if (a.endpoint, a.at, a.arm) == group]
        table = _table(results, words, names, lead)
        blocks.append(Block(table, fold=f"{table.title.rstrip('.')}: {counted(len(names))} associations"))
        ranked = _ranked(results, words, names, lead)
        if ranked is not None:
            blocks.append(Block(ranked, fold=ranked.title.rstrip(".")))
    return Section(
        name="associations",
        short="Associations",
        heading=association_headings.association(words, slope, measure_name(slope)),
        question="What did the outcome go with, among patients of one arm?",
        blocks=tuple(blocks),
    )


def _one(results: Results, name: str, statistic: str, **where: object) -> Row | None:
    found = results.rows(analysis="associations", item=name, statistic=statistic, **where)
    return found[0] if found else None


def _slopes(results: Results, name: str, adjusted: bool) -> list[Row]:
    """The slope (or the differences between categories), alone or adjusted."""
    rows = results.rows(analysis="associations", item=name, statistic=["slope", "mean difference"])
    rows = [r for r in rows if str(r["method"]).startswith("least squares")]
    return [r for r in rows if ("adjusted for" in str(r["method"])) == adjusted]


def _slope(results: Results, name: str) -> Row | None:
    found = _slopes(results, name, adjusted=False)
    return found[0] if found else None


def _per(words: Words, declared: Association, row: Row) -> str:
    """`per doubling`, `per 10 years`, `Male against Female`."""
    if row["statistic"] == "slope":
        return unit_words(str(row["category"] or "")).replace(" %", "%")
    if row["category"] is None:  # not estimable: there are no two categories to set against each other
        return ""
    first = str(row["reason"] or "").removeprefix("from ")
    labels = [words.category(declared.measure, c) for c in (str(row["category"]), first)]
    return " against ".join(opening(label) for label in labels if label)


def _lead(results: Results, words: Words, name: str, declared: Association, slope: Row) -> Prose:
    """The declared pair in sentences: slope alone and adjusted, correlation, what could have been found, the cut."""
    outcome = f"{words.criterion(declared.endpoint)} {words.at(declared.at)}"
    unit = " points" if words.unit(declared.endpoint) == "points" else f" {words.unit(declared.endpoint)}"
    said = [
        text(
            "{which}, {measure} with the {outcome} ({arm}, {n} {patients}): {slope}{unit}{per}{why}.",
            which="Declared beforehand" if declared.role == "secondary" else "Exploratory",
            measure=measure_name(slope),
            outcome=outcome,
            arm=words.brief(declared.arm),
            n=cite.count(slope, "n"),
            patients=plural(slope["n"] or 0, "patient"),
            slope=cite.with_limits(slope, note=True, level=True),
            unit=unit if usable(slope) else "",
            per=f" {_per(words, declared, slope)}" if usable(slope) else "",
            why="" if usable(slope) else f" ({slope['reason']})",
        )
    ]
    for r in _slopes(results, name, adjusted=True)[:1]:
        held = joined(spoken(words.covariate(c)) for c in declared.adjusted_for)
        said.append(
            text(
                "With {held} held equal{n}: {slope}.",
                held=held,
                n=_fewer(r, slope),
                slope=cite.with_limits(r, note=True),
            )
        )
    ranked = _one(results, name, "correlation")
    if ranked is not None and usable(ranked):
        said.append(text("Rank correlation (Spearman): {r}.", r=cite.with_limits(ranked, note=True)))
    return Prose(
        tuple(
            t
            for t in (Markup(" ").join(said), _detected(results, name), _cuts(results, words, name, declared))
            if t
        )
    )


def _fewer(adjusted: Row, alone: Row) -> Text:
    """` (32 patients)` where not everybody has the covariates."""
    if adjusted["n"] == alone["n"] or adjusted["n"] is None:
        return ""
    return text(" ({n} {patients})", n=cite.count(adjusted, "n"), patients=plural(adjusted["n"], "patient"))


def _detected(results: Results, name: str) -> Text:
    row = _one(results, name, "detectable correlation")
    if row is None or not usable(row):
        return ""
    return text(
        "With {n} patients, a true correlation of {r} is found with a power of {power}; a weaker one may well be"
        " missed, so that an interval that holds zero does not show that there is nothing.",
        n=cite.count(row, "n"),
        r=cite.estimate(row, note=True),
        power=percent(row["at"]),
    )


def _cuts(results: Results, words: Words, name: str, declared: Association) -> Text:
    parts = []
    for cut in declared.cuts:
        rows = results.rows(analysis="associations", item=name, at=cut, statistic=["mean", "mean difference"])
        means = [r for r in rows if r["statistic"] == "mean"]
        gap = next((r for r in rows if r["statistic"] == "mean difference"), None)
        if gap is None or len(means) != 2:
            continue
        if not usable(gap):
            sizes = [text("{n} ({c})", n=cite.count(r, "n"), c=_span(str(r["category"]))) for r in means]
            said = "Patients on the two sides of the declared cut point: {a}, {b}. Their means cannot be compared{why}."
            why = f": {gap['reason']}" if gap["reason"] else ""
            parts.append(text(said, a=sizes[0], b=sizes[1], why=why))
            continue
        halves = [
            text(
                "{m} in {n} {patients} ({c})", m=cite.estimate(r, 1), n=cite.count(r, "n"),
                patients=plural(r["n"] or 0, "patient"), c=_span(str(r["category"])),
            )
            for r in means
        ]  # fmt: skip
        parts.append(
            text(
                "At the declared cut point: a mean of {a}, and of {b}; difference {d}. A cut point throws away how far"
                " values lie from it, and few patients on one side leave a wide interval.",
                a=halves[0], b=halves[1], d=cite.with_limits(gap, 1),
            )
        )  # fmt: skip
    return Markup(" ").join(parts)


def _span(words: str) -> str:
    """`under 2000` with the number as it is printed."""
    return " ".join(number(float(w)) if w.replace(".", "", 1).isdigit() else w for w in words.split())


def _notes(results: Results, words: Words, declared: dict[str, Association], lead: str) -> tuple[Text, ...]:
    count = len(declared)
    return noted(
        "Nobody was assigned a dose, an age or a weight: what goes with the outcome may stand for something else that"
        " differs between these patients.",
        f"{opening(counted(count))} associations were looked at, one of them declared to lead; the others are"
        " exploratory. No P values, and intervals that are not adjusted for how many there are."
        if count > 1
        else "No P value.",
        _left_out(results, lead),
        _zeros(results, declared),
    )


def _left_out(results: Results, lead: str) -> Text:
    """Who does not enter the leading pair, and why."""
    rows = [
        r for r in results.rows(analysis="associations", item=lead, statistic="excluded") if r["estimate"]
    ]
    if not rows:
        return "All patients of the arm have both values."
    parts = [text("{k} ({why})", why=str(r["category"]), k=cite.count(r)) for r in rows]
    return text(
        "Patients with both values only. Left out of the first pair: {parts}.", parts=Markup("; ").join(parts)
    )


def _zeros(results: Results, declared: dict[str, Association]) -> Text:
    """How many zeros took another value, of which measures; nothing where nobody has a zero."""
    rows = [
        r
        for name in declared
        for r in results.rows(analysis="associations", item=name, statistic="count")
        if r["estimate"]
    ]
    if not rows:
        return ""
    parts = [text("{what} {k}", what=measure_name(r), k=cite.count(r)) for r in rows]
    return text(
        "Zeros count as half of the smallest positive value, as the protocol says: {parts}.",
        parts=Markup("; ").join(parts),
    )


def _measure_words(words: Words, declared: Association, row: Row) -> str:
    unit = unit_words(_measure_unit(words, declared))
    return f"{opened(row)}{f', {unit}' if unit else ''}"


def _measure_unit(words: Words, declared: Association) -> str:
    first, _, second = declared.measure.partition(".")
    if not second:
        return words.covariate_unit(first)
    form = words.protocol.forms.get(first)
    return form.items[second].unit if form and second in form.items else ""


def _curve(results: Results, words: Words, name: str, declared: Association) -> Figure | None:
    rows = results.rows(analysis="associations", item=name, statistic=["fitted mean", "value at percentile"])
    values = {r["at"]: r for r in rows if r["statistic"] == "value at percentile"}
    means = {r["at"]: r for r in rows if r["statistic"] == "fitted mean" and usable(r)}
    points = [Point(values[at], means[at]) for at in sorted(means) if at in values]
    if len(points) < 3 or points[0].value["estimate"] == points[-1].value["estimate"]:
        return None
    measure = _measure_words(words, declared, points[0].mean)
    held = joined(spoken(words.covariate(c)) for c in declared.adjusted_for)
    outcome = f"{opening(words.criterion(declared.endpoint))}, {words.unit(declared.endpoint)}"
    return figure(
        f"{opening(words.criterion(declared.endpoint))} {words.at(declared.at)} by {measure_name(points[0].mean)}.",
        text(
            "Restricted cubic spline with three knots{held}; {arm}, {n} patients. An association: nobody was assigned a"
            " value.",
            held=f", {held} held at the mean" if held else "",
            arm=words.brief(declared.arm),
            n=cite.count(points[0].mean, "n"),
        ),
        lambda width: dose_curve(
            points, name=f"curve {name}", measure=measure, outcome=outcome, log=declared.scale != "linear",
            cuts=declared.cuts, simulated=results.simulated, width=width,
        ),
    )  # fmt: skip


def _curve_notes(results: Results, name: str) -> tuple[Text, ...]:
    row = _one(results, name, "coefficient", category="bend")
    if row is None or not usable(row) or row["lower"] is None:
        return ()
    straight = row["lower"] <= 0 <= row["upper"]
    return noted(
        "The interval of the curve’s bend holds zero: a straight line fits as well, and so may many bent ones."
        if straight
        else "The interval of the curve’s bend excludes zero: a straight line does not describe these patients.",
        "Few patients lie near the ends, where the band is wide.",
    )


def _table(results: Results, words: Words, names: Sequence[str], lead: str) -> Table:
    """Every measure: slope alone, slope with others held equal."""
    declared = words.protocol.associations
    first = declared[names[0]]
    lines = []
    for name in names:
        alone, adjusted = (_slopes(results, name, a) for a in (False, True))
        for i, row in enumerate(alone):
            beside = adjusted[i] if i < len(adjusted) else None
            held = joined(spoken(words.covariate(c)) for c in declared[name].adjusted_for)
            cell: Text = "–"
            if beside is not None:
                cell = text(
                    "{v}<small>{held} held equal{n}</small>",
                    v=cite.with_limits(beside),
                    held=held,
                    n=_fewer(beside, row),
                )
            label = opened(row) + (
                " (declared to lead)" if name == lead and declared[name].role != "exploratory" else ""
            )
            lines.append(
                Line(
                    label,
                    (cite.count(row, "n"), cite.with_limits(row), cell),
                    small=_per(words, declared[name], row),
                )
            )
    outcome = f"{words.criterion(first.endpoint)} {words.at(first.at)}"
    return Table(
        f"What went with the {outcome}.",
        (
            Column("Measure", side="left"),
            Column("Patients"),
            Column("Alone", "95% CI", card="Alone (95% CI)"),
            Column("Adjusted", "95% CI", card="Adjusted (95% CI)"),
        ),
        tuple(lines),
        text(
            "{arm}; {unit} for the step below each measure’s name.",
            arm=words.brief(first.arm),
            unit=words.unit(first.endpoint),
        ),
    )


def _ranked(results: Results, words: Words, names: Sequence[str], lead: str) -> Figure | None:
    lines = []
    for name in names:
        row = _one(results, name, "correlation")
        if row is not None:
            lines.append(Correlation(opened(row), row, name == lead))
    if not lines:
        return None
    declared = words.protocol.associations[names[0]]
    sizes = [r for n in names if (r := _one(results, n, "detectable correlation")) is not None and usable(r)]
    weakest = max(sizes, key=lambda r: r["estimate"]) if sizes else None
    outcome = f"{words.criterion(declared.endpoint)} {words.at(declared.at)}"
    return figure(
        f"Rank correlations with the {outcome}.",
        text(
            "Spearman, with the interval of Bonett and Wright; {arm}. Associations: nothing was assigned.",
            arm=words.brief(declared.arm),
        ),
        lambda width: correlations(
            lines,
            weakest,
            name=f"correlations {names[0]}",
            outcome=outcome,
            simulated=results.simulated,
            width=width,
        ),
    )

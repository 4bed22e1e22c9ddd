"""One comparison within each subgroup, below the same comparison of all patients."""

from __future__ import annotations

from armwise.analysis.comparison import is_comparison
from armwise.analysis.results import Results, Row
from armwise.report.comparisons import comparison, treatments, usable
from armwise.report.figures.forest import Forest, Group, Line, Reference, description, note
from armwise.report.figures.names import arm_short, direction, value_text
from armwise.report.figures.style import Better
from armwise.report.words import Words, opening


def within(results: Results, analysis: str, visit: str, arm: str) -> list[Row]:
    """The comparisons of an arm with the reference within the subgroups, in the order of the protocol."""
    rows = [
        row
        for row in results.rows(analysis=analysis, visit=visit, arm=arm)
        if row["subgroup"] and is_comparison(results.protocol, row)
    ]
    order = list(results.protocol.analyses[analysis].subgroups)
    return sorted(rows, key=lambda row: order.index(name) if (name := _name(row)) in order else len(order))


def subgroups(results: Results, analysis: str, visit: str, *, better: Better, width: int = 720) -> str:
    """The difference between the arms in each subgroup, below that of all patients, whose estimate is a dotted line.

    Args:
        results: the results.
        analysis: its name in the protocol.
        visit: one of its visits.
        better: the direction in which a measured endpoint improves (more response is always better).
        width: px; below 560 the names stand above the intervals.

    Returns:
        An SVG.
    """
    declared, words = results.protocol.analyses[analysis], Words.of(results)
    groups = [_group(results, words, analysis, visit, arm) for arm in treatments(results.protocol)]
    name = f"subgroups {analysis} {visit}"
    plot = Forest(results, groups, direction(declared, better, results), width, name, "Patients")
    height = plot.draw()
    title = f"{words.endpoint(declared.endpoint)} at {results.protocol.visit_label(visit)}, by subgroup"
    return plot.drawing.svg(height, title, description(results, groups, counted=False), results.simulated)


def _group(results: Results, words: Words, analysis: str, visit: str, arm: str) -> Group:
    """All patients, then each subgroup; below them who is in no category."""
    overall = comparison(results, analysis, arm, visit)
    lines = [Line("All patients", note("", overall), overall, True)]
    before = ""
    for row in within(results, analysis, visit, arm):
        head = _label(words, _name(row)) if _name(row) != before else ""
        lines.append(Line(category(words, row), note("", row), row, head=head))
        before = _name(row)
    references = (Reference(overall["estimate"]),) if overall is not None and usable(overall) else ()
    return Group(arm, tuple(lines), references, tuple(_unknown(results, words, analysis, visit, arm)))


def _unknown(results: Results, words: Words, analysis: str, visit: str, arm: str) -> list[tuple[str, Row]]:
    """Who is in no category of a subgroup, in the arm and in the reference."""
    arms = (arm, results.protocol.reference)
    rows = results.rows(analysis=analysis, visit=visit, statistic="excluded")
    return [
        (
            f"{_label(words, row['subgroup'])} not recorded, {arm_short(results, row['arm'])}: {value_text(row)}",
            row,
        )
        for row in rows
        if row["subgroup"] and row["arm"] in arms
    ]


def _name(row: Row) -> str:
    return str(row["subgroup"]).partition("=")[0]


def _label(words: Words, name: str) -> str:
    declared = words.protocol.subgroups.get(name)
    return opening(declared.label or words.covariate(declared.covariate)) if declared else name


def category(words: Words, row: Row) -> str:
    """A category by its label, a span between cut points with its unit: `60 years or more`."""
    name, _, category = str(row["subgroup"]).partition("=")
    declared = words.protocol.subgroups.get(name)
    if declared is None:
        return category
    if not declared.cuts:
        return words.category(declared.covariate, category)
    unit = words.covariate_unit(declared.covariate)
    if not unit:
        return opening(category)
    if category.endswith(" or more"):
        return f"{category.removesuffix(' or more')} {unit} or more"
    return opening(f"{category} {unit}")

"""All outcomes: change by arm, difference with its interval, p last and only where the plan covers it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.interval_cell import interval_cell
from armwise.report.figures.style import Better
from armwise.report.numbers import MIXED, level, row_decimals, sd_decimals
from armwise.report.page import Block, Prose, Section
from armwise.report.sections.course import lord
from armwise.report.sections.measures import other_measures
from armwise.report.sections.visits import by_visit
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, joined, opening, spoken

#: What the number of a measured endpoint is, by its kind.
MEASURED: Final[Mapping[str, str]] = {
    "change": "change",
    "percent-change": "per cent change",
    "value": "value",
}

#: Where the page says, once it is whole, how many of the comparisons it does not show.
ELSEWHERE: Final = Markup("<!--elsewhere-->")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table: an endpoint compared at a visit between an arm and the reference."""

    analysis: str
    endpoint: str
    visit: str
    row: Row


def section(results: Results, words: Words) -> Section | None:
    """Every outcome that is compared, at its last visit; None where nothing is."""
    found = outcomes_of(results, words)
    if not found:
        return None
    lords = [lord(results, words, o.row) for o in found]
    assumed = next((s for s in lords if s), "")
    differ = [spoken(words.endpoint(o.endpoint)) for o, s in zip(found, lords, strict=True) if s]
    adjusted = any(comparisons.analysis_of(words.protocol, o.analysis).adjust != "none" for o in found)
    notes = noted(
        *_multiplicity(results, words),
        _assumptions(words, adjusted),
        _unadjusted_note(words, found, adjusted),
        *_margins(results, words),
        _tested_margins(results, words, found),
        _lord_note(differ) if assumed else "",
    )
    single = noted(*_reasons(words, found))
    course, measures = by_visit(results, words), other_measures(results, words, [o.row for o in found])
    return Section(
        name="outcomes",
        short="All outcomes",
        heading=headings.outcomes(results, words, [o.row for o in found]),
        question="Do the other questionnaires tell the same story?",
        blocks=(
            Block(_table(results, words, found, adjusted, notes)),
            *([Block(Prose(single, small=True), fold="What to know of single outcomes")] if single else []),
            *(
                Block(table, fold=table.title.rstrip("."))
                for table in (course, measures)
                if table is not None
            ),
        ),
    )


def outcomes_of(results: Results, words: Words) -> list[Outcome]:
    """The leading comparison of each endpoint at the visit that is tested, else its last, one a treatment arm."""
    found: list[Outcome] = []
    analyses = words.protocol.analyses.values()
    for endpoint in dict.fromkeys(a.endpoint for a in analyses):
        tested = [a.tested_at for a in analyses if a.endpoint == endpoint and a.tested_at]
        for visit in (*tested, *reversed(words.protocol.visits_after_baseline())):
            names = comparisons.answers(results, endpoint, visit)
            if names:
                rows = comparisons.leading(results, names[0], visit)
                found += [Outcome(names[0], endpoint, visit, row) for row in rows]
                break
    return found


def _table(
    results: Results, words: Words, found: list[Outcome], adjusted: bool, notes: tuple[Text, ...]
) -> Table:
    many = len(words.treatments) > 1
    arms = words.arms if not many else ()
    columns = [Column("Outcome", side="left")]
    if many:
        columns += [
            Column("Treatment arm", card="Treatment arm"),
            Column(words.short(words.protocol.reference), arm=words.protocol.reference),
        ]
    columns += [Column(words.short(a), _measured(words, found), arm=a) for a in arms]
    ratios = [comparisons.is_ratio(o.row) for o in found]
    what = "Ratio" if all(ratios) else "Difference or ratio" if any(ratios) else "Difference"
    head = f"{what} ({level(o.row for o in found)})"
    crude = any(_unadjusted(words, o) for o in found)
    how = "" if not adjusted else "adjusted, unless marked" if crude else "adjusted"
    columns.append(
        Column(
            head,
            "; ".join(s for s in (how, words.chosen) if s),
            card=head,
        )
    )
    if adjusted:
        columns.append(Column("Unadjusted", what.lower()))
    columns.append(Column("Favours treatment →", "in SDs", side="left", card="", wide=True))
    columns.append(
        Column(Markup("<i>P</i>, adjusted"), "within families", card="P, adjusted")
        if adjusts(words)
        else Column(Markup("<i>P</i>"), "planned tests", card="P")
    )
    ends = _ends(results, words, found)
    rows = tuple(_line(results, words, o, found, many, adjusted, ends) for o in found)
    caption = text(
        "{what} The intervals at the right are in standard deviations of the {outcome} in the reference arm; right of"
        " the line favours the treatment.",
        what=_caption(words, found),
        outcome=_measured(words, found) or "outcome",
    )
    return Table("All outcomes.", tuple(columns), rows, caption, notes)


def _caption(words: Words, found: list[Outcome]) -> str:
    visits = list(dict.fromkeys(o.visit for o in found))
    each = "at the visit at which each is tested, else last compared"
    time = words.at(visits[0]) if len(visits) == 1 else each
    kinds = [k for k in MEASURED if any(words.protocol.endpoints[o.endpoint].kind == k for o in found)]
    means = {
        "change": "mean change (SD) from baseline",
        "percent-change": "mean per cent change (SD) from baseline",
        "value": "mean (SD)",
    }
    several = f"mean (SD) of the {joined((MEASURED[k] for k in kinds), 'or')}, as marked,"
    responses = any(words.protocol.endpoints[o.endpoint].is_response for o in found)
    said = [
        "" if not kinds else means[kinds[0]] if len(kinds) == 1 else several,
        "patients who improved" if responses else "",
    ]
    return (
        f"{opening(time)}, of {_whom(words, found)}: {joined(said, 'or')}. The difference is treatment minus"
        f" {words.arm(words.protocol.reference)}{_ratio_words(words, found)}."
    )


def _whom(words: Words, found: list[Outcome]) -> str:
    """Of whom the numbers of the arms are: a model of all visits compares more patients than were seen at the last."""
    models = [comparisons.analysis_of(words.protocol, o.analysis).method == "mmrm" for o in found]
    if all(models):
        return "those observed"
    return (
        "the patients compared (those observed, where one model takes all visits)"
        if any(models)
        else "the patients compared"
    )


def _ratio_words(words: Words, found: list[Outcome]) -> str:
    return ", a ratio treatment over it" if any(comparisons.is_ratio(o.row) for o in found) else ""


def _measured(words: Words, found: list[Outcome]) -> str:
    """What the measured outcomes are, where all of them are the same: `change`, `value`, `per cent change`."""
    kinds = {words.protocol.endpoints[o.endpoint].kind for o in found} & MEASURED.keys()
    return MEASURED[kinds.pop()] if len(kinds) == 1 else ""


def _line(
    results: Results,
    words: Words,
    o: Outcome,
    found: list[Outcome],
    many: bool,
    adjusted: bool,
    ends: tuple[float, float],
) -> Line:
    row, declared = o.row, comparisons.analysis_of(words.protocol, o.analysis)
    treatment = row["arm"]
    cells: list[Text] = [
        _observed(results, words, o, arm)
        for arm in ((treatment, words.protocol.reference) if many else words.arms)
    ]
    digits = row_decimals(row) if comparisons.usable(row) else None
    mixed = level(other.row for other in found) == MIXED
    main = cite.compared(row, digits, note=True, level=mixed)
    cells.append(
        text("{v}<small>not adjusted</small>", v=main) if adjusted and _unadjusted(words, o) else main
    )
    if adjusted:
        crude = (
            comparisons.leading(results, f"{o.analysis}.unadjusted", o.visit)
            if declared.adjust != "none"
            else []
        )
        beside = next((r for r in crude if r["arm"] == treatment), None)
        cells.append(cite.compared(beside, digits, level=mixed))
    cells.append(_drawn(results, words, o, ends))
    test = comparisons.adjusted_p(results, row)
    cells.append(
        cite.p(test if test is not None and test["p"] is not None else row if row["p"] is not None else None)
        or Markup("–")
    )
    response = words.protocol.endpoints[o.endpoint].is_response
    in_points = "percentage points" if row["statistic"] == "risk difference" else ""
    scale = in_points if response else words.score(words.score_of(o.endpoint)).direction
    kind = "" if response or _measured(words, found) else f"{_measured(words, [o])}; "
    shift = "median shift; " if row["statistic"] == "shift" else ""
    arm = f"{words.short(treatment)} against {words.short(words.protocol.reference)}; " if many else ""
    late = "post hoc; " if row["planned"] == "post hoc" else ""
    small = f"{late}{arm}{kind}{shift}{scale}".removesuffix("; ")
    return Line(words.endpoint(o.endpoint), tuple(cells), small)


def _unadjusted(words: Words, o: Outcome) -> bool:
    return comparisons.analysis_of(words.protocol, o.analysis).adjust == "none"


def _unadjusted_note(words: Words, found: list[Outcome], adjusted: bool) -> str:
    """Which outcomes are compared as the arms are, where others are adjusted or arms were not randomised."""
    names = dict.fromkeys(spoken(words.endpoint(o.endpoint)) for o in found if _unadjusted(words, o))
    if not names or not (adjusted or words.nonrandomised):
        return ""
    said = f"{opening(joined(names))}: the analysis is not adjusted for anything"
    if words.nonrandomised:
        return (
            f"{said}, so the arms are compared as they were, with whatever differed between them at baseline."
        )
    return f"{said}; the arms were assigned at random."


def _observed(results: Results, words: Words, o: Outcome, arm: str) -> Markup:
    if words.protocol.endpoints[o.endpoint].is_response:
        k, risk = (comparisons.analysed(results, o.analysis, o.visit, arm, s) for s in ("responders", "risk"))
        share = text(" ({s})", s=cite.estimate(risk)) if comparisons.usable(risk) else ""
        return text("{k}{share}", k=cite.of(k), share=share) if k else Markup("")
    mean, sd = (comparisons.analysed(results, o.analysis, o.visit, arm, s) for s in ("mean", "sd"))
    digits = sd_decimals(sd["estimate"]) if sd and comparisons.usable(sd) else 1
    spread = text(" ({sd})", sd=cite.estimate(sd, digits)) if comparisons.usable(sd) else ""
    return text("{m}{sd}", m=cite.estimate(mean, digits), sd=spread) if mean else Markup("")


def _sd(results: Results, words: Words, o: Outcome) -> float | None:
    """The SD of the outcome in the reference arm, in which a difference is drawn."""
    if o.row["statistic"] not in ("mean difference", "shift") or words.higher_is_better(o.endpoint) is None:
        return None
    sd = comparisons.analysed(results, o.analysis, o.visit, words.protocol.reference, "sd")
    return sd["estimate"] if sd and comparisons.usable(sd) and sd["estimate"] > 0 else None


def _ends(results: Results, words: Words, found: list[Outcome]) -> tuple[float, float]:
    """The ends of the scale of all cells: every interval fits, at least from -0.5 to 1 SD and at most from -3 to 3."""
    low, high = -0.5, 1.0
    for o in found:
        sd = _sd(results, words, o)
        if sd is None or not comparisons.usable(o.row) or o.row["lower"] is None:
            continue
        turned = 1 if words.higher_is_better(o.endpoint) else -1
        sides = [turned * o.row[s] / sd for s in ("lower", "upper")]
        low, high = min(low, *sides), max(high, *sides)
    return math.floor(max(-3.0, low) * 2) / 2, math.ceil(min(3.0, high) * 2) / 2


def _drawn(results: Results, words: Words, o: Outcome, ends: tuple[float, float]) -> Markup:
    sd = _sd(results, words, o)
    if sd is None:
        return Markup("")
    better: Better = "higher" if words.higher_is_better(o.endpoint) else "lower"
    name, what = f"{o.endpoint} {o.row['arm']}", spoken(words.endpoint(o.endpoint))
    return Markup(interval_cell(o.row, sd, better=better, name=name, what=what, low=ends[0], high=ends[1]))  # noqa: S704 (drawn by us)


def _multiplicity(results: Results, words: Words) -> tuple[Text, ...]:
    comparisons_row = results.one(analysis="multiplicity", statistic="comparisons")
    tests = results.one(analysis="multiplicity", statistic="tests")
    said: list[Text] = []
    if comparisons_row is not None:
        carry = text(", {t} of them with a P value", t=cite.count(tests)) if tests is not None else ""
        said.append(
            text(
                "This report holds {n} comparisons between arms with an interval{carry}{elsewhere}.",
                n=cite.count(comparisons_row),
                elsewhere=ELSEWHERE,
                carry=carry,
            )
        )
    families = words.protocol.families
    if families:
        said.append(
            "P values are two-sided, and given for the declared families alone:"
            f" {'; '.join(family_words(words, f) for f in families)}. The other intervals are exploratory, at"
            " their nominal level, and carry no P value."
            + (f" {adjusted_words(words)}" if adjusts(words) else "")
        )
    else:
        said.append("The protocol declares no family of tests: intervals only, at their nominal level.")
    return tuple(said)


def _margins(results: Results, words: Words) -> list[str]:
    """The verdict on the margin of each analysis that has one; that of the primary is the first heading of the page."""
    primary = comparisons.primary_name(words.protocol)
    said = []
    for name, declared in words.protocol.analyses.items():
        if declared.margin is None or name == primary:
            continue
        tested = declared.tested_at
        for visit in (tested,) if tested else words.protocol.analysis_visits(declared):
            verdict = headings.margin_finding(results, words, comparisons.leading(results, name, visit))
            time = f", {words.at(visit)}" if verdict else ""
            label = declared.label or words.endpoint(declared.endpoint)
            said += [f"{opening(label)}{time}: {verdict}."] if verdict else []
    return said


def _tested_margins(results: Results, words: Words, found: list[Outcome]) -> str:
    """Whose P value says nothing of no difference, where any is shown: it is that of the margin."""
    names = dict.fromkeys(
        spoken(words.endpoint(o.endpoint))
        for o in found
        if comparisons.analysis_of(words.protocol, o.analysis).margin is not None
        and comparisons.adjusted_p(results, o.row) is not None
    )
    return (
        f"{opening(joined(names))}: the P value tests the margin, not a difference of zero." if names else ""
    )


def adjusts(words: Words) -> bool:
    """Whether a family of tests may give a P value other than that of the test itself: its order, or one before it."""
    families = list(words.protocol.families.values())
    orders = [family.order for family in families]
    gated = any(order != "none" for order in orders[:-1])
    return gated or any(order in ("holm", "fixed-sequence") for order in orders)


def adjusted_words(words: Words) -> str:
    """What an adjusted P value is, where there are any."""
    if not adjusts(words):
        return ""
    return (
        "P values are adjusted within their family and for the families before it, so that one may lie above the level"
        " although its interval excludes no difference."
    )


def _reasons(words: Words, found: list[Outcome]) -> list[str]:
    """What a reader must know about a comparison that could be made; said once for all outcomes that share it."""
    said: dict[str, list[str]] = {}
    for o in found:
        if comparisons.usable(o.row) and o.row["reason"]:
            said.setdefault(o.row["reason"], []).append(spoken(words.endpoint(o.endpoint)))
    return [
        f"{opening(joined(dict.fromkeys(names)))}: {reason.rstrip('.')}." for reason, names in said.items()
    ]


def family_words(words: Words, name: str) -> str:
    """A family of tests in words: `key secondary (Oswestry Disability Index and Pain; Holm, 5%)`."""
    family = words.protocol.families[name]
    order = {
        "single": "one test",
        "holm": "Holm",
        "fixed-sequence": "in fixed sequence",
        "none": "not adjusted",
    }[family.order]
    members = [
        spoken(words.endpoint(words.protocol.analyses[a].endpoint))
        for a in family.of
        if a in words.protocol.analyses
    ]
    return f"{name.replace('_', ' ')} ({joined(members)}; {order}, {family.alpha:.0%})" if members else name


def _assumptions(words: Words, adjusted: bool) -> str:
    if not words.nonrandomised or not adjusted:
        return ""
    return (
        f"{opening(words.chosen)}: the adjusted difference assumes that patients alike in what was recorded would"
        " have fared alike; the one without adjustment assumes that the arms would have changed alike."
    )


def _lord_note(differ: list[str]) -> str:
    names = joined(dict.fromkeys(differ))
    return (
        f"For {names} the adjusted difference and the unadjusted one are more than one standard error apart; which"
        " assumption holds decides between them (see the score over time)."
    )

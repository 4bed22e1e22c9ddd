"""All outcomes: change by arm, difference with its interval, p last and only where the plan covers it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons, headings
from armwise.report.cite import text
from armwise.report.figures.interval_cell import interval_cell
from armwise.report.figures.style import Better
from armwise.report.numbers import row_decimals, sd_decimals
from armwise.report.page import Block, Section
from armwise.report.sections.course import lord
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, joined, spoken


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
    adjusted = any(comparisons.analysis_of(words, o.analysis).adjust != "none" for o in found)
    notes = noted(
        *_multiplicity(results, words), _assumptions(words, adjusted), _lord_note(differ) if assumed else ""
    )
    return Section(
        name="outcomes",
        short="All outcomes",
        heading=headings.outcomes(results, words, [o.row for o in found]),
        question="Do the other questionnaires tell the same story?",
        blocks=(Block(_table(results, words, found, adjusted, notes)),),
    )


def outcomes_of(results: Results, words: Words) -> list[Outcome]:
    """The leading comparison of each endpoint at its last compared visit, one a treatment arm."""
    found: list[Outcome] = []
    for endpoint in dict.fromkeys(a.endpoint for a in words.protocol.analyses.values()):
        for visit in reversed(words.protocol.visits_after_baseline()):
            names = comparisons.answers(results, words, endpoint, visit)
            if names:
                rows = comparisons.leading(results, words, names[0], visit)
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
    columns += [Column(words.short(a), "change", arm=a) for a in arms]
    chosen = "arms chosen, not randomised" if words.arms_chosen else ""
    columns.append(
        Column(
            "Difference (95% CI)",
            "; ".join(s for s in ("adjusted" if adjusted else "", chosen) if s),
            card="Difference (95% CI)",
            wide=True,
        )
    )
    if adjusted:
        columns.append(Column("Unadjusted", "difference"))
    columns.append(Column("Favours treatment →", "in SDs", side="left", card="", wide=True))
    columns.append(Column(Markup("<i>P</i>"), "planned tests", card="P"))
    ends = _ends(results, words, found)
    rows = tuple(_line(results, words, o, many, adjusted, ends) for o in found)
    caption = text(
        "{what} The intervals at the right are in standard deviations of the change in the reference arm; right of the"
        " line favours the treatment.",
        what=_caption(words, found),
    )
    return Table("All outcomes.", tuple(columns), rows, caption, notes)


def _caption(words: Words, found: list[Outcome]) -> str:
    visits = list(dict.fromkeys(o.visit for o in found))
    time = (
        f"to {words.visit(visits[0])}" if len(visits) == 1 else "to the last visit at which each is compared"
    )
    return (
        f"Mean change (SD) from baseline {time}, or patients who improved; the difference is treatment minus"
        f" {words.arm(words.protocol.reference)}."
    )


def _line(
    results: Results, words: Words, o: Outcome, many: bool, adjusted: bool, ends: tuple[float, float]
) -> Line:
    row, declared = o.row, comparisons.analysis_of(words, o.analysis)
    treatment = row["arm"]
    cells: list[Text] = [
        _observed(results, words, o, arm)
        for arm in ((treatment, words.protocol.reference) if many else words.arms)
    ]
    digits = row_decimals(row) if cite.usable(row) else None
    cells.append(cite.with_limits(row, digits, note=True))
    if adjusted:
        crude = (
            comparisons.leading(results, words, f"{o.analysis}.unadjusted", o.visit)
            if declared.adjust != "none"
            else []
        )
        cells.append(next((cite.with_limits(r, digits) for r in crude if r["arm"] == treatment), Markup("")))
    cells.append(_drawn(results, words, o, ends))
    test = comparisons.adjusted_p(results, row)
    cells.append(
        cite.p(test if test is not None and test["p"] is not None else row if row["p"] is not None else None)
        or Markup("–")
    )
    better = words.protocol.endpoints[o.endpoint].is_response
    scale = "percentage points" if better else words.score(words.score_of(o.endpoint)).direction
    kind = "value; " if words.protocol.endpoints[o.endpoint].kind == "value" else ""
    shift = "median shift; " if row["statistic"] == "shift" else ""
    arm = f"{words.short(treatment)} against {words.short(words.protocol.reference)}; " if many else ""
    return Line(words.endpoint(o.endpoint), tuple(cells), f"{arm}{kind}{shift}{scale}")


def _observed(results: Results, words: Words, o: Outcome, arm: str) -> Markup:
    if words.protocol.endpoints[o.endpoint].is_response:
        k, risk = (
            comparisons.described(results, o.endpoint, o.visit, arm, s) for s in ("responders", "risk")
        )
        share = text(" ({s})", s=cite.estimate(risk)) if cite.usable(risk) else ""
        return (
            text("{k} of {n}{share}", k=cite.count(k), n=cite.count(k, "n"), share=share) if k else Markup("")
        )
    mean, sd = (comparisons.described(results, o.endpoint, o.visit, arm, s) for s in ("mean", "sd"))
    digits = sd_decimals(sd["estimate"]) if sd and cite.usable(sd) else 1
    spread = text(" ({sd})", sd=cite.estimate(sd, digits)) if cite.usable(sd) else ""
    return text("{m}{sd}", m=cite.estimate(mean, digits), sd=spread) if mean else Markup("")


def _sd(results: Results, words: Words, o: Outcome) -> float | None:
    """The SD of the change in the reference arm, in which a difference is drawn."""
    if o.row["statistic"] not in ("mean difference", "shift") or words.higher_is_better(o.endpoint) is None:
        return None
    sd = comparisons.described(results, o.endpoint, o.visit, words.protocol.reference, "sd")
    return sd["estimate"] if sd and cite.usable(sd) and sd["estimate"] > 0 else None


def _ends(results: Results, words: Words, found: list[Outcome]) -> tuple[float, float]:
    """The ends of the scale of all cells: every interval fits, at least from -0.5 to 1 SD and at most from -3 to 3."""
    low, high = -0.5, 1.0
    for o in found:
        sd = _sd(results, words, o)
        if sd is None or not cite.usable(o.row) or o.row["lower"] is None:
            continue
        turned = 1 if words.higher_is_better(o.endpoint) else -1
        sides = [turned * o.row[s] / sd for s in ("lower", "upper")]
        low, high = min(low, *sides), max(high, *sides)
    return max(-3.0, math.floor(low * 2) / 2), min(3.0, math.ceil(high * 2) / 2)


def _drawn(results: Results, words: Words, o: Outcome, ends: tuple[float, float]) -> Markup:
    sd = _sd(results, words, o)
    if sd is None:
        return Markup("")
    better: Better = "higher" if words.higher_is_better(o.endpoint) else "lower"
    name = f"{o.endpoint} {o.row['arm']}"
    return Markup(interval_cell(o.row, sd, better=better, name=name, low=ends[0], high=ends[1]))  # noqa: S704 (drawn by us)


def _multiplicity(results: Results, words: Words) -> tuple[Text, ...]:
    comparisons_row = results.one(analysis="multiplicity", statistic="comparisons")
    tests = results.one(analysis="multiplicity", statistic="tests")
    said: list[Text] = []
    if comparisons_row is not None:
        carry = text(", {t} of them a P value", t=cite.count(tests)) if tests is not None else ""
        said.append(
            text(
                "This report holds {n} comparisons between arms with an interval{carry}.",
                n=cite.count(comparisons_row),
                carry=carry,
            )
        )
    families = words.protocol.families
    if families:
        said.append(
            "P values are two-sided, and given for the declared families alone:"
            f" {'; '.join(family_words(words, f) for f in families)}. The other intervals are exploratory, at"
            " their nominal level, and carry no P value."
        )
    else:
        said.append("The protocol declares no family of tests: intervals only, at their nominal level.")
    return tuple(said)


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
    if not words.arms_chosen or not adjusted:
        return ""
    return (
        "Arms chosen, not randomised: the adjusted difference assumes that patients alike in what was recorded would"
        " have fared alike; the one without adjustment assumes that the arms would have changed alike."
    )


def _lord_note(differ: list[str]) -> str:
    names = joined(dict.fromkeys(differ))
    return (
        f"For {names} the adjusted difference and the unadjusted one are more than one standard error apart; which"
        " assumption holds decides between them (see the score over time)."
    )

"""Harm: what went wrong, in how many patients and how often; what could have been missed; every serious event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from armwise.analysis.results import Results, Row
from armwise.analysis.safety import (
    ANALYSIS,
    BODY_SYSTEM,
    BOTH_ARMS,
    CATEGORIES,
    NO_PROCEDURE,
    NOT_COMPARED,
    NOT_SEEN,
    TERM,
    UNKNOWN,
)
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import confidence
from armwise.report.page import Block, Prose, Section
from armwise.report.sections.not_ruled_out import (
    TWO_SIDED,
    UNSEEN,
    event_row,
    limit_of_none,
    none_had,
    upper_of,
)
from armwise.report.tables import Column, Line, Table, Text, folded, noted
from armwise.report.words import Words, counted, hyphenless, inside, joined, opening

#: What a category of the results is called at the head of a row.
CALLED: Final = {
    "any event": "Any adverse event",
    "serious": "Serious",
    "grade 3 or more": "Grade 3 or more",
    "fatal": "Fatal",
    "withdrawal": "Withdrawn from treatment or study",
    "related": "Related to the arm’s own treatment",
    "procedure-related": "Related to the procedure",
}
#: More terms than these are shown when they are asked for.
MOST_TERMS: Final = 16


def section(results: Results, words: Words) -> Section | None:
    """Adverse events; None where the protocol declares none."""
    if not results.rows(analysis=ANALYSIS):
        return None
    if not results.rows(analysis=ANALYSIS, statistic="subjects"):
        return _not_recorded()
    unseen = none_had(results, words)
    if not any(UNSEEN["serious"] in said for said in unseen):
        unseen = (*unseen, *_none_to_list(results))
    blocks = [
        Block(_categories(results, words), _notes(results, words)),
        *([Block(Prose(unseen))] if unseen else []),
        Block(_rates(results, words), _rate_notes(results, words), fold="Rates per 100 patient-years"),
        *_serious(results, words),
        *_terms(results, words),
    ]
    return Section(
        name="safety",
        short="Harm",
        heading=heading(results, words),
        question="What went wrong, and what could have been missed?",
        blocks=tuple(blocks),
    )


def _not_recorded() -> Section:
    """The section of a study that declares adverse events and has no table of them."""
    why = (
        "The protocol collects adverse events, and the study has no table of them: whether anybody had one is not"
        " known. No number of patients without an event can be given."
    )
    return Section(
        name="safety",
        short="Harm",
        heading="Whether anybody had an adverse event is not known",
        question="What went wrong, and what could have been missed?",
        blocks=(Block(Prose((why,))),),
    )


def heading(results: Results, words: Words) -> Text:
    """How many had an event, and how many a serious one; none seen is said with what it does not rule out."""
    said = [
        text(
            "{k} of {n}{patients} with {arm}",
            k=cite.count(r),
            n=cite.count(r, "n"),
            patients=" patients" if i == 0 else "",
            arm=words.brief(arm),
        )
        for i, (arm, r) in enumerate(_watched(results, words, "any event").items())
    ]
    if not said:
        return "Nobody was watched for adverse events"
    first = text("{parts} had an adverse event", parts=cite.listed(said))
    known = _watched(results, words, "serious")
    if not known:
        return first
    if any(r["estimate"] for r in known.values()):
        parts = [text("{k} with {arm}", k=cite.of(r), arm=words.brief(arm)) for arm, r in known.items()]
        return text("{first}; a serious one: {parts}", first=first, parts=cite.listed(parts))
    unknown = [
        r for arm in words.arms if (r := event_row(results, "missing", arm, "serious")) and r["estimate"]
    ]
    if unknown:
        listed = [text("{n} with {arm}", n=cite.count(r), arm=words.brief(r["arm"])) for r in unknown]
        return text(
            "{first}; of some it is not known whether they were serious: {n}",
            first=first,
            n=cite.listed(listed),
        )
    arm, r = next(iter(known.items()))
    limit = limit_of_none(results, arm, TWO_SIDED)
    if limit is None or not comparisons.usable(limit):
        return text("{first}; no serious one was seen", first=first)
    return text(
        "{first}; no serious one was seen, but {k} of {n} does not rule out a risk of {upper}",
        first=first,
        k=cite.count(r),
        n=cite.count(r, "n"),
        upper=upper_of(limit),
    )


def _watched(results: Results, words: Words, category: str) -> dict[str, Row]:
    """The number of patients with an event of a category, by arm; none for an arm of which nobody is in the set."""
    found = {arm: event_row(results, "subjects", arm, category) for arm in words.arms}
    return {arm: r for arm, r in found.items() if r is not None and r["n"]}


def _digits(row: Row | None) -> int | None:
    """A share near 0 needs a decimal: 8.8% is not 9%."""
    return 1 if row is not None and row["lower"] == 0 else None


def _cell(results: Results, arm: str, category: str, item: str | None = None) -> Text:
    """`26 of 40 (65%)`, below it the limits and the number of events."""
    had = event_row(results, "subjects", arm, category, item=item)
    if had is None:
        return ""
    if had["reason"] == NO_PROCEDURE:
        return "no procedure"
    risk = event_row(results, "risk", arm, category, item=item)
    events = event_row(results, "events", arm, category, item=item)
    if not comparisons.usable(risk):
        return cite.of(had)
    share = text(" ({p})", p=cite.estimate(risk)) if had["estimate"] else ""
    number = events["estimate"] if events else 0
    return text(
        "{k}{share}<small>{span}{events}</small>",
        k=cite.of(had),
        share=share,
        span=cite.limits(risk, _digits(risk)),
        events=text("; {e} event{s}", e=cite.count(events), s="" if number == 1 else "s") if number else "",
    )


def _count(results: Results, arm: str, category: str, item: str) -> Text:
    """`15 of 40 (38%); 16 events`: of a term."""
    had = event_row(results, "subjects", arm, category, item=item)
    risk = event_row(results, "risk", arm, category, item=item)
    events = event_row(results, "events", arm, category, item=item)
    if had is None:
        return ""
    more = events is not None and events["estimate"] != had["estimate"]
    return text(
        '<span class="nb">{k} of {n}{share}</span>{events}',
        k=cite.count(had),
        n=cite.count(had, "n"),
        share=text(" ({p})", p=cite.estimate(risk)) if had["estimate"] and comparisons.usable(risk) else "",
        events=text("; {e} events", e=cite.count(events)) if more and events else "",
    )


def _compared(results: Results, words: Words) -> bool:
    """Whether events of the procedure are set apart before arms are compared."""
    return bool(results.rows(analysis=ANALYSIS, statistic="subjects", item=BOTH_ARMS))


def _categories(results: Results, words: Words) -> Table:
    apart = _compared(results, words)
    lines: list[Line] = []
    none = _had_by_nobody(results, words)
    for category in CATEGORIES:
        cells = tuple(_cell(results, arm, category) for arm in words.arms)
        if not any(cells) or category in none[1:]:
            continue
        compared = category not in NOT_COMPARED
        item = BOTH_ARMS if apart else None
        differences = tuple(
            _difference(results, arm, words, category, item) if compared else "not compared"
            for arm in words.treatments
        )
        if apart and compared and _differs(results, words, category):
            lines.append(Line(CALLED[category], (*cells, *("" for _ in words.treatments))))
            cells = tuple(_cell(results, arm, category, BOTH_ARMS) for arm in words.arms)
            lines.append(Line("not related to the procedure", (*cells, *differences), kind="level"))
        else:
            lines.append(Line(_called(category, none), (*cells, *differences)))
    level = _level(results)
    columns = (
        Column("Patients with at least one", side="left"),
        *(Column(words.short(arm), arm=arm) for arm in words.arms),
        *(
            Column(
                f"{words.short(arm)}, difference" if len(words.treatments) > 1 else "Difference",
                f"percentage points ({level})",
            )
            for arm in words.treatments
        ),
    )
    made = Table(
        "Adverse events that began at or after time zero.",
        columns,
        tuple(lines),
        text(
            "Patients of those watched; in small print, the exact two-sided {level} and how many events they had."
            " {chosen}",
            level=level,
            chosen=words.allocation_note,
        ),
    )
    return folded(made, len(words.arms), len(words.treatments), "below: difference")


def _had_by_nobody(results: Results, words: Words) -> list[str]:
    """The categories of which nobody in any arm had an event, those apart that are not compared: they are one line."""
    rows = {
        category: [
            r for arm in words.arms if (r := event_row(results, "subjects", arm, category)) is not None
        ]
        for category in CATEGORIES
        if category not in NOT_COMPARED
    }
    return [category for category, found in rows.items() if found and not any(r["estimate"] for r in found)]


def _called(category: str, none: Sequence[str]) -> str:
    """What a line is called: the first category that nobody had takes the others with it."""
    if category not in none:
        return CALLED[category]
    return joined([CALLED[category], *(inside(CALLED[c]) for c in none[1:])], "or")


def _level(results: Results) -> str:
    rows = results.rows(analysis=ANALYSIS, category=NOT_SEEN, method=TWO_SIDED)
    return confidence(rows[0]["conf_level"] if rows else 0.95)


def _differs(results: Results, words: Words, category: str) -> bool:
    """Whether leaving out the events of the procedure changes a count."""
    for arm in words.arms:
        whole = event_row(results, "events", arm, category)
        part = event_row(results, "events", arm, category, item=BOTH_ARMS)
        if whole and part and whole["estimate"] != part["estimate"]:
            return True
    return False


def _difference(results: Results, arm: str, words: Words, category: str, item: str | None) -> Text:
    found = event_row(results, "risk difference", arm, category, item=item, versus=words.protocol.reference)
    return cite.with_limits(found, note=True) if found is not None else ""


def _notes(results: Results, words: Words) -> tuple[Text, ...]:
    apart = _compared(results, words)
    before = [
        (arm, r)
        for arm in words.arms
        if (r := event_row(results, "count", arm, "before time zero")) is not None and r["estimate"]
    ]
    listed = cite.listed([text("{n} with {arm}", n=cite.count(r), arm=words.brief(arm)) for arm, r in before])
    return noted(
        "Patients and events are counted apart: a patient with three events is one patient. No P values: a study of"
        " this size cannot tell rare harms apart, and an interval that includes no difference does not show safety.",
        "What is related to the procedure has no control comparison: without the procedure it cannot happen."
        " The differences are of what both arms can have."
        if apart
        else "",
        "Relation is a judgement on each arm’s own treatment by those who knew it: it is not compared."
        if results.rows(analysis=ANALYSIS, category="related", statistic="subjects")
        else "",
        f"{opening(words.chosen)}: the differences are not adjusted for how the arms differed."
        if words.nonrandomised
        else "",
        text("Began before time zero, and not counted: {parts}.", parts=listed) if before else "",
        *_unknown(results, words),
    )


def _unknown(results: Results, words: Words) -> list[Text]:
    """Events that may belong to a category, but what would say so is not recorded."""
    said: list[Text] = []
    for category in UNKNOWN:
        rows = [
            r for arm in words.arms if (r := event_row(results, "missing", arm, category)) and r["estimate"]
        ]
        parts = [text("{n} with {arm}", n=cite.count(r), arm=words.brief(r["arm"])) for r in rows]
        if parts:
            what = inside(CALLED[category])
            said.append(text("Events not known to be “{what}” or not: {n}.", what=what, n=cite.listed(parts)))
    return said


def _rates(results: Results, words: Words) -> Table:
    lines = [
        Line("Patient-years watched", tuple(cite.estimate(_years(results, arm), 1) for arm in words.arms))
    ]
    none = _had_by_nobody(results, words)
    for category in CATEGORIES:
        if category in none[1:]:
            continue
        cells: list[Text] = []
        for arm in words.arms:
            first = event_row(results, "incidence rate", arm, category)
            every = event_row(results, "event rate", arm, category)
            if first is not None and first["reason"] == NO_PROCEDURE:
                cells.append("no procedure")
                continue
            below = text("<small>events: {r}</small>", r=cite.with_limits(every, 1)) if every else ""
            cells.append(text("{r}{below}", r=cite.with_limits(first, 1), below=below) if first else "")
        if any(cells):
            lines.append(Line(_called(category, none), tuple(cells)))
    return Table(
        "Rates per 100 patient-years.",
        (
            Column("Patients with a first event", side="left"),
            *(Column(words.short(arm), arm=arm) for arm in words.arms),
        ),
        tuple(lines),
        text(
            "Patients with a first event over the time until it; in small print, all events over all time."
            " Exact two-sided {level}.",
            level=_level(results),
        ),
    )


def _years(results: Results, arm: str) -> Row | None:
    return results.one(analysis=ANALYSIS, statistic="patient-years", arm=arm)


def _rate_notes(results: Results, words: Words) -> tuple[Text, ...]:
    safety = words.protocol.safety
    until = "the data cut" if safety is not None and safety.data_cut else "the last record"
    return noted(
        f"Person time runs from time zero to death, to leaving the study, or to {until}. The intervals (Garwood) take"
        " events to come at one rate over that time; those of the procedure crowd into its first days, and several"
        " events of one patient are not independent: for all events the intervals are too short.",
    )


def _serious(results: Results, words: Words) -> list[Block]:
    """Every serious event: term, arm, month, grade, relation, outcome; no patient and no date."""
    rows = results.rows(analysis=ANALYSIS, statistic="serious events")
    if not rows:
        return []
    order = {arm: i for i, arm in enumerate(words.arms)}
    rows.sort(key=lambda r: (order[r["arm"]], r["at"] or 0))
    lines = [
        Line(
            opening(r["item"]),
            (
                text('<span class="arm-{arm}">{said}</span>', arm=r["arm"], said=words.short(r["arm"])),
                _when(r["at"]),
                _facts(words, r["category"]),
                cite.count(r),
            ),
        )
        for r in rows
    ]
    heads = ("Arm", "When", "Grade, relation, outcome")
    columns = (
        Column("Event", side="left"),
        *(Column(h, side="left") for h in heads),
        Column("Events"),
    )
    caption = (
        "By month after time zero: no patient and no date is shown. Events alike in all of it are one line."
    )
    return [Block(Table("Every serious adverse event.", columns, tuple(lines), caption))]


def _none_to_list(results: Results) -> tuple[Text, ...]:
    known = results.rows(analysis=ANALYSIS, statistic="subjects", category="serious")
    if not known or results.rows(analysis=ANALYSIS, statistic="serious events"):
        return ()
    return ("No serious adverse event was recorded, so there is none to list.",)


def _when(month: float | None) -> str:
    if month is None:
        return "not recorded"
    return "in the first month" if month == 1 else f"in month {month:.0f}"


def _facts(words: Words, category: str) -> str:
    """Grade, relation and outcome, the outcome by its label."""
    safety = words.protocol.safety
    form = words.protocol.forms.get(safety.form) if safety else None
    item = form.items.get(safety.outcome or "") if form and safety else None
    labels = (item.choices if item else None) or {}
    return ", ".join(inside(labels.get(part, hyphenless(part))) for part in category.split("; "))


def _terms(results: Results, words: Words) -> list[Block]:
    lines: list[Line] = []
    systems = _named(results, BODY_SYSTEM)
    for category, names in ((BODY_SYSTEM, systems), (TERM, _named(results, TERM))):
        if systems and names:
            lines.append(Line(f"By {category}", kind="group"))
        lines += [
            Line(opening(name), tuple(_count(results, arm, category, name) for arm in words.arms))
            for name in names
        ]
    if not lines:
        return []
    columns = (
        Column("Patients with at least one", side="left"),
        *(Column(words.short(arm), arm=arm) for arm in words.arms),
    )
    caption = (
        "The most frequent first; how many events where that is not the number of patients. Terms are as recorded."
        " Their exact intervals stand in the table of results."
    )
    fold = f"All {counted(len(lines))} terms" if len(lines) > MOST_TERMS else ""
    made = Table("Adverse events by term.", columns, tuple(lines), caption, fold=fold)
    return [Block(made, later=made.title.rstrip("."))]


def _named(results: Results, category: str) -> Sequence[str]:
    rows = results.rows(analysis=ANALYSIS, category=category, statistic="subjects")
    return list(dict.fromkeys(r["item"] for r in rows))

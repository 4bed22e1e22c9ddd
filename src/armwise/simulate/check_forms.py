"""The tables that assumptions draw against the protocol's forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from armwise.protocol.model import Form
from armwise.protocol.scores import instrument_of
from armwise.simulate.assumptions import Assumptions
from armwise.simulate.check_imaging import check_readings
from armwise.simulate.check_medication import check_medication
from armwise.simulate.imaging_kinds import Readings
from armwise.simulate.medication_kinds import CareByVisit, Medications
from armwise.simulate.names import Finding, Known, unknown
from armwise.simulate.table_kinds import (
    AdverseEvents,
    Doses,
    Impressions,
    Measures,
    Sites,
    Table,
    YesNo,
)
from armwise.yaml_lines import KeyPath, nearest

#: Forms that are drawn from enrolment, screening and events, not from `tables`.
OWN = ("subjects", "screening", "events")


def check_forms(assumptions: Assumptions, known: Known, folder: Path) -> Iterator[Finding]:
    """Each form must be drawn from somewhere, from one place, and from its own items."""
    forms = known.protocol.forms
    scored = {ref.split(".")[0] for ref in known.entries["outcomes"]}
    drawn = known.entries["tables"]
    yield from unknown("form", assumptions.tables, [f for f in forms if f not in OWN], ("tables",))
    for name in forms:
        if name in OWN:
            continue
        if name in scored and name in drawn:
            yield (
                ("tables", name),
                "the form's numbers are drawn by `outcomes` already",
                "keep one of the two",
            )
        elif name not in scored and name not in drawn:
            section = "outcomes" if forms[name].instrument else "tables"
            yield (
                (section,),
                f"nothing for the form `{name}`, so its table would be empty",
                f"say in `{section}` what it is drawn from",
            )
    yield from _overlapping(assumptions, forms, folder)
    for name, table in assumptions.tables.items():
        if name in forms and name not in OWN:
            yield from _table(table, forms[name], ("tables", name), known)


def _overlapping(assumptions: Assumptions, forms: Mapping[str, Form], folder: Path) -> Iterator[Finding]:
    """Two declared scores of one form must not share an item: each draws its own items."""
    taken: dict[tuple[str, str], str] = {}
    for ref in assumptions.outcomes:
        form, _, name = ref.partition(".")
        instrument = instrument_of(forms[form], folder) if form in forms else None
        if instrument is None or name not in [s.name for s in instrument.scores]:
            continue
        for code in instrument.score(name).rule.items:
            other = taken.setdefault((form, code), ref)
            if other != ref:
                yield (
                    ("outcomes", ref),
                    f"its item `{code}` is drawn for `{other}` already",
                    "keep one of the two scores",
                )
                break


def _table(table: Table, form: Form, here: KeyPath, known: Known) -> Iterator[Finding]:
    items = form.items
    if isinstance(table, Medications | CareByVisit):
        yield from check_medication(table, form, here, known)
    elif isinstance(table, Readings):
        yield from check_readings(table, form, here, known)
    elif isinstance(table, Measures):
        yield from unknown("item", table.items, items, (*here, "items"))
        for name, number in table.items.items():
            if number.follows:
                path = (*here, "items", name, "follows")
                drawn = known.entries["outcomes"]
                yield from unknown("score that is drawn", [number.follows.score], drawn, (*path, "score"))
                yield from unknown(
                    "visit after baseline", [number.follows.visit], known.later, (*path, "visit")
                )
    elif isinstance(table, Sites):
        yield from unknown("item", table.numbers, items, (*here, "numbers"))
        for key in ("group", "place", *(["side"] if table.side else [])):
            if getattr(table, key) not in items:
                yield (
                    (*here, key),
                    f"unknown item `{getattr(table, key)}`",
                    nearest(getattr(table, key), items),
                )
        group = items[table.group].choices if table.group in items else None
        if group:
            yield from unknown("choice", table.shares, group, (*here, "shares"))
    elif isinstance(table, Doses):
        if table.item not in items:
            yield (*here, "item"), f"unknown item `{table.item}`", nearest(table.item, items)
        users = [name for name in known.covariates if "." in name]
        if table.users not in users:
            yield (
                (*here, "users"),
                f"found `{table.users}`, expected covariate.category",
                nearest(table.users, users),
            )
        for key in ("ratio", "stop", "start"):
            yield from unknown("arm", getattr(table, key), known.arms, (*here, key))
        for arm, by_visit in table.ratio.items():
            yield from unknown("visit after baseline", by_visit, known.later, (*here, "ratio", arm))
    elif isinstance(table, Impressions):
        yield from _impressions(table, form, here, known)
    elif isinstance(table, YesNo):
        yield from _yes_no(table, form, here, known)
    elif isinstance(table, AdverseEvents):
        for word, term in table.terms.items():
            yield from unknown("arm", term.by_arm, known.arms, (*here, "terms", word, "by_arm"))
        yield from _words(table, form, here)


def _words(table: AdverseEvents, form: Form, here: KeyPath) -> Iterator[Finding]:
    """The words that are written are choices of the form."""
    used = (
        ("serious", "serious_words", table.serious_words, "yes and no"),
        ("related", "related_words", table.related_words, "the procedure, the treatment and neither"),
        ("outcome", "outcome_words", table.outcome_words, "an event that ended and one that did not"),
    )
    for item, key, words, means in used:
        choices = form.items[item].choices if item in form.items else None
        odd = [word for word in words if choices and word not in choices]
        if odd:
            what = f"the form's item `{item}` has no choice {', '.join(f'`{w}`' for w in odd)}"
            yield (*here, key), what, f"write the form's words for {means}, in this order"


def _yes_no(table: YesNo, form: Form, here: KeyPath, known: Known) -> Iterator[Finding]:
    """Items of the form that hold 0 and 1, at a visit; effects of what the assumptions draw."""
    yield from unknown("item", table.items, form.items, (*here, "items"))
    if form.at == "none":
        yield here, "the form is filled in at no visit", "say in the protocol when, or draw it as `measures`"
    for name, likely in table.items.items():
        path = (*here, "items", name)
        yield from unknown("covariate or score", likely.log_odds, known.effects, (*path, "log_odds"))
        item = form.items.get(name)
        if item is not None and not (item.type == "integer" and item.range == (0, 1)):
            yield path, f"`{name}` is no item of 1 (yes) and 0 (no)", "write `type: integer, range: [0, 1]`"


def _impressions(table: Impressions, form: Form, here: KeyPath, known: Known) -> Iterator[Finding]:
    """A rating of a score that is drawn, with a cut for each rating but the worst."""
    if table.item not in form.items:
        yield (*here, "item"), f"unknown item `{table.item}`", nearest(table.item, form.items)
    outcomes = list(known.entries["outcomes"])
    if table.of not in outcomes:
        yield (*here, "of"), f"nothing is drawn for `{table.of}`", nearest(table.of, outcomes)
    ratings = sorted(table.cuts)
    falling = [table.cuts[r] for r in ratings]
    if ratings != list(range(ratings[0], ratings[-1] + 1)) or (
        falling != sorted(set(falling)) and falling != sorted(set(falling), reverse=True)
    ):
        what = "the cuts neither rise nor fall from each rating to the next"
        yield (
            (*here, "cuts"),
            what,
            "give one improvement for each rating but the worst, the best one highest",
        )

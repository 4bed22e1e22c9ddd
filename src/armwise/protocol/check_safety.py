"""Checks of the section on safety: its form and items exist, and hold what is read from them."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.known import Finding, Known, form_of, unknown
from armwise.protocol.model import Form, Protocol
from armwise.protocol.safety import Safety
from armwise.yaml_lines import nearest

#: Columns that every table may have and that are dates.
DATES = ("date",)
TYPES = {
    "term": ("text", "choice"),
    "body_system": ("text", "choice"),
    "start": ("date",),
    "end": ("date",),
    "grade": ("integer", "choice"),
    "outcome": ("choice",),
}


def safety(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every key of `safety` that leads nowhere, or to an item that cannot say what is asked of it."""
    declared = protocol.safety
    if declared is None:
        return
    sets = ["full", *known.names("analysis_sets")]
    yield from unknown("analysis set", declared.set, sets, ("safety", "set"))
    form = yield from form_of(protocol, known, declared.form, ("safety",))
    if form is None:
        return
    yield from _items(declared, form)
    yield from _marks(declared, form)
    yield from _grades(declared, form)
    yield from _fatal(declared, form)
    if form.arms is not None and set(form.arms) != set(protocol.arms):
        only = ", ".join(form.arms)
        what = f"the form `{declared.form}` is filled in for {only} only: the other arms would have no event"
        yield ("safety", "form"), what, "record adverse events in every arm: leave out the form's `arms`"


def _items(declared: Safety, form: Form) -> Iterator[Finding]:
    for key, item in declared.items().items():
        if item in DATES and key in ("start", "end"):
            continue
        if item not in form.items:
            yield ("safety", key), f"unknown item `{item}` of {declared.form}", nearest(item, form.items)
            continue
        found = form.items[item].type
        if found not in TYPES[key]:
            why = "; a free text could name a patient on the page" if key == "outcome" else ""
            what = f"`{item}` is of type {found}, expected {' or '.join(TYPES[key])}{why}"
            yield ("safety", key), what, "change the item's type, or name another item"


def _marks(declared: Safety, form: Form) -> Iterator[Finding]:
    for key, mark in declared.marks().items():
        here = ("safety", key)
        item = form.items.get(mark.item)
        if item is None:
            yield here, f"unknown item `{mark.item}` of {declared.form}", nearest(mark.item, form.items)
        elif item.type != "choice":
            what = f"`{mark.item}` is of type {item.type}, expected choice: a free text cannot be counted"
            yield here, what, "list its choices"
        elif not mark.values:
            if not set(mark.counts) & set(item.choices or {}):
                choices = ", ".join(item.choices or {})
                what = f"`{mark.item}` has the choices {choices}: none of them is yes"
                yield here, what, f"say which of them count: `{key}: {{item: {mark.item}, values: [...]}}`"
        else:
            for i, value in enumerate(mark.values):
                yield from unknown(f"choice of {mark.item}", value, item.choices or {}, (*here, "values", i))


def _grades(declared: Safety, form: Form) -> Iterator[Finding]:
    item = form.items.get(declared.grade or "")
    here = ("safety", "grades")
    if item is None:
        if declared.grades:
            yield here, "grades, but no item that holds them", "name it: `grade: severity`"
    elif item.type == "integer":
        if declared.grades:
            yield here, f"`{declared.grade}` is a number already", "leave the grades out"
        if item.range and not (item.range[0] >= 1 and item.range[1] <= 5):
            low, high = item.range
            what = f"`{declared.grade}` runs from {low:g} to {high:g}, and grades run from 1 to 5"
            yield ("safety", "grade"), what, "write `range: [1, 5]`"
    elif item.type == "choice":
        for choice in item.choices or {}:
            if choice not in declared.grades and choice not in ("1", "2", "3", "4", "5"):
                todo = "write them: `grades: {mild: 1, moderate: 2, severe: 3}`"
                yield here, f"no grade for the choice `{choice}` of {declared.grade}", todo
        for choice in declared.grades:
            yield from unknown(f"choice of {declared.grade}", choice, item.choices or {}, (*here, choice))


def _fatal(declared: Safety, form: Form) -> Iterator[Finding]:
    item = form.items.get(declared.outcome or "")
    if item is None or item.type != "choice":
        return
    for i, value in enumerate(declared.deaths):
        path = ("safety", "fatal", i) if declared.fatal else ("safety", "outcome")
        for _, what, todo in unknown(f"choice of {declared.outcome}", value, item.choices or {}, path):  # type: ignore[misc]
            yield path, f"{what}: no outcome would be a death", f"{todo}; or write `fatal: [...]`"

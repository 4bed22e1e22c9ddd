"""Checks of what is collected: arms, time zero, visits, forms and their items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from armwise.errors import FileError, InstrumentError
from armwise.instruments import Instrument, Option, load
from armwise.protocol.known import BUILT_IN, RESERVED, Finding, Known, unknown
from armwise.protocol.model import Form, Item, Protocol
from armwise.protocol.scores import instrument_of
from armwise.yaml_lines import KeyPath, nearest, word


def arms(protocol: Protocol) -> Iterator[Finding]:
    """Exactly one arm is the reference."""
    references = [name for name, arm in protocol.arms.items() if arm.reference]
    if len(references) != 1:
        found = "no arm" if not references else f"{len(references)} arms ({', '.join(references)})"
        what = f"{found} marked `reference: true`, expected exactly one"
        yield ("arms",), what, "mark the arm that the others are compared with"


def time_zero(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Each arm has its day zero, and it is a date of a form."""
    dates = _date_columns(protocol)
    if isinstance(protocol.time_zero, str):
        if not known.cannot_tell(protocol, protocol.time_zero):
            yield from unknown("date", protocol.time_zero, dates, ("time_zero",))
        return
    for arm, ref in protocol.time_zero.items():
        yield from unknown("arm", arm, known.names("arms"), ("time_zero", arm))
        if not known.cannot_tell(protocol, ref):
            yield from unknown("date", ref, dates, ("time_zero", arm))
    lacking = [arm for arm in protocol.arms if arm not in protocol.time_zero]
    if lacking:
        what = f"no time zero for arm {', '.join(lacking)}"
        yield ("time_zero",), what, "give each arm its date, like `control: subjects.enrolled`"


def _date_columns(protocol: Protocol) -> list[str]:
    found = ["subjects.enrolled"]
    for name, form in protocol.forms.items():
        found += [f"{name}.{item}" for item, i in form.items.items() if i.type == "date"]
        if name != "subjects":
            found.append(f"{name}.date")
    return found


def visits(protocol: Protocol) -> Iterator[Finding]:
    """Visits are in the order of their days, and their windows do not overlap."""
    listed = list(protocol.visits.items())
    for (before, a), (after, b) in pairwise(listed):
        if b.day <= a.day:
            what = f"day {b.day} is not after day {a.day} of `{before}`"
            yield ("visits", after, "day"), what, "write the visits in the order of their days"
            continue
        end = a.day + (a.window[1] if a.window else 0)
        start = b.day + (b.window[0] if b.window else 0)
        if end >= start:
            what = (
                f"the window of `{after}` begins on day {start}, before that of `{before}` ends (day {end})"
            )
            yield ("visits", after), what, "make the windows of neighbouring visits meet but not overlap"
    if protocol.visits_by == "date":
        for name, visit in listed:
            if visit.window is None:
                yield ("visits", name), "no window, but `visits_by: date` needs one", "add `window: [-7, 7]`"


def forms(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every form says what it asks, and when, for whom and with which keys that exist."""
    if "subjects" not in known.names("forms"):
        todo = "add `subjects: {items: {age: {type: integer}, ...}}`: who was enrolled, and into which arm"
        yield ("forms",), "no form `subjects`", todo
    for name, form in protocol.forms.items():
        here = ("forms", name)
        for index, visit in enumerate(form.at if isinstance(form.at, tuple) else ()):
            yield from unknown("visit", visit, known.names("visits"), (*here, "at", index))
        for index, arm in enumerate(form.arms or ()):
            yield from unknown("arm", arm, known.names("arms"), (*here, "arms", index))
        if not form.instrument and not form.items and name not in BUILT_IN:
            todo = "name an instrument, or list the items of the form"
            yield here, "neither `instrument` nor `items`", todo
        instrument = instrument_of(form, known.folder)
        yield from _instrument(form, instrument, known, here)
        codes = [i.code for i in instrument.items] if instrument else []
        yield from _keys(name, form, codes, known, here)
        for code, item in form.items.items():
            path = (*here, "items", code)
            yield from _item(code, item, form, name, path)
            if code in codes:
                yield path, f"`{code}` is an item of the instrument {form.instrument}", "leave it out"
            if item.show_if:
                asked = known.items(name)
                yield from unknown("item", item.show_if.item, asked, (*path, "show_if", "item"))


def _instrument(form: Form, instrument: Instrument | None, known: Known, here: KeyPath) -> Iterator[Finding]:
    if form.instrument and instrument is None:
        try:
            load(form.instrument, folder=known.folder)
        except (InstrumentError, FileError) as error:
            yield (*here, "instrument"), str(error), ""
    if instrument:
        yield from _options(form.options, instrument.options, here)
        for code in form.columns:
            yield from unknown("item", code, [i.code for i in instrument.items], (*here, "columns", code))


def _options(given: Mapping[str, Any], options: Mapping[str, Option], here: KeyPath) -> Iterator[Finding]:
    for name, value in given.items():
        path = (*here, "options", name)
        yield from unknown("option", name, options, path)
        if name in options and options[name].choices and value not in options[name].choices:
            what = f"found `{value}`, expected one of its choices"
            yield path, what, nearest(str(value), _choices(options[name]))
    for name, option in options.items():
        if option.required and name not in given:
            what = f"the option `{name}` must be chosen: it changes the numbers"
            yield here, what, f"add `options: {{{name}: ...}}`; one of {', '.join(_choices(option))}"


def _choices(option: Option) -> list[str]:
    return [word(c) for c in option.choices]


def _keys(name: str, form: Form, codes: list[str], known: Known, here: KeyPath) -> Iterator[Finding]:
    columns = [*RESERVED, *BUILT_IN.get(name, ()), *known.items(name), *codes]
    for index, key in enumerate(form.keys or ()):
        yield from unknown("key column", key, columns, (*here, "keys", index))
    if form.keys is not None and "subject" not in form.keys and name != "screening":
        todo = "add it: every table but `screening` is about subjects"
        yield (*here, "keys"), "the keys do not hold `subject`", todo


def _item(code: str, item: Item, form: Form, name: str, path: KeyPath) -> Iterator[Finding]:
    if code in RESERVED and code not in ("date", "status", "reason"):
        yield path, f"`{code}` is a reserved column", "give the item another name"
    if code == "date" and item.type != "date":
        yield (
            (*path, "type"),
            f"`date` is the day of the record, found the type {item.type}",
            "write `type: date`",
        )
    if code in ("status", "reason") and item.type not in ("text", "choice"):
        yield (*path, "type"), f"`{code}` is a word, found the type {item.type}", "write `type: text`"
    if code in BUILT_IN.get(name, ()) and not (name == "screening" and code == "enrolled"):
        yield path, f"`{code}` is a column that the table `{name}` has already", "leave it out"
    on = form.items.get(item.show_if.item) if item.show_if else None
    if item.show_if and on and on.choices:
        wanted = (*path, "show_if", "equals")
        yield from unknown("choice", word(item.show_if.equals), on.choices, wanted)

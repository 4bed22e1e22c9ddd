"""Checks of the section on imaging: its form and items exist, and can hold what is read from them."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.imaging import CONSENSUS, MEAN, SCHEMES, Grade, Imaging, item_categories
from armwise.protocol.known import Finding, Known, form_of, unknown
from armwise.protocol.model import Form, Protocol
from armwise.yaml_lines import nearest


def imaging(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every key of `imaging` that leads nowhere, or to an item that cannot say what is asked of it."""
    declared = protocol.imaging
    if declared is None:
        return
    for index, covariate in enumerate(declared.covariates):
        yield from unknown(
            "covariate", covariate, known.names("covariates"), ("imaging", "covariates", index)
        )
    form = yield from form_of(protocol, known, declared.form, ("imaging",))
    if form is None:
        return
    yield from _columns(declared, form)
    yield from _keys(declared, form)
    yield from _leading(declared, form)
    yield from _visits(protocol, declared, form)
    for name, grade in declared.grades.items():
        yield from _grade(name, grade, declared, form)


def _columns(declared: Imaging, form: Form) -> Iterator[Finding]:
    wanted = {
        ("level",): (declared.level, ("choice",)),
        ("reader",): (declared.reader, ("choice",)),
        ("reading",): (declared.reading, ("integer",)),
        ("blinded", "arm"): (declared.blinded.arm, ("choice",)),
        ("blinded", "time"): (declared.blinded.time, ("choice",)),
    }
    for key, (item, types) in wanted.items():
        if item is None:
            continue
        if item not in form.items:
            yield ("imaging", *key), f"unknown item `{item}` of {declared.form}", nearest(item, form.items)
        elif form.items[item].type not in types:
            found = form.items[item].type
            why = "; a free text could name a person on the page" if found == "text" else ""
            what = f"`{item}` is of type {found}, expected {types[0]}{why}"
            yield ("imaging", *key), what, "change the item's type, or name another item"


def _keys(declared: Imaging, form: Form) -> Iterator[Finding]:
    """A row of the form is one level at one visit by one reader: its keys must say so."""
    wanted = [c for c in ("subject", "visit", declared.level, declared.reader, declared.reading) if c]
    lacking = [c for c in wanted if c not in (form.keys or ())]
    if lacking:
        what = f"the keys of `{declared.form}` lack {', '.join(lacking)}: its rows repeat by them"
        yield ("forms", declared.form, "keys"), what, f"write `keys: [{', '.join(wanted)}]`"


def _leading(declared: Imaging, form: Form) -> Iterator[Finding]:
    reader = form.items.get(declared.reader or "")
    if reader is None or not reader.choices:
        return
    if declared.leading == MEAN:
        odd = [name for name, grade in declared.grades.items() if grade.scale != "ordinal"]
        if odd:
            what = f"`mean` leads, but {', '.join(odd)} has no mean: its categories are not in an order"
            yield ("imaging", "leading"), what, "let a reader or the consensus lead"
    else:
        yield from unknown(
            "reader (or `mean`)", declared.leading, [*reader.choices, MEAN], ("imaging", "leading")
        )
    if len([c for c in reader.choices if c != CONSENSUS]) < 2:
        what = f"`{declared.reader}` lists one reader: there is no agreement between readers to show"
        yield ("imaging", "reader"), what, "list the readers, or leave `reader` out", "warning"


def _visits(protocol: Protocol, declared: Imaging, form: Form) -> Iterator[Finding]:
    if protocol.visits_by == "date":
        what = "a reading belongs to the visit written on it, and this study's visits go by dates"
        yield ("imaging",), what, "use `visits_by: label`"
    planned = list(protocol.visits) if form.at == "all" else list(form.at) if form.at != "none" else []
    for index, visit in enumerate(declared.visits):
        yield from unknown(f"visit of {declared.form}", visit, planned, ("imaging", "visits", index))
    used = list(declared.visits or planned)
    if protocol.baseline not in used or len(used) < 2:
        what = f"found the visits {', '.join(used) or 'none'}: a change needs {protocol.baseline} and a later one"
        key = ("imaging", "visits") if declared.visits else ("forms", declared.form, "at")
        yield key, what, f"write `[{protocol.baseline}, ...]`"


def _grade(name: str, grade: Grade, declared: Imaging, form: Form) -> Iterator[Finding]:
    here = ("imaging", "grades", name)
    scheme = SCHEMES[grade.scheme] if grade.scheme else None
    first: tuple[str, ...] = ()
    for index, code in enumerate(grade.held_in(name)):
        path = (*here, "items", index) if grade.items else here
        item = form.items.get(code)
        if item is None:
            yield path, f"unknown item `{code}` of {declared.form}", nearest(code, form.items)
            continue
        found = item_categories(item)
        first = first or found
        if not found:
            what = f"`{code}` is of type {item.type} and lists no categories"
            yield path, what, "make it a choice, or an integer with its range"
        elif scheme and set(found) != set(scheme.categories):
            what = f"`{code}` may be {', '.join(found)}; {grade.scheme} has {', '.join(scheme.categories)}"
            yield path, what, "give the item the categories of the scheme"
        elif found != first and not scheme:
            yield path, f"`{code}` has other categories than the items before it", "make them alike"
        elif len(found) < 2 or (grade.scale == "binary" and len(found) != 2):
            what = f"`{code}` has {len(found)} categories, expected {'2' if grade.scale == 'binary' else '2 or more'}"
            yield path, what, "correct the item, or the grade's kind"

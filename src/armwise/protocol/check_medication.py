"""Checks of the section on medication: its form and items exist, hold what is read from them, and make a dose."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.known import Finding, Known, form_of, unknown
from armwise.protocol.medication import DOSE, NUMBER, Medication
from armwise.protocol.model import Form, Protocol
from armwise.yaml_lines import KeyPath

#: Key of the section -> the types that its item may have.
TYPES = {
    "drug": ("text", "choice"),
    "route": ("text", "choice"),
    "dose": ("number", "integer"),
    "unit": ("text", "choice"),
    "times": ("number", "integer"),
    "start": ("date",),
    "stop": ("date",),
    "drug_class": ("choice",),
}


def medication(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every key of `medication` that leads nowhere, or to an item that cannot say what is asked of it."""
    declared = protocol.medication
    if declared is None:
        return
    here = ("medication",)
    form = yield from form_of(protocol, known, declared.form, here)
    if form is None:
        return
    keys = {key: name for key in TYPES if (name := getattr(declared, key)) is not None}
    yield from items(form, keys, TYPES, here)
    yield from timed(protocol, form, declared.form, declared.start, declared.stop, here)
    yield from _opioid(declared, form)
    for name in (DOSE, NUMBER):
        if name in form.items:
            what = (
                f"the form `{declared.form}` has an item `{name}`, and `{name}` is computed from its records"
            )
            yield ("forms", declared.form, "items", name), what, "give the item another name"
    yield from _incomplete(protocol, declared)
    points = declared.cut_points
    if list(points) != sorted(set(points)):
        yield (*here, "cut_points"), "the cut points do not rise", "write them from the lowest to the highest"


def _incomplete(protocol: Protocol, declared: Medication) -> Iterator[Finding]:
    """Without a complete list nobody is known to take none: what would compare users with others has no others."""
    if declared.complete:
        return
    refs = {f"{declared.form}.{name}" for name in (DOSE, NUMBER)}
    for name, endpoint in protocol.endpoints.items():
        if endpoint.score in refs:
            what = f"`{endpoint.score}` is known only of those who take an opioid: the list is not declared complete"
            todo = "declare `complete: true` if a patient without a record took none; else leave the endpoint out"
            yield ("endpoints", name, "score"), what, todo, "warning"


def items(
    form: Form, keys: dict[str, str], types: dict[str, tuple[str, ...]], here: KeyPath
) -> Iterator[Finding]:
    """Each key's item exists and is of a type that can say it; `date` is a column of every table."""
    for key, name in keys.items():
        if name == "date" and "date" in types[key] and name not in form.items:
            continue
        yield from unknown("item", name, form.items, (*here, key))
        item = form.items.get(name)
        if item and item.type not in types[key]:
            what = f"`{name}` is of type {item.type}, expected {' or '.join(types[key])}"
            yield (*here, key), what, "name another item, or change its type"


def timed(
    protocol: Protocol, form: Form, name: str, start: str | None, stop: str | None, here: KeyPath
) -> Iterator[Finding]:
    """Records are either by visit, or have a first and a last day."""
    if form.at == "none":
        for key, value in (("start", start), ("stop", stop)):
            if value is None:
                what = f"the form `{name}` is at no visit, and no item says the {key} of a record"
                yield (
                    (*here, key),
                    what,
                    f"name the date: `{key}: {key}`; or say at which visits the form is filled in",
                )
        return
    if start or stop:
        what = f"the records of `{name}` are by visit: they have no first and last day of their own"
        yield (*here, "start" if start else "stop"), what, "leave it out, or take `at` from the form"
    if protocol.visits_by == "date":
        what = f"the form `{name}` is filled in at visits, and visits go by date here"
        yield here, what, "give the records a first and a last day, or use `visits_by: label`"
    elif "visit" not in (form.keys or ("visit",)):
        what = f"the form `{name}` is filled in at visits, but `visit` is none of its keys"
        yield ("forms", name, "keys"), what, "add `visit`"


def _opioid(declared: Medication, form: Form) -> Iterator[Finding]:
    item = form.items.get(declared.drug_class or "")
    if item and item.choices:
        yield from unknown("choice", declared.opioid, item.choices, ("medication", "opioid"))
    elif declared.drug_class is None and declared.opioid != "opioid":
        what = "a class is named, but no item holds the class of a drug"
        yield (
            ("medication", "opioid"),
            what,
            "name the item: `drug_class: class`; without one every drug is an opioid",
        )

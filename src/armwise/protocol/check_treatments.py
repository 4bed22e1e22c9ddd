"""Checks of the section on treatments received: its forms and items exist, and hold what is read from them."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.check_medication import items, timed
from armwise.protocol.known import Finding, Known, form_of
from armwise.protocol.model import Protocol

CARE: dict[str, tuple[str, ...]] = {"kind": ("choice",), "start": ("date",), "stop": ("date",)}
PROCEDURES: dict[str, tuple[str, ...]] = {
    "structure": ("choice",),
    "level": ("choice", "text"),
    "side": ("choice",),
    "volume": ("number", "integer"),
}


def treatments(protocol: Protocol, known: Known) -> Iterator[Finding]:
    """Every key of `treatments` that leads nowhere, or to an item that cannot say what is asked of it."""
    declared = protocol.treatments
    if declared is None:
        return
    for key, section, types in (
        ("care", declared.care, CARE),
        ("procedures", declared.procedures, PROCEDURES),
    ):
        if section is None:
            continue
        here = ("treatments", key)
        form = yield from form_of(protocol, known, section.form, here)
        if form is None:
            continue
        named = {name: item for name in types if (item := getattr(section, name)) is not None}
        yield from items(form, named, types, here)
        if declared.care is section:
            yield from timed(protocol, form, section.form, declared.care.start, declared.care.stop, here)

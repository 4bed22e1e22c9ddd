"""Readings of images in the assumptions against the protocol's form: items, places, readers, categories, arms."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.imaging import item_categories
from armwise.protocol.model import Form
from armwise.simulate.imaging_kinds import ReadGrade, Readings
from armwise.simulate.names import Finding, Known, unknown
from armwise.yaml_lines import KeyPath


def check_readings(table: Readings, form: Form, here: KeyPath, known: Known) -> Iterator[Finding]:
    """What the readings are drawn from exists in the form, and can stand in it."""
    items = form.items
    wanted = {"place": table.place, "reader": table.reader, "reading": table.reading}
    for key, item in wanted.items():
        if item is not None:
            yield from unknown("item", [item], items, (*here, key))
    yield from unknown("item", table.blinded, items, (*here, "blinded"))
    declared = items.get(table.reader or "")
    if declared is not None and declared.choices:
        yield from unknown("choice", table.readers, declared.choices, (*here, "readers"))
    if table.reader is None and len(table.readers) > 1:
        what = f"{len(table.readers)} readers, and no item that tells them apart"
        yield (*here, "readers"), what, "name the item `reader`, or leave one reader"
    for reader, errors in table.readers.items():
        yield from unknown("grade", errors, table.grades, (*here, "readers", reader))
    for item, shares in table.blinded.items():
        path = (*here, "blinded", item)
        yield from unknown("reader", shares, table.readers, path)
        lacking = [r for r in table.readers if r not in shares]
        if lacking:
            yield path, f"nothing for {', '.join(lacking)}", "give each reader a share"
    if table.reread:
        path = (*here, "reread", "reader")
        yield from unknown("reader", [table.reread.reader], table.readers, path)
        if table.reading is None:
            todo = "name the item `reading`, or leave `reread` out"
            yield (*here, "reread"), "a second reading needs an item that tells it from the first", todo
    places = items[table.place].choices if table.place in items else None
    first = list(next(iter(table.grades.values())).first)
    for name, grade in table.grades.items():
        path = (*here, "grades", name)
        if list(grade.first) != first:
            yield (*path, "first"), "other places than the first grade's", f"write {', '.join(first)}"
        if places:
            yield from unknown("choice", grade.first, places, (*path, "first"))
        yield from _grade(name, grade, form, path, known)


def _grade(name: str, grade: ReadGrade, form: Form, path: KeyPath, known: Known) -> Iterator[Finding]:
    codes = grade.items or (name,)
    yield from unknown("item", codes, form.items, (*path, "items") if grade.items else path)
    for arms, key in ((grade.better, "better"), (grade.worse, "worse")):
        yield from unknown("arm", arms, known.arms, (*path, key))
    for code in codes:
        if code not in form.items:
            continue
        scale = item_categories(form.items[code])
        for place, shares in grade.first.items():
            yield from unknown("category", [str(k) for k in shares], scale, (*path, "first", place))
            if abs(sum(shares.values()) - 1) > 1e-9:
                what = f"the shares add up to {sum(shares.values()):g}"
                yield (*path, "first", place), what, "make them add up to 1"

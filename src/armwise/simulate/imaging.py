"""Readings of images: a true grade of each place that moves a step at a time, and readers who err on their own.

Nobody sees the true grade: the table holds what each reader wrote. How often readers err is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.protocol.imaging import item_categories
from armwise.protocol.model import Form
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.imaging_kinds import ReadGrade, Readings

Grades = NDArray[np.int64]


def draw_readings(table: Readings, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    """One form's readings: a row a patient, visit, place and reading, in the order of the study's tables.

    Args:
        table: what is assumed.
        form: the form of the protocol.
        enrolled: everyone in the study.
        rng: the form's own stream.
    """
    visits = enrolled.visits(form)
    places = list(next(iter(table.grades.values())).first)
    true = {
        name: _course(g, _scale(form, g, name), places, enrolled, visits, rng, name, form)
        for name, g in table.grades.items()
    }
    came = enrolled.attendance.came[:, visits] & enrolled.among(form)[:, None]
    patient, visit = np.nonzero(came)
    readings = [(reader, 1) for reader in table.readers]
    again = rng.random(len(enrolled.people)) < table.reread.share if table.reread else None
    if table.reread:
        readings.append((table.reread.reader, 2))
    parts = []
    names = np.array(list(enrolled.protocol.visits))
    for number, (reader, time) in enumerate(readings):
        chosen = np.ones(len(patient), dtype=np.bool_) if time == 1 else np.asarray(again)[patient]
        p, v = patient[chosen], visit[chosen]
        rows = np.repeat(np.arange(len(p)), len(places))
        columns: dict[str, object] = {
            "subject": enrolled.subject[p[rows]],
            "visit": names[np.array(visits)[v[rows]]],
            "date": iso(enrolled.attendance.day[p[rows], np.array(visits)[v[rows]]]),
            table.place: np.tile(np.array(places), len(p)),
        }
        if table.reader:
            columns[table.reader] = np.full(len(rows), reader)
        if table.reading:
            columns[table.reading] = np.full(len(rows), time)
        for name, grade in table.grades.items():
            for item, course in true[name].items():
                seen = _misread(
                    course[p, v].ravel(), table.readers[reader].get(name, 0.0), grade, form, item, rng
                )
                columns[item] = _words(seen, form, item)
        for item, shares in table.blinded.items():
            yes = rng.random(len(p)) < shares[reader]
            columns[item] = np.where(yes, "yes", "no")[rows]
        frame = pl.DataFrame(columns)
        parts.append(
            frame.with_columns(_patient=pl.Series(p[rows]), _visit=pl.Series(v[rows]), _reading=number)
        )
    drawn = pl.concat(parts).sort("_patient", "_visit", "_reading", maintain_order=True)
    return drawn.drop("_patient", "_visit", "_reading")


def _scale(form: Form, grade: ReadGrade, name: str) -> tuple[str, ...]:
    return item_categories(form.items[(grade.items or (name,))[0]])


def _course(
    grade: ReadGrade,
    scale: tuple[str, ...],
    places: list[str],
    enrolled: Enrolled,
    visits: list[int],
    rng: np.random.Generator,
    name: str,
    form: Form,
) -> Mapping[str, Grades]:
    """Item -> the true category, its number on the scale, shape (patients, visits, places)."""
    n = len(enrolled.people)
    better, worse = enrolled.by_arm(dict(grade.better)), enrolled.by_arm(dict(grade.worse))
    found: dict[str, Grades] = {}
    for item in grade.items or (name,):
        course = np.zeros((n, len(visits), len(places)), dtype=np.int64)
        number = {word: k for k, word in enumerate(scale)}
        for p, place in enumerate(places):
            drawn = pick(rng, {str(word): share for word, share in grade.first[place].items()}, n)
            course[:, 0, p] = [number[str(word)] for word in drawn]
        for v in range(1, len(visits)):
            u = rng.random((n, len(places)))
            step = np.where(u < better[:, None], -1, np.where(u > 1 - worse[:, None], 1, 0))
            course[:, v] = np.clip(course[:, v - 1] + step, 0, len(scale) - 1)
        found[item] = course
    return found


def _misread(
    true: Grades, share: float, grade: ReadGrade, form: Form, item: str, rng: np.random.Generator
) -> Grades:
    """What a reader writes: with probability `share` another category, the next one or (nominal) any other."""
    q = len(item_categories(form.items[item]))
    wrong = rng.random(true.size) < share
    if grade.nominal:
        other = (true + rng.integers(1, q, true.size)) % q
    else:
        up = rng.random(true.size) < 0.5
        # at an end of the scale the only neighbour is inwards
        step = np.where(true == 0, 1, np.where(true == q - 1, -1, np.where(up, 1, -1)))
        other = true + step
    return np.where(wrong, other, true)


def _words(category: Grades, form: Form, item: str) -> pl.Series:
    declared = form.items[item]
    words = item_categories(declared)
    found = [words[int(k)] for k in category]
    return pl.Series([int(w) for w in found]) if declared.type == "integer" else pl.Series(found)

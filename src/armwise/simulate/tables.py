"""The forms that are no questionnaires: measurements, places treated, doses; other kinds in modules of their own.

One function a kind of table of `assumptions.yaml`; each knows only patients, visits and its own numbers.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.protocol.model import Form
from armwise.simulate.adverse_events import draw_adverse_events
from armwise.simulate.attendance import iso
from armwise.simulate.enrolled import Enrolled, number_column
from armwise.simulate.imaging import draw_readings
from armwise.simulate.imaging_kinds import Readings
from armwise.simulate.medication import draw_care, draw_medications
from armwise.simulate.medication_kinds import CareByVisit, Medications
from armwise.simulate.table_kinds import AdverseEvents, Doses, Measures, Number, Sites, Table


def draw_table(table: Table, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    """One form's table, sorted as a study keeps it: by patient, then by visit or date."""
    if isinstance(table, Measures):
        return _measures(table, form, enrolled, rng)
    if isinstance(table, Sites):
        return _sites(table, form, enrolled, rng)
    if isinstance(table, Readings):
        return draw_readings(table, form, enrolled, rng)
    if isinstance(table, Doses):
        return _doses(table, form, enrolled, rng)
    if isinstance(table, Medications):
        return draw_medications(table, form, enrolled, rng)
    if isinstance(table, CareByVisit):
        return draw_care(table, form, enrolled, rng)
    assert isinstance(table, AdverseEvents)  # drawn from people or scores, not here: impressions, yes-no
    return draw_adverse_events(table, form, enrolled, rng)


def _rows(form: Form, enrolled: Enrolled) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(patient, visit) of every visit of the form that took place, patient by patient."""
    visits = np.array(enrolled.visits(form), dtype=np.int64)
    there = enrolled.attendance.came[:, visits] & enrolled.among(form)[:, None]
    patient, column = np.nonzero(there)
    return patient, visits[column]


def _keys(enrolled: Enrolled, patient: NDArray[np.int64], visit: NDArray[np.int64]) -> dict[str, object]:
    names = np.array(list(enrolled.protocol.visits))
    return {
        "subject": enrolled.subject[patient],
        "visit": names[visit],
        "date": iso(enrolled.attendance.day[patient, visit]),
    }


def _draw_number(number: Number, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if not number.skewed:
        return number.mean + number.sd * rng.standard_normal(n)
    # lognormal with the declared mean and SD
    s2 = np.log1p((number.sd / number.mean) ** 2)
    return np.asarray(np.exp(np.log(number.mean) - s2 / 2 + np.sqrt(s2) * rng.standard_normal(n)))


def _measures(table: Measures, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    if form.at == "none":
        patient = np.flatnonzero(enrolled.among(form))
        columns: dict[str, object] = {
            "subject": enrolled.subject[patient],
            "date": iso(enrolled.attendance.zero[patient]),
        }
    else:
        patient, visit = _rows(form, enrolled)
        columns = _keys(enrolled, patient, visit)
        # What is measured at baseline in a treated arm is measured on the day of treatment.
        day = np.where(visit == 0, enrolled.attendance.zero[patient], enrolled.attendance.day[patient, visit])
        columns["date"] = iso(day)
    for name, number in table.items.items():
        drawn = _draw_number(number, len(patient), rng)
        limits = form.items[name].range
        columns[name] = number_column(drawn if limits is None else np.clip(drawn, *limits), number.decimals)
    return pl.DataFrame(columns)


def _sites(table: Sites, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    patients = np.flatnonzero(enrolled.among(form))
    places = [
        (group, place, share) for group, shares in table.shares.items() for place, share in shares.items()
    ]
    treated = rng.random((len(patients), len(places))) < np.array([share for _, _, share in places])
    # Everyone is treated somewhere: where nothing was drawn, at the place that is treated most often.
    usual = int(np.argmax([share for _, _, share in places]))
    treated[~treated.any(axis=1), usual] = True
    row, column = np.nonzero(treated)
    patient = patients[row]
    columns: dict[str, object] = {
        "subject": enrolled.subject[patient],
        "date": iso(enrolled.attendance.zero[patient]),
    }
    columns[table.group] = np.array([group for group, _, _ in places])[column]
    named = [place.rpartition(" ") if table.side else (place, "", "") for _, place, _ in places]
    columns[table.place] = np.array([level for level, _, _ in named])[column]
    if table.side:
        columns[table.side] = np.array([side for _, _, side in named])[column]
    columns |= {name: np.full(len(patient), value) for name, value in table.numbers.items()}
    return pl.DataFrame(columns)


def _doses(table: Doses, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    n, visits = len(enrolled.people), enrolled.visits(form)
    names = list(enrolled.protocol.visits)
    name, _, category = table.users.partition(".")
    uses = enrolled.people.covariates[name] == category
    first = _draw_number(Number(mean=table.mean, sd=table.sd, skewed=True), n, rng)
    # A patient's own course, about the arm's ratio.
    own = np.exp(0.15 * rng.standard_normal(n))
    stop, start = enrolled.by_arm(dict(table.stop)), enrolled.by_arm(dict(table.start))
    dose = np.zeros((n, len(names)))
    for i, v in enumerate(visits):
        if i:
            uses = np.where(uses, rng.random(n) >= stop, rng.random(n) < start)
        ratio = enrolled.by_arm({arm: by.get(names[v], 1.0) for arm, by in table.ratio.items()}, 1.0)
        dose[:, v] = np.where(uses, np.maximum(5 * np.rint(first * ratio * (own if i else 1) / 5), 5), 0)
    patient, visit = _rows(form, enrolled)
    columns = _keys(enrolled, patient, visit)
    limits = form.items[table.item].range
    drawn = dose[patient, visit]
    columns[table.item] = number_column(drawn if limits is None else np.clip(drawn, *limits), 0)
    return pl.DataFrame(columns)

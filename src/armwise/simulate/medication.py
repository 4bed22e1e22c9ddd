"""Draws medication records with first and last day, and kinds of care by visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.instruments.morphine_equivalents import factor_of
from armwise.protocol.medication import Medication
from armwise.protocol.model import Form, Protocol
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.medication_kinds import CareByVisit, Drug, DrugClass, Medications, Opioids

Flags = NDArray[np.bool_]
#: A dose changes after this share of the time between two visits, so that it has settled when the patient comes.
CHANGES = 0.5
#: Months before enrolment in which a drug was begun that is taken at baseline.
BEFORE = (2, 36)


def draw_medications(
    table: Medications, form: Form, enrolled: Enrolled, rng: np.random.Generator
) -> pl.DataFrame:
    """Medication records, sorted by patient and first day."""
    names = _names(enrolled.protocol)
    rows: list[dict[str, Any]] = []
    rows += _opioids(table.opioids, enrolled, rng, names.opioid)
    for drug_class, declared in table.others.items():
        rows += _other(declared, drug_class, enrolled, rng)
    rows.sort(key=lambda r: (r["_order"], r["start"], r["drug"]))
    columns = {"drug": names.drug, "route": names.route, "dose": names.dose, "unit": names.unit}
    columns |= {"times": names.times, "start": names.start, "stop": names.stop, "class": names.drug_class}
    types = {"dose": pl.Float64, "times": pl.Float64}
    made = {"subject": pl.Series([r["subject"] for r in rows], dtype=pl.String)}
    for key, column in columns.items():
        if column in form.items:
            made[column] = pl.Series([r[key] for r in rows], dtype=types.get(key, pl.String))
    return pl.DataFrame(made).select("subject", *(c for c in form.items if c in made))


def _names(protocol: Protocol) -> Medication:
    return protocol.medication or Medication(start="start", stop="stop", drug_class="class", route="route")


def _opioids(table: Opioids, enrolled: Enrolled, rng: np.random.Generator, word: str) -> list[dict[str, Any]]:
    """Each user's drug, and a record for each stretch of visits with one dose."""
    n, visits = len(enrolled.people), list(enrolled.protocol.visits)
    name, _, category = table.users.partition(".")
    uses: Flags = np.asarray(enrolled.people.covariates[name] == category)
    s2 = np.log1p((table.sd / table.mean) ** 2)
    first = np.exp(np.log(table.mean) - s2 / 2 + np.sqrt(s2) * rng.standard_normal(n))
    own = np.exp(0.15 * rng.standard_normal(n))
    drug = pick(rng, {name: d.share for name, d in table.drugs.items()}, n)
    stop, start = enrolled.by_arm(dict(table.stop)), enrolled.by_arm(dict(table.start))
    amounts: list[list[tuple[float, float | None] | None]] = [[] for _ in range(n)]
    for v, visit in enumerate(visits):
        if v:
            uses = np.where(uses, rng.random(n) >= stop, rng.random(n) < start)
        ratio = enrolled.by_arm({arm: by.get(visit, 1.0) for arm, by in table.ratio.items()}, 1.0)
        target = first * ratio * (own if v else 1)
        for i in range(n):
            name = str(drug[i])
            amounts[i].append(_amount(name, table.drugs[name], target[i]) if uses[i] else None)
    return _records(enrolled, word, drug, table.drugs, amounts, rng)


def _amount(name: str, drug: Drug, target: float) -> tuple[float, float | None]:
    """(dose, times a day) nearest to a target in MME/day: whole tablets, or whole steps of a patch."""
    factor = factor_of(name, drug.route)
    each = (factor.factor if factor and factor.factor else 1.0) * float(drug.dose or 1.0)
    many = float(max(1, round(target / each)))
    if drug.unit == "mg":
        return float(drug.dose or 1.0), many
    return float(drug.dose or 1.0) * many, None


def _other(table: DrugClass, word: str, enrolled: Enrolled, rng: np.random.Generator) -> list[dict[str, Any]]:
    n, visits = len(enrolled.people), list(enrolled.protocol.visits)
    uses: Flags = rng.random(n) < enrolled.by_arm(dict(table.users))
    stop, start = enrolled.by_arm(dict(table.stop)), enrolled.by_arm(dict(table.start))
    drug = pick(rng, {name: d.share for name, d in table.drugs.items()}, n)
    taken: list[list[tuple[float | None, float | None] | None]] = [[] for _ in range(n)]
    for v in range(len(visits)):
        if v:
            uses = np.where(uses, rng.random(n) >= stop, rng.random(n) < start)
        for i in range(n):
            one = table.drugs[str(drug[i])]
            taken[i].append((one.dose, one.times) if uses[i] else None)
    return _records(enrolled, word, drug, table.drugs, taken, rng)


def _records(
    enrolled: Enrolled,
    word: str,
    drug: NDArray[np.str_],
    drugs: Mapping[str, Drug],
    amounts: Sequence[list[Any]],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """A record for each stretch of visits at which a patient took one amount of the patient's drug."""
    return [
        _record(enrolled, i, name, drugs[name], word, amount, span)
        for i, name in enumerate(map(str, drug))
        for amount, span in _stretches(amounts[i], enrolled, i, rng)
    ]


def _stretches(
    amounts: list[Any], enrolled: Enrolled, i: int, rng: np.random.Generator
) -> list[tuple[Any, tuple[int, int | None]]]:
    """Runs of visits with one amount, with first and last day (None: not over when the patient was last heard of)."""
    day, end = enrolled.attendance.day[i], int(enrolled.attendance.until()[i])
    began = int(day[0]) - int(rng.integers(BEFORE[0] * 30, BEFORE[1] * 30 + 1))
    turns = [
        began,
        *(int(day[v - 1] + round(CHANGES * (day[v] - day[v - 1]))) for v in range(1, len(amounts))),
    ]
    found: list[tuple[Any, tuple[int, int | None]]] = []
    v = 0
    while v < len(amounts):
        last = v
        while last + 1 < len(amounts) and amounts[last + 1] == amounts[v]:
            last += 1
        if amounts[v] is not None and turns[v] <= end:
            over = turns[last + 1] - 1 if last + 1 < len(amounts) else None
            found.append((amounts[v], (turns[v], None if over is None or over > end else over)))
        v = last + 1
    return found


def _record(
    enrolled: Enrolled, i: int, drug: str, kind: Drug, word: str, amount: tuple[Any, Any],
    span: tuple[int, int | None],
) -> dict[str, Any]:  # fmt: skip
    first, last = (None if d is None else iso(np.array([d]))[0] for d in span)
    return {
        "_order": i, "subject": str(enrolled.subject[i]), "class": word, "drug": drug, "route": kind.route,
        "dose": amount[0], "unit": kind.unit, "times": amount[1], "start": first, "stop": last,
    }  # fmt: skip


def draw_care(table: CareByVisit, form: Form, enrolled: Enrolled, rng: np.random.Generator) -> pl.DataFrame:
    """One record for each kind of care that a patient received before a visit that took place."""
    from scipy.special import ndtr

    protocol = enrolled.protocol
    care = protocol.treatments.care if protocol.treatments else None
    column = care.kind if care else "kind"
    visits, names = enrolled.visits(form), list(protocol.visits)
    n = len(enrolled.people)
    rows: list[tuple[int, int, int, str]] = []
    for k, (kind, by_arm) in enumerate(table.shares.items()):
        lasting = np.sqrt(table.lasting) * rng.standard_normal(n)
        for v in visits:
            share = enrolled.by_arm(_at(by_arm, names[v]))
            z = lasting + np.sqrt(1 - table.lasting) * rng.standard_normal(n)
            had = (ndtr(z) < share) & enrolled.attendance.came[:, v] & enrolled.among(form)
            rows += [(int(i), v, k, kind) for i in np.flatnonzero(had)]
    rows.sort()
    patient = np.array([r[0] for r in rows], dtype=np.int64)
    visit = np.array([r[1] for r in rows], dtype=np.int64)
    return pl.DataFrame(
        {
            "subject": [str(s) for s in enrolled.subject[patient]],
            "visit": [names[v] for v in visit],
            "date": iso(enrolled.attendance.day[patient, visit]),
            column: [r[3] for r in rows],
        }
    )


def _at(by_arm: Mapping[str, Mapping[str, float]], visit: str) -> dict[str, float]:
    return {arm: shares.get(visit, 0.0) for arm, shares in by_arm.items()}

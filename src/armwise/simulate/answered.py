"""The rows of a form that patients fill in item by item: who came, which forms stayed blank and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.protocol.model import Form
from armwise.simulate.assumptions import MissingForms
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled


def blank_forms(
    shape: tuple[int, ...], missing: MissingForms | None, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Which forms of a visit that took place were filled in, and the reason that each would have if it was not."""
    done = np.ones(shape, dtype=bool) if missing is None else rng.random(shape) >= missing.share
    why = np.full(shape, "", dtype="U100")
    if missing is not None:
        why = pick(rng, missing.reasons, int(np.prod(shape))).reshape(shape)
    return done, why


def answered_rows(
    form: Form,
    everyone: Enrolled,
    answers: Mapping[str, NDArray[np.int64]],
    done: NDArray[np.bool_],
    why: NDArray[np.str_],
) -> pl.DataFrame:
    """One row a patient and visit of the form that took place.

    Args:
        form: the form.
        everyone: patients and attendance.
        answers: item -> whole numbers, patient by visit of the form.
        done, why: as `blank_forms` gives them, patient by visit of the form.
    """
    visits = np.array(everyone.visits(form), dtype=np.int64)
    patient, column = np.nonzero(everyone.attendance.came[:, visits] & everyone.among(form)[:, None])
    visit, answered = visits[column], done[patient, column]
    undated = ~answered if everyone.protocol.visits_by == "label" else np.zeros_like(answered)
    dates = iso(everyone.attendance.day[patient, visit])
    columns: dict[str, object] = {
        "subject": everyone.subject[patient],
        "visit": np.array(list(everyone.protocol.visits))[visit],
        "date": [None if gone else day for day, gone in zip(dates, undated, strict=True)],
        "status": np.where(answered, "complete", "not done"),
        "reason": [
            None if there else str(word) for word, there in zip(why[patient, column], answered, strict=True)
        ],
    }
    for item, values in answers.items():
        columns[item] = [
            int(v) if there else None for v, there in zip(values[patient, column], answered, strict=True)
        ]
    kinds = {"date": pl.String, "reason": pl.String, **dict.fromkeys(answers, pl.Int64)}
    return pl.DataFrame(columns, schema_overrides=kinds)

"""The table of a form whose numbers are outcomes: answers, and what patients leave blank."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.instruments.definition import Instrument
from armwise.protocol.model import Form
from armwise.simulate.answers import draw_answers
from armwise.simulate.assumptions import Assumptions
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled, number_column
from armwise.simulate.people import Vector
from armwise.simulate.streams import stream


def draw_form(
    name: str,
    form: Form,
    instrument: Instrument | None,
    paths: Mapping[str, Vector],
    everyone: Enrolled,
    assumptions: Assumptions,
    seed: int,
) -> pl.DataFrame:
    """A questionnaire's table, or that of a form whose numeric items are outcomes."""
    rng = stream(seed, "answers", name)
    optional: frozenset[str] = frozenset()
    if instrument is not None:
        answers = draw_answers(instrument, form.options, paths, assumptions.answers, rng)
        whole = {item.code: item.integer for item in instrument.items}
        optional = frozenset(item.code for item in instrument.items if item.if_applicable)
    else:
        whole = {code: form.items[code].type == "integer" for code in paths}
        answers = {code: np.rint(path) if whole[code] else np.round(path, 1) for code, path in paths.items()}
    blank, done, reason = _left_out(
        form, list(answers), optional, everyone, assumptions, stream(seed, "blank", name)
    )
    visits = np.array(everyone.visits(form), dtype=np.int64)
    patient, column = np.nonzero(everyone.attendance.came[:, visits] & everyone.among(form)[:, None])
    visit = visits[column]
    answered = done[patient, visit]
    left = np.any([blank[c][patient, visit] for c in answers], axis=0)
    modes = pick(rng, assumptions.visits.modes, len(everyone.people)) if assumptions.visits.modes else None
    status = np.where(~answered, "not done", np.where(left, "partial", "complete"))
    why = np.where(~answered, reason[patient, visit], "")
    # Where visits are told by their date, a form that was not filled in needs one too.
    undated = ~answered if everyone.protocol.visits_by == "label" else np.zeros_like(answered)
    frame = pl.DataFrame(
        {
            "subject": everyone.subject[patient],
            "visit": np.array(list(everyone.protocol.visits))[visit],
            "date": _null(iso(everyone.attendance.day[patient, visit]), undated),
            "status": status,
            "reason": _null(why.tolist(), why == ""),
        },
        schema_overrides={"date": pl.String, "reason": pl.String},
    )
    if modes is not None:
        frame = frame.with_columns(pl.Series("mode", _null(modes[patient].tolist(), ~answered)))
    for code, values in answers.items():
        empty = ~answered | blank[code][patient, visit]
        series = number_column(values[patient, visit], 0 if whole[code] else 1)
        shown = form.columns.get(code, code)
        frame = frame.with_columns(pl.Series(shown, _null(series.to_list(), empty), dtype=series.dtype))
    return frame


def _null(values: list[object] | list[str], where: NDArray[np.bool_]) -> list[object]:
    return [None if empty else value for value, empty in zip(values, where.tolist(), strict=True)]


def _left_out(
    form: Form,
    codes: list[str],
    optional: frozenset[str],
    everyone: Enrolled,
    assumptions: Assumptions,
    rng: np.random.Generator,
) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_], NDArray[np.str_]]:
    """Single answers left blank (item -> n x v), whether the form was filled in, and why not."""
    shape = everyone.attendance.day.shape
    forms, items = assumptions.missing.forms, assumptions.missing.items
    done = np.ones(shape, dtype=bool)
    reason = np.full(shape, "", dtype="U100")
    if forms is not None:
        done = rng.random(shape) >= forms.share
        done[:, 0] = True  # nobody is enrolled without the baseline answers
        reason = pick(rng, forms.reasons, done.size).reshape(shape)
    blank = {code: np.zeros(shape, dtype=bool) for code in codes}
    if items is not None and len(codes) > 1:
        for code in codes:
            blank[code] = rng.random(shape) < items.share
            if code in optional:
                # "Does not apply" is a patient's answer at every visit.
                blank[code] |= rng.random((shape[0], 1)) < items.not_applicable
    return blank, done, reason

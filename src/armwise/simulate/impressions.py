"""The table of a patients' own rating of their change, drawn from the change of a score.

The latent impression is the improvement since baseline plus noise of the size that gives the declared correlation with
it among everyone at the visit; the rating is where it falls among the cuts.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.protocol.model import Form
from armwise.simulate.assumptions import MissingForms
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.table_kinds import Impressions


def draw_impressions(
    table: Impressions,
    form: Form,
    path: NDArray[np.float64],
    higher_is_better: bool,
    everyone: Enrolled,
    missing: MissingForms | None,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """One row a patient and visit of the form that took place.

    Args:
        table: cuts and correlation.
        form: the form.
        path: the score's latent values, patient by visit, baseline first.
        higher_is_better: the score's direction.
        everyone: patients and attendance.
        missing: the share of forms that are not filled in, and why.
        rng: the form's own stream.
    """
    visits = np.array(everyone.visits(form), dtype=np.int64)
    gain = (path[:, visits] - path[:, :1]) * (1 if higher_is_better else -1)
    noise = rng.standard_normal(gain.shape) * gain.std(axis=0) * np.sqrt(1 / table.correlation**2 - 1)
    rating = rate(gain + noise, table.cuts)
    done = np.ones(gain.shape, dtype=bool) if missing is None else rng.random(gain.shape) >= missing.share
    why = np.full(gain.shape, "", dtype="U100")
    if missing is not None:
        why = pick(rng, missing.reasons, gain.size).reshape(gain.shape)
    patient, column = np.nonzero(everyone.attendance.came[:, visits] & everyone.among(form)[:, None])
    visit, answered = visits[column], done[patient, column]
    undated = ~answered if everyone.protocol.visits_by == "label" else np.zeros_like(answered)
    dates = iso(everyone.attendance.day[patient, visit])
    return pl.DataFrame(
        {
            "subject": everyone.subject[patient],
            "visit": np.array(list(everyone.protocol.visits))[visit],
            "date": [None if gone else day for day, gone in zip(dates, undated, strict=True)],
            "status": np.where(answered, "complete", "not done"),
            "reason": [
                None if there else str(word)
                for word, there in zip(why[patient, column], answered, strict=True)
            ],
            table.item: [
                int(value) if there else None
                for value, there in zip(rating[patient, column], answered, strict=True)
            ],
        },
        schema_overrides={"date": pl.String, "reason": pl.String, table.item: pl.Int64},
    )


def rate(latent: NDArray[np.float64], cuts: Mapping[int, float]) -> NDArray[np.int64]:
    """The rating of each latent improvement: the best whose cut it reaches; below all of them the worst."""
    ratings = sorted(cuts, key=lambda r: -cuts[r])
    last = ratings[-1] + (ratings[-1] - ratings[0] > 0) - (ratings[-1] - ratings[0] < 0)
    found = np.full(latent.shape, last, dtype=np.int64)
    for rating in reversed(ratings):
        found[latent >= cuts[rating]] = rating
    return found

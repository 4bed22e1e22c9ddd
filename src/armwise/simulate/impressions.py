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
from armwise.simulate.answered import answered_rows, blank_forms
from armwise.simulate.assumptions import MissingForms
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
    done, why = blank_forms(gain.shape, missing, rng)
    return answered_rows(form, everyone, {table.item: rating}, done, why)


def rate(latent: NDArray[np.float64], cuts: Mapping[int, float]) -> NDArray[np.int64]:
    """The rating of each latent improvement: the best whose cut it reaches; below all of them the worst."""
    ratings = sorted(cuts, key=lambda r: -cuts[r])
    last = ratings[-1] + (ratings[-1] - ratings[0] > 0) - (ratings[-1] - ratings[0] < 0)
    found = np.full(latent.shape, last, dtype=np.int64)
    for rating in reversed(ratings):
        found[latent >= cuts[rating]] = rating
    return found

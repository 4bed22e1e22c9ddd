"""The table of answers yes or no that depend on who the patient is, and on no arm.

Each answer is a draw of its own with the log odds of the declared share, moved by the patient's covariates and
baseline scores. An outcome on which no treatment can act is drawn so: arms that were chosen differ in it all the same.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from armwise.protocol.model import Form
from armwise.simulate.answered import answered_rows, blank_forms
from armwise.simulate.assumptions import MissingForms
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.table_kinds import YesNo


def draw_yes_no(
    table: YesNo, form: Form, everyone: Enrolled, missing: MissingForms | None, rng: np.random.Generator
) -> pl.DataFrame:
    """One row a patient and visit of the form that took place: 1 for yes, 0 for no.

    Args:
        table: shares and effects of each item.
        form: the form.
        everyone: patients and attendance.
        missing: the share of forms that are not filled in, and why.
        rng: the form's own stream.
    """
    shape = (len(everyone.people), len(everyone.visits(form)))
    done, why = blank_forms(shape, missing, rng)
    answers = {}
    for item, likely in table.items.items():
        log_odds = np.log(likely.share / (1 - likely.share)) + everyone.people.weighted(likely.log_odds)
        answers[item] = (rng.random(shape) < 1 / (1 + np.exp(-log_odds[:, None]))).astype(np.int64)
    return answered_rows(form, everyone, answers, done, why)

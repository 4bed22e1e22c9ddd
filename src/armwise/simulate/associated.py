"""Measures that go with a later change: who gets which of the drawn values, so that their mean and SD stay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.simulate.enrolled import Enrolled
from armwise.simulate.table_kinds import Follows, Measures, Table


def associated(
    table: Table,
    drawn: pl.DataFrame,
    paths: Mapping[str, NDArray[np.float64]],
    enrolled: Enrolled,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """A form's table with every item that `follows` a score dealt out anew among the rows of each arm and visit.

    Args:
        table: what the form is drawn from; only measures follow anything.
        drawn: the form's table, as drawn without regard to any outcome.
        paths: form.score -> scores, shape (n, visits), before items and rounding.
        enrolled: everyone.
        rng: the generator of these items alone.

    Returns:
        The table with the same values in every column, in another order.

    Source: Iman and Conover 1982, Communications in Statistics B 11:311, for one variable: values take the order of
    correlated normal scores.
    """
    if not isinstance(table, Measures) or not drawn.height:
        return drawn
    place = {subject: i for i, subject in enumerate(enrolled.subject.tolist())}
    patient = np.array([place[s] for s in drawn["subject"]], dtype=np.int64)
    visit = drawn["visit"].to_numpy() if "visit" in drawn.columns else np.full(drawn.height, "")
    for name, number in table.items.items():
        if number.follows is None:
            continue
        wanted = _scores(number.follows, paths, enrolled, patient, rng)
        values = drawn[name].to_numpy().copy()
        for arm in np.unique(enrolled.people.arm[patient]):
            for label in np.unique(visit):
                here = np.flatnonzero((enrolled.people.arm[patient] == arm) & (visit == label))
                values[here[np.argsort(wanted[here], kind="stable")]] = np.sort(values[here])
        drawn = drawn.with_columns(pl.Series(name, values))
    return drawn


def _scores(
    follows: Follows,
    paths: Mapping[str, NDArray[np.float64]],
    enrolled: Enrolled,
    patient: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Normal scores of each row, correlated with the patient's change within the arm."""
    path = paths[follows.score]
    change = (path[:, list(enrolled.protocol.visits).index(follows.visit)] - path[:, 0])[patient]
    arm = enrolled.people.arm[patient]
    z = np.zeros(len(patient))
    for a in np.unique(arm):
        mine = change[arm == a]
        spread = float(mine.std()) if len(mine) > 1 else 0.0
        z[arm == a] = (mine - mine.mean()) / spread if spread > 0 else 0.0
    r = follows.correlation
    return np.asarray(r * z + np.sqrt(1 - r * r) * rng.standard_normal(len(patient)))

"""What is said of the covariates of a regression that cannot carry them: too many for the patients, or all alike.

A protocol that says how many patients are planned is warned of too many covariates when it is checked; here it is said
of those that do not, by the patients who are analysed. One covariate for ten patients is a rule of thumb; of a response
it is one for ten of the rarer answer (Peduzzi and others 1996, J Clin Epidemiol 49:1373).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from armwise.stats.covariates import covariate, independent_columns

if TYPE_CHECKING:
    from armwise.analysis.comparison import Comparison

#: Patients (or answers) for each covariate.
FOR_ONE = 10


def crowded(c: Comparison) -> str:
    """That there are more covariates than the patients can carry; empty where there are not.

    Args:
        c: the comparison; a category counts as its columns, and what others determine not at all.
    """
    if all(arm.planned for arm in c.protocol.arms.values()) or not c.people.height:
        return ""
    terms = [covariate(name, c.people[name].to_numpy()).X for name in c.analysis.covariates]
    columns = len(independent_columns(np.hstack([np.ones((c.people.height, 1)), *terms]))) - 1
    if c.protocol.endpoints[c.analysis.endpoint].is_response:
        responders = int(c.frame["outcome"].sum())
        fewest, whom = min(responders, c.frame.height - responders), "with the rarer answer"
    else:
        fewest, whom = min(c.size(arm) for arm in (*c.arms, c.reference)), "in the smallest arm"
    if not columns or columns * FOR_ONE <= fewest:
        return ""
    return f"{columns} covariate column{'s' * (columns != 1)} for {fewest} patients {whom}: more than one for ten"


def constant(names: Iterable[str]) -> str:
    """That covariates do not vary; empty where there are none."""
    said = ", ".join(names)
    return f"not used, as it does not vary: {said}" if said else ""


def constant_categories(c: Comparison) -> str:
    """That everybody who is analysed has the same category of a covariate."""
    kinds = (name for name in c.analysis.covariates if c.people[name].dtype == pl.String)
    return constant(name for name in kinds if c.people.height and c.people[name].n_unique() == 1)

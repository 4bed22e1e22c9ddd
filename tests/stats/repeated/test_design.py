"""Designs and rows that do not fit together are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.wide import Wide

DESIGN = crossed_design(["m1", "m3"], ["arm"], ["age"])


def test_columns_are_visits_then_covariates_by_visit_then_the_others() -> None:
    assert DESIGN.columns == ("m1", "m3", "arm:m1", "arm:m3", "age")
    assert DESIGN.row("m3", {"arm": 1, "age": 50}).tolist() == [0, 1, 0, 1, 50]


def test_a_row_of_an_unknown_visit_or_of_other_covariates_is_refused() -> None:
    with pytest.raises(UsageError, match="visit 'm6' is not in the model; its visits are m1, m3"):
        DESIGN.row("m6", {"arm": 1, "age": 50})
    with pytest.raises(UsageError, match=r"covariates missing: \['age'\], unknown: \['bmi'\]"):
        DESIGN.row("m1", {"arm": 1, "bmi": 20})


def test_covariates_have_a_name_each_and_the_first_is_the_constant() -> None:
    with pytest.raises(UsageError, match="are not distinct; give each its own name, other than `1`"):
        crossed_design(["m1"], ["arm"], ["arm"])
    with pytest.raises(UsageError, match="expected `1`, which is 1 for everyone"):
        Design(("m1",), ("arm",), ("arm",), np.ones((1, 1, 1)))
    with pytest.raises(UsageError, match=r"B has shape \(1, 1, 2\); expected visits x covariates x columns"):
        Design(("m1",), ("1",), ("mean",), np.ones((1, 1, 2)))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("y", {"y": np.ones((3, 1))}),
        ("u", {"u": np.ones((2, 1))}),
        ("group", {"group": np.zeros(2, dtype=np.intp)}),
        ("weights", {"weights": np.ones(3)}),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_by_name(name: str, wrong: dict[str, np.ndarray]) -> None:
    right = {"y": np.ones((3, 2)), "u": np.ones((3, 1))}
    with pytest.raises(UsageError, match=rf"^{name} has shape .*; expected"):
        Wide(("m1", "m3"), ("1",), **{**right, **wrong})

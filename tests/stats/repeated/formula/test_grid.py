from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from formula_data import CONTROL, KEYS, trial

from armwise.errors import UsageError
from armwise.stats.repeated.formula.by_formula import from_formula
from armwise.stats.repeated.formula.grid import Grid

FORMULA = "odi ~ arm * visit + baseline * visit + bs(age, df=4) + older + site"


def grid(formula: str = FORMULA) -> Grid:
    found = from_formula(formula, trial(), **KEYS, reference=CONTROL)[1].grid
    assert found is not None
    return found


def test_factors_have_levels_and_covariates_their_mean_over_the_analysed_rows() -> None:
    found, rows = grid(), trial().dropna(subset=["odi"])
    assert found.factors == {
        "arm": ("control", "bmc"), "older": (False, True), "site": ("a", "b", "c"), "visit": ("m1", "m3", "m6", "m12"),
    }  # fmt: skip
    assert found.means == pytest.approx(
        {"baseline": rows["baseline"].mean(), "age": rows["age"].mean()}, rel=1e-14
    )


def test_rows_of_the_grid_at_the_values_of_the_data_are_the_rows_of_the_model() -> None:
    wide, design = from_formula(FORMULA, trial(), **KEYS, reference=CONTROL)
    found = grid()
    observed = ~np.isnan(wide.y)
    X = np.einsum("nd,mdq->nmq", wide.u, design.B)[observed]
    order = np.lexsort((found.rows["visit"].cat.codes.map(lambda c: ("m1", "m3", "m6", "m12").index(
        found.rows["visit"].cat.categories[c])), np.repeat(np.arange(len(wide.u)), observed.sum(axis=1))))  # fmt: skip
    values = {name: found.rows[name].tolist() for name in found.rows}
    assert np.array_equal(found.matrix(found.frame(values))[order], X)


def test_a_number_that_the_formula_takes_as_a_category_is_a_factor() -> None:
    data = trial()
    data["centre"] = data["site"].map({"a": 1, "b": 2, "c": 10})
    _, design = from_formula("odi ~ visit + C(centre)", data, **KEYS)
    assert design.columns[4:] == ("C(centre)[T.2]", "C(centre)[T.10]")
    assert design.grid is not None
    assert design.grid.factors["centre"] == (1, 2, 10)
    kept, L = design.grid.averaged(["centre"])
    assert kept == [(1,), (2,), (10,)]
    assert L[:, 4:].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_equal_weights_average_levels_and_observed_weights_their_frequencies() -> None:
    found, rows = grid("odi ~ arm + site + visit"), trial().dropna(subset=["odi"])
    columns = list(found.spec.column_names)
    sites = [columns.index("site[T.b]"), columns.index("site[T.c]")]
    assert found.averaged(["arm"])[1][:, sites] == pytest.approx(np.full((2, 2), 1 / 3), rel=1e-14)
    share = [(rows["site"] == site).mean() for site in "bc"]
    assert found.averaged(["arm"], weights="observed")[1][:, sites] == pytest.approx(
        np.array([share, share]), rel=1e-12
    )


def test_values_can_be_fixed_and_unknown_ones_are_refused() -> None:
    found = grid()
    assert found.values({"age": [40, 60], "older": "True"})["age"] == (40.0, 60.0)
    assert found.values({"older": "True"})["older"] == (True,)
    with pytest.raises(UsageError, match="no variable 'sex'; its variables are arm, visit, base"):
        found.values({"sex": "F"})
    with pytest.raises(UsageError, match="'arm' has no level 'sham'; its levels are control, bmc"):
        found.values({"arm": "sham"})
    with pytest.raises(UsageError, match='weights is \'proportional\'; expected "equal" or "observed"'):
        found.averaged(["arm"], weights="proportional")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "several", [[40, 60], (40, 60), np.array([40, 60]), pd.Series([40, 60]), pl.Series([40, 60])]
)
def test_several_values_may_come_in_any_sequence(several: Any) -> None:
    assert grid().values({"age": several})["age"] == (40.0, 60.0)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ({"visit": []}, "at has no value of 'visit'; give one, or leave 'visit' out"),
        ({"age": ()}, "at has no value of 'age'"),
        ({"age": "old"}, "at: 'age' is 'old'; expected a finite number"),
        ({"age": [40, None]}, "at: 'age' is None; expected a finite number"),
        ({"age": float("nan")}, "at: 'age' is nan; expected a finite number"),
        ({"arm": [["bmc"]]}, "'arm' has no level "),
        ("age", "at is 'age'; expected values by variable, such as {'age': 50}"),
    ],
)
def test_values_of_a_covariate_that_are_no_numbers_and_factors_without_a_level_are_refused(
    at: Any, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        grid().averaged(["arm"], at)
    assert str(error.value).startswith(message)


def test_a_value_beyond_the_knots_of_a_spline_is_named_with_its_covariate_and_the_analysed_range() -> None:
    ages = trial().dropna(subset=["odi"])["age"]
    with pytest.raises(UsageError) as error:
        grid().averaged(["arm"], {"age": [50, 200], "baseline": 40})
    assert f"(age 200 is outside the analysed rows' {ages.min()} to {ages.max()}): " in str(error.value)
    assert "bs(age, df=4)" in str(error.value)

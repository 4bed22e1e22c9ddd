from __future__ import annotations

import numpy as np
import pytest
from formula_data import KEYS, trial

from armwise.errors import UsageError
from armwise.stats.repeated.formula.by_formula import from_formula
from armwise.stats.repeated.formula.parse import parse


def fails(formula: str) -> str:
    with pytest.raises(UsageError) as error:
        parse(formula)
    return str(error.value)


def test_the_columns_that_each_side_and_each_factor_needs_are_named_in_the_formulas_order() -> None:
    parsed = parse("log(odi - base) ~ arm * center(`age (y)`) + I(base**2 + np.sin(day)):arm")
    assert parsed.outcome_variables == ("base", "odi")
    assert parsed.variables == ("arm", "age (y)", "base", "day")
    assert parsed.needs["I(base ** 2 + np.sin(day))"] == frozenset(["base", "day"])


@pytest.mark.parametrize("formula", ["~ arm", "odi", "odi + age ~ arm", "odi ~ arm | visit", ""])
def test_a_formula_without_one_outcome_and_one_right_side_is_refused(formula: str) -> None:
    assert 'expected one like "odi ~ arm * visit + baseline * visit"' in fails(formula)


def test_a_formula_that_cannot_be_read_is_refused_without_the_parsers_colours() -> None:
    message = fails("odi ~ arm + 2*age")
    assert message.startswith("the formula 'odi ~ arm + 2*age' cannot be read: ")
    assert "\x1b" not in message
    assert "\n" not in message


@pytest.mark.parametrize("formula", ["odi ~ 0", "odi ~ -1", "odi ~ arm - arm - 1"])
def test_a_formula_without_terms_is_refused(formula: str) -> None:
    assert fails(formula) == (
        f"the formula {formula!r} has no terms, so that every mean would be 0; "
        'write "odi ~ 1" for one mean of all visits'
    )


@pytest.mark.parametrize("formula", ["odi ~ arm + `1`", "odi ~ ` 1 ` * arm"])
def test_a_column_that_is_called_as_the_intercept_is_refused_and_not_left_out(formula: str) -> None:
    assert "names a column `1`, which formulaic takes for the intercept; rename the column" in fails(formula)


@pytest.mark.parametrize(
    "formula", ["odi ~ I(age^2)", "odi ~ {age^2} + arm", "I(odi^2) ~ arm", "odi ~ log(age^2)"]
)
def test_a_power_as_r_writes_it_within_a_function_is_refused_and_not_taken_for_pythons_exclusive_or(
    formula: str,
) -> None:
    assert "^ is no power in a function or braces; write I(age**2)" in fails(formula)


def test_a_power_of_terms_is_still_written_as_in_r() -> None:
    assert [str(term) for term in parse("odi ~ (arm + visit)^2").right] == ["1", "arm", "visit", "arm:visit"]


def test_unknown_functions_are_named_with_those_that_are_known() -> None:
    message = fails("odi ~ visit + squared(age)")
    assert message.startswith(
        "the formula's expression 'squared(age)': squared is not known; known are log, exp, "
    )
    assert "C (a factor)" in fails("odi ~ factor(site)")
    assert fails("odi ~ us(visit | subject)").endswith('give the covariance as an argument, covariance="us"')
    assert fails("odi ~ ar1(visit | subject)").endswith('covariance="ar1"')
    assert fails("odi ~ arcsinh(age)").endswith("arcsinh is not known; write np.arcsinh(...)")


def test_the_functions_that_r_users_type_are_known_and_mean_the_same() -> None:
    for typed, meant in (
        ("sqrt(age)", np.sqrt),
        ("log1p(age)", np.log1p),
        ("I(age**2)", np.square),
        ("log(age)", np.log),
    ):
        wide, design = from_formula(f"odi ~ {typed} + visit", trial(), **KEYS)
        age = trial().groupby("subject")["age"].first().loc[list(wide.subjects)]  # type: ignore[arg-type]
        assert wide.u[:, design.covariates.index(typed.replace("**", " ** "))] == pytest.approx(
            meant(age.to_numpy()), rel=1e-15
        )
        assert design.grid is not None
        assert design.grid.averaged(["visit"], {"age": 49})[1][0] @ np.eye(len(design.columns))[
            1
        ] == pytest.approx(meant(49.0), rel=1e-15)

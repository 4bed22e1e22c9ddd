from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from formula_data import CONTROL, KEYS, trial
from formulaic import ModelSpec

from armwise.errors import UsageError
from armwise.stats.repeated.formula.by_formula import from_formula
from armwise.stats.repeated.formula.factors import pandas_frame
from armwise.stats.repeated.formula.long_table import read_long
from armwise.stats.repeated.formula.parse import parse
from armwise.stats.repeated.formula.structured import outcome_values, structured_form

FORMULAS = [
    "odi ~ 1",
    "odi ~ arm * visit + baseline * visit + age + gender",
    "odi ~ 0 + visit + arm:visit + baseline:visit",
    "odi ~ 0 + arm:visit",
    "odi ~ arm:visit",
    "odi ~ arm / visit + site",
    "odi ~ arm * visit * gender * site",
    "odi ~ arm * visit * baseline * age",
    "odi ~ older * visit",
    "odi ~ (arm + gender + visit)**2 + baseline:visit:arm",
    "odi ~ C(arm, contr.sum) * C(visit, contr.helmert) + center(baseline) * visit",
    "odi ~ C(visit, contr.poly) * arm + C(site, contr.treatment(base='b'))",
    "odi ~ bs(age, df=4) * visit + poly(baseline, 2) * arm",
    "odi ~ log(age) * arm + 2:baseline",
    "odi ~ days * arm + {days**2}",
    "odi ~ opioid * visit",
    "odi ~ opioid:arm:visit + walks * arm",
    "odi ~ walks:opioid:baseline + visit",
    "odi ~ {baseline * (days == 365)} + arm * visit",
    "log(odi + 100) ~ arm * visit",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_covariates_and_functions_of_the_visit_give_formulaics_model_matrix_back(formula: str) -> None:
    parsed = parse(formula)
    table = read_long(trial(), [*parsed.outcome_variables, *parsed.variables], **KEYS)
    u, design, _ = structured_form(parsed, table, "visit")
    X = np.einsum("nd,ndq->nq", u[table.subject], design.B[table.visit.codes])
    expected = ModelSpec(formula=parsed.right, output="numpy").get_model_matrix(pandas_frame(table))
    assert design.columns == tuple(expected.model_spec.column_names)
    assert np.array_equal(X, np.asarray(expected, dtype=float))
    assert [term.name for term in design.terms] == [str(term) for term in expected.model_spec.term_indices]
    assert [list(t.columns) for t in design.terms] == list(expected.model_spec.term_indices.values())


ATOMS = [
    "arm", "visit", "baseline", "age", "gender", "site", "opioid", "walks", "days", "older", "C(arm, contr.sum)",
    "C(visit, contr.helmert)", "C(walks, contr.poly)", "C(gender, contr.diff)", "bs(age, df=4)", "center(baseline)",
    "log(age)", "poly(opioid, 2)", "{baseline * (visit == 'm3')}",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_random_formulas_on_random_rows_give_formulaics_model_matrix_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = [
        rng.choice(["*", ":"]).join(rng.choice(ATOMS, rng.integers(1, 4), replace=False)) for _ in range(3)
    ]
    parsed = parse(f"odi ~ {rng.choice(['', '0 + '])}{' + '.join(terms)}")
    data = trial().sample(frac=0.8, random_state=seed)
    table = read_long(data, [*parsed.outcome_variables, *parsed.variables], **KEYS)
    u, design, _ = structured_form(parsed, table, "visit")
    X = np.einsum("nd,ndq->nq", u[table.subject], design.B[table.visit.codes])
    expected = ModelSpec(formula=parsed.right, output="numpy").get_model_matrix(pandas_frame(table))
    expected = np.asarray(expected, dtype=float)
    assert np.abs(X - expected).max() <= 1e-14 * np.abs(expected).max()


def test_the_design_is_of_covariates_that_a_subject_has_once() -> None:
    _, design = from_formula("odi ~ arm * visit + baseline * visit + age + gender", trial(), **KEYS)
    assert design.covariates == ("1", "arm[T.control]", "baseline", "age", "gender[T.M]")


def test_a_number_that_is_a_function_of_the_visit_is_no_covariate() -> None:
    _, design = from_formula("odi ~ days * arm", trial(), **KEYS)
    assert design.covariates == ("1", "arm[T.control]")
    assert design.B[:, 0, design.columns.index("days")].tolist() == [30, 91, 182, 365]


def test_a_covariate_that_changes_over_time_has_one_entry_a_visit_and_0_where_not_observed() -> None:
    data = trial()
    wide, design = from_formula("odi ~ visit + opioid", data, **KEYS)
    assert design.covariates == ("1", "opioid@m1", "opioid@m3", "opioid@m6", "opioid@m12")
    table = data.pivot(index="subject", columns="visit", values="opioid").loc[
        wide.subjects, ["m1", "m3", "m6", "m12"]
    ]
    assert np.array_equal(wide.u[:, 1:], np.where(np.isnan(wide.y), 0.0, table.to_numpy()))


def test_a_value_that_differs_by_less_than_rounding_within_a_subject_is_constant() -> None:
    data = trial()
    data["baseline"] *= 1 + 1e-14 * np.arange(len(data)) / len(data)
    assert from_formula("odi ~ visit + baseline", data, **KEYS)[1].covariates == ("1", "baseline")
    data["baseline"] *= 1 + 1e-9 * np.arange(len(data)) / len(data)
    assert len(from_formula("odi ~ visit + baseline", data, **KEYS)[1].covariates) == 5


def test_an_expression_of_the_visit_and_another_column_changes_over_time_even_if_everyone_was_seen_once() -> (
    None
):
    data = trial().drop_duplicates("subject")
    data["visit"] = ["m1", "m3"] * 30
    _, design = from_formula("odi ~ {age * (visit == 'm3')}", data.dropna(), **KEYS)
    assert design.covariates == ("1", "age * (visit == 'm3')@m1", "age * (visit == 'm3')@m3")


def test_the_reference_changes_the_coding_and_not_the_order_of_the_visits() -> None:
    _, design = from_formula("odi ~ arm * visit", trial(), **KEYS, reference=CONTROL | {"visit": "m12"})
    assert design.visits == ("m1", "m3", "m6", "m12")
    assert design.columns[1:5] == ("arm[T.bmc]", "visit[T.m1]", "visit[T.m3]", "visit[T.m6]")
    assert design.row("m12", {"arm[T.bmc]": 1}).tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert design.row("m3", {"arm[T.bmc]": 1}).tolist() == [1, 1, 0, 1, 0, 0, 1, 0]


def test_pandas_and_polars_give_the_same_design_and_data() -> None:
    formula = "odi ~ arm * visit + bs(age, df=4) + older + site"
    one, two = (from_formula(formula, data, **KEYS) for data in (trial(), pl.from_pandas(trial())))
    assert np.array_equal(one[0].y, two[0].y, equal_nan=True)
    assert np.array_equal(one[0].u, two[0].u)
    assert np.array_equal(one[1].B, two[1].B)
    assert one[1].columns == two[1].columns


def test_the_order_of_an_enum_decides_the_reference_level() -> None:
    data = pl.from_pandas(trial()).with_columns(pl.col("arm").cast(pl.Enum(["control", "bmc", "sham"])))
    _, design = from_formula("odi ~ arm + visit", data, **KEYS)
    assert design.columns[1] == "arm[T.bmc]"
    assert design.grid is not None
    assert design.grid.factors["arm"] == ("control", "bmc")


def test_names_that_are_no_python_names_are_quoted() -> None:
    data = trial().rename(columns={"baseline": "ODI at baseline", "odi": "ODI (%)"})
    _, design = from_formula(
        "`ODI (%)` ~ visit * center(`ODI at baseline`) + `ODI at baseline`", data, **KEYS
    )
    assert "ODI at baseline" in design.covariates


def test_an_outcome_may_be_an_expression() -> None:
    data = trial()
    parsed = parse("{odi - baseline} ~ arm * visit + baseline")
    table = read_long(data, [*parsed.outcome_variables, *parsed.variables], **KEYS)
    observed = data[data["odi"].notna()]
    assert np.array_equal(outcome_values(parsed, table), (observed["odi"] - observed["baseline"]).to_numpy())


def fails(formula: str, data: pd.DataFrame | None = None, **options: Any) -> str:
    with pytest.raises(UsageError) as error:
        from_formula(formula, trial() if data is None else data, **(KEYS | options))
    return str(error.value)


def test_factors_with_one_level_are_named_all_at_once() -> None:
    data = trial()
    data = data[data["arm"] == "bmc"].assign(gender="F")
    message = fails("odi ~ arm * visit + gender", data)
    assert message == (
        "'arm' is 'bmc' in every analysed row; 'gender' is 'F' in every analysed row; "
        "a factor needs two levels: leave it out of the formula"
    )


def test_an_expression_that_looks_at_other_rows_is_refused() -> None:
    message = fails("odi ~ visit + {age - age.mean()}")
    assert "age - age.mean(): the value in a row depends on the other rows; use a transform" in message


def test_an_expression_that_is_missing_in_some_row_is_refused() -> None:
    assert "`log(age - 60)` contains null values" in fails("odi ~ visit + log(age - 60)")


def test_an_expression_that_is_infinite_in_some_row_is_refused() -> None:
    assert "'1 / (age - 50)' is not a finite number in every row" in fails("odi ~ visit + {1 / (age - 50)}")


def test_labels_as_an_outcome_are_refused() -> None:
    assert fails("site ~ visit") == "the outcome 'site' is labels (a, b, c); expected numbers"


def test_an_outcome_that_is_also_a_covariate_is_refused() -> None:
    assert "'odi' is on both sides" in fails("odi ~ odi + visit")


def test_a_subject_in_the_formula_is_refused() -> None:
    assert "the formula names the subject 'subject'" in fails("odi ~ subject + visit")

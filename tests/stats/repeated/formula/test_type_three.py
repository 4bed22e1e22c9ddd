from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from formula_data import CONTROL, KEYS, answers, at_sigma, trial

from armwise.errors import UsageError
from armwise.stats.repeated.fitting import mmrm_wide
from armwise.stats.repeated.formula.by_formula import mmrm
from armwise.stats.repeated.formula.least_squares_means import lsmeans
from armwise.stats.repeated.formula.type_three import TermTests, term_tests

BY_VISIT = "odi ~ arm * visit + baseline * visit + age + gender"
THREE_WAY = "odi ~ arm * visit * gender + age * arm + site"


def agrees(found: TermTests, expected: list[dict[str, Any]], **tolerance: float) -> None:
    ours = {frozenset(test.name.split(":")): test for test in found.tests}
    theirs = {frozenset(row["name"].split(":")): row for row in expected if row["name"] != "(Intercept)"}
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        assert ours[name].df1 == row["df1"], name
        assert ours[name].f == pytest.approx(row["f"], **tolerance), name


@pytest.mark.parametrize("formula", [BY_VISIT, THREE_WAY])
def test_type_three_is_the_marginal_test_under_contr_sum(formula: str) -> None:
    r = answers()["type_three"][formula]
    agrees(term_tests(at_sigma(formula, r["sigma"])), r["terms"], rel=1e-9)


def test_type_three_without_covariates_in_interactions_is_emmeans_joint_tests() -> None:
    r = answers()["joint_tests"]
    agrees(term_tests(at_sigma(r["formula"], r["sigma"])), r["terms"], abs=6e-4)  # R rounds to three decimals


@pytest.mark.parametrize(
    "coded",
    [
        "odi ~ C(arm, contr.sum) * C(visit, contr.helmert) * gender + age * C(arm, contr.sum) + site",
        "odi ~ 0 + arm:visit:gender + arm * visit * gender + age * arm + site",
    ],
)
@pytest.mark.parametrize("kind", ["III", "II"])
def test_tests_of_terms_do_not_depend_on_the_coding(coded: str, kind: Any) -> None:
    sigma = answers()["type_three"][THREE_WAY]["sigma"]
    reference = {"arm": "bmc", "gender": "M"} if "C(" not in coded else CONTROL
    one = term_tests(at_sigma(THREE_WAY, sigma), kind)
    two = term_tests(at_sigma(coded, sigma, reference=reference), kind)
    plain = {name.replace("C(arm, contr.sum)", "arm").replace("C(visit, contr.helmert)", "visit"): name for name in
             (test.name for test in two.tests)}  # fmt: skip
    for test in one.tests:
        other = two[plain.get(test.name, plain.get(":".join(reversed(test.name.split(":"))), test.name))]
        assert (other.df1, other.f) == (test.df1, pytest.approx(test.f, rel=1e-8)), test.name


def test_type_two_is_the_sum_of_squares_beside_the_terms_that_do_not_contain_it() -> None:
    r = answers()["type_two"]
    found = term_tests(at_sigma(r["formula"], r["variance"] * np.eye(4)), "II")
    agrees(found, r["terms"], rel=1e-9)


def test_a_term_with_empty_cells_is_tested_on_what_is_estimable() -> None:
    data = trial()
    data.loc[(data["arm"] == "bmc") & (data["site"] == "c"), "odi"] = np.nan
    fit = mmrm("odi ~ arm * site + visit", data, **KEYS, covariance="cs", reference=CONTROL)
    assert fit.aliased == ("arm[T.bmc]:site[T.c]",)
    found = term_tests(fit)
    # arms are compared over sites a and b; sites: one comparison in both arms, one of c and the mean of a and b
    assert [(test.name, test.df1) for test in found.tests] == [
        ("arm", 1),
        ("site", 2),
        ("visit", 3),
        ("arm:site", 1),
    ]
    over_both = lsmeans(fit, "arm | site").pairs().average("site", {"a": 1, "b": 1})
    assert found["arm"].f == pytest.approx(float(over_both.result.t[0]) ** 2, rel=1e-7)
    other = term_tests(
        mmrm("odi ~ arm * site + visit", data, **KEYS, covariance="cs", reference={"arm": "bmc", "site": "b"})
    )
    for test in found.tests:
        assert other[test.name].f == pytest.approx(test.f, rel=1e-7)


def test_a_term_of_which_nothing_is_estimable_says_so() -> None:
    data = trial()
    data["copy"] = data["age"] * 2
    found = term_tests(mmrm("odi ~ visit + age + copy", data, **KEYS, covariance="cs"))
    assert (found["age"].df1, found["copy"].df1) == (0, 0)
    assert np.isnan(found["age"].p)


def test_degrees_of_freedom_are_those_of_the_fit() -> None:
    fit = mmrm(BY_VISIT, trial(), **KEYS, reference=CONTROL)
    found = term_tests(fit)
    assert found["age"].df2 == pytest.approx(float(_df_of(fit, "age")), rel=1e-9)
    assert found.to_polars().columns == ["name", "f", "df1", "df2", "p"]
    assert repr(found).splitlines()[0] == "Type III tests"
    assert repr(found).splitlines()[1].split() == ["name", "f", "df1", "df2", "p"]


def _df_of(fit: Any, column: str) -> float:
    from armwise.stats.repeated.contrasts import contrasts

    return float(contrasts(fit, np.eye(len(fit.design.columns))[fit.design.columns.index(column)]).df[0])


def test_unknown_types_and_fits_from_arrays_are_refused() -> None:
    fit = mmrm_wide(np.random.default_rng(1).normal(size=(20, 2)), {"arm": np.repeat([0, 1], 10)})
    with pytest.raises(UsageError, match="term_tests needs a model by formula"):
        term_tests(fit)
    with pytest.raises(UsageError, match='type is \'I\'; expected "III" or "II"'):
        term_tests(fit, "I")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no term 'sex'; the terms are visit"):
        term_tests(mmrm("odi ~ visit", trial(), **KEYS))["sex"]

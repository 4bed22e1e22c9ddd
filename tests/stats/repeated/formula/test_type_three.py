from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from formula_data import CONTROL, KEYS, answers, at_sigma, trial

from armwise.errors import FitError, UsageError
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
    assert repr(found).splitlines()[-1] == "age, copy: nothing of it is estimable beside the other terms"


@pytest.mark.parametrize("kind", ["III", "II"])
@pytest.mark.parametrize("terms", ["C(centre) + region", "region + C(centre)"])
def test_a_factor_that_another_factor_determines_has_no_test_and_the_other_has_what_it_adds(
    terms: str, kind: Any
) -> None:
    data = trial()
    data["centre"] = data["site"].map({"a": 1, "b": 2, "c": 3})
    data["region"] = np.where(data["centre"] < 3, "north", "south")
    fit = mmrm(f"odi ~ arm * visit + {terms}", data, **KEYS, reference=CONTROL)
    found = term_tests(fit, kind)
    assert (found["region"].df1, found["region"].note) == (
        0,
        "nothing of it is estimable beside the other terms",
    )
    assert np.isnan([found["region"].f, found["region"].df2, found["region"].p]).all()
    # beside the region, a centre adds the comparison of the two centres in the north
    north = lsmeans(mmrm("odi ~ arm * visit + C(centre)", data, **KEYS, reference=CONTROL), "centre").pairs()
    assert found["C(centre)"].df1 == 1
    assert found["C(centre)"].f == pytest.approx(float(north.result.t[0]) ** 2, rel=1e-6)


@pytest.mark.parametrize("kind", ["III", "II"])
def test_covariates_that_are_functions_of_each_other_have_no_test(kind: Any) -> None:
    fit = mmrm("odi ~ arm * visit + baseline + z", trial().assign(z=lambda d: 2 * d["baseline"] + 1), **KEYS)
    found = term_tests(fit, kind)
    assert [(test.name, test.df1) for test in found.tests] == [
        ("arm", 1), ("visit", 3), ("baseline", 0), ("z", 0), ("arm:visit", 3)
    ]  # fmt: skip


def test_a_factor_that_interacts_with_a_covariate_is_tested_where_the_covariate_is_0() -> None:
    raw = mmrm("odi ~ arm + baseline * visit", trial(), **KEYS)
    centred = mmrm("odi ~ arm + center(baseline) * visit", trial(), **KEYS)
    for fit, at in ((raw, {"baseline": 0}), (centred, None)):
        every = lsmeans(fit, "visit", at=at)
        assert term_tests(fit)["visit"].f == pytest.approx(every.pairs().joint().f, rel=1e-6)
    assert term_tests(raw)["visit"].f != pytest.approx(term_tests(centred)["visit"].f, rel=0.1)


def test_a_term_for_which_kenward_rogers_f_is_not_defined_has_a_note_and_the_others_their_tests() -> None:
    rng = np.random.default_rng(35)
    y = rng.normal(size=(20, 1)) + rng.normal(size=(20, 4))
    y[rng.random((20, 4)) < 0.3] = np.nan
    data = pd.DataFrame({
        "s": np.repeat(np.arange(20), 4), "v": np.tile(list("abcd"), 20), "arm": np.repeat(["n", "o"] * 10, 4),
        "y": y.ravel(),
    })  # fmt: skip
    fit = mmrm("y ~ arm * v", data, subject="s", visit="v")
    found = term_tests(fit)
    assert found["arm"].p == pytest.approx(0.335, abs=1e-3)
    for name in ("v", "arm:v"):
        assert found[name].df1 == 3
        assert np.isnan([found[name].f, found[name].df2, found[name].p]).all()
        assert "use df='satterthwaite'" in found[name].note
    assert repr(found).splitlines()[-1] == f"v, arm:v: {found['v'].note}"
    assert found.to_polars()["note"].to_list() == ["", found["v"].note, found["arm:v"].note]
    with pytest.raises(FitError, match="use df='satterthwaite'"):
        lsmeans(fit, "arm | v").pairs().joint()
    other = term_tests(fit.using(df="satterthwaite"))
    assert all(test.f > 0 and 0 < test.p < 1 and not test.note for test in other.tests)


def test_degrees_of_freedom_are_those_of_the_fit() -> None:
    fit = mmrm(BY_VISIT, trial(), **KEYS, reference=CONTROL)
    found = term_tests(fit)
    assert found["age"].df2 == pytest.approx(float(_df_of(fit, "age")), rel=1e-9)
    assert found.to_polars().columns == ["name", "f", "df1", "df2", "p", "note"]
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

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from formula_data import CONTROL, FIXTURES, KEYS, trial

from armwise.errors import UsageError
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import fit_wide, mmrm_wide
from armwise.stats.repeated.formula.by_formula import from_formula, mmrm, visit_times
from armwise.stats.repeated.formula.least_squares_means import lsmeans

FORMULA = "odi ~ arm * visit + baseline * visit + age + gender"


def fitted(data: Any = None, formula: str = FORMULA, **options: Any) -> Mmrm:
    return mmrm(formula, trial() if data is None else data, **(KEYS | {"reference": CONTROL} | options))


@pytest.mark.parametrize("name", ["trial_60x4", "registry_300x5"])
def test_a_fit_by_formula_is_rs_mmrm_as_far_as_its_optimiser_goes(name: str) -> None:
    r = json.loads((FIXTURES / f"mmrm_{name}.json").read_text())["fits"][0]
    data = pd.read_csv(FIXTURES / f"{name}.csv")
    fit = fitted(data, df="satterthwaite", reference=CONTROL | {"gender": "F"})
    assert (fit.structure.name, r["covariance"], fit.n_observations) == ("unstructured", "us", r["n_obs"])
    assert r["logLik"] - 1e-9 < fit.loglik < r["logLik"] + 1e-4
    theirs = dict(zip(r["coefficients"]["term"], r["coefficients"]["estimate"], strict=True))
    ours = {_as_in_r(column): value for column, value in zip(fit.design.columns, fit.beta, strict=True)}
    assert ours.keys() == theirs.keys()
    for column, value in theirs.items():
        assert ours[column] == pytest.approx(value, rel=1e-3, abs=2e-3)


def _as_in_r(column: str) -> str:
    name = column.replace("[T.", "").replace("]", "").replace("Intercept", "(Intercept)")
    return ":".join(reversed(name.split(":"))) if name.startswith("baseline:") else name


def test_a_fit_by_formula_is_the_fit_from_arrays() -> None:
    data = trial()
    people = data.drop_duplicates("subject").set_index("subject")
    y = data.pivot(index="subject", columns="visit", values="odi").loc[
        people.index, ["m1", "m3", "m6", "m12"]
    ]
    arrays = mmrm_wide(
        y.to_numpy(),
        {"arm": people["arm"] == "bmc", "baseline": people["baseline"]},
        {"age": people["age"], "gender": people["gender"] == "M"},
    )
    fit = fitted()
    assert fit.loglik == pytest.approx(arrays.loglik, rel=1e-12)
    assert fit.sigma == pytest.approx(arrays.sigma, rel=1e-7)


@pytest.mark.parametrize("kind", ["polars", "shuffled", "categorical", "renamed"])
def test_the_kind_of_frame_and_the_order_of_its_rows_do_not_matter(kind: str) -> None:
    data: Any = trial()
    options: dict[str, Any] = {}
    if kind == "polars":
        data = pl.from_pandas(data)
    elif kind == "shuffled":
        data = data.sample(frac=1, random_state=5)
    elif kind == "categorical":
        data["visit"] = pd.Categorical(data["visit"], ["m1", "m3", "m6", "m12"], ordered=True)
    else:
        data = data.rename(columns={"subject": "id", "visit": "week"})
        options = {"subject": "id", "visit": "week", "formula": FORMULA.replace("visit", "week")}
    one, two = fitted(), fitted(data, **options)
    assert two.loglik == pytest.approx(one.loglik, rel=1e-12)
    assert two.beta == pytest.approx(one.beta, rel=1e-6)


def test_the_rows_dropped_are_counted_in_the_fit() -> None:
    data = trial()
    data["age"] = data["age"].astype(float)
    data.loc[data["subject"] == "S001", "age"] = np.nan
    lost = int(data.loc[data["subject"] == "S001", "odi"].notna().sum())
    assert fitted(data).dropped == {"odi": 49, "age": lost}
    wide, design = from_formula(FORMULA, data, **KEYS)
    assert wide.dropped == fit_wide(wide, design).dropped == {"odi": 49, "age": lost}
    with pytest.raises(UsageError, match="missing values"):
        fitted(data, na_action="raise")


def test_groups_weights_and_times_reach_the_fit() -> None:
    data = trial().assign(w=2.0)
    assert fitted(data, group="arm").groups == ("bmc", "control")
    assert fitted(data, weights="w").sigma == pytest.approx(2 * fitted(data).sigma, rel=1e-6)
    listed = fitted(data, covariance="sp_exp", times=[30, 91, 182, 365])
    named = fitted(data, covariance="sp_exp", times={"m3": 91, "m1": 30, "m6": 182, "m12": 365})
    numbers = fitted(data, formula=FORMULA.replace("visit", "days"), covariance="sp_exp", visit="days")
    assert named.loglik == pytest.approx(listed.loglik, rel=1e-12)
    assert numbers.loglik == pytest.approx(listed.loglik, rel=1e-12)
    with pytest.raises(UsageError, match="the time between them is not known"):
        fitted(data, covariance="sp_exp")


def test_one_visit_is_least_squares() -> None:
    data = trial()
    data = data[data["visit"] == "m3"].dropna()
    fit = fitted(data, formula="odi ~ arm + baseline")
    X = np.column_stack([np.ones(len(data)), data["arm"] == "bmc", data["baseline"]])
    beta, rss, *_ = np.linalg.lstsq(X, data["odi"].to_numpy(), rcond=None)
    assert fit.beta == pytest.approx(beta, rel=1e-10)
    assert fit.sigma[0, 0, 0] == pytest.approx(rss[0] / (len(data) - 3), rel=1e-10)
    with pytest.raises(UsageError, match="'visit' is 'm3' in every analysed row"):
        fitted(data)


def test_a_covariance_that_depends_on_the_order_of_the_visits_asks_for_an_order_that_is_not_evident() -> None:
    data = trial()
    data["visit"] = data["visit"].replace({"m1": "early", "m12": "late"})
    fitted(data)
    with pytest.raises(UsageError, match=r"depends on the order of the visits.*give visits=\[\.\.\.\]"):
        fitted(data, covariance="ar1")
    ordered = fitted(data, covariance="ar1", visits=["early", "m3", "m6", "late"])
    assert ordered.loglik == pytest.approx(fitted(covariance="ar1").loglik, rel=1e-12)
    assert ordered.loglik != pytest.approx(
        fitted(covariance="ar1", visits=["m1", "m12", "m3", "m6"]).loglik, rel=1e-6
    )


def test_a_polars_categorical_declares_no_order_and_is_told_what_does() -> None:
    data = pl.from_pandas(trial()).with_columns(pl.col("visit").replace({"m1": "early", "m12": "late"}))
    with pytest.raises(UsageError, match="make the column a pandas Categorical or a Polars Enum"):
        fitted(data.with_columns(pl.col("visit").cast(pl.Categorical)), covariance="ar1")
    order = ["early", "m3", "m6", "late"]
    declared = fitted(data.with_columns(pl.col("visit").cast(pl.Enum(order))), covariance="ar1")
    assert declared.design.visits == tuple(order)


def test_text_visits_with_a_sign_have_the_order_of_their_numbers_and_are_their_times() -> None:
    data = trial()
    data["visit"] = data["visit"].replace({"m1": "-3", "m3": "0", "m6": "6", "m12": "12"})
    assert fitted(data, covariance="ar1").design.visits == ("-3", "0", "6", "12")
    given = fitted(data, covariance="sp_exp", times=[-3, 0, 6, 12])
    assert fitted(data, covariance="sp_exp").loglik == pytest.approx(given.loglik, rel=1e-12)


@pytest.mark.parametrize("reml", ["ML", "REML", 1, None])
def test_a_likelihood_that_is_not_true_or_false_is_refused_and_not_taken_for_reml(reml: Any) -> None:
    with pytest.raises(UsageError, match=rf"reml is {reml!r}; expected True"):
        fitted(reml=reml)


def test_arguments_of_another_kind_are_refused() -> None:
    with pytest.raises(UsageError, match=r"covariance is \['us'\]; expected the name of a structure"):
        fitted(covariance=["us"])
    with pytest.raises(UsageError, match="reference is 'control'; expected factor -> level"):
        fitted(reference="control")
    with pytest.raises(UsageError, match="the table has no rows"):
        fitted(trial().iloc[:0])


def test_times_that_do_not_fit_the_visits_are_refused() -> None:
    assert visit_times(None, ["30", "91"]) == [30.0, 91.0]
    with pytest.raises(UsageError, match="visits m1, m3 are not numbers, so that the time between them"):
        visit_times(None, ["m1", "m3"])
    with pytest.raises(UsageError, match="times has none for visit m3"):
        visit_times({"m1": 1}, ["m1", "m3"])
    with pytest.raises(UsageError, match="times has 1 values for 2 visits"):
        visit_times([1], ["m1", "m3"])
    with pytest.raises(UsageError, match="times is 5; expected visit -> time"):
        visit_times(5, ["m1", "m3"])  # type: ignore[arg-type]
    for bad in (["one", "two"], {"m1": "one", "m3": "two"}):
        with pytest.raises(UsageError, match="times holds 'one'; expected numbers"):
            visit_times(bad, ["m1", "m3"])  # type: ignore[arg-type]


def test_an_unknown_covariance_is_refused_before_the_data_are_read() -> None:
    with pytest.raises(UsageError, match="covariance 'arr1' is not known"):
        fitted(trial().drop(columns="odi"), covariance="arr1")


def test_references_that_are_no_factors_of_the_formula_are_refused() -> None:
    with pytest.raises(UsageError, match="reference names 'site', which is not in the formula"):
        fitted(reference={"site": "a"})
    with pytest.raises(UsageError, match=r"'age', which is numeric; write C\(age, contr.treatment\(50\)\)"):
        fitted(reference={"age": 50})
    with pytest.raises(UsageError, match="'arm' has no level 'placebo'; its levels are bmc, control"):
        fitted(reference={"arm": "placebo"})


def test_a_fit_can_be_saved_and_still_gives_lsmeans() -> None:
    fit = fitted(formula="odi ~ arm * visit + bs(age, df=4) + log(baseline)")
    again = pickle.loads(pickle.dumps(fit))
    assert np.array_equal(lsmeans(again, "arm | visit").L, lsmeans(fit, "arm | visit").L)


def test_the_data_are_not_changed() -> None:
    data = trial()
    fitted(data)
    pd.testing.assert_frame_equal(data, trial())


def test_aliased_columns_are_named_and_the_rest_is_fitted() -> None:
    fit = fitted(trial().assign(copy=lambda d: d["age"] * 2), formula=FORMULA + " + copy")
    assert fit.aliased == ("copy",)
    assert fit.loglik == pytest.approx(fitted().loglik, rel=1e-10)


def test_the_design_serves_without_a_fit() -> None:
    wide, design = from_formula(FORMULA, trial(), **KEYS)
    assert wide.y.shape == (60, 4)
    assert (wide.covariates, wide.visits) == (design.covariates, design.visits)
    assert wide.subjects is not None
    assert wide.subjects[0] == "S001"

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from formula_data import CONTROL, KEYS, answers, at_sigma, trial

from armwise.errors import UsageError
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_wide
from armwise.stats.repeated.formula.by_formula import mmrm
from armwise.stats.repeated.formula.least_squares_means import lsmeans
from armwise.stats.repeated.formula.standardisation import standardised_means


@pytest.fixture(scope="module")
def r() -> dict[str, Any]:
    found: dict[str, Any] = answers()["standardised"]
    return found


@pytest.fixture(scope="module")
def fit(r: dict[str, Any]) -> Mmrm:
    return at_sigma(r["formula"], r["sigma"])


@pytest.mark.parametrize(("target", "se"), [("these subjects", "se"), ("a population", "population")])
def test_standardised_means_are_rs_average_predictions(
    fit: Mmrm, r: dict[str, Any], target: Any, se: str
) -> None:
    found = standardised_means(fit, "arm", visit=["m1", "m12"], reference="control", target=target)
    assert found.n_subjects == r["n"]
    rows = [*found.means.rows(), *found.differences.rows()]
    for row in rows:
        what = row.get("arm", row.get("contrast"))
        (other,) = [x for x in r["rows"] if (x["visit"], x["what"]) == (row["visit"], what)]
        assert row["estimate"] == pytest.approx(other["estimate"], rel=1e-9)
        assert row["se"] == pytest.approx(other[se], rel=1e-9)
        assert row["upper"] - row["estimate"] == pytest.approx(row["estimate"] - row["lower"], rel=1e-9)
    assert len(rows) == len(r["rows"])


def test_with_linear_covariates_they_are_lsmeans_at_the_means_over_subjects() -> None:
    fit = mmrm("odi ~ arm * visit + baseline * visit + age + gender", trial(), **KEYS, reference=CONTROL)
    data = trial()
    people = data[data["subject"].isin(data.loc[data["odi"].notna(), "subject"])].drop_duplicates("subject")
    at = {"baseline": people["baseline"].mean(), "age": people["age"].mean()}
    female = (people["gender"] == "F").mean()
    means = {g: lsmeans(fit, "arm | visit", at=at | {"gender": g}).result.estimate for g in "FM"}
    found = standardised_means(fit, "arm", reference="control")
    assert found.means.result.estimate == pytest.approx(
        female * means["F"] + (1 - female) * means["M"], rel=1e-10
    )
    assert found.differences.result.se == pytest.approx(
        lsmeans(fit, "arm | visit").pairs(reference="control").result.se, rel=1e-9
    )


def test_the_difference_of_a_model_without_effect_modification_has_no_sampling_variance_of_covariates() -> (
    None
):
    fit = mmrm("odi ~ arm * visit + baseline * visit", trial(), **KEYS, reference=CONTROL)
    these, population = (
        standardised_means(fit, "arm", visit="m12", target=target)  # type: ignore[arg-type]
        for target in ("these subjects", "a population")
    )
    assert population.differences.result.se == pytest.approx(these.differences.result.se, rel=1e-9)
    assert (population.means.result.se > these.means.result.se).all()


def test_a_model_without_visits_has_one_mean_an_arm() -> None:
    fit = mmrm("odi ~ arm + baseline", trial(), **KEYS, covariance="cs")
    assert standardised_means(fit, "arm").means.names == ("arm",)
    with pytest.raises(UsageError, match="no effect of the visit"):
        standardised_means(fit, "arm", visit="m12")


def test_visits_may_come_in_any_sequence(fit: Mmrm) -> None:
    listed = standardised_means(fit, "arm", visit=["m12", "m1"]).means
    assert standardised_means(fit, "arm", visit=np.array(["m12", "m1"])).means.rows() == listed.rows()


def test_what_cannot_be_standardised_is_refused(fit: Mmrm) -> None:
    for call, message in (
        (lambda: standardised_means(fit, "age"), "'age' is not a factor to standardise by"),
        (lambda: standardised_means(fit, "visit"), "'visit' is not a factor to standardise by"),
        (lambda: standardised_means(fit, "dose"), "no variable 'dose'"),
        (lambda: standardised_means(fit, "arm", visit="m24"), "'visit' has no level 'm24'"),
        (
            lambda: standardised_means(fit, "arm", visit=[]),
            "visit is an empty list; name a visit, or leave it out",
        ),
        (lambda: standardised_means(fit, ["arm"]), r"has no variable \['arm'\]"),  # type: ignore[arg-type]
        (lambda: standardised_means(fit, "arm", target="all"), "target is 'all'"),  # type: ignore[arg-type]
        (lambda: standardised_means(_from_arrays(), "arm"), "standardised_means needs a model by formula"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def _from_arrays() -> Mmrm:
    return mmrm_wide(np.random.default_rng(1).normal(size=(20, 2)), {"arm": np.repeat([0, 1], 10)})

"""Between-within degrees of freedom: counted by hand, and those of nlme's lme."""

from __future__ import annotations

from dataclasses import replace

import designs
import numpy as np
import pytest
from r_models import r_data, witness
from textbook_structures import Floats

from armwise.errors import UsageError
from armwise.stats.repeated.between_within import between_space, between_within
from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import CONSTANT, Design, crossed_design
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import fit_wide, mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.wide import Wide

MODEL = ("mmrm_trial_60x4", "mmrm_registry_300x5")


def model(data_file: str, names: list[str]) -> tuple[Wide, Design, Floats]:
    """The rows, a design with a mean at each visit, and L with R's coefficients = L beta."""
    data = r_data(data_file)
    y, by_visit, overall = data.wide(names)
    design = crossed_design(data.visits, tuple(by_visit), tuple(overall))
    u = np.column_stack([np.ones(len(y)), *by_visit.values(), *overall.values()])
    return Wide(data.visits, design.covariates, y, u), design, data.to_r(names, design.columns)


def as_in_r(design: Design, names: list[str], L: Floats) -> Design:
    """The same model with R's columns: an intercept, and differences from the first visit."""
    return replace(design, columns=tuple(names), B=design.B @ np.linalg.inv(L), terms=())


@pytest.mark.parametrize(
    ("name", "subjects", "observations", "between", "within"),
    # arm, baseline, age and gender are between subjects: 60 - (1 + 4); 3 visits, 3 arm by visit and 3 baseline by visit
    # are within: 191 - 60 - 9. With one visit more: 300 - 5, 1323 - 300 - 12
    [("mmrm_trial_60x4", 60, 191, 55, 122), ("mmrm_registry_300x5", 300, 1323, 295, 1011)],
)
@pytest.mark.parametrize("coding", ["visits", "differences"])
def test_the_degrees_of_freedom_are_those_counted_by_hand(
    name: str, subjects: int, observations: int, between: int, within: int, coding: str
) -> None:
    terms = witness(name)["fits"][0]["coefficients"]["term"]
    wide, design, L = model(witness(name)["data"], terms)
    if coding == "differences":
        design, L = as_in_r(design, terms, L), np.eye(len(terms))
    fit = fit_wide(wide, design, df="between-within")
    assert (fit.n_subjects, fit.n_observations) == (subjects, observations)
    own = {"armbmc", "baseline", "age", "genderM"}
    expected = [between if term in own else within for term in terms]
    assert between_within(fit, L).tolist() == expected
    assert contrasts(fit, L).df.tolist() == expected


@pytest.mark.parametrize("k", range(5))
def test_they_are_those_of_lme_for_the_levels_of_its_grouping(k: int) -> None:
    w = witness("residuals")["between_within"][k]
    wide, design, L = model(w["data"], w["names"])
    for coded, rows in ((design, L), (as_in_r(design, w["names"], L), np.eye(len(L)))):
        fit = fit_wide(wide, coded, df="between-within")
        assert between_within(fit, rows).tolist() == w["df"]


def test_a_contrast_has_the_fewest_of_what_it_involves_in_any_coding() -> None:
    terms = witness(MODEL[0])["fits"][0]["coefficients"]["term"]
    wide, design, L = model("trial_60x4.csv", terms)
    in_r = fit_wide(wide, as_in_r(design, terms, L), df="between-within")
    crossed = fit_wide(wide, design, df="between-within")
    at = {term: np.eye(len(terms))[k] for k, term in enumerate(terms)}
    cases = [
        (at["armbmc"] + at["armbmc:visitm12"], 55),  # the difference at m12
        (at["armbmc:visitm12"] - at["armbmc:visitm6"], 122),  # its change
        (at["(Intercept)"] + at["visitm12"], 122),
        (at["(Intercept)"] + 50 * at["age"], 55),
        (at["age"] - at["genderM"], 55),
    ]
    rows = np.array([row for row, _ in cases])
    expected = [df for _, df in cases]
    assert between_within(in_r, rows).tolist() == expected
    assert between_within(crossed, rows @ L).tolist() == expected
    assert joint_test(crossed, (rows @ L)[:2]).df2 == 55
    assert np.isnan(between_within(crossed, np.zeros((1, len(terms))))).all()


def changing(values: Floats, y: Floats) -> Mmrm:
    """A covariate with a value at each visit and one coefficient."""
    n, m = y.shape
    names = tuple(f"v{j}" for j in range(m))
    B = np.zeros((m, 1 + m, m + 1))
    for j in range(m):
        B[j, 0, j] = B[j, 1 + j, m] = 1.0
    covariates = (CONSTANT, *(f"x at {v}" for v in names))
    u = np.column_stack([np.ones(n), np.where(np.isnan(y), 0.0, values)])
    design = Design(names, covariates, (*names, "x"), B)
    return fit_wide(Wide(names, covariates, y, u), design, df="between-within")


def test_a_covariate_with_a_value_at_each_visit_is_between_until_one_subject_changes() -> None:
    data = designs.two_by_twenty()
    values = np.repeat(1e4 + 100 * data.by_visit["baseline"][:, None], 4, axis=1)
    rows = np.eye(5)[4:]
    fit = changing(values, data.y)
    assert between_within(fit, rows).tolist() == [fit.n_subjects - 2]
    twice = int(np.flatnonzero(np.isfinite(data.y).all(axis=1))[0])
    values[twice, 2] += 0.5
    fit = changing(values, data.y)
    assert between_within(fit, rows).tolist() == [fit.n_observations - fit.n_subjects - 4]


DIFFERENCES: Floats = np.kron(np.eye(2), np.array([[1.0, 0.0], [1.0, 1.0]]))
"""From an intercept and a difference to two visits, for the mean and for the arm."""


def test_with_one_visit_a_subject_everything_is_between() -> None:
    rng = np.random.default_rng(1)
    y = np.full((40, 2), np.nan)
    y[np.arange(40), np.arange(40) % 2] = rng.normal(size=40)
    fit = mmrm_wide(y, {"arm": np.arange(40) // 2 % 2}, covariance="independence", df="between-within")
    assert between_within(fit, np.eye(4)).tolist() == [36.0] * 4
    K, intercept = between_space(fit)
    assert K.shape == (4, 4)
    assert not intercept.any()
    assert fit.wide is not None
    in_r = as_in_r(fit.design, ["(Intercept)", "visit2", "arm", "visit2:arm"], np.linalg.inv(DIFFERENCES))
    fit = fit_wide(fit.wide, in_r, covariance="independence", df="between-within")
    assert between_space(fit)[1].tolist() == [True, False, False, False]
    assert between_within(fit, np.eye(4)).tolist() == [36.0] * 4


def test_weights_do_not_matter_and_cross_products_are_enough_without_them() -> None:
    data = designs.weighted()
    weighted = mmrm_wide(data.y, data.by_visit, data.overall, weights=data.weights, df="between-within")
    plain = mmrm_wide(data.y, data.by_visit, data.overall, df="between-within")
    rows = np.eye(plain.rank)
    expected = between_within(plain, rows).tolist()
    assert set(expected) == {plain.n_subjects - 4, plain.n_observations - plain.n_subjects - 9}
    assert between_within(weighted, rows).tolist() == expected
    assert plain.wide is not None and weighted.wide is not None
    alone = mmrm_cross_products(cross_products(plain.wide), plain.design, df="between-within")
    assert between_within(alone, rows).tolist() == expected
    alone = mmrm_cross_products(cross_products(weighted.wide), plain.design, df="between-within")
    with pytest.raises(
        UsageError, match="between-within degrees of freedom of a model with weights need its rows"
    ):
        between_within(alone, rows)


def test_an_aliased_column_is_not_counted() -> None:
    data = designs.two_by_twenty()
    plain = mmrm_wide(data.y, data.by_visit, data.overall, df="between-within")
    twice = mmrm_wide(
        data.y, data.by_visit, {**data.overall, "years": data.overall["age"] / 2}, df="between-within"
    )
    assert twice.aliased == ("years",)
    assert between_within(twice, np.eye(14)[:13]).tolist() == between_within(plain, np.eye(13)).tolist()

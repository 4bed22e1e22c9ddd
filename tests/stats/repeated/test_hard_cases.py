"""Where numbers would be wrong or meaningless there is an error, and what does not matter does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.fitting import fit_wide, mmrm_cross_products, mmrm_wide
from armwise.stats.repeated.prediction import fitted_values, predict, simulate
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]


def small(seed: int, n: int, m: int, missing: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 1)) + rng.normal(size=(n, m))
    y[rng.random((n, m)) < missing] = np.nan
    return y, (np.arange(n) % 2).astype(float)


def test_an_f_test_without_a_distribution_is_an_error() -> None:
    refused = 0
    for seed in range(60):
        y, arm = small(seed, 20, 4, 0.3)
        try:
            fit = mmrm_wide(y, {"arm": arm})
        except FitError:
            continue
        try:
            test = joint_test(fit, np.eye(8)[4:])
            assert test.f >= 0 and test.df2 > 2 and 0 <= test.p <= 1
        except FitError as error:
            refused += 1
            assert "use df='satterthwaite'" in str(error)
            one = contrasts(fit, np.eye(8)[4:])
            assert np.all((one.p >= 0) & (one.p <= 1))
    assert refused > 0


def test_a_direction_of_the_covariance_that_the_data_say_nothing_on_is_no_fit() -> None:
    rng = np.random.default_rng(180)
    y = rng.normal(size=(8, 3))
    y[rng.random((8, 3)) < 0.3] = np.nan
    with pytest.raises(FitError) as caught:
        mmrm_wide(y, {"arm": np.arange(8.0) % 2})
    assert caught.value.kind == "not identified"


@pytest.mark.parametrize("unit", [365.25, 525960.0, 1e-6])
def test_the_spatial_exponential_does_not_depend_on_the_unit_of_time(unit: float) -> None:
    rng = np.random.default_rng(4)
    years = np.array([0.1, 0.25, 0.5, 1.0])
    R = 0.4 ** np.abs(np.subtract.outer(years, years))
    y = rng.normal(size=(80, 4)) @ np.linalg.cholesky(9 * R).T
    y[rng.random(y.shape) < 0.15] = np.nan
    arm = np.arange(80.0) % 2
    fits = [
        mmrm_wide(y, {"arm": arm}, covariance="sp_exp", times=(scale * years).tolist(), df=df)
        for scale in (1.0, unit)
        for df in ("kenward-roger", "satterthwaite")
    ]
    L = np.eye(8)
    for a, b in zip(fits[:2], fits[2:], strict=True):
        assert b.loglik == pytest.approx(a.loglik, rel=1e-12)
        np.testing.assert_allclose(b.sigma, a.sigma, rtol=1e-7)
        for name in ("estimate", "se", "df"):
            np.testing.assert_allclose(
                getattr(contrasts(b, L), name), getattr(contrasts(a, L), name), rtol=1e-7, err_msg=name
            )


def test_outcomes_that_the_covariates_say_at_every_visit_have_no_fit_with_any_structure() -> None:
    x = np.random.default_rng(1).normal(50, 10, 30)
    exact = np.column_stack([1.7 * x + 3.1, 2 * x + 0.3, x])
    for y in (exact, np.zeros((30, 3))):
        for covariance in ("us", "cs", "ind", "ar1", "toeph", "adh"):
            with pytest.raises(FitError, match="can fit every outcome exactly"):
                mmrm_wide(y, {"x": x}, covariance=covariance)


def test_sums_that_hold_no_digits_of_the_residual_are_refused_and_rows_are_not() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=80)
    y = rng.normal(size=(80, 3)) + 1e7 * x[:, None]
    design = crossed_design(["a", "b", "c"], ["x"])
    rows = Wide(design.visits, design.covariates, y, np.column_stack([np.ones(80), x]))
    assert np.sqrt(fit_wide(rows, design).sigma[0, 0, 0]) == pytest.approx(1, rel=0.3)
    for covariance in ("us", "cs"):
        with pytest.raises(FitError, match=r"fit from rows|can fit every outcome exactly"):
            mmrm_cross_products(cross_products(rows), design, covariance=covariance)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_visits_that_nearly_determine_each_other_are_fitted_with_gaps_too(missing: float) -> None:
    rng = np.random.default_rng(6)
    first = rng.normal(size=(600, 1))
    y = 10 * np.hstack(
        [first, first + 1e-5 * rng.normal(size=(600, 1)), 0.6 * first + rng.normal(size=(600, 1))]
    )
    y[rng.random(y.shape) < missing] = np.nan
    fit = mmrm_wide(y, {"arm": np.arange(600.0) % 2})
    s = fit.sigma[0]
    assert s[0, 0] + s[1, 1] - 2 * s[0, 1] == pytest.approx(1e-8, rel=0.15)
    assert fit.decrement < 1e-16


def test_a_row_of_rounding_adds_nothing_to_a_joint_test() -> None:
    y, arm = small(1, 40, 3, 0.1)
    fit = mmrm_wide(y, {"arm": arm})
    real = np.eye(6)[3:4]
    noise = np.zeros((1, 6))
    noise[0, 0] = 0.1 + 0.2 - 0.3
    assert noise[0, 0] != 0
    assert joint_test(fit, np.vstack([real, noise])) == joint_test(fit, real)


def test_means_that_are_not_estimable_are_nan_wherever_they_are_asked_for() -> None:
    y, arm = small(2, 40, 3, 0.1)
    y[arm == 1, 2] = np.nan
    fit = mmrm_wide(y, {"arm": arm})
    unknown = np.zeros((40, 3), dtype=bool)
    unknown[arm == 1, 2] = True
    for found in (
        fitted_values(fit), predict(fit).estimate, predict(fit, conditional=True).estimate,
        simulate(fit, 2, np.random.default_rng(0))[1],
    ):  # fmt: skip
        np.testing.assert_array_equal(np.isnan(found), unknown)


def test_the_group_whose_covariance_is_singular_is_named() -> None:
    y, arm = small(3, 60, 3, 0.0)
    group = np.where(np.arange(60) < 30, "bmc", "control")
    y[:30, 2] = y[:30, 1]
    with pytest.raises(FitError, match="in group bmc"):
        mmrm_wide(y, {"arm": arm}, group=group)


def test_several_sums_are_added_by_sum() -> None:
    y, arm = small(4, 60, 3, 0.2)
    rows = [
        Wide(("a", "b", "c"), ("1", "arm"), y[p], np.column_stack([np.ones(20), arm[p]]))
        for p in (slice(0, 20), slice(20, 40), slice(40, 60))
    ]
    total = sum(cross_products(r) for r in rows)
    assert total.n_subjects == 60  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visits": ["m1", "m1", "m3"]}, "expected 3 distinct names"),
        ({"visits": ["m1", "m3"]}, "expected 3 distinct names"),
        ({"reml": "ML"}, "reml is 'ML'; expected True"),
        ({"group": [None] * 40}, "group is missing for 40 subjects"),
        ({"group": [float("nan")] * 40}, "group is missing for 40 subjects"),
        ({"weights": ["a"] * 40}, "weights is not an array of numbers"),
        ({"by_visit": {"arm": ["bmc"] * 40}}, "covariate arm is not an array of numbers"),
        ({"subjects": ["a"]}, "subjects has shape"),
        ({"times": [0, 1, float("nan")], "covariance": "sp_exp"}, "distinct finite numbers"),
    ],
)
def test_wrong_words_and_arrays_are_refused(change: dict[str, object], message: str) -> None:
    y, arm = small(5, 40, 3, 0.1)
    call: dict[str, object] = {"by_visit": {"arm": arm}, **change}
    with pytest.raises(UsageError, match=message):
        mmrm_wide(y, **call)  # type: ignore[arg-type]


def test_visits_named_by_numbers_are_text() -> None:
    y, arm = small(6, 40, 3, 0.1)
    fit = mmrm_wide(y, {"arm": arm}, visits=np.array([1, 3, 12]))  # type: ignore[arg-type]
    assert fit.design.visits == ("1", "3", "12")
    assert "12" in str(fit)


def test_covariates_whose_first_is_not_the_constant_are_refused() -> None:
    y, arm = small(7, 40, 3, 0.1)
    design = crossed_design(["a", "b", "c"], ["arm"])
    with pytest.raises(UsageError, match="first covariate is not 1"):
        fit_wide(Wide(design.visits, design.covariates, y, np.column_stack([arm, np.ones(40)])), design)

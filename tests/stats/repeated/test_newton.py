"""It converges where others are known to stop, and where there is no optimum it says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from designs import sweep
from numpy.typing import NDArray

from armwise.errors import FitError
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_wide
from armwise.stats.repeated.newton import smallest_correlation_eigenvalue

Floats = NDArray[np.float64]
Data = tuple[Floats, dict[str, Floats], dict[str, Floats]]


def ar1(m: int, rho: float, sd: float = 10.0) -> Floats:
    return np.asarray(sd**2 * rho ** np.abs(np.subtract.outer(np.arange(m), np.arange(m))))


def random_slope(m: int, noise: float, sd: float) -> Floats:
    Z = np.column_stack([np.ones(m), np.arange(m)])
    return np.asarray(sd**2 * (Z @ np.array([[1, 0.1], [0.1, 0.02]]) @ Z.T + noise**2 * np.eye(m)))


def simulated(
    rng: np.random.Generator,
    an_arm: int,
    sigma: Floats,
    missing: float,
    monotone: bool = False,
    mean: float = 40.0,
) -> Data:
    n, m = 2 * an_arm, len(sigma)
    arm, base = np.repeat([0.0, 1], an_arm), rng.normal(size=n)
    sd = np.sqrt(sigma[0, 0])
    y = rng.normal(size=(n, m)) @ np.linalg.cholesky(sigma).T + mean
    y += sd * (0.3 * base[:, None] - 0.2 * arm[:, None] * np.arange(m))
    if monotone:
        for i in np.flatnonzero(rng.random(n) < missing):
            y[i, rng.integers(1, m) :] = np.nan
    else:
        y[rng.random((n, m)) < missing] = np.nan
    return y, {"arm": arm, "base": base}, {"age": rng.normal(size=n)}


def converged(data: Data) -> Mmrm:
    fit = mmrm_wide(*data)
    assert fit.decrement < 1e-16
    return fit


def test_five_hundred_identifiable_data_sets_converge_in_a_handful_of_evaluations() -> None:
    evaluations = [converged((s.y, s.by_visit, s.overall)).evaluations for s in sweep(500)]
    assert np.median(evaluations) <= 5
    assert max(evaluations) <= 8


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ten visits of random slopes in large units", lambda r: simulated(r, 500, random_slope(10, 0.2, 1e4), 0.2)),
        ("the same with noise of 2 %", lambda r: simulated(r, 500, random_slope(10, 0.02, 1e4), 0.2)),
        ("SD 0.01", lambda r: simulated(r, 50, ar1(4, 0.6, 0.01), 0.15)),
        ("mean a million times the SD", lambda r: simulated(r, 50, ar1(4, 0.6, 0.01), 0.15, mean=1e4)),
        ("28 parameters from 100 subjects", lambda r: simulated(r, 50, ar1(7, 0.7), 0.4, monotone=True)),
        ("twelve visits", lambda r: simulated(r, 200, ar1(12, 0.8), 0.1, monotone=True)),
    ],
)  # fmt: skip
def test_it_converges_where_others_are_known_to_stop(
    name: str, data: Callable[[np.random.Generator], Data]
) -> None:
    converged(data(np.random.default_rng(7)))


@pytest.mark.parametrize("apart", [1e-4, 1e-6, 1e-9])
def test_nearly_collinear_visits_are_fitted_after_a_second_pass(apart: float) -> None:
    sigma = ar1(3, 0.6)
    sigma[1] = sigma[:, 1] = sigma[0]
    sigma[1, 1], sigma[0, 1], sigma[1, 0] = sigma[0, 0], sigma[0, 0] * (1 - apart), sigma[0, 0] * (1 - apart)
    fit = converged(simulated(np.random.default_rng(3), 100, sigma, 0.1))
    found = smallest_correlation_eigenvalue(fit.sigma)
    assert 0.7 * apart < found < 1.5 * apart
    # What is left of visit 2 given visit 1 is seen directly in the difference of the two.
    y = fit.wide.y  # type: ignore[union-attr]
    both = ~np.isnan(y[:, :2]).any(axis=1)
    X = fit.wide.u[both]  # type: ignore[union-attr]
    left = np.linalg.lstsq(X, (y[:, 1] - y[:, 0])[both], rcond=None)[1]
    s = fit.sigma[0]
    assert s[0, 0] + s[1, 1] - 2 * s[0, 1] == pytest.approx(float(left[0]) / (both.sum() - 4), rel=0.1)


def test_the_likelihood_never_ends_below_that_of_nearby_covariances() -> None:
    from armwise.stats.repeated.fitting import evaluate_at

    fit = converged(simulated(np.random.default_rng(1), 40, ar1(5, 0.8), 0.15))
    assert fit.wide is not None
    rng = np.random.default_rng(2)
    for _ in range(20):
        T = 1e-3 * rng.normal(size=fit.sigma[0].shape)
        L = np.linalg.cholesky(fit.sigma[0])
        near = L @ (np.eye(5) + T + T.T) @ L.T
        assert evaluate_at(fit.wide, fit.design, near).loglik < fit.loglik


def test_sets_too_small_for_their_covariance_are_singular_and_never_numbers() -> None:
    rng = np.random.default_rng(0)
    kinds = []
    for _ in range(100):
        try:
            fit = mmrm_wide(*simulated(rng, 12, ar1(4, 0.6), 0.3))
            kinds.append("ok")
            assert smallest_correlation_eigenvalue(fit.sigma) > 1e-6
            assert fit.decrement < 1e-16
        except FitError as error:
            kinds.append(error.kind)
            assert error.names
    assert kinds.count("singular") > 5
    assert kinds.count("ok") > 50
    assert set(kinds) <= {"ok", "singular", "not identified"}


def test_a_visit_entered_twice_is_named() -> None:
    y, by_visit, overall = simulated(np.random.default_rng(5), 40, ar1(4, 0.6), 0.1)
    y[:, 2] = y[:, 1]
    with pytest.raises(FitError, match="entered twice") as caught:
        mmrm_wide(y, by_visit, overall, visits=["m1", "m3", "m6", "m12"])
    assert caught.value.kind == "singular"
    assert caught.value.names == ("m3", "m6")


def test_a_score_that_is_a_function_of_two_others_is_named() -> None:
    y, by_visit, overall = simulated(np.random.default_rng(5), 40, ar1(4, 0.3), 0.0)
    y[:, 3] = y[:, 0] + y[:, 1]
    with pytest.raises(FitError) as caught:
        mmrm_wide(y, by_visit, overall, visits=["m1", "m3", "m6", "m12"])
    assert caught.value.kind == "singular"
    assert set(caught.value.names) == {"m1", "m3", "m12"}


def test_visits_that_nobody_attended_together_are_named() -> None:
    y, by_visit, overall = simulated(np.random.default_rng(5), 40, ar1(4, 0.6), 0.1)
    y[::2, 1], y[1::2, 3] = np.nan, np.nan
    with pytest.raises(FitError, match="m3 and m12") as caught:
        mmrm_wide(y, by_visit, overall, visits=["m1", "m3", "m6", "m12"])
    assert caught.value.kind == "not identified"
    # A structure with fewer parameters has no such pair.
    assert mmrm_wide(y, by_visit, overall, covariance="heterogeneous-ar1").decrement < 1e-16


def test_a_visit_that_nobody_attended_and_one_that_the_model_fits_exactly_are_named() -> None:
    y, by_visit, overall = simulated(np.random.default_rng(5), 40, ar1(3, 0.6), 0.1)
    empty = y.copy()
    empty[:, 1] = np.nan
    with pytest.raises(FitError, match="nobody has an outcome at m3"):
        mmrm_wide(empty, by_visit, overall, visits=["m1", "m3", "m6"])
    constant = y.copy()
    constant[:, 1] = 7.0
    with pytest.raises(FitError, match="at m3 the columns of the model alone can fit every outcome exactly"):
        mmrm_wide(constant, by_visit, overall, visits=["m1", "m3", "m6"])


def test_a_correlation_that_runs_to_the_end_of_its_range_is_no_fit() -> None:
    e = np.random.default_rng(0).normal(size=(30, 3))
    negative = e - e.mean(axis=1, keepdims=True)
    with pytest.raises(
        FitError, match="spatial exponential covariance runs to the end of its range"
    ) as caught:
        mmrm_wide(negative, {"arm": np.arange(30.0) % 2}, covariance="spatial-exponential")
    assert caught.value.kind == "not converged"
    # A structure that allows negative correlations fits them.
    assert mmrm_wide(negative, {"arm": np.arange(30.0) % 2}, covariance="ar1").sigma[0, 0, 1] < 0


def test_visits_in_units_eight_orders_apart_are_fitted_with_a_covariate_in_common() -> None:
    rng = np.random.default_rng(3)
    sd = np.array([1e-3, 10, 1e5])
    y = rng.normal(size=(60, 3)) @ np.linalg.cholesky(0.5 * np.eye(3) + 0.5).T * sd
    y[rng.random((60, 3)) < 0.15] = np.nan
    fit = converged((y, {"arm": np.arange(60.0) % 2}, {"age": rng.normal(60, 9, 60)}))
    np.testing.assert_allclose(np.sqrt(np.diag(fit.sigma[0])), sd, rtol=0.35)


HETEROGENEOUS = [
    "unstructured", "heterogeneous-ar1", "heterogeneous-toeplitz", "heterogeneous-compound-symmetry",
    "heterogeneous-ante-dependence", "heterogeneous-independence",
]  # fmt: skip


@pytest.mark.parametrize("covariance", HETEROGENEOUS)
@pytest.mark.parametrize("fault", ["constant", "a function of the baseline"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_a_visit_without_a_residual_is_named_whatever_the_structure(
    covariance: str, fault: str, missing: float
) -> None:
    y, by_visit, _ = simulated(np.random.default_rng(5), 30, ar1(4, 0.6), missing)
    seen = ~np.isnan(y[:, 1])
    y[seen, 1] = 0.0 if fault == "constant" else (12 - 0.1 * by_visit["base"])[seen]
    with pytest.raises(FitError, match="at m3 the columns of the model alone can fit every outcome exactly"):
        mmrm_wide(y, by_visit, covariance=covariance, visits=["m1", "m3", "m6", "m12"])


@pytest.mark.parametrize("covariance", ["ar1", "compound-symmetry", "toeplitz", "independence"])
def test_a_common_variance_does_not_need_a_residual_at_every_visit(covariance: str) -> None:
    y, by_visit, _ = simulated(np.random.default_rng(5), 30, ar1(4, 0.2), 0.1)
    y[:, 1] = 0.0
    assert mmrm_wide(y, by_visit, covariance=covariance).decrement < 1e-16


def test_a_residual_of_a_ten_millionth_is_one() -> None:
    rng = np.random.default_rng(5)
    y, by_visit, _ = simulated(rng, 30, ar1(4, 0.2), 0.1)
    y[:, 1] = 12 - by_visit["base"] + 1e-7 * rng.normal(size=60)
    fit = converged((y, by_visit, {}))
    assert np.sqrt(fit.sigma[0, 1, 1]) == pytest.approx(1e-7, rel=0.3)

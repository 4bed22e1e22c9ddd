"""The engine says what the programs of others say: R's mmrm, nlme, emmeans, lme4 with pbkrtest, clubSandwich, stats."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from r_models import r_data, witness
from textbook import apart, apart_each
from textbook_structures import Floats, theta_of

from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.fitted import DfMethod, Mmrm, VcovMethod
from armwise.stats.repeated.fitting import evaluate_at, fit_wide, mmrm_wide
from armwise.stats.repeated.kenward_roger import adjustment
from armwise.stats.repeated.wide import Wide

# -- R's mmrm -------------------------------------------------------------------------------------------------------


def model_of(data_file: str, names: list[str]) -> tuple[Wide, Design, Floats]:
    """The rows, the design, and L with R's coefficients = L beta."""
    data = r_data(data_file)
    y, by_visit, overall = data.wide(names)
    design = crossed_design(data.visits, tuple(by_visit), tuple(overall))
    u = np.column_stack([np.ones(len(y)), *by_visit.values(), *overall.values()])
    return Wide(data.visits, design.covariates, y, u), design, data.to_r(names, design.columns)


def fits_of(name: str) -> list[Any]:
    return [
        pytest.param(
            name, k, id=f"{f['covariance']}-{f['method']}-{f['vcov']}-{'REML' if f['reml'] else 'ML'}"
        )
        for k, f in enumerate(witness(name)["fits"])
    ]


R_FITS = [*fits_of("mmrm_trial_60x4"), *fits_of("mmrm_registry_300x5")]
ROBUST: dict[str, VcovMethod] = {
    "Empirical": "empirical",
    "Empirical-Jackknife": "jackknife",
    "Empirical-Bias-Reduced": "bias-reduced",
}


def methods_of(f: dict[str, Any]) -> tuple[DfMethod, VcovMethod]:
    if f["vcov"] in ROBUST:
        return "satterthwaite", ROBUST[f["vcov"]]
    if f["method"] == "Satterthwaite":
        return "satterthwaite", "model"
    return ("kenward-roger" if f["vcov"] == "Kenward-Roger-Linear" else "kenward-roger-log-cholesky"), "model"


@pytest.mark.parametrize(("name", "k"), R_FITS)
def test_at_the_covariance_of_rs_mmrm_the_engine_says_what_it_says(name: str, k: int) -> None:
    w, f = witness(name), witness(name)["fits"][k]
    df, vcov = methods_of(f)
    expected = f["coefficients"]
    wide, design, L = model_of(w["data"], expected["term"])
    V = np.array(f["V"])

    def at(df: DfMethod) -> Mmrm:
        theta = theta_of(f["covariance"], V)
        return evaluate_at(
            wide, design, V, reml=f["reml"], df=df, vcov=vcov, covariance=f["covariance"], theta=theta
        )

    fit = at(df)
    assert fit.n_observations == f["n_obs"]
    assert fit.loglik == pytest.approx(f["logLik"], rel=1e-13)
    # with maximum likelihood the coefficients count too, as in SAS and nlme; R's mmrm leaves them out
    more = 0 if f["reml"] else len(L)
    assert fit.aic == pytest.approx(f["AIC"] + 2 * more, rel=1e-12)
    assert fit.bic == pytest.approx(f["BIC"] + np.log(fit.n_subjects) * more, rel=1e-12)
    # mmrm stops before its gradient is zero; there the information, and with it degrees of freedom, depend on the
    # parametrisation, and mmrm takes its own for both Kenward-Rogers
    own = at("kenward-roger-log-cholesky")
    vcov_found = linear_in_the_parameters_of(own) if df == "kenward-roger" else fit.vcov
    vcov_found = L @ vcov_found @ L.T
    assert apart_each(L @ fit.beta, expected["estimate"]) < 1e-10
    assert apart_each(np.sqrt(np.diag(vcov_found)), expected["se"]) < 1e-10
    assert apart(vcov_found[np.tril_indices(len(L))], np.concatenate(f["vcov_lower"])) < 1e-10
    tested = contrasts(own if vcov == "model" else fit, L)
    assert apart_each(tested.df, expected["df"]) < 1e-10


def linear_in_the_parameters_of(fit: Mmrm) -> Floats:
    """Kenward and Roger's covariance without second derivatives, the parameters' own covariance being that of `fit`."""
    F = fit.basis.Ri @ fit.optimum.point.Fi.T
    return np.asarray(
        F @ (np.eye(fit.rank) + 2 * adjustment(dataclasses.replace(fit.inference, bend=None))) @ F.T
    )


@pytest.mark.parametrize("name", ["mmrm_trial_60x4", "mmrm_registry_300x5"])
def test_ls_means_and_contrasts_with_intervals_are_emmeans(name: str) -> None:
    w = witness(name)
    for f in w["fits"]:
        df, vcov = methods_of(f)
        if df == "kenward-roger" or (df == "satterthwaite" and vcov == "model"):
            continue  # degrees of freedom in mmrm's own parameters are those of kenward-roger-log-cholesky
        wide, design, _ = model_of(w["data"], f["coefficients"]["term"])
        theta = theta_of(f["covariance"], np.array(f["V"]))
        fit = evaluate_at(wide, design, f["V"], df=df, vcov=vcov, covariance=f["covariance"], theta=theta)
        means = dict(zip(design.covariates, fit.covariate_means, strict=True))

        def row(visit: str, arm: str, design: Design = design, means: dict[str, float] = means) -> Floats:
            at = {
                "armbmc": float(arm == "bmc"),
                "baseline": means["baseline"],
                "age": means["age"],
                "genderM": 0.5,
            }
            return design.row(visit, at)

        e = f["lsmeans"]
        found = contrasts(fit, [row(v, a) for v, a in zip(e["visit"], e["arm"], strict=True)])
        for column in ("estimate", "se", "df", "lower", "upper"):
            assert apart_each(getattr(found, column), e[column]) < 1e-10
        e = f["contrasts"]
        found = contrasts(fit, [row(v, "bmc") - row(v, "control") for v in e["visit"]])
        for column in ("estimate", "se", "df", "lower", "upper"):
            assert apart_each(getattr(found, column), e[column]) < 1e-10
        assert apart_each(found.p, e["p"]) < 1e-9


@pytest.mark.parametrize(("name", "k"), R_FITS)
def test_the_optimum_is_that_of_rs_mmrm_as_far_as_its_optimiser_goes(name: str, k: int) -> None:
    w, f = witness(name), witness(name)["fits"][k]
    df, vcov = methods_of(f)
    expected = f["coefficients"]
    wide, design, L = model_of(w["data"], expected["term"])
    fit = fit_wide(wide, design, covariance=f["covariance"], reml=f["reml"], df=df, vcov=vcov)
    assert fit.decrement < 1e-16
    assert fit.loglik > f["logLik"] - 1e-10 * abs(f["logLik"])
    assert fit.loglik - f["logLik"] < 5e-5
    found = contrasts(fit, L)
    assert np.max(np.abs(found.estimate - expected["estimate"]) / expected["se"]) < 1e-3
    assert apart_each(found.se, expected["se"]) < 1e-3
    assert apart_each(found.df, expected["df"]) < 5e-3
    sd = np.sqrt(np.diag(fit.sigma[0]))
    assert np.max(np.abs(fit.sigma[0] - f["V"]) / np.outer(sd, sd)) < 2e-3


@pytest.mark.parametrize("name", ["mmrm_trial_60x4", "mmrm_registry_300x5"])
def test_the_whitened_gradient_at_the_optimum_is_zero(name: str) -> None:
    w = witness(name)
    wide, design, _ = model_of(w["data"], w["fits"][0]["coefficients"]["term"])
    fit = fit_wide(wide, design)
    assert np.max(np.abs(fit.gradient)) < 1e-8
    at_r = evaluate_at(wide, design, w["fits"][0]["V"])
    assert np.max(np.abs(at_r.gradient)) > 1e-3


# -- nlme, lme4, clubSandwich, and the classical tests ----------------------------------------------------------------


def gls_fits() -> list[Any]:
    return [
        pytest.param(name, k, id=f"{name}-{f['covariance']}-{'REML' if f['reml'] else 'ML'}")
        for name in ("orthodont", "chicks", "trial_60x4")
        for k, f in enumerate(witness("gls")[name]["fits"])
    ]


@pytest.mark.parametrize(("name", "k"), gls_fits())
def test_the_engine_is_nlmes_gls(name: str, k: int) -> None:
    w = witness("gls")[name]
    f = w["fits"][k]
    wide, design, L = model_of(w["data"], f["names"])
    sigma = np.array(f["sigma"])
    at = evaluate_at(
        wide, design, sigma, reml=f["reml"], df="residual", covariance=f["covariance"],
        theta=theta_of(f["covariance"], sigma),
    )  # fmt: skip
    assert at.loglik == pytest.approx(f["logLik"], rel=1e-12)
    assert apart(L @ at.beta, f["beta"]) < 1e-10
    n, q = at.n_observations, len(L)
    # gls with maximum likelihood multiplies the covariance of beta by n / (n - q)
    assert apart(L @ at.vcov @ L.T * (1 if f["reml"] else n / (n - q)), f["vcov"]) < 1e-10
    fit = fit_wide(wide, design, covariance=f["covariance"], reml=f["reml"], df="satterthwaite")
    assert fit.decrement < 1e-16
    assert -1e-10 < fit.loglik - f["logLik"] < 1e-6
    se = np.sqrt(np.diag(np.array(f["vcov"])))
    assert np.max(np.abs(L @ fit.beta - f["beta"]) / se) < 1e-4
    sd = np.sqrt(np.diag(sigma))
    assert np.max(np.abs(fit.sigma[0] - sigma) / np.outer(sd, sd)) < 1e-3


@pytest.mark.parametrize("k", range(6))
def test_times_weights_and_independence_are_nlmes_gls(k: int) -> None:
    w = witness("gls")["others"]
    f = w["fits"][k]
    wide, design, L = model_of(w["data"], f["names"])
    if f["weights"]:
        baseline = wide.u[:, design.covariates.index("baseline")]
        wide = dataclasses.replace(wide, weights=baseline[:, None] * (2 + np.arange(4)) / 100)
    times, kind, sigma = f.get("times"), f["covariance"], np.array(f["sigma"])
    at = evaluate_at(
        wide, design, sigma, df="residual", covariance=kind, theta=theta_of(kind, sigma, times), times=times
    )  # fmt: skip
    assert at.loglik == pytest.approx(f["logLik"], rel=1e-12)
    assert apart(L @ at.beta, f["beta"]) < 1e-10
    assert apart(L @ at.vcov @ L.T, f["vcov"]) < 1e-10
    fit = fit_wide(wide, design, covariance=kind, times=times)
    assert fit.decrement < 1e-16
    assert -1e-10 < fit.loglik - f["logLik"] < 1e-7
    assert apart(fit.sigma[0], sigma) < 1e-3


@pytest.mark.parametrize("name", ["orthodont", "chicks", "trial_60x4"])
@pytest.mark.parametrize(("vcov", "theirs"), [("empirical", "CR0"), ("jackknife", "CR3")])
def test_robust_covariances_are_clubsandwichs(name: str, vcov: VcovMethod, theirs: str) -> None:
    w = witness("gls")[name]
    f = next(f for f in w["fits"] if theirs in f)
    wide, design, L = model_of(w["data"], f["names"])
    fit = evaluate_at(wide, design, f["sigma"], df="satterthwaite", vcov=vcov)
    assert apart(L @ fit.vcov @ L.T, f[theirs]["vcov"]) < 1e-10
    assert apart_each(contrasts(fit, L).df, f[theirs]["df"]) < 1e-10


@pytest.mark.parametrize("name", ["orthodont", "sleep"])
def test_on_complete_data_compound_symmetry_is_pbkrtests_kenward_roger(name: str) -> None:
    """There the observed information at the optimum is the expected one, which pbkrtest takes."""
    w = witness("pbkrtest")[name]
    wide, design, L = model_of(w["data"], w["names"])
    fit = fit_wide(wide, design, covariance="cs", df="kenward-roger")
    assert fit.loglik == pytest.approx(w["logLik"], abs=1e-9)
    assert apart(L @ fit.beta, w["beta"]) < 1e-10
    assert apart(L @ fit.vcov @ L.T, w["vcov_adjusted"]) < 1e-6
    assert apart_each(contrasts(fit, L).df, w["df"]) < 1e-6
    for t in w["tests"].values():
        test = joint_test(fit, np.array(t["L"]) @ L)
        assert (
            apart_each([test.f, test.df1, test.df2, test.scale], [t["F"], t["df1"], t["df2"], t["scaling"]])
            < 1e-6
        )
        assert test.p == pytest.approx(t["p"], rel=1e-5)


@pytest.mark.parametrize("df", ["kenward-roger", "satterthwaite", "residual"])
def test_one_visit_is_least_squares(df: DfMethod) -> None:
    w = witness("classical")["one_visit"]
    data = r_data(w["data"])
    y, by_visit, overall = data.wide([*w["names"], "armbmc:visitm3"])
    last = y[:, [data.visits.index(w["visit"])]]
    fit = mmrm_wide(last, {**by_visit, **overall}, visits=[w["visit"]], df=df)
    found = contrasts(fit, np.eye(len(fit.design.columns)))
    names = ["(Intercept)", *by_visit, *overall]
    expected = [w["names"].index(name) for name in names]
    assert apart_each(found.estimate, np.array(w["beta"])[expected]) < 1e-10
    assert apart_each(found.se, np.array(w["se"])[expected]) < 1e-10
    assert apart_each(found.df, w["df"]) < 1e-9
    assert fit.sigma[0, 0, 0] == pytest.approx(w["sigma2"], rel=1e-10)
    assert fit.loglik == pytest.approx(w["logLik_reml"], rel=1e-12)


def test_two_complete_visits_are_the_paired_t_test() -> None:
    w = witness("classical")["two_visits"]
    data = r_data(w["data"])
    y = data.wide(["(Intercept)"])[0][:, [data.visits.index(v) for v in w["visits"]]]
    found = contrasts(mmrm_wide(y, visits=w["visits"]), [-1.0, 1.0])
    for name, value in (
        ("estimate", "difference"),
        ("t", "t"),
        ("df", "df"),
        ("se", "se"),
        ("lower", "lower"),
    ):
        assert getattr(found, name)[0] == pytest.approx(w[value], rel=1e-10)
    assert found.p[0] == pytest.approx(w["p"], rel=1e-8)
    assert found.upper[0] == pytest.approx(w["upper"], rel=1e-10)


CHANGE = np.diff(np.eye(4), axis=0)


@pytest.mark.parametrize(
    ("case", "groups", "L", "null"),
    [
        ("hotelling_change", 0, CHANGE, 0.0),
        ("hotelling_level", 0, np.eye(4), 24.0),
        ("hotelling_profiles", 1, np.hstack([np.zeros((3, 4)), CHANGE]), 0.0),
        ("hotelling_groups", 1, np.hstack([np.zeros((4, 4)), np.eye(4)]), 0.0),
    ],
)
def test_complete_data_give_hotellings_t_squared_to_twelve_digits(
    case: str, groups: int, L: Floats, null: float
) -> None:
    w = witness("classical")[case]
    y, by_visit, _ = r_data(w["data"]).wide(["(Intercept)", "sexfemale", "sexfemale:visitage10"])
    test = joint_test(mmrm_wide(y - null, by_visit if groups else {}), L)
    assert apart_each([test.f, test.df1, test.df2], [w["F"], w["df1"], w["df2"]]) < 1e-12
    assert test.scale == pytest.approx(w["df2"] / (len(y) - 1 - groups), rel=1e-12)
    assert test.p == pytest.approx(w["p"], rel=1e-10)

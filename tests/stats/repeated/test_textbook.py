"""The oracle of these tests is itself right: against differences, closed forms, and programs of others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import designs
import numpy as np
import pytest
from r_models import RData, r_data, witness
from scipy.linalg import null_space
from scipy.stats import multivariate_normal
from textbook import Evaluation, Model, apart, evaluated, fitted, loglik, start, subjects_of
from textbook_structures import Floats, structure, theta_of

NAMES = ("us", "vech", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "ad", "adh", "ind", "indh", "sp_exp")
TIMES = (0.0, 1.0, 3.0, 6.5)


def some_theta(name: str, m: int = 4) -> Floats:
    """An arbitrary admissible theta, nowhere near an optimum."""
    rng = np.random.default_rng(len(name))
    S = structure(name, m, TIMES)
    if name == "vech":
        A = rng.normal(size=(m, m))
        return theta_of("vech", 80 * (A @ A.T + np.eye(m)))
    sds = rng.uniform(2, 2.5, m if name.endswith("h") or name == "us" else 1)
    return np.concatenate([sds, rng.uniform(0.2, 0.6, S.size - len(sds))])


def some_model(name: str, reml: bool = True) -> Model:
    """Twenty-four subjects with missing visits, weights and two covariance groups."""
    data = designs.two_by_twelve()
    rng = np.random.default_rng(1)
    group = (np.arange(len(data.y)) % 2).astype(np.intp)
    weights = rng.uniform(0.5, 2, size=data.y.shape)
    subjects = subjects_of(data.y, data.by_visit, data.overall, group, weights)
    return Model(subjects, (structure(name, 4, TIMES), structure(name, 4, TIMES)), reml)


def two_thetas(name: str) -> Floats:
    theta = some_theta(name)
    return np.concatenate([theta, 1.07 * theta])


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_of_a_covariance_lead_back_to_it(name: str) -> None:
    S, theta = structure(name, 4, TIMES), some_theta(name)
    assert len(theta) == S.size
    assert apart(theta_of(name, S(theta), TIMES), theta) < 1e-12
    assert np.linalg.eigvalsh(S(theta))[0] > 0


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_a_covariance_are_those_of_complex_steps_and_of_differences(name: str) -> None:
    S, theta = structure(name, 4, TIMES), some_theta(name)
    first, second = S.first(theta), S.second(theta)
    for a, e in enumerate(np.eye(S.size)):
        assert apart(first[a], S.sigma(theta + 1e-30j * e).imag / 1e-30) < 1e-14
        h = 1e-3 * np.abs(theta[a])
        ahead, back, further, behind = (S.first(theta + k * h * e) for k in (1, -1, 2, -2))
        difference = (8 * (ahead - back) - (further - behind)) / (12 * h)
        scale = max(float(np.max(np.abs(difference))), float(np.max(np.abs(first))))
        assert np.max(np.abs(second[a] - difference)) < 1e-9 * scale


def test_the_likelihood_is_the_density_of_the_data() -> None:
    theta = two_thetas("us")
    model = some_model("us", reml=False)
    e = Evaluation(model, theta)
    density = sum(
        multivariate_normal.logpdf(s.y, s.X @ e.beta, V) for s, V in zip(model.subjects, e.V, strict=True)
    )
    assert loglik(model, theta) == pytest.approx(density, rel=1e-13)


def test_the_restricted_likelihood_is_the_density_of_error_contrasts_less_half_log_det_of_cross_products() -> (
    None
):
    theta = two_thetas("us")
    model = some_model("us")
    X, e = model.X, Evaluation(model, theta)
    K = null_space(X.T)
    V = np.linalg.inv(e.W.toarray())
    density = multivariate_normal.logpdf(K.T @ model.y, cov=K.T @ V @ K)
    assert loglik(model, theta) == pytest.approx(density - np.linalg.slogdet(X.T @ X)[1] / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "reml"), [*((name, True) for name in NAMES), ("csh", False), ("sp_exp", False)]
)
def test_gradient_and_information_are_those_of_the_likelihood(name: str, reml: bool) -> None:
    model, theta = some_model(name, reml), two_thetas(name)
    e = Evaluation(model, theta)
    eye = np.eye(len(theta))
    complex_step = np.array([loglik(model, theta + 1e-25j * d).imag / 1e-25 for d in eye])
    assert apart(e.gradient, complex_step) < 1e-11
    H = []
    for t, d in zip(theta, eye, strict=True):
        h = 1e-3 * abs(t)
        ahead, back, further, behind = (Evaluation(model, theta + k * h * d).gradient for k in (1, -1, 2, -2))
        H.append((8 * (ahead - back) - (further - behind)) / (12 * h))
    assert apart(e.observed, -np.array(H)) < 1e-8


def test_expected_information_is_the_mean_of_the_observed() -> None:
    base, theta = some_model("cs"), two_thetas("cs")
    L = np.linalg.cholesky(np.linalg.inv(Evaluation(base, theta).W.toarray()))
    ends = np.cumsum([len(s.y) for s in base.subjects])[:-1]
    # the observed information is quadratic in y, so n outcomes with second moment V have its exact mean
    total = np.zeros((len(theta), len(theta)))
    for column in L.T:
        parts = np.split(column * np.sqrt(len(L)), ends)
        subjects = [replace(s, y=part) for s, part in zip(base.subjects, parts, strict=True)]
        total += Evaluation(Model(subjects, base.structures), theta).observed
    assert apart(total / len(L), Evaluation(base, theta).expected) < 1e-10


def test_on_complete_data_the_informations_agree_at_the_optimum() -> None:
    y = r_data("orthodont.csv").wide(["(Intercept)"])[0]
    e = fitted(subjects_of(y), "vech")
    assert apart(e.observed, e.expected) < 1e-11


def test_kenward_roger_with_second_derivatives_is_that_without_when_the_parametrisation_is_linear() -> None:
    e = Evaluation(some_model("vech"), two_thetas("vech"))
    assert np.array_equal(e.kenward_roger(second=True), e.kenward_roger(second=False))


@pytest.mark.parametrize("information", ["observed", "expected"])
def test_kenward_roger_degrees_of_freedom_of_one_contrast_are_satterthwaites(information: str) -> None:
    data = designs.two_by_twenty()
    e = fitted(subjects_of(data.y, data.by_visit, data.overall), "us")
    for c in np.random.default_rng(2).normal(size=(3, len(e.beta))):
        _, df, scale = e.kenward_roger_f(c[None], second=True, information=information)
        assert df == pytest.approx(e.satterthwaite(c, information), rel=1e-10)
        assert scale == pytest.approx(1, rel=1e-12)


def test_fai_cornelius_on_uncorrelated_equal_contrasts_has_the_degrees_of_freedom_of_each() -> None:
    y = r_data("orthodont.csv").wide(["(Intercept)"])[0]
    e = fitted(subjects_of(y[:, :1]), "us")
    assert e.satterthwaite(np.ones(1)) == pytest.approx(len(y) - 1, rel=1e-10)
    groups = {"a": (np.arange(len(y)) % 3 == 0) * 1.0, "b": (np.arange(len(y)) % 3 == 1) * 1.0}
    e = fitted(subjects_of(y[:, :1], groups), "us")
    _, df = e.fai_cornelius(np.eye(3)[1:])
    assert df == pytest.approx(len(y) - 3, rel=1e-9)


def test_one_visit_is_least_squares() -> None:
    w = witness("classical")["one_visit"]
    data = r_data(w["data"])
    last = {s: [r for r in rows if r["visit"] == w["visit"]] for s, rows in data.by_subject.items()}
    subjects = RData((w["visit"],), data.outcome, {s: r for s, r in last.items() if r}).subjects(w["names"])
    e = fitted(subjects, "us")
    assert apart(e.beta, w["beta"]) < 1e-12
    assert apart(np.sqrt(np.diag(e.Phi)), w["se"]) < 1e-12
    assert e.sigmas[0][0, 0] == pytest.approx(w["sigma2"], rel=1e-11)
    assert e.satterthwaite(np.eye(len(e.beta))[1]) == pytest.approx(w["df"], rel=1e-9)
    ml = fitted(subjects, "us", reml=False)
    assert ml.loglik == pytest.approx(w["logLik_ml"], rel=1e-12)
    assert e.loglik == pytest.approx(w["logLik_reml"], rel=1e-11)


def test_two_complete_visits_are_the_paired_t_test() -> None:
    w = witness("classical")["two_visits"]
    data = r_data(w["data"])
    keep = [data.visits.index(v) for v in w["visits"]]
    e = fitted(subjects_of(data.wide(["(Intercept)"])[0][:, keep]), "us")
    F, df, _ = e.kenward_roger_f(np.array([[-1.0, 1.0]]), second=False)
    assert (F, df) == pytest.approx((w["t"] ** 2, w["df"]), rel=1e-10)


def change(m: int) -> Floats:
    """Successive differences."""
    return np.diff(np.eye(m), axis=0)


@pytest.mark.parametrize(
    ("case", "groups", "L", "null"),
    [
        ("hotelling_change", 0, change(4), 0.0),
        ("hotelling_level", 0, np.eye(4), 24.0),
        ("hotelling_profiles", 1, np.hstack([np.zeros((3, 4)), change(4)]), 0.0),
        ("hotelling_groups", 1, np.hstack([np.zeros((4, 4)), np.eye(4)]), 0.0),
    ],
)
def test_complete_data_give_hotellings_t_squared(case: str, groups: int, L: Floats, null: float) -> None:
    w = witness("classical")[case]
    y, by_visit, _ = r_data(w["data"]).wide(["(Intercept)", "sexfemale", "sexfemale:visitage10"])
    e = fitted(subjects_of(y - null, by_visit if groups else {}), "us")
    F, df, scale = e.kenward_roger_f(L, second=False)
    assert (F, df) == pytest.approx((w["F"], w["df2"]), rel=1e-11)
    between = len(y) - 1 - groups
    assert scale == pytest.approx(df / between, rel=1e-11)


def cases(name: str) -> list[Any]:
    fits = witness(name)["fits"]
    return [
        pytest.param(
            name, k, id=f"{f['covariance']}-{f['method']}-{f['vcov']}-{'REML' if f['reml'] else 'ML'}"
        )
        for k, f in enumerate(fits)
        if "trial" in name or f["covariance"] in ("cs", "ar1")  # the others take seconds each
    ]


@pytest.mark.parametrize(("name", "k"), [*cases("mmrm_trial_60x4"), *cases("mmrm_registry_300x5")])
def test_at_the_covariance_of_rs_mmrm_the_oracle_says_what_it_says(name: str, k: int) -> None:
    w, f = witness(name), witness(name)["fits"][k]
    expected = f["coefficients"]
    e = evaluated(
        r_data(w["data"]).subjects(expected["term"]), f["covariance"], [np.array(f["V"])], reml=f["reml"]
    )
    eye = np.eye(len(e.beta))
    robust = {
        "Empirical": "empirical",
        "Empirical-Jackknife": "jackknife",
        "Empirical-Bias-Reduced": "bias-reduced",
    }.get(f["vcov"])
    if robust:
        vcov, df = e.robust(robust), [e.bell_mccaffrey(c, robust) for c in eye]
    else:
        kr = f["method"] == "Kenward-Roger"
        vcov = e.kenward_roger(second=f["vcov"] == "Asymptotic") if kr else e.Phi
        df = [e.satterthwaite(c) for c in eye]
    assert e.loglik == pytest.approx(f["logLik"], rel=1e-13)
    assert apart(e.beta / expected["estimate"], 1.0) < 1e-10
    assert apart(np.sqrt(np.diag(vcov)) / expected["se"], 1.0) < 1e-11
    assert apart(df / np.array(expected["df"]), 1.0) < 1e-11
    lower = np.concatenate(f["vcov_lower"])
    assert apart(vcov[np.tril_indices(len(vcov))], lower) < 1e-11


@pytest.mark.parametrize("name", ["orthodont", "chicks", "trial_60x4"])
def test_at_the_covariance_of_nlmes_gls_the_oracle_says_what_it_says(name: str) -> None:
    w = witness("gls")[name]
    for f in w["fits"]:
        e = evaluated(
            r_data(w["data"]).subjects(f["names"]), f["covariance"], [np.array(f["sigma"])], reml=f["reml"]
        )
        assert e.loglik == pytest.approx(f["logLik"], rel=1e-12)
        assert apart(e.beta, f["beta"]) < 1e-11
        n, q = e.model.X.shape
        # gls with maximum likelihood multiplies the covariance of beta by n / (n - q)
        assert apart(e.Phi * (1 if f["reml"] else n / (n - q)), f["vcov"]) < 1e-11
        for ours, theirs in (("empirical", "CR0"), ("jackknife", "CR3")):
            if theirs in f:
                assert apart(e.robust(ours), f[theirs]["vcov"]) < 1e-11
                df = [e.bell_mccaffrey(c, ours) for c in np.eye(q)]
                assert apart(df, f[theirs]["df"]) < 1e-11


def test_times_weights_and_independence_are_those_of_nlmes_gls() -> None:
    w = witness("gls")["others"]
    data = r_data(w["data"])
    baselines = [float(rows[0]["baseline"]) for rows in data.by_subject.values()]
    for f in w["fits"]:
        subjects = data.subjects(f["names"])
        if f["weights"]:
            subjects = [
                replace(s, weights=b * (2 + s.visits) / 100) for s, b in zip(subjects, baselines, strict=True)
            ]
        e = evaluated(subjects, f["covariance"], [np.array(f["sigma"])], times=f.get("times"))
        assert e.loglik == pytest.approx(f["logLik"], rel=1e-12)
        assert apart(e.beta, f["beta"]) < 1e-11
        assert apart(e.Phi, f["vcov"]) < 1e-11


@pytest.mark.parametrize("name", ["orthodont", "sleep", "chicks", "trial_60x4"])
def test_compound_symmetry_in_two_variances_is_pbkrtests_kenward_roger(name: str) -> None:
    w = witness("pbkrtest")[name]
    data = r_data(w["data"])
    sigma = w["variance_subject"] + w["variance_error"] * np.eye(len(data.visits))
    e = evaluated(data.subjects(w["names"]), "vech_cs", [sigma])
    assert e.loglik == pytest.approx(w["logLik"], rel=1e-12)
    assert apart(e.beta, w["beta"]) < 1e-11
    assert apart(e.Phi, w["vcov"]) < 1e-11
    assert apart(e.kenward_roger(second=True, information="expected"), w["vcov_adjusted"]) < 1e-11
    df = [e.satterthwaite(c, "expected") for c in np.eye(len(e.beta))]
    assert apart(df, w["df"]) < 1e-10
    for t in w["tests"].values():
        found = e.kenward_roger_f(np.array(t["L"]), second=True, information="expected")
        assert found == pytest.approx((t["F"], t["df2"], t["scaling"]), rel=1e-9)


@cache
def optimum_of_two_by_twenty(name: str) -> Evaluation:
    data = designs.two_by_twenty()
    return fitted(subjects_of(data.y, data.by_visit, data.overall), name, times=TIMES)


@pytest.mark.parametrize("name", NAMES)
def test_newtons_method_reaches_an_optimum_of_every_structure(name: str) -> None:
    e = optimum_of_two_by_twenty(name)
    assert e.decrement < 1e-18
    assert np.linalg.eigvalsh(e.observed)[0] > 0
    assert e.loglik > loglik(e.model, start(e.model, name, 4, TIMES))


@pytest.mark.parametrize(
    "chain", [("ind", "ar1", "ar1h", "adh", "us"), ("ind", "cs", "csh", "us"), ("cs", "toep", "toeph", "us")]
)
def test_the_optima_of_nested_structures_are_in_their_order(chain: tuple[str, ...]) -> None:
    values = [optimum_of_two_by_twenty(name).loglik for name in chain]
    assert values == sorted(values)


def test_the_optimum_does_not_depend_on_the_parametrisation() -> None:
    a, b = optimum_of_two_by_twenty("us"), optimum_of_two_by_twenty("vech")
    assert a.loglik == pytest.approx(b.loglik, abs=1e-10)
    assert apart(a.sigmas[0], b.sigmas[0]) < 1e-9
    assert a.satterthwaite(np.eye(len(a.beta))[7]) == pytest.approx(
        b.satterthwaite(np.eye(len(b.beta))[7]), rel=1e-8
    )

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from armwise.errors import UsageError
from armwise.stats.means import t_quantile
from armwise.stats.proportions import wilson
from armwise.stats.weighting import (
    overlap_mean_difference,
    overlap_risk_difference,
    overlap_weights,
    propensity,
)


def study(seed, n=80, k=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    z = rng.random(n) < expit(X @ np.linspace(0.7, -0.5, k))
    y = 2 * z + X @ np.linspace(1, 2, k) + rng.normal(size=n)
    return X, z, y


def covariates(r):
    return {name: r[name] for name in ("age", "opioid", "pain")}


@pytest.mark.parametrize("name", ["mean", "small"])
def test_means_and_their_covariance_are_those_of_delicatessen_times_the_correction(witness, name):
    r = witness("weighting")[name]
    found = overlap_mean_difference(r["y"], r["treated"], covariates(r))
    n, p = len(r["y"]), 4
    V = np.array(r["covariance_uncorrected"]) * n / (n - p - 1)
    assert [found.arm.estimate, found.versus.estimate] == pytest.approx(r["means"], rel=1e-8)
    assert [found.arm.se**2, found.versus.se**2, found.covariance] == pytest.approx(
        [V[0, 0], V[1, 1], V[0, 1]], rel=1e-8
    )
    se = math.sqrt(V[0, 0] + V[1, 1] - 2 * V[0, 1])
    half = t_quantile(n - p - 1, 0.95) * se
    d = r["means"][0] - r["means"][1]
    e = found.difference
    assert [e.estimate, e.se, e.lower, e.upper] == pytest.approx([d, se, d - half, d + half], rel=1e-8)
    assert e.df == n - p - 1


def test_risks_and_their_covariance_are_those_of_delicatessen_times_the_correction(witness):
    r = witness("weighting")["risk"]
    found = overlap_risk_difference(r["y"], r["treated"], covariates(r))
    n, p = len(r["y"]), 4
    V = np.array(r["covariance_uncorrected"]) * n / (n - p - 1)
    assert [found.arm.estimate, found.versus.estimate] == pytest.approx(r["means"], rel=1e-8)
    assert [found.arm.se**2, found.versus.se**2, found.covariance] == pytest.approx(
        [V[0, 0], V[1, 1], V[0, 1]], rel=1e-8
    )


def test_a_risk_difference_is_mover_of_two_wilson_intervals_written_out(witness):
    r = witness("weighting")["risk"]
    found = overlap_risk_difference(r["y"], r["treated"], covariates(r))
    n, p, z = len(r["y"]), 4, 1.959963984540054
    V = np.array(r["covariance_uncorrected"]) * n / (n - p - 1)
    sizes = [sum(r["treated"]), n - sum(r["treated"])]
    limits = []
    for risk, variance, size in zip(r["means"], np.diag(V), sizes, strict=True):
        m = min(risk * (1 - risk) / variance, size)
        # Wilson's limits as the roots of (risk - p)^2 = z^2 p (1 - p) / m
        limits.append(np.sort(np.roots([1 + z * z / m, -(2 * risk + z * z / m), risk**2])))
    rho = V[0, 1] / math.sqrt(V[0, 0] * V[1, 1])
    (l1, u1), (l0, u0) = limits
    r1, r0 = r["means"]
    a, b, c, d = r1 - l1, u0 - r0, u1 - r1, r0 - l0
    lower = r1 - r0 - math.sqrt(a * a + b * b - 2 * rho * a * b)
    upper = r1 - r0 + math.sqrt(c * c + d * d - 2 * rho * c * d)
    e = found.difference
    assert [e.estimate, e.lower, e.upper] == pytest.approx([r1 - r0, lower, upper], rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5000))
def test_the_weighted_difference_is_the_weighted_regression_on_the_same_covariates(seed):
    X, z, y = study(seed)
    found = overlap_mean_difference(y, z, X)
    assume(found.difference.status == "ok")
    w = overlap_weights(found.propensity.scores, z)
    D = np.column_stack([np.ones(len(y)), z, X])
    beta = np.linalg.solve((D * w[:, None]).T @ D, (D * w[:, None]).T @ y)
    assert found.difference.estimate == pytest.approx(beta[1], rel=1e-7, abs=1e-8)
    balance = [np.average(X[g], axis=0, weights=w[g]) for g in (z, ~z)]
    assert balance[0] == pytest.approx(balance[1], abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5000), st.integers(-100, 100))
def test_order_and_constants_change_nothing_and_swapping_arms_flips_the_sign(seed, constant):
    X, z, y = study(seed, n=50)
    a = overlap_mean_difference(y, z, X).difference
    order = np.random.default_rng(seed).permutation(50)
    b = overlap_mean_difference(y[order] + constant, z[order], X[order] * 3 + 7).difference
    c = overlap_mean_difference(y, ~z, X).difference
    assume(a.status == "ok")
    numbers = [a.estimate, a.se, a.lower, a.upper]
    assert [b.estimate, b.se, b.lower, b.upper] == pytest.approx(numbers, rel=1e-6, abs=1e-8)
    assert [-c.estimate, c.se, -c.upper, -c.lower] == pytest.approx(numbers, rel=1e-6, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5000), st.floats(-0.3, 0.6))
def test_p_is_the_level_at_which_the_limit_touches_the_null(seed, null):
    X, z, y = study(seed, n=60)
    e = overlap_risk_difference(y > 1, z, X, null=null).difference
    assume(e.status == "ok" and 1e-9 < e.p < 1 - 1e-9)
    touching = overlap_risk_difference(y > 1, z, X, conf_level=1 - e.p).difference
    nearer = touching.lower if e.estimate > null else touching.upper
    assert nearer == pytest.approx(null, abs=1e-7)


def test_separated_arms_are_not_estimable_and_the_covariate_is_named():
    X, z, y = study(1)
    found = overlap_mean_difference(y, z, {"x": X[:, 0], "eligible": z.astype(float)})
    for e in (found.difference, found.arm, found.versus):
        assert e.status == "not estimable" and "separate the arms (eligible)" in e.reason
    assert found.ess_arm is None and found.covariance is None
    risk = overlap_risk_difference(y > 0, z, {"eligible": z.astype(float)})
    assert risk.difference.status == "not estimable"


def test_more_coefficients_than_subjects_allow_are_not_estimable():
    rng = np.random.default_rng(0)
    z = np.array([0, 1, 0, 1, 0, 1])
    found = overlap_mean_difference(rng.normal(size=6), z, rng.normal(size=(6, 5)))
    assert found.difference.status == "not estimable"


def test_an_outcome_without_variation_has_no_interval():
    X, z, _ = study(2)
    assert "no variation" in overlap_mean_difference(np.full(80, 0.1), z, X).difference.reason


def test_a_risk_of_nobody_or_everybody_takes_wilson_at_kish_s_number():
    X, z, _ = study(3)
    found = overlap_risk_difference(z, z, X)
    assert (found.arm.estimate, found.versus.estimate) == (1.0, 0.0)
    share = 1.959963984540054**2 / (found.ess_versus + 1.959963984540054**2)
    assert found.versus.upper == pytest.approx(share, rel=1e-9)
    assert found.difference.upper == 1.0 and 0.5 < found.difference.lower < 1
    assert found.difference.p < 1e-6


@pytest.mark.parametrize("who", ["both", "arm", "versus"])
def test_a_risk_of_nobody_or_everybody_has_no_standard_error_and_neither_has_a_difference_from_it(who):
    X, z, y = study(3)
    mild = overlap_risk_difference(y > 1, z, X)
    assert min(mild.arm.se, mild.versus.se, mild.difference.se) > 0
    response = {"both": z, "arm": z | (y > 1), "versus": z & (y > 1)}[who]
    found = overlap_risk_difference(response, z, X)
    assert found.difference.se is None
    assert (found.arm.se is None) == (who != "versus")
    assert (found.versus.se is None) == (who != "arm")
    assert found.difference.status == "ok"
    assert found.difference.lower < found.difference.estimate


def test_a_model_that_was_fitted_before_gives_the_same_as_its_covariates():
    X, z, y = study(6)
    fit = propensity(X, z)
    assert overlap_mean_difference(y, z, fit).difference == overlap_mean_difference(y, z, X).difference
    assert overlap_risk_difference(y > 1, z, fit).arm == overlap_risk_difference(y > 1, z, X).arm
    with pytest.raises(UsageError, match="was fitted to 80 subjects; y holds 79"):
        overlap_mean_difference(y[1:], z[1:], fit)


def test_without_confounding_weights_the_interval_is_close_to_wilson_s():
    z = np.array([1, 0] * 40)
    y = np.array([1, 0, 0, 0] * 20)
    found = overlap_risk_difference(y, z, {})
    plain = wilson(20, 40)
    # variance corrected by n/(n - 2): 39 subjects instead of 40
    assert [found.arm.lower, found.arm.upper] == pytest.approx([plain.lower, plain.upper], abs=3e-3)


def test_the_effective_number_is_never_more_than_the_arm_s_subjects():
    # a covariate that decides the response makes the sandwich smaller than a binomial variance
    x = np.tile([-2.0, -1, 1, 2], 20)
    z = np.repeat([1, 0], 40)
    y = (x > 0).astype(int)
    y[:2], y[40:42] = 1, 1
    found = overlap_risk_difference(y, z, x)
    r = found.arm.estimate
    assert r * (1 - r) / found.arm.se**2 > 40
    plain = wilson(round(r * 40), 40)
    assert r == pytest.approx(plain.estimate)
    assert (found.arm.lower, found.arm.upper) == pytest.approx((plain.lower, plain.upper))


def test_extreme_risks_carry_the_note_that_the_interval_covers_less():
    X, z, y = study(4)
    mild = overlap_risk_difference(y > 1, z, X)
    assert mild.notes == () and mild.difference.reason == ""
    extreme = overlap_risk_difference(y > 4.5, z, X)
    assert "no more than 93 %" in extreme.notes[0] and extreme.difference.reason == extreme.notes[0]
    assert extreme.difference.status == "ok"


def test_missing_outcomes_are_refused():
    X, z, y = study(5)
    y[3] = np.nan
    with pytest.raises(UsageError, match="y holds 1 missing"):
        overlap_mean_difference(y, z, X)


def test_propensity_is_offered_beside_the_weights():
    X, z, y = study(6)
    assert overlap_mean_difference(y, z, X).propensity.scores == pytest.approx(propensity(X, z).scores)


# ---------------------------------------------------------------- coverage, simulated


def population(rng, n):
    """Scenario A: choice of treatment, change without and with it (SIMULATED)."""
    age = np.clip(rng.normal(60, 11, n), 28, 88)
    bmi = np.clip(rng.normal(30, 5, n), 18, 50)
    opioid = (rng.random(n) < 0.4).astype(float)
    odi = np.clip(rng.normal(43 + 5 * opioid, 12), 20, 84)
    za, zb, zo, o = (age - 60) / 11, (bmi - 30) / 5, (odi - 45) / 12.2, opioid - 0.4
    choice = 1.15 * (-0.60 * za - 0.30 * zb - 0.75 * o + 0.40 * zo)
    common = 2.4 * za + 1.4 * zb + 3.5 * o - 3.0 * zo
    u, v = rng.normal(size=(2, n))
    noise = 0.6 * u + 0.8 * v
    untreated = np.clip(odi + 0.6 + common + 7 * noise, 0, 100) - odi
    treated = np.clip(odi - 14.6 + common - 0.25 * 12.2 * zo + 11.5 * noise, 0, 100) - odi
    return np.column_stack([age, bmi, opioid, odi]), choice, untreated, treated


def test_intervals_cover_the_truth_as_often_as_published_for_40_against_40():
    rng = np.random.default_rng(2026)
    _, choice, untreated, treated = population(rng, 400_000)
    h = expit(choice) * expit(-choice)
    true_mean = np.average(treated - untreated, weights=h)
    true_risk = np.average((treated <= -10).astype(float) - (untreated <= -10), weights=h)
    studies, mean_covered, risk_covered = 2000, 0, 0
    for _ in range(studies):
        X, choice, untreated, treated = population(rng, 300)
        z = rng.random(300) < expit(choice)
        rows = np.concatenate([np.flatnonzero(z)[:40], np.flatnonzero(~z)[:40]])
        z, X = z[rows], X[rows]
        y = np.where(z, treated[rows], untreated[rows])
        mean, risk = (
            overlap_mean_difference(y, z, X).difference,
            overlap_risk_difference(y <= -10, z, X).difference,
        )
        mean_covered += mean.status == "ok" and mean.lower <= true_mean <= mean.upper
        risk_covered += risk.status == "ok" and risk.lower <= true_risk <= risk.upper
    # 94.3 and 94.3 % in 4,000 studies; here three Monte-Carlo errors of 2,000 studies (0.52 points each)
    assert mean_covered / studies == pytest.approx(0.943, abs=0.016)
    assert risk_covered / studies == pytest.approx(0.943, abs=0.016)

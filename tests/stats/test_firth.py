from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import firth_logistic


@pytest.mark.parametrize("name", ["plain", "separated"])
def test_coefficients_and_standard_errors_are_those_of_brglm2(witness, name):
    r = witness("firth")[name]
    fit = firth_logistic(r["y"], {"arm": r["arm"], "age": r["age"]})
    assert fit.columns == ("(intercept)", "arm", "age")
    assert fit.coefficients == pytest.approx(r["coefficients"], rel=1e-9)
    assert fit.se == pytest.approx(r["se_brglm2"], rel=1e-9)
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], rel=1e-12)


@pytest.mark.parametrize("name", ["plain", "separated"])
def test_limits_and_p_are_those_of_the_penalised_likelihood_by_brute_force(witness, name):
    r = witness("firth")[name]
    fit = firth_logistic(r["y"], {"arm": r["arm"], "age": r["age"]})
    for i, column in enumerate(("arm", "age")):
        e = fit.odds_ratios[column]
        found = [math.log(e.lower), math.log(e.upper)]
        assert found == pytest.approx([r["lower"][i], r["upper"][i]], rel=1e-8)
        assert e.p == pytest.approx(r["p"][i], rel=1e-8)
        assert math.log(e.estimate) == pytest.approx(r["coefficients"][i + 1], rel=1e-9)
        assert e.se is None and e.statistic == "odds ratio"


def test_a_table_of_two_by_two_is_the_one_with_a_half_added_to_each_cell():
    # 5 of 20 and 0 of 15: the saturated model has Haldane's odds ratio, in closed form
    y = [1] * 5 + [0] * 15 + [0] * 15
    fit = firth_logistic(y, {"arm": [1] * 20 + [0] * 15})
    e = fit.odds_ratios["arm"]
    assert e.estimate == pytest.approx((5.5 / 15.5) / (0.5 / 15.5), rel=1e-10)
    assert 1 < e.lower < e.estimate < e.upper < math.inf
    swapped = firth_logistic(y, {"arm": [0] * 20 + [1] * 15}).odds_ratios["arm"]
    assert [1 / swapped.upper, 1 / swapped.lower] == pytest.approx([e.lower, e.upper], rel=1e-8)


def test_separation_leaves_a_finite_odds_ratio_and_finite_limits():
    rng = np.random.default_rng(1)
    y = rng.random(40) < 0.5
    e = firth_logistic(y, {"marker": y.astype(float), "age": rng.normal(size=40)}).odds_ratios["marker"]
    assert 10 < e.lower < e.estimate < e.upper < math.inf


@pytest.mark.parametrize("conf_level", [0.5, 0.9, 0.99])
def test_p_and_interval_agree(conf_level):
    rng = np.random.default_rng(3)
    x = rng.normal(size=50)
    y = rng.random(50) < 1 / (1 + np.exp(-0.4 * x))
    e = firth_logistic(y, {"x": x}, conf_level).odds_ratios["x"]
    assert e.excludes_no_effect == (e.p < 1 - conf_level)


def test_units_change_the_odds_ratio_by_the_power_and_p_not_at_all():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=60), rng.random(60) < 0.4
    a = firth_logistic(y, {"x": x}).odds_ratios["x"]
    b = firth_logistic(y, {"x": 10 * x + 500}).odds_ratios["x"]
    logs = [math.log(v) for v in (a.estimate, a.lower, a.upper)]
    assert [10 * math.log(v) for v in (b.estimate, b.lower, b.upper)] == pytest.approx(logs, rel=1e-7)
    assert b.p == pytest.approx(a.p, rel=1e-8)


def test_an_aliased_covariate_is_named_and_left_out():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=40), rng.random(40) < 0.4
    fit = firth_logistic(y, {"x": x, "again": 3 * x})
    assert fit.aliased == ("again",) and set(fit.odds_ratios) == {"x"}


def test_nobody_with_the_event_still_has_an_estimate():
    e = firth_logistic([0] * 20, {"arm": [0, 1] * 10}).odds_ratios["arm"]
    assert e.estimate == pytest.approx(1, rel=1e-9) and e.lower < 1 < e.upper


def test_more_coefficients_than_subjects_are_refused():
    with pytest.raises(UsageError, match="3 subjects are too few for 3 coefficients"):
        firth_logistic([0, 1, 0], np.array([[1.0, 2], [0, 1], [5, 3]]))


def test_limits_so_far_out_that_the_information_is_singular_are_found_all_the_same():
    covariates = {
        "arm": [1] * 5 + [0] * 4,
        "smoke": ["never", "past", "never", "now", "now", "now", "now", "never", "never"],
        "age": [45, 55, 60, 37, 36, 57, 37, 37, 46],
        "site": list("yxzyyxzyz"),
    }
    for y in ([1, 0, 0, 1, 0, 0, 1, 0, 0], [1, 0, 1, 1, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 0, 0, 0]):
        for e in firth_logistic(y, covariates).odds_ratios.values():
            assert e.status == "ok" and e.lower < e.estimate < e.upper

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.analysis_of_covariance import ancova, ancova_fit
from armwise.stats.means import summary

MODELS = {  # answer in the fixture: (data, outcome, covariates, reference, level)
    "two_arms": ("two", "change", ["baseline", "age", "site"], "control", 0.95),
    "aliased": ("two", "change", ["baseline", "twice", "site"], "control", 0.90),
    "no_covariates": ("two", "change", [], "control", 0.95),
    "three_arms": ("three", "y", ["baseline", "sex"], "placebo", 0.99),
    "few": ("small", "change", ["baseline"], "control", 0.95),
}


def fitted(witness, model, **options):
    everything = witness("analysis_of_covariance")
    name, outcome, covariates, reference, level = MODELS[model]
    data = everything[name]
    chosen = {c: np.array(data[c]) for c in covariates}
    return everything[model], ancova_fit(
        data[outcome], data["arm"], chosen, reference=reference, conf_level=level, **options
    )


@pytest.mark.parametrize("weights", ["equal", "observed"])
@pytest.mark.parametrize("model", MODELS)
def test_differences_and_ls_means_are_those_of_r_s_lm_and_emmeans(witness, model, weights):
    r, fit = fitted(witness, model, lsmean_weights=weights)
    r = r[weights]
    close = {"rel": 1e-9, "abs": 1e-12}
    for k, arm in enumerate(r["arms"]):
        e = fit.lsmeans[arm]
        expected = [r["lsmean"][k], r["se"][k], r["lower"][k], r["upper"][k]]
        assert [e.estimate, e.se, e.lower, e.upper] == pytest.approx(expected, **close)
    for k, contrast in enumerate(r["contrast"]):
        e = fit.differences[contrast.split(" - ")[0]]
        expected = [
            r["difference"][k],
            r["difference_se"][k],
            r["difference_lower"][k],
            r["difference_upper"][k],
        ]
        assert [e.estimate, e.se, e.lower, e.upper] == pytest.approx(expected, **close)
        assert e.p == pytest.approx(r["p"][k], rel=1e-8)


@pytest.mark.parametrize("model", MODELS)
def test_coefficients_sigma_and_df_are_those_of_r_s_lm(witness, model):
    r, fit = fitted(witness, model)
    ok = [c for c in fit.coefficients.values() if c.status == "ok"]
    known = sorted(zip((v for v in r["coefficients"] if v is not None), r["coefficient_se"], strict=True))
    # R orders the arms by the factor's levels, armwise by name: compare as sets
    found = sorted((c.estimate, c.se) for c in ok)
    assert np.array(found) == pytest.approx(np.array(known), rel=1e-9)
    assert fit.residual_sd == pytest.approx(r["sigma"], rel=1e-10)
    assert fit.df == r["df"]


def test_an_aliased_column_is_named_and_left_out(witness):
    _, fit = fitted(witness, "aliased")
    assert fit.aliased == ("twice",)
    assert fit.coefficients["twice"].reason == "aliased"


def test_how_ls_means_average_is_said_in_words(witness):
    assert fitted(witness, "two_arms")[1].weights == (
        "baseline, age at the mean of the subjects analysed; every category of site weighted equally"
    )
    assert "as often as observed" in fitted(witness, "two_arms", lsmean_weights="observed")[1].weights
    assert fitted(witness, "no_covariates")[1].weights == "no covariates: the arms' means"


def test_a_site_that_treated_one_arm_leaves_the_difference_without_one_value():
    y, arm = [1.0, 2, 4, 3, 5, 7], ["a", "a", "a", "b", "b", "b"]
    fit = ancova_fit(y, arm, {"site": ["n", "n", "n", "s", "s", "s"]}, reference="a")
    assert fit.differences["b"].status == "not estimable"
    assert "determine the arm" in fit.differences["b"].reason
    assert fit.aliased == ("site[s]",)


def test_no_residual_degrees_of_freedom_and_an_exact_fit_are_not_estimable():
    none_left = ancova_fit([1.0, 2], ["a", "b"], {}, reference="a").differences["b"]
    assert "no residual degrees of freedom" in none_left.reason
    exact = ancova_fit([1.0, 1, 3, 3], ["a", "a", "b", "b"], {}, reference="a").differences["b"]
    assert "exactly" in exact.reason


def test_a_reference_that_is_no_arm_is_refused_with_the_arms_that_are():
    with pytest.raises(UsageError, match=r"'c' is not among the arms \['a', 'b'\]"):
        ancova_fit([1.0, 2, 3], ["a", "b", "a"], {}, reference="c")


def test_a_covariate_may_have_any_name_and_its_length_is_checked():
    y, arm = [1.0, 2, 4, 3, 5, 7], ["a", "a", "a", "b", "b", "b"]
    x = [3.0, 1, 4, 1, 5, 9]
    named = [ancova_fit(y, arm, {name: x}, reference="a").differences["b"] for name in ("x", "y", "treated")]
    assert named[0] == named[1] == named[2]
    with pytest.raises(UsageError, match=r"'y': 6, 'arm': 6, 'covariate y': 5"):
        ancova_fit(y, arm, {"y": x[:5]}, reference="a")


def test_one_arm_alone_is_refused():
    with pytest.raises(UsageError, match="a comparison needs two arms"):
        ancova_fit([1.0, 2], ["a", "a"], {}, reference="a")


def test_an_unknown_weighting_is_refused():
    with pytest.raises(UsageError, match='"equal" or "observed"'):
        ancova_fit([1.0, 2], ["a", "b"], {}, reference="a", lsmean_weights="proportional")


@pytest.mark.parametrize("frame", [pl.DataFrame, pl.LazyFrame, pd.DataFrame])
def test_a_frame_gives_the_arrays_answer_and_counts_rows_with_missing_values(witness, frame):
    data = witness("analysis_of_covariance")["two"]
    gaps = {k: list(data[k]) for k in ("change", "arm", "baseline", "site")}
    gaps["change"][3], gaps["site"][5], gaps["baseline"][5] = None, None, None
    fit = ancova(
        frame(gaps), outcome="change", arm="arm", reference="control", covariates=["baseline", "site"]
    )
    kept = [i for i in range(len(gaps["arm"])) if i not in (3, 5)]
    direct = ancova_fit(
        [data["change"][i] for i in kept], [data["arm"][i] for i in kept],
        {k: np.array(data[k])[kept] for k in ("baseline", "site")}, reference="control",
    )  # fmt: skip
    assert (fit.n_missing, fit.n) == (2, len(kept))
    assert fit.differences == direct.differences


subjects = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-400, 400), st.integers(0, 400)), min_size=8, max_size=30
).filter(
    lambda rows: (
        min(sum(r[0] == a for r in rows) for a in "ab") >= 3
        and len({r[1] for r in rows}) > 4
        and len({r[2] for r in rows}) > 4
    )
)


def columns(rows):
    arm, y, x = zip(*rows, strict=True)
    return np.array(y) / 8, list(arm), np.array(x) / 8


def numbers(e):
    assume(e.status == "ok")
    return [e.estimate, e.se, e.lower, e.upper, e.p]


@settings(max_examples=40, deadline=None)
@given(subjects)
def test_change_and_value_give_the_same_difference_when_baseline_is_a_covariate(rows):
    y, arm, x = columns(rows)
    value = ancova_fit(y, arm, {"baseline": x}, reference="a").differences["b"]
    change = ancova_fit(y - x, arm, {"baseline": x}, reference="a").differences["b"]
    assert numbers(change) == pytest.approx(numbers(value), rel=1e-7, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(subjects, st.randoms(use_true_random=False), st.integers(-100, 100))
def test_order_of_rows_and_constants_added_change_no_difference(rows, random, constant):
    y, arm, x = columns(rows)
    y2, arm2, x2 = columns(random.sample(rows, len(rows)))
    one = ancova_fit(y, arm, {"x": x}, reference="a").differences["b"]
    two = ancova_fit(y2 + constant, arm2, {"x": x2 - constant}, reference="a").differences["b"]
    assert numbers(two) == pytest.approx(numbers(one), rel=1e-7, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(subjects)
def test_relabelling_the_arms_flips_the_sign(rows):
    y, arm, x = columns(rows)
    one = ancova_fit(y, arm, {"x": x}, reference="a").differences["b"]
    two = ancova_fit(y, arm, {"x": x}, reference="b").differences["a"]
    assume(one.status == "ok")
    assert [two.estimate, two.lower, two.upper] == pytest.approx(
        [-one.estimate, -one.upper, -one.lower], rel=1e-7, abs=1e-7
    )


def test_without_covariates_ls_means_are_the_arms_means(witness):
    data = witness("analysis_of_covariance")["three"]
    fit = ancova_fit(data["y"], data["arm"], {}, reference="placebo")
    for arm in ("placebo", "low", "high"):
        inside = [y for y, a in zip(data["y"], data["arm"], strict=True) if a == arm]
        assert fit.lsmeans[arm].estimate == pytest.approx(summary(inside).mean, rel=1e-12)

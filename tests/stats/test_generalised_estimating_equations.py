from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.generalised_estimating_equations import gee, gee_contrast
from armwise.stats.means import t_quantile, welch

FAMILY = {"gaussian": "normal", "binomial": "binary"}


def fitted(r, covariance="mancl-derouen", **more):
    X = np.column_stack([np.ones(len(r["y"])), r["arm"], r["x"]])
    given = {"family": FAMILY[r["family"]], "correlation": r["corstr"], "covariance": covariance, **more}
    return gee(r["y"], X, r["id"], **given)


@pytest.mark.parametrize("case", range(4))
def test_coefficients_correlation_scale_and_sandwich_are_those_of_geepack(witness, case):
    r = witness("generalised_estimating_equations")["cases"][case]
    fit = fitted(r, "robust")
    assert fit.reason == ""
    assert fit.beta == pytest.approx(r["beta"], rel=1e-9)
    assert [fit.correlation, fit.scale] == pytest.approx([r["alpha"], r["phi"]], rel=1e-9)
    assert fit.covariance == pytest.approx(np.array(r["robust"]), rel=1e-8)


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("covariance", ["mancl-derouen", "kauermann-carroll"])
def test_the_corrected_covariances_are_the_papers_formulas(witness, case, covariance):
    r = witness("generalised_estimating_equations")["cases"][case]
    written = np.array(r[covariance.replace("-", "_")])
    assert fitted(r, covariance).covariance == pytest.approx(written, rel=1e-8)


@pytest.mark.parametrize("case", [0, 2])
def test_under_independence_they_are_those_of_clubsandwich(witness, case):
    r = witness("generalised_estimating_equations")["cases"][case]
    assert fitted(r).covariance == pytest.approx(np.array(r["cr3"]), rel=1e-8)
    if "cr2" in r:
        assert fitted(r, "kauermann-carroll").covariance == pytest.approx(np.array(r["cr2"]), rel=1e-8)


def test_mancl_and_derouen_leave_each_subject_out_when_the_model_is_linear(witness):
    r = witness("generalised_estimating_equations")["cases"][0]
    assert fitted(r).covariance == pytest.approx(np.array(r["jackknife"]), rel=1e-8)


def test_one_row_a_subject_and_no_covariate_is_the_difference_of_means():
    rng = np.random.default_rng(4)
    a, b = rng.normal(1, 1, 12), rng.normal(0, 2, 15)
    X = np.column_stack([np.ones(27), [1] * 12 + [0] * 15])
    d = gee_contrast(gee(np.concatenate([a, b]), X, range(27)), [0, 1], n_arm=12, n_versus=15)
    # leaving one of n out multiplies a residual by n/(n - 1): each variance is Welch's times n/(n - 1)
    se = math.sqrt(a.var(ddof=1) / 11 + b.var(ddof=1) / 14)
    assert [d.estimate, d.se, d.df] == pytest.approx([welch(a, b).estimate, se, 25], rel=1e-10)
    assert [d.lower, d.upper] == pytest.approx(
        [d.estimate - t_quantile(25, 0.95) * se, d.estimate + t_quantile(25, 0.95) * se], rel=1e-10
    )
    assert (d.statistic, d.n, d.n_arm, d.n_versus) == ("mean difference", 27, 12, 15)


def test_a_binary_outcome_gives_the_odds_ratio_of_its_table():
    y = [1] * 9 + [0] * 6 + [1] * 4 + [0] * 11
    X = np.column_stack([np.ones(30), [1] * 15 + [0] * 15])
    found = gee_contrast(gee(y, X, range(30), family="binary"), [0, 1], n_arm=15, n_versus=15)
    assert found.estimate == pytest.approx(9 / 6 / (4 / 11), rel=1e-9)
    assert found.statistic == "odds ratio"
    # Woolf's variance, each arm's part times (n/(n - 1))^2
    se = 15 / 14 * math.sqrt(1 / 9 + 1 / 6 + 1 / 4 + 1 / 11)
    assert found.se == pytest.approx(se, rel=1e-9)
    assert math.log(found.upper / found.estimate) == pytest.approx(t_quantile(28, 0.95) * se, rel=1e-9)


def test_order_and_names_of_subjects_do_not_matter(witness):
    r = witness("generalised_estimating_equations")["cases"][1]
    mixed = np.random.default_rng(0).permutation(len(r["y"]))
    names = np.array([f"s{int(k) * 7 % 31}" for k in r["id"]])
    other = fitted({**r, **{k: np.array(r[k])[mixed] for k in ("y", "x", "arm")}, "id": names[mixed]})
    assert other.covariance == pytest.approx(fitted(r).covariance, rel=1e-8)


def test_mancl_derouen_with_t_covers_at_10_subjects_an_arm_where_the_plain_sandwich_does_not():
    # SIMULATED: 5 places a subject, correlation 0.5, arm effect 0; 800 studies: Monte-Carlo error 0.8 points
    rng = np.random.default_rng(9)
    arm = np.repeat(np.arange(20) % 2, 5)
    held = dict.fromkeys(("mancl-derouen", "robust"), 0)
    for _ in range(800):
        y = np.repeat(rng.normal(size=20), 5) + rng.normal(size=100)
        x = rng.normal(size=100)
        X = np.column_stack([np.ones(100), arm, x])
        for kind in held:
            fit = gee(y, X, np.repeat(np.arange(20), 5), correlation="independence", covariance=kind)
            e = gee_contrast(fit, [0, 1, 0])
            half = 1.96 * e.se if kind == "robust" else e.upper - e.estimate
            held[kind] += abs(e.estimate) <= half
    assert 0.935 <= held["mancl-derouen"] / 800 <= 0.98
    assert held["robust"] / 800 < 0.93


def test_what_has_no_fit_says_why_and_gives_no_estimate():
    X = np.column_stack([np.ones(12), [1] * 6 + [0] * 6])
    apart = gee([1] * 6 + [0, 1, 0, 0, 1, 0], X, range(12), family="binary")
    assert apart.reason == "no finite estimate: the outcomes of a group are all alike (separation)"
    e = gee_contrast(apart, [0, 1], n_arm=6, n_versus=6)
    assert (e.status, e.statistic, e.reason, e.n) == ("not estimable", "odds ratio", apart.reason, 12)
    assert gee([0] * 12, X, range(12), family="binary").reason == "all 12 outcomes are alike"
    few = gee([1.0, 2, 3, 4], np.column_stack([np.ones(4), [1, 1, 0, 0]]), [1, 1, 2, 2])
    assert few.reason == "2 subjects for 2 coefficients: nothing is left to judge the precision by"
    alone = gee(np.arange(12.0), np.column_stack([np.ones(12), [1] + [0] * 11]), range(12))
    assert alone.reason == "one subject alone decides a coefficient"
    opposite = gee([1.0, -1.0] * 3 + [2.0, -2.0] * 3, np.ones((12, 1)), np.repeat(range(6), 2))
    assert "is not possible: use independence" in opposite.reason
    flat = gee([1.0] * 6 + [2.0] * 6, X, range(12))
    assert gee_contrast(flat, [0, 1]).reason == "no variation between subjects"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gee([1.0, 2], np.ones((3, 1)), [1, 2]), "lengths differ: y 2, X 3, subjects 2"),
        (lambda: gee([1.0, 2, 3], np.ones((3, 2)), [1, 2, 3]), "columns [1] of X follow from those before"),
        (lambda: gee([1.0, 2], np.ones((2, 1)), [1, 2], correlation="ar1"), "found 'ar1'"),
        (lambda: gee([1.0, 2], np.ones((2, 1)), [1, 2], family="binary"), "expected only 0 and 1"),
        (lambda: gee([1.0, 2], [[1.0], [math.nan]], [1, 2]), "none missing"),
        (
            lambda: gee_contrast(gee([1.0, 2, 4], np.ones((3, 1)), [1, 2, 3]), [0, 1]),
            "one for each of 1 coef",
        ),
    ],
)
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(UsageError) as error:
        call()
    assert said in str(error.value)


def test_separation_is_called_separation_whatever_breaks_first():
    """All of an arm alike within subjects: the residuals of a subject go to one correlation before the steps end."""
    X = np.column_stack([np.ones(24), np.repeat([1.0, 0.0], 12)])
    subjects = np.repeat(range(8), 3)
    total = gee(np.repeat([1, 0], 12), X, subjects, family="binary")
    assert total.reason == "no finite estimate: the outcomes of a group are all alike (separation)"
    arm_alone = gee([1] * 12 + [0, 0, 0, 1, 1, 1] * 2, X, subjects, family="binary")
    assert arm_alone.reason == total.reason
    apart = gee([1, 1, 1, 0, 0, 0] * 4, np.ones((24, 1)), subjects, family="binary")
    assert "is not possible: use independence" in apart.reason  # one correlation, and no separation

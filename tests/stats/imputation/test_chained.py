from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import FitError, UsageError
from armwise.stats import impute_chained


def test_observed_values_are_kept_and_gaps_are_filled(scores, names):
    found = impute_chained(scores, names=names, imputations=20, seed=1)
    seen = ~np.isnan(scores)
    assert (found.values[:, seen] == scores[seen]).all()
    assert np.isfinite(found.values).all()
    assert (found.missing == ~seen).all()
    assert found.values[:, found.missing].std(axis=0).min() > 0
    assert found.notes == ()
    assert found.variable("odi.m12").shape == (20, 40)


def test_set_i_depends_on_seed_and_i_alone(scores, names):
    many = impute_chained(scores, names=names, imputations=60, seed=1).values
    few = impute_chained(scores, names=names, imputations=7, seed=1).values
    assert (many[:7] == few).all()
    assert not (impute_chained(scores, names=names, imputations=7, seed=2).values == few).all()


def test_an_arm_is_imputed_from_itself_alone(scores, names):
    arms = np.repeat(["bmc", "control"], 40)
    both = np.vstack([scores, np.where(np.isnan(scores), np.nan, scores + 5)])
    first = impute_chained(both, names=names, arms=arms, imputations=5, seed=1)
    both[40:] *= 3
    again = impute_chained(both, names=names, arms=arms, imputations=5, seed=1)
    assert (first.values[:, :40] == again.values[:, :40]).all()
    assert set(first.chains.arms) == {"bmc", "control"}


def test_the_order_of_arms_within_the_rows_does_not_matter(scores, names):
    arms = np.repeat(["bmc", "control"], 40)
    both = np.vstack([scores, scores + 5])
    mixed = np.argsort(np.tile(np.arange(40), 2), kind="stable")
    blocks = impute_chained(both, names=names, arms=arms, imputations=3, seed=1).values
    shuffled = impute_chained(both[mixed], names=names, arms=arms[mixed], imputations=3, seed=1).values
    assert (shuffled == blocks[:, mixed]).all()


def test_one_incomplete_variable_has_the_moments_of_its_predictive_distribution():
    """Complete predictors: one exact draw, mean x'b, variance E s2 (1 + x'A^-1 x), E s2 = RSS/(df - 2)."""
    rng = np.random.default_rng(7)
    n, k = 30, 3.0
    x = rng.normal(size=(n, 2)) * [4, 0.5] + [50, 1]
    y = 2 + x @ [0.5, 3.0] + rng.normal(size=n)
    data = np.column_stack([x, y])
    data[:5, 2] = np.nan
    found = impute_chained(data, imputations=4000, cycles=1, prior_subjects=k, seed=3).values[:, :5, 2]
    z = np.column_stack([np.ones(n), (x - x.mean(0)) / x.std(0, ddof=1)])
    A = z[5:].T @ z[5:] + k * np.diag([0, 1, 1])
    beta = np.linalg.solve(A, z[5:].T @ y[5:])
    # the intercept has no prior, so that y need not be centred; its scale cancels
    rss = ((y[5:] - z[5:] @ beta) ** 2).sum()
    df = n - 5 - np.trace(np.linalg.solve(A, z[5:].T @ z[5:]))
    variance = rss / (df - 2) * (1 + np.einsum("np,pq,nq->n", z[:5], np.linalg.inv(A), z[:5]))
    np.testing.assert_allclose(found.mean(0), z[:5] @ beta, atol=4 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(found.var(0), variance, rtol=0.12)  # SE of a variance from 4000: 2.4 %


def test_numbers_do_not_depend_on_the_unit(scores, names):
    one = impute_chained(scores, names=names, imputations=4, seed=1).values
    other = impute_chained(scores * 100 - 7, names=names, imputations=4, seed=1).values
    np.testing.assert_allclose(other, one * 100 - 7, rtol=1e-8)


def test_the_prior_pulls_a_relation_that_chance_made_and_vanishes_with_many():
    rng = np.random.default_rng(1)
    for n, least, most in ((12, 0.02, 0.5), (3000, 0.0, 0.003)):
        x = rng.normal(size=n)
        data = np.column_stack([x, x + 0.5 * rng.normal(size=n)])
        data[0] = [3.0, np.nan]
        flat = (
            impute_chained(data, imputations=400, cycles=1, prior_subjects=0.0, seed=1).values[:, 0, 1].mean()
        )
        ridge = (
            impute_chained(data, imputations=400, cycles=1, prior_subjects=3.0, seed=1).values[:, 0, 1].mean()
        )
        assert least <= (flat - ridge) / flat <= most


def test_bounds_and_grid_hold_for_imputed_values(scores, names):
    whole = scores.copy()
    whole[:, 4:8] = np.clip(np.round(scores[:, 4:8]), 0, 10)
    found = impute_chained(
        whole, names=names, imputations=50, seed=1,
        bounds=dict.fromkeys(names[4:8], (0.0, 10.0)), grid=dict.fromkeys(names[4:8], 1.0),
    )  # fmt: skip
    pain = found.values[:, :, 4:8]
    assert pain.min() >= 0
    assert pain.max() <= 10
    assert (pain == np.round(pain)).all()
    free = impute_chained(whole, names=names, imputations=50, seed=1).values
    assert (found.values[:, :, :4] == free[:, :, :4]).all()  # they act at the end, not within the chain


def test_a_grid_starts_at_its_lower_bound(scores, names):
    found = impute_chained(
        scores, names=names, imputations=5, seed=1, bounds={"odi.m12": (0.5, 100.5)}, grid={"odi.m12": 2}
    )
    filled = found.variable("odi.m12")[:, found.missing[:, 3]]
    assert set(np.unique((filled - 0.5) % 2)) == {0.0}


def test_gaps_of_a_binary_covariate_become_0_or_1(scores, names):
    scores[[3, 5, 30], 10] = np.nan
    found = impute_chained(scores, names=names, imputations=50, binary=["opioid"], seed=1)
    assert set(np.unique(found.variable("opioid"))) == {0.0, 1.0}
    assert 0.05 < found.variable("opioid")[:, [3, 5, 30]].mean() < 0.9


def test_chains_of_sound_data_have_settled_and_a_moving_one_is_named(scores, names):
    found = impute_chained(scores, names=names, imputations=100, seed=1)
    assert found.chains.means.shape == (10, 100, 8)
    assert np.abs(found.chains.drift).max() < 4


def test_a_constant_variable_is_noted_and_its_gaps_get_its_value(scores, names):
    scores[:, 9] = 27.0
    scores[3, 9] = np.nan
    scores[:, 10] = 1.0
    found = impute_chained(scores, names=names, imputations=3, seed=1)
    assert (found.variable("bmi") == 27).all()
    assert found.notes == (
        "bmi has one value only, 27: its 1 gaps got it without any uncertainty",
        "opioid has one value only, 1: left out of the regressions",
    )


def test_a_small_arm_and_a_flat_prior_in_a_small_arm_are_noted(scores, names):
    arms = np.repeat(["a", "b"], [15, 25])
    found = impute_chained(scores, names=names, arms=arms, imputations=2, seed=1)
    assert "arm a, 15 subjects: the prior was studied with 20 and more in an arm" in found.notes
    flat = impute_chained(scores, names=names, imputations=2, prior_subjects=0, seed=1)
    assert "40 subjects and a flat prior: unstable below about 60" in flat.notes


def test_everything_that_is_wrong_is_said_at_once(scores, names):
    scores[:20, 3] = np.nan
    scores[1, 10] = np.nan
    scores[0, 9] = np.inf
    with pytest.raises(UsageError) as caught:
        impute_chained(
            scores, names=names, arms=np.repeat(["a", "b"], 20), binary=["age", "sex"],
            bounds={"odi.m3": (0, 30)}, seed=1,
        )  # fmt: skip
    for words in (
        "odi.m12: nobody of arm a was observed",
        "opioid holds 0 and 1 and has 1 gaps; declare it: binary=['opioid']",
        "bmi holds infinite values",
        "age is declared binary and holds",
        "binary names 'sex', which is no variable",
        "odi.m3: ",
        "observed values lie outside its bounds 0 to 30",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["a"]}, "expected 11 distinct names"),
        ({"imputations": 0}, "imputations 0"),
        ({"arms": ["a"]}, r"arms have shape \(1,\)"),
        ({"grid": {"x": 1.0}, "bounds": {"age": (3, 1)}}, "'x' is no variable; bounds of age are"),
        ({"grid": {"age": 0.0}}, "expected a step above 0"),
    ],
)
def test_wrong_words_are_refused(scores, names, change, words):
    with pytest.raises(UsageError, match=words):
        impute_chained(scores, **({"names": names, "seed": 1} | change))


def test_a_binary_gap_with_a_flat_prior_is_refused(scores, names):
    scores[3, 10] = np.nan
    with pytest.raises(UsageError, match="needs prior_subjects above 0"):
        impute_chained(scores, names=names, binary=["opioid"], prior_subjects=0, seed=1)


def test_a_flat_prior_with_too_few_is_an_error_that_names_the_variable(scores, names):
    with pytest.raises(FitError, match=r"odi.m\d+.*no set is left out"):
        impute_chained(scores[:14], names=names, imputations=2, prior_subjects=0, seed=1)


def test_with_a_flat_prior_gaps_in_several_variables_are_drawn_as_mice_draws_them(imputation_witness):
    """Means, SDs and correlations of all gaps over the sets of R's mice (method "norm"), within Monte-Carlo error."""
    r = imputation_witness("chained")
    data = np.column_stack([np.array(column, dtype=float) for column in r["data"].values()])
    m = r["sets"]
    values = impute_chained(
        data, imputations=m, cycles=15, prior_subjects=0, names=list(r["data"]), seed=5
    ).values
    drawn = values[:, r["row"], r["column"]]
    mean, sd = np.array(r["mean"]), np.array(r["sd"])
    assert (np.abs(drawn.mean(0) - mean) / (sd * np.sqrt(2 / m))).max() < 4
    assert (np.abs(np.log(drawn.std(0, ddof=1) / sd)) / np.sqrt(1 / m)).max() < 4
    correlation = np.array(r["correlation"])
    moved = np.abs(
        np.arctanh(np.corrcoef(drawn.T) - np.eye(len(mean))) - np.arctanh(correlation - np.eye(len(mean)))
    )
    assert (moved / np.sqrt(2 / (m - 3))).max() < 4
    # the whole of it sees what one of its parts would not: patients never seen are drawn from every relation
    never = [i for i, row in enumerate(r["row"]) if row == 11]
    assert len(never) == 3 and correlation[np.ix_(never, never)].min() > 0.3

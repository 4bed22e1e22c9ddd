from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.imputation.outcomes import trial_outcomes

Y = np.array([[1.0, 2, 3], [1, np.nan, 3], [1, np.nan, np.nan], [np.nan, np.nan, np.nan], [1, 2, np.nan]])
ARM = ["t", "c", "t", "c", "t"]


def test_without_an_event_dropout_is_one_after_the_last_observed_visit():
    found = trial_outcomes(Y, ARM, reference="c")
    assert found.after.tolist() == [3, 3, 1, 0, 2]
    assert found.after_event.sum() == 2 + 3 + 1  # the gap before a later visit is not after an event
    assert found.arms == ("c", "t")
    assert found.arm.tolist() == [1, 0, 1, 0, 1]


def test_patterns_hold_every_gap_once():
    found = trial_outcomes(Y, ARM, reference="c", strategy="jump-to-reference")
    places = np.concatenate([p.places.ravel() for p in found.patterns])
    assert sorted(places.tolist()) == list(range(int(found.missing.sum())))
    listed = np.argwhere(found.missing)
    for p in found.patterns:
        for i, subject in enumerate(p.subjects):
            np.testing.assert_array_equal(listed[p.places[i]], [[subject, j] for j in p.missing])


def test_subjects_may_have_strategies_of_their_own():
    strategies = [
        "missing-at-random",
        "missing-at-random",
        "copy-reference",
        "jump-to-reference",
        "copy-increments",
    ]
    found = trial_outcomes(Y, ARM, reference="c", strategy=strategies)
    assert {p.strategy for p in found.patterns} == set(strategies)
    np.testing.assert_array_equal(found.used_means, [[True, True, True], [True, True, False]])


def test_regressors_are_the_constant_the_other_arms_and_the_covariates():
    found = trial_outcomes(Y, ARM, reference="c", covariates={"age": [1, 2, 3, 4, 5]})
    np.testing.assert_array_equal(found.regressors[:, 1], [1, 0, 1, 0, 1])
    np.testing.assert_array_equal(found.regressors[:, 2], [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": Y[0]}, "expected subjects x visits"),
        ({"arm": ["t"]}, r"arm has shape \(1,\)"),
        ({"reference": "placebo"}, "expected the reference 'placebo' and at least one other"),
        ({"covariates": {"age": [1, 2, 3, 4, np.nan]}}, "covariate age is missing or infinite in 1 subjects"),
        ({"covariates": {"age": [1]}}, r"covariate age has shape \(1,\)"),
        ({"visits": ["m1", "m1", "m3"]}, "expected 3 distinct names"),
        ({"strategy": "worst"}, "strategy 'worst'"),
        ({"after": [3, 3, 1, 0, 4]}, "expected whole numbers of visits, 0 to 3"),
        ({"after": [3, 2, 1, 0, 2]}, r"1 subjects have outcomes at or after their event.*treatment policy"),
        ({"strategy": "last-mean-carried-forward"}, "needs a visit before the event: 1 subjects have none"),
        ({"y": np.where(Y == 2, np.inf, Y)}, "2 outcomes are infinite"),
    ],
)
def test_what_cannot_be_imputed_is_refused_with_what_to_do(change, words):
    given = {"y": Y, "arm": ARM, "reference": "c"} | change
    with pytest.raises(UsageError, match=words):
        trial_outcomes(given.pop("y"), given.pop("arm"), **given)


def test_names_of_visits_and_arms_are_looked_up():
    found = trial_outcomes(Y, ARM, reference="c", visits=["a", "b", "c"])
    assert (found.visit("b"), found.arm_number("t")) == (1, 1)
    with pytest.raises(UsageError, match="visit 'd'; expected one of a, b, c"):
        found.visit("d")
    with pytest.raises(UsageError, match="arm 'x'; expected one of c, t"):
        found.arm_number("x")

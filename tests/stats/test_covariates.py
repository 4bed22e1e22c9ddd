from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.covariates import covariate, covariates_of, estimable, independent_columns


def test_text_and_booleans_become_contrasts_with_the_first_level():
    site = covariate("site", ["west", "north", "south", "west"])
    assert site.levels == ("north", "south", "west")
    assert site.columns == ("site[south]", "site[west]")
    assert site.X.tolist() == [[0, 1], [0, 0], [1, 0], [0, 1]]
    assert covariate("smoker", [True, False]).columns == ("smoker[True]",)


def test_equal_and_observed_weights_differ_by_how_often_a_category_occurs():
    site = covariate("site", ["a", "b", "b", "b"])
    assert site.equal_weights().tolist() == [0.5]
    assert site.observed_weights().tolist() == [0.75]


def test_a_matrix_names_its_columns_by_place():
    assert [c.name for c in covariates_of(np.ones((3, 2)))] == ["x1", "x2"]
    assert [c.name for c in covariates_of(np.ones(3))] == ["x1"]


def test_a_cube_is_no_matrix_of_covariates():
    with pytest.raises(UsageError, match=r"shape \(1, 1, 1\)"):
        covariates_of(np.ones((1, 1, 1)))


def test_the_later_of_two_dependent_columns_is_aliased():
    x = np.array([1.0, 2, 3, 4])
    X = np.column_stack([np.ones(4), x, 3 * x - 2, [0, 0, 1, 0], np.zeros(4)])
    assert independent_columns(X) == [0, 1, 3]


def test_far_from_zero_a_column_with_variation_is_not_aliased():
    X = np.column_stack([np.ones(5), 1e5 + np.arange(5)])
    assert independent_columns(X) == [0, 1]


def test_a_difference_is_estimable_unless_the_aliased_columns_carry_it():
    arm = np.array([0.0, 0, 1, 1, 1])
    x = np.array([1.0, 2, 3, 5, 8])
    harmless = np.column_stack([np.ones(5), arm, x, 2 * x])
    harmful = np.column_stack([np.ones(5), arm, x, arm])
    difference = np.array([0.0, 1, 0, 0])
    assert estimable(harmless, difference)
    assert not estimable(harmful, difference)

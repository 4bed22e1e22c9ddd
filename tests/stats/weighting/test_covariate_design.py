from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import propensity
from armwise.stats.weighting.covariate_design import covariate_design

Y, Z = np.zeros((1, 6)), np.array([1, 0, 1, 0, 1, 0])
X = {"age": np.array([50.0, 61, 47, 70, 66, 58]), "site": np.array(["a", "b", "a", "b", "b", "a"])}


def test_covariates_become_an_intercept_and_columns_of_mean_0_and_sd_1():
    z, S, columns = covariate_design(Y, Z, X)
    assert columns == ("(intercept)", "age", "site[b]") and z.tolist() == [True, False] * 3
    assert S[:, 0].tolist() == [1.0] * 6
    assert S[:, 1:].mean(axis=0) == pytest.approx([0, 0], abs=1e-14)
    assert S[:, 1:].std(axis=0) == pytest.approx([1, 1])


def test_a_propensity_model_lends_its_covariates():
    fit = propensity(X, [1, 0, 0, 1, 1, 0])
    _, S, columns = covariate_design(Y, Z, fit)
    assert columns == fit.columns and pytest.approx(covariate_design(Y, Z, X)[1]) == S


def test_covariates_of_other_subjects_are_refused():
    with pytest.raises(UsageError, match="lengths differ"):
        covariate_design(Y[:, :5], Z, X)

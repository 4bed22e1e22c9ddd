"""What contrasts refuse, each in its own words."""

from __future__ import annotations

import dataclasses

import designs
import numpy as np
import pytest

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import mmrm_wide


def fit(**options: str) -> Mmrm:
    data = designs.two_by_twenty()
    return mmrm_wide(data.y, data.by_visit, data.overall, **options)  # type: ignore[arg-type]


def test_labels_are_one_for_each_contrast() -> None:
    with pytest.raises(UsageError, match="1 labels for 2 contrasts; give one each"):
        contrasts(fit(), np.eye(13)[:2], labels=["arm"])


@pytest.mark.parametrize("L", [np.ones(12), np.full(13, np.nan), np.ones((2, 2, 13))])
def test_contrasts_are_a_finite_number_for_each_column(L: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected 13 finite numbers each, one for each of visit 1, visit 2"):
        contrasts(fit(), L)


def test_a_joint_test_of_nothing_and_of_what_is_not_estimable_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to test: every contrast is zero"):
        joint_test(fit(), np.zeros((2, 13)))
    data = designs.two_by_twenty()
    twice = mmrm_wide(data.y, data.by_visit, {**data.overall, "again": 2 * data.overall["age"]})
    with pytest.raises(
        UsageError, match=r"contrasts \[1\] are not estimable: .* aliased \(again\); test the others"
    ):
        joint_test(twice, np.eye(14)[-1:])


def test_a_row_that_depends_on_others_adds_nothing_to_a_joint_test() -> None:
    found = fit()
    L = np.eye(13)[4:7]
    a, b = joint_test(found, L), joint_test(found, np.vstack([L, L.sum(axis=0), 0 * L[0]]))
    assert (b.f, b.df1, b.df2) == (pytest.approx(a.f, rel=1e-10), 3, pytest.approx(a.df2, rel=1e-10))


def test_an_adjusted_variance_below_zero_is_no_variance() -> None:
    found = fit()
    found.__dict__["kenward_roger"] = -np.eye(found.rank)
    with pytest.raises(FitError, match="adjusted covariance of the coefficients is not positive definite"):
        contrasts(found, np.eye(13)[:1])


@pytest.mark.parametrize("words", [{"df": "kenward"}, {"vcov": "robust"}])
def test_methods_that_are_not_known_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(
        UsageError, match=r"expected df one of kenward-roger, .* and vcov one of model, empirical"
    ):
        fit(**words)
    with pytest.raises(UsageError, match="expected df one of"):
        fit().using(**words)  # type: ignore[arg-type]


def test_a_fit_without_rows_has_no_robust_covariance_and_no_means_of_weighted_covariates() -> None:
    data = designs.weighted()
    found = mmrm_wide(data.y, data.by_visit, data.overall, weights=data.weights)
    alone = dataclasses.replace(found, wide=None)
    with pytest.raises(UsageError, match="a robust covariance needs the rows"):
        alone.using(vcov="jackknife")
    with pytest.raises(UsageError, match="weighted sums, not the means of covariates over rows"):
        _ = alone.covariate_means

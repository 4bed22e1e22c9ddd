"""What the fit from arrays refuses, each in its own words, and what it prints."""

from __future__ import annotations

import dataclasses
from typing import Any

import designs
import numpy as np
import pytest

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.fitting import evaluate_at, mmrm_cross_products, mmrm_wide

Y = designs.two_by_twenty().y
N = len(Y)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"y": Y[0]}, r"y has shape \(4,\); expected subjects x visits"),
        ({"by_visit": {"1": np.ones(N)}}, "are not distinct; give each its own name, other than `1`"),
        ({"by_visit": {"arm": np.ones(3)}}, r"covariate arm has shape \(3,\); expected \(40,\)"),
        ({"group": np.zeros(3)}, r"group has shape \(3,\); expected \(40,\), one group a subject"),
        ({"weights": np.ones(3)}, r"weights has shape \(3,\); expected \(40, 4\)"),
        ({"times": [0, 1]}, r"times \[0.0, 1.0\]; expected 4 distinct finite numbers"),
        ({"times": [0, 1, 1, 2]}, "expected 4 distinct finite numbers, one a visit"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        mmrm_wide(**{"y": Y, **given})


def test_a_given_covariance_must_be_one_and_its_methods_known() -> None:
    fit = mmrm_wide(Y)
    assert fit.wide is not None
    with pytest.raises(FitError, match="sigma is not positive definite"):
        evaluate_at(fit.wide, fit.design, -np.eye(4))
    with pytest.raises(UsageError, match="expected df one of"):
        evaluate_at(fit.wide, fit.design, np.eye(4), df="kenward")  # type: ignore[arg-type]


def test_what_is_printed_counts_everything_that_was_left_out() -> None:
    data = designs.grouped()
    data.y[0] = np.nan
    fit = mmrm_wide(data.y, {**data.by_visit, "again": data.by_visit["arm"]}, data.overall, group=data.group)
    said = str(dataclasses.replace(fit, wide=dataclasses.replace(fit.wide, dropped={"odi": 3})))
    assert "1 subjects without an outcome left out" in said
    assert "3 rows left out, odi missing" in said
    assert "aliased, without a coefficient: again:visit 1, again:visit 2" in said
    assert said.count("SD and correlations in ") == 2
    kept = mmrm_cross_products(mmrm_wide(Y).products.withhold(4), mmrm_wide(Y).design)
    assert f"{kept.products.n_withheld} subjects in withheld patterns left out" in str(kept)
    assert kept.products.n_withheld > 0
    fixed = evaluate_at(fit.wide, fit.design, fit.sigma)  # type: ignore[arg-type]
    assert "at a given covariance" in str(fixed)

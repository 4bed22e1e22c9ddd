"""Conditional means of every strategy against nlme's fit of the same model in R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from armwise.stats import conditional_means
from armwise.stats.imputation.strategies import Strategy

WITNESS = json.loads(
    (Path(__file__).with_name("fixtures") / "reference_based.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_estimate_and_jackknife_are_those_of_r_s_fit_of_the_same_model(strategy: str) -> None:
    """nlme's optimiser ends about 5e-6 from the maximum: both numbers are off by the same share."""
    y = np.array([[np.nan if v is None else v for v in row] for row in WITNESS["y"]])
    arm = np.where(np.array(WITNESS["treated"]) == 1, "bmc", "control")
    covariates = {"baseline": np.array(WITNESS["baseline"])}
    found = conditional_means(
        y, arm, reference="control", covariates=covariates, visits=["m3", "m6", "m12"], strategy=strategy
    ).difference("m12", "bmc")
    expected = WITNESS["strategies"][strategy]
    assert found.estimate == pytest.approx(expected["estimate"], rel=1e-5)
    assert found.se == pytest.approx(expected["se"], rel=1e-5)

from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.estimate import MEAN, RISK_RATIO, Estimate, check_conf_level


def estimate(**changes: object) -> Estimate:
    values = {
        "estimate": 1.5, "se": 0.5, "df": 10.0, "lower": 0.4, "upper": 2.6, "conf_level": 0.95, "p": 0.01, "n": 12,
        "n_arm": 6, "n_versus": 6, "method": "Welch", "statistic": "mean difference",
    }  # fmt: skip
    return Estimate(**(values | changes))


@pytest.mark.parametrize("field", ["estimate", "se", "df", "lower", "upper", "p"])
def test_an_estimate_never_holds_nan(field):
    with pytest.raises(ValueError, match=rf"Welch.*{field} is NaN"):
        estimate(**{field: math.nan})


def test_numpy_scalars_become_python_floats():
    made = estimate(estimate=np.float64(1.5), p=np.float32(0.25))
    assert type(made.estimate) is float and type(made.p) is float


def test_status_ok_goes_with_an_estimate_and_no_other_status_does():
    with pytest.raises(ValueError, match="status 'ok'"):
        estimate(estimate=None)
    with pytest.raises(ValueError, match="not estimable"):
        estimate(status="not estimable")


def test_one_limit_without_the_other_is_refused():
    with pytest.raises(ValueError, match="one limit"):
        estimate(lower=None)


def test_not_estimable_carries_reason_and_counts_and_no_number():
    made = Estimate.not_estimable(MEAN, "t interval", "no subjects", n=0, conf_level=0.9)
    numbers = (made.estimate, made.se, made.df, made.lower, made.upper, made.p)
    assert (made.status, made.reason, made.conf_level) == ("not estimable", "no subjects", 0.9)
    assert numbers == (None,) * 6


def test_no_effect_is_one_for_ratios_and_zero_for_differences():
    assert estimate().no_effect == 0.0
    assert estimate(statistic=RISK_RATIO).no_effect == 1.0


def test_an_interval_that_ends_on_no_effect_does_not_exclude_it():
    assert estimate().excludes_no_effect
    assert not estimate(lower=0.0).excludes_no_effect
    assert not estimate(statistic=RISK_RATIO).excludes_no_effect
    assert not estimate(lower=None, upper=None).excludes_no_effect


@pytest.mark.parametrize("level", [95, 0, 1, -0.5])
def test_a_confidence_level_in_per_cent_is_refused_with_what_to_write(level):
    with pytest.raises(UsageError, match=r"write 0\.95"):
        check_conf_level(level)

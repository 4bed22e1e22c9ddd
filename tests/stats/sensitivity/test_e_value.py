from __future__ import annotations

import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import Estimate, odds_ratio, risk_ratio
from armwise.stats.sensitivity.e_value import (
    FROM_MEANS,
    FROM_ODDS,
    METHOD,
    e_value_of,
    e_values,
    e_values_of_means,
    e_values_of_ratio,
)


def test_the_e_values_of_the_published_example_are_7_26_and_3_0() -> None:
    found = e_values(3.9, 1.8, 8.7)  # breast feeding and respiratory death: VanderWeele and Ding 2017
    assert (round(found.estimate, 2), round(found.limit, 1)) == (7.26, 3.0)
    assert found.estimate == pytest.approx(3.9 + math.sqrt(3.9 * 2.9), rel=1e-14)
    assert not found.approximate


def test_a_ratio_below_one_has_the_e_value_of_its_reciprocal_and_its_upper_limit_is_the_nearer() -> None:
    below, above = e_values(1 / 3.9, 1 / 8.7, 1 / 1.8), e_values(3.9, 1.8, 8.7)
    assert below.estimate == pytest.approx(above.estimate, rel=1e-13)
    assert below.limit == pytest.approx(above.limit, rel=1e-13)
    assert below.ratio_limit == 1 / 1.8


@pytest.mark.parametrize(("lower", "upper"), [(0.8, 3.0), (1.0, 3.0), (0.5, 1.6)])
def test_a_limit_on_or_beyond_no_effect_has_the_e_value_one(lower: float, upper: float) -> None:
    assert e_values(1.5, lower, upper).limit == 1.0


def test_a_confounder_of_the_e_value_moves_the_ratio_to_one_exactly_and_a_weaker_one_does_not() -> None:
    # the bounding factor of Ding and VanderWeele 2016: RR_EU RR_UD / (RR_EU + RR_UD - 1)
    for ratio in (1.2, 2.0, 7.5):
        e = e_value_of(ratio)
        assert e * e / (2 * e - 1) == pytest.approx(ratio, rel=1e-12)
        weaker = 0.99 * e
        assert weaker * weaker / (2 * weaker - 1) < ratio


def test_a_made_up_confounder_of_the_e_value_can_make_the_whole_of_an_observed_ratio() -> None:
    # no effect of treatment; a binary U, present in all of the treated, raises the risk E-fold, and E times as often
    e = e_value_of(3.0)
    share = 1 / e
    risk = 0.05
    treated, untreated = risk * e, risk * (share * e + 1 - share)
    assert treated / untreated == pytest.approx(3.0, rel=1e-12)


def test_infinite_and_zero_ratios_need_an_infinite_confounder() -> None:
    assert e_value_of(math.inf) == e_value_of(0.0) == math.inf
    assert e_value_of(1.0) == 1.0
    found = e_values(math.inf, 2.0, math.inf)
    assert (found.estimate, round(found.limit, 4)) == (math.inf, round(2 + math.sqrt(2), 4))


def test_a_risk_ratio_is_taken_as_it_is_and_an_odds_ratio_by_its_root() -> None:
    ratio, odds = risk_ratio(30, 40, 10, 40), odds_ratio(30, 40, 10, 40)
    one, two = e_values_of_ratio(ratio), e_values_of_ratio(odds)
    assert one is not None and two is not None
    assert (one.ratio, one.method, one.approximate) == (3.0, METHOD, False)
    assert (two.ratio, two.method, two.approximate) == (3.0, FROM_ODDS, True)  # odds ratio 9
    assert e_values_of_ratio(Estimate.not_estimable("risk ratio", "m", "nobody")) is None
    with pytest.raises(UsageError, match="found a mean"):
        e_values_of_ratio(Estimate.not_estimable("mean", "m", "nobody"))


def test_a_difference_of_means_goes_by_exp_0_91_d_and_says_that_it_is_approximate() -> None:
    found = e_values_of_means(-6.0, -9.0, -3.0, 12.0)
    assert found.ratio == pytest.approx(math.exp(-0.455), rel=1e-14)
    assert found.estimate == pytest.approx(e_value_of(math.exp(0.455)), rel=1e-13)
    assert found.limit == pytest.approx(e_value_of(math.exp(0.2275)), rel=1e-13)
    assert (found.method, found.approximate) == (FROM_MEANS, True)
    assert e_values_of_means(1e6, 1.0, 2e6, 1.0).estimate == math.inf


def test_the_approximation_of_means_is_near_the_ratio_of_risks_of_a_median_split() -> None:
    # two normal samples 0.5 SD apart, cut at the middle: the ratio of risks is near exp(0.91 x 0.5)
    from scipy.special import ndtr

    ratio = ndtr(0.25) / ndtr(-0.25)
    assert np.log(ratio) == pytest.approx(0.455, abs=0.06)


def test_numbers_that_are_no_ratio_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 0"):
        e_value_of(-1.0)
    with pytest.raises(UsageError, match="at least 0"):
        e_value_of(math.nan)
    with pytest.raises(UsageError, match="enclose"):
        e_values(2.0, 2.5, 3.0)
    with pytest.raises(UsageError, match="above 0"):
        e_values_of_means(1.0, 0.0, 2.0, 0.0)

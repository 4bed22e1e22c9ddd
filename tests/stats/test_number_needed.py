from __future__ import annotations

import math

import pytest

from armwise.errors import UsageError
from armwise.stats.estimate import RISK_DIFFERENCE, Estimate
from armwise.stats.means import welch
from armwise.stats.number_needed import number_needed_to_treat
from armwise.stats.proportions import risk_difference


def rd(estimate, lower, upper):
    return Estimate(estimate, None, None, lower, upper, 0.95, None, 100, 50, 50, "Newcombe", RISK_DIFFERENCE)


def test_a_number_needed_to_treat_runs_through_infinity_when_the_interval_covers_zero():
    """Altman 1998: ARR 10 % (-5 % to 25 %) is NNTB 10 (NNTH 20 to infinity to NNTB 4)."""
    nnt = number_needed_to_treat(rd(0.10, -0.05, 0.25))
    assert nnt.covers_infinity and nnt.benefit
    assert (nnt.estimate, nnt.lower, nnt.upper) == pytest.approx((10, 4, 20))
    assert nnt.to_benefit == (4, math.inf) and nnt.to_harm == (20, math.inf)


def test_a_clear_benefit_or_harm_has_both_limits_on_its_side():
    good = number_needed_to_treat(rd(0.20, 0.10, 0.25))
    assert (good.lower, good.upper, good.to_harm) == (4, 10, None)
    bad = number_needed_to_treat(rd(-0.20, -0.25, -0.10))
    assert not bad.benefit and (bad.lower, bad.upper, bad.to_benefit) == (4, 10, None)
    relapse = number_needed_to_treat(rd(-0.20, -0.25, -0.10), higher_is_better=False)
    assert relapse.benefit and relapse.to_benefit == (4, 10)


def test_no_difference_needs_infinitely_many_and_no_estimate_gives_none():
    nnt = number_needed_to_treat(risk_difference(5, 10, 5, 10))
    assert nnt.estimate == math.inf and nnt.covers_infinity
    assert number_needed_to_treat(risk_difference(0, 0, 5, 10)) is None


def test_a_number_needed_to_treat_comes_from_a_risk_difference_only():
    with pytest.raises(UsageError, match="not from a mean difference"):
        number_needed_to_treat(welch([1.0, 2], [2.0, 4]))

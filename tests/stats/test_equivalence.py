from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from armwise.errors import UsageError
from armwise.stats.equivalence import verdict
from armwise.stats.estimate import MEAN_DIFFERENCE, RISK_RATIO, Estimate
from armwise.stats.means import welch


def interval(lower, upper, statistic=MEAN_DIFFERENCE, conf_level=0.95):
    middle = (lower + upper) / 2
    return Estimate(middle, None, None, lower, upper, conf_level, None, 80, 40, 40, "Welch", statistic)


@pytest.mark.parametrize(
    ("limits", "kind", "higher_is_better", "met", "bound", "margin"),
    [
        ((-2, 5), "non-inferiority", True, True, -2, -3),
        ((-4, 5), "non-inferiority", True, False, -4, -3),
        ((-5, 2), "non-inferiority", False, True, 2, 3),
        ((-5, 4), "non-inferiority", False, False, 4, 3),
        ((-2, 1), "equivalence", True, True, -2, -3),
        ((-2, 2.5), "equivalence", False, True, 2.5, 3),
        ((-2, 4), "equivalence", True, False, 4, 3),
        ((4, 9), "superiority", True, True, 4, 3),
        ((1, 9), "superiority", True, False, 1, 3),
        ((-9, -4), "superiority", False, True, -4, -3),
        ((-3, 3), "non-inferiority", True, False, -3, -3),  # touching does not clear
    ],
)
def test_the_limit_that_decides_is_compared_with_its_margin(
    limits, kind, higher_is_better, met, bound, margin
):
    v = verdict(interval(*limits), 3, kind, higher_is_better)
    assert (v.met, v.bound, v.margin, v.one_sided_alpha) == (met, bound, margin, pytest.approx(0.025))


def test_ratios_have_a_margin_on_both_sides_of_one():
    e = interval(0.85, 1.2, RISK_RATIO)
    equal = verdict(e, 1.25, "equivalence", True)
    assert equal.met and equal.margin == 1.25  # 1.25/1.2 is less room than 0.85/0.8
    assert verdict(e, 1.25, "non-inferiority", True).margin == 0.8
    assert not verdict(e, 1.15, "equivalence", True).met


def test_plain_superiority_has_a_margin_of_no_effect():
    assert verdict(interval(0.1, 3), 0, "superiority", True).met
    assert verdict(interval(1.1, 3, RISK_RATIO), 1, "superiority", True).met
    assert not verdict(interval(0.0, 3), 0, "superiority", True).met


def test_without_an_interval_nothing_is_met_and_the_reason_is_kept():
    v = verdict(welch([1.0], [2.0, 3.0]), 3, "non-inferiority", True)
    assert (v.met, v.bound) == (False, None) and "two values" in v.reason


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-40, 40), min_size=3, max_size=12),
    st.lists(st.integers(-40, 40), min_size=3, max_size=12),
)
def test_non_inferiority_is_the_one_sided_test_at_the_margin(x, y):
    e = welch(x, y, null=-10)
    assume(e.status == "ok" and abs(e.p - 0.05) > 1e-9)
    rejected = e.p < 0.05 and e.estimate > -10
    assert verdict(e, 10, "non-inferiority", True).met == rejected


@pytest.mark.parametrize(
    ("margin", "kind", "statistic", "message"),
    [
        (-3, "non-inferiority", MEAN_DIFFERENCE, "its sign follows"),
        (0, "equivalence", MEAN_DIFFERENCE, "more than 0"),
        (0.8, "non-inferiority", RISK_RATIO, "1.25 means 0.8 to 1.25"),
        (3, "inferiority", MEAN_DIFFERENCE, 'expected "superiority"'),
    ],
)
def test_margins_of_the_wrong_size_and_unknown_kinds_are_refused(margin, kind, statistic, message):
    with pytest.raises(UsageError, match=message):
        verdict(interval(0.9, 1.1, statistic), margin, kind, True)

"""Places of values and round ticks."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.report.figures import scale
from armwise.report.figures.scale import Scale, ratio_ticks, ticks


def test_a_scale_runs_from_start_to_end_and_holds_what_lies_beyond():
    scale = Scale(0, 80, 100, 500)
    assert [scale(v) for v in (0, 20, 80, 999, -math.inf)] == [100, 200, 500, 500, 100]


def test_a_logarithmic_scale_puts_a_half_as_far_from_one_as_two():
    scale = Scale(0.1, 10, 0, 100, log=True)
    assert 50 - scale(0.5) == pytest.approx(scale(2) - 50)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.integers(3, 9))
@settings(max_examples=100, deadline=None)
def test_ticks_enclose_all_values_in_equal_round_steps(values, about):
    found = ticks(values, about)
    slack = 1e-6 * max(1e-9, found.values[-1] - found.values[0])
    assert found.values[0] <= min(values) + slack and found.values[-1] >= max(values) - slack
    assert 2 <= len(found.values) <= about + 2
    steps = [b - a for a, b in zip(found.values, found.values[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-4)


@given(st.floats(1e-4, 1e6))
@settings(max_examples=50, deadline=None)
def test_ticks_have_labels_that_differ(size):
    found = ticks([-size, size], 5)
    labels = [found.label(v) for v in found.values]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([18, 63, 0], (0, 20, 40, 60, 80)),
        ([-19.4, 0], (-20, -15, -10, -5, 0)),
        ([0.02, 0.06], (0.02, 0.03, 0.04, 0.05, 0.06)),
    ],
)
def test_ticks_are_those_that_a_person_would_choose(values, expected):
    assert ticks(values, 5).values == pytest.approx(expected)


def test_ticks_of_nothing_and_of_one_value_are_still_an_axis():
    assert len(ticks([], 5).values) >= 2
    assert len(ticks([7.0], 5).values) >= 2
    assert len(ticks([math.inf, 3.0], 5).values) >= 2


def test_ratio_ticks_hold_one_and_all_values():
    assert ratio_ticks([0.8, 3]).values == (0.5, 1, 2, 5)
    assert ratio_ticks([0.02, 80]).values[0] <= 0.02
    assert 1 in ratio_ticks([5, 6]).values


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(scale).failed == 0

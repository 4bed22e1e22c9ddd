from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import spline
from armwise.stats.association.three_knot_spline import nonlinear, three_knots


def test_knots_and_basis_are_those_of_hmisc(witness):
    r = witness("association")
    x = np.log2(r["data"]["x"])
    assert three_knots(x) == pytest.approx(r["spline"]["knots"], rel=1e-12)
    assert nonlinear(r["spline"]["at"], three_knots(x)) == pytest.approx(r["spline"]["basis"], abs=1e-12)


def test_from_a_hundred_subjects_on_the_outer_knots_are_the_tenth_and_ninetieth_percentile(witness):
    r = witness("association")["big"]
    assert three_knots(r["x"]) == pytest.approx(r["knots"], rel=1e-12)


def test_the_curve_with_its_band_and_the_bend_are_r_s(witness):
    r = witness("association")
    d, s = r["data"], r["spline"]
    found = spline(d["y"], np.log2(d["x"]), {"age": d["age"]}, at=s["at"])
    assert [e.estimate for e in found.curve] == pytest.approx(s["fit"], rel=1e-9)
    assert [e.lower for e in found.curve] == pytest.approx(s["lower"], rel=1e-9)
    assert [e.upper for e in found.curve] == pytest.approx(s["upper"], rel=1e-8)
    assert (found.bend.estimate, found.bend.se, found.bend.p) == pytest.approx(
        (s["bend"]["estimate"], s["bend"]["se"], s["bend"]["p"]), rel=1e-8
    )


def test_it_is_straight_beyond_the_outer_knots():
    below, beyond = nonlinear([-3.0, -1.0, 0.0], (0.0, 1.0, 2.0)), nonlinear([2.0, 3.0, 4.0], (0.0, 1.0, 2.0))
    assert below.tolist() == [0, 0, 0]
    assert beyond[2] - beyond[1] == pytest.approx(beyond[1] - beyond[0], rel=1e-12)


def test_a_straight_line_is_found_where_the_truth_is_straight():
    x = np.linspace(0, 10, 60)
    noise = np.tile([1.0, -2.0, 1.0], 20)
    found = spline(2 * x + noise, x, at=[2.0, 5.0, 8.0])
    gaps = np.diff([e.estimate for e in found.curve])
    assert gaps == pytest.approx([6, 6], abs=0.5) and found.bend.lower < 0 < found.bend.upper


def test_below_thirty_subjects_there_is_no_curve():
    found = spline(np.arange(29.0), np.arange(29.0), at=[1.0])
    assert found.curve[0].status == found.bend.status == "not estimable"
    assert "29 subjects; a curve needs 30" in found.bend.reason and found.knots == ()


def test_ties_that_leave_no_three_knots_are_said():
    x = np.r_[np.zeros(25), np.arange(10.0)]
    assert "no three knots" in spline(np.arange(35.0), x, at=[1.0]).bend.reason


def test_knots_need_five_values():
    with pytest.raises(UsageError, match="five"):
        three_knots([1.0, 2.0])

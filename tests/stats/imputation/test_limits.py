from __future__ import annotations

import numpy as np

from armwise.stats.imputation.limits import limits


def test_values_are_rounded_to_the_grid_first_and_cut_then():
    found = limits(("odi", "pain"), {"pain": (0.0, 10.0)}, {"pain": 1.0})
    columns = np.array([0, 1, 1, 1])
    np.testing.assert_array_equal(found.applied(np.array([-3.2, 10.6, -0.7, 4.4]), columns), [-3.2, 10, 0, 4])


def test_observed_values_outside_the_bounds_are_counted():
    found = limits(("odi", "pain"), {"pain": (0.0, 10.0)}, {})
    assert found.outside(np.array([[50.0, 11.0], [200.0, np.nan]])) == [
        "pain: 1 observed values lie outside its bounds 0 to 10"
    ]

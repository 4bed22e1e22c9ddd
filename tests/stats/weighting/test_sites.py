from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats import overlap_mean_difference
from armwise.stats.weighting.sites import leave_one_site_out, sites_of


def test_sites_with_one_arm_only_are_named_and_their_subjects_counted():
    found = sites_of(["a", "b", "b", "c", "c", "a"], [1, 1, 0, 0, 0, 1])
    assert found.names == ("a", "b", "c")
    assert (found.n_arm, found.n_versus) == ((2, 1, 0), (0, 1, 2))
    assert found.one_armed == ("a", "c")
    assert found.compared.tolist() == [False, True, True, False, False, False]


def test_without_its_one_armed_sites_a_comparison_within_site_can_be_estimated():
    rng = np.random.default_rng(3)
    site = np.repeat(["a", "b", "c"], 20)
    z = np.concatenate([rng.random(40) < 0.5, np.ones(20)]).astype(bool)
    y = z + rng.normal(size=60)
    with_all = overlap_mean_difference(y, z, {"site": site}).difference
    assert "separate the arms (site[c])" in with_all.reason
    use = sites_of(site, z).compared
    assert overlap_mean_difference(y[use], z[use], {"site": site[use]}).difference.status == "ok"


def test_leaving_a_site_out_gives_the_estimate_of_the_others():
    rng = np.random.default_rng(4)
    site, z, x = np.array(["a", "b", "c", "d"] * 20), rng.random(80) < 0.5, rng.normal(size=80)
    y = z + x

    def estimate(keep):
        return overlap_mean_difference(y[keep], z[keep], {"x": x[keep]}).difference.estimate

    among = site != "d"
    found = leave_one_site_out(site, estimate, among)
    assert list(found) == ["a", "b", "c"]
    keep = (site == "a") | (site == "c")
    assert found["b"] == estimate(keep) != found["a"]


def test_one_site_cannot_be_left_out():
    with pytest.raises(UsageError, match="there is 1 site to compare in"):
        leave_one_site_out(["a", "a"], lambda keep: keep.sum())

from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.weighting.score_overlap import QUANTILES, positivity


def scores(seed=1, n=50):
    rng = np.random.default_rng(seed)
    z = rng.random(n) < 0.5
    return np.where(z, rng.beta(3, 2, n), rng.beta(2, 3, n)), z


def test_counts_quantiles_and_the_c_statistic_are_those_counted_by_hand():
    e, z = scores()
    found = positivity(e, z, bins=10)
    assert (found.n_arm, found.n_versus) == (z.sum(), (~z).sum())
    assert sum(found.counts_arm) == z.sum() and sum(found.counts_versus) == (~z).sum()
    assert found.counts_arm[3] == np.count_nonzero(z & (e >= 0.3) & (e < 0.4))
    assert found.quantiles_versus == pytest.approx(np.quantile(e[~z], QUANTILES))
    pairs = e[z][:, None] - e[~z]
    assert found.c_statistic == pytest.approx(np.mean((pairs > 0) + (pairs == 0) / 2), rel=1e-12)


def test_who_is_outside_the_other_arm_s_range_is_listed():
    e, z = scores()
    found = positivity(e, z)
    low, high = max(e[z].min(), e[~z].min()), min(e[z].max(), e[~z].max())
    outside = sorted([*found.outside_arm, *found.outside_versus])
    assert outside == np.flatnonzero((e < low) | (e > high)).tolist() and outside
    assert all(z[i] for i in found.outside_arm) and not any(z[i] for i in found.outside_versus)


def test_unlikely_treatments_are_counted_by_the_treatment_that_was_had():
    found = positivity([0.04, 0.04, 0.97, 0.97, 0.5], [1, 0, 1, 0, 1])
    assert found.unlikely == 2
    assert found.c_statistic == pytest.approx((0.5 + 0 + 1 + 0.5 + 1 + 0) / 6)


def test_the_sentence_says_range_and_counts():
    found = positivity([0.2, 0.4, 0.6, 0.9], [0, 1, 0, 1])
    assert found.sentence("BMC", "control", "patients") == (
        "Given the covariates, the probability of BMC ranged from 0.20 to 0.90; 1 of 2 patients in BMC and 1 of 2 "
        "in control had a probability outside the range of the other arm, and 0 had a treatment whose probability "
        "was below 0.05."
    )


def test_what_is_no_pair_of_arms_is_refused():
    with pytest.raises(UsageError, match="an overlap needs both"):
        positivity([0.2, 0.3], [1, 1])
    with pytest.raises(UsageError, match="between 0 and 1"):
        positivity([0.2, 1.3], [1, 0])
    with pytest.raises(UsageError, match="bins is 0"):
        positivity([0.2, 0.3], [1, 0], bins=0)

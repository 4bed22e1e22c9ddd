from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.weighting.targets import (
    TARGETS,
    check_target,
    effective_sample_size,
    overlap_weights,
    weights_to,
)


def test_weights_are_the_probability_of_the_other_arm():
    assert overlap_weights([0.2, 0.7], [1, 0]).tolist() == [0.8, 0.7]
    with pytest.raises(UsageError, match="between 0 and 1"):
        overlap_weights([0.2, 1.7], [1, 0])


def test_kish_s_number_counts_equal_weights_as_subjects_and_one_weight_as_one():
    assert effective_sample_size(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_sample_size([5, 0, 0]) == pytest.approx(1)
    assert effective_sample_size([0, 0]) == 0.0
    with pytest.raises(UsageError, match="at least 0"):
        effective_sample_size([1, -1])


def test_weights_are_the_share_of_the_target_over_the_chance_of_the_own_arm():
    e, z = np.array([0.2, 0.7, 0.5, 0.9]), np.array([1, 0, 0, 1])
    own = np.where(z == 1, e, 1 - e)
    for target, share in {"everyone": 1.0, "treated": e, "overlap": e * (1 - e)}.items():
        assert weights_to(e, z, target) == pytest.approx(share / own, rel=1e-12)


def test_a_weight_is_never_infinite():
    for target, z in (("everyone", [1, 0]), ("everyone", [0, 0]), ("treated", [0, 0])):
        with pytest.raises(UsageError, match="its weight would be infinite"):
            weights_to([0.0 if z[0] else 1.0, 0.5], z, target)
    assert weights_to([1.0, 0.0], [1, 0], "everyone").tolist() == [1.0, 1.0]


def test_an_unknown_target_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="target is 'all'; expected one of 'everyone', 'treated', 'overlap'"):
        check_target("all")
    assert all(TARGETS.values())

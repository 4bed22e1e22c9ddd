from __future__ import annotations

import numpy as np

from armwise.stats.imputation.chain_means import ChainMeans


def chains(trend: float, m: int = 50, cycles: int = 12) -> ChainMeans:
    rng = np.random.default_rng(1)
    means = rng.normal(size=(cycles, m, 2))
    means[:, :, 1] += trend * np.arange(cycles)[:, None]
    return ChainMeans(("", "bmc"), ("odi", "pain"), means)


def test_a_common_drift_is_seen_although_the_chains_agree_with_each_other():
    found = chains(0.5)
    assert abs(found.drift[0]) < 4 < found.drift[1]
    assert len(found.notes) == 1
    assert found.notes[0].startswith("arm bmc, pain: the chains still move after 12 cycles")


def test_the_drift_is_a_z_of_independent_chains():
    found = chains(0.0)
    change = found.means[9:].mean(0) - found.means[6:9].mean(0)
    np.testing.assert_allclose(
        found.drift, change.mean(0) / (change.std(0, ddof=1) / np.sqrt(50)), rtol=1e-12
    )


def test_few_chains_or_cycles_are_not_judged():
    assert chains(9.0, m=10).drift is None
    assert chains(9.0, cycles=3).notes == ()

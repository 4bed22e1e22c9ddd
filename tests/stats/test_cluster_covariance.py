from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.cluster_covariance import cluster_covariance


def clusters(K=8, seed=0):
    rng = np.random.default_rng(seed)
    Z = [rng.normal(size=(3, 2)) for _ in range(K)]
    e = [rng.normal(size=3) for _ in range(K)]
    return Z, e


def test_mancl_derouen_is_the_sum_of_what_each_cluster_moves():
    Z, e = clusters()
    stacked, r = np.vstack(Z), np.concatenate(e)
    b = np.linalg.lstsq(stacked, r, rcond=None)[0]
    residuals = [ri - z @ b for z, ri in zip(Z, e, strict=True)]
    moved = np.zeros((2, 2))
    for k in range(8):
        others = [i for i in range(8) if i != k]
        left = np.linalg.lstsq(
            np.vstack([Z[i] for i in others]), np.concatenate([e[i] for i in others]), rcond=None
        )[0]
        moved += np.outer(left - b, left - b)
    assert cluster_covariance(Z, residuals, "mancl-derouen") == pytest.approx(moved, rel=1e-10)


def test_the_corrections_are_in_their_order_and_vanish_with_many_clusters():
    Z, e = clusters(6)
    sizes = [np.trace(cluster_covariance(Z, e, k)) for k in ("robust", "kauermann-carroll", "mancl-derouen")]
    assert sizes == sorted(sizes) and sizes[0] < 0.9 * sizes[2]
    Z, e = clusters(4000)
    many = [np.trace(cluster_covariance(Z, e, k)) for k in ("robust", "mancl-derouen")]
    assert many[1] / many[0] == pytest.approx(1, abs=2e-3)


def test_a_cluster_that_decides_a_coefficient_alone_has_no_correction():
    Z, e = clusters()
    Z = [np.column_stack([z, np.full(3, float(k == 2))]) for k, z in enumerate(Z)]
    assert cluster_covariance(Z, e, "mancl-derouen") is None
    assert cluster_covariance(Z, e, "robust") is not None
    with pytest.raises(UsageError, match="found covariance 'hc3'"):
        cluster_covariance(Z, e, "hc3")

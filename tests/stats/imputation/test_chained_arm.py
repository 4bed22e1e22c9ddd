from __future__ import annotations

import numpy as np

from armwise.stats.imputation.chained_arm import arm_chain


def test_every_variable_with_gaps_is_regressed_on_all_others_that_vary(scores, names):
    scores[:, 9] = 3.0
    chain = arm_chain(scores, tuple(names), frozenset(), "bmc", 5, 3.0)
    assert chain.drawn == tuple(names[:8])
    first = chain.regressions[0]
    assert (first.column, first.label) == (1, "arm bmc, odi.m1")
    assert first.predictors.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9, 11]
    assert len(first.observed) + len(first.missing) == 40


def test_an_arm_without_gaps_draws_nothing():
    chain = arm_chain(np.arange(6.0).reshape(3, 2), ("a", "b"), frozenset(), "", 5, 3.0)
    values, means, df = chain.run([np.random.default_rng(1)] * 2)[0]
    assert (values.shape, means.shape, df.shape) == ((0,), (5, 0), (0,))

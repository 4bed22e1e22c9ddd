from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from armwise.errors import UsageError
from armwise.stats.proportions import risk_difference, wilson
from armwise.stats.responder_counts import responders

RESPONSES = {"yes": [1, 0, 1, None, 1, 0, 0, 1], "arm": ["b", "b", "b", "b", "a", "a", "a", None]}


@pytest.mark.parametrize("frame", [pl.DataFrame, pl.LazyFrame, pd.DataFrame])
@pytest.mark.parametrize("boolean", [False, True])
def test_responders_of_a_frame_are_counted_and_missing_ones_too(frame, boolean):
    data = dict(RESPONSES)
    if boolean:
        data["yes"] = [None if v is None else bool(v) for v in data["yes"]]
    found = responders(frame(data), response="yes", arm="arm", reference="a")
    assert found.counts == {"a": (1, 3), "b": (2, 3)} and found.n_missing == 2
    assert found.differences["b"] == risk_difference(2, 3, 1, 3)
    assert found.risks["a"] == wilson(1, 3)


def test_responses_that_are_not_yes_or_no_are_refused():
    data = pl.DataFrame({"yes": [1, 2], "arm": ["a", "b"]})
    with pytest.raises(UsageError, match=r"column yes holds \[2\.0\]"):
        responders(data, response="yes", arm="arm", reference="a")


def test_responders_against_an_arm_that_is_not_there_are_refused():
    with pytest.raises(UsageError, match=r"not among the arms \['a', 'b'\]"):
        responders(pl.DataFrame(RESPONSES), response="yes", arm="arm", reference="control")

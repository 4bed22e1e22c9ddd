from __future__ import annotations

import numpy as np

from armwise.simulate.streams import stream


def test_the_same_seed_and_purpose_give_the_same_numbers():
    assert np.array_equal(stream(3, "dates").random(50), stream(3, "dates").random(50))


def test_another_seed_or_another_purpose_gives_other_numbers():
    first = stream(3, "dates").random(2000)
    for other in (stream(4, "dates"), stream(3, "dropout"), stream(3, "dates", "odi")):
        assert abs(np.corrcoef(first, other.random(2000))[0, 1]) < 0.1

"""Forms filled in item by item: which stay blank, and what their rows hold."""

from __future__ import annotations

import numpy as np
import pytest

from armwise.simulate.answered import blank_forms
from armwise.simulate.assumptions import MissingForms
from armwise.simulate.streams import stream

MISSING = MissingForms(share=0.2, reasons={"refused": 1, "unwell": 3}, status="assumed", source="a test")


def test_where_nothing_is_missing_every_form_is_filled_in_and_no_number_is_drawn():
    rng = stream(1, "blank")
    done, why = blank_forms((5, 2), None, rng)
    assert done.all() and set(why.ravel()) == {""}
    assert rng.random() == stream(1, "blank").random()


def test_the_share_of_blank_forms_and_of_their_reasons_is_the_declared_one():
    done, why = blank_forms((4000, 5), MISSING, stream(1, "blank"))
    assert done.shape == why.shape == (4000, 5)
    assert (~done).mean() == pytest.approx(0.2, abs=0.01)
    assert np.mean(why[~done] == "unwell") == pytest.approx(0.75, abs=0.02)
    assert set(why.ravel()) == {"refused", "unwell"}

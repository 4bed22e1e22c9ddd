"""What a figure calls numbers."""

from __future__ import annotations

from armwise.analysis.results import row
from armwise.report.figures.names import value_text


def test_a_value_says_its_level_only_when_asked():
    found = row("mean difference", -2.0, se=1.0, lower=-4.0, upper=0.0, conf_level=0.9)
    assert value_text(found) == "−2.0 (−4.0 to 0.0)"
    assert value_text(found, level=True) == "−2.0 (90% CI −4.0 to 0.0)"


def test_what_cannot_be_estimated_is_said_in_words():
    assert value_text(None) == "not estimable"
    assert value_text(row("risk", None, status="not estimable", reason="nobody answered")) == "not estimable"

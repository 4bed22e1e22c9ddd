"""The section on fragility as a value."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from armwise.protocol.fragility import STRENGTHS, Fragility


def test_an_empty_section_asks_about_the_primary_analysis_and_nothing_more() -> None:
    empty = Fragility()
    assert not any(getattr(empty, key) for key in type(empty).model_fields)
    assert STRENGTHS == (1.0, 2.0, 3.0)


def test_a_strength_is_above_zero_and_no_key_is_unknown() -> None:
    with pytest.raises(ValidationError):
        Fragility(strengths=(-1.0,))
    with pytest.raises(ValidationError):
        Fragility.model_validate({"benchmark": ["age"]})

"""The section on safety: short forms, defaults, and what it refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from armwise.protocol.safety import GRADES, Mark, Safety


def test_an_item_alone_is_one_answered_with_yes() -> None:
    made = Mark.model_validate("serious")
    assert (made, made.counts) == (Mark(item="serious"), ("yes", "Y"))
    assert Mark(item="related", values=("procedure",)).counts == ("procedure",)
    assert (Safety().deaths, Safety(fatal=("death",)).deaths) == (("fatal",), ("death",))


def test_the_marks_and_items_are_those_declared() -> None:
    made = Safety.model_validate({"serious": "grave", "end": "ended"})
    assert list(made.marks()) == ["serious"]
    assert made.items() == {"term": "term", "start": "date", "end": "ended"}


def test_there_are_five_grades_and_the_last_is_death() -> None:
    assert sorted(GRADES) == [1, 2, 3, 4, 5]
    assert GRADES[5] == "fatal"


@pytest.mark.parametrize(
    "data", [{"grades": {"mild": 0}}, {"grades": {"mild": 6}}, {"conf_level": 95}, {"sae": "x"}]
)
def test_a_grade_or_a_level_that_is_none_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Safety.model_validate(data)

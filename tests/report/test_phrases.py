"""Every choice that a protocol can make has its words: a choice without words would be a gap in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from armwise.protocol import model, plan
from armwise.report import phrases


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (phrases.TARGETS, plan.Target),
        (phrases.STRATEGIES, plan.Strategy),
        (phrases.ADJUSTED, plan.Adjustment),
        (phrases.MISSING, plan.MissingRule),
        (phrases.MISSING_RULES, plan.MissingRule),
    ],
)
def test_every_choice_of_the_protocol_has_its_words_and_no_other_is_named(
    words: Mapping[str, str], choices: Any
) -> None:
    assert set(words) == set(get_args(choices)) and all(words.values())


def test_every_way_to_an_arm_has_a_clause_chance_among_them() -> None:
    assert set(phrases.ALLOCATED) == {"random", *get_args(model.AllocatedBy)}


def test_every_adjustment_that_weights_can_open_a_sentence() -> None:
    assert set(phrases.WEIGHTING) == set(plan.WEIGHTED)
    assert all(opening.count("{}") == 1 for opening in phrases.WEIGHTING.values())


def test_what_a_method_is_called_belongs_to_a_method_of_the_protocol() -> None:
    assert set(phrases.METHODS) <= set(plan.METHODS)

"""Definitions as values."""

from __future__ import annotations

import dataclasses

import pytest

from armwise.instruments import Item, load


def test_items_and_scores_are_found_by_name_and_absent_ones_are_a_key_error() -> None:
    odi = load("odi")
    assert odi.item("odi_4").label == "Walking"
    assert odi.score("total").unit == "%"
    with pytest.raises(KeyError):
        odi.item("odi_11")
    with pytest.raises(KeyError):
        odi.score("totl")


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load("odi").id = "other"  # type: ignore[misc]


def test_an_items_answers_in_words() -> None:
    assert Item("a", "A", 0, 5).answers == "a whole number from 0 to 5"
    assert Item("a", "A", 0, 2.5, integer=False).answers == "a number from 0 to 2.5"

"""Options: defaults, what must be chosen, and what is refused."""

from __future__ import annotations

import pytest

from armwise.errors import InstrumentError
from armwise.instruments import choose, load


def test_defaults_are_filled_in() -> None:
    assert choose(load("odi")) == {"max_missing": 2, "rounding": "none"}
    assert choose(load("odi"), {"max_missing": 1}) == {"max_missing": 1, "rounding": "none"}


@pytest.mark.parametrize(("name", "option"), [("eq5d3l", "value_set"), ("promis_global", "items_reversed")])
def test_an_option_that_changes_the_numbers_must_be_chosen(name: str, option: str) -> None:
    with pytest.raises(InstrumentError, match=f'the option "{option}" must be chosen, it has no default'):
        choose(load(name))


def test_an_option_that_no_wanted_score_uses_need_not_be_chosen() -> None:
    assert choose(load("eq5d3l"), scores=["vas"]) == {"decimals": "tabulated"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("odi", {"max_mising": 2}, 'unknown option "max_mising"; did you mean "max_missing"'),
        ("odi", {"max_missing": 10}, 'the option "max_missing" is "10"; expected one of 0, 1, 2'),
        ("odi", {"max_missing": "2"}, 'the option "max_missing" is "2"'),
        ("odi", {"max_missing": True}, 'the option "max_missing" is "True"'),
        ("nrs", {"recall": "now"}, "it has no options"),
        ("eq5d3l", {"value_set": "uk"}, 'did you mean "uk_tto" or "uk_vas"'),
        ("eq5d3l", {"value_set": "TTO_UK"}, 'the option "value_set" is "TTO_UK"'),
        ("promis_global", {"items_reversed": "yes"}, "expected one of true, false"),
        ("promis_global", {"items_reversed": 1}, "expected one of true, false"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InstrumentError, match=message):
        choose(load(name), options)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armwise.analysis.results import Results
from armwise.protocol.model import Improvement
from armwise.report import words
from armwise.report.words import Words


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Conventional care", "conventional care"),
        ("Placebo", "placebo"),
        ("BMC + conventional care", "BMC + conventional care"),
        ("Xanomeline High Dose", "Xanomeline High Dose"),
        ("EQ-5D-3L", "EQ-5D-3L"),
        ("", ""),
    ],
)
def test_a_label_inside_a_sentence_keeps_its_names(label: str, expected: str) -> None:
    assert words.inside(label) == expected


def test_lists_are_joined_as_people_say_them() -> None:
    assert words.joined([]) == ""
    assert words.joined(["a"]) == "a"
    assert words.joined(["a", "b"]) == "a and b"
    assert words.joined(["a", "b", "c"], "or") == "a, b or c"


@pytest.mark.parametrize(
    ("improvement", "expected"),
    [
        (Improvement(at_least="10"), "by 10 points or more"),
        (Improvement(more_than="2"), "by more than 2 points"),
        (Improvement(at_least="30%"), "by 30% of its baseline or more"),
    ],
)
def test_a_threshold_is_said_with_its_operator(improvement: Improvement, expected: str) -> None:
    assert words.amount(improvement, "points") == expected


def test_two_points_and_more_than_two_points_are_said_apart(two_arms: Results) -> None:
    said = Words.of(two_arms)
    assert said.criterion("pain_2pt") == "pain fell by 2 points or more"
    assert said.criterion("pain_over_2pt") == "pain fell by more than 2 points"
    assert (
        said.criterion("primary")
        == "Oswestry Disability Index fell by 10 points or more, or pain fell by 2 points or more"
    )


def test_the_reference_arm_stands_last(two_arms: Results, trial: Results) -> None:
    assert Words.of(two_arms).arms == ("bmc", "control")
    assert Words.of(trial).arms == ("low", "high", "placebo")


@given(st.text(max_size=30))
def test_no_label_breaks_a_sentence(label: str) -> None:
    assert (
        words.inside(label).lower() == label[:1].lower().lower() + label[1:].lower()
        or words.inside(label) == label
    )


def test_a_reason_calls_arms_by_their_labels(trial: Results) -> None:
    words = Words.of(trial)
    assert (
        words.reason("nobody in low and placebo is analysed") == "nobody in low dose and placebo is analysed"
    )
    seen = words.reason("nobody in low was observed at this visit")
    assert seen == "nobody in low dose was observed at this visit"
    assert words.reason("low variance") == "low variance"


def test_the_odds_of_a_better_category_favour_an_arm_upwards_whatever_the_scale_counts(two_arms):
    words = Words.of(two_arms)
    assert words.higher_is_better("pgic") is False  # 1 is the best of seven
    assert words.more_is_better("pgic", "pgic") is True
    assert words.more_is_better("odi", "odi_change") is False

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.derive.derived import Derived, derive
from armwise.derive.endpoints import can_respond, exact, responds
from armwise.protocol.model import Improvement
from armwise.protocol.scores import Score


def score(*, higher: bool = False, lo: float | None = 0, hi: float | None = 100) -> Score:
    return Score("f.s", "f", "s", "s", lo, hi, higher, 1, "points")


def rows(derived: Derived, endpoint: str, visit: str = "m3") -> dict[str, dict[str, Any]]:
    found = derived.endpoints.filter((pl.col("endpoint") == endpoint) & (pl.col("visit") == visit))
    return {r["subject"]: r for r in found.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("improvement", "baseline", "value", "response"),
    [
        ({"at_least": 10}, 40, 30, True),
        ({"at_least": 10}, 40, 30.1, False),
        ({"more_than": 10}, 40, 30, False),
        ({"more_than": 2}, 8, 5, True),
        ({"more_than": 2}, 8, 6, False),
        ({"at_least": "30%"}, 10, 7, True),  # in floats 7 <= 0.7 * 10 holds, 100 * 16/45 <= ... may not
        ({"more_than": "30%"}, 10, 7, False),
        ({"at_least": "30%"}, 100 * 20 / 45, 100 * 14 / 45, True),  # a prorated ODI, exactly 30 %
        ({"more_than": "30%"}, 100 * 20 / 45, 100 * 14 / 45, False),
        ({"at_least": 10}, 100 * 16 / 45, 100 * 11 / 45, True),  # 11.1 points
        ({"at_least": "12.5%"}, 8, 7, True),
        ({"at_least": 0.1}, 0.3, 0.2, True),  # 0.3 - 0.2 is less than 0.1 in floats
        ({"at_least": "30%"}, 0, 0, False),
        ({"at_least": 10}, 10, 0, True),
        ({"at_least": 10}, 9, 0, False),
    ],
)
def test_a_response_is_decided_exactly_at_the_threshold(
    improvement: dict[str, Any], baseline: float, value: float, response: bool
) -> None:
    declared = Improvement(**improvement)
    assert responds(baseline, value, declared, higher_is_better=False) is response
    # the same study with the scale turned round
    assert responds(-baseline, -value, declared, higher_is_better=True) is response


amounts = st.sampled_from(["1", "2", "2.5", "10", "12.8", "0.074", "15%", "30%", "33.3%", "50%"])


@settings(max_examples=200, deadline=None)
@given(
    amount=amounts,
    strict=st.booleans(),
    up=st.booleans(),
    baseline=st.integers(0, 50),
    value=st.integers(0, 50),
    sections=st.integers(8, 10),
)
def test_responses_agree_with_fractions_for_every_prorated_score(
    amount: str, strict: bool, up: bool, baseline: int, value: int, sections: int
) -> None:
    b, v = Fraction(100 * baseline, 5 * sections), Fraction(100 * value, 5 * sections)
    share = amount.endswith("%")
    needed = Fraction(amount.rstrip("%")) * (b / 100 if share else 1)
    gained = v - b if up else b - v
    expected = (gained > needed if strict else gained >= needed) and not (share and b == 0)
    declared = Improvement(**{"more_than" if strict else "at_least": amount})
    assert responds(float(b), float(v), declared, up) is expected


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(1, 1000))
def test_the_exact_value_of_a_ratio_of_small_numbers_is_that_ratio(numerator: int, denominator: int) -> None:
    assert exact(numerator / denominator) == Fraction(numerator, denominator)


@settings(max_examples=100, deadline=None)
@given(amount=amounts, strict=st.booleans(), up=st.booleans(), baseline=st.integers(0, 100))
def test_a_response_is_impossible_exactly_when_no_value_of_the_scale_would_be_one(
    amount: str, strict: bool, up: bool, baseline: int
) -> None:
    declared = Improvement(**{"more_than" if strict else "at_least": amount})
    some = any(responds(baseline, value, declared, up) for value in range(101))
    assert can_respond(baseline, declared, score(higher=up)) is some


def test_a_scale_without_an_end_lets_everybody_respond() -> None:
    assert can_respond(1, Improvement(at_least=10), score(lo=None))
    assert not can_respond(0, Improvement(at_least="10%"), score(lo=None))


def test_an_endpoint_has_a_row_for_everybody_at_every_visit_after_baseline(small: Any) -> None:
    tables = {
        "subjects": small.people(["new", "old", "old"]),
        "scale": small.scale({"p1": (40, 30, 24.5), "p2": (20, None, 30)}),
    }
    derived = derive(small.study(tables))
    assert derived.endpoints.height == 3 * 2 * 5
    found = rows(derived, "change")
    assert found["p1"] == found["p1"] | {
        "baseline": 40,
        "value": 24.5,
        "change": -15.5,
        "outcome": -15.5,
        "missing": None,
    }
    assert found["p1"]["percent_change"] == pytest.approx(-38.75)
    assert (found["p1"]["_file"], found["p1"]["_row"]) == ("data/scale.csv", 4)
    assert (found["p3"]["outcome"], found["p3"]["missing"]) == (None, "not recorded")
    assert rows(derived, "change", "m1")["p2"]["missing"] == "not recorded"
    assert {s: r["outcome"] for s, r in rows(derived, "better").items()} == {"p1": 1, "p2": 0, "p3": None}


def test_a_missing_outcome_says_whether_record_score_or_baseline_is_missing(small: Any) -> None:
    scale = [
        *small.records("p1", ("baseline", 0, 40), ("m3", 90, None)),
        *small.records("p2", ("m3", 90, 20)),
        *small.records("p3", ("baseline", 0, 0), ("m3", 90, 5)),
    ]
    endpoints = {
        "change": {"score": "scale.points", "kind": "change"},
        "relative": {"score": "scale.points", "kind": "percent-change"},
        "value": {"score": "scale.points", "kind": "value"},
        "third": {"score": "scale.points", "kind": "responder", "improvement": {"at_least": "30%"}},
    }
    derived = derive(
        small.study({"subjects": small.people(["new", "old", "old"]), "scale": scale}, endpoints=endpoints)
    )

    def why(name: str) -> list[str | None]:
        return [rows(derived, name)[s]["missing"] for s in ("p1", "p2", "p3")]

    assert why("change") == ["not done", "no baseline", None]
    assert why("relative") == ["not done", "no baseline", "baseline is 0"]
    assert why("value") == ["not done", None, None]
    assert why("third") == ["not done", "no baseline", None]
    # from a baseline of 0 nobody falls by 30 %: no response, and impossible
    assert (rows(derived, "third")["p3"]["outcome"], rows(derived, "third")["p3"]["impossible"]) == (0, True)
    assert rows(derived, "change")["p3"]["outcome"] == 5


def test_a_per_cent_change_from_a_negative_baseline_keeps_the_sign_of_the_change(small: Any) -> None:
    items = {"points": {"type": "number", "direction": "higher-better"}}
    forms = {"subjects": small.protocol["forms"]["subjects"], "scale": {"at": "all", "items": items}}
    derived = derive(
        small.study(
            {"subjects": small.people(["new", "old"]), "scale": small.scale({"p1": (-0.5, None, 0.25)})},
            forms=forms, covariates={}, endpoints={"change": {"score": "scale.points", "kind": "percent-change"}},
        )
    )  # fmt: skip
    assert rows(derived, "change")["p1"]["outcome"] == pytest.approx(150)


#: Answers that make the component respond (1), not respond (0), or missing (None).
SCALE = {1: (40, None, 20), 0: (40, None, 35), None: (40, None, None)}
MOOD = {1: (8, None, 5), 0: (8, None, 8), None: (8, None, None)}
CASES = list(product((1, 0, None), repeat=2))


@pytest.mark.parametrize(
    ("kind", "rule", "outcomes"),
    [
        # yes/yes, yes/no, yes/missing, no/yes, no/no, no/missing, missing/yes, missing/no, missing/missing
        ("any", "missing", [1, 1, None, 1, 0, None, None, None, None]),
        ("any", "observed", [1, 1, 1, 1, 0, 0, 1, 0, None]),
        ("all", "missing", [1, 0, None, 0, 0, None, None, None, None]),
        ("all", "observed", [1, 0, 1, 0, 0, 0, 1, 0, None]),
    ],
)
def test_any_and_all_under_both_rules_for_a_missing_component(
    small: Any, kind: str, rule: str, outcomes: list[int | None]
) -> None:
    subjects = [f"p{i + 1}" for i in range(9)]
    tables = {
        "subjects": small.people(["new"] * 5 + ["old"] * 4),
        "scale": small.scale({s: SCALE[a] for s, (a, _) in zip(subjects, CASES, strict=True)}),
        "mood": small.scale({s: MOOD[b] for s, (_, b) in zip(subjects, CASES, strict=True)}),
    }
    endpoints = small.protocol["endpoints"]
    endpoints = {**endpoints, "one": {"kind": kind, "of": ["better", "happier"], "missing_component": rule}}
    found = rows(derive(small.study(tables, endpoints=endpoints)), "one")
    assert [found[s]["outcome"] for s in subjects] == outcomes
    for subject, (a, _b) in zip(subjects, CASES, strict=True):
        if found[subject]["outcome"] is None:  # the component that is missing is named
            name = "better" if a is None else "happier"
            assert found[subject]["missing"] == f"{name} not recorded"
        else:
            assert found[subject]["missing"] is None


def test_a_missing_composite_points_to_the_record_of_the_component_that_is_missing(small: Any) -> None:
    tables = {
        "subjects": small.people(["new", "old"]),
        "scale": small.scale({"p1": (40, None, 20)}),
        "mood": small.records("p1", ("baseline", 0, 8), ("m3", 91, None)),
    }
    found = rows(derive(small.study(tables)), "either")["p1"]
    assert (found["missing"], found["_file"], found["_row"]) == ("happier not done", "data/mood.csv", 3)


@pytest.mark.parametrize(
    ("scale_0", "mood_0", "either", "both"),
    [(40, 8, False, False), (9, 8, False, True), (40, 1, False, True), (9, 1, True, True)],
)
def test_any_is_impossible_when_every_component_is_and_all_when_one_is(
    small: Any, scale_0: int, mood_0: int, either: bool, both: bool
) -> None:
    tables = {
        "subjects": small.people(["new", "old"]),
        "scale": small.scale({"p1": (scale_0, None, 0)}),
        "mood": small.scale({"p1": (mood_0, None, 0)}),
    }
    derived = derive(small.study(tables))
    assert rows(derived, "either")["p1"]["impossible"] is either
    assert rows(derived, "both")["p1"]["impossible"] is both
    assert rows(derived, "either")["p2"]["impossible"] is False  # without a baseline nothing is known


def test_a_form_that_was_not_filled_in_has_its_declared_reason_and_no_free_text(small: Any) -> None:
    record = {"status": "not done", "points": None}
    scale = [
        *small.records("p1", ("baseline", 0, 40)),
        *small.records("p2", ("baseline", 0, 40)),
        {**small.records("p1", ("m3", 90, 1))[0], **record, "reason": "refused"},
        {**small.records("p2", ("m3", 90, 1))[0], **record, "reason": "Mr Smith moved to Leeds"},
    ]
    found = rows(
        derive(small.study({"subjects": small.people(["new", "old"]), "scale": scale}, reasons=["refused"])),
        "change",
    )
    assert (found["p1"]["missing"], found["p2"]["missing"]) == ("refused", "another reason")


def state(small: Any, points: float, **limit: float) -> float | None:
    """The outcome at the last visit of a patient with these points there, by a state of the scale."""
    endpoints = {**small.protocol["endpoints"], "state": {"score": "scale.points", "kind": "state", **limit}}
    tables = {"subjects": small.people(["new", "old"]), "scale": small.scale({"p1": (None, None, points)})}
    outcome = rows(derive(small.study(tables, endpoints=endpoints)), "state")["p1"]["outcome"]
    return None if outcome is None else float(outcome)


@pytest.mark.parametrize(("points", "reached"), [(0, 1.0), (10, 1.0), (10.1, 0.0), (50, 0.0)])
def test_a_state_is_reached_at_its_limit_and_needs_no_baseline(
    small: Any, points: float, reached: float
) -> None:
    assert state(small, points, at_most=10) == reached


def test_a_state_without_a_value_is_missing_and_is_not_measured_from_a_baseline(small: Any) -> None:
    endpoints = {
        **small.protocol["endpoints"],
        "low": {"score": "scale.points", "kind": "state", "at_most": 5},
    }
    tables = {"subjects": small.people(["new", "old"]), "scale": small.scale({"p1": (3, None, None)})}
    found = rows(derive(small.study(tables, endpoints=endpoints)), "low")["p1"]
    assert (found["outcome"], found["missing"], found["has_baseline"]) == (None, "not recorded", False)

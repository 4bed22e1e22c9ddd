from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.multiplicity import in_families, is_tested, multiplicity
from armwise.analysis.results import Row, row
from armwise.protocol.model import Protocol


def protocol(small: Any, families: dict[str, Any], arms: dict[str, Any] | None = None) -> Protocol:
    names = [*(name for family in families.values() for name in family["of"]), "other"]
    analyses = {
        name: {"endpoint": "change", "at": "m3", "role": "secondary", "method": "mean-difference"}
        for name in names
    }
    data = {**small.protocol, "families": families, "analyses": analyses, **({"arms": arms} if arms else {})}
    return Protocol.model_validate(data)


def comparison(analysis: str, p: float | None, arm: str = "new", **more: Any) -> Row:
    limits = {"lower": -1.0, "upper": 1.0}
    return row("mean difference", 0.0, p=p, analysis=analysis, arm=arm, versus="old", visit="m3", method="Welch", n=9,
               role="secondary", planned="pre-specified", **{**limits, **more})  # fmt: skip


def decided(small: Any, families: dict[str, Any], **p: float | None) -> dict[str, tuple[float | None, str]]:
    """Analysis -> adjusted p and decision."""
    rows = [comparison(name, value) for name, value in p.items()]
    made = multiplicity(protocol(small, families), rows)
    return {r["analysis"]: (r["p"], r["reason"]) for r in made if r["statistic"] == "adjusted p"}


def test_holm_by_hand(small: Any) -> None:
    found = decided(small, {"f": {"of": ["a", "b", "c"], "order": "holm"}}, a=0.01, b=0.04, c=0.03)
    # 3 x 0.01; 2 x 0.03; at least that for 0.04
    assert found == {
        "a": (pytest.approx(0.03), "rejected"),
        "b": (pytest.approx(0.06), "not rejected"),
        "c": (pytest.approx(0.06), "not rejected"),
    }


def test_a_fixed_sequence_stops_at_the_first_that_is_not_rejected(small: Any) -> None:
    found = decided(small, {"f": {"of": ["a", "b", "c"], "order": "fixed-sequence"}}, a=0.01, b=0.2, c=0.001)
    assert found["a"] == (0.01, "rejected")
    assert found["b"] == (0.2, "not rejected")
    assert found["c"][0] == 0.2
    assert found["c"][1].startswith("not rejected: the sequence ended at")


def test_of_an_analysis_of_several_visits_the_tested_one_alone_enters_its_family(small: Any) -> None:
    declared = protocol(small, {"f": {"of": ["a", "b"], "order": "holm"}})
    several = declared.analyses["a"].model_copy(update={"at": "all", "tested_at": "m3"})
    declared = declared.model_copy(update={"analyses": {**declared.analyses, "a": several}})
    # were it a member, Holm would hold b against three hypotheses
    early = {**comparison("a", 0.9), "visit": "m1", "id": "early"}
    made = list(multiplicity(declared, [early, comparison("a", 0.04), comparison("b", 0.02)]))
    found = {(r["analysis"], r["visit"]): r["p"] for r in made if r["statistic"] == "adjusted p"}
    assert found == {("a", "m3"): pytest.approx(0.04), ("b", "m3"): pytest.approx(0.04)}
    assert is_tested(declared, "a", "m3") and not is_tested(declared, "a", "m1")
    assert is_tested(declared, "b", "m3") and not is_tested(declared, "other", "m3")


GATED = {
    "primary": {"of": ["a"]},
    "secondary": {"of": ["b", "c"], "order": "holm"},
    "tertiary": {"of": ["d"]},
}


def test_a_later_family_is_reached_when_everything_before_it_is_rejected(small: Any) -> None:
    found = decided(small, GATED, a=0.02, b=0.001, c=0.002, d=0.01)
    assert found == {
        "a": (0.02, "rejected"),
        "b": (0.02, "rejected"),  # 2 x 0.001, but no less than the gate before it
        "c": (0.02, "rejected"),
        "d": (0.02, "rejected"),
    }


def test_a_family_behind_a_closed_gate_rejects_nothing_and_says_so(small: Any) -> None:
    found = decided(small, GATED, a=0.06, b=0.001, c=0.002, d=0.01)
    assert found["a"] == (0.06, "not rejected")
    why = "not rejected: an earlier family was not rejected as a whole"
    assert found["b"] == found["c"] == found["d"] == (0.06, why)  # the gate's, which is larger than their own
    # one of Holm's two closes the gate as well
    found = decided(small, GATED, a=0.01, b=0.001, c=0.2, d=0.01)
    assert found["b"][1] == "rejected"
    assert found["d"] == (0.2, why)
    # behind the gate one that would not be rejected anyway keeps its own
    found = decided(small, GATED, a=0.06, b=0.4, c=0.5, d=0.01)
    assert [found[name] for name in "bcd"] == [(0.8, "not rejected"), (0.8, "not rejected"), (0.8, why)]


def test_the_adjusted_p_behind_a_gate_is_the_level_at_which_everything_up_to_it_would_be_rejected(
    small: Any,
) -> None:
    p = {"a": 0.06, "b": 0.021, "c": 0.002, "d": 0.01}
    adjusted = {name: found[0] for name, found in decided(small, GATED, **p).items()}
    for alpha in (0.05, 0.0599, 0.0601, 0.2):
        families = {name: {**family, "alpha": alpha} for name, family in GATED.items()}
        for name, (_, reason) in decided(small, families, **p).items():
            assert (reason == "rejected") == ((adjusted[name] or 0) <= alpha), (alpha, name)


def test_a_family_without_adjustment_neither_adjusts_nor_closes_the_gate(small: Any) -> None:
    families = {"loose": {"of": ["a", "b"], "order": "none"}, "after": {"of": ["c"]}}
    found = decided(small, families, a=0.3, b=0.04, c=0.01)
    assert found == {"a": (0.3, "not rejected"), "b": (0.04, "rejected"), "c": (0.01, "rejected")}


@pytest.mark.parametrize("order", ["single", "holm", "fixed-sequence", "none"])
def test_a_comparison_without_a_p_is_not_rejected_and_closes_the_gate(small: Any, order: str) -> None:
    families = {"f": {"of": ["a"], "order": order}, "after": {"of": ["b"]}}
    found = decided(small, families, a=None, b=0.001)
    assert found["a"][0] is None
    assert found["a"][1].startswith("not rejected")
    assert found["b"][1].startswith("rejected" if order == "none" else "not rejected")


def test_every_arm_of_an_analysis_is_a_hypothesis_of_its_family(small: Any) -> None:
    arms = {"new": {"label": "New"}, "more": {"label": "More"}, "old": {"label": "Old", "reference": True}}
    declared = protocol(small, {"f": {"of": ["a"], "order": "holm"}}, arms)
    rows = [comparison("a", 0.02), comparison("a", 0.03, arm="more")]
    made = [r for r in multiplicity(declared, rows) if r["statistic"] == "adjusted p"]
    assert [(r["arm"], r["p"], r["item"], r["at"], r["method"]) for r in made] == [
        ("new", 0.04, "f", 0.05, "Holm"),
        ("more", 0.04, "f", 0.05, "Holm"),
    ]


def test_the_families_alpha_decides(small: Any) -> None:
    found = decided(small, {"f": {"of": ["a"], "alpha": 0.01}}, a=0.02)
    assert found == {"a": (0.02, "not rejected")}


def test_an_analysis_with_a_margin_is_tested_at_the_margin(small: Any) -> None:
    rows = [
        comparison("a", 0.6),
        row("margin", -1.0, p=0.01, analysis="a", arm="new", versus="old", visit="m3"),
    ]
    made = list(multiplicity(protocol(small, {"f": {"of": ["a"]}}), rows))
    assert (made[0]["p"], made[0]["reason"]) == (0.01, "rejected")


def test_comparisons_are_counted_once_and_companions_not(small: Any) -> None:
    declared = protocol(small, {"f": {"of": ["a"]}})
    rows = [
        comparison("a", 0.2),
        comparison("a.unadjusted", None),
        comparison("other", None),
        comparison("other", None, subgroup="sex=f"),
        comparison("other", None, subgroup="sex=m", lower=None, upper=None),  # not estimable
        {**comparison("other", None), "statistic": "risk ratio"},  # beside a difference
        row("hedges g", 0.1, analysis="other", arm="new", versus="old", lower=0.0, upper=0.2),
    ]
    made = {r["statistic"]: r["estimate"] for r in multiplicity(declared, rows)}
    assert (made["comparisons"], made["tests"]) == (3, 1)


def test_only_members_of_families_are_tested(small: Any) -> None:
    assert in_families(protocol(small, GATED)) == {"a", "b", "c", "d"}

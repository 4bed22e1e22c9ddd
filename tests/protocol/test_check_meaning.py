from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol


def mistakes(small: Any, tmp_path: Path, severity: str = "error", **sections: Any) -> list[tuple[str, str]]:
    """(key, what) of the mistakes of the small study with these sections."""
    data = {**copy.deepcopy(small.protocol), **sections}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    _, problems = read_protocol(tmp_path)
    return [(p.column, p.what) for p in problems if p.severity == severity]


ARMS = {"new": {"label": "New"}, "more": {"label": "More"}, "old": {"label": "Old", "reference": True}}
AIMLESS = {
    "subjects": {"items": {"age": {"type": "integer"}, "sex": {"type": "choice", "choices": ["f", "m"]}}},
    "scale": {"at": "all", "items": {"points": {"type": "number", "range": [0, 50]}}},
}
CHANGE = {"change": {"score": "scale.points", "kind": "change"}}
PRIMARY = {"endpoint": "change", "at": "m3", "role": "primary", "method": "mean-difference"}
RESPONSE = {"endpoint": "better", "at": "m3", "role": "primary", "method": "risk-difference"}
STUDY = {"id": "S", "version": "1", "title": "S", "allocation": "nonrandomised", "masking": "open-label"}
FIGURE = {"label": "x", "endpoint": "change", "visit": "m3", "arm": "new", "statistic": "mean", "value": 1,
          "source": "abstract", "status": "confirmed"}  # fmt: skip


def test_the_small_study_has_no_mistake(small: Any, tmp_path: Path) -> None:
    assert mistakes(small, tmp_path) == []


def test_several_arms_in_a_family_of_one_test_need_an_order(small: Any, tmp_path: Path) -> None:
    (found,) = mistakes(small, tmp_path, arms=ARMS)
    assert found == ("families.main", "one analysis, but 2 tests: each arm is compared with the reference")
    for order in ("holm", "fixed-sequence", "none"):
        families = {"main": {"of": ["primary"], "order": order}}
        assert mistakes(small, tmp_path, arms=ARMS, families=families) == []


@pytest.mark.parametrize(
    ("sections", "key", "words"),
    [
        (
            {"analyses": {"primary": {**RESPONSE, "endpoint": "either", "adjust": "overlap-weights", "estimand": "o",
                                      "covariates": ["baseline"]}}, "estimands": {"o": {"target": "overlap"}}},
            "analyses.primary.covariates", "it has no baseline of its own",
        ),
        (
            {"analyses": {"primary": {**PRIMARY, "estimand": "e"}}, "events": {"surgery": {}},
             "estimands": {"e": {"events": {"surgery": "non-response"}}}},
            "analyses.primary.estimand", "`surgery: non-response` is a strategy for responders",
        ),
        (
            {"analyses": {"primary": {**RESPONSE, "margin": {"kind": "non-inferiority", "value": 10}}}},
            "analyses.primary.margin.value", "found 10, but risks run from 0 to 1",
        ),
        ({"analyses": {"primary": {**PRIMARY, "margin": {"kind": "non-inferiority", "value": 5}}}, "forms": AIMLESS,
          "endpoints": CHANGE}, "analyses.primary.margin", "the direction of `scale.points` is not known"),
({"visits": {"baseline": {"day": 0}}, "analyses": {"primary": {**PRIMARY, "at": "all"}}}, "visits",
         "only the visit `baseline`"),
        ({"covariates": {"baseline": {"score": "scale.points"}}}, "covariates.baseline", "the endpoint's own baseline"),
        ({"covariates": {"missing": "subjects.age"}}, "covariates.missing", "a column of every analysis"),
                ({"size": {"endpoint": "change", "risk": 0.2}}, "size", "`change` is a number"),
        ({"size": {"endpoint": "better", "sd": 10}}, "size", "`better` is yes or no"),
        ({"study": {**STUDY, "allocation": "randomised", "allocated_by": "clinician"}}, "study.allocated_by",
         "found `clinician`, but the arms are randomised"),
        ({"analyses": {"primary": {**RESPONSE, "conf_level": 0.9}}}, "analyses.primary.conf_level",
         "found 0.9, but the family `main` tests at alpha 0.05: the interval and the test would disagree"),
        ({"families": {"main": {"of": ["primary"], "alpha": 0.1}}}, "analyses.primary.conf_level",
         "found 0.95, but the family `main` tests at alpha 0.1"),
        ({"analyses": {"primary": {**PRIMARY, "conf_level": 0.9, "margin": {"kind": "equivalence", "value": 5}}}},
         "analyses.primary.conf_level", "found 0.9, but the family `main` tests at alpha 0.05"),
        ({"analyses": {"primary": RESPONSE, "second": {**PRIMARY, "role": "key-secondary", "conf_level": 0.9}},
          "families": {"main": ["primary"], "next": {"of": ["second"], "alpha": 0.1}}}, "families.next.alpha",
         "found 0.1, but `main`, which is tested before it, has alpha 0.05"),
        *(({"analyses": {"primary": {**RESPONSE, "estimand": "e", "missing": rule}}, "events": {"surgery": {}},
            "estimands": {"e": {"events": {"surgery": "hypothetical"}}}}, "analyses.primary.missing",
           f"`surgery: hypothetical` makes an outcome missing, and {rule} would decide it")
          for rule in ("non-response", "worst-case")),
        ({"published": [FIGURE, FIGURE]}, "published", "from this source stands above"),
        ({"analyses": {"primary": {**RESPONSE, "method": "risk-ratio", "also": ["odds-ratio"]}}},
         "analyses.primary.also", "odds-ratio does not go with risk-ratio"),
        ({"analyses": {"primary": {**PRIMARY, "method": "mann-whitney", "also": ["hedges-g"]}}},
         "analyses.primary.also", "hedges-g does not go with mann-whitney"),
    ],
)  # fmt: skip
def test_a_plan_whose_numbers_would_not_mean_what_it_says_is_a_mistake(
    small: Any, tmp_path: Path, sections: dict[str, Any], key: str, words: str
) -> None:
    (found,) = mistakes(small, tmp_path, **sections)
    assert found[0].startswith(key)
    assert words in found[1]


def test_a_death_after_which_an_outcome_is_asked_for_all_the_same_is_a_warning(
    small: Any, tmp_path: Path
) -> None:
    events = {"events": {"death": {}}}
    asked = {"estimands": {"e": {"events": {"death": "treatment-policy"}}}}
    found = mistakes(small, tmp_path, "warning", **events, **asked)
    assert any(
        k == "estimands.e.events.death" and "nobody answers after a death" in what for k, what in found
    )
    failed = {"estimands": {"e": {"events": {"death": "while-on-treatment"}}}}
    assert not [f for f in mistakes(small, tmp_path, "warning", **events, **failed) if "death" in f[0]]


def test_what_is_meant_passes(small: Any, tmp_path: Path) -> None:
    good = [
        {"analyses": {"primary": {**PRIMARY, "margin": {"kind": "equivalence", "value": 5}}}, "forms": AIMLESS,
         "endpoints": CHANGE},
        {"analyses": {"primary": {**RESPONSE, "margin": {"kind": "non-inferiority", "value": 0.1}}}},
        {"analyses": {"primary": {**RESPONSE, "estimand": "e"}}, "events": {"surgery": {}},
         "estimands": {"e": {"events": {"surgery": "non-response"}}}},
        {"study": {**STUDY, "allocated_by": "clinician"}},
        {"analyses": {"primary": {**PRIMARY, "conf_level": 0.9, "margin": {"kind": "equivalence", "value": 5}}},
         "families": {"main": {"of": ["primary"], "alpha": 0.1}}},
        {"analyses": {"primary": RESPONSE, "other": {**PRIMARY, "role": "exploratory", "conf_level": 0.8}}},
        {"analyses": {"primary": RESPONSE, "second": {**PRIMARY, "role": "key-secondary", "conf_level": 0.9}},
         "families": {"main": ["primary"], "next": {"of": ["second"], "alpha": 0.1, "order": "none"}}},
        *({"analyses": {"primary": {**RESPONSE, "estimand": "e", "missing": rule}}, "events": {"surgery": {}},
           "estimands": {"e": {"events": {"surgery": strategy}}}}
          for rule, strategy in (("complete-cases", "hypothetical"), ("locf", "hypothetical"),
                                 ("worst-case", "non-response"), ("non-response", "treatment-policy"))),
        {"size": {"endpoint": "better", "risk": 0.2}},
        {"published": [FIGURE, {**FIGURE, "arm": "old"}]},
    ]  # fmt: skip
    for sections in good:
        assert mistakes(small, tmp_path, **sections) == []

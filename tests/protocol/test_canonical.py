"""The protocol in its one form: what changes it, what does not, and what an analysis rests on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.canonical import collection, definition, digest, plan
from armwise.protocol.load import parse_protocol

ITEM = {"type": "integer", "range": [0, 10], "direction": "lower-better"}
SECOND = {
    "endpoint": "either",
    "at": "m3",
    "role": "secondary",
    "method": "risk-difference",
    "estimand": "main",
}


def protocol(small: Any, **sections: Any) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(small.protocol)
    data["events"] = {"surgery": {}, "death": {}}
    data["analysis_sets"] = {
        "women": {"label": "Women", "where": {"subjects.sex": "f"}},
        "full": {"label": "All"},
    }
    data["estimands"] = {
        "main": {"set": "women", "events": {"surgery": "non-response", "death": "hypothetical"}}
    }
    data["analyses"]["second"] = dict(SECOND)
    return {**data, **sections}


def hashes(data: dict[str, Any], folder: Path | None = None) -> tuple[str, str]:
    made = parse_protocol(yaml.safe_dump(data, sort_keys=False), "protocol.yaml")
    return digest(collection(made, folder)), digest(plan(made))


def resting(data: dict[str, Any], name: str) -> dict[str, Any]:
    made = parse_protocol(yaml.safe_dump(data, sort_keys=False), "protocol.yaml")
    found = definition(collection(made), plan(made), name)
    assert found is not None
    return found


def set_in(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    inner = changed
    *way, last = path.split("/")
    for key in way:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return changed


def reordered(data: dict[str, Any], path: str) -> dict[str, Any]:
    inner: Any = data
    for key in path.split("/"):
        inner = inner[key]
    turned = dict(reversed(inner.items())) if isinstance(inner, dict) else list(reversed(inner))
    return set_in(data, path, turned)


COLLECTED, PLANNED, BOTH, NEITHER = (False, True), (True, False), (False, False), (True, True)


@pytest.mark.parametrize(
    ("path", "value", "stays"),
    [
        ("forms/subjects/items/age/label", "How old are you?", COLLECTED),
        ("forms/mood/items/points/range", [0, 11], COLLECTED),
        ("visits/m1/window", [-5, 5], COLLECTED),
        ("arms/new/label", "Newer", COLLECTED),
        ("study/language", "de", COLLECTED),
        ("arms/new/planned", 40, PLANNED),
        ("study/objective", "To see", PLANNED),
        ("window_rule", "first", PLANNED),
        ("endpoints/better/improvement/at_least", 12, PLANNED),
        ("analyses/primary/conf_level", 0.9, PLANNED),
        ("safety", {"form": "mood"}, PLANNED),
        ("endpoints/better/label", "Better", NEITHER),
        ("analyses/primary/label", "Main", NEITHER),
        ("analysis_sets/women/label", "All women", NEITHER),
        ("study/version", "2", NEITHER),
        ("study/title", "Another", NEITHER),
        ("analyses/primary/missing", "complete-cases", NEITHER),  # the default, written out
        ("visits_by", "label", NEITHER),
    ],
)
def test_each_hash_changes_with_its_own_part_alone(
    small: Any, path: str, value: Any, stays: tuple[bool, bool]
) -> None:
    before = hashes(protocol(small))
    after = hashes(set_in(protocol(small), path, value))
    assert (before[0] == after[0], before[1] == after[1]) == stays


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("endpoints", NEITHER),
        ("analyses", NEITHER),
        ("covariates", NEITHER),
        ("forms", NEITHER),
        ("endpoints/either/of", NEITHER),
        ("visits", COLLECTED),  # the first is the baseline
        ("forms/subjects/items", COLLECTED),
        ("estimands/main/events", PLANNED),  # of two on one day the first counts
    ],
)
def test_order_counts_only_where_it_has_a_meaning(small: Any, path: str, stays: tuple[bool, bool]) -> None:
    before = hashes(protocol(small))
    after = hashes(reordered(protocol(small), path))
    assert (before[0] == after[0], before[1] == after[1]) == stays


def test_comments_and_whitespace_change_nothing(small: Any) -> None:
    text = yaml.safe_dump(protocol(small), sort_keys=False)
    one = parse_protocol(text, "protocol.yaml")
    flow = yaml.safe_dump(protocol(small), sort_keys=False, default_flow_style=True, width=60)
    other = parse_protocol(f"# a note\n\n{flow}\n# end\n", "protocol.yaml")
    assert (collection(one), plan(one)) == (collection(other), plan(other))


def test_an_instrument_of_the_study_s_own_is_part_of_what_is_collected(tmp_path: Path, small: Any) -> None:
    folder = Path(__file__).parents[1] / "simulate" / "fixtures" / "headache"
    own = tmp_path / "instruments"
    own.mkdir()
    text = (folder / "instruments" / "impact.yaml").read_text(encoding="utf-8")
    made = parse_protocol((folder / "protocol.yaml").read_text(encoding="utf-8"), "protocol.yaml")

    def collected(written: str) -> str:
        (own / "impact.yaml").write_text(written, encoding="utf-8")
        return digest(collection(made, tmp_path))

    before = collected(text)
    assert collected("# a comment\n" + text) == before
    name = next(n for n, form in made.forms.items() if form.instrument == "impact")
    assert collected(text.replace("version:", "version: changed #", 1)) != before
    assert "definition" in collection(made, tmp_path)["forms"][name]


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("endpoints/better/improvement/at_least", 12, {"second"}),
        ("endpoints/change/kind", "percent-change", {"primary"}),
        ("estimands/main/events/surgery", "treatment-policy", {"second"}),
        ("analysis_sets/women/where", {"subjects.sex": "m"}, {"second"}),
        ("analysis_sets/full/where", {"subjects.sex": "m"}, {"primary"}),
        ("forms/mood/items/points/range", [0, 12], {"second"}),
        ("forms/mood/items/points/label", "How do you feel?", set()),
        ("visits/m3/window", [-5, 5], {"primary", "second"}),
        ("visits/m1/window", [-5, 5], set()),  # no analysis is at m1, and visits go by their label
        ("analyses/second/method", "risk-ratio", {"second"}),
        ("analyses/second/label", "Other words", set()),
        ("analyses/second/planned", False, set()),
        ("analyses/second/role", "primary", {"second"}),
        ("families/main", {"of": ["primary"], "alpha": 0.01}, {"primary"}),
        ("time_zero", "scale.date", {"primary", "second"}),
        ("covariates/sex", "subjects.age", set()),  # no analysis uses it
        ("endpoints/both/of", ["better", "change"], set()),
    ],
)
def test_a_change_touches_the_analyses_that_rest_on_it_and_no_other(
    small: Any, path: str, value: Any, changed: set[str]
) -> None:
    before, after = protocol(small), set_in(protocol(small), path, value)
    found = {n for n in ("primary", "second") if resting(before, n) != resting(after, n)}
    assert found == changed


def test_the_place_that_changed_is_named(small: Any) -> None:
    before = resting(protocol(small), "second")
    after = resting(set_in(protocol(small), "endpoints/happier/improvement/at_least", 3), "second")
    assert [place for place in before if before[place] != after[place]] == ["endpoints.happier"]


def test_what_the_plan_does_not_have_has_no_definition(small: Any) -> None:
    made = parse_protocol(yaml.safe_dump(protocol(small), sort_keys=False), "protocol.yaml")
    assert definition(collection(made), plan(made), "third") is None
    assert definition(collection(made), plan(made), "better") is None  # a part of analyses, and none itself


LATER: dict[str, Any] = {
    "fragility": {"analyses": ["primary"], "benchmarks": ["scale_0", "age"], "deltas": [-5, 0, 5]},
    "thresholds": {
        "steps": {
            "score": "scale.points", "at": "m3", "like": "second",
            "of": [
                {"at_least": 10, "source": "a paper", "status": "confirmed"},
                {"at_least": 15, "source": "a paper", "status": "confirmed"},
            ],
        }
    },
    "associations": {"by_age": {"endpoint": "change", "at": "m3", "arm": "new", "measure": "age"}},
}  # fmt: skip


@pytest.mark.parametrize("path", ["fragility/benchmarks", "fragility/deltas", "thresholds/steps/of"])
def test_the_order_of_benchmarks_shifts_and_thresholds_says_nothing(small: Any, path: str) -> None:
    data = protocol(small, **LATER)
    assert hashes(data) == hashes(reordered(data, path))


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("analyses/primary/conf_level", 0.9, {"fragility"}),
        ("analyses/second/method", "risk-ratio", {"thresholds.steps"}),
        ("endpoints/change/kind", "percent-change", {"fragility", "associations.by_age"}),
        ("covariates/scale_0", {"score": "mood.points"}, {"fragility"}),
        ("fragility/deltas", [-5, 5], {"fragility"}),
        ("associations/by_age/per", 10, {"associations.by_age"}),
        ("thresholds/steps/label", "Other words", set()),
    ],
)
def test_what_a_section_rests_on_is_followed_too(
    small: Any, path: str, value: Any, changed: set[str]
) -> None:
    before = protocol(small, **LATER)
    after = set_in(before, path, value)
    names = ("fragility", "thresholds.steps", "associations.by_age")
    assert {n for n in names if resting(before, n) != resting(after, n)} == changed
    made = parse_protocol(yaml.safe_dump(before, sort_keys=False), "protocol.yaml")
    assert definition(collection(made), plan(made), "associations.other") is None

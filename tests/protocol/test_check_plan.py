"""Mistakes in the plan: covariates, endpoints, estimands, analyses, families."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load(
    (Path(__file__).with_name("fixtures") / "broken_plan.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_once_with_its_line_and_what_to_do(
    name: str, mistakes: Callable[..., list[str]], tmp_path: Path
) -> None:
    told = mistakes(*CASES[name]["change"].items())
    assert [line.replace(str(tmp_path), "FOLDER") for line in told] == CASES[name]["told"]


def state(**limit: float) -> tuple[str, str]:
    """The replacement that puts a state of the ODI beside the good protocol's endpoints."""
    kind = ", ".join(
        f"{key}: {value}" for key, value in {"score": "odi.total", "kind": "state", **limit}.items()
    )
    return "endpoints:\n", f"endpoints:\n  good: {{{kind}}}\n"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (
            {"at_least": 20},
            "(endpoints.good.at_least): `odi.total` is better lower, and a state that is compared is a",
        ),
        ({"at_most": 120}, "(endpoints.good.at_most): found 120, but `odi.total` runs from 0 to 100"),
        ({}, "a state needs exactly one of them"),
        ({"at_most": 20, "at_least": 10}, "a state needs exactly one of them"),
    ],
)
def test_a_state_is_a_good_one_within_the_scale(
    limit: dict[str, float], expected: str, mistakes: Callable[..., list[str]]
) -> None:
    (told,) = [line for line in mistakes(state(**limit)) if "good" in line]
    assert expected in told


def test_a_state_is_a_response_and_needs_no_baseline(mistakes: Callable[..., list[str]]) -> None:
    extra = (
        "  good: {score: rating.better, kind: state, at_most: 2}\n  some: {kind: any, of: [better, good]}\n"
    )
    item = (
        "better: {type: integer, range: [1, 7]}",
        "better: {type: integer, range: [1, 7], direction: lower-better}",
    )
    assert mistakes(item, ("endpoints:\n", f"endpoints:\n{extra}")) == []


def test_a_covariate_that_is_recorded_after_baseline_only_is_refused(
    mistakes: Callable[..., list[str]],
) -> None:
    form = "forms:\n  late: {at: m3, keys: [subject], items: {w: {type: number}}}\n"
    (told,) = mistakes(("forms:\n", form), ("covariates:\n", "covariates:\n  late: late.w\n"))
    assert "(covariates.late.item): `late.w` is recorded at m3, after the treatment began" in told


def test_a_covariate_that_is_recorded_at_baseline_too_is_taken(mistakes: Callable[..., list[str]]) -> None:
    form = "forms:\n  early: {at: [baseline], keys: [subject], items: {w: {type: number}}}\n"
    assert mistakes(("forms:\n", form), ("covariates:\n", "covariates:\n  early: early.w\n")) == []


@pytest.mark.parametrize(
    ("component", "rule", "warned"),
    [("observed", "impute", True), ("missing", "impute", False), ("observed", "non-response", False)],
)
def test_drawing_a_composite_that_one_component_decides_is_warned_of(
    component: str, rule: str, warned: bool, mistakes: Callable[..., list[str]]
) -> None:
    drawn = (
        "  drawn: {endpoint: either, at: m3, role: sensitivity, supports: primary, estimand: choosers, method: "
        f"risk-difference, adjust: overlap-weights, covariates: [age], missing: {rule}}}\n"
    )
    told = mistakes(
        ("of: [better, halved]}", f"of: [better, halved], missing_component: {component}}}"),
        ("analyses:\n", f"analyses:\n{drawn}"),
    )
    (line,) = [t for t in told if "drawn.missing" in t] or [""]
    assert (
        line.endswith(
            "(analyses.drawn.missing): `either` has `missing_component: observed`: whoever has one component counts as"
            " observed, and the other one is not drawn; to draw missing components compare an endpoint with"
            " `missing_component: missing`; else leave out `missing: impute`"
        )
        == warned
    )

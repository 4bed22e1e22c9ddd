"""Errors are part of the interface: one tree, and messages that say where, what and what to do."""

from __future__ import annotations

import pytest

from armwise import errors
from armwise.errors import ArmwiseError, Problem, ProblemsError, ProtocolError, StudyError


def test_every_error_is_an_armwise_error_and_stands_in_the_tree() -> None:
    tree = errors.__doc__ or ""
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, ArmwiseError) for e in found)
    assert [e.__name__ for e in found if e.__name__ not in tree and e is not ProblemsError] == []


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem(
                "error",
                "protocol.yaml",
                12,
                "endpoints.odi.score",
                "unknown score `odi.totl`",
                "did you mean `odi.total`?",
            ),
            "protocol.yaml:12 (endpoints.odi.score): unknown score `odi.totl`; did you mean `odi.total`?",
        ),
        (Problem("warning", "data/odi.csv", None, "", "no such file"), "data/odi.csv: no such file"),
        (Problem("error", "data/odi.csv", 3, "", "too long", "cut it"), "data/odi.csv:3: too long; cut it"),
        (Problem("error", "data/odi.csv", None, "arm", "nobody"), "data/odi.csv (arm): nobody"),
    ],
)
def test_a_problem_says_where_what_and_what_to_do(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize("kind", [ProtocolError, StudyError])
def test_problems_are_raised_all_at_once(kind: type[ProblemsError]) -> None:
    problems = [Problem("error", "f", 1, "a", "x"), Problem("error", "f", 2, "b", "y")]
    error = kind("two mistakes", problems)
    assert error.problems == tuple(problems)
    assert error.headline == "two mistakes"
    assert str(error) == "two mistakes\n  f:1 (a): x\n  f:2 (b): y"

"""YAML with the line of every key, and the nearest name of a misspelt one."""

from __future__ import annotations

import datetime as dt

import pytest

from armwise.errors import ProtocolError
from armwise.yaml_lines import dotted, line_of, nearest, read_yaml, span_of


def test_every_key_and_entry_has_its_line() -> None:
    _, lines = read_yaml("# first\na:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "f.yaml")
    assert lines == {
        (): 1, ("a",): 2, ("a", "b"): 3, ("a", "c"): 4, ("a", "c", 0): 5, ("a", "c", 1): 6, ("a", "c", 1, "d"): 6,
    }  # fmt: skip
    assert line_of(lines, ("a", "c", 1, "e", "f")) == 6
    assert line_of(lines, ("z",)) == 1
    assert dotted(("a", "c", 1, "d")) == "a.c[1].d"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("12:30", "12:30"), ("1_000", "1_000"), (".inf", ".inf"),
        ("true", True), ("~", None), ("", None), ("007", 7), ("-3", -3), ("1e3", 1000.0), (".5", 0.5), ("0x10", "0x10"),
        ("'7'", "7"), ("2026-03-31", dt.date(2026, 3, 31)), ("2026-02-30", "2026-02-30"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_version_1_2_reads_them(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}", "f.yaml")[0] == {"a": value}


def test_a_key_that_stands_twice_is_told_once() -> None:
    with pytest.raises(ProtocolError) as caught:
        read_yaml("a: {x: 1, y: 2}\na: {x: 1, y: 3}\n", "f.yaml")
    assert (
        str(caught.value)
        == "f.yaml: a key stands twice\n  f.yaml:2 (a): the key `a` stands here and on line 1; keep one of them"
    )


def folded(levels: int) -> str:
    """A text of a few lines that unfolds into more than nine to the power of `levels` values."""
    return "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, levels)
    )


def test_the_lines_of_aliases_cost_no_more_than_their_text() -> None:
    assert len(read_yaml(folded(4), "f.yaml")[1]) < 200


@pytest.mark.parametrize("levels", [7, 12, 60])
def test_aliases_that_unfold_into_more_than_a_file_holds_are_refused_at_once(levels: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_yaml(folded(levels), "f.yaml")
    (problem,) = caught.value.problems
    assert problem.what == "its aliases (*name) unfold into more than 100,000 values"
    assert "write out what is meant" in problem.todo


@pytest.mark.parametrize(
    ("word", "known", "message"),
    [
        ("odi.totl", ["nrs.pain", "odi.total"], "did you mean `odi.total`?"),
        ("M1", ["baseline", "m1"], "did you mean `m1`?"),
        ("xyz", ["a", "b", "a"], "known here: `a`, `b`"),
        ("xyz", [], "none is known here"),
        (
            "zz",
            [f"a{i}" for i in range(20)],
            "known here: " + ", ".join(f"`a{i}`" for i in range(12)) + ", ...",
        ),
    ],
)
def test_a_misspelt_word_gets_its_nearest_name_or_those_that_are_known(
    word: str, known: list[str], message: str
) -> None:
    assert nearest(word, known) == message


@pytest.mark.parametrize("value", ["x", '"x, y"', "[1, 2]", "{b: 1}"])
def test_the_span_of_a_value_is_its_text(value: str) -> None:
    text = f"a: {{k: {value}, l: 2}}  # a comment\nb: 3\n"
    start, end = span_of(text, ("a", "k")) or (0, 0)
    assert text[start:end] == value
    assert span_of(text, ("a", "m")) is None
    assert span_of(text, ("b", "m")) is None

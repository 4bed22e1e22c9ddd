"""Reading protocol.yaml: every mistake of form at once, in words, and never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from armwise.errors import ArmwiseError, FileError, ProtocolError
from armwise.protocol.load import load_protocol, parse_protocol, read_protocol

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).with_name("fixtures") / "protocol.yaml"
TEXT = GOOD.read_text(encoding="utf-8")
CASES = yaml.safe_load((GOOD.parent / "broken_form.yaml").read_text(encoding="utf-8"))
EXAMPLES = {p.parent.name: p for p in sorted((ROOT / "examples").glob("*/protocol.yaml"))}

#: Files that are not YAML, or not a protocol at all -> the decisive parts of the message.
UNREADABLE: dict[str, tuple[bytes, list[str]]] = {
    "an empty file": (
        b"",
        ["protocol.yaml:1: found nothing, expected keys: study, arms", "start from `armwise init`"],
    ),
    "a list": (b"- a\n- b\n", ["found a list of 2, expected keys: study"]),
    "a word": (b"hello", ["found `hello`, expected keys: study"]),
    "a tab": (b"study:\n\tid: X\n", ["protocol.yaml:2: not YAML", "indent with spaces, not with tabs"]),
    "an open bracket": (
        b"a: 1\nb: [1, 2\nc: 3\n",
        ["protocol.yaml:3: not YAML", "check the indentation, quotes and brackets"],
    ),
    "a colon in a text": (
        b"study:\n  title: Drug: a trial\n",
        ["protocol.yaml:2: not YAML: mapping values are not allowed here"],
    ),
    "a key that stands twice": (
        b"study: {id: a}\narms:\n  a: {label: A}\n  a: {label: B}\n",
        [
            "a key stands twice",
            "protocol.yaml:4 (arms.a): the key `a` stands here and on line 3; keep one of them",
        ],
    ),
    "an alias of nothing": (b"a: *x\n", ["protocol.yaml:1: not YAML: found undefined alias 'x'"]),
    "two documents": (b"a: 1\n---\nb: 2\n", ["protocol.yaml:2: not YAML: but found another document"]),
    "a tag that runs code": (
        b"a: !!python/object/apply:os.system [ls]\n",
        ["not YAML: could not determine a constructor"],
    ),
    "a tag that does not hold": (
        b"a: 1\nb: !!int ten\n",
        ["protocol.yaml:2: not YAML: `ten` cannot be read as int"],
    ),
    "a number of 5000 digits": (b"a: " + b"9" * 5000, ["protocol.yaml:1: not YAML", "cannot be read as int"]),
    "a byte of nothing": (
        b"a: 1\nb: x\x00\n",
        ["protocol.yaml:2: not YAML: the character U+0000 may not stand in a text"],
    ),
    "brackets without end": (
        b"a: " + b"[" * 1500,
        ["not YAML: brackets or indentation go hundreds of levels deep"],
    ),
    "a list for a key": (b"? [a]\n: 1\n", ["not YAML: found unhashable key"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_once_with_its_line_and_what_was_expected(
    name: str, mistakes: Callable[..., list[str]]
) -> None:
    assert mistakes(*CASES[name]["change"].items()) == CASES[name]["told"]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_protocol_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    content, parts = UNREADABLE[name]
    (tmp_path / "protocol.yaml").write_bytes(content)
    with pytest.raises(ProtocolError) as caught:
        load_protocol(tmp_path)
    for part in parts:
        assert part in str(caught.value)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "protocol.yaml").write_bytes("study:\n  title: Müller\n".encode("cp1252"))
    with pytest.raises(FileError, match=r"protocol\.yaml:2: not UTF-8 text; save the file as UTF-8"):
        load_protocol(tmp_path)


def test_a_folder_without_a_protocol_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"protocol\.yaml: no such file; .*`armwise init` writes one"):
        load_protocol(tmp_path)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_a_byte_order_mark_do_not_matter(ending: str, mark: str, tmp_path: Path) -> None:
    (tmp_path / "protocol.yaml").write_bytes((mark + TEXT.replace("\n", ending)).encode())
    assert load_protocol(tmp_path) == load_protocol(GOOD)


def test_a_file_with_ten_mistakes_lists_ten(mistakes: Callable[..., list[str]]) -> None:
    found = mistakes(
        ("allocation: nonrandomised", "allocation: chosen"),
        ("label: Injection, planned", "label: Injection, plannd"),
        ("window: [-10, 14]", "window: two weeks"),
        ("age: {type: integer", "age: {type: int"),
        ("value_set: us_tto", "value_set: us_tot"),
        ("surgery: treatment-policy", "surgery: ignored"),
        ("change: {score: odi.total", "change: {score: odi.totl"),
        ("{at_least: 10}", "{at_least: ten}"),
        ("method: mann-whitney", "method: gee"),
        ("endpoint: odi.total, visit: m1", "endpoint: odi.total, visit: m7"),
    )
    assert [line.split(" (")[1].split(")")[0] for line in found] == [
        *("study.allocation", "arms.injection.plannd", "visits.m1.window", "forms.subjects.items.age.type"),
        *("forms.eq5d.options.value_set", "endpoints.change.score", "endpoints.better.improvement.at_least"),
        *("estimands.choosers.events.surgery", "analyses.course.method", "published[1].visit"),
    ]


def test_a_slip_in_the_study_does_not_hide_one_in_the_analyses(mistakes: Callable[..., list[str]]) -> None:
    found = mistakes(("  masking: open-label\n", ""), ("supports: primary", "supports: primry"))
    assert len(found) == 2
    assert "(analyses.worst.supports): unknown analysis `primry`; did you mean `primary`?" in found[1]


def test_the_lines_of_an_alias_are_those_of_its_anchor(tmp_path: Path) -> None:
    text = TEXT.replace("covariates: [age]}", "covariates: &who [age]}", 1).replace(
        "covariates: [odi_0]", "covariates: *who"
    )
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    assert load_protocol(tmp_path).analyses["mean"].covariates == ("age",)


def test_an_alias_that_holds_itself_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    text = TEXT.replace("m1: {day: 30,", "m1: &m {day: 30, label: *m,")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(
        ProtocolError, match=r"visits\.m1\.label\): found the keys day, label, window, expected text"
    ):
        load_protocol(tmp_path)


def test_aliases_of_aliases_are_refused_and_never_hang(tmp_path: Path) -> None:
    arms = [
        "a0: &a0 {label: x, short: x}",
        *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)),
    ]
    (tmp_path / "protocol.yaml").write_text("\n".join([*arms, "arms: *a11", "forms: *a11"]), encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"aliases \(\*name\) unfold into more than 100,000 values"):
        load_protocol(tmp_path)


@pytest.mark.parametrize("path", ["../../own.yaml", "own.yaml", "/tmp/own.yaml", "instruments/own"])
def test_an_instrument_is_named_and_never_a_path(path: str, mistakes: Callable[..., list[str]]) -> None:
    found = mistakes(("instrument: odi,", f"instrument: {path},"))
    assert f"found `{path}`, expected the name of an instrument" in found[0]
    assert "forms.odi.instrument" in found[0]


def test_words_that_other_readers_take_for_truth_stay_words(tmp_path: Path) -> None:
    text = TEXT.replace("choices: [L4, L5]", "choices: [yes, no]")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    choices = load_protocol(tmp_path).forms["procedures"].items["level"].choices
    assert choices == {"yes": "yes", "no": "no"}


def test_choices_are_the_text_that_stands_in_a_table(tmp_path: Path) -> None:
    for written, read in (
        ("{1: Mild, 2: Severe}", {"1": "Mild", "2": "Severe"}),
        ("[true, 2]", {"true": "true", "2": "2"}),
    ):
        (tmp_path / "protocol.yaml").write_text(
            TEXT.replace("choices: [L4, L5]", f"choices: {written}"), encoding="utf-8"
        )
        assert load_protocol(tmp_path).forms["procedures"].items["level"].choices == read


def test_a_threshold_keeps_its_exact_value(tmp_path: Path) -> None:
    text = TEXT.replace("{at_least: 50%}", '{more_than: "2.1 %"}')
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    improvement = load_protocol(tmp_path).endpoints["halved"].improvement
    assert improvement is not None
    assert improvement.strict
    assert improvement.percent
    assert improvement.exact * 1000 == 21


def test_a_snapshot_without_its_folder_is_read_as_it_stands() -> None:
    assert parse_protocol(TEXT, "protocol.yaml") == load_protocol(GOOD)
    with pytest.raises(ProtocolError, match="not a protocol of this version"):
        parse_protocol("study: {}", "protocol.yaml")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_no_mistake(name: str) -> None:
    assert [p for p in read_protocol(EXAMPLES[name])[1] if p.severity == "error"] == []


JUNK = st.sampled_from(
    [
        "",
        "~",
        "{}",
        "[]",
        "[1, 2]",
        "x",
        "3",
        "-1",
        "true",
        "1e999",
        "2020-02-30",
        "{a: b}",
        "'",
        "- a",
        "*x",
        "odi.total",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_protocol_changed_at_random_gives_problems_and_nothing_else(
    name: str, tmp_path: Path, data: st.DataObject
) -> None:
    lines = EXAMPLES[name].read_text(encoding="utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key, colon, value = lines[at].partition(":")
        what = data.draw(st.sampled_from(["delete", "value", "key", "indent", "twice", "inside"]))
        if what == "delete":
            del lines[at]
        elif what == "value" and colon:
            lines[at] = f"{key}: {data.draw(JUNK)}"
        elif what == "key" and colon:
            lines[at] = f"{key[:-1]}:{value}"
        elif what == "indent":
            lines[at] = data.draw(st.sampled_from([" ", "\t", "  "])) + lines[at]
        elif what == "twice":
            lines.insert(at, lines[at])
        elif what == "inside" and (words := lines[at].split()):
            word = data.draw(st.sampled_from(words))
            lines[at] = lines[at].replace(word, data.draw(JUNK), 1)
    (tmp_path / "protocol.yaml").write_text("\n".join(lines), encoding="utf-8")
    try:
        _, problems = read_protocol(tmp_path)
    except ArmwiseError as error:
        assert str(error)
    else:
        assert all(p.row is not None and p.row <= len(lines) + 1 and p.what for p in problems)

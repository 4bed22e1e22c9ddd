"""A new study folder: answers in their place, comments kept, and a protocol that has no mistake."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import armwise
from armwise.errors import FileError, UsageError
from armwise.protocol.load import load_protocol, read_protocol
from armwise.protocol.lock import FILE
from armwise.simulate.study import simulate_study
from armwise.study.new import SAID_OF_THE_PUBLISHED, copy_example, copy_study, examples, new_study


def answering(**answers: str) -> Callable[[str, str], str]:
    """Answers each question that begins with a key's words, and takes the default otherwise."""
    return lambda question, default: next(
        (a for q, a in answers.items() if question.startswith(q.replace("_", " "))), default
    )


def test_every_example_can_be_begun_from_and_has_no_mistake(tmp_path: Path) -> None:
    for name in examples():
        file = new_study(tmp_path / name, like=name)
        assert [p for p in read_protocol(file)[1] if p.severity == "error"] == []
        assert (tmp_path / name / "data").is_dir()
        assert not list((tmp_path / name / "data").iterdir())


def test_a_lock_goes_with_a_copy_of_its_study_and_not_into_a_study_that_only_begins_like_it(
    tmp_path: Path,
) -> None:
    copy_example("bmc-low-back-pain", tmp_path / "copy")
    here, there = tmp_path / "copy" / FILE, examples()["bmc-low-back-pain"] / FILE
    assert here.read_bytes() == there.read_bytes()
    new_study(tmp_path / "new", like="bmc-low-back-pain")
    assert not (tmp_path / "new" / FILE).exists()
    assert "pain_as_published" not in load_protocol(tmp_path / "new").analyses
    assert "protocol.lock" not in (tmp_path / "new" / "protocol.yaml").read_text(encoding="utf-8")


def test_a_lock_of_a_study_that_is_written_over_goes_with_it(tmp_path: Path) -> None:
    copy_example("bmc-low-back-pain", tmp_path / "demo")
    simulate_study(tmp_path / "demo")
    (tmp_path / "demo" / FILE).write_text("of another protocol", encoding="utf-8")
    copy_example("cdisc-pilot", tmp_path / "demo", again=True)
    assert not (tmp_path / "demo" / FILE).exists()


def test_what_belongs_to_the_published_study_is_not_the_new_ones(tmp_path: Path) -> None:
    file = new_study(tmp_path / "s", like="bmc-low-back-pain")
    protocol = load_protocol(file)
    assert protocol.published == ()
    assert protocol.study.publication is None
    assert protocol.study.allocated_by == "unstated"
    assert load_protocol(examples()["bmc-low-back-pain"]).study.allocated_by == "patient-choice"
    assert "PMID" not in file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith("# Begun from the example bmc-low-back-pain")


@pytest.mark.parametrize(
    "answer",
    ["Simple", 'A "quoted": title, {really} # not a comment', "no", "2026-01-01", "'", "é −", "- x", "\\n"],
)
def test_an_answer_stands_in_the_protocol_as_it_was_given(answer: str, tmp_path: Path) -> None:
    like = "bmc-low-back-pain" if answer == "Simple" else "cdisc-pilot"  # blocks, and braces
    words = ("Title", "Short_name", "Objective", "Patients", "Where", "What_is_the_arm")
    protocol = load_protocol(
        new_study(tmp_path / "s", like=like, ask=answering(**dict.fromkeys(words, answer)))
    )
    study = protocol.study
    assert {study.title, study.id, study.objective, study.population, study.setting} == {answer}
    assert {arm.label for arm in protocol.arms.values()} == {answer}
    assert {arm.short for arm in protocol.arms.values()} <= {answer, ""}


def test_comments_and_everything_else_stay_as_they_are(tmp_path: Path) -> None:
    before = (examples()["bmc-low-back-pain"] / "protocol.yaml").read_text(encoding="utf-8")
    after = new_study(tmp_path / "s", like="bmc-low-back-pain", ask=answering(Title="T")).read_text(
        encoding="utf-8"
    )
    assert '\n  title: "T"\n' in after
    assert "# confirmed in a secondary source" in before
    assert not re.search(SAID_OF_THE_PUBLISHED, after)
    same = re.sub(SAID_OF_THE_PUBLISHED, "", before).splitlines()
    assert [line for line in after.splitlines()[1:] if line not in same] == ['  title: "T"']
    assert "# the windows are assumed" in after


def test_an_answer_that_is_none_of_the_choices_is_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: str, default: str) -> str:
        asked.append(question)
        if question.startswith("Were the arms"):
            return "perhaps"
        return "randomised" if question.startswith("`perhaps` is none of them.") else default

    assert (
        load_protocol(new_study(tmp_path / "s", like="bmc-low-back-pain", ask=ask)).study.allocation
        == "randomised"
    )
    assert sum("randomised, nonrandomised" in question for question in asked) == 2


@pytest.mark.parametrize("allocation", ["randomised", "nonrandomised"])
def test_a_new_study_can_be_simulated_and_analysed(allocation: str, tmp_path: Path) -> None:
    new_study(tmp_path / "s", like="bmc-low-back-pain", ask=answering(Were_the_arms=allocation))
    simulate_study(tmp_path / "s")
    study = armwise.load_study(tmp_path / "s")
    assert study.errors == ()
    results = armwise.analyse(study)
    assert results.simulated
    assert results.rows(analysis="primary")


def test_a_study_is_never_written_over(tmp_path: Path) -> None:
    new_study(tmp_path / "s", like="cdisc-pilot")
    with pytest.raises(FileError, match=r"s: holds a protocol\.yaml already; choose another folder"):
        new_study(tmp_path / "s", like="bmc-low-back-pain")


def test_a_demo_is_written_over_but_not_a_study_with_data_of_its_own(tmp_path: Path) -> None:
    copy_example("bmc-low-back-pain", tmp_path / "s", again=True)
    copy_example("bmc-low-back-pain", tmp_path / "s", again=True)
    (tmp_path / "s" / "data").mkdir()
    (tmp_path / "s" / "data" / "provenance.json").write_text('{"kind": "simulated"}', encoding="utf-8")
    copy_example("bmc-low-back-pain", tmp_path / "s", again=True)
    for content in ('{"kind": "captured"}', "{", "[]"):
        (tmp_path / "s" / "data" / "provenance.json").write_text(content, encoding="utf-8")
        with pytest.raises(FileError, match="holds a protocol"):
            copy_example("bmc-low-back-pain", tmp_path / "s", again=True)


def test_an_unknown_example_gets_the_names_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown example `cdisc`; did you mean `cdisc-pilot`\?"):
        new_study(tmp_path / "s", like="cdisc")


def test_a_study_is_copied_with_its_own_instruments_and_without_its_data(tmp_path: Path) -> None:
    copy_study(examples()["cdisc-pilot"], tmp_path / "s")
    assert (tmp_path / "s" / "instruments" / "adas_cog.yaml").is_file()
    assert not (tmp_path / "s" / "data").exists()
    with pytest.raises(FileError, match=r"no protocol\.yaml; expected a study folder"):
        copy_study(tmp_path, tmp_path / "t")


def test_a_randomised_study_begins_without_weights_and_their_population(tmp_path: Path) -> None:
    answers = answering(Were_the_arms="randomised")
    text = new_study(tmp_path / "s", like="bmc-low-back-pain", ask=answers).read_text(encoding="utf-8")
    assert not re.search("overlap|plausible|sacroiliac joints]", text)
    protocol, problems = read_protocol(tmp_path / "s")
    assert protocol is not None
    assert [p.column for p in problems] == ["associations.cfu_f_odi.cuts"]  # the example's own warning
    assert protocol.analyses["primary"].adjust == "none"
    assert protocol.estimands["main"].target == "everyone"

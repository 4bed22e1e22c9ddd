"""The lock: what it writes, what it refuses, and that it cannot be changed by hand without being found out."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.errors import FileError, ProtocolError, UsageError
from armwise.protocol.canonical import digest
from armwise.protocol.lock import FILE, Difference, differences, lock, read_lock

FIRST, SECOND = dt.date(2026, 1, 1), dt.date(2026, 2, 1)


@pytest.fixture
def study(small: Any, tmp_path: Path) -> Path:
    write(tmp_path, copy.deepcopy(small.protocol))
    return tmp_path


def write(folder: Path, data: dict[str, Any]) -> None:
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def change(folder: Path, path: str, value: Any) -> None:
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    inner = data
    *way, last = path.split("/")
    for key in way:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    write(folder, data)


def test_a_lock_holds_the_date_the_version_both_hashes_and_the_plan_itself(study: Path) -> None:
    entry = lock(study, today=FIRST)
    (raw,) = json.loads((study / FILE).read_text(encoding="utf-8"))["history"]
    assert (raw["date"], raw["version"], raw["reason"], raw["previous"]) == ("2026-01-01", "1", "", "")
    assert raw["plan_hash"] == entry.plan_hash == digest(raw["plan"])
    assert raw["collection_hash"] == entry.collection_hash == digest(raw["collection"])
    assert raw["plan"]["endpoints"]["better"]["improvement"] == {"at_least": "10"}
    assert read_lock(study) == (entry,)


def test_the_same_protocol_gives_the_same_hashes_whenever_and_wherever_it_is_locked(
    study: Path, tmp_path_factory: pytest.TempPathFactory, small: Any
) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, dict(reversed(copy.deepcopy(small.protocol).items())))
    one, two = lock(study, today=FIRST), lock(other, today=SECOND)
    assert (one.plan_hash, one.collection_hash) == (two.plan_hash, two.collection_hash)


def test_a_study_without_a_lock_has_no_locked_state(study: Path) -> None:
    assert read_lock(study) == ()


def test_a_locked_protocol_is_not_locked_again_without_a_reason(study: Path) -> None:
    lock(study, today=FIRST)
    text = (study / FILE).read_text(encoding="utf-8")
    with pytest.raises(UsageError, match=r"locked on 2026-01-01, as it stands"):
        lock(study, today=SECOND)
    change(study, "endpoints/better/improvement", {"at_least": 12})
    with pytest.raises(UsageError, match=r'locked on 2026-01-01; to change it, say why: .* --amend "reason"'):
        lock(study, today=SECOND)
    with pytest.raises(UsageError, match="needs a reason"):
        lock(study, amend="  ", today=SECOND)
    assert (study / FILE).read_text(encoding="utf-8") == text


def test_an_amendment_keeps_the_history_and_its_reason(study: Path) -> None:
    first = lock(study, today=FIRST)
    change(study, "endpoints/better/improvement", {"at_least": 12})
    second = lock(study, amend=" The threshold of 2024 ", today=SECOND)
    assert read_lock(study) == (first, second)
    assert second.reason == "The threshold of 2024"
    assert second.previous == first.as_dict()["entry_hash"]
    assert second.collection_hash == first.collection_hash
    place = "endpoints.better.improvement.at_least"
    assert list(differences(first, second)) == [Difference(place, "changed", "10", "12")]


@pytest.mark.parametrize(
    ("amend", "today", "words"),
    [("why", SECOND, "nothing differs"), ("why", dt.date(2025, 1, 1), "the last entry is of 2026-01-01")],
)
def test_an_amendment_that_changes_nothing_or_goes_back_in_time_is_refused(
    study: Path, amend: str, today: dt.date, words: str
) -> None:
    lock(study, today=FIRST)
    with pytest.raises(UsageError, match=words):
        lock(study, amend=amend, today=today)


def test_there_is_nothing_to_amend_before_the_first_lock(study: Path) -> None:
    with pytest.raises(UsageError, match="no lock to amend"):
        lock(study, amend="why", today=FIRST)
    assert not (study / FILE).exists()


def test_a_protocol_with_mistakes_is_not_locked(study: Path) -> None:
    change(study, "analyses/primary/endpoint", "chnge")
    with pytest.raises(ProtocolError):
        lock(study, today=FIRST)
    assert not (study / FILE).exists()


def test_what_was_added_dropped_and_reordered_is_said_by_its_place(study: Path) -> None:
    before = lock(study, today=FIRST)
    change(study, "endpoints/both", None)
    change(study, "endpoints/change/label", "New words")  # a label in the plan is no difference
    change(study, "size", {"endpoint": "change", "sd": 10})
    change(study, "forms/mood/items/points/label", "How do you feel?")
    data = yaml.safe_load((study / "protocol.yaml").read_text(encoding="utf-8"))
    data["arms"] = dict(reversed(data["arms"].items()))
    write(study, data)
    after = lock(study, amend="why", today=SECOND)
    found = {(d.place, d.kind) for d in differences(before, after)}
    assert found == {
        ("endpoints.both", "dropped"),
        ("size", "added"),
        ("forms.mood.items.points.label", "added"),
        ("arms (order)", "changed"),
    }


def tamper(folder: Path, how: Any) -> None:
    data = json.loads((folder / FILE).read_text(encoding="utf-8"))
    how(data["history"])
    (folder / FILE).write_text(json.dumps(data), encoding="utf-8")


def backdated(history: list[dict[str, Any]]) -> None:
    history[0]["date"] = "2025-06-01"


def other_threshold(history: list[dict[str, Any]]) -> None:
    history[0]["plan"]["endpoints"]["better"]["improvement"]["at_least"] = "5"


def other_threshold_and_its_hash(history: list[dict[str, Any]]) -> None:
    other_threshold(history)
    history[0]["plan_hash"] = digest(history[0]["plan"])


def other_entry_and_all_its_hashes(history: list[dict[str, Any]]) -> None:
    """The first entry rewritten whole: the second still carries the hash of the true one."""
    other_threshold_and_its_hash(history)
    history[0]["entry_hash"] = digest({k: v for k, v in history[0].items() if k != "entry_hash"})


def other_reason(history: list[dict[str, Any]]) -> None:
    history[1]["reason"] = "Requested by the ethics committee"


def first_entry_gone(history: list[dict[str, Any]]) -> None:
    del history[0]


def in_another_order(history: list[dict[str, Any]]) -> None:
    history.reverse()


@pytest.mark.parametrize(
    "how",
    [
        backdated, other_threshold, other_threshold_and_its_hash, other_entry_and_all_its_hashes, other_reason,
        first_entry_gone, in_another_order,
    ],
)  # fmt: skip
def test_a_lock_that_was_changed_by_hand_is_found_out(study: Path, how: Any) -> None:
    lock(study, today=FIRST)
    change(study, "endpoints/better/improvement", {"at_least": 12})
    lock(study, amend="why", today=SECOND)
    tamper(study, lambda history: None)
    assert len(read_lock(study)) == 2  # written again as it was, it is whole
    tamper(study, how)
    with pytest.raises(FileError, match="does not have its hash: it was changed by hand"):
        read_lock(study)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": 2, "history": [{}]}', '{"format": 1, "history": []}']
)
def test_a_file_that_is_no_lock_is_refused(study: Path, text: str) -> None:
    (study / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match="not a lock of this version"):
        read_lock(study)


def test_the_intact_lock_of_another_study_is_refused_in_words(
    study: Path, small: Any, tmp_path: Path
) -> None:
    other = copy.deepcopy(small.protocol)
    other["study"]["id"] = "OTHER"
    folder = tmp_path / "other"
    folder.mkdir()
    write(folder, other)
    lock(folder, today=FIRST)
    (study / FILE).write_bytes((folder / FILE).read_bytes())
    said = f"it locks the study `OTHER`, and this one is `{small.protocol['study']['id']}`; restore this study's own"
    with pytest.raises(FileError, match=said):
        lock(study, amend="why", today=SECOND)
    assert len(read_lock(study)) == 1  # it is whole: only the study is another


def test_a_folder_in_the_place_of_the_lock_is_refused_in_words(study: Path) -> None:
    (study / FILE).mkdir()
    with pytest.raises(FileError, match="found a folder, expected a file; move it away"):
        lock(study, today=FIRST)

"""Pre-specified or post hoc: what the lock says of each result, and what the data's dates say of the lock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results, read_results
from armwise.analysis.run import analyse
from armwise.errors import FileError
from armwise.protocol.lock import FILE, lock
from armwise.study.study import Study, load_study

SECOND = {"endpoint": "better", "at": "m3", "role": "secondary", "method": "risk-difference"}


@pytest.fixture
def folder(small: Any) -> Path:
    """A study of two analyses whose outcomes were recorded on 31 January and 1 April 2026."""
    people = small.people(["new", "old"] * 4)
    points = {p["subject"]: (30, 25 - 2 * (i % 2), 22 - 3 * (i % 2) - i) for i, p in enumerate(people)}
    tables = {"subjects": people, "scale": small.scale(points)}
    analyses = {**small.protocol["analyses"], "second": SECOND}
    study: Study = small.study(tables, analyses=analyses)
    return study.folder


BEFORE, BETWEEN, AFTER = dt.date(2026, 1, 10), dt.date(2026, 2, 10), dt.date(2026, 5, 1)


def change(folder: Path, path: str, value: Any) -> None:
    file = folder / "protocol.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    inner = data
    *way, last = path.split("/")
    for key in way:
        inner = inner[key]
    inner[last] = value
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def run(folder: Path) -> Results:
    return analyse(load_study(folder))


def planned(results: Results, name: str) -> set[str]:
    rows = [r for r in results.rows() if str(r["analysis"]).split(".")[0] == name]
    assert rows
    return {r["planned"] for r in rows}


def counted(results: Results, category: str, at: float | None = None) -> tuple[int, int | None]:
    found = results.one(analysis="lock", category=category, at=at)
    assert found is not None
    return int(found["estimate"]), found["n"]


def test_without_a_lock_the_protocol_s_word_counts_and_the_manifest_says_so(folder: Path) -> None:
    change(folder, "analyses/second/planned", False)
    results = run(folder)
    assert planned(results, "primary") == {"pre-specified"}
    assert planned(results, "second") == {"post hoc"}
    assert results.manifest["lock"] == {
        "locked": False, "post_hoc": {"second": "the protocol says so (`planned: false`)"},
    }  # fmt: skip
    assert counted(results, "locked states") == (0, None)
    assert counted(results, "post hoc analyses") == (1, 2)


def test_what_was_locked_before_the_first_outcome_and_done_so_is_pre_specified(folder: Path) -> None:
    lock(folder, today=BEFORE)
    results = run(folder)
    assert planned(results, "primary") == planned(results, "second") == {"pre-specified"}
    facts = results.manifest["lock"]
    assert (facts["post_hoc"], facts["differences"]) == ({}, [])
    assert counted(results, "outcomes recorded by then", 1.0) == (0, 16)
    assert FILE in results.manifest["inputs"]
    assert facts["history"][0]["plan_hash"] == results.manifest["plan_hash"]
    assert facts["history"][0]["collection_hash"] == results.manifest["collection_hash"]


def test_a_lock_after_the_first_outcome_says_how_many_were_known(folder: Path) -> None:
    lock(folder, today=BETWEEN)
    assert counted(run(folder), "outcomes recorded by then", 1.0) == (8, 16)


def test_an_analysis_that_was_not_locked_is_post_hoc_whatever_the_protocol_says(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "analyses/third", {**SECOND, "role": "exploratory", "planned": True})
    results = run(folder)
    assert planned(results, "third") == {"post hoc"}
    assert planned(results, "second") == {"pre-specified"}
    assert results.manifest["lock"]["post_hoc"] == {"third": "not in the locked plan"}
    assert [(d["place"], d["kind"]) for d in results.manifest["lock"]["differences"]] == [
        ("analyses.third", "added")
    ]


def test_an_endpoint_that_changed_makes_its_analyses_post_hoc_and_no_other(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    results = run(folder)
    assert planned(results, "second") == {"post hoc"}
    assert planned(results, "primary") == {"pre-specified"}
    assert results.manifest["lock"]["post_hoc"] == {"second": "changed after the lock: endpoints.better"}
    (difference,) = results.manifest["lock"]["differences"]
    assert (difference["before"], difference["now"]) == ("10", "3")
    assert counted(results, "differences from the lock") == (1, None)


def test_the_unadjusted_companion_of_a_post_hoc_analysis_is_post_hoc_too(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "analyses/primary/covariates", ["baseline", "age"])
    results = run(folder)
    assert results.rows(analysis="primary.unadjusted")
    assert planned(results, "primary") == {"post hoc"}


def test_an_amendment_before_the_first_outcome_is_as_good_as_the_lock(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    lock(folder, amend="The threshold of 2024", today=dt.date(2026, 1, 20))
    results = run(folder)
    assert planned(results, "second") == {"pre-specified"}
    (entry,) = results.manifest["lock"]["history"][1:]
    assert entry["reason"] == "The threshold of 2024"
    assert [d["place"] for d in entry["differences"]] == ["endpoints.better.improvement.at_least"]


def test_an_amendment_after_the_first_outcome_does_not_make_an_analysis_planned(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    lock(folder, amend="It looked better", today=BETWEEN)
    results = run(folder)
    assert planned(results, "second") == {"post hoc"}
    assert planned(results, "primary") == {"pre-specified"}
    (why,) = results.manifest["lock"]["post_hoc"].values()
    assert why == "set by the amendment of 2026-02-10, when outcomes had been recorded"


def test_what_an_amendment_changed_and_the_next_took_back_is_not_passed_over(folder: Path) -> None:
    """The analysis as it was locked first is in force again, but it is the last amendment that put it there."""
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    lock(folder, amend="one", today=BETWEEN)
    change(folder, "endpoints/better/improvement", {"at_least": 10})
    lock(folder, amend="two", today=AFTER)
    results = run(folder)
    assert planned(results, "second") == {"post hoc"}
    assert "2026-05-01" in results.manifest["lock"]["post_hoc"]["second"]


def test_an_analysis_that_the_plan_dropped_is_listed(folder: Path) -> None:
    lock(folder, today=BEFORE)
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    del data["analyses"]["second"]
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    (difference,) = run(folder).manifest["lock"]["differences"]
    assert (difference["place"], difference["kind"], difference["now"]) == (
        "analyses.second",
        "dropped",
        None,
    )


def test_a_comment_or_a_label_makes_nothing_post_hoc(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "analyses/second/label", "In other words")
    file = folder / "protocol.yaml"
    file.write_text("# a comment\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    facts = run(folder).manifest["lock"]
    assert (facts["post_hoc"], facts["differences"]) == ({}, [])


def test_a_lock_that_was_changed_by_hand_stops_the_analysis(folder: Path) -> None:
    lock(folder, today=AFTER)
    file = folder / FILE
    file.write_text(file.read_text(encoding="utf-8").replace("2026-05-01", "2025-05-01"), encoding="utf-8")
    with pytest.raises(FileError, match="changed by hand"):
        run(folder)


def test_the_verdict_changes_no_id_and_survives_writing(folder: Path, tmp_path: Path) -> None:
    without = run(folder)
    lock(folder, today=BEFORE)
    change(folder, "endpoints/change/label", "x")
    results = run(folder)
    keys = set(results.table["id"]) - set(without.table["id"])
    assert {r["analysis"] for r in results.rows(id=list(keys))} == {"lock"}
    results.write(tmp_path)
    assert read_results(tmp_path).manifest["lock"] == results.manifest["lock"]

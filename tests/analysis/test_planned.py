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


MEASURE = {"endpoint": "change", "at": "m3", "arm": "new", "measure": "age", "role": "secondary"}


def simulated(folder: Path) -> None:
    """The folder's data as if a computer had drawn them."""
    (folder / "data" / "provenance.json").write_text('{"kind": "simulated", "seed": 1}', encoding="utf-8")


@pytest.mark.parametrize("when", [BEFORE, BETWEEN, AFTER])
def test_the_invented_dates_of_simulated_data_are_not_held_against_a_lock(
    folder: Path, when: dt.date
) -> None:
    """Neither `before any outcome`, which would be no merit, nor `after all of them`, which would be no fault."""
    simulated(folder)
    lock(folder, today=when)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    lock(folder, amend="why", today=when)
    results = run(folder)
    assert planned(results, "second") == {"pre-specified"}
    for at in (1.0, 2.0):
        found = results.one(analysis="lock", category="outcomes recorded by then", at=at)
        assert found is not None
        assert (found["estimate"], found["n"], found["status"]) == (None, None, "not estimable")
        assert "SIMULATED" in found["reason"]
    facts = results.manifest["lock"]
    assert facts["outcomes"] is None
    assert {entry["outcomes_before"] for entry in facts["history"]} == {None}


def test_what_is_new_or_changed_is_post_hoc_in_simulated_data_too(folder: Path) -> None:
    simulated(folder)
    lock(folder, today=AFTER)
    change(folder, "analyses/third", {**SECOND, "role": "exploratory"})
    assert run(folder).manifest["lock"]["post_hoc"] == {"third": "not in the locked plan"}


def test_each_association_is_judged_by_itself(folder: Path) -> None:
    change(folder, "associations", {"by_age": MEASURE})
    lock(folder, today=BEFORE)
    change(
        folder, "associations", {"by_age": MEASURE, "later": {**MEASURE, "at": "m1", "role": "exploratory"}}
    )
    results = run(folder)
    found = {r["item"]: r["planned"] for r in results.rows(analysis="associations")}
    assert found == {"by_age": "pre-specified", "later": "post hoc"}
    facts = results.manifest["lock"]
    assert facts["post_hoc_parts"] == {"associations.later": "not in the locked plan"}
    assert facts["post_hoc"] == {}


def test_an_interaction_is_post_hoc_with_the_analysis_in_whose_model_it_stands(folder: Path) -> None:
    change(folder, "analyses/primary/covariates", ["baseline", "age"])
    change(folder, "analyses/primary/modifiers", ["age"])
    lock(folder, today=BEFORE)
    assert planned(run(folder), "effect_modification") == {"pre-specified"}
    change(folder, "analyses/primary/covariates", ["age", "baseline"])
    results = run(folder)
    assert planned(results, "primary") == planned(results, "effect_modification") == {"post hoc"}


def test_what_puts_an_analysis_to_the_test_is_post_hoc_with_it_and_with_its_negative_control(
    folder: Path,
) -> None:
    control = {"score": "mood.points", "kind": "state", "at_most": 3}
    change(folder, "endpoints/calm", control)
    change(folder, "fragility", {"analyses": ["primary"], "negative_controls": ["calm"]})
    lock(folder, today=BEFORE)
    assert planned(run(folder), "fragility") == {"pre-specified"}
    change(folder, "endpoints/calm", {**control, "at_most": 4})
    results = run(folder)
    assert planned(results, "fragility") == {"post hoc"}
    assert planned(results, "primary") == {"pre-specified"}
    assert results.manifest["lock"]["post_hoc_parts"] == {
        "fragility": "changed after the lock: endpoints.calm"
    }


def without(folder: Path, name: str) -> None:
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    del data["analyses"][name]
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def test_a_locked_analysis_that_was_not_done_is_counted_and_named(folder: Path) -> None:
    lock(folder, today=BEFORE)
    without(folder, "second")
    results = run(folder)
    assert counted(results, "locked analyses not done") == (1, None)
    assert results.manifest["lock"]["not_done"] == {"second": "locked, and no longer in the protocol"}


@pytest.mark.parametrize(("when", "due"), [(dt.date(2026, 1, 20), False), (BETWEEN, True)])
def test_an_amendment_takes_an_analysis_out_silently_only_before_the_first_outcome(
    folder: Path, when: dt.date, due: bool
) -> None:
    lock(folder, today=BEFORE)
    without(folder, "second")
    lock(folder, amend="why", today=when)
    found = run(folder).manifest["lock"]["not_done"]
    assert found == ({"second": f"taken out by the amendment of {when}"} if due else {})


def test_a_renamed_analysis_is_not_done_under_its_old_name_and_post_hoc_under_its_new_one(
    folder: Path,
) -> None:
    lock(folder, today=BEFORE)
    without(folder, "second")
    change(folder, "analyses/other", SECOND)
    facts = run(folder).manifest["lock"]
    assert set(facts["not_done"]) == {"second"}
    assert set(facts["post_hoc"]) == {"other"}


def test_a_role_and_a_renamed_endpoint_make_an_analysis_post_hoc(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "analyses/second/role", "exploratory")
    assert run(folder).manifest["lock"]["post_hoc"] == {"second": "changed after the lock: analyses.second"}
    change(folder, "analyses/second/role", "secondary")
    assert run(folder).manifest["lock"]["post_hoc"] == {}
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    data["endpoints"]["improved"] = data["endpoints"]["better"]
    data["analyses"]["second"]["endpoint"] = "improved"
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    assert set(run(folder).manifest["lock"]["post_hoc"]) == {"second"}


def test_a_window_that_changed_with_the_data_in_place_makes_its_analyses_post_hoc(folder: Path) -> None:
    lock(folder, today=BEFORE)
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    low, high = data["visits"]["m3"].get("window", [-30, 30])
    change(folder, "visits/m3/window", [low - 1, high + 1])
    results = run(folder)
    assert set(results.manifest["lock"]["post_hoc"]) == {"primary", "second"}
    assert {d["place"] for d in results.manifest["lock"]["differences"]} == {"visits.m3.window"}


def test_a_lock_that_was_deleted_leaves_a_plan_that_is_not_locked(folder: Path) -> None:
    lock(folder, today=BEFORE)
    (folder / FILE).unlink()
    assert run(folder).manifest["lock"] == {"locked": False, "post_hoc": {}}

"""The section on plan and deviations: what its heading may say, and where it says that something differs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.protocol.lock import lock
from armwise.report.page import Answer, Facts, Prose, Section
from armwise.report.sections import deviations
from armwise.report.tables import Table
from armwise.report.words import Words
from armwise.study.study import load_study

SECOND = {
    "endpoint": "better",
    "at": "m3",
    "role": "secondary",
    "method": "risk-difference",
    "label": "Responders",
}
BEFORE, BETWEEN = dt.date(2026, 1, 10), dt.date(2026, 2, 10)


@pytest.fixture
def folder(small: Any) -> Path:
    people = small.people(["new", "old"] * 4)
    points = {p["subject"]: (30, 25 - 2 * (i % 2), 22 - 3 * (i % 2) - i) for i, p in enumerate(people)}
    analyses = {**small.protocol["analyses"], "second": SECOND}
    found: Path = small.study({"subjects": people, "scale": small.scale(points)}, analyses=analyses).folder
    return found


def change(folder: Path, path: str, value: Any) -> None:
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    inner = data
    *way, last = path.split("/")
    for key in way:
        inner = inner[key]
    inner[last] = value
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def section_of(folder: Path) -> tuple[Section, Results]:
    results = analyse(load_study(folder))
    found = deviations.section(results, Words.of(results))
    assert found is not None
    return found, results


def first_screen(*items: tuple[str, str]) -> Answer:
    return Answer(design="", heading="", lead="", fragile="", figure=None, facts=Facts(items))


def plain(markup: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", str(markup)))


def lines(section: Section, title: str) -> list[tuple[str, ...]]:
    found = next(
        b.main for b in section.blocks if isinstance(b.main, Table) and b.main.title.startswith(title)
    )
    return [(plain(line.head), *(plain(c) for c in line.cells)) for line in found.rows]


def facts(section: Section) -> dict[str, str]:
    (found,) = (b.main for b in section.blocks if isinstance(b.main, Facts))
    return {term: plain(what) for term, what in found.items}


def test_results_that_know_nothing_of_a_lock_have_no_such_section(two_arms: Results) -> None:
    bare = dataclasses.replace(two_arms, manifest={k: v for k, v in two_arms.manifest.items() if k != "lock"})
    assert deviations.section(bare, Words.of(bare)) is None


def test_a_plan_that_was_not_locked_is_said_to_be_the_protocol_s_word(folder: Path) -> None:
    change(folder, "analyses/second/planned", False)
    found, _ = section_of(folder)
    assert plain(found.heading) == "The plan was not locked; 1 of 2 analyses is post hoc"
    (said,) = (str(b.main.paragraphs[0]) for b in found.blocks if isinstance(b.main, Prose))
    assert "No lock of the protocol was found. The protocol calls one of its analyses post hoc." in said
    assert "nothing here shows it" in said
    (post_hoc,) = lines(found, "Analyses that are post hoc")
    assert post_hoc == ("Responders second", "Secondary", "The protocol says so (`planned: false`)")


def test_an_analysis_as_locked_is_said_to_be_so_with_both_hashes(folder: Path) -> None:
    entry = lock(folder, today=BEFORE)
    found, results = section_of(folder)
    assert plain(found.heading) == "Every analysis was done as locked"
    said = facts(found)["Locked"]
    assert said == (
        f"2026-01-10, version 1; plan {entry.plan_hash[:12]}; what is collected {entry.collection_hash[:12]};"
        " before any outcome was recorded."
    )
    assert results.manifest["plan_hash"] == entry.plan_hash


def test_a_lock_after_outcomes_were_recorded_is_said_first(folder: Path) -> None:
    lock(folder, today=BETWEEN)
    found, _ = section_of(folder)
    assert (
        plain(found.heading)
        == "The plan was locked when outcomes had been recorded; 0 of 2 analyses are post hoc"
    )
    assert (
        "after 8 of 16 outcomes had been recorded; what was planned by then was planned with outcomes in view"
        in (facts(found)["Locked"])
    )


def test_what_differs_is_listed_by_place_old_and_new(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    change(folder, "size", {"endpoint": "change", "sd": 10})
    found, _ = section_of(folder)
    assert (
        plain(found.heading) == "1 of 2 analyses is post hoc; the protocol differs from its lock in 2 places"
    )
    assert lines(found, "Where the analysis differs") == [
        ("endpoints.better.improvement.at_least", "Changed", "10", "3"),
        ("size", "Added", "not written", "endpoint: change; sd: 10.0"),
    ]
    assert lines(found, "Analyses that are post hoc") == [
        ("Responders second", "Secondary", "Changed after the lock: endpoints.better"),
    ]


def test_an_amendment_is_listed_with_its_reason_and_what_it_changed(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    lock(folder, amend="A threshold <of> our own.", today=BETWEEN)
    found, _ = section_of(folder)
    said = facts(found)["Amendment 1"]
    assert said.startswith("2026-02-10, version 1; plan ")
    assert "after 8 of 16 outcomes had been recorded" in said
    assert said.endswith("Reason: A threshold &lt;of&gt; our own.")
    assert lines(found, "What the amendment of 2026-02-10") == [
        ("endpoints.better.improvement.at_least", "Changed", "10", "3"),
    ]
    assert plain(found.heading) == "1 of 2 analyses is post hoc"


def test_the_rest_of_the_page_calls_post_hoc_what_the_lock_found(folder: Path) -> None:
    lock(folder, today=BEFORE)
    change(folder, "endpoints/better/improvement", {"at_least": 3})
    _, results = section_of(folder)
    shown = deviations.with_verdicts(results)
    assert {name: a.planned for name, a in shown.protocol.analyses.items()} == {
        "primary": True,
        "second": False,
    }
    assert all(a.planned for a in results.protocol.analyses.values())  # what the file says stays what it says


def test_a_long_value_is_cut_and_headings_hold_no_word_of_causality(
    folder: Path, causal_words: Callable[[str], list[str]]
) -> None:
    lock(folder, today=BEFORE)
    change(folder, "study/objective", "word " * 80)
    found, _ = section_of(folder)
    ((_, _, _, now),) = lines(found, "Where the analysis differs")
    assert now.endswith(" …") and len(now) < 210
    assert causal_words(plain(found.heading)) == []


def test_the_first_screen_says_whether_the_primary_analysis_was_planned(folder: Path) -> None:
    first = first_screen(("Registered", "No"), ("Data", "x"))

    def facts_of() -> list[tuple[str, str]]:
        results = analyse(load_study(folder))
        return [(k, plain(v)) for k, v in deviations.on_first_screen(first, results).facts.items]

    assert facts_of() == [("Registered", "No; plan not locked"), ("Data", "x")]
    lock(folder, today=BEFORE)
    assert facts_of()[0] == ("Registered", "No; plan locked 2026-01-10, before any outcome was recorded")
    change(folder, "analyses/primary/covariates", ["baseline", "age"])
    assert facts_of()[0] == ("Registered", "No")
    name, said = facts_of()[-1]
    assert name == "Plan"
    assert said.startswith("The primary analysis is post hoc: changed after the lock: analyses.primary")
    results = dataclasses.replace(analyse(load_study(folder)), manifest={})
    assert deviations.on_first_screen(first, results) is first


def without(folder: Path, name: str) -> None:
    data = yaml.safe_load((folder / "protocol.yaml").read_text(encoding="utf-8"))
    del data["analyses"][name]
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def test_a_locked_analysis_that_was_not_done_is_in_the_heading_and_in_a_table(folder: Path) -> None:
    lock(folder, today=BEFORE)
    without(folder, "second")
    found, _ = section_of(folder)
    assert plain(found.heading) == (
        "0 of 1 analyses are post hoc; 1 locked analysis was not done; the protocol differs from its lock in 1 place"
    )
    assert lines(found, "Locked analyses that were not done") == [
        ("second", "Locked, and no longer in the protocol")
    ]


def test_one_that_an_amendment_took_out_is_not_called_done_as_locked(folder: Path) -> None:
    lock(folder, today=BEFORE)
    without(folder, "second")
    lock(folder, amend="why", today=BETWEEN)
    found, _ = section_of(folder)
    assert plain(found.heading) == "0 of 1 analyses are post hoc; 1 locked analysis was not done"
    ((_, what),) = lines(found, "Locked analyses that were not done")
    assert what == "Taken out by the amendment of 2026-02-10"


def test_an_association_that_was_added_is_listed_with_its_role(folder: Path) -> None:
    pair = {"endpoint": "change", "at": "m3", "arm": "new", "measure": "age", "role": "secondary"}
    lock(folder, today=BEFORE)
    change(folder, "associations", {"by_age": pair})
    found, _ = section_of(folder)
    assert lines(found, "Analyses that are post hoc") == [
        ("associations.by_age", "Secondary", "Not in the locked plan")
    ]
    lock(folder, amend="why", today=BETWEEN)  # nothing differs any more, and still it is post hoc
    found, _ = section_of(folder)
    assert plain(found.heading) == "0 of 2 analyses are post hoc"
    ((_, _, why),) = lines(found, "Analyses that are post hoc")
    assert why.startswith("Set by the amendment of 2026-02-10")


@pytest.mark.parametrize("when", [BEFORE, dt.date(2030, 1, 1)])
def test_a_lock_beside_simulated_data_is_not_placed_before_or_after_them(folder: Path, when: dt.date) -> None:
    (folder / "data" / "provenance.json").write_text('{"kind": "simulated", "seed": 1}', encoding="utf-8")
    entry = lock(folder, today=when)
    found, results = section_of(folder)
    assert plain(found.heading) == "Every analysis was done as locked"
    assert facts(found)["Locked"].endswith(
        f"what is collected {entry.collection_hash[:12]}; the dates of SIMULATED data are invented: they say nothing of"
        " what was known by then."
    )
    first = first_screen(("Registered", "No"))
    ((_, said),) = deviations.on_first_screen(first, results).facts.items
    assert plain(said) == f"No; plan locked {when} (the dates of SIMULATED data are invented)"


def test_the_first_screen_says_how_often_the_lock_was_amended(folder: Path) -> None:
    lock(folder, today=BEFORE)
    for i, day in enumerate((dt.date(2026, 1, 15), dt.date(2026, 1, 20))):
        change(folder, "size", {"endpoint": "change", "sd": 10 + i})
        lock(folder, amend="why", today=day)
    first = first_screen(("Registered", "No"))
    _, results = section_of(folder)
    ((_, said),) = deviations.on_first_screen(first, results).facts.items
    assert plain(said) == (
        "No; plan locked 2026-01-10, before any outcome was recorded; amended two times, last 2026-01-20"
    )

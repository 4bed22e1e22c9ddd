"""The example's lock and its protocol are kept in step on purpose: what differs is what the example wants to show."""

from __future__ import annotations

import importlib.util
from datetime import date

import pytest

from armwise.protocol.load import load_protocol
from armwise.protocol.lock import differences, lock, read_lock, state

#: What was added to the protocol after it was locked, for the reader of the report to see.
POST_HOC = {"pain_as_published": "not in the locked plan"}
AGAIN = (
    "the example's protocol differs from its lock elsewhere than in {names}. If that is meant, lock it again:"
    " python examples/bmc-low-back-pain/make_lock.py"
)


@pytest.fixture(scope="module")
def example(root):
    return root / "examples" / "bmc-low-back-pain"


def test_the_protocol_differs_from_its_lock_in_what_was_added_to_show_it_and_in_nothing_else(example):
    (entry,) = read_lock(example)
    now = state(load_protocol(example), example, entry.date)
    found = [(d.place, d.kind) for d in differences(entry, now)]
    assert found == [(f"analyses.{name}", "added") for name in POST_HOC], AGAIN.format(names=[*POST_HOC])


def test_the_script_that_locks_it_again_makes_the_same_lock(example, tmp_path):
    spec = importlib.util.spec_from_file_location("make_lock", example / "make_lock.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made, (there,) = script.made_again(tmp_path), read_lock(example)
    assert tuple(script.ADDED_LATER) == tuple(POST_HOC)
    same = (made.plan_hash, made.collection_hash) == (there.plan_hash, there.collection_hash)
    assert same, AGAIN.format(names=[*POST_HOC])


def test_the_date_of_the_lock_is_a_day_on_which_armwise_could_make_it(example):
    """It is never written to look as if it came before data whose dates are invented."""
    (entry,) = read_lock(example)
    assert date(2026, 11, 24) <= entry.date


def test_the_demo_is_locked_and_says_which_analysis_is_post_hoc_and_why(demo):
    facts = demo.manifest["lock"]
    assert facts["locked"]
    assert facts["post_hoc"] == POST_HOC
    assert (facts["post_hoc_parts"], facts["not_done"]) == ({}, {})
    judged = {r["planned"] for r in demo.rows() if str(r["analysis"]).split(".")[0] in POST_HOC}
    assert judged == {"post hoc"}
    others = {
        r["planned"] for r in demo.rows() if r["analysis"] in ("primary", "odi", "associations", "anchor")
    }
    assert others == {"pre-specified"}


def test_the_page_shows_both_and_says_that_dates_of_simulated_data_are_invented(demo, demo_page):
    (entry,) = demo.manifest["lock"]["history"]
    assert f"plan locked {entry['date']} (the dates of SIMULATED data are invented)" in demo_page["answer"]
    shown = demo_page["deviations"]
    assert entry["plan_hash"][:12] in shown
    assert "before any outcome was recorded" not in shown
    assert "pain_as_published" in shown and "Not in the locked plan" in shown
    assert "post hoc" in demo_page["outcomes"]


def test_the_script_does_not_touch_a_lock_that_holds_the_protocol(example, tmp_path):
    """A second lock of the same protocol, later, has the same hashes: only its date would differ."""
    (tmp_path / "protocol.yaml").write_text(
        (example / "protocol.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    one = lock(tmp_path, today=date(2030, 1, 1))
    two = state(load_protocol(example), example, date(2040, 1, 1))
    assert not list(differences(one, two))

from __future__ import annotations

import hashlib
from typing import Any

from armwise.analysis.manifest import PACKAGES
from armwise.analysis.run import analyse


def manifest(small: Any, age: int = 40, **sections: Any) -> dict[str, Any]:
    people = small.people(["new", "old"], age=[age, 50])
    return analyse(small.study({"subjects": people}, **sections)).manifest


def test_the_manifest_names_the_study_the_versions_and_a_hash_of_every_input(small: Any) -> None:
    study = small.study({"subjects": small.people(["new", "old"])})
    results = analyse(study)
    found = results.manifest
    assert (found["study"], found["protocol_version"], found["simulated"]) == ("SMALL", "1", False)
    assert set(found["packages"]) == set(PACKAGES)
    text = (study.folder / "data" / "subjects.csv").read_bytes()
    assert hashlib.sha256(text).hexdigest() in found["inputs"].values()
    assert found["results_hash"] == hashlib.sha256(results.table.write_csv().encode()).hexdigest()


def test_each_hash_changes_with_what_it_is_of_and_with_nothing_else(small: Any) -> None:
    before = manifest(small)
    hashes = ("collection_hash", "plan_hash", "results_hash")
    assert [before[h] for h in hashes] == [manifest(small)[h] for h in hashes]
    data = manifest(small, age=41)
    assert [before[h] == data[h] for h in hashes] == [True, True, False]
    arms = {"new": {"label": "Newer"}, "old": {"label": "Old", "reference": True}}
    collected = manifest(small, arms=arms)
    assert [before[h] == collected[h] for h in hashes[:2]] == [False, True]
    plan = manifest(small, families={"main": {"of": ["primary"], "order": "none"}})
    assert [before[h] == plan[h] for h in hashes[:2]] == [True, False]

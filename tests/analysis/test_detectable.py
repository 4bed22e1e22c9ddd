from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.run import analyse


def test_what_could_be_detected_is_in_the_unit_of_its_endpoint(small: Any) -> None:
    from armwise.stats import detectable_mean_difference

    arms = {"new": {"label": "New", "planned": 40}, "old": {"label": "Old", "planned": 40, "reference": True}}
    items = {"points": {"type": "number", "range": [0, 50], "unit": "mm", "direction": "lower-better"}}
    forms = {**small.protocol["forms"], "scale": {"at": "all", "items": items}}
    people = {"subjects": small.people(["new", "old"])}
    results = analyse(small.study(people, arms=arms, forms=forms, size={"endpoint": "change", "sd": 10}))
    found = results.one(analysis="detectable")
    assert found is not None
    assert (found["unit"], found["at"], found["at2"]) == ("mm", 0.8, 0.05)
    assert found["estimate"] == pytest.approx(detectable_mean_difference(40, 40, 10, 0.8, 0.05))
    responders = analyse(small.study(people, arms=arms, size={"endpoint": "better", "risk": 0.2}))
    assert responders.rows(analysis="detectable")[0]["unit"] == "proportion"
    relative = {
        **small.protocol["endpoints"],
        "relative": {"score": "scale.points", "kind": "percent-change"},
    }
    study = small.study(people, arms=arms, endpoints=relative, size={"endpoint": "relative", "sd": 30})
    assert analyse(study).rows(analysis="detectable")[0]["unit"] == "percentage points"
    # a reference risk that leaves no room, and arms of one: rows that say why
    for planned, size in ((40, {"endpoint": "better", "risk": 0.95}), (1, {"endpoint": "change", "sd": 10})):
        tiny = {name: {**arm, "planned": planned} for name, arm in arms.items()}
        found = analyse(small.study(people, arms=tiny, size=size)).one(analysis="detectable")
        assert found is not None
        assert (found["status"], found["estimate"]) == ("not estimable", None)
        assert found["reason"]

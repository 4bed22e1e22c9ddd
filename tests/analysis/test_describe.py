from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.study.study import Study

ROOT = Path(__file__).parents[2]


def numbers(results: Results, **where: Any) -> dict[str, Any]:
    return {r["statistic"]: r["estimate"] for r in results.rows(**where)}


def test_observed_scores_of_the_pilot_are_those_of_the_sponsors_data_set(
    pilot: Results, pilot_study: Study
) -> None:
    sponsor = pd.read_csv(ROOT / "tests" / "examples" / "fixtures" / "cdisc_actot_analysed.csv")
    arm = pd.Series(dict(pilot_study.tables["subjects"].select("subject", "arm").iter_rows()))
    sponsor = sponsor[sponsor["carried"] == "N"].assign(arm=sponsor["subject"].map(arm))
    for (visit, name), mine in sponsor.groupby(["visit", "arm"])["total"]:
        found = numbers(pilot, analysis="describe", endpoint="adas.total", visit=visit, arm=name)
        assert found == pytest.approx({
            "n": len(mine), "mean": mine.mean(), "sd": mine.std(), "median": mine.median(), "min": mine.min(),
            "q1": mine.quantile(0.25), "q3": mine.quantile(0.75), "max": mine.max(),
        })  # fmt: skip


def test_a_score_is_described_at_every_visit_and_an_empty_cell_has_n_zero(small: Any) -> None:
    scale = small.scale({"p1": (40, None, 20), "p2": (30, 25, None), "p3": (20, 22, None)})
    results = analyse(small.study({"subjects": small.people(["new", "new", "old"]), "scale": scale}))
    assert numbers(results, analysis="describe", endpoint="scale.points", visit="baseline", arm="new") == {
        "n": 2, "mean": 35, "sd": pytest.approx(50**0.5), "median": 35, "q1": 32.5, "q3": 37.5, "min": 30, "max": 40,
    }  # fmt: skip
    assert numbers(results, analysis="describe", endpoint="scale.points", visit="m3", arm="old") == {"n": 0}
    # a score without a record anywhere has no rows
    assert results.rows(analysis="describe", endpoint="mood.points") == []


def test_the_mean_of_one_value_or_of_equal_values_is_known_though_its_interval_is_not(small: Any) -> None:
    scale = small.scale({"p1": (40, None, 20), "p2": (30, None, 15), "p3": (30, None, 15)})
    results = analyse(small.study({"subjects": small.people(["new", "old", "old"]), "scale": scale}))
    for arm, mean in (("new", 20), ("old", 15)):
        found = results.one(
            analysis="describe", endpoint="scale.points", visit="m3", arm=arm, statistic="mean"
        )
        assert found is not None
        assert (found["estimate"], found["status"], found["lower"], found["upper"]) == (
            mean,
            "ok",
            None,
            None,
        )
        assert found["reason"]


def test_units_are_the_scores_the_per_cents_and_the_proportions(small: Any) -> None:
    endpoints = {
        **small.protocol["endpoints"],
        "relative": {"score": "scale.points", "kind": "percent-change"},
    }
    items = {"points": {"type": "number", "range": [0, 50], "unit": "mm", "direction": "lower-better"}}
    forms = {**small.protocol["forms"], "scale": {"at": "all", "items": items}}
    scale = small.scale({"p1": (40, 30, 20), "p2": (40, 30, 20)})
    results = analyse(
        small.study(
            {"subjects": small.people(["new", "old"]), "scale": scale}, endpoints=endpoints, forms=forms
        )
    )
    units = {
        r["endpoint"]: r["unit"]
        for r in results.rows(analysis="describe", visit="m3", arm="new")
        if r["statistic"] in ("median", "risk")
    }
    assert units == {"scale.points": "mm", "change": "mm", "relative": "per cent", "better": "proportion"}


def test_the_curve_gives_the_share_with_a_change_of_at_or_better(small: Any) -> None:
    changes = {"p1": -0.1, "p2": -0.1, "p3": 0, "p4": 3}
    # 0.8 - 0.7 and 0.5 - 0.4 differ in floats, and are one step of the curve
    scale = small.scale(
        {"p1": (0.8, None, 0.7), "p2": (0.5, None, 0.4), "p3": (5, None, 5), "p4": (5, None, 8)}
    )
    results = analyse(small.study({"subjects": small.people(["new"] * 4 + ["old"]), "scale": scale}))
    rows = results.rows(analysis="distribution", arm="new")
    assert [(r["at"], r["estimate"], r["n"]) for r in rows] == [(-0.1, 0.5, 4), (0, 0.75, 4), (3, 1, 4)]
    assert rows[-1]["estimate"] == 1
    assert sum(v <= 0 for v in changes.values()) / 4 == rows[1]["estimate"]


def test_the_curve_of_a_scale_where_higher_is_better_falls_from_one(small: Any) -> None:
    items = {"points": {"type": "number", "range": [0, 50], "direction": "higher-better"}}
    forms = {**small.protocol["forms"], "scale": {"at": "all", "items": items}}
    scale = small.scale({"p1": (10, None, 12), "p2": (10, None, 17)})
    results = analyse(
        small.study({"subjects": small.people(["new", "new", "old"]), "scale": scale}, forms=forms)
    )
    assert [(r["at"], r["estimate"]) for r in results.rows(analysis="distribution")] == [(2, 1), (7, 0.5)]


def test_the_crosstab_counts_those_with_every_component_and_adds_up(reference: Results) -> None:
    for visit in ("m1", "m12"):
        for arm in ("bmc", "control"):
            rows = reference.rows(analysis="crosstab", visit=visit, arm=arm)
            cells = {r["category"]: r["estimate"] for r in rows}
            assert set(cells) == {f"odi_mcid {a}, pain_2pt {b}" for a in ("yes", "no") for b in ("yes", "no")}
            assert {r["n"] for r in rows} == {sum(cells.values())}
            any_ = reference.one(
                analysis="describe", endpoint="primary", visit=visit, arm=arm, statistic="responders"
            )
            assert any_ is not None
            assert any_["n"] == sum(cells.values())
            assert any_["estimate"] == sum(cells.values()) - cells["odi_mcid no, pain_2pt no"]


def test_baselines_too_good_for_a_response_are_counted(small: Any) -> None:
    scale = small.scale({"p1": (9, None, 0), "p2": (10, None, 0), "p3": (2, None, None)})
    mood = small.scale({"p1": (1, None, 0), "p2": (1, None, 0)})
    tables = {"subjects": small.people(["new", "new", "new", "old"]), "scale": scale, "mood": mood}
    found = {
        (r["endpoint"], r["arm"]): (r["estimate"], r["n"])
        for r in analyse(small.study(tables)).rows(analysis="impossible")
    }
    assert found["better", "new"] == (2, 3)
    assert found["happier", "new"] == (2, 3)
    assert found["either", "new"] == (1, 3)  # p1: neither can happen; p3's mood is not known
    assert found["both", "new"] == (3, 3)  # one that cannot happen is enough
    assert found["better", "old"] == (0, 1)

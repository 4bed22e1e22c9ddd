from __future__ import annotations

import polars as pl
import pytest

from armwise.simulate import simulate
from armwise.simulate.imaging_kinds import Readings


@pytest.fixture(scope="module")
def tables(reference):
    return simulate(reference.protocol, reference.assumptions, seed=4, per_arm={"bmc": 2000, "control": 2000})


@pytest.fixture(scope="module")
def arms(tables):
    return tables["subjects"].select("subject", "arm", "opioid_use")


def test_laboratory_numbers_have_the_declared_means_and_sds(tables):
    cells = tables["cell_product"]
    assert cells.height == 2000
    assert cells["tnc"].mean() == pytest.approx(239.3, rel=0.03)
    assert cells["tnc"].std() == pytest.approx(85, rel=0.08)
    assert cells["cfu_f"].mean() == pytest.approx(4987, rel=0.04)
    assert cells["cfu_f"].min() > 0


def test_every_treated_patient_and_no_other_is_injected_on_day_zero_with_the_declared_volume(tables, arms):
    injected = tables["procedures"].join(arms, on="subject")
    assert injected["arm"].unique().to_list() == ["bmc"]
    assert injected["subject"].n_unique() == 2000
    assert injected.group_by("subject").agg(pl.col("date").n_unique())["date"].max() == 1
    assert injected["volume"].unique().to_list() == [2.0]
    share = injected.filter((pl.col("structure") == "disc") & (pl.col("level") == "L4-L5")).height / 2000
    assert share == pytest.approx(0.8, abs=0.03)
    assert injected.select("subject", "structure", "level", "side").is_duplicated().sum() == 0


def test_every_imaging_visit_has_each_level_once_and_grades_move_as_declared(reference):
    # one reader without error, and no item for the reader; the example has readers who err, see test_imaging
    levels = {"L4-L5": {2: 0.2, 3: 0.5, 4: 0.3}, "L5-S1": {1: 0.1, 3: 0.6, 5: 0.3}}
    grade = {"first": levels, "better": {"bmc": 0.1}, "worse": {"bmc": 0.07}}
    read = Readings.model_validate(
        {"kind": "readings", "place": "level", "readers": {"one": {}}, "grades": {"pfirrmann": grade},
         "status": "assumed", "source": "invented"}
    )  # fmt: skip
    assumptions = reference.assumptions.model_copy(
        update={"tables": {**reference.assumptions.tables, "imaging": read}}
    )
    mri = simulate(reference.protocol, assumptions, seed=4, per_arm={"bmc": 3000, "control": 20})["imaging"]
    per_visit = mri.group_by("subject", "visit").agg(pl.col("level").n_unique(), pl.len())
    assert per_visit["level"].unique().to_list() == [2]
    assert per_visit["len"].unique().to_list() == [2]
    both = mri.filter(pl.col("visit") == "baseline").join(
        mri.filter(pl.col("visit") == "m12"), on=["subject", "level"], suffix="_m12"
    )
    step = both["pfirrmann_m12"] - both["pfirrmann"]
    middle = both.select(pl.col("pfirrmann").is_between(2, 4)).to_series()
    assert (step.filter(middle) == -1).mean() == pytest.approx(0.10, abs=0.015)
    assert (step.filter(middle) == 1).mean() == pytest.approx(0.07, abs=0.015)
    assert mri["pfirrmann"].min() >= 1
    assert mri["pfirrmann"].max() <= 5
    assert "reader" not in mri.columns


def test_adverse_events_come_at_the_declared_rate_and_are_told_apart_by_their_keys(tables, arms):
    events = tables["adverse_events"].join(arms, on="subject")
    harvest = events.filter(pl.col("term") == "pain at the harvest site")
    assert harvest["arm"].unique().to_list() == ["bmc"]
    assert harvest.height / 2000 == pytest.approx(0.3, abs=0.04)
    assert events.select("subject", "date", "term").is_duplicated().sum() == 0
    assert set(events["severity"].unique()) <= {1, 2, 3}
    assert (events["serious"] == "yes").mean() == pytest.approx(0.015, abs=0.01)


def test_nothing_is_recorded_after_a_patient_has_left(tables):
    left = tables["events"].filter(pl.col("event") == "off_study").select("subject", left="date")
    for name in ("odi", "care", "imaging", "adverse_events"):
        late = (
            tables[name].drop_nulls("date").join(left, on="subject").filter(pl.col("date") > pl.col("left"))
        )
        assert late.is_empty(), name


def test_a_form_of_single_measurements_of_another_study_is_drawn(headache):
    drawn = simulate(headache.protocol, headache.assumptions, seed=1, instruments_folder=headache.folder)
    assert drawn["blood"]["visit"].unique().sort().to_list() == ["start", "w12"]
    assert drawn["blood"]["sodium"].mean() == pytest.approx(140, abs=1)

"""Medication records and care are drawn as declared: by drug, arm and visit; hand-entered doses still can be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from armwise.errors import ProtocolError
from armwise.instruments import daily_mme
from armwise.protocol.load import load_protocol
from armwise.protocol.model import Form
from armwise.simulate import load_assumptions, simulate
from armwise.simulate.table_kinds import Doses

EXAMPLE = Path(__file__).parents[2] / "examples" / "bmc-low-back-pain"


@pytest.fixture(scope="module")
def tables(reference):
    return simulate(reference.protocol, reference.assumptions, seed=4, per_arm={"bmc": 1500, "control": 1500})


@pytest.fixture(scope="module")
def arms(tables):
    return tables["subjects"].select("subject", "arm", "opioid_use")


@pytest.fixture(scope="module")
def doses(tables, arms):
    """MME/day on the day of each visit that took place, from the records."""
    records = tables["medications"].filter(pl.col("class") == "opioid")
    keys = ("drug", "dose", "unit", "times", "route")
    mme = [daily_mme(*(r[k] for k in keys)) for r in records.iter_rows(named=True)]
    records = records.with_columns(mme=pl.Series(mme, dtype=pl.Float64))
    visits = tables["odi"].select("subject", "visit", "date")
    open_then = (pl.col("start") <= pl.col("date")) & (
        pl.col("stop").is_null() | (pl.col("stop") >= pl.col("date"))
    )
    used = visits.join(records, on="subject").filter(open_then)
    summed = used.group_by("subject", "visit").agg(pl.col("mme").sum(), drugs=pl.len())
    return (
        visits.join(summed, on=["subject", "visit"], how="left")
        .with_columns(pl.col("mme").fill_null(0), pl.col("drugs").fill_null(0))
        .join(arms, on="subject")
    )


def test_at_baseline_those_who_use_opioids_have_a_record_in_use_and_the_others_have_none(doses):
    first = doses.filter(pl.col("visit") == "baseline")
    assert ((first["drugs"] > 0) == (first["opioid_use"] == "yes")).all()


def test_the_dose_moves_in_the_published_direction(doses):
    mean = {
        (arm, visit): value
        for arm, visit, value in doses.group_by("arm", "visit").agg(pl.col("mme").mean()).iter_rows()
    }
    assert mean["bmc", "m12"] - mean["bmc", "baseline"] < -2
    assert 0 < mean["control", "m12"] - mean["control", "baseline"] < 5


def test_records_of_one_drug_do_not_overlap_and_run_forwards(tables):
    records = tables["medications"].sort("subject", "drug", "start")
    after = records.with_columns(next=pl.col("start").shift(-1).over("subject", "drug"))
    again = after.drop_nulls("next")
    assert (again["stop"] < again["next"]).all()
    assert again["stop"].null_count() == 0
    ended = records.drop_nulls("stop")
    assert (ended["stop"] >= ended["start"]).all()


def test_every_opioid_is_one_of_the_declared_drugs_at_about_its_share(tables):
    users = tables["medications"].filter(pl.col("class") == "opioid").unique("subject")
    share = dict(users["drug"].value_counts(normalize=True).iter_rows())
    assert share == pytest.approx(
        {"hydrocodone": 0.45, "oxycodone": 0.2, "tramadol": 0.25, "fentanyl": 0.06, "buprenorphine": 0.04},
        abs=0.04,
    )


def test_a_patch_has_a_strength_and_no_times_a_day_and_a_tablet_has_both(tables):
    records = tables["medications"]
    patch = records.filter(pl.col("unit") == "mcg/h")
    assert patch["times"].null_count() == patch.height
    assert patch["route"].unique().to_list() == ["transdermal"]
    tablets = records.filter(pl.col("unit") == "mg")
    assert tablets["times"].null_count() == tablets["dose"].null_count() == 0


@pytest.mark.parametrize(
    ("kind", "arm", "visit", "expected"),
    [
        ("exercise", "bmc", "m1", 0.55),
        ("physical_therapy", "control", "m3", 0.45),
        ("injection", "control", "m12", 0.25),
        ("injection", "bmc", "m1", 0.0),
    ],
)
def test_care_is_received_by_the_declared_share_of_those_who_came(tables, arms, kind, arm, visit, expected):
    came = (
        tables["odi"].filter(pl.col("visit") == visit).join(arms, on="subject").filter(pl.col("arm") == arm)
    )
    here = (
        tables["care"].filter((pl.col("visit") == visit) & (pl.col("kind") == kind)).join(came, on="subject")
    )
    assert here["subject"].n_unique() / came.height == pytest.approx(expected, abs=0.045)


def test_the_same_patients_receive_care_again(tables):
    had = tables["care"].filter(pl.col("kind") == "exercise")
    first, later = (set(had.filter(pl.col("visit") == v)["subject"]) for v in ("m1", "m3"))
    among = len(first & later) / len(first)
    others = len(later - first) / (3000 - len(first))
    assert among > others + 0.25


def test_a_dose_that_is_entered_by_hand_can_still_be_drawn(reference):
    """The form of a study that records MME itself: zeros for those who use none, and the declared ratio."""
    form = Form.model_validate(
        {"at": "all", "items": {"mme": {"type": "number", "unit": "MME/day", "direction": "lower-better"}}}
    )
    table = Doses.model_validate(
        {
            "kind": "doses", "item": "mme", "users": "opioid_use.yes", "mean": 38, "sd": 26,
            "ratio": {"bmc": {"m12": 0.6}}, "stop": {}, "start": {}, "status": "assumed", "source": "invented",
        }
    )  # fmt: skip
    protocol = reference.protocol.model_copy(update={"forms": {**reference.protocol.forms, "opioids": form}})
    assumed = reference.assumptions.model_copy(
        update={"tables": {**reference.assumptions.tables, "opioids": table}}
    )
    drawn = simulate(protocol, assumed, seed=4, per_arm={"bmc": 800, "control": 800})
    people = drawn["opioids"].join(drawn["subjects"].select("subject", "arm", "opioid_use"), on="subject")
    assert ((people["mme"] > 0) == (people["opioid_use"] == "yes")).all()
    mine = people.filter((pl.col("arm") == "bmc") & (pl.col("opioid_use") == "yes"))
    mean = {v: mine.filter(pl.col("visit") == v)["mme"].mean() for v in ("baseline", "m12")}
    assert mean["m12"] / mean["baseline"] == pytest.approx(0.6, abs=0.08)


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str, str], str]:
    """What the example's assumptions are told to correct when a piece of them is replaced."""

    def read(old: str, new: str) -> str:
        shutil.copyfile(EXAMPLE / "protocol.yaml", tmp_path / "protocol.yaml")
        text = (EXAMPLE / "assumptions.yaml").read_text(encoding="utf-8")
        assert text.count(old) >= 1, old
        (tmp_path / "assumptions.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ProtocolError) as error:
            load_assumptions(tmp_path, load_protocol(tmp_path))
        return str(error.value)

    return read


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("oxycodone: {share: 0.2, dose: 5", "oxycodon: {share: 0.2, dose: 5", "no MME factor for `oxycodon`"),
        ("tramadol: {share: 0.25, dose: 50, unit: mg}", "tramadol: {share: 0.25}", "`tramadol` needs the dose"),
        ("users: opioid_use.yes\n      mean", "users: opioid_use.ja\n      mean", "found `opioid_use.ja`"),
        ("      nsaid:\n", "      nsaids:\n", "unknown choice `nsaids`"),
        ("      exercise:\n        bmc", "      exercises:\n        bmc", "unknown choice `exercises`"),
        ("  control: {baseline: 0.3, m1: 0.2", "  controls: {baseline: 0.3, m1: 0.2", "unknown arm `controls`"),
        ("control: {baseline: 0.3, m1: 0.2", "control: {baseline: 0.3, m2: 0.2", "unknown visit `m2`"),
    ],
)  # fmt: skip
def test_a_name_that_the_protocol_does_not_know_is_a_mistake(told, old, new, expected):
    assert expected in told(old, new)

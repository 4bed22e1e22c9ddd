"""Readings of images: true grades that move as declared, readers who err as declared, and on their own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.simulate import simulate
from armwise.simulate.imaging_kinds import Readings
from armwise.stats import agreement_kappa

FLAWLESS = {"reader_1": {}, "reader_2": {}}


def drawn(reference, n=2000, **changes):
    """The readings of a study of the example whose assumptions on imaging are changed."""
    declared = reference.assumptions.tables["imaging"].model_dump(exclude_unset=True)
    table = Readings.model_validate({**declared, **changes})
    assumptions = reference.assumptions.model_copy(
        update={"tables": {**reference.assumptions.tables, "imaging": table}}
    )
    return simulate(reference.protocol, assumptions, seed=4, per_arm={"bmc": n, "control": 20})["imaging"]


@pytest.fixture(scope="module")
def true(reference):
    return drawn(reference, readers=FLAWLESS)


@pytest.fixture(scope="module")
def read(reference):
    return drawn(reference)


def test_readers_who_do_not_err_write_the_same(true):
    keys = ["subject", "visit", "level"]
    items = ["pfirrmann", "modic", "hiz", "facet_left", "facet_right"]
    one = true.filter((pl.col("reader") == "reader_1") & (pl.col("reading") == 1)).sort(keys)
    two = true.filter(pl.col("reader") == "reader_2").sort(keys)
    assert one.select(*keys, *items).equals(two.select(*keys, *items))


def test_true_grades_start_and_move_as_declared(true):
    one = true.filter((pl.col("reader") == "reader_1") & (pl.col("reading") == 1))
    first = one.filter((pl.col("visit") == "baseline") & (pl.col("level") == "L4-L5"))
    assert (first["pfirrmann"] == 4).mean() == pytest.approx(0.45, abs=0.035)
    assert (first["modic"] == 0).mean() == pytest.approx(0.55, abs=0.035)
    assert (first["hiz"] == "yes").mean() == pytest.approx(0.30, abs=0.035)
    both = one.filter(pl.col("visit") == "baseline").join(
        one.filter(pl.col("visit") == "m12"), on=["subject", "level"], suffix="_m12"
    )
    middle = both.filter(pl.col("pfirrmann").is_between(2, 4))
    step = middle["pfirrmann_m12"] - middle["pfirrmann"]
    assert (step == -1).mean() == pytest.approx(0.10, abs=0.01)
    assert (step == 1).mean() == pytest.approx(0.07, abs=0.01)
    assert set(both["pfirrmann"].unique()) == {1, 2, 3, 4, 5}


def test_a_reader_errs_at_the_declared_share_to_a_neighbour_or_any_other_type(true, read):
    keys = ["subject", "visit", "level", "reader", "reading"]
    both = read.join(true, on=keys, suffix="_true")
    assert both.height == read.height == true.height
    for reader, item, share in (
        ("reader_1", "pfirrmann", 0.10), ("reader_2", "pfirrmann", 0.12), ("reader_1", "modic", 0.08),
        ("reader_2", "hiz", 0.08), ("reader_2", "facet_left", 0.25),
    ):  # fmt: skip
        mine = both.filter(pl.col("reader") == reader)
        assert (mine[item] != mine[f"{item}_true"]).mean() == pytest.approx(share, abs=0.01)
    assert (both["pfirrmann"] - both["pfirrmann_true"]).abs().max() == 1
    wrong = both.filter((pl.col("modic") != pl.col("modic_true")) & (pl.col("modic_true") == 0))
    assert wrong["modic"].value_counts(normalize=True)["proportion"].min() == pytest.approx(1 / 3, abs=0.05)


def test_readers_err_on_their_own(read):
    one, two = (
        read.filter((pl.col("reader") == r) & (pl.col("reading") == 1)) for r in ("reader_1", "reader_2")
    )
    both = one.join(two, on=["subject", "visit", "level"], suffix="_two")
    same = (both["modic"] == both["modic_two"]).mean()
    assert same == pytest.approx(0.92 * 0.90 + 0.08 * 0.10 / 3, abs=0.01)
    who = np.arange(both.height)
    kappa = agreement_kappa(both["pfirrmann"] - 1, both["pfirrmann_two"] - 1, who, 5, weights="quadratic")
    assert 0.85 < kappa.estimate < 0.95


def test_the_declared_share_of_patients_is_read_again_by_the_declared_reader(read):
    again = read.filter(pl.col("reading") == 2)
    assert again["reader"].unique().to_list() == ["reader_1"]
    assert again["subject"].n_unique() / read["subject"].n_unique() == pytest.approx(0.4, abs=0.03)
    assert read.select("subject", "visit", "level", "reader", "reading").is_duplicated().sum() == 0


def test_blinding_is_a_matter_of_the_scan(read):
    scans = read.group_by("subject", "visit", "reader", "reading").agg(
        pl.col("blinded_time").n_unique().alias("answers"), pl.col("blinded_time").first()
    )
    assert scans["answers"].max() == 1
    two = scans.filter(pl.col("reader") == "reader_2")
    assert (two["blinded_time"] == "yes").mean() == pytest.approx(0.95, abs=0.02)
    assert read["blinded_arm"].unique().to_list() == ["no"]


def test_only_the_imaged_arm_has_readings_and_only_at_the_visits_of_the_form(read):
    assert set(read["visit"]) == {"baseline", "m12"}
    assert read["subject"].n_unique() <= 2000

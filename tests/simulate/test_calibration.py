"""The example's assumptions against the published figures (PMID 35322978, and the review table in Int J Spine Surg)."""

from __future__ import annotations

import polars as pl
import pytest

from armwise.simulate import simulate

ODI_FELL_10 = {"bmc": 0.67, "control": 0.08}  # at 12 months
PAIN_FELL_OVER_2 = {"m3": 0.74, "m6": 0.66, "m12": 0.56}  # treated
ODI_MEANS = {
    "bmc": {"baseline": 46.1, "m1": 33.4, "m3": 28.8, "m6": 29.9},
    "control": {"baseline": 44.3, "m1": 45.9, "m3": 47.3, "m6": 48.9},
}


@pytest.fixture(scope="module")
def population(reference):
    return reference.scored(
        simulate(reference.protocol, reference.assumptions, seed=7, per_arm={"bmc": 4000, "control": 4000})
    )


@pytest.fixture(scope="module")
def example(reference):
    return reference.scored(
        simulate(reference.protocol, reference.assumptions, seed=reference.assumptions.seed.value)
    )


def some(long: pl.DataFrame, score: str, arm: str, visit: str) -> pl.DataFrame:
    here = (pl.col("score") == score) & (pl.col("arm") == arm) & (pl.col("visit") == visit)
    return long.filter(here & pl.col("change").is_not_null())


def odi_responders(long: pl.DataFrame, arm: str) -> float:
    return (some(long, "odi.total", arm, "m12")["change"] <= -10 + 1e-9).mean()


def pain_responders(long: pl.DataFrame, visit: str) -> float:
    return (some(long, "nrs.pain", "bmc", visit)["change"] < -2).mean()


@pytest.mark.parametrize("arm", ODI_FELL_10)
def test_the_population_has_the_published_shares_of_odi_responders(population, arm):
    assert odi_responders(population, arm) == pytest.approx(ODI_FELL_10[arm], abs=0.015)


@pytest.mark.parametrize("visit", PAIN_FELL_OVER_2)
def test_the_population_has_the_published_shares_of_pain_responders(population, visit):
    assert pain_responders(population, visit) == pytest.approx(PAIN_FELL_OVER_2[visit], abs=0.015)


@pytest.mark.parametrize("arm", ODI_MEANS)
def test_the_population_has_the_published_mean_odi(population, arm):
    for visit, mean in ODI_MEANS[arm].items():
        values = population.filter(
            (pl.col("score") == "odi.total") & (pl.col("arm") == arm) & (pl.col("visit") == visit)
        )["value"]
        assert values.mean() == pytest.approx(mean, abs=1), visit


def test_every_declared_mean_and_sd_is_that_of_the_scored_answers(reference, population):
    """All instruments: the answers, scored as a study's are, have what the file declares."""
    for score, outcome in reference.assumptions.outcomes.items():
        means, sds = outcome.table("means"), outcome.table("sds_of_change")
        for (arm, visit), mean in means.items():
            drawn = some(population, score, arm, visit)
            sd = sds[arm, visit]
            assert drawn["value"].mean() == pytest.approx(mean, abs=0.06 * sd), (score, arm, visit)
            # whole numbers and the steps of value sets add to the SD
            assert 0.96 < drawn["change"].std() / sd < 1.2, (score, arm, visit)


def test_the_examples_study_lies_near_the_published_figures(example):
    """So says the note of its seed: within 2 patients of 36, and 2 points of ODI."""
    for arm, share in ODI_FELL_10.items():
        assert odi_responders(example, arm) == pytest.approx(share, abs=2 / 36), arm
    for visit, share in PAIN_FELL_OVER_2.items():
        assert pain_responders(example, visit) == pytest.approx(share, abs=2 / 36), visit
    for arm, means in ODI_MEANS.items():
        for visit, mean in means.items():
            values = some(example, "odi.total", arm, visit)["value"]
            assert values.mean() == pytest.approx(mean, abs=2), (arm, visit)


def test_the_seed_says_how_it_was_chosen(reference):
    assert "Chosen so that the drawn study lies near the published figures" in reference.assumptions.seed.note

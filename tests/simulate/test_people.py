from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.simulate.assumptions import Chosen
from armwise.simulate.people import candidates, choose, correlation_matrix, enrolled, normals
from armwise.simulate.streams import stream


def expit(x):
    return 1 / (1 + np.exp(-x))


def test_covariates_have_the_declared_means_sds_and_shares(reference):
    people = candidates(reference.assumptions, stream(1, "c"), 40_000)
    assert people.covariates["age"].mean() == pytest.approx(60, abs=0.3)
    assert people.covariates["age"].std() == pytest.approx(11, abs=0.3)
    assert (people.covariates["opioid_use"] == "yes").mean() == pytest.approx(0.4, abs=0.01)


def test_a_baseline_score_has_the_declared_sd_covariate_effects_included(headache):
    outcome = headache.assumptions.outcomes["diary.days"]
    strong = outcome.baseline.model_copy(update={"effects": {"aura.with": 4}})
    outcomes = {"diary.days": outcome.model_copy(update={"baseline": strong})}
    assumptions = headache.assumptions.model_copy(update={"outcomes": outcomes, "correlations": None})
    people = candidates(assumptions, stream(1, "c"), 40_000)
    days = people.baseline["diary.days"]
    assert days.mean() == pytest.approx(12, abs=0.1)
    assert days.std() == pytest.approx(4, abs=0.06)
    aura = people.covariates["aura"] == "with"
    assert days[aura].mean() - days[~aura].mean() == pytest.approx(4, abs=0.15)


def test_people_choose_as_the_logit_says(reference):
    people = candidates(reference.assumptions, stream(1, "c"), 60_000)
    arm = choose(reference.assumptions, ("control", "bmc"), people, stream(1, "choice"))
    logit = people.weighted(reference.assumptions.allocation.log_odds["bmc"])
    for low, high in [(-9, -1), (-1, -0.3), (-0.3, 0.3), (0.3, 1), (1, 9)]:
        some = (logit > low) & (logit <= high)
        assert arm[some].mean() == pytest.approx(expit(logit[some]).mean(), abs=0.02)


def test_arms_that_were_chosen_hold_exactly_the_planned_number(reference):
    people = enrolled(reference.assumptions, ("control", "bmc"), {"bmc": 40, "control": 41}, stream(8, "p"))
    assert np.bincount(people.arm).tolist() == [41, 40]


def test_those_who_choose_the_injection_are_younger_and_use_fewer_opioids(reference):
    people = enrolled(
        reference.assumptions, ("control", "bmc"), {"bmc": 3000, "control": 3000}, stream(8, "p")
    )
    treated = people.arm == 1
    age, opioid = people.covariates["age"], people.covariates["opioid_use"] == "yes"
    assert age[treated].mean() < age[~treated].mean() - 4
    assert opioid[treated].mean() < opioid[~treated].mean() - 0.1


def test_chance_allocates_in_blocks_of_the_arms_ratio(headache):
    arms = ("placebo", "low", "high")
    people = enrolled(headache.assumptions, arms, {"placebo": 60, "low": 30, "high": 60}, stream(1, "p"))
    for start in range(0, 150, 10):  # 2:1:2, twice
        assert np.bincount(people.arm[start : start + 10]).tolist() == [4, 2, 4]
    assert people.arm[:10].tolist() != sorted(people.arm[:10].tolist())


def test_covariates_do_not_differ_between_randomised_arms(headache):
    arms = ("placebo", "low", "high")
    people = enrolled(headache.assumptions, arms, dict.fromkeys(arms, 4000), stream(1, "p"))
    means = [people.covariates["age"][people.arm == a].mean() for a in range(3)]
    assert max(means) - min(means) < 1


def test_an_arm_that_nobody_chooses_is_refused_with_its_name(headache):
    # Whoever is above the mean age prefers `high` to `low`, whoever is below prefers placebo to both.
    log_odds = {"low": {"age": 1e6}, "high": {"age": 2e6}}
    chosen = Chosen(kind="chosen", log_odds=log_odds, status="assumed", source="a test")
    assumptions = headache.assumptions.model_copy(update={"allocation": chosen})
    sizes = {"placebo": 5, "low": 5, "high": 5}
    with pytest.raises(UsageError, match=r"almost nobody chooses low \(0 of 5\)"):
        enrolled(assumptions, ("placebo", "low", "high"), sizes, stream(1, "p"))


def test_normals_have_the_correlations_asked_for():
    R = correlation_matrix(("a", "b", "c"), {"b": {"a": 0.6}, "c": {"b": -0.3}})
    z = normals(stream(1, "n"), 60_000, R)
    assert np.corrcoef(z.T) == pytest.approx(R, abs=0.02)

from __future__ import annotations

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.simulate import simulate
from armwise.simulate.paths import draw_paths, find_constants
from armwise.simulate.people import enrolled
from armwise.simulate.streams import stream

RANGES = {"diary.days": (0.0, 28.0), "impact.total": (3.0, 25.0)}
ARMS = ("placebo", "low", "high")
VISITS = ("start", "w4", "w12")


@pytest.fixture(scope="module")
def drawn(headache):
    constants = find_constants(headache.assumptions, ARMS, VISITS, RANGES)
    people = enrolled(headache.assumptions, ARMS, dict.fromkeys(ARMS, 6000), stream(11, "people"))
    paths = draw_paths(headache.assumptions, constants, people, ARMS, VISITS, RANGES, stream(11, "paths"))
    return people, paths


@pytest.mark.parametrize("score", RANGES)
@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_has_the_declared_means_and_sds_of_change(headache, drawn, score, arm):
    people, paths = drawn
    outcome = headache.assumptions.outcomes[score]
    path = paths[score][people.arm == ARMS.index(arm)]
    for v, visit in enumerate(VISITS[1:], start=1):
        mean, sd = outcome.table("means")[arm, visit], outcome.table("sds_of_change")[arm, visit]
        assert path[:, v].mean() == pytest.approx(mean, abs=0.15)
        assert (path[:, v] - path[:, 0]).std() == pytest.approx(sd, rel=0.03)


def test_changes_correlate_over_visits_and_across_scores_as_declared(drawn):
    people, paths = drawn
    low = people.arm == 1
    days, impact = ((paths[s] - paths[s][:, :1])[low] for s in ("diary.days", "impact.total"))
    # cutting at the ends of the scale takes a little off
    assert np.corrcoef(days[:, 1], days[:, 2])[0, 1] == pytest.approx(0.6, abs=0.06)
    assert np.corrcoef(days[:, 2], impact[:, 2])[0, 1] == pytest.approx(0.5, abs=0.06)
    assert np.corrcoef(days[:, 1], impact[:, 2])[0, 1] == pytest.approx(0.3, abs=0.06)


def test_paths_stay_within_the_range_of_the_score(drawn):
    _, paths = drawn
    for score, (lo, hi) in RANGES.items():
        assert paths[score].min() >= lo
        assert paths[score].max() <= hi


def test_the_declared_mean_holds_in_the_arm_that_was_chosen_and_the_effects_confound_it(reference):
    """The arms' own means are the published ones; the same patients, standardised, differ less."""
    tables = simulate(
        reference.protocol, reference.assumptions, seed=3, per_arm={"bmc": 4000, "control": 4000}
    )
    long = reference.scored(tables)
    odi = long.filter(
        (long["score"] == "odi.total") & (long["visit"] == "m12") & long["change"].is_not_null()
    ).join(tables["subjects"].drop("arm"), on="subject")
    treated = (odi["arm"] == "bmc").to_numpy()
    X = np.column_stack(
        [
            np.ones(odi.height),
            treated,
            (odi["age"].to_numpy() - 60) / 11,
            (odi["bmi"].to_numpy() - 30) / 5,
            (odi["opioid_use"] == "yes").to_numpy() - 0.4,
            (odi["first"].to_numpy() - 45.2) / 14.7,
        ]
    )
    change = odi["change"].to_numpy()
    raw = change[treated].mean() - change[~treated].mean()
    adjusted = np.linalg.lstsq(X, change, rcond=None)[0][1]
    assert raw < adjusted - 2  # the treated would have done better anyway


def test_an_sd_of_change_smaller_than_the_effects_alone_is_refused(reference):
    outcome = reference.assumptions.outcomes["odi.total"]
    small = outcome.sds_of_change[0].model_copy(update={"values": {"m1": 12, "m3": 12, "m6": 12, "m12": 2}})
    outcomes = {
        **reference.assumptions.outcomes,
        "odi.total": outcome.model_copy(update={"sds_of_change": (small, outcome.sds_of_change[1])}),
    }
    broken = reference.assumptions.model_copy(update={"outcomes": outcomes})
    with pytest.raises(
        UsageError, match=r"outcomes\.odi\.total, bmc, m12\): the SD of change is 2, but the effects alone"
    ):
        simulate(reference.protocol, broken, seed=1)


def test_a_mean_that_the_scale_does_not_allow_is_refused(headache):
    outcome = headache.assumptions.outcomes["diary.days"]
    far = outcome.means[2].model_copy(update={"values": {"w4": 8, "w12": -1}})
    outcomes = {
        **headache.assumptions.outcomes,
        "diary.days": outcome.model_copy(update={"means": (*outcome.means[:2], far)}),
    }
    broken = headache.assumptions.model_copy(update={"outcomes": outcomes})
    with pytest.raises(
        UsageError, match=r"diary\.days, high, w12\): mean -1 .* cannot be had within 0 to 28"
    ):
        find_constants(broken, ARMS, VISITS, RANGES)

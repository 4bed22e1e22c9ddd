from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armwise.instruments import load
from armwise.instruments.scoring import score
from armwise.simulate.answers import draw_answers, reachable
from armwise.simulate.assumptions import Answers
from armwise.simulate.streams import stream

SPREAD = Answers(status="assumed", source="a test")
EQ5D = {"value_set": "us_tto"}
PROMIS = {"items_reversed": True}


def rescored(instrument: str, options: dict[str, object], targets: dict[str, np.ndarray], seed: int = 1):
    answers = draw_answers(load(instrument), options, targets, SPREAD, stream(seed, "a"))
    frame = pl.DataFrame({code: values.ravel() for code, values in answers.items()})
    done = score(frame, instrument, prefix="", options=options)
    return answers, {name: done[name].to_numpy() for name in targets}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.integers(0, 1000))
def test_an_odi_sheet_scores_the_nearest_even_number(wanted, seed):
    target = np.array(wanted)[:, None]
    _, scores = rescored("odi", {}, {"total": target}, seed)
    assert (np.abs(scores["total"] - target.ravel()) <= 1 + 1e-9).all()
    assert (scores["total"] % 2 == 0).all()


def test_the_mean_odi_is_kept_within_a_tenth_of_a_point():
    target = np.clip(stream(1, "t").normal(40, 16, (3000, 3)), 0, 100)
    _, scores = rescored("odi", {}, {"total": target})
    assert abs(scores["total"].mean() - target.mean()) < 0.1


@pytest.mark.parametrize("mean", [0.35, 0.6, 0.8])
def test_the_mean_eq5d_index_is_kept_within_a_hundredth(mean):
    target = np.clip(stream(1, "t").normal(mean, 0.17, (4000, 1)), *reachable(load("eq5d3l"), EQ5D, "index"))
    _, scores = rescored("eq5d3l", EQ5D, {"index": target})
    assert abs(scores["index"].mean() - target.mean()) < 0.01
    assert np.corrcoef(scores["index"], target.ravel())[0, 1] > 0.93


@pytest.mark.parametrize("name", ["gph", "gmh"])
def test_the_mean_promis_t_score_is_kept_within_a_fifth_of_a_point(name):
    target = stream(1, "t").normal(42, 7, (4000, 1))
    _, scores = rescored("promis_global", PROMIS, {name: target})
    assert abs(scores[name].mean() - np.clip(target, 16.2, 67.7).mean()) < 0.2


def test_items_reversed_changes_the_stored_answers_and_not_the_scores():
    target = {"gph": np.full((2000, 1), 30.0), "gmh": np.full((2000, 1), 30.0)}
    stored, scores = rescored("promis_global", {"items_reversed": True}, target)
    printed, scores_printed = rescored("promis_global", {"items_reversed": False}, target)
    assert scores["gph"].mean() == pytest.approx(scores_printed["gph"].mean(), abs=0.3)
    # 5 = none where already reversed: a bad T-score means low answers; as printed it means high ones.
    assert stored["global08"].mean() < 3 < printed["global08"].mean()
    assert stored["global10"].mean() < 3 < printed["global10"].mean()


def test_a_patient_in_pain_marks_a_high_number_on_the_pain_item():
    bad, _ = rescored("promis_global", PROMIS, {"gph": np.full((500, 1), 28.0)})
    good, _ = rescored("promis_global", PROMIS, {"gph": np.full((500, 1), 55.0)})
    assert bad["global07"].mean() > good["global07"].mean() + 3


def test_all_bands_of_a_recoded_item_are_used_not_only_their_edges():
    answers, _ = rescored("promis_global", PROMIS, {"gph": stream(1, "t").normal(40, 8, (3000, 1))})
    pain = answers["global07"]
    assert set(np.unique(pain)) == set(range(11))
    # 4, 5 and 6 count the same, as do 1, 2 and 3: the answers at the edges are not the favourites.
    count = np.bincount(pain.ravel().astype(int))
    assert count[6] < 1.25 * count[5]
    assert count[3] < 1.25 * count[4]


def test_items_of_no_score_follow_the_scores():
    answers, _ = rescored("promis_global", PROMIS, {"gph": np.linspace(20, 65, 2000)[:, None]})
    assert np.corrcoef(answers["global01"].ravel(), np.linspace(20, 65, 2000))[0, 1] > 0.6


def test_items_vary_between_patients_with_the_same_score():
    answers, _ = rescored("odi", {}, {"total": np.full((1000, 1), 44.0)})
    for code, values in answers.items():
        assert len(np.unique(values)) >= 3, code
        assert values.std() > 0.3, code


def test_a_patients_items_resemble_those_of_the_visit_before():
    answers, _ = rescored("odi", {}, {"total": np.full((3000, 2), 44.0)})
    assert np.corrcoef(answers["odi_3"].T)[0, 1] > 0.3


def test_the_reachable_range_is_that_of_the_chosen_value_set():
    assert reachable(load("eq5d3l"), EQ5D, "index") == pytest.approx((-0.109, 1), abs=5e-4)
    assert reachable(load("eq5d3l"), {"value_set": "uk_tto"}, "index") == pytest.approx((-0.594, 1), abs=5e-4)
    assert reachable(load("odi"), {}, "total") == (0, 100)


@pytest.mark.parametrize("name", ["odi", "nrs", "eq5d3l", "promis_global", "rmdq", "pgic"])
def test_every_shipped_instrument_can_be_answered(name):
    instrument = load(name)
    options = {"eq5d3l": EQ5D, "promis_global": PROMIS}.get(name, {})
    taken: set[str] = set()
    targets = {}
    for one in instrument.scores:
        if taken.isdisjoint(one.rule.items):
            lo, hi = reachable(instrument, options, one.name)
            targets[one.name] = stream(2, one.name).uniform(lo, hi, (400, 1))
            taken |= set(one.rule.items)
    answers, scores = rescored(name, options, targets)
    assert set(answers) == {item.code for item in instrument.items}
    for item in instrument.items:
        assert answers[item.code].min() >= item.lo
        assert answers[item.code].max() <= item.hi
    for one, target in targets.items():
        assert np.isfinite(scores[one]).all()
        assert np.corrcoef(scores[one], target.ravel())[0, 1] > 0.9

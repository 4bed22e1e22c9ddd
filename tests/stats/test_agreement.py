from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.agreement import (
    agreement_kappa,
    agreement_weights,
    gwet_agreement,
    percent_agreement,
)
from armwise.stats.means import t_quantile

NA = math.nan
#: Twelve units read by four raters, and the coefficients printed for them (irrCAC's vignettes, after Gwet 2014).
FOUR_RATERS = [
    *([1, 1, NA, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4]),
    *([4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NA, 5, 5, 5], [NA, NA, 1, 1], [NA, NA, 3, NA]),
]  # fmt: skip
ABSTRACTORS = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]])


def pairs(table):
    rows, columns = np.nonzero(table)
    first = np.repeat(rows, table[rows, columns])
    return first, np.repeat(columns, table[rows, columns])


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_kappa_is_that_of_vcd(witness, case, weights):
    r = witness("agreement")["cases"][case]
    places = range(len(r["first"]))
    found = agreement_kappa(r["first"], r["second"], places, r["categories"], weights=weights)
    assert found.estimate == pytest.approx(r[weights], rel=1e-12)
    # one place a subject: the jackknife is near the large-sample formula, and never the same
    assert found.se == pytest.approx(r["ase"][weights], rel=0.03)
    assert found.method == f"{weights}, jackknife over subjects"


def test_ac2_kappa_and_agreement_of_two_abstractors_are_the_published_ones():
    first, second = pairs(ABSTRACTORS)
    who = np.arange(100)
    quadratic = {"weights": "quadratic"}
    both = np.column_stack([first, second])
    assert agreement_kappa(first, second, who, 3).estimate == pytest.approx(0.7964094, abs=5e-8)
    assert agreement_kappa(first, second, who, 3, **quadratic).estimate == pytest.approx(0.8921569, abs=5e-8)
    assert gwet_agreement(both, who, 3, **quadratic).estimate == pytest.approx(0.9402369, abs=5e-8)
    assert percent_agreement(both, who, 3, **quadratic).estimate == pytest.approx(0.9725, abs=1e-12)
    # published large-sample standard errors; the jackknife's are their small-sample twins
    assert agreement_kappa(first, second, who, 3).se == pytest.approx(0.05891072, rel=0.02)
    assert gwet_agreement(both, who, 3, **quadratic).se == pytest.approx(0.01792019, rel=0.02)


def test_ac2_of_four_raters_with_gaps_is_the_published_one():
    readings = np.array(FOUR_RATERS) - 1
    found = gwet_agreement(readings, range(12), 5, weights="quadratic")
    assert found.estimate == pytest.approx((0.9753788 - 0.7137044) / (1 - 0.7137044), abs=5e-7)
    assert percent_agreement(readings, range(12), 5, weights="quadratic").estimate == pytest.approx(
        0.9753788, abs=5e-8
    )
    assert found.n == 11  # the unit that one rater read has no part in the agreement


def test_every_coefficient_is_its_definition_by_brute_force():
    rng = np.random.default_rng(5)
    r = rng.integers(0, 4, (30, 2))
    W = agreement_weights(4, "linear")
    po = np.mean([1 - abs(a - b) / 3 for a, b in r])
    chance = np.mean([1 - abs(a - b) / 3 for a, b in itertools.product(r[:, 0], r[:, 1])])
    pi = [np.mean([(row == k).mean() for row in r]) for k in range(4)]
    pe = W.sum() / 12 * sum(p * (1 - p) for p in pi)
    who = np.arange(30)
    assert percent_agreement(r, who, 4, weights="linear").estimate == pytest.approx(po, rel=1e-12)
    kappa = agreement_kappa(r[:, 0], r[:, 1], who, 4, weights="linear")
    assert kappa.estimate == pytest.approx((po - chance) / (1 - chance), rel=1e-12)
    assert gwet_agreement(r, who, 4, weights="linear").estimate == pytest.approx(
        (po - pe) / (1 - pe), rel=1e-12
    )


@pytest.mark.parametrize("coefficient", ["kappa", "ac2", "percent"])
def test_the_interval_is_the_jackknife_that_leaves_out_a_subject_with_all_places(coefficient):
    rng = np.random.default_rng(8)
    who = np.repeat(np.arange(9), 5)
    truth = rng.integers(0, 5, 45)
    r = np.clip(truth[:, None] + rng.integers(-1, 2, (45, 2)), 0, 4)

    def of(keep):
        a, b, s = r[keep, 0], r[keep, 1], who[keep]
        if coefficient == "kappa":
            return agreement_kappa(a, b, s, 5, weights="quadratic")
        which = gwet_agreement if coefficient == "ac2" else percent_agreement
        return which(r[keep], s, 5, weights="quadratic" if coefficient == "ac2" else "unweighted")

    found = of(np.full(45, True))
    left = np.array([of(who != k).estimate for k in range(9)])
    se = math.sqrt(8 / 9 * ((left - left.mean()) ** 2).sum())
    assert found.se == pytest.approx(se, rel=1e-10)
    assert (found.n, found.df, found.p) == (9, 8, None)
    k = found.estimate
    if coefficient == "percent":
        middle, slope, back = math.log(k / (1 - k)), k * (1 - k), lambda x: 1 / (1 + math.exp(-x))
    else:
        middle, slope, back = math.atanh(k), 1 - k * k, math.tanh
    half = t_quantile(8, 0.95) * se / slope
    assert [found.lower, found.upper] == pytest.approx([back(middle - half), back(middle + half)], rel=1e-10)


def test_places_of_one_subject_that_agree_together_widen_the_interval():
    # every place of a subject is read with the same error: five copies tell no more than one
    rng = np.random.default_rng(3)
    one = np.column_stack([rng.integers(0, 4, 25), rng.integers(0, 4, 25)])
    five = np.repeat(one, 5, axis=0)
    nested = gwet_agreement(five, np.repeat(np.arange(25), 5), 4, weights="linear")
    alone = gwet_agreement(one, np.arange(25), 4, weights="linear")
    naive = gwet_agreement(five, np.arange(125), 4, weights="linear")
    assert [nested.estimate, nested.se, nested.lower] == pytest.approx(
        [alone.estimate, alone.se, alone.lower], rel=1e-12
    )
    assert naive.se < 0.5 * nested.se


def test_kappa_does_not_know_categories_that_nobody_used_and_ac2_does():
    r = np.random.default_rng(2).integers(0, 3, (40, 2))
    who = np.arange(40)
    for weights in ("linear", "quadratic"):
        few = agreement_kappa(r[:, 0], r[:, 1], who, 3, weights=weights)
        more = agreement_kappa(r[:, 0], r[:, 1], who, 8, weights=weights)
        assert few.estimate == pytest.approx(more.estimate, rel=1e-12)
    few, more = gwet_agreement(r, who, 3), gwet_agreement(r, who, 8)
    assert more.estimate > few.estimate + 0.01


def test_ac1_stays_where_kappa_falls_when_one_category_prevails():
    first = np.array([0] * 46 + [1, 1, 0, 0])
    second = np.array([0] * 46 + [0, 0, 1, 1])
    who = np.arange(50)
    assert agreement_kappa(first, second, who, 2).estimate < 0
    assert gwet_agreement(np.column_stack([first, second]), who, 2).estimate > 0.9


def test_coverage_of_the_interval_over_subjects_with_nested_levels():
    # SIMULATED: 40 subjects x 5 levels, two readers who err at 20 % of places; truth from a sample of 40,000 subjects
    rng = np.random.default_rng(20)

    def draw(K):
        base = rng.normal(0, 1, K)[:, None] + rng.normal(0, 0.8, (K, 5)) + np.linspace(-1, 1, 5)
        grade = np.clip(np.floor(base * 1.1 + 2.5), 0, 4)
        err = rng.random((2, K, 5))
        step = np.where(err < 0.1, -1, np.where(err > 0.9, 1, 0))
        return np.clip(grade + step, 0, 4).reshape(2, -1).T, np.repeat(np.arange(K), 5)

    r, who = draw(40_000)
    truth = {
        "kappa": agreement_kappa(r[:, 0], r[:, 1], who, 5, weights="quadratic").estimate,
        "ac2": gwet_agreement(r, who, 5, weights="quadratic").estimate,
        "percent": percent_agreement(r, who, 5).estimate,
    }
    held = dict.fromkeys(truth, 0)
    for _ in range(200):
        r, who = draw(40)
        found = {
            "kappa": agreement_kappa(r[:, 0], r[:, 1], who, 5, weights="quadratic"),
            "ac2": gwet_agreement(r, who, 5, weights="quadratic"),
            "percent": percent_agreement(r, who, 5),
        }
        for name, e in found.items():
            held[name] += e.lower <= truth[name] <= e.upper
    for name, count in held.items():  # Monte-Carlo error of 95 % with 200: 1.5 points
        assert 0.91 <= count / 200 <= 0.98, (name, count)


def test_what_has_no_coefficient_or_no_interval_says_why():
    who = [1, 1, 2, 2]
    same = agreement_kappa([0, 0, 0, 0], [0, 0, 0, 0], who, 3)
    assert (same.status, same.reason) == (
        "not estimable",
        "all readings are one category: agreement by chance would be complete",
    )
    perfect = agreement_kappa([0, 1, 2, 0], [0, 1, 2, 0], who, 3, weights="linear")
    assert (perfect.estimate, perfect.lower) == (1, None)
    assert perfect.reason == "the readings agree on every place: no interval can be made from them"
    never = percent_agreement([[0, 1], [1, 0]], [1, 2], 2)
    assert (never.estimate, never.reason) == (
        0,
        "the readings agree on no place: no interval can be made from them",
    )
    alone = percent_agreement([[0, 1], [1, 1]], [1, 1], 2)
    assert (alone.estimate, alone.lower, alone.reason) == (
        0.5,
        None,
        "one subject: no interval over subjects",
    )
    nothing = gwet_agreement([[0, NA], [NA, 1]], [1, 2], 2)
    assert (nothing.status, nothing.reason, nothing.n) == ("not estimable", "no place was read twice", 0)
    lone = agreement_kappa([0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 2, 3], 2)
    assert "without one of the subjects" in lone.reason and lone.lower is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: agreement_weights(1, "linear"), "1 categories; agreement needs two or more"),
        (lambda: agreement_weights(3, "cubic"), "found weights 'cubic'"),
        (
            lambda: percent_agreement([[0, 5]], [1], 5),
            "readings hold [5.0]; expected categories numbered 0 to 4",
        ),
        (lambda: percent_agreement([0, 1], [1, 1], 5), "expected one row a place, one column a reading"),
        (lambda: percent_agreement([[0, 1]], [1, 2], 5), "1 places and 2 subjects"),
        (lambda: agreement_kappa([0, 1], [0], [1, 1], 2), "readings have shapes (2,) and (1,)"),
    ],
)
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(UsageError) as error:
        call()
    assert said in str(error.value)

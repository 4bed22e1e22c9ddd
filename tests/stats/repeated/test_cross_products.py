"""Cross-products are the sums they are said to be, and adding them is adding the subjects."""

from __future__ import annotations

from dataclasses import replace

import designs
import numpy as np
import pytest

from armwise.errors import UsageError
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, moved
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import fit_wide, mmrm_cross_products
from armwise.stats.repeated.wide import Wide


def wide_of(data: designs.Simulated) -> tuple[Wide, Design]:
    n, m = data.y.shape
    visits = tuple(f"m{j}" for j in range(1, m + 1))
    design = crossed_design(visits, list(data.by_visit), list(data.overall))
    u = np.column_stack([np.ones(n), *data.by_visit.values(), *data.overall.values()])
    groups = ("",) if data.group is None else ("0", "1")
    labels = np.array([f"S{i:03d}" for i in range(n)])
    return Wide(visits, design.covariates, data.y, u, data.group, groups, data.weights, labels), design


def part_of(wide: Wide, rows) -> Wide:
    """Some subjects of a data set."""
    chosen = {
        name: None if getattr(wide, name) is None else getattr(wide, name)[rows]
        for name in ("y", "u", "group", "weights", "subjects")
    }
    return replace(wide, **chosen)


def agree(one: CrossProducts, other: CrossProducts, rtol: float = 1e-12) -> None:
    """The same sums, from the same centres, within rounding of the largest of each kind."""
    other = moved(other, one.u_centre, one.y_centre)
    assert (one.observed == other.observed).all() and (one.group == other.group).all()
    assert (one.n == other.n).all()
    for name in ("uu", "uy", "yy", "log_weights"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert np.abs(a - b).max() <= rtol * np.abs(a).max(), name


def same_fit(one: Mmrm, other: Mmrm, rtol: float = 1e-10) -> None:
    for name in ("beta", "vcov", "sigma"):
        a, b = getattr(one, name), getattr(other, name)
        assert np.abs(a - b).max() <= rtol * np.abs(a).max(), name
    assert one.loglik == pytest.approx(other.loglik, rel=rtol)


CASES = ("monotone dropout", "single-subject patterns", "weights", "groups", "mean a million SDs")


@pytest.mark.parametrize("name", CASES)
def test_the_moments_are_those_of_a_loop_over_subjects(name: str) -> None:
    wide, _ = wide_of(designs.IDENTIFIABLE[name]())
    products = cross_products(wide)
    m = len(wide.visits)
    sums: dict[tuple, list] = {}
    for i in range(len(wide.y)):
        seen = ~np.isnan(wide.y[i])
        u, y = wide.u[i] - products.u_centre, np.where(seen, wide.y[i] - products.y_centre, 0.0)
        log = 0.0
        if wide.weights is not None:
            root = np.where(seen, np.sqrt(wide.weights[i]), 0.0)
            u, y = np.concatenate([root[j] * u for j in range(m)]), root * y
            log = np.log(wide.weights[i][seen]).sum()
        key = (0 if wide.group is None else int(wide.group[i]), tuple(seen))
        n, uu, uy, yy, logs = sums.get(key, (0, 0.0, 0.0, 0.0, 0.0))
        sums[key] = (n + 1, uu + np.outer(u, u), uy + np.outer(u, y), yy + np.outer(y, y), logs + log)
    assert len(sums) == len(products.n)
    for p in range(len(products.n)):
        n, uu, uy, yy, logs = sums[int(products.group[p]), tuple(products.observed[p])]
        assert products.n[p] == n
        for mine, theirs in ((products.uu[p], uu), (products.uy[p], uy), (products.yy[p], yy)):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max())
        if products.log_weights is not None:
            assert products.log_weights[p] == pytest.approx(logs, rel=1e-12, abs=1e-12)


def test_counts_are_of_subjects_with_an_outcome_and_of_outcomes() -> None:
    y = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, np.nan]])
    products = cross_products(Wide(("a", "b"), ("1",), y, np.ones((3, 1))))
    assert (products.n_subjects, products.n_observations, products.n_empty) == (2, 3, 1)


@pytest.mark.parametrize("name", CASES)
def test_ten_chunks_in_any_order_give_the_fit_of_the_whole(name: str) -> None:
    wide, design = wide_of(designs.IDENTIFIABLE[name]())
    whole = fit_wide(wide, design)
    rng = np.random.default_rng(1)
    parts = [cross_products(part_of(wide, rows)) for rows in np.array_split(rng.permutation(len(wide.y)), 10)]
    agree(cross_products(wide), sum(parts))
    for order in (range(10), range(9, -1, -1), rng.permutation(10)):
        same_fit(whole, mmrm_cross_products(sum([parts[k] for k in order]), design))


def test_sites_measured_from_far_apart_centres_give_the_fit_of_the_whole() -> None:
    wide, design = wide_of(designs.monotone())
    order = np.argsort(wide.u[:, 3])  # the young at one site, the old at the other
    halves = [part_of(wide, order[:60]), part_of(wide, order[60:])]
    for half, shift in zip(halves, (0.0, 40.0), strict=True):
        half.y[:] += shift
    whole = replace(
        wide, **{k: np.concatenate([getattr(h, k) for h in halves]) for k in ("y", "u", "subjects")}
    )
    one, other = (cross_products(half) for half in halves)
    assert abs(one.u_centre[3] - other.u_centre[3]) > 10
    same_fit(fit_wide(whole, design), mmrm_cross_products(one + other, design))
    same_fit(fit_wide(whole, design), mmrm_cross_products(other + one, design))


def test_moving_the_centres_there_and_back_changes_nothing() -> None:
    for name in ("weights", "monotone dropout"):
        wide, _ = wide_of(designs.IDENTIFIABLE[name]())
        products = cross_products(wide)
        u, y = products.u_centre + np.array([0.0, 0.3, -2.0, 7.0]), products.y_centre - 5.0
        there = moved(products, u, y)
        assert not np.allclose(there.yy, products.yy)
        agree(products, there)


def test_sums_from_other_centres_are_those_of_rows_measured_from_there() -> None:
    wide, _ = wide_of(designs.monotone())
    products = moved(cross_products(wide), np.zeros(4), np.zeros(4))
    y = np.where(np.isnan(wide.y), 0.0, wide.y)
    np.testing.assert_allclose(products.uu.sum(axis=0), wide.u.T @ wide.u, rtol=1e-12)
    np.testing.assert_allclose(products.uy.sum(axis=0), wide.u.T @ y, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(products.yy.sum(axis=0), y.T @ y, rtol=1e-11)


def test_a_site_that_has_no_last_visit_yet_costs_the_others_no_digits() -> None:
    wide, design = wide_of(designs.mean_a_million_sds())
    early, late = np.flatnonzero(np.isnan(wide.y[:, 3])), np.flatnonzero(~np.isnan(wide.y[:, 3]))
    whole = fit_wide(wide, design)
    one, other = cross_products(part_of(wide, early)), cross_products(part_of(wide, late))
    same_fit(whole, mmrm_cross_products(other + one, design), rtol=1e-9)
    same_fit(whole, mmrm_cross_products(one + other, design), rtol=1e-9)


def products_with(**changes) -> CrossProducts:
    wide, _ = wide_of(designs.two_by_twenty())
    return replace(cross_products(wide), **changes)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("visits", {"visits": ("m1", "m2", "m3", "m5")}, "'m5'"),
        ("covariates", {"covariates": ("1", "arm", "baseline", "bmi")}, "'bmi'"),
        ("groups", {"groups": ("bmc",)}, "'bmc'"),
        ("units", {"units": ("points", "1", "points", "years")}, "'years'"),
    ],
)
def test_sums_that_do_not_belong_together_are_not_added(name, changes, says) -> None:
    with pytest.raises(UsageError, match=f"do not belong together: they differ in {name}: .*{says}"):
        products_with() + products_with(**changes)


def test_sums_with_and_without_weights_are_not_added() -> None:
    wide, _ = wide_of(designs.two_by_twenty())
    weighted = cross_products(replace(wide, weights=np.ones(wide.y.shape)))
    with pytest.raises(UsageError, match="they differ in weighted: False and True"):
        cross_products(wide) + weighted


def test_sums_that_differ_in_several_ways_are_told_all_of_them() -> None:
    with pytest.raises(UsageError, match=r"visits: .*; units: "):
        products_with() + products_with(visits=("a", "b", "c", "d"), units=("x", "y", "z", "w"))


def test_nothing_but_cross_products_is_added() -> None:
    with pytest.raises(TypeError):
        products_with() + 1


def test_patterns_of_few_subjects_are_withheld_and_their_subjects_counted() -> None:
    wide, design = wide_of(designs.single_subject_patterns())
    products = cross_products(wide)
    kept = products.withhold(2)
    assert kept.n.tolist() == [60.0] and kept.n_withheld == 14
    assert kept.n_subjects + kept.n_withheld == products.n_subjects
    complete = part_of(wide, ~np.isnan(wide.y).any(axis=1))
    same_fit(fit_wide(complete, design), mmrm_cross_products(kept, design))
    assert (kept + kept).n_withheld == 28
    assert kept.withhold(61).n_withheld == 74


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_covariate_that_is_not_finite_is_refused_by_name(value: float) -> None:
    wide, _ = wide_of(designs.two_by_twenty())
    wide.u[7, 2] = value
    with pytest.raises(UsageError, match="covariate baseline of S007"):
        cross_products(wide)


def test_an_infinite_outcome_is_refused_by_name() -> None:
    wide, _ = wide_of(designs.two_by_twenty())
    wide.y[3, 0] = -np.inf
    with pytest.raises(UsageError, match="the outcome at m1 of S003"):
        cross_products(wide)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_weight_that_is_not_positive_is_refused_by_name(value: float) -> None:
    wide, _ = wide_of(designs.weighted())
    row = int(np.flatnonzero(~np.isnan(wide.y[:, 1]))[5])
    wide.weights[row, 1] = value
    with pytest.raises(UsageError, match=f"the weight at m2 of S{row:03d}"):
        cross_products(wide)


def test_the_weight_of_an_outcome_that_is_missing_does_not_matter() -> None:
    wide, _ = wide_of(designs.weighted())
    products = cross_products(wide)
    wide.weights[np.isnan(wide.y)] = np.nan
    agree(products, cross_products(wide), rtol=0.0)


def test_more_visits_than_a_pattern_has_room_for_are_refused() -> None:
    wide = Wide(tuple(f"v{j}" for j in range(49)), ("1",), np.zeros((1, 49)), np.ones((1, 1)))
    with pytest.raises(UsageError, match="49 visits; at most 48"):
        cross_products(wide)


def test_units_are_of_the_outcome_and_of_each_covariate() -> None:
    wide, _ = wide_of(designs.two_by_twenty())
    with pytest.raises(UsageError, match="1 units; expected 4"):
        cross_products(wide, units=["points"])
    assert cross_products(wide, units=["points", "1", "points", "years"]).units[3] == "years"


def test_the_same_rows_give_the_same_bits() -> None:
    wide, _ = wide_of(designs.seven_visits())
    one, other = cross_products(wide), cross_products(wide)
    assert (one.yy == other.yy).all() and (one.uy == other.uy).all()


def test_sums_of_another_design_are_not_fitted() -> None:
    wide, _ = wide_of(designs.two_by_twenty())
    other = crossed_design(wide.visits, ["arm", "baseline"], ["bmi"])
    with pytest.raises(UsageError, match=r"the design's covariates are .*bmi"):
        mmrm_cross_products(cross_products(wide), other)

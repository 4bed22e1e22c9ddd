"""Many data sets at once: each gets the numbers that it gets alone, whatever the others are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import designs
import numpy as np
import pytest
from designs import Simulated, autoregressive, drop_out, miss_at_random, simulate
from textbook import fitted, subjects_of
from textbook_structures import Floats

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.contrasts import contrasts
from armwise.stats.repeated.cross_products import cross_products
from armwise.stats.repeated.design import Design, Term, crossed_design
from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import fit_wide
from armwise.stats.repeated.many.columns import columns
from armwise.stats.repeated.many.fits import ManyDf, ManyFits, mmrm_many, mmrm_many_products
from armwise.stats.repeated.many.likelihood import (
    derivatives,
    evaluate_stack,
    expected_information,
    inverses,
    reduced_stack,
)
from armwise.stats.repeated.many.products import data_sets
from armwise.stats.repeated.wide import Wide

Sets = tuple[Floats, Floats, Design]  # y (S, N, m), u (N, d) or (S, N, d), design


def stacked(
    drawn: list[Simulated],
    by_visit: tuple[str, ...] = ("arm", "baseline"),
    overall: tuple[str, ...] = ("age",),
) -> Sets:
    """Data sets of one design, each with covariates of its own."""
    m = drawn[0].y.shape[1]
    design = crossed_design([f"v{j}" for j in range(m)], by_visit, overall)
    u = [
        np.column_stack([np.ones(len(s.y)), *({**s.by_visit, **s.overall}[c] for c in design.covariates[1:])])
        for s in drawn
    ]
    return np.array([s.y for s in drawn]), np.array(u), design


def trials(
    count: int, per_arm: int, m: int, rho: float, rate: float, seed: int, sd: Any = 10.0, mean: float = 0.0
) -> Sets:
    """Trials with visits missing at random."""
    rngs = [np.random.default_rng([seed, s]) for s in range(count)]
    return stacked(
        [miss_at_random(g, simulate(g, per_arm, autoregressive(m, rho, sd), mean), rate) for g in rngs]
    )


def dropouts(count: int, per_arm: int, m: int, rho: float, rate: float, seed: int) -> Sets:
    """Trials with monotone dropout."""
    rngs = [np.random.default_rng([seed, s]) for s in range(count)]
    return stacked([drop_out(g, simulate(g, per_arm, autoregressive(m, rho)), rate) for g in rngs])


def common_covariates() -> Sets:
    """Covariates of the first set for all sets."""
    y, u, design = trials(6, 30, 4, 0.7, 0.15, 1)
    return y, u[0], design


def straight_lines() -> Sets:
    """A constant and a slope over visits, and both by arm: no mean of its own for each visit."""
    y, u, _ = trials(5, 40, 4, 0.6, 0.1, 2)
    B = np.zeros((4, 3, 5))
    for j in range(4):
        B[j, 0, 0], B[j, 0, 1], B[j, 1, 2], B[j, 1, 3], B[j, 2, 4] = 1, j, 1, j, 1
    names = ("mean", "slope", "arm", "arm:slope", "age")
    design = Design(("v0", "v1", "v2", "v3"), ("1", "arm", "age"), names, B, (Term("all", (0, 1, 2, 3, 4)),))
    return y, u[:, :, [0, 1, 3]], design


def treatment_coded() -> Sets:
    """Visits as differences from the first."""
    y, u, _ = trials(5, 40, 3, 0.6, 0.1, 3)
    B = np.zeros((3, 3, 7))
    for j in range(3):
        B[j, 0, 0], B[j, 1, 1], B[j, 2, 6] = 1, 1, 1
        if j:
            B[j, 0, 1 + j], B[j, 1, 3 + j] = 1, 1
    names = ("(Intercept)", "arm", "v1", "v2", "arm:v1", "arm:v2", "age")
    return y, u[:, :, [0, 1, 3]], Design(("v0", "v1", "v2"), ("1", "arm", "age"), names, B)


def nearly_the_same_covariate() -> Sets:
    """Baseline measured twice, correlation 0.9999: the columns are made orthonormal."""
    y, u, _ = trials(5, 40, 3, 0.6, 0.1, 4)
    again = u[:, :, 2] + 0.01 * np.random.default_rng(44).normal(size=u.shape[:2])
    design = crossed_design(["v0", "v1", "v2"], ["arm", "baseline"], ["again"])
    return y, np.concatenate([u[:, :, :3], again[:, :, None]], axis=2), design


def aliased() -> Sets:
    """A covariate that is a sum of others in every set."""
    y, u, _ = trials(5, 40, 3, 0.6, 0.1, 5)
    design = crossed_design(["v0", "v1", "v2"], ["arm", "baseline", "both"], ["age"])
    return (
        y,
        np.concatenate([u[:, :, :3], (u[:, :, 1] + u[:, :, 2])[:, :, None], u[:, :, 3:]], axis=2),
        design,
    )


def visits_in_other_units() -> Sets:
    """Standard deviations from 0.001 to 100,000, and no effect that visits share."""
    drawn = [
        simulate(np.random.default_rng([14, s]), 40, autoregressive(3, 0.7, np.array([1e-3, 10.0, 1e5])))
        for s in range(4)
    ]
    return stacked(drawn, ("arm", "baseline", "age"), ())


def too_few_complete() -> Sets:
    """Six visits, 30 % missing: too few complete subjects for the first start, and the pairwise one is used."""
    return trials(2, 30, 6, 0.5, 0.3, 60)


ORDINARY: dict[str, Callable[[], Sets]] = {
    "2 x 40, 15 % missing": lambda: trials(8, 40, 4, 0.7, 0.15, 7),
    "2 x 20, 25 % dropout": lambda: dropouts(8, 20, 4, 0.7, 0.25, 8),
    "two visits": lambda: trials(6, 15, 2, 0.5, 0.2, 9),
    "one visit": lambda: trials(4, 15, 1, 0.5, 0.0, 10),
    "seven visits": lambda: dropouts(4, 50, 7, 0.8, 0.3, 11),
    "correlation 0.998": lambda: dropouts(4, 60, 4, 0.998, 0.15, 12),
    "SD 0.01, mean 1e4": lambda: trials(4, 40, 4, 0.7, 0.15, 13, 0.01, 1e4),
    "units from 1e-3 to 1e5": visits_in_other_units,
    "complete": lambda: trials(4, 20, 3, 0.7, 0.0, 15),
    "common covariates": common_covariates,
    "straight lines": straight_lines,
    "treatment coded": treatment_coded,
    "nearly the same covariate": nearly_the_same_covariate,
    "aliased": aliased,
    "too few complete": too_few_complete,
}


def rows_of(sets: Sets, s: int) -> Wide:
    """One data set as the fit of one takes it."""
    y, u, design = sets
    return Wide(design.visits, design.covariates, y[s], u if u.ndim == 2 else u[s])


def some_contrasts(design: Design) -> Floats:
    """Coefficients and combinations of them, with and without a vanishing entry."""
    q = len(design.columns)
    return np.vstack([np.eye(q), np.ones((1, q)), np.linspace(-1, 1, q)[None]])


def apart(found: Any, expected: Any) -> float:
    """The largest difference relative to the largest entry; NaN must be where NaN is expected."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert (np.isnan(found) == np.isnan(expected)).all()
    known = ~np.isnan(expected)
    return (
        float(np.abs(found - expected)[known].max() / np.abs(expected[known]).max()) if known.any() else 0.0
    )


def apart_each(found: Any, expected: Any) -> float:
    """The largest relative difference of an entry."""
    return apart(np.asarray(found) / np.asarray(expected), np.where(np.isnan(expected), np.nan, 1.0))


def same_as_alone(fits: ManyFits, s: int, fit: Mmrm, L: Floats, digits: float) -> None:
    """Data set s of the stack has the numbers of its own fit."""
    found, alone = fits.contrasts, contrasts(fit, L)
    assert found is not None and fits.status[s] == "ok"
    assert apart(fits.beta[s], fit.beta) < digits
    assert apart_each(fits.se[s], fit.se) < digits
    scale = np.sqrt(np.outer(np.diag(fit.vcov), np.diag(fit.vcov)))
    assert apart(fits.vcov[s] / scale, fit.vcov / scale) < digits
    sd = np.sqrt(np.diag(fit.sigma[0]))
    assert apart(fits.sigma[s] / np.outer(sd, sd), fit.sigma[0] / np.outer(sd, sd)) < digits
    assert abs(fits.loglik[s] - fit.loglik) < 1e-12 * abs(fit.loglik)
    assert apart(found.estimate[s] / alone.se, alone.estimate / alone.se) < digits
    for name in ("se", "df"):
        assert apart_each(getattr(found, name)[s], getattr(alone, name)) < digits
    for name in ("lower", "upper"):
        assert apart(getattr(found, name)[s] / alone.se, getattr(alone, name) / alone.se) < digits
    assert apart(found.t[s], alone.t) < digits
    assert apart(found.p[s], alone.p) < 10 * digits


@pytest.mark.parametrize("df", ["kenward-roger", "satterthwaite"])
@pytest.mark.parametrize("name", ORDINARY)
def test_each_data_set_has_the_numbers_of_its_own_fit(name: str, df: ManyDf) -> None:
    sets = ORDINARY[name]()
    y, u, design = sets
    L = some_contrasts(design)
    fits = mmrm_many(y, u, design, df=df, contrasts=L)
    assert not fits.alone.any(), "the stack did it, not the fit of one"
    for s in range(len(y)):
        fit = fit_wide(rows_of(sets, s), design, df=df)
        same_as_alone(fits, s, fit, L, 1e-10)
        assert abs(fits.evaluations[s] - fit.evaluations) <= 1 and fits.decrement[s] < 1e-9


def test_maximum_likelihood_is_that_of_each_set_too() -> None:
    sets = ORDINARY["2 x 40, 15 % missing"]()
    L = some_contrasts(sets[2])
    fits = mmrm_many(*sets, reml=False, df="satterthwaite", contrasts=L)
    assert not fits.alone.any()
    for s in range(len(sets[0])):
        same_as_alone(fits, s, fit_wide(rows_of(sets, s), sets[2], reml=False, df="satterthwaite"), L, 1e-10)


def test_the_stack_says_what_an_independent_oracle_says() -> None:
    data = [designs.two_by_twenty(seed) for seed in (20, 21)]
    y, u, design = stacked(data)
    fits = mmrm_many(y, u, design, contrasts=np.eye(len(design.columns)))
    assert fits.contrasts is not None and not fits.alone.any()
    for s, one in enumerate(data):
        e = fitted(subjects_of(one.y, one.by_visit, one.overall), "us")
        assert apart(fits.beta[s], e.beta) < 1e-9
        assert apart(fits.sigma[s], e.sigmas[0]) < 1e-8
        assert apart(fits.vcov[s], e.kenward_roger(second=False)) < 1e-8
        assert abs(fits.loglik[s] - e.loglik) < 1e-9
        expected = [e.satterthwaite(row) for row in np.eye(len(design.columns))]
        assert apart_each(fits.contrasts.df[s], expected) < 1e-7


def test_the_order_of_data_sets_does_not_matter() -> None:
    y, u, design = trials(30, 20, 4, 0.7, 0.15, 30)
    order = np.random.default_rng(0).permutation(len(y))
    one, other = mmrm_many(y, u, design), mmrm_many(y[order], u[order], design)
    for name in ("beta", "vcov", "sigma", "loglik"):
        assert apart(getattr(other, name), getattr(one, name)[order]) < 1e-12


def test_the_same_chunks_give_the_same_bits_and_others_the_same_numbers() -> None:
    y, u, design = trials(60, 20, 4, 0.7, 0.15, 31)
    L = some_contrasts(design)
    first = mmrm_many(y, u, design, contrasts=L, chunk=25)
    for chunk, digits in ((25, 0.0), (7, 1e-12), (60, 1e-12), (1000, 1e-12)):
        again = mmrm_many(y, u, design, contrasts=L, chunk=chunk)
        assert again.contrasts is not None and first.contrasts is not None
        for name in ("beta", "vcov", "sigma", "loglik"):
            assert apart(getattr(again, name), getattr(first, name)) <= digits
        for name in ("estimate", "se", "df", "lower", "upper"):
            assert apart(getattr(again.contrasts, name), getattr(first.contrasts, name)) <= 10 * digits


def with_faults() -> tuple[Sets, dict[int, str]]:
    """Ordinary sets, and among them sets without a fit: which ones, and why."""
    y, u, design = trials(8, 40, 4, 0.7, 0.1, 32)
    y[1, :, 2] = y[1, :, 1]  # entered twice
    y[3, ::2, 1], y[3, 1::2, 3] = np.nan, np.nan  # never together
    y[4, :, 0] = 7.0  # no variance
    y[6, :, 3] = np.nan  # nobody seen
    return (y, u, design), {1: "singular", 3: "not identified", 4: "not identified", 6: "not identified"}


def test_a_data_set_without_a_fit_says_why_and_has_no_numbers() -> None:
    sets, faults = with_faults()
    fits = mmrm_many(*sets, contrasts=some_contrasts(sets[2]))
    assert dict(enumerate(fits.status.tolist())) == {s: faults.get(s, "ok") for s in range(8)}
    assert set(fits.reasons) == set(faults)
    assert fits.contrasts is not None and fits.ok.tolist() == [s not in faults for s in range(8)]
    for s, kind in faults.items():
        with pytest.raises(FitError) as failed:
            fit_wide(rows_of(sets, s), sets[2])
        assert (failed.value.kind, str(failed.value)) == (kind, fits.reasons[s])
        for of, names in ((fits, ("beta", "vcov", "se", "sigma", "loglik", "decrement")),
                          (fits.contrasts, ("estimate", "se", "df", "lower", "upper", "t", "p"))):  # fmt: skip
            assert all(np.isnan(getattr(of, name)[s]).all() for name in names)
        assert fits.evaluations[s] == 0


def test_data_sets_without_a_fit_do_not_disturb_the_others() -> None:
    (y, u, design), faults = with_faults()
    good = np.array([s not in faults for s in range(len(y))])
    fits, only = mmrm_many(y, u, design), mmrm_many(y[good], u[good], design)
    assert only.ok.all()
    for name in ("beta", "vcov", "sigma", "loglik"):
        assert apart(getattr(fits, name)[good], getattr(only, name)) < 1e-12


def test_a_data_set_in_another_unit_does_not_disturb_the_others() -> None:
    sets = trials(5, 40, 3, 0.6, 0.1, 33)
    y, u, design = sets[0].copy(), sets[1].copy(), sets[2]
    y[2] *= 1e9
    u[2, :, 2:] = 1e7 * u[2, :, 2:] + 1e8
    fits = mmrm_many(y, u, design, contrasts=some_contrasts(design))
    for s in range(5):
        same_as_alone(fits, s, fit_wide(rows_of((y, u, design), s), design), some_contrasts(design), 1e-10)


def test_small_sets_with_many_gaps_end_as_they_end_alone() -> None:
    sets = trials(40, 12, 4, 0.7, 0.3, 34)
    fits = mmrm_many(*sets, contrasts=some_contrasts(sets[2]))
    assert 20 < fits.ok.sum() < 40, "the likelihood of some rises towards a singular covariance"
    assert (fits.alone & fits.ok).sum() <= 2, "halved steps and Fisher's are taken in the stack"
    assert fits.evaluations.max() > 8
    for s in range(40):
        if fits.ok[s]:
            fit = fit_wide(rows_of(sets, s), sets[2])
            same_as_alone(fits, s, fit, some_contrasts(sets[2]), 1e-10)
            assert abs(fits.evaluations[s] - fit.evaluations) <= 1
        else:
            with pytest.raises(FitError, match="singular"):
                fit_wide(rows_of(sets, s), sets[2])


def test_awkward_sets_end_as_they_end_alone() -> None:
    rng = np.random.default_rng(44)
    sets = trials(32, 9, 3, 0.5, 0.1, 44)
    y, u, design = sets[0].copy(), sets[1].copy(), sets[2]
    for s in range(32):
        at = int(rng.integers(3))
        match s % 8:
            case 0:
                y[s] = np.round(y[s] / 10)
            case 1:
                y[s, :, at] = y[s, :, at - 1] + 1e-7 * rng.normal(size=len(y[s]))
            case 2:
                y[s] *= 10.0 ** rng.integers(-30, 30)
            case 3:
                u[s, :, 1] = 1.0
            case 4:
                y[s] += 10.0 ** rng.integers(3, 8)
            case 5:
                y[s, :, at] = np.nan
            case 6:
                y[s] = rng.integers(0, 2, y[s].shape)
            case 7:
                y[s][rng.random(y[s].shape) < 0.6] = np.nan
    fits = mmrm_many(y, u, design, contrasts=some_contrasts(design))
    assert 10 < fits.ok.sum() < 32 and (fits.ok & ~fits.alone).sum() > 10
    for s in range(32):
        try:
            with np.errstate(all="ignore"):
                fit = fit_wide(rows_of((y, u, design), s), design)
        except FitError as error:
            assert (fits.status[s], fits.reasons[s]) == (error.kind, str(error))
            continue
        same_as_alone(fits, s, fit, some_contrasts(design), 1e-9)


def test_a_column_aliased_in_one_set_only_is_left_out_there() -> None:
    y, u, design = trials(4, 30, 3, 0.6, 0.1, 35)
    u = u.copy()
    u[2, :, 3] = 2 * u[2, :, 1] + 1  # age is the arm
    L = some_contrasts(design)
    fits = mmrm_many(y, u, design, contrasts=L)
    assert fits.alone.tolist() == [False, False, True, False] and fits.ok.all()
    assert np.isnan(fits.beta[2]).tolist() == [c == "age" for c in design.columns]
    for s in range(4):
        same_as_alone(fits, s, fit_wide(rows_of((y, u, design), s), design), L, 1e-10)


def one_trial() -> Sets:
    """One data set, some of whose subjects were never seen."""
    y, u, design = trials(1, 25, 4, 0.7, 0.15, 36)
    y[0, [3, 30]] = np.nan
    return y[0], u[0], design


@pytest.mark.parametrize("way", ["bootstrap", "jackknife"])
def test_counts_are_copies_of_rows(way: Literal["bootstrap", "jackknife"]) -> None:
    y, u, design = one_trial()
    rng, n = np.random.default_rng(1), len(y)
    counts = (
        rng.multinomial(n, np.full(n, 1 / n), size=6) if way == "bootstrap" else 1 - np.eye(n, dtype=int)[:6]
    )
    L = some_contrasts(design)
    fits = mmrm_many(y, u, design, counts=counts, contrasts=L)
    assert not fits.alone.any()
    for s, times in enumerate(counts):
        rows = np.repeat(np.arange(n), times)
        same_as_alone(
            fits, s, fit_wide(Wide(design.visits, design.covariates, y[rows], u[rows]), design), L, 1e-10
        )


def test_counts_of_two_shrink_the_model_s_standard_errors() -> None:
    y, u, design = one_trial()
    fits = mmrm_many(
        y,
        u,
        design,
        counts=np.array([[1], [4]]) * np.ones((1, len(y)), dtype=int),
        reml=False,
        df="satterthwaite",
    )
    assert apart(fits.se[1], fits.se[0] / 2) < 1e-12


def test_a_resample_without_a_fit_says_so() -> None:
    y, u, design = one_trial()
    counts = np.ones((3, len(y)), dtype=int)
    counts[1] = 0
    counts[1, :3] = 5
    fits = mmrm_many(y, u, design, counts=counts)
    assert fits.ok.tolist() == [True, False, True]
    assert apart(fits.beta[2], fits.beta[0]) == 0.0


def test_cross_products_give_what_rows_give() -> None:
    sets = trials(6, 20, 4, 0.7, 0.15, 37)
    design = sets[2]
    L = some_contrasts(design)
    fits = mmrm_many_products([cross_products(rows_of(sets, s)) for s in range(6)], design, contrasts=L)
    assert not fits.alone.any()
    for s in range(6):
        same_as_alone(fits, s, fit_wide(rows_of(sets, s), design), L, 1e-10)


def test_cross_products_without_a_fit_say_so() -> None:
    sets, faults = with_faults()
    fits = mmrm_many_products([cross_products(rows_of(sets, s)) for s in range(8)], sets[2])
    assert {s: k for s, k in enumerate(fits.status.tolist()) if k != "ok"} == faults


def test_long_data_sets_are_passed_over_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    y, u, design = trials(9, 20, 4, 0.7, 0.15, 38)
    whole = mmrm_many(y, u, design)
    monkeypatch.setattr("armwise.stats.repeated.many.products.PASS", 40 * 36 * 2)  # two sets a piece
    assert apart(mmrm_many(y, u, design).beta, whole.beta) < 1e-12


def test_data_sets_of_many_subjects_are_passed_over_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    y, u, design = trials(9, 20, 4, 0.7, 0.15, 45)
    whole = mmrm_many(y, u, design)
    monkeypatch.setattr("armwise.stats.repeated.many.products.LONG", 39)
    fits = mmrm_many(y, u, design, chunk=4)
    assert not fits.alone.any()
    assert apart(fits.beta, whole.beta) < 1e-11 and apart(fits.vcov, whole.vcov) < 1e-11


def test_with_very_many_visits_every_set_is_fitted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    y, u, design = trials(3, 20, 4, 0.7, 0.15, 46)
    whole = mmrm_many(y, u, design)
    monkeypatch.setattr("armwise.stats.repeated.many.fits.MOST_VISITS", 3)
    fits = mmrm_many(y, u, design)
    assert fits.alone.all() and fits.ok.all()
    assert apart(fits.beta, whole.beta) < 1e-11 and apart(fits.vcov, whole.vcov) < 1e-11


def test_fewer_subjects_than_columns_are_said_to_be_too_few() -> None:
    y, u, design = trials(2, 1, 2, 0.5, 0.0, 47)
    fits = mmrm_many(y, u, design)
    assert fits.status.tolist() == ["not identified"] * 2 and "coefficients" in fits.reasons[0]


def test_outcomes_whose_squares_overflow_are_refused_with_their_number() -> None:
    y, u, design = trials(3, 20, 2, 0.5, 0.0, 48)
    y[1] *= 1e200
    with (
        pytest.raises(UsageError, match=r"data set 1: .*sums overflow"),
        np.errstate(over="ignore", invalid="ignore"),
    ):
        mmrm_many(y, u, design)


def test_no_data_sets_give_no_fits() -> None:
    y, u, design = one_trial()
    fits = mmrm_many(
        y, u, design, counts=np.zeros((0, len(y)), dtype=int), contrasts=np.eye(len(design.columns))
    )
    assert fits.beta.shape == (0, len(design.columns)) and fits.contrasts is not None
    assert fits.contrasts.upper.shape == (0, len(design.columns))


def test_derivatives_of_the_stack_are_those_of_its_likelihood() -> None:
    y, u, design = trials(3, 20, 3, 0.7, 0.2, 39)
    data = data_sets(y, u, design)
    stack, _, ordinary = reduced_stack(data.stack(slice(0, 3)), columns(data, design), True)
    assert ordinary.all()
    L = np.linalg.cholesky(np.array([autoregressive(3, rho, 12.0) for rho in (0.2, 0.5, 0.8)]))
    j, k = np.tril_indices(3)

    def at(step: Floats) -> Floats:
        T = np.eye(3)
        T[j, k] += step
        T[k, j] = T[j, k]
        return evaluate_stack(stack, L @ np.linalg.cholesky(T)).loglik

    d, h, eye = derivatives(stack, evaluate_stack(stack, L)), 1e-3, np.eye(6)
    gradient = np.where(j == k, 1, 2) * d.gradient[:, j, k]
    for a in range(6):
        steps = [at(c * h * eye[a]) for c in (-2, -1, 1, 2)]
        numeric = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
        assert np.abs(numeric - gradient[:, a]).max() < 1e-8 * np.abs(gradient).max()
        for b in range(6):
            mixed = sum(p * q * at(h * (p * eye[a] + q * eye[b])) for p in (-1, 1) for q in (-1, 1)) / (
                4 * h**2
            )
            assert np.abs(mixed + d.information[:, a, b]).max() < 1e-4 * np.abs(d.information).max()


@pytest.mark.parametrize("reml", [True, False])
def test_the_expected_information_of_complete_data_is_the_observed_one_at_the_maximum(reml: bool) -> None:
    y, u, _ = trials(3, 20, 3, 0.7, 0.0, 43)
    u, design = u[:, :, :3], crossed_design(["v0", "v1", "v2"], ["arm", "baseline"])
    data = data_sets(y, u, design)
    stack, _, _ = reduced_stack(data.stack(slice(0, 3)), columns(data, design), reml)
    L = np.array([np.linalg.cholesky(s) for s in mmrm_many(y, u, design, reml=reml).sigma])
    point = evaluate_stack(stack, L)
    d = derivatives(stack, point)
    assert apart(expected_information(stack, point, d), d.information) < 1e-9


def test_inverses_and_their_pivots_tell_definite_matrices_from_others() -> None:
    rng = np.random.default_rng(40)
    A = rng.normal(size=(5, 4, 9))
    A = A @ A.transpose(0, 2, 1)
    A[3] -= 20 * np.eye(4)
    found, pivots = inverses(np.ascontiguousarray(A.transpose(1, 2, 0)))
    assert apart(found.transpose(2, 0, 1), np.linalg.inv(A)) < 1e-12
    assert (pivots > 0).all(axis=0).tolist() == [True, True, True, False, True]
    assert apart_each(pivots.prod(axis=0), np.linalg.det(A)) < 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros((2, 5))}, r"y has shape \(2, 5\); expected data sets x subjects x 4 visits"),
        ({"u": np.ones((3, 3))}, r"u has shape \(3, 3\); expected \(50, 4\), or \(1, 50, 4\)"),
        ({"df": "residual"}, "df 'residual'; expected one of kenward-roger, satterthwaite"),
        ({"contrasts": np.ones(3)}, r"contrasts have shape \(1, 3\); expected 13 finite numbers"),
        ({"conf_level": 95}, "conf_level"),
        ({"chunk": 0}, "chunk is 0"),
        ({"counts": np.ones((2, 50), dtype=int)}, r"with counts, expected those of one data set"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    y, u, design = one_trial()
    with pytest.raises(UsageError, match=message):
        mmrm_many(**{"y": y[None], "u": u, "design": design, **change})


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones((2, 50)), "type float64; expected integers"),
        (np.ones((2, 49), dtype=int), r"shape \(2, 49\)"),
        (-np.ones((2, 50), dtype=int), "counts go down to -1"),
    ],
)
def test_counts_are_whole_numbers_of_times(counts: Any, message: str) -> None:
    y, u, design = one_trial()
    with pytest.raises(UsageError, match=message):
        mmrm_many(y, u, design, counts=counts)


def test_numbers_that_are_not_finite_are_named() -> None:
    y, u, design = trials(3, 10, 3, 0.5, 0.0, 41)
    y[1, 4, 2] = np.inf
    with pytest.raises(UsageError, match=r"y\[1, 4, 2\] is infinite"):
        mmrm_many(y, u, design)
    y[1, 4, 2] = 0.0
    u[2, 3, 1] = np.nan
    with pytest.raises(UsageError, match=r"u\[2, 3, 1\] is nan"):
        mmrm_many(y, u, design)


def test_what_the_stack_cannot_hold_is_refused() -> None:
    sets = trials(1, 10, 3, 0.5, 0.0, 42)
    rows, design = rows_of(sets, 0), sets[2]
    weighted = Wide(rows.visits, rows.covariates, rows.y, rows.u, weights=np.ones(rows.y.shape))
    with pytest.raises(UsageError, match="data set 0: covariance groups or precision weights"):
        mmrm_many_products([cross_products(weighted)], design)
    with pytest.raises(UsageError, match="expected the design's"):
        mmrm_many_products(
            [cross_products(rows)], crossed_design(["a", "b", "c"], ["arm", "baseline"], ["age"])
        )

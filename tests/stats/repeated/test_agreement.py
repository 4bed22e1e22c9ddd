"""The engine says what an independent oracle, written from the papers, says."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import designs
import numpy as np
import pytest
from designs import Simulated
from textbook import Evaluation, apart, apart_each, evaluated, fitted, subjects_of
from textbook_structures import Floats, structure, theta_of

from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.design import Design, crossed_design
from armwise.stats.repeated.fitted import DfMethod, Mmrm, VcovMethod
from armwise.stats.repeated.fitting import evaluate_at, fit_wide
from armwise.stats.repeated.wide import Wide

TIMES = (0.0, 1.0, 3.0, 6.5)
STRUCTURES = ("us", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "ad", "adh", "ind", "indh", "sp_exp")


def rows_of(data: Simulated) -> tuple[Wide, Design]:
    """The data as the engine takes them."""
    names = tuple(f"v{j}" for j in range(data.y.shape[1]))
    design = crossed_design(names, tuple(data.by_visit), tuple(data.overall))
    u = np.column_stack([np.ones(len(data.y)), *data.by_visit.values(), *data.overall.values()])
    groups = ("",) if data.group is None else ("a", "b")
    return Wide(names, design.covariates, data.y, u, data.group, groups, data.weights), design


def oracle_rows(data: Simulated) -> list[Any]:
    return subjects_of(data.y, data.by_visit, data.overall, data.group, data.weights)


def same_model(
    fit: Mmrm, e: Evaluation, *, second: bool, kr: bool, digits: float, df_digits: float | None = None
) -> None:
    """Estimates, covariance, degrees of freedom and joint tests are the oracle's."""
    df_digits = df_digits or digits
    q, m = len(e.beta), len(fit.design.visits)
    eye = np.eye(q)
    vcov = e.kenward_roger(second=second) if kr else e.Phi
    assert apart(fit.sigma, e.sigmas) < digits
    assert apart_each(fit.beta / np.sqrt(np.diag(vcov)) + 1e3, e.beta / np.sqrt(np.diag(vcov)) + 1e3) < digits
    sd = np.sqrt(np.diag(vcov))
    assert np.max(np.abs(fit.vcov - vcov) / np.outer(sd, sd)) < digits
    L = np.vstack([eye, np.diff(eye, axis=0), np.random.default_rng(3).normal(size=(3, q)) / sd])
    found = contrasts(fit, L)
    assert apart_each(found.se, np.sqrt(np.einsum("lq,qr,lr->l", L, vcov, L))) < digits
    assert apart_each(found.df, [e.satterthwaite(c) for c in L]) < df_digits
    for block in (eye[m : 2 * m], eye[m : m + 2], L[-2:]):
        test = joint_test(fit, block)
        expected = e.kenward_roger_f(block, second=second) if kr else e.fai_cornelius(block)
        assert apart_each([test.f, test.df2], expected[:2]) < df_digits
        assert test.df1 == len(block)


def near(name: str, data: Simulated) -> list[Floats]:
    """A theta for each group, near the truth and not at an optimum."""
    rng = np.random.default_rng(17)
    groups = 1 if data.group is None else 2
    size = structure(name, 4, TIMES).size
    return [
        theta_of(name, (1 + 3 * g) * data.sigma, TIMES) + rng.uniform(-0.05, 0.05, size)
        for g in range(groups)
    ]


METHODS: tuple[tuple[DfMethod, bool, bool], ...] = (
    ("satterthwaite", False, False),
    ("kenward-roger", True, False),
    ("kenward-roger-log-cholesky", True, True),
)
SETS = {
    "dropout": designs.two_by_twenty,
    "single-subject patterns": designs.single_subject_patterns,
    "weights": designs.weighted,
    "groups": designs.grouped,
}


@cache
def simulated(name: str) -> Simulated:
    return SETS[name]()


@cache
def oracle_at(name: str, kind: str, reml: bool, linear: bool) -> Evaluation:
    """At a covariance near the truth; `linear`: in the entries of an unstructured one."""
    data = simulated(name)
    sigmas = [structure(kind, 4, TIMES)(theta) for theta in near(kind, data)]
    which = "vech" if linear and kind == "us" else kind
    return evaluated(oracle_rows(data), which, sigmas, times=TIMES, reml=reml)


@pytest.mark.parametrize(("df", "kr", "second"), METHODS)
@pytest.mark.parametrize("kind", STRUCTURES)
def test_at_a_fixed_covariance_every_structure_is_the_oracles(
    kind: str, df: DfMethod, kr: bool, second: bool
) -> None:
    at_fixed_covariance("dropout", kind, True, df, kr, second)


@pytest.mark.parametrize(("df", "kr", "second"), METHODS)
@pytest.mark.parametrize("kind", ["us", "ar1h"])
@pytest.mark.parametrize("name", ["single-subject patterns", "weights", "groups"])
def test_at_a_fixed_covariance_weights_groups_and_odd_patterns_are_the_oracles(
    name: str, kind: str, df: DfMethod, kr: bool, second: bool
) -> None:
    at_fixed_covariance(name, kind, True, df, kr, second)


@pytest.mark.parametrize("kind", ["us", "toeph"])
@pytest.mark.parametrize("name", ["dropout", "weights", "groups"])
def test_at_a_fixed_covariance_maximum_likelihood_is_the_oracles(name: str, kind: str) -> None:
    at_fixed_covariance(name, kind, False, "satterthwaite", False, False)


def at_fixed_covariance(name: str, kind: str, reml: bool, df: DfMethod, kr: bool, second: bool) -> None:
    data = simulated(name)
    e = oracle_at(name, kind, reml, df != "kenward-roger-log-cholesky")
    wide, design = rows_of(data)
    fit = evaluate_at(
        wide,
        design,
        e.sigmas,
        reml=reml,
        df=df,
        covariance=kind,
        theta=np.array(near(kind, data)),
        times=TIMES,
    )
    assert fit.loglik == pytest.approx(e.loglik, rel=1e-12)
    same_model(fit, e, second=second, kr=kr, digits=1e-10)


@cache
def oracle_optimum(name: str, kind: str, reml: bool) -> Evaluation:
    return fitted(oracle_rows(simulated(name)), kind, times=TIMES, reml=reml)


@pytest.mark.parametrize("kind", STRUCTURES)
def test_the_optimum_of_every_structure_is_the_oracles(kind: str) -> None:
    at_the_optimum("dropout", kind, True)


@pytest.mark.parametrize(
    ("name", "kind", "reml"),
    [("weights", "us", True), ("groups", "us", True), ("groups", "csh", False), ("dropout", "us", False)],
)
def test_the_optimum_with_weights_groups_and_maximum_likelihood_is_the_oracles(
    name: str, kind: str, reml: bool
) -> None:
    at_the_optimum(name, kind, reml)


def at_the_optimum(name: str, kind: str, reml: bool) -> None:
    wide, design = rows_of(simulated(name))
    e = oracle_optimum(name, kind, reml)
    for df, kr, second in METHODS if reml else METHODS[:1]:
        fit = fit_wide(wide, design, covariance=kind, times=TIMES, reml=reml, df=df)
        assert fit.decrement < 1e-16
        assert fit.loglik == pytest.approx(e.loglik, rel=1e-13, abs=1e-10)
        same_model(fit, e, second=second, kr=kr, digits=2e-8)


@pytest.mark.parametrize("name", ["single-subject patterns", "weights", "groups"])
@pytest.mark.parametrize("vcov", ["empirical", "jackknife", "bias-reduced"])
def test_robust_covariances_and_their_degrees_of_freedom_are_the_oracles(name: str, vcov: VcovMethod) -> None:
    wide, design = rows_of(simulated(name))
    e = oracle_at(name, "us", True, True)
    fit = evaluate_at(wide, design, e.sigmas, df="satterthwaite", vcov=vcov)
    V = e.robust(vcov)
    assert apart(fit.vcov, V) < 1e-10
    L = np.vstack([np.eye(len(e.beta)), np.random.default_rng(3).normal(size=(3, len(e.beta)))])
    found = contrasts(fit, L)
    assert apart_each(found.se, np.sqrt(np.einsum("lq,qr,lr->l", L, V, L))) < 1e-10
    assert apart_each(found.df, [e.bell_mccaffrey(c, vcov) for c in L]) < 1e-10


OPTIMA = {
    name: make for name, make in designs.IDENTIFIABLE.items() if "ten" not in name and "1e-9" not in name
}


@pytest.mark.parametrize("name", OPTIMA)
def test_at_the_engines_optimum_the_oracles_gradient_is_zero(name: str) -> None:
    data = OPTIMA[name]()
    wide, design = rows_of(data)
    fit = fit_wide(wide, design, df="satterthwaite")
    assert fit.decrement < 1e-16
    # REML does not depend on the means, and the oracle loses the digits that a mean of a million SDs costs
    centred = dataclasses.replace(data, y=data.y - np.round(np.nanmean(data.y, axis=0), 2))
    e = evaluated(oracle_rows(centred), "vech", list(fit.sigma))
    # the oracle's own rounding grows with the condition of the covariance
    assert e.decrement < (1e-13 if "1e-6" in name else 1e-18)
    assert np.linalg.eigvalsh(e.observed * np.outer(*[1 / np.sqrt(np.diag(e.observed))] * 2))[0] > 0


@pytest.mark.parametrize("name", designs.IDENTIFIABLE)
def test_fits_on_which_others_stop_are_reached(name: str) -> None:
    wide, design = rows_of(designs.IDENTIFIABLE[name]())
    fit = fit_wide(wide, design)
    assert fit.decrement < 1e-16
    assert fit.evaluations <= (14 if "rho" in name else 8)

"""Models drawn at random are the oracle's at a fixed covariance: designs, structures, units, gaps, groups.

Each is a model matrix of arbitrary numbers (not a crossed design), so that nothing of the data's shape is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from test_agreement import METHODS, STRUCTURES
from textbook import Evaluation, Subject, apart_each, evaluated
from textbook_structures import Floats, structure, theta_of

from armwise.stats.repeated.contrasts import contrasts, joint_test
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.fitting import evaluate_at
from armwise.stats.repeated.wide import Wide


@dataclass(frozen=True, eq=False)
class RandomModel:
    """A model with a covariance at which it is to be evaluated, for the engine and for the oracle."""

    wide: Wide
    design: Design
    subjects: list[Subject]
    kind: str
    sigmas: list[Floats]
    thetas: list[Floats]
    times: Floats
    reml: bool

    def oracle(self, linear: bool) -> Evaluation:
        name = "vech" if linear and self.kind == "us" else self.kind
        return evaluated(self.subjects, name, self.sigmas, times=self.times, reml=self.reml)  # type: ignore[arg-type]


def random_theta(rng: np.random.Generator, kind: str, m: int, unit: float) -> Floats:
    if kind == "us":
        A = rng.normal(size=(m, m))
        return theta_of("us", unit**2 * (A @ A.T + 0.3 * np.eye(m)))
    size = structure(kind, m, np.arange(m)).size  # type: ignore[arg-type]
    sds = m if kind.endswith("h") else 1
    return np.concatenate([np.log(unit) + rng.uniform(-0.3, 0.3, sds), rng.uniform(0.1, 0.7, size - sds)])


def random_model(seed: int) -> RandomModel | None:
    """A model of that seed; None where it is ill-conditioned, so that no program has ten digits."""
    rng = np.random.default_rng(seed)
    kind = STRUCTURES[seed % len(STRUCTURES)]
    m, n, d = int(rng.integers(2, 6)), int(rng.integers(20, 40)), int(rng.integers(1, 4))
    q, groups = int(rng.integers(1, min(m * d, 6) + 1)), int(rng.integers(1, 3))
    unit = 10.0 ** rng.integers(-3, 5)
    times = np.cumsum(rng.uniform(0.5, 2, m))
    thetas = [random_theta(rng, kind, m, unit) for _ in range(groups)]
    S = structure(kind, m, times)  # type: ignore[arg-type]
    sigmas = [S(theta) for theta in thetas]
    if min(np.linalg.eigvalsh(s / unit**2)[0] for s in sigmas) < 1e-2:
        return None
    B = rng.normal(size=(m, d, q)) * (rng.random((m, d, q)) > 0.3)
    u = np.column_stack([np.ones(n), 3 * rng.normal(size=(n, d - 1)) + rng.normal()])
    group = rng.integers(groups, size=n)
    weights = rng.uniform(0.3, 3, size=(n, m)) if rng.random() < 0.3 else None
    errors = np.array([np.linalg.cholesky(sigmas[g]) @ rng.normal(size=m) for g in group])
    X = np.einsum("nd,mdq->nmq", u, B)
    y = unit * X @ rng.normal(size=q) + errors / (1 if weights is None else np.sqrt(weights))
    y[rng.random((n, m)) < rng.choice([0, 0.1, 0.4])] = np.nan
    seen = [np.flatnonzero(~np.isnan(row)) for row in y]
    subjects = [
        Subject(X[i, o], y[i, o], o, int(group[i]), None if weights is None else weights[i, o])
        for i, o in enumerate(seen)
        if len(o)
    ]
    rows = np.vstack([s.X for s in subjects])
    lengths = np.linalg.norm(rows, axis=0)
    if not lengths.all() or np.linalg.cond(rows / lengths) > 30:
        return None
    visits, covariates = tuple(f"v{j}" for j in range(m)), ("1", *(f"u{k}" for k in range(1, d)))
    wide = Wide(
        visits, covariates, y, u, group if groups > 1 else None, ("a", "b") if groups > 1 else ("",), weights
    )  # fmt: skip
    design = Design(visits, covariates, tuple(f"x{k}" for k in range(q)), B)
    return RandomModel(wide, design, subjects, kind, sigmas, thetas, times, bool(rng.random() < 0.7))


@pytest.mark.parametrize("seed", range(0, 60, 12))
def test_random_models_of_every_structure_are_the_oracles(seed: int) -> None:
    checked = 0
    for number in range(seed, seed + 12):
        model = random_model(number)
        if model is None:
            continue
        for df, kr, second in METHODS if model.reml else METHODS[:1]:
            e = model.oracle(df != "kenward-roger-log-cholesky")
            scale = np.sqrt(np.abs(np.diag(e.expected)))
            if np.linalg.eigvalsh(e.observed / np.outer(scale, scale))[0] < 1e-2:
                continue  # away from an optimum the observed information need not be positive definite
            fit = evaluate_at(
                model.wide, model.design, np.array(model.sigmas), reml=model.reml, df=df, covariance=model.kind,
                theta=np.array(model.thetas), times=list(model.times),
            )  # fmt: skip
            vcov = e.kenward_roger(second=second) if kr else e.Phi
            sd = np.sqrt(np.diag(e.Phi))
            assert fit.loglik == pytest.approx(e.loglik, rel=1e-12, abs=1e-10), number
            assert np.max(np.abs(fit.beta - e.beta) / sd) < 1e-9, number
            assert np.max(np.abs(fit.vcov - vcov) / np.outer(sd, sd)) < 1e-9, number
            eye = np.eye(len(sd))
            assert apart_each(contrasts(fit, eye).df, [e.satterthwaite(c) for c in eye]) < 1e-9, number
            test = joint_test(fit, eye[:2])
            expected = e.kenward_roger_f(eye[:2], second=second) if kr else e.fai_cornelius(eye[:2])
            if len(eye) > 1 and expected[1] > 2.5:
                assert apart_each([test.f, test.df2], expected[:2]) < 1e-9, number
            checked += 1
    assert checked >= 6

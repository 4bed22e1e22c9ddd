"""Who enters: covariates, baseline scores, and the arm that each patient chooses or is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.simulate.assumptions import Assumptions, Chosen, Normal
from armwise.simulate.statement import Effects

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class People:
    """Patients as columns.

    Attributes:
        covariates: name -> values as they will be written.
        z: what effects are multiplied with: a number in SDs from its mean, `name.category` as 0 or 1
            less its share, `form.score` at baseline in SDs from its mean.
        baseline: form.score -> latent score before treatment, in the score's points.
        arm: index into the arms, in the protocol's order; -1 before allocation.
    """

    covariates: Mapping[str, NDArray[np.generic]]
    z: Mapping[str, Vector]
    baseline: Mapping[str, Vector]
    arm: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.arm)

    def take(self, rows: NDArray[np.int64], arm: NDArray[np.int64]) -> People:
        """Some of the patients, with their arms."""
        return People(
            {k: v[rows] for k, v in self.covariates.items()},
            {k: v[rows] for k, v in self.z.items()},
            {k: v[rows] for k, v in self.baseline.items()},
            arm,
        )

    def weighted(self, effects: Effects) -> Vector:
        """Sum of effects times the patients' values."""
        total = np.zeros(len(self))
        for name, effect in effects.items():
            total = total + effect * self.z[name]
        return total


def correlation_matrix(names: tuple[str, ...], pairs: Mapping[str, Mapping[str, float]]) -> Vector:
    """The correlation matrix of named variables from the pairs that are not 0."""
    R = np.eye(len(names))
    for one, others in pairs.items():
        for other, r in others.items():
            i, j = names.index(one), names.index(other)
            R[i, j] = R[j, i] = r
    return R


def normals(rng: np.random.Generator, n: int, R: Vector) -> Vector:
    """n draws from N(0, R), one a row; z R^(1/2) with the Cholesky factor."""
    if not len(R):
        return np.zeros((n, 0))
    return rng.standard_normal((n, len(R))) @ np.linalg.cholesky(R).T


def candidates(assumptions: Assumptions, rng: np.random.Generator, n: int) -> People:
    """n people of the population that enters, before any of them has an arm."""
    covariates, z = _covariates(assumptions, rng, n)
    people = People(covariates, z, {}, np.full(n, -1))
    scores = tuple(assumptions.outcomes)
    pairs = assumptions.correlations.scores if assumptions.correlations else {}
    residuals = normals(rng, n, correlation_matrix(scores, pairs))
    baseline: dict[str, Vector] = {}
    for j, score in enumerate(scores):
        b = assumptions.outcomes[score].baseline
        part = people.weighted(b.effects)
        # The covariates' part is centred, and what they explain is taken out of the declared SD.
        sd = np.sqrt(max(b.sd**2 - part.var(), 0.0))
        drawn = b.mean + part + sd * residuals[:, j]
        baseline[score] = drawn if b.range is None else np.clip(drawn, *b.range)
        z[score] = (baseline[score] - b.mean) / b.sd
    return People(covariates, z, baseline, np.full(n, -1))


def _covariates(
    assumptions: Assumptions, rng: np.random.Generator, n: int
) -> tuple[dict[str, NDArray[np.generic]], dict[str, Vector]]:
    names = tuple(assumptions.covariates)
    pairs = assumptions.correlations.covariates if assumptions.correlations else {}
    latent = normals(rng, n, correlation_matrix(names, pairs))
    values: dict[str, NDArray[np.generic]] = {}
    z: dict[str, Vector] = {}
    for j, (name, covariate) in enumerate(assumptions.covariates.items()):
        if isinstance(covariate, Normal):
            drawn = np.clip(covariate.mean + covariate.sd * latent[:, j], *covariate.range)
            values[name] = np.round(drawn, covariate.decimals)
            z[name] = (drawn - covariate.mean) / covariate.sd
            continue
        # A Gaussian copula: categories are cut from the same normal, so that they may correlate with numbers.
        cuts = _normal_quantiles(tuple(covariate.shares.values()))
        index = np.searchsorted(cuts, latent[:, j])
        values[name] = np.array(list(covariate.shares))[index]
        for k, (category, share) in enumerate(covariate.shares.items()):
            z[f"{name}.{category}"] = (index == k) - share
    return values, z


def _normal_quantiles(shares: tuple[float, ...]) -> Vector:
    from scipy.special import ndtri

    cuts: Vector = ndtri(np.clip(np.cumsum(shares)[:-1], 0.0, 1.0))
    return cuts


def choose(
    assumptions: Assumptions, arms: tuple[str, ...], people: People, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The arm (index into `arms`) that each person would have if every arm had room.

    By choice: multinomial logit, reference arm 0. By chance: the arms' ratio.
    """
    n = len(people)
    allocation = assumptions.allocation
    if isinstance(allocation, Chosen):
        logits = np.column_stack([people.weighted(allocation.log_odds.get(arm, {})) for arm in arms])
        gumbel = rng.gumbel(size=(n, len(arms)))
        return np.asarray((logits + gumbel).argmax(axis=1), dtype=np.int64)
    sizes = np.array([assumptions.size.per_arm[arm] for arm in arms], dtype=float)
    return rng.choice(len(arms), size=n, p=sizes / sizes.sum())


def enrolled(
    assumptions: Assumptions,
    arms: tuple[str, ...],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
) -> People:
    """Exactly the planned number in each arm, in the order in which they enter.

    By choice, people come one after the other and choose; an arm that is full takes no more. By chance, the
    arms come in permuted blocks.
    """
    wanted = np.array([sizes[arm] for arm in arms])
    if not isinstance(assumptions.allocation, Chosen):
        arm = _permuted_blocks(wanted, assumptions.allocation.blocks, rng)
        people = candidates(assumptions, rng, len(arm))
        return people.take(np.arange(len(arm)), arm)
    batches: list[tuple[People, NDArray[np.int64]]] = []
    found = np.zeros(len(arms), dtype=np.int64)
    while (found < wanted).any():
        if len(batches) > 200:
            raise _never_full(arms, found, wanted)
        people = candidates(assumptions, rng, max(4 * int(wanted.sum()), 2000))
        arm = choose(assumptions, arms, people, rng)
        # position of each person among those who choose the same arm
        rank = np.zeros(len(arm), dtype=np.int64)
        for a in range(len(arms)):
            rank[arm == a] = found[a] + np.arange((arm == a).sum())
            found[a] += (arm == a).sum()
        rows = np.flatnonzero(rank < wanted[arm])
        batches.append((people.take(rows, arm[rows]), rows))
    return _join([people for people, _ in batches])


def _never_full(arms: tuple[str, ...], found: NDArray[np.int64], wanted: NDArray[np.int64]) -> Exception:
    from armwise.errors import UsageError

    empty = ", ".join(f"{arm} ({f} of {w})" for arm, f, w in zip(arms, found, wanted, strict=True) if f < w)
    return UsageError(
        f"assumptions.yaml (allocation.log_odds): almost nobody chooses {empty}; make the log odds smaller"
    )


def _permuted_blocks(wanted: NDArray[np.int64], blocks: int, rng: np.random.Generator) -> NDArray[np.int64]:
    ratio = wanted // np.gcd.reduce(wanted) * blocks
    left = wanted.copy()
    order: list[NDArray[np.int64]] = []
    while left.sum():
        block = np.minimum(ratio, left)
        left -= block
        order.append(rng.permutation(np.repeat(np.arange(len(wanted)), block)))
    return np.concatenate(order)


def _join(parts: list[People]) -> People:
    first = parts[0]
    if len(parts) == 1:
        return first
    return People(
        {k: np.concatenate([p.covariates[k] for p in parts]) for k in first.covariates},
        {k: np.concatenate([p.z[k] for p in parts]) for k in first.z},
        {k: np.concatenate([p.baseline[k] for p in parts]) for k in first.baseline},
        np.concatenate([p.arm for p in parts]),
    )

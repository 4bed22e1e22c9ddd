"""Latent scores over time: baseline plus a change whose mean and SD in each arm are the declared ones.

For patient i in arm a, score s, visit v

    Y_isv = B_is + c_asv + share_v * (effects on the change)_is + k_asv * e_isv,     cut to the score's range,

e ~ N(0, R_scores (x) R_visits). The constants c and k are not declared: they are found on a large pilot sample
(drawn from the assumptions alone, so the same for every seed) such that the arm's mean at the visit and the SD
of its change from baseline are what the file says, whoever chose that arm. So a published mean of an arm stands
in the file as it was published, confounding included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.simulate.assumptions import Assumptions, Outcome
from armwise.simulate.people import People, Vector, candidates, choose, correlation_matrix, normals
from armwise.simulate.streams import stream

#: People in the pilot sample, for each arm.
PILOT = 12_000
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Constants:
    """c and k of one score, by arm and visit."""

    c: NDArray[np.float64]
    k: NDArray[np.float64]


def draw_paths(
    assumptions: Assumptions,
    constants: Mapping[str, Constants],
    people: People,
    arms: tuple[str, ...],
    visits: tuple[str, ...],
    ranges: Ranges,
    rng: np.random.Generator,
) -> dict[str, Vector]:
    """form.score -> latent scores, one row a patient, one column a visit (baseline first), within the range."""
    e = _residuals(assumptions, len(people), visits[1:], rng)
    paths: dict[str, Vector] = {}
    for j, (score, outcome) in enumerate(assumptions.outcomes.items()):
        lo, hi = ranges[score]
        base = people.baseline[score]
        columns = [base]
        shift = _effects(outcome, people, arms)
        for v, visit in enumerate(visits[1:]):
            known = constants[score]
            c, k = known.c[people.arm, v], known.k[people.arm, v]
            columns.append(base + c + _share(outcome, visit) * shift + k * e[:, j, v])
        paths[score] = np.clip(np.column_stack(columns), lo, hi)
    return paths


def find_constants(
    assumptions: Assumptions, arms: tuple[str, ...], visits: tuple[str, ...], ranges: Ranges
) -> dict[str, Constants]:
    """c and k of every score, from the pilot sample.

    Raises:
        UsageError: an SD of change is smaller than what the effects alone bring, or a mean cannot be reached
            within the score's range.
    """
    rng = stream(0, "pilot")
    people = candidates(assumptions, rng, PILOT * len(arms))
    people = people.take(np.arange(len(people)), choose(assumptions, arms, people, rng))
    e = _residuals(assumptions, len(people), visits[1:], rng)
    found: dict[str, Constants] = {}
    for j, (score, outcome) in enumerate(assumptions.outcomes.items()):
        means, sds = outcome.table("means"), outcome.table("sds_of_change")
        shift = _effects(outcome, people, arms)
        c = np.zeros((len(arms), len(visits) - 1))
        k = np.zeros_like(c)
        for a, arm in enumerate(arms):
            rows = people.arm == a
            for v, visit in enumerate(visits[1:]):
                key = (arm, visit)
                part = _share(outcome, visit) * shift[rows]
                place = f"outcomes.{score}, {arm}, {visit}"
                c[a, v], k[a, v] = _solve(
                    people.baseline[score][rows],
                    part,
                    e[rows, j, v],
                    means[key],
                    sds[key],
                    ranges[score],
                    place,
                )
        found[score] = Constants(c, k)
    return found


def _solve(
    base: Vector, part: Vector, e: Vector, mean: float, sd: float, limits: tuple[float, float], place: str
) -> tuple[float, float]:
    """c and k for one arm and visit, by fixed-point steps: both moments react almost linearly."""
    if part.std() >= sd:
        raise UsageError(
            f"assumptions.yaml ({place}): the SD of change is {sd:g}, but the effects alone bring {part.std():.2f}; "
            "make the SD larger or the effects smaller"
        )
    lo, hi = limits
    # The pilot's chance is taken out: residuals with mean 0, SD 1, unrelated to the known parts.
    e = _free_of(e, np.column_stack([np.ones_like(base), base, part]))
    start = np.clip(base, lo, hi)
    c, k = mean - float((base + part).mean()), float(np.sqrt(sd**2 - part.var()))
    for _ in range(40):
        end = np.clip(base + c + part + k * e, lo, hi)
        off_mean, off_sd = mean - float(end.mean()), sd / float((end - start).std())
        c, k = c + off_mean, k * off_sd
        if abs(off_mean) < 1e-4 * (hi - lo) and abs(off_sd - 1) < 1e-3:
            return c, k
    raise UsageError(
        f"assumptions.yaml ({place}): mean {mean:g} with an SD of change of {sd:g} cannot be had within "
        f"{lo:g} to {hi:g}; move the mean away from the end of the scale or make the SD smaller"
    )


def _free_of(e: Vector, X: Vector) -> Vector:
    """e without what X explains, at SD 1."""
    # A constant column makes X rank-deficient: lstsq takes the minimum-norm answer, the fit is the same.
    e = e - X @ np.linalg.lstsq(X, e, rcond=None)[0]
    return np.asarray(e / e.std())


def _effects(outcome: Outcome, people: People, arms: tuple[str, ...]) -> Vector:
    if outcome.effects is None:
        return np.zeros(len(people))
    total = people.weighted(outcome.effects.common)
    for arm, effects in outcome.effects.by_arm.items():
        total = total + np.where(people.arm == arms.index(arm), people.weighted(effects), 0.0)
    return total


def _share(outcome: Outcome, visit: str) -> float:
    return outcome.effects.share.get(visit, 1.0) if outcome.effects else 1.0


def _residuals(assumptions: Assumptions, n: int, visits: tuple[str, ...], rng: np.random.Generator) -> Vector:
    """n x scores x visits, N(0, R_scores (x) R_visits)."""
    scores = tuple(assumptions.outcomes)
    given = assumptions.correlations
    R_scores = correlation_matrix(scores, given.scores if given else {})
    R_visits = correlation_matrix(visits, given.visits if given else {})
    z = normals(rng, n * len(scores), R_visits).reshape(n, len(scores), len(visits))
    residuals: Vector = np.einsum("st,ntv->nsv", np.linalg.cholesky(R_scores), z)
    return residuals

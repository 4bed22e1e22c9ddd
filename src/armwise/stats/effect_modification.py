"""Whether a difference between arms goes with a characteristic: the interaction, with its interval.

A difference between arms in each subgroup says nothing about whether subgroups differ; the interaction does. Its
interval, not its p, says how far the question is settled: at the size of most studies it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.covariates import Covariate, covariate
from armwise.stats.estimate import INTERACTION, MEAN_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.least_squares import INTERCEPT, LeastSquares
from armwise.stats.proportions import mover
from armwise.stats.samples import Floats, labels, same_length, sample

METHOD = "ANCOVA with arm by covariate"
DIFFERENCE_METHOD = "difference of differences, MOVER"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One arm against the reference, by one characteristic.

    Attributes:
        interactions: "" -> change of the difference per unit of a number; or category -> how the difference
            in it differs from the difference in the first category.
        differences: the difference between the arms at each asked value of a number (as text), or in each category.
    """

    interactions: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


def ancova_interaction(
    y: ArrayLike,
    arm: ArrayLike,
    modifier: ArrayLike,
    covariates: Mapping[str, ArrayLike] | None = None,
    *,
    reference: str,
    at: ArrayLike = (),
    conf_level: float = 0.95,
) -> dict[str, Interaction]:
    """Analysis of covariance with arm by one characteristic; every other slope is common to the arms.

    Parameters:
        y: outcome, shape (n,), none missing.
        arm: arm labels, shape (n,).
        modifier: the characteristic, shape (n,): numbers stay numbers, text and booleans are categories.
        covariates: name -> values of the others, shape (n,); the characteristic itself need not be among them.
        reference: the arm that the others are compared with.
        at: values of a numeric characteristic at which the difference is wanted.
        conf_level: 0.95 for 95 %.

    Returns:
        arm -> its Interaction. What the data cannot say (a category that one arm lacks) is "not estimable".

    Raises:
        UsageError: missing values, lengths that differ, reference not among the arms, fewer than two arms.

    Source: Fox 2016, Applied Regression Analysis, section 7.3; Wang and others 2007, N Engl J Med 357:2189.
    """
    check_conf_level(conf_level)
    y, arm = sample(y, "y"), labels(arm, "arm")
    term = covariate("modifier", modifier)
    others = tuple(covariate(name, values) for name, values in (covariates or {}).items())
    same_length({"y": y, "arm": arm, "modifier": term.X} | {f"covariate {t.name}": t.X for t in others})
    found = set(arm.tolist())
    arms = sorted(found - {str(reference)})
    if str(reference) not in found or not arms:
        raise UsageError(f"found the arms {sorted(found)}; expected {reference!r} and another one")
    dummies = [(arm == name).astype(np.float64)[:, None] for name in arms]
    blocks = [np.ones((len(y), 1)), *dummies, *(d * term.X for d in dummies), term.X, *(t.X for t in others)]
    columns = [INTERCEPT, *(f"arm[{a}]" for a in arms)]
    columns += [f"arm[{a}]:{c}" for a in arms for c in term.columns]
    columns += [*term.columns, *(c for t in others for c in t.columns)]
    fit = LeastSquares.of(y, np.hstack(blocks), columns)
    sizes = {name: int(np.count_nonzero(arm == name)) for name in (*arms, str(reference))}
    return {
        name: _of_arm(fit, name, term, np.asarray(at), sizes, str(reference), conf_level) for name in arms
    }


def _of_arm(
    fit: LeastSquares, arm: str, term: Covariate, at: Floats, sizes: Mapping[str, int], reference: str, level: float
) -> Interaction:  # fmt: skip
    main = fit.columns.index(f"arm[{arm}]")
    crossed = [fit.columns.index(f"arm[{arm}]:{c}") for c in term.columns]

    def made(base: float, weights: Floats, statistic: str) -> Estimate:
        L = np.zeros(len(fit.columns))
        L[main], L[crossed] = base, weights
        found = fit.combination(L, statistic, METHOD, level)
        return replace(found, n_arm=sizes[arm], n_versus=sizes[reference])

    if not term.levels:
        one = np.ones(1)
        return Interaction(
            {"": made(0.0, one, INTERACTION)},
            {f"{value:g}": made(1.0, one * value, MEAN_DIFFERENCE) for value in at.tolist()},
        )
    rows = np.vstack([np.zeros(len(term.columns)), np.eye(len(term.columns))])
    return Interaction(
        {c: made(0.0, w, INTERACTION) for c, w in zip(term.levels[1:], rows[1:], strict=True)},
        {c: made(1.0, w, MEAN_DIFFERENCE) for c, w in zip(term.levels, rows, strict=True)},
    )


def difference_of_differences(one: Estimate, other: Estimate) -> Estimate:
    """How the difference between arms in one subgroup differs from that in another, which shares no subject with it.

    Parameters:
        one, other: estimates of the same statistic with intervals of the same level, from different subjects.

    Returns:
        one - other with limits by MOVER from theirs, so that intervals that are not symmetric stay so; no p. "Not
        estimable" where either is, or has no interval.

    Raises:
        UsageError: the statistics or the confidence levels differ.

    Source: Donner and Zou 2012, Stat Methods Med Res 21:347 (as `mover`).
    """
    if (one.statistic, one.conf_level) != (other.statistic, other.conf_level):
        raise UsageError(
            f"found {one.statistic} at {one.conf_level:g} and {other.statistic} at {other.conf_level:g}; "
            "expected one statistic at one level"
        )
    n = one.n + other.n
    n_arm, n_versus = _sum(one.n_arm, other.n_arm), _sum(one.n_versus, other.n_versus)
    known = (one.estimate, one.lower, one.upper, other.estimate, other.lower, other.upper)
    if any(value is None for value in known):
        why = one.reason or other.reason or "a subgroup has no interval"
        return Estimate.not_estimable(
            INTERACTION, DIFFERENCE_METHOD, f"within a subgroup: {why}", conf_level=one.conf_level, n=n,
            n_arm=n_arm, n_versus=n_versus,
        )  # fmt: skip
    r1, l1, u1, r2, l2, u2 = (float(value) for value in known if value is not None)
    lower, upper = mover(r1, l1, u1, r2, l2, u2)
    return Estimate(
        r1 - r2, None, None, lower, upper, one.conf_level, None, n, n_arm, n_versus, DIFFERENCE_METHOD,
        INTERACTION,
    )  # fmt: skip


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b

"""What a subject's outcomes after an event would have been: the joint normal distribution of each strategy.

Own arm's means mu_a and covariance S_a, the reference's mu_r and S_r, each at the subject's covariates; the first t
visits lie before the event. Means after it (Carpenter, Roger & Kenward 2013, J. Biopharm. Stat. 23:1352-1371):

    missing at random            mu_a                             as those who stayed in the arm
    jump to reference            mu_r                             as the reference arm from the event on
    copy reference               mu_r at all visits, before too   as if always in the reference arm
    copy increments in reference mu_a(t) + mu_r - mu_r(t)         keeps what was gained, then moves with the reference
    last mean carried forward    mu_a(t)                          keeps what was gained

Covariance, jump to reference and copy increments: S_a before the event and the reference's regression of later visits
on earlier ones (their equations for unequal covariances); copy reference S_r; the others S_a. Without a visit before
the event jump to reference and copy increments are copy reference.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Strategy = Literal[
    "missing-at-random", "jump-to-reference", "copy-reference", "copy-increments", "last-mean-carried-forward"
]

STRATEGY_WORDS: dict[Strategy, str] = {
    "missing-at-random": "missing at random",
    "jump-to-reference": "jump to reference",
    "copy-reference": "copy reference",
    "copy-increments": "copy increments in reference",
    "last-mean-carried-forward": "last mean carried forward",
}
"""Strategy -> its name in the literature."""


def check_strategy(strategy: str) -> Strategy:
    """The strategy, if it is one.

    Raises:
        UsageError: unknown.
    """
    for known in get_args(Strategy):
        if strategy == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"strategy {strategy!r}; expected one of {', '.join(get_args(Strategy))}")


def strategy_means(own: Floats, reference: Floats, t: int, strategy: Strategy) -> Floats:
    """Means of subjects at all visits.

    Args:
        own, reference: shape (..., m), means in the own and the reference arm at the subjects' covariates.
        t: visits before the event; m when there was none.
        strategy: what is assumed after it.

    Raises:
        UsageError: last mean carried forward without a visit before the event.
    """
    if strategy == "copy-reference" or (t == 0 and strategy in ("jump-to-reference", "copy-increments")):
        return reference
    if strategy == "missing-at-random" or t == own.shape[-1]:
        return own
    if t == 0:
        raise UsageError(
            "last mean carried forward needs a visit before the event; give another strategy there"
        )
    out = own.copy()
    if strategy == "jump-to-reference":
        out[..., t:] = reference[..., t:]
    elif strategy == "copy-increments":
        out[..., t:] = own[..., t - 1 : t] + reference[..., t:] - reference[..., t - 1 : t]
    else:
        out[..., t:] = own[..., t - 1 : t]
    return out


def mean_sources(strategy: Strategy, t: int, m: int) -> tuple[Bools, Bools]:
    """Visits of which a strategy takes the own arm's mean, and the reference arm's: two arrays of shape (m,)."""
    j = np.arange(m)
    if strategy == "copy-reference" or (t == 0 and strategy in ("jump-to-reference", "copy-increments")):
        return j < 0, j >= 0
    if strategy == "missing-at-random":
        return j >= 0, j < 0
    first = {"jump-to-reference": t, "copy-increments": t - 1}.get(strategy, m)
    return j < t, (j >= first) & (t < m)


def strategy_covariance(own: Floats, reference: Floats, t: int, strategy: Strategy) -> Floats:
    """Covariance of the visits, shape (..., m, m), from those of the own and the reference arm."""
    m = own.shape[-1]
    if strategy == "copy-reference" or (t == 0 and strategy in ("jump-to-reference", "copy-increments")):
        return reference
    if t == m or own is reference or strategy in ("missing-at-random", "last-mean-carried-forward"):
        return own
    A11, R11 = own[..., :t, :t], reference[..., :t, :t]
    R12 = reference[..., :t, t:]
    regression = np.swapaxes(np.linalg.solve(R11, R12), -1, -2)  # R21 R11^-1
    out = np.empty_like(own)
    out[..., :t, :t] = A11
    out[..., t:, :t] = regression @ A11
    out[..., :t, t:] = np.swapaxes(out[..., t:, :t], -1, -2)
    left = reference[..., t:, t:] - regression @ (R11 - A11) @ np.swapaxes(regression, -1, -2)
    out[..., t:, t:] = (left + np.swapaxes(left, -1, -2)) / 2
    return out

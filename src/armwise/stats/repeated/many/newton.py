"""Newton's method on many data sets at once: the steps of `newton`, taken by all data sets that are still on their way.

Each set takes the steps that it would take alone, so that its numbers are the same: Newton's, Fisher's where the
observed information is not positive definite, halved until the likelihood rises. Sets that do not arrive so, or at a
covariance that is nearly singular, are given up here, and are fitted one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from armwise.stats.repeated.covariance import correlations
from armwise.stats.repeated.likelihood import pairs
from armwise.stats.repeated.many.likelihood import (
    Stack,
    StackDerivatives,
    StackPoint,
    by_set,
    derivatives,
    evaluate_stack,
    expected_information,
    inverses,
)
from armwise.stats.repeated.moments import Moments
from armwise.stats.repeated.newton import CONVERGED, LONG_STEP, LONGEST_STEP, ROUNDING, SHORT_STEP
from armwise.stats.repeated.start import starting_covariance

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

MOST_ITERATIONS = 30
MOST_HALVINGS = 12
#: Smallest eigenvalue of the correlations of a covariance that the stacked arithmetic is trusted with.
SOUND = 1e-4
#: Smallest variance at a visit, as a share of the residual one of least squares, before it is said to vanish.
VANISHED = 1e-6
#: Smallest pivot of the information, as a share of its diagonal.
IDENTIFIED = 1e-9


@dataclass(frozen=True, eq=False)
class StackOptimum:
    """Data sets that reached their maximum together.

    Attributes:
        at: shape (C,), which of the sets of the chunk they are.
        stack, point, derivatives: of those sets, at the maximum.
        W: shape (C, K, K), covariance of the entries of T.
        evaluations: shape (C,), how often the likelihood was computed.
        decrement: shape (C,), Newton's decrement.
    """

    at: Ints
    stack: Stack
    point: StackPoint
    derivatives: StackDerivatives
    W: Floats
    evaluations: Ints
    decrement: Floats


def maximise_stack(stack: Stack, at: Ints, sigma: Floats) -> list[StackOptimum]:
    """The maxima of those data sets that are not given up, in the order in which they are reached.

    Args:
        stack: C data sets.
        at: shape (C,), numbers by which the caller knows them.
        sigma: shape (C, m, m), where to begin.
    """
    found: list[StackOptimum] = []
    point = evaluate_stack(stack, _roots(sigma))
    evaluations, before = np.ones(len(at), dtype=np.intp), np.full(len(at), np.inf)
    slow, keep = np.zeros(len(at), dtype=np.intp), point.sound
    for _ in range(MOST_ITERATIONS):
        stack, at, point = stack.take(keep), at[keep], point.take(keep)
        evaluations, before, slow = evaluations[keep], before[keep], slow[keep]
        if not len(at):
            break
        d = derivatives(stack, point)
        W, step, decrement, observed = _steps(stack, point, d)
        arrived = (decrement < CONVERGED) | ((decrement < ROUNDING) & (decrement > 0.1 * before))
        slow = np.where(decrement > 0.05 * before, slow + 1, 0)
        stuck = slow >= 3
        stuck[stuck] = ~_sound(stack, point, stuck)
        done = arrived & observed
        done[done] = _sound(stack, point, done)
        if done.any():
            found.append(
                StackOptimum(
                    at[done], stack.take(done), point.take(done), d.take(done),
                    np.ascontiguousarray(W[:, :, done].transpose(2, 0, 1)), evaluations[done], decrement[done],
                )
            )  # fmt: skip
        keep = np.isfinite(decrement) & ~arrived & ~stuck
        stack, at, point = stack.take(keep), at[keep], point.take(keep)
        evaluations, before, slow = evaluations[keep], decrement[keep], slow[keep]
        if not len(at):
            break
        point, keep, tried = _line_search(stack, point, step[:, keep], before)
        evaluations = evaluations + tried
    return found


def _steps(stack: Stack, point: StackPoint, d: StackDerivatives) -> tuple[Floats, Floats, Floats, Bools]:
    """Each set's step, with the inverse of the information that it is from.

    Returns:
        The inverse (K, K, C), the step (K, C), the decrement (C,), NaN where there is no step, and whether the
        information is the observed one (C,).
    """
    C, m = point.L.shape[:2]
    flat = d.gradient.reshape(C, m * m)
    g = (flat @ pairs(m)[2]).T
    information = d.information - (flat @ _bend(m)).reshape(d.information.shape)
    with np.errstate(all="ignore"):
        inverse, pivots = inverses(np.ascontiguousarray(information.transpose(1, 2, 0)))
        observed = np.asarray((pivots > 0).all(axis=0))
        other = ~observed
        if other.any():
            information[other] = expected_information(stack.take(other), point.take(other), d.take(other))
            inverse[:, :, other], pivots[:, other] = inverses(
                np.ascontiguousarray(information[other].transpose(1, 2, 0))
            )
        step = (inverse * g).sum(axis=1)
        decrement = (g * step).sum(axis=0)
        diagonal = np.einsum("caa->ac", information)
        endless = (decrement < ROUNDING) & (np.abs(step).max(axis=0) > LONG_STEP)
        decrement[~(pivots > IDENTIFIED * diagonal).all(axis=0) | endless] = np.nan
    return inverse, step, decrement, observed


def _line_search(
    stack: Stack, point: StackPoint, step: Floats, decrement: Floats
) -> tuple[StackPoint, Bools, Ints]:
    """The points after the steps, halved where needed; whether the likelihood rose; how many points were tried."""
    fraction = 1.0
    moved = evaluate_stack(stack, _moved(point.L, step))
    rose = _rises(point, moved, decrement, fraction)
    tried = np.ones(len(rose), dtype=np.intp)
    for _ in range(MOST_HALVINGS):
        if rose.all():
            break
        left, fraction = ~rose, fraction / 2
        again = evaluate_stack(stack.take(left), _moved(point.L[left], fraction * step[:, left]))
        moved.put(left, again)
        rose[left] = _rises(point.take(left), again, decrement[left], fraction)
        tried[left] += 1
    return moved, rose, tried


def _rises(point: StackPoint, moved: StackPoint, decrement: Floats, fraction: float) -> Bools:
    """Armijo's rule, as in `newton`."""
    least = point.loglik + 1e-4 * fraction * decrement - 1e-12 * np.abs(point.loglik)
    return np.asarray(moved.sound & ((decrement < 1e-6) | (moved.loglik >= least)))


def _moved(L: Floats, step: Floats) -> Floats:
    """Square roots of L exp(T) L', T from the step (K, C), taken and limited as in `newton`."""
    C, m = L.shape[:2]
    T = np.ascontiguousarray((pairs(m)[2] @ step).T).reshape(C, m, m)
    change = np.eye(m) + 0.5 * T + 0.125 * (T @ T)
    long = (step * step).sum(axis=0) >= SHORT_STEP**2
    if long.any():
        values, vectors = np.linalg.eigh(T[long])
        longest = np.abs(values).max(axis=1)
        values = values * (LONGEST_STEP / np.maximum(longest, LONGEST_STEP))[:, None]
        change[long] = vectors * np.exp(values / 2)[:, None, :]
    return np.asarray(L @ change)


def _roots(sigma: Floats) -> Floats:
    """Matrices L with L L' = sigma: any will do, as Newton's steps do not depend on which."""
    sd, R = correlations(sigma)
    R[~np.isfinite(R).all(axis=(1, 2))] = 0.0  # no covariance: not definite, and given up
    values, vectors = np.linalg.eigh(R)
    return np.asarray(sd[:, :, None] * vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])


@lru_cache(maxsize=16)
def _bend(m: int) -> Floats:
    """From a gradient G (m * m,) to <G, (E_a E_b + E_b E_a) / 2>, the curvature of the chart: shape (m * m, K * K)."""
    E = pairs(m)[2].T.reshape(-1, m, m)
    products = np.einsum("aij,bjk->ikab", E, E)
    return np.asarray(((products + products.transpose(0, 1, 3, 2)) / 2).reshape(m * m, -1))


def _sound(stack: Stack, point: StackPoint, chosen: Bools) -> Bools:
    """Which of the chosen sets have a covariance far from a singular one, shape (chosen,)."""
    sigma = point.sigma[chosen]
    sd, R = correlations(sigma)
    smallest = np.linalg.eigvalsh(R)[:, 0]
    squares = np.einsum("jjcp->cj", stack.yy[:, :, chosen])
    counts = np.einsum("jjcp,cp->cj", stack.mask[:, :, chosen], stack.n[chosen])
    return np.asarray((smallest > SOUND) & (sd**2 * counts > VANISHED * squares).all(axis=1))


def starting_stack(stack: Stack) -> Floats:
    """A covariance for each data set, shape (C, m, m): the start of `start`, visit by visit on the visits before it."""
    C, m = len(stack.n), len(stack.yy)
    seen = np.einsum("jjcp->jcp", stack.mask) > 0
    through = np.logical_and.accumulate(seen, axis=0).astype(np.float64)
    counts = np.einsum("jcp,cp->jc", through, stack.n)
    S = through.transpose(1, 0, 2) @ by_set(stack.yy).transpose(0, 2, 1)  # (C, j, m * m)
    S = np.ascontiguousarray(S.reshape(C, m, m, m).transpose(1, 2, 3, 0))
    sigma = np.empty((m, m, C))
    ordinary = counts[-1] >= m + 2
    with np.errstate(all="ignore"):
        sigma[0, 0] = S[0, 0, 0] / counts[0]
        for j in range(1, m):
            inverse, pivots = inverses(S[j, :j, :j])
            slope = (inverse * S[j, :j, j]).sum(axis=1)
            left = (S[j, j, j] - (slope * S[j, :j, j]).sum(axis=0)) / counts[j]
            sigma[j, :j] = sigma[:j, j] = (sigma[:j, :j] * slope).sum(axis=1)
            sigma[j, j] = left + (slope * sigma[:j, j]).sum(axis=0)
            ordinary &= (pivots > 0).all(axis=0) & (left > 1e-13 * sigma[j, j])
        scale = stack.n_observations / (stack.n_observations - (stack.columns.rank if stack.reml else 0))
        out = _em_step(stack, np.ascontiguousarray((sigma * scale).transpose(2, 0, 1)), scale)
        for c in np.flatnonzero(~ordinary):
            out[c] = starting_covariance(_moments(stack, int(c)), stack.reml)[0]
    return out


def _em_step(stack: Stack, sigma: Floats, scale: Floats) -> Floats:
    """The step of `start`, for all sets; where it fails, sigma as it was."""
    n = stack.n[:, :, None, None]
    mask, pad, yy = (part.transpose(2, 3, 0, 1) for part in (stack.mask, stack.pad, stack.yy))
    covariances = sigma[:, None] * mask + pad
    inverse, _ = inverses(
        np.ascontiguousarray(covariances.transpose(2, 3, 0, 1)).reshape(*sigma.shape[1:], -1)
    )
    W = np.ascontiguousarray(inverse.reshape(*sigma.shape[1:], *mask.shape[:2]).transpose(2, 3, 0, 1)) * mask
    D = (W @ (scale[:, None, None, None] * yy) @ W - n * W).sum(axis=1)
    step = sigma @ D @ sigma / stack.n.sum(axis=1)[:, None, None]
    moved = sigma + 0.5 * (step + step.transpose(0, 2, 1))
    kept = np.asarray((inverses(np.ascontiguousarray(moved.transpose(1, 2, 0)))[1] > 0).all(axis=0))
    return np.where(kept[:, None, None], moved, sigma)


def _moments(stack: Stack, c: int) -> Moments:
    """One data set's moments of outcomes, as `start` takes them."""
    seen = np.einsum("jjp->pj", stack.mask[:, :, c])
    m, d, r = stack.columns.X.shape
    yy = np.ascontiguousarray(stack.yy[:, :, c].transpose(2, 0, 1))
    uy = np.zeros((len(seen), d, m))
    return Moments.structured(
        seen, np.zeros(len(seen), dtype=np.intp), 1, stack.n[c], stack.uu[c], uy, yy, stack.columns.X.reshape(m * d, r),
        int(stack.n_observations[c]), log_det_scale=0.0, log_weights=0.0,
    )  # fmt: skip

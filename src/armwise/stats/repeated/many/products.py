"""Cross-products of many data sets of one design at once: a stack of them, one chunk of data sets at a time.

A data set's patterns of observed visits stand in slots; sets with fewer patterns than the chunk's largest number leave
slots empty, with no subjects and sums of zero, which add nothing to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, moved
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: With more subjects than this, each data set is passed over alone, as its own products of matrices are large enough.
LONG = 4096
#: Numbers in the largest array of one pass over rows, about what a core's cache and a bit more hold.
PASS = 2_000_000


@dataclass(frozen=True, eq=False)
class ProductStack:
    """Cross-products of C data sets, each with at most P patterns; d covariates and m visits.

    Attributes:
        observed: shape (C, P, m), which visits the pattern in a slot observed; none in an empty slot.
        n: shape (C, P), subjects.
        uu: shape (C, P, d (d + 1) / 2), lower triangle of the sums of u u'.
        uy: shape (C, P, m * d), sums of y_j u.
        yy: shape (C, P, m (m + 1) / 2), lower triangle of the sums of y y'.
        y_centre: shape (C, m), where each set's outcomes are measured from; the covariates' centre is common to all.
    """

    observed: Bools
    n: Floats
    uu: Floats
    uy: Floats
    yy: Floats
    y_centre: Floats


@dataclass(frozen=True, eq=False)
class DataSets:
    """Data sets of one design, in a form from which a chunk's cross-products or one set's are made when needed.

    Attributes:
        count: S, the number of data sets.
        u_centre: shape (d,), near the covariates' means over all sets.
        gram: shape (d, d), sum of u u' from there over many subjects: what a covariate's size is.
        subjects: how many those were.
        stack: makes the cross-products of a slice of data sets.
        one: the rows of one data set, or its cross-products where there are no rows.
    """

    count: int
    u_centre: Floats
    gram: Floats
    subjects: int
    stack: Callable[[slice], ProductStack]
    one: Callable[[int], Wide | CrossProducts]


def data_sets(y: Floats, u: Floats, design: Design) -> DataSets:
    """Data sets from rows.

    Args:
        y: shape (S, N, m), NaN where not observed.
        u: shape (N, d), or (S, N, d) when each set has covariates of its own; the first is 1.
        design: of all sets.

    Raises:
        UsageError: shapes that do not fit, numbers that are not finite.
    """
    d, m = len(design.covariates), len(design.visits)
    if y.ndim != 3 or y.shape[2] != m or not y.size:
        raise UsageError(f"y has shape {y.shape}; expected data sets x subjects x {m} visits")
    if u.shape not in (full := ((y.shape[1], d), (*y.shape[:2], d))):
        raise UsageError(
            f"u has shape {u.shape}; expected {full[0]}, or {full[1]} for covariates of each data set"
        )
    _refuse(y, u)
    flat = u.reshape(-1, d)
    centre, gram = _centre_and_gram(flat)
    centred = u - centre

    def stack(part: slice) -> ProductStack:
        if y.shape[1] > LONG:
            return _stacked_products([cross_products(one(s)) for s in range(*part.indices(len(y)))], centre)
        size = max(1, PASS // (y.shape[1] * (m + d) * (m + d + 1) // 2))
        starts = range(*part.indices(len(y)))[::size]
        pieces = [slice(s, min(s + size, part.indices(len(y))[1])) for s in starts]
        return _joined([_stacked_rows(y[p], centred if u.ndim == 2 else centred[p]) for p in pieces])

    def one(s: int) -> Wide:
        return Wide(design.visits, design.covariates, y[s], u if u.ndim == 2 else u[s])

    return DataSets(len(y), centre, gram, len(flat), stack, one)


def resampled(y: Floats, u: Floats, counts: NDArray[np.integer], design: Design) -> DataSets:
    """Data sets that hold each subject of one data set so many times, without making copies of rows.

    Args:
        y, u: shapes (N, m) and (N, d), of the one data set.
        counts: shape (S, N), how often each data set holds each subject.
        design: of all sets.

    Raises:
        UsageError: shapes that do not fit, counts that are not whole numbers from 0 on, numbers that are not finite.
    """
    d, m = len(design.covariates), len(design.visits)
    if y.ndim != 2 or y.shape[1] != m or u.shape != (len(y), d):
        raise UsageError(
            f"y and u have shapes {y.shape} and {u.shape}; with counts, expected those of one data set, "
            f"subjects x {m} visits and subjects x {d} covariates"
        )
    if counts.ndim != 2 or counts.shape[1] != len(y) or not np.issubdtype(counts.dtype, np.integer):
        raise UsageError(
            f"counts have shape {counts.shape} and type {counts.dtype}; expected integers, S x {len(y)}"
        )
    if counts.size and counts.min() < 0:
        raise UsageError(
            f"counts go down to {counts.min()}; expected how often a subject is taken: 0, 1, 2 ..."
        )
    _refuse(y, u)
    centre, gram = _centre_and_gram(u)
    seen = ~np.isnan(y)
    y_centre = np.where(seen, y, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    centred, outcome = u - centre, np.where(seen, y - y_centre, 0.0)
    products = _outer(outcome.T, centred)  # (N, K)
    patterns, at = np.unique(seen[seen.any(axis=1)], axis=0, return_inverse=True)
    of = [np.flatnonzero(seen.any(axis=1))[at.ravel() == p] for p in range(len(patterns))]

    def stack(part: slice) -> ProductStack:
        chosen = counts[part]
        C, P = len(chosen), len(patterns)
        n, sums = np.empty((C, P)), np.empty((C, P, products.shape[1]))
        for p, who in enumerate(of):
            times = chosen[:, who].astype(np.float64)
            n[:, p] = times.sum(axis=1)
            sums[:, p] = times @ products[who]
        observed = patterns & (n > 0)[:, :, None]
        return ProductStack(observed, n, *_split(sums, d, m), np.broadcast_to(y_centre, (C, m)))

    def one(s: int) -> Wide:
        rows = np.repeat(np.arange(len(y)), counts[s])
        return Wide(design.visits, design.covariates, y[rows], u[rows])

    return DataSets(len(counts), centre, gram, len(u), stack, one)


def summed(products: Sequence[CrossProducts], design: Design) -> DataSets:
    """Data sets of which there are cross-products only.

    Raises:
        UsageError: other visits or covariates than the design's, several groups, precision weights.
    """
    for s, p in enumerate(products):
        if (p.visits, p.covariates) != (design.visits, design.covariates):
            raise UsageError(
                f"data set {s}: cross-products of {p.visits} and {p.covariates}; expected the design's"
            )
        if len(p.groups) != 1 or p.weighted:
            raise UsageError(
                f"data set {s}: covariance groups or precision weights; fit such data sets one by one"
            )
    d = len(design.covariates)
    subjects = sum(p.n_subjects for p in products)
    total = reduce(np.add, [p.uu[:, 0].sum(axis=0) + p.n.sum() * p.u_centre for p in products], np.zeros(d))
    centre = total / max(subjects, 1)
    centre[0] = 0.0
    alike = [moved(p, centre, p.y_centre) for p in products]
    gram = reduce(np.add, [p.uu.sum(axis=0) for p in alike], np.zeros((d, d)))
    return DataSets(
        len(products),
        centre,
        gram,
        subjects,
        lambda part: _stacked_products(alike[part], centre),
        lambda s: products[s],
    )


def _stacked_products(products: Sequence[CrossProducts], u_centre: Floats) -> ProductStack:
    """Of cross-products of single data sets."""
    d, m = len(products[0].covariates), len(products[0].visits)
    (a, b), (j, k) = np.tril_indices(d), np.tril_indices(m)
    C, P = len(products), max(len(p.n) for p in products)
    observed, n = np.zeros((C, P, m), dtype=bool), np.zeros((C, P))
    sums = np.zeros((C, P, len(a) + m * d + len(j)))
    for s, found in enumerate(products):
        p, own = moved(found, u_centre, found.y_centre), slice(0, len(found.n))
        observed[s, own], n[s, own] = p.observed, p.n
        uy = (p.uy * p.observed[:, None, :]).transpose(0, 2, 1).reshape(-1, m * d)
        sums[s, own] = np.concatenate([p.uu[:, a, b], uy, p.yy[:, j, k]], axis=1)
    return ProductStack(observed, n, *_split(sums, d, m), np.array([p.y_centre for p in products]))


def _stacked_rows(y: Floats, u: Floats) -> ProductStack:
    """Of rows y (C, N, m) and centred covariates u (N, d) or (C, N, d)."""
    C, N, m = y.shape
    d = u.shape[-1]
    outcome = np.ascontiguousarray(y.transpose(2, 0, 1))  # (m, C, N)
    seen = outcome == outcome  # not NaN
    centre = np.where(seen, outcome, 0.0).sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
    outcome = np.where(seen, outcome - centre[:, :, None], 0.0)
    kind = np.uint8 if m <= 8 else np.uint16 if m <= 16 else np.int64
    code = seen[0].astype(kind)
    for j in range(1, m):
        code |= seen[j].astype(kind) << kind(j)
    order = np.argsort(code, axis=1, kind="stable")
    code = np.take_along_axis(code, order, axis=1)
    slot = np.zeros((C, N), dtype=np.intp)
    np.cumsum(code[:, 1:] != code[:, :-1], axis=1, out=slot[:, 1:])
    P = int(slot[:, -1].max()) + 1
    member, sets = np.zeros((C, P, N)), np.arange(C)[:, None]
    member[sets, slot, order] = code != 0
    codes = np.zeros((C, P), dtype=np.int64)
    codes[sets, slot] = code
    if u.ndim == 2:  # the covariates' own products are the same in all sets
        a, b = np.tril_indices(d)
        shared = (member.reshape(C * P, N) @ (u[:, a] * u[:, b])).reshape(C, P, -1)
        sums = np.concatenate([shared, member @ _outer(outcome, u, False)], axis=2)
    else:
        sums = member @ _outer(outcome, u)
    observed = (codes[:, :, None] >> np.arange(m)) & 1 == 1
    return ProductStack(observed, member.sum(axis=2), *_split(sums, d, m), np.ascontiguousarray(centre.T))


def _outer(y: Floats, u: Floats, covariates: bool = True) -> Floats:
    """Each row's products of covariates, of outcomes with covariates, of outcomes: shape (.., N, K), K varying slowest.

    Args:
        y: shape (m, .., N).
        u: shape (N, d) or (.., N, d).
        covariates: False leaves out the products of covariates.
    """
    v = np.ascontiguousarray(np.moveaxis(u, -1, 0))
    d, m = len(v), len(y)
    v = v.reshape(d, *[1] * (y.ndim - v.ndim), *v.shape[1:])
    first = d * (d + 1) // 2 if covariates else 0
    out = np.empty((first + m * d + m * (m + 1) // 2, *y.shape[1:]))
    at = 0
    if covariates:
        for a in range(d):
            np.multiply(v[a], v[: a + 1], out=out[at : at + a + 1])
            at += a + 1
    for j in range(m):
        np.multiply(y[j], v, out=out[at : at + d])
        at += d
    for j in range(m):
        np.multiply(y[j], y[: j + 1], out=out[at : at + j + 1])
        at += j + 1
    return np.moveaxis(out, 0, -1)


def _split(sums: Floats, d: int, m: int) -> tuple[Floats, Floats, Floats]:
    first, second = d * (d + 1) // 2, d * (d + 1) // 2 + m * d
    return sums[..., :first], sums[..., first:second], sums[..., second:]


def _joined(stacks: list[ProductStack]) -> ProductStack:
    """One after the other, with as many slots as the one with the most has."""
    if len(stacks) == 1:
        return stacks[0]
    P = max(s.n.shape[1] for s in stacks)

    def padded(name: str) -> NDArray[np.generic]:
        parts = [getattr(s, name) for s in stacks]
        return np.concatenate(
            [np.pad(p, [(0, 0), (0, P - p.shape[1])] + [(0, 0)] * (p.ndim - 2)) for p in parts]
        )

    fields = {name: padded(name) for name in ("observed", "n", "uu", "uy", "yy")}
    return ProductStack(y_centre=np.concatenate([s.y_centre for s in stacks]), **fields)  # type: ignore[arg-type]


def _centre_and_gram(u: Floats) -> tuple[Floats, Floats]:
    centre = u.mean(axis=0)
    centre[0] = 0.0
    centred = u - centre
    return centre, np.asarray(centred.T @ centred)


def _refuse(y: Floats, u: Floats) -> None:
    """Names the data set whose numbers are not finite."""
    if not np.isfinite(u.sum()) and not np.isfinite(u).all():
        where = np.argwhere(~np.isfinite(u))[0].tolist()
        raise UsageError(
            f"u{where} is {u[tuple(where)]}; expected finite covariates: leave such subjects out, and count them"
        )
    if np.isinf(y).any():
        where = np.argwhere(np.isinf(y))[0].tolist()
        raise UsageError(f"y{where} is infinite; expected a number, or NaN where a visit was not observed")

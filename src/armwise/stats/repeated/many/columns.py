"""The columns of the model matrix of many data sets, and how their normal equations are made of sums over patterns.

The design's own columns are kept, as sparse as they are, so that an entry of X'V^-1 X is the sum of a few moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, kron, vstack

from armwise.stats.repeated.basis import orthonormal
from armwise.stats.repeated.cross_products import CrossProducts
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.likelihood import pairs
from armwise.stats.repeated.many.products import DataSets

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: The sparse columns are used when no eigenvalue of their correlations, all visits observed, is below this.
WELL_CONDITIONED = 1e-3


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of the model matrix, common to all data sets, as functions of centred covariates.

    Attributes:
        X: shape (m, d, r): columns that span what the design's do, of a length near the root of the number of subjects.
        back: shape (r, r): coefficients of the design's columns `kept` = back @ those of X.
        kept: which of the q columns are not aliased, shape (r,).
        aliasing: shape (r, q - r): the others as combinations of those.
        log_det_scale: 2 log |det back^-1|.
    """

    X: Floats
    back: Floats
    kept: Ints
    aliasing: Floats
    log_det_scale: float

    @property
    def rank(self) -> int:
        """Columns that are not aliased."""
        return len(self.kept)

    @cached_property
    def both(self) -> csr_array:
        """From sums over patterns of a matrix over visits times moments, to X'V^-1 X and X'V^-1 y.

        Rows are the r * r entries of the one and the r of the other; columns are [pair of visits, moments of covariates
        and of covariates with outcomes].
        """
        m, d, r = self.X.shape
        X = [csr_array(x) for x in self.X]
        twice = csr_array(pairs(d)[2])
        blocks = []
        for j, k in zip(*np.tril_indices(m), strict=True):
            products = (
                kron(X[j], X[k], "csr") if j == k else kron(X[j], X[k], "csr") + kron(X[k], X[j], "csr")
            )
            with_y = np.zeros((r, m, d))
            with_y[:, k] = self.X[j].T
            with_y[:, j] = self.X[k].T
            zero = csr_array((r * r, m * d))
            right = np.concatenate([np.zeros((r, twice.shape[1])), with_y.reshape(r, m * d)], axis=1)
            top = hstack([products.T @ twice, zero], format="csr")
            blocks.append(vstack([top, csr_array(right)], format="csr"))
        found = csr_array(hstack(blocks, format="csr"))
        found.eliminate_zeros()
        return found

    @cached_property
    def covariates(self) -> csr_array:
        """The part of `both` that gives X'V^-1 X from moments of covariates."""
        m, d, r = self.X.shape
        width = d * (d + 1) // 2
        chosen = (np.arange(m * (m + 1) // 2)[:, None] * (width + m * d) + np.arange(width)).ravel()
        return csr_array(self.both[: r * r][:, chosen])

    @cached_property
    def hat(self) -> csr_array:
        """From Phi to the matrices that moments of covariates are multiplied with: X Phi X', by pair of visits."""
        m, d, _ = self.X.shape
        j, k = np.tril_indices(m)
        rows = np.repeat(np.where(j == k, 1.0, 0.5), d * (d + 1) // 2)
        return csr_array(self.covariates.T.multiply(rows[:, None]))


def columns(data: DataSets, design: Design) -> Columns:
    """Columns for all data sets: the design's own, without what centring adds, or else orthonormal ones.

    Raises:
        FitError: there are too few subjects for the number of columns.
    """
    m, d = len(design.visits), len(design.covariates)
    whole = CrossProducts(
        design.visits, design.covariates, ("",), np.ones((1, m), dtype=bool), np.zeros(1, dtype=np.intp),
        np.array([float(data.subjects)]), data.gram[None], np.zeros((1, d, m)), np.eye(m)[None], data.u_centre,
        np.zeros(m),
    )  # fmt: skip
    moments, basis = orthonormal(whole, design)
    root = np.sqrt(data.subjects)
    X, r = basis.X * root, len(basis.kept)
    dense = Columns(
        X, basis.Ri * root, basis.kept, basis.aliasing, moments.log_det_scale - 2 * r * float(np.log(root))
    )
    own = design.B[:, :, basis.kept]
    gram = np.einsum("jas,ab,jbt->st", own, data.gram / data.subjects, own)
    size = np.sqrt(np.diag(gram))
    if not np.all(size > 0):
        return dense
    own, gram = own / size, gram / np.outer(size, size)
    # The design's columns of covariates that were not centred, as combinations of the same of centred ones: only
    # possible when a visit's constant is among them.
    true = design.B[:, :, basis.kept].copy()
    true[:, 0, :] += np.tensordot(data.u_centre, design.B[:, :, basis.kept], axes=(0, 1))
    flat = true.reshape(m * d, r)
    G = np.linalg.lstsq(own.reshape(m * d, r), flat, rcond=None)[0]
    left = np.abs(own.reshape(m * d, r) @ G - flat).max(axis=0)
    if (left > 1e-13 * np.abs(flat).max(axis=0)).any() or np.linalg.eigvalsh(gram)[0] < WELL_CONDITIONED:
        return dense
    return Columns(own, np.linalg.inv(G), basis.kept, basis.aliasing, 2 * float(np.linalg.slogdet(G)[1]))

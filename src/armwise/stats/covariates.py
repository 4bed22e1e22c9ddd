"""Covariates as columns of a design matrix: treatment contrasts, aliasing, estimability.

Shared by the analysis of covariance and the propensity model, so that both see the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from armwise.errors import UsageError
from armwise.stats.samples import Floats, is_numeric, labels, sample

ALIAS_TOLERANCE = 1e-7
"""A column is aliased when the columns before it leave less than this share of its length (R's lm)."""


@dataclass(frozen=True, slots=True)
class Covariate:
    """One covariate as columns.

    Attributes:
        name: the covariate.
        levels: its categories, sorted; empty when it is numeric.
        columns: names of its columns: the covariate, or "covariate[level]" for all levels but the first.
        X: the columns, shape (n, len(columns)).
    """

    name: str
    levels: tuple[str, ...]
    columns: tuple[str, ...]
    X: Floats

    def equal_weights(self) -> Floats:
        """The row of a typical subject: a numeric covariate at its mean, every category weighted equally."""
        if not self.levels:
            return self.observed_weights()
        return np.full(len(self.columns), 1 / len(self.levels))

    def observed_weights(self) -> Floats:
        """The row of the average subject: means, and categories as often as they were observed."""
        return np.asarray(self.X.mean(axis=0))


def covariate(name: str, values: ArrayLike) -> Covariate:
    """One covariate: numbers as they are, anything else (text, booleans) as treatment contrasts.

    Raises:
        UsageError: missing values or no values.
    """
    raw = np.asarray(values)
    if is_numeric(raw):
        x = sample(raw, f"covariate {name}")
        return Covariate(name, (), (name,), x[:, None])
    text = labels(raw, f"covariate {name}")
    levels = tuple(sorted(set(text.tolist())))
    columns = tuple(f"{name}[{level}]" for level in levels[1:])
    X = np.zeros((len(text), len(columns)))
    for j, level in enumerate(levels[1:]):
        X[:, j] = text == level
    return Covariate(name, levels, columns, X)


def covariates_of(X: ArrayLike | Mapping[str, ArrayLike]) -> tuple[Covariate, ...]:
    """Covariates from a mapping name -> values, or from a numeric matrix (columns named x1, x2 ...).

    Raises:
        UsageError: missing values, or a matrix that is not two-dimensional.
    """
    if isinstance(X, Mapping):
        return tuple(covariate(name, values) for name, values in X.items())
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2:
        raise UsageError(f"X has shape {matrix.shape}; expected one row a subject, one column a covariate")
    return tuple(covariate(f"x{j + 1}", matrix[:, j]) for j in range(matrix.shape[1]))


def independent_columns(X: Floats) -> list[int]:
    """Columns that add something to those before them, in order; the others are aliased, as in R's lm.

    Parameters:
        X: design matrix, shape (n, q).

    Returns:
        Indices of the columns to keep.
    """
    Q = np.empty((X.shape[0], 0))
    kept: list[int] = []
    for j in range(X.shape[1]):
        x = X[:, j]
        length = float(np.linalg.norm(x))
        residual = x - Q @ (Q.T @ x)
        residual = residual - Q @ (Q.T @ residual)  # twice is enough to be orthogonal in floats
        remaining = float(np.linalg.norm(residual))
        if length == 0 or remaining < ALIAS_TOLERANCE * length:
            continue
        kept.append(j)
        Q = np.column_stack([Q, residual / remaining])
    return kept


def estimable(X: Floats, L: Floats) -> bool:
    """Whether L'beta has one value whatever solution is taken: whether L lies in the row space of X.

    An aliased column makes some combinations of coefficients arbitrary: with a site that treated only one
    arm, for example, the difference between arms itself.

    Parameters:
        X: the whole design matrix, aliased columns included, shape (n, q).
        L: weights of the coefficients, shape (q,).
    """
    scale = np.linalg.norm(X, axis=0)
    scale[scale == 0] = 1.0
    _, s, Vt = np.linalg.svd(X / scale, full_matrices=True)
    rank = int(np.count_nonzero(s > ALIAS_TOLERANCE * s[0]))
    weights = L / scale
    null_part = Vt[rank:] @ weights
    return bool(np.linalg.norm(null_part) <= 1e-6 * np.linalg.norm(weights))

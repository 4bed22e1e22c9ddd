"""The data of a model for repeated measures as sums: moments of (covariates, outcomes) by pattern of observed visits.

Everything that is model-based (likelihood, estimates, Satterthwaite, Kenward-Roger) depends on the rows only through
these sums (see docs/mmrm.md). They are made in one pass, and they add up: over chunks, files, machines and sites.

Rounding is kept small by a frame: each covariate and each visit's outcome is measured from a centre near its mean, so
that a mean a million times the SD costs no digits. A centre is only an origin; sums with other centres are moved to
a common one, exactly up to rounding, when they are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: Subjects in one product: small enough for the cache, and fixed, so that the same rows give the same bits.
CHUNK = 3072
#: Rows that the centres are taken from.
PILOT = 1024
#: Visits that a pattern's code has room for, beside the group.
MOST_VISITS = 48


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Sums over subjects by pattern: a pattern is a covariance group and the visits that were observed.

    With D = d covariates (m * d with precision weights, whose square roots multiply a subject's row at each visit):

    Attributes:
        visits, covariates, groups: names; the first covariate is `1`.
        units: of the outcome and of each covariate; sums in other units do not add. Empty when not said.
        observed: shape (P, m), which visits a pattern observed.
        group: shape (P,), its covariance group.
        n: shape (P,), its number of subjects.
        uu, uy, yy: shapes (P, D, D), (P, D, m), (P, m, m): sums of u u', u y', y y', measured from the centres;
            unobserved outcomes are 0.
        u_centre, y_centre: shapes (d,) and (m,).
        log_weights: shape (P,), sum of the logarithms of the weights; None without weights.
        n_empty: subjects without any observed visit, who carry no information.
        n_withheld: subjects in patterns that were withheld.
    """

    visits: tuple[str, ...]
    covariates: tuple[str, ...]
    groups: tuple[str, ...]
    observed: Bools
    group: Ints
    n: Floats
    uu: Floats
    uy: Floats
    yy: Floats
    u_centre: Floats
    y_centre: Floats
    log_weights: Floats | None = None
    units: tuple[str, ...] = ()
    n_empty: int = 0
    n_withheld: int = 0

    @property
    def weighted(self) -> bool:
        """Whether the rows carried precision weights."""
        return self.log_weights is not None

    @property
    def constants(self) -> Ints:
        """Where the covariate `1` of each visit stands among the D, shape (m,)."""
        d = len(self.covariates)
        return np.arange(len(self.visits)) * (d if self.weighted else 0)

    @property
    def codes(self) -> Ints:
        """A pattern as one number, as `rows_by_pattern` gives it: shape (P,)."""
        return np.asarray(pattern_codes(self.observed, self.group), dtype=np.intp)

    @property
    def n_subjects(self) -> int:
        """Subjects with at least one observed visit."""
        return int(self.n.sum())

    @property
    def n_observations(self) -> int:
        """Observed outcomes."""
        return int(self.n @ self.observed.sum(axis=1))

    def __add__(self, other: CrossProducts) -> CrossProducts:
        """The sums over both sets of subjects, who must be different ones.

        Raises:
            UsageError: other visits, covariates, groups, units or weights; the message says which.
        """
        if not isinstance(other, CrossProducts):
            return NotImplemented
        differ = [
            f"{name}: {getattr(self, name)} and {getattr(other, name)}"
            for name in ("visits", "covariates", "groups", "units", "weighted")
            if getattr(self, name) != getattr(other, name)
        ]
        if differ:
            raise UsageError("cross-products do not belong together: they differ in " + "; ".join(differ))
        # A visit or a covariate that only the other has seen keeps the other's centre, which is near its mean.
        u_centre = np.where(self.u_centre != 0, self.u_centre, other.u_centre)
        y_centre = np.where(self.observed.any(axis=0), self.y_centre, other.y_centre)
        self, other = moved(self, u_centre, y_centre), moved(other, u_centre, y_centre)
        key = np.concatenate([self.codes, other.codes])
        codes, first, at = np.unique(key, return_index=True, return_inverse=True)

        def joined(name: str) -> Floats:
            a, b = getattr(self, name), getattr(other, name)
            total = np.zeros((len(codes), *a.shape[1:]))
            total[at[: len(a)]] = a
            total[at[len(a) :]] += b
            return total

        return replace(
            self,
            observed=np.concatenate([self.observed, other.observed])[first],
            group=np.concatenate([self.group, other.group])[first],
            n=joined("n"),
            uu=joined("uu"),
            uy=joined("uy"),
            yy=joined("yy"),
            log_weights=joined("log_weights") if self.weighted else None,
            n_empty=self.n_empty + other.n_empty,
            n_withheld=self.n_withheld + other.n_withheld,
        )

    def __radd__(self, other: object) -> CrossProducts:
        """So that `sum(...)` of several works, which begins with 0."""
        return self if other == 0 else NotImplemented

    def withhold(self, smallest: int) -> CrossProducts:
        """Without the patterns of fewer than `smallest` subjects: a pattern of one subject is that person's record.

        Those subjects are counted in `n_withheld`; they no longer contribute to any fit.
        """
        keep = self.n >= smallest
        kept = {name: getattr(self, name)[keep] for name in ("observed", "group", "n", "uu", "uy", "yy")}
        logs = self.log_weights[keep] if self.log_weights is not None else None
        return replace(self, **kept, log_weights=logs, n_withheld=self.n_withheld + int(self.n[~keep].sum()))


def cross_products(wide: Wide, *, units: Sequence[str] = ()) -> CrossProducts:
    """One pass over the rows.

    Args:
        wide: one row a subject; covariates finite, outcomes NaN where not observed.
        units: of the outcome and of each covariate except `1`, if they are to be checked when sums are added.

    Raises:
        UsageError: covariates or outcomes that are not finite, weights that are not positive; who is named.
    """
    m = len(wide.visits)
    d = len(wide.covariates)
    if m > MOST_VISITS:
        raise UsageError(f"{m} visits; at most {MOST_VISITS} can be modelled with a covariance by visit")
    if units and len(units) != d:
        raise UsageError(f"{len(units)} units; expected {d}: of the outcome and of each covariate but `1`")
    u_centre, y_centre = _centres(wide)
    D = d if wide.weights is None else m * d
    found: list[tuple[int, Floats, int, float]] = []
    for pattern, z, of in rows_by_pattern(wide, u_centre, y_centre, overwrite=True):
        log = 0.0
        if wide.weights is not None:
            w = wide.weights[of]
            log = float(np.log(w, out=np.zeros_like(w), where=~np.isnan(wide.y[of])).sum())
        found.append((pattern, z.T @ z, len(z), log))
    if len(wide.y) > CHUNK:
        found = _by_code(found)
    empty = [n for code, _, n, _ in found if not code & ((1 << m) - 1)]
    found = [f for f in found if f[0] & ((1 << m) - 1)]
    total = np.array([f[1] for f in found]).reshape(len(found), D + m, D + m)
    codes = np.array([f[0] for f in found], dtype=np.int64)
    if not np.isfinite(np.add.reduce(total, axis=None)):
        _refuse(wide)
    return CrossProducts(
        visits=wide.visits,
        covariates=wide.covariates,
        groups=wide.groups,
        observed=(codes[:, None] >> np.arange(m)) & 1 == 1,
        group=codes >> m,
        n=np.array([f[2] for f in found], dtype=np.float64),
        uu=np.ascontiguousarray(total[:, :D, :D]),
        uy=np.ascontiguousarray(total[:, :D, D:]),
        yy=np.ascontiguousarray(total[:, D:, D:]),
        u_centre=u_centre,
        y_centre=y_centre,
        log_weights=None if wide.weights is None else np.array([f[3] for f in found]),
        units=tuple(units),
        n_empty=sum(empty),
    )


def _by_code(found: list[tuple[int, Floats, int, float]]) -> list[tuple[int, Floats, int, float]]:
    """Sums of the chunks, one entry a pattern."""
    sums: dict[int, tuple[int, Floats, int, float]] = {}
    for code, moments, n, log in found:
        if code in sums:
            before = sums[code]
            moments += before[1]
            sums[code] = code, moments, n + before[2], log + before[3]
        else:
            sums[code] = code, moments, n, log
    return [sums[code] for code in sorted(sums)]


def rows_by_pattern(
    wide: Wide, u_centre: Floats, y_centre: Floats, overwrite: bool = False
) -> Iterator[tuple[int, Floats, Ints]]:
    """A pass over the rows in chunks, sorted by pattern within each.

    Args:
        wide: the rows.
        u_centre, y_centre: shapes (d,) and (m,), subtracted.
        overwrite: whether what was yielded may be overwritten later, so that no memory is asked for again and again.

    Yields:
        The pattern's code (bit j: visit j observed; the group above the visits); rows (n, D + m) of covariates and
        outcomes from their centres, times the roots of the weights, unobserved outcomes 0; and which subjects they are.
    """
    d = len(wide.covariates)
    # Whole rows of centres: NumPy subtracts two arrays of one shape three times faster than it broadcasts a short row.
    centres = np.tile(np.concatenate([u_centre, y_centre]), (min(len(wide.y), CHUNK), 1))
    joined, ordered = np.empty_like(centres), np.empty_like(centres)
    for start in range(0, len(wide.y), CHUNK):
        part = slice(start, start + CHUNK)
        y = wide.y[part]
        seen = y == y
        z = np.concatenate([wide.u[part], y], axis=1, out=joined[: len(y)])
        with np.errstate(invalid="ignore"):  # infinity less infinity; refused below
            z -= centres[: len(z)]
        missing = z != z
        if missing[:, :d].any():
            _refuse(wide)
        if np.add.reduce(z[:, 0]) != len(z):
            raise UsageError(
                "the first covariate is not 1 for everyone; put the constant first, as the design has it"
            )
        np.copyto(z, 0.0, where=missing)
        if wide.weights is not None:
            z = _weighted(wide, part, seen, z)
        code = pattern_codes(seen, None if wide.group is None else wide.group[part])
        order = np.argsort(code, kind="stable")
        code = code.take(order)
        reused = ordered[: len(z)] if overwrite and wide.weights is None else None
        z = z.take(order, axis=0, out=reused, mode="clip")
        order += start
        begin = 0
        for end in [*(np.flatnonzero(code[1:] != code[:-1]) + 1).tolist(), len(code)]:
            yield int(code[begin]), z[begin:end], order[begin:end]
            begin = end


def moved(products: CrossProducts, u_centre: Floats, y_centre: Floats) -> CrossProducts:
    """The same sums measured from other centres."""
    du, dy = products.u_centre - u_centre, products.y_centre - y_centre
    if not du.any() and not dy.any():
        return products
    constants, d = products.constants, len(products.covariates)
    D = products.uu.shape[1]
    T = np.eye(D)  # u from the new centre = T u from the old one
    for block in set(constants.tolist()):
        T[block : block + d, block] += du
    shift = products.observed * dy  # (P, m): by how much each observed outcome moves
    u1 = products.uu[:, :, constants]  # (P, D, m): sums of u times the `1` of each visit
    uy = products.uy + u1 * shift[:, None, :]
    y1 = products.uy[:, constants, :].transpose(0, 2, 1)  # (P, m, m): y_j times the `1` of visit k
    ones = products.uu[:, constants[:, None], constants[None, :]]
    yy = products.yy + y1 * shift[:, None, :] + (y1 * shift[:, None, :]).transpose(0, 2, 1)
    yy = yy + shift[:, :, None] * ones * shift[:, None, :]
    return replace(
        products, uu=T @ products.uu @ T.T, uy=T @ uy, yy=yy, u_centre=u_centre, y_centre=y_centre
    )  # fmt: skip


def _centres(wide: Wide) -> tuple[Floats, Floats]:
    """Near the means, from the first rows."""
    u, y = wide.u[:PILOT], wide.y[:PILOT]
    u_centre = np.add.reduce(u, axis=0) / max(len(u), 1)
    u_centre[0] = 0.0
    seen = y == y
    y_centre = np.add.reduce(np.where(seen, y, 0.0), axis=0) / np.maximum(np.add.reduce(seen, axis=0), 1)
    if not (np.isfinite(u_centre).all() and np.isfinite(y_centre).all()):
        _refuse(wide)
    return u_centre, y_centre


def _weighted(wide: Wide, part: slice, seen: Bools, z: Floats) -> Floats:
    """Rows times the square roots of their weights: the covariates then differ from visit to visit."""
    assert wide.weights is not None
    w, d, m = wide.weights[part], len(wide.covariates), len(wide.visits)
    if not np.all(w[seen] > 0):
        _refuse(wide)
    root = np.sqrt(np.where(seen, w, 0.0))
    u = (root[:, :, None] * z[:, None, :d]).reshape(len(z), m * d)
    return np.concatenate([u, z[:, d:] * root], axis=1)


def pattern_codes(observed: Bools, group: NDArray[np.integer] | None) -> NDArray[np.integer]:
    """A pattern as one number: bit j says that visit j was observed, the group stands above the visits."""
    m = observed.shape[1]
    kind: Any = np.uint8 if m <= 8 and group is None else np.uint16 if m <= 16 and group is None else np.int64
    code: NDArray[Any] = observed[:, 0].astype(kind)
    for j in range(1, m):
        code |= observed[:, j].astype(kind) << kind(j)
    if group is not None:
        code += group.astype(np.int64) << m
    return code


def _refuse(wide: Wide) -> None:
    """Names what is not finite or not positive."""
    observed = ~np.isnan(wide.y)
    bad = [
        f"covariate {name} of {_who(wide, ~np.isfinite(wide.u[:, k]))}"
        for k, name in enumerate(wide.covariates)
        if not np.isfinite(wide.u[:, k]).all()
    ]
    infinite = observed & ~np.isfinite(wide.y)
    at = list(enumerate(wide.visits))
    bad += [f"the outcome at {v} of {_who(wide, infinite[:, j])}" for j, v in at if infinite[:, j].any()]
    if wide.weights is not None:
        wrong = observed & ~((wide.weights > 0) & np.isfinite(wide.weights))
        bad += [f"the weight at {v} of {_who(wide, wrong[:, j])}" for j, v in at if wrong[:, j].any()]
    what = "expected finite numbers (and positive weights); leave such subjects out, and count them"
    raise UsageError(f"not usable: {'; '.join(bad) or 'sums overflow: choose a larger unit'}; {what}")


def _who(wide: Wide, where: Bools) -> str:
    rows = np.flatnonzero(where)
    labels = [str(wide.subjects[i]) if wide.subjects is not None else f"row {i}" for i in rows[:3]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{', '.join(labels)}{more}"

"""A trial's outcomes as imputation sees them: who, in which arm, what is missing, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.imputation.strategies import Strategy, check_strategy, mean_sources

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Subjects whose gaps are filled by the same arithmetic.

    Attributes:
        subjects: their rows.
        arm: number of their arm.
        strategy: after the event.
        t: visits before the event.
        observed, missing: visits.
        places: shape (n, missing), where their gaps stand in the row-major list of all gaps.
    """

    subjects: Ints
    arm: int
    strategy: Strategy
    t: int
    observed: Ints
    missing: Ints
    places: Ints


@dataclass(frozen=True, eq=False)
class TrialOutcomes:
    """One outcome of a trial at m visits, checked.

    Attributes:
        y: shape (N, m), NaN where missing.
        visits, arms, covariates: names; the first arm is the reference.
        arm: shape (N,), number of the arm.
        x: shape (N, 1 + covariates), the constant and the covariates.
        after: shape (N,), visits before the event: the first visit of the strategy; m when there was no event.
        strategy: shape (N,), of each subject.
        patterns: subjects with gaps, by what is done with them.
    """

    y: Floats
    visits: tuple[str, ...]
    arms: tuple[str, ...]
    covariates: tuple[str, ...]
    arm: Ints
    x: Floats
    after: Ints
    strategy: NDArray[np.str_]
    patterns: tuple[Pattern, ...] = field(repr=False)

    @property
    def missing(self) -> Bools:
        """Shape (N, m)."""
        return np.isnan(self.y)

    @property
    def after_event(self) -> Bools:
        """Shape (N, m): gaps at or after the event, which a delta moves."""
        return np.asarray(self.missing & (np.arange(self.y.shape[1]) >= self.after[:, None]))

    @property
    def used_means(self) -> Bools:
        """Shape (arms, m): whose means at which visits the strategies take from the imputation model."""
        used = np.zeros((len(self.arms), self.y.shape[1]), dtype=bool)
        for p in self.patterns:
            own, other = mean_sources(p.strategy, p.t, self.y.shape[1])
            used[p.arm] |= own
            used[0] |= other
        return used

    @property
    def regressors(self) -> Floats:
        """Shape (N, d): the constant, an indicator of each arm but the reference, the covariates."""
        return regressors(self.arm, len(self.arms), self.x)

    def visit(self, name: str) -> int:
        """Number of a visit."""
        if name not in self.visits:
            raise UsageError(f"visit {name!r}; expected one of {', '.join(self.visits)}")
        return self.visits.index(name)

    def arm_number(self, name: str) -> int:
        """Number of an arm; 0 is the reference."""
        if name not in self.arms:
            raise UsageError(f"arm {name!r}; expected one of {', '.join(self.arms)}")
        return self.arms.index(name)


def regressors(arm: Ints, arms: int, x: Floats) -> Floats:
    """The constant, indicators of arms 1 and on, covariates: shape (N, d)."""
    indicators = arm[:, None] == np.arange(1, arms)
    return np.column_stack([x[:, :1], indicators.astype(np.float64), x[:, 1:]])


def trial_outcomes(
    y: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    visits: Sequence[str] | None = None,
    strategy: str | Sequence[str] = "missing-at-random",
    after: ArrayLike | None = None,
) -> TrialOutcomes:
    """The outcomes, checked; see `impute_outcomes` for the arguments.

    Raises:
        UsageError: everything that is wrong with them, at once.
    """
    outcomes = np.array(y, dtype=np.float64)
    if outcomes.ndim != 2 or not outcomes.size:
        raise UsageError(f"y has shape {outcomes.shape}; expected subjects x visits")
    n, m = outcomes.shape
    names = tuple(str(v) for v in visits) if visits is not None else tuple(f"visit {j + 1}" for j in range(m))
    labels = np.asarray(arm).astype(str)
    chosen = np.full(n, strategy) if isinstance(strategy, str) else np.asarray(list(strategy)).astype(str)
    seen = ~np.isnan(outcomes)
    last = np.where(seen.any(axis=1), m - np.argmax(seen[:, ::-1], axis=1), 0)
    first = last if after is None else np.asarray(after)
    columns = {k: np.asarray(v, dtype=np.float64) for k, v in (covariates or {}).items()}
    wrong = [
        f"{what} has shape {found}; expected ({n},), one for each row of y"
        for what, found in (
            ("arm", labels.shape), ("strategy", chosen.shape), ("after", first.shape),
            *((f"covariate {k}", v.shape) for k, v in columns.items()),
        )
        if found != (n,)
    ]  # fmt: skip
    if wrong:
        raise UsageError("; ".join(wrong))
    _check(outcomes, names, labels, reference, columns, first, last)
    kinds = {s: check_strategy(s) for s in np.unique(chosen).tolist()}
    arms = (reference, *(a for a in dict.fromkeys(labels.tolist()) if a != reference))
    codes = np.array([arms.index(a) for a in labels.tolist()], dtype=np.intp)
    x = np.column_stack([np.ones(n), *columns.values()])
    first = first.astype(np.intp)
    patterns = tuple(_patterns(~seen, codes, chosen, first, kinds))
    no_visit = [p for p in patterns if p.strategy == "last-mean-carried-forward" and p.t == 0]
    if no_visit:
        raise UsageError(
            f"last mean carried forward needs a visit before the event: {sum(len(p.subjects) for p in no_visit)} "
            "subjects have none; give them another strategy (jump-to-reference, missing-at-random)"
        )
    return TrialOutcomes(outcomes, names, arms, tuple(columns), codes, x, first, chosen, patterns)


def _check(
    y: Floats,
    visits: tuple[str, ...],
    labels: NDArray[np.str_],
    reference: str,
    columns: Mapping[str, Floats],
    first: Ints,
    last: Ints,
) -> None:
    m, wrong = y.shape[1], []
    if len(visits) != m or len(set(visits)) < m:
        wrong.append(f"visits are {', '.join(visits)}; expected {m} distinct names, one for each column of y")
    found = sorted(set(labels.tolist()))
    if reference not in found or len(found) < 2:
        wrong.append(
            f"the arms are {', '.join(found)}; expected the reference {reference!r} and at least one other"
        )
    if np.isinf(y).any():
        wrong.append(f"{np.isinf(y).sum()} outcomes are infinite")
    wrong += [
        f"covariate {k} is missing or infinite in {(~np.isfinite(v)).sum()} subjects; impute it first, or leave it out"
        for k, v in columns.items()
        if not np.isfinite(v).all()
    ]
    if not (np.equal(first, np.floor(first)).all() and first.min() >= 0 and first.max() <= m):
        wrong.append(
            f"after runs from {first.min()} to {first.max()}; expected whole numbers of visits, 0 to {m}"
        )
    elif (last > first).any():
        wrong.append(
            f"{(last > first).sum()} subjects have outcomes at or after their event; where these count (treatment "
            f"policy) give them no event (after = {m}), where they do not set them to NaN"
        )
    if wrong:
        raise UsageError("; ".join(wrong))


def _patterns(
    missing: Bools, arm: Ints, strategy: NDArray[np.str_], after: Ints, kinds: Mapping[str, Strategy]
) -> Iterator[Pattern]:
    m = missing.shape[1]
    place = np.full(missing.shape, -1, dtype=np.intp)
    place[missing] = np.arange(missing.sum())
    groups: dict[tuple[int, str, int, bytes], list[int]] = {}
    for i in np.flatnonzero(missing.any(axis=1)).tolist():
        key = (int(arm[i]), str(strategy[i]), int(after[i]), missing[i].tobytes())
        groups.setdefault(key, []).append(i)
    for (a, s, t, mask), rows in sorted(groups.items()):
        gaps = np.frombuffer(mask, dtype=bool)
        where, subjects = np.flatnonzero(gaps), np.array(rows)
        observed = np.setdiff1d(np.arange(m), where)
        yield Pattern(subjects, a, kinds[s], t, observed, where, place[np.ix_(subjects, where)])

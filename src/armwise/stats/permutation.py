"""The difference of two means by permutation of the arms: skewed numbers with many zeros, small arms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import MEAN_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.samples import Floats, sample

#: The method's name in results; whether all arrangements were counted stands in `reason`.
METHOD = "permutation of Welch's t"
PLAIN_METHOD = "permutation of the mean difference"
EXACT_UP_TO = 50_000
"""Up to so many arrangements of the arms all of them are counted; above it, `draws` random ones."""
DRAWS = 9_999
#: Statistics within this share of the observed one count as equal to it: sums in another order differ by rounding.
_TIE = 1e-9
#: Halvings of a limit's place: a limit to 2^-40 of the step that holds it.
_HALVINGS = 40


@dataclass(frozen=True)
class _Arrangements:
    """Arrangements of the arms by their sums over those who come into the arm.

    Attributes:
        sums, squares: of their values and of the squares.
        kept, k: of those among them who were in the arm already: the sum of their values, and how many they are. A
            shift of the arm by `delta` changes the two sums above by what these say, so that p at any shift needs
            no value again.
        complete: whether these are all arrangements.
    """

    sums: Floats
    squares: Floats
    kept: Floats
    k: Floats
    complete: bool


def permuted_mean_difference(
    arm: ArrayLike,
    versus: ArrayLike,
    conf_level: float = 0.95,
    null: float = 0.0,
    *,
    studentised: bool = True,
    draws: int = DRAWS,
    seed: int = 1,
) -> Estimate:
    """The difference of two means (arm minus versus), with the p and the interval of a permutation test.

    p is the share of arrangements of the arms whose |t| is at least the observed one: exact where there are at most
    50,000 arrangements, else (1 + count)/(1 + draws) over random ones, never 0. With Welch's t as the statistic
    the test is exact where both arms have one distribution, and keeps its level in large samples where only
    the means are equal (unequal spread or size); the plain difference does not. The interval holds the shifts
    that the same test, with the same arrangements, does not reject: it excludes `null` when p is at
    most 1 - conf_level.

    The interval takes the one arm to be the other one shifted; with many zeros it is a range of differences that the
    test accepts rather than a shift that anybody had. An arrangement in which no value varies within the arms counts as
    an infinite t where the means differ.

    Parameters:
        arm, versus: values, shapes (n1,) and (n2,), none missing.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, in the unit of the data.
        studentised: Welch's t; False takes the plain difference of means.
        draws: random arrangements where there are too many to count.
        seed: of the random arrangements.

    Returns:
        An Estimate of statistic "mean difference"; `reason` says how many arrangements. Where no shift can be
        rejected at this level the limits are infinite.

    Raises:
        UsageError: missing values, a conf_level outside 0 to 1, or less than 99 draws.

    Source: Janssen 1997, Stat Probab Lett 36:9 (the studentised test); Phipson and Smyth 2010, Stat Appl Genet Mol
        Biol 9:39 (p of random arrangements).

    Example:
        >>> from armwise.stats import permuted_mean_difference
        >>> found = permuted_mean_difference([0, 0, 20, 45], [0, 30, 60, 90, 120])
        >>> round(found.estimate, 2), found.reason
        (-43.75, 'all 126 arrangements of the arms')
    """
    check_conf_level(conf_level)
    if draws < 99:
        raise UsageError(f"draws is {draws}; a p from random arrangements needs 99 or more")
    x, y = sample(arm, "arm"), sample(versus, "versus")
    n1, n2 = int(x.size), int(y.size)
    method = METHOD if studentised else PLAIN_METHOD
    least = 2 if studentised else 1
    if min(n1, n2) < least:
        return Estimate.not_estimable(
            MEAN_DIFFERENCE, method, f"each arm needs {least} values, found {n1} and {n2}", conf_level=conf_level,
            n=n1 + n2, n_arm=n1, n_versus=n2,
        )  # fmt: skip
    # in one order of the values and the arms, so that random arrangements depend on neither
    x, y = np.sort(x), np.sort(y)
    if (n1, x.tolist()) > (n2, y.tolist()):
        return _turned(
            permuted_mean_difference(y, x, conf_level, -null, studentised=studentised, draws=draws, seed=seed)
        )
    centre = float(y.mean())  # sums of squares about it lose fewer digits
    test = _Test(
        _arrangements(np.concatenate([x, y]) - centre, n1, draws, seed), x - centre, y - centre, studentised
    )
    found = test.found
    estimate = float(x.mean() - y.mean())
    lower, upper = (_limit(test, estimate, side, 1 - conf_level) for side in (-1, 1))
    how = f"all {found.k.size:,}" if found.complete else f"{found.k.size:,} random"
    return Estimate(
        estimate, None, None, lower, upper, conf_level, test.p(null), n1 + n2, n1, n2, method, MEAN_DIFFERENCE,
        reason=f"{how} arrangements of the arms" + ("" if found.complete else f", seed {seed}"),
    )  # fmt: skip


def _turned(found: Estimate) -> Estimate:
    """The same comparison with the arms exchanged."""
    assert found.estimate is not None
    assert found.lower is not None
    assert found.upper is not None
    return replace(
        found, estimate=-found.estimate, lower=-found.upper, upper=-found.lower, n_arm=found.n_versus,
        n_versus=found.n_arm,
    )  # fmt: skip


def _arrangements(values: Floats, n1: int, draws: int, seed: int) -> _Arrangements:
    complete = math.comb(values.size, n1) <= EXACT_UP_TO
    blocks = _all(values.size, n1) if complete else _random(values.size, n1, draws, seed)
    parts: list[tuple[Floats, ...]] = []
    for chosen in blocks:
        taken, stays = values[chosen], chosen < n1
        parts.append(
            (
                taken.sum(axis=1),
                (taken**2).sum(axis=1),
                (taken * stays).sum(axis=1),
                stays.sum(axis=1).astype(np.float64),
            )
        )
    sums, squares, kept, k = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Arrangements(sums, squares, kept, k, complete)


def _all(n: int, n1: int) -> Iterator[NDArray[np.int64]]:
    """Every choice of n1 of n places."""
    yield np.array(list(combinations(range(n), n1)), dtype=np.int64)


def _random(n: int, n1: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Random choices, in blocks that keep the memory small."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, 1000):
        block = rng.random((min(1000, draws - start), n))
        yield np.argsort(block, axis=1, kind="stable")[:, :n1].astype(np.int64)


@dataclass(frozen=True)
class _Test:
    """The permutation test of a shift: both arms as they are, and the sums of their arrangements."""

    found: _Arrangements
    x: Floats
    y: Floats
    studentised: bool

    def p(self, delta: float) -> float:
        """p of the hypothesis that the arm is the other one shifted by `delta`."""
        f, shifted = self.found, self.x - delta
        total = float(shifted.sum() + self.y.sum())
        square = float((shifted**2).sum() + (self.y**2).sum())
        own = np.array([shifted.sum()]), np.array([(shifted**2).sum()])
        observed = float(self._statistic(*own, total, square)[0])
        squares = f.squares - 2 * delta * f.kept + delta**2 * f.k
        permuted = self._statistic(f.sums - delta * f.k, squares, total, square)
        reached = int(np.count_nonzero(permuted >= observed * (1 - _TIE)))
        return reached / f.k.size if f.complete else (reached + 1) / (f.k.size + 1)

    def _statistic(self, sums: Floats, squares: Floats, total: float, square: float) -> Floats:
        """|mean difference|, divided by Welch's standard error where the test is studentised."""
        n1, n2 = self.x.size, self.y.size
        m1, m2 = sums / n1, (total - sums) / n2
        gap = np.abs(m1 - m2)
        gap = np.where(gap <= _TIE * math.sqrt(square), 0.0, gap)
        if not self.studentised:
            return np.asarray(gap)
        within1, within2 = squares - n1 * m1**2, square - squares - n2 * m2**2
        least = _TIE * square  # below it the sum of squares about the mean is rounding
        v = np.where(within1 > least, within1, 0.0) / (n1 * (n1 - 1))
        v = v + np.where(within2 > least, within2, 0.0) / (n2 * (n2 - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = gap / np.sqrt(v)
        return np.where(gap == 0, 0.0, t)  # a gap over nothing that varies is infinite


def _limit(test: _Test, estimate: float, side: int, alpha: float) -> float:
    """Where p falls to alpha on one side of the estimate; infinite where no shift is rejected."""
    alpha *= 1 + 1e-9  # 1 - 0.9 is a little below 0.1, and p of 21 arrangements in 210 is 0.1
    spread = float(np.ptp(np.concatenate([test.x, test.y])))
    inside, step = estimate, spread or 1.0
    for _ in range(20):
        outside = estimate + side * step
        if test.p(outside) <= alpha:
            break
        inside, step = outside, 2 * step
    else:
        return side * math.inf
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if test.p(middle) <= alpha:
            outside = middle
        else:
            inside = middle
    return outside

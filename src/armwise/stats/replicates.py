"""Whatever is done many times (bootstrap, imputation, simulated studies) is done here: `replicate`.

Replicate i draws from a generator of its own, made of the seed and i alone. Replicates are computed in blocks of one
fixed size, the last of them filled up, each on one BLAS thread. So the draws and the bits of the results depend neither
on the number of workers nor on the number of replicates: the first 1,000 of 2,000 are those of a run of 1,000.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from armwise.errors import ArmwiseError, UsageError

T = TypeVar("T")

#: Replicates in one call of the function. Part of the result: another size may give other last bits.
BLOCK = 50
#: What a replicate may fail with. Anything else is a mistake in the program and is raised.
EXPECTED = (ArmwiseError, ArithmeticError, np.linalg.LinAlgError)


@dataclass(frozen=True, slots=True)
class Failed:
    """A replicate without a result.

    Attributes:
        reason: why.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Replicates(Generic[T]):
    """What became of every replicate.

    Attributes:
        values: one a replicate, in their order: its result, or `Failed`.
    """

    values: tuple[T | Failed, ...]

    @property
    def succeeded(self) -> list[T]:
        """The results of those that have one, in their order."""
        return [v for v in self.values if not isinstance(v, Failed)]

    @property
    def failures(self) -> dict[int, str]:
        """Number of the replicate -> why it has no result."""
        return {i: v.reason for i, v in enumerate(self.values) if isinstance(v, Failed)}

    @property
    def note(self) -> str:
        """How many failed and why, in words; empty when none did."""
        whys = self.failures
        if not whys:
            return ""
        listed = sorted(set(whys.values()))
        more = f" and {len(listed) - 3} other reasons" if len(listed) > 3 else ""
        return f"{len(whys)} of {len(self.values)} replicates failed: {'; '.join(listed[:3])}{more}"


def generator(seed: int, i: int) -> np.random.Generator:
    """The generator of replicate i: the same for any number of replicates and in any place of a block."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))


def replicate(
    fn: Callable[[Sequence[np.random.Generator]], Sequence[T | Failed]],
    n: int,
    seed: int,
    *,
    workers: int = 1,
) -> Replicates[T]:
    """Runs a function many times, each time with draws of its own.

    Parameters:
        fn: takes a block of generators and returns one result a generator, in their order (or `Failed`). Where it
            raises an expected error (`EXPECTED`) the replicates of the block are computed one by one, to see which of
            them it was.
        n: how many replicates, at least 1.
        seed: 0 or more.
        workers: processes. More than one need joblib, whose backend may be set from outside
            (`joblib.parallel_config`), and a function that can be pickled by cloudpickle.

    Returns:
        `Replicates`: n results or reasons.

    Raises:
        UsageError: n, seed or workers that cannot be; a function that returns another number of results.

    >>> replicate(lambda block: [int(g.integers(6)) + 1 for g in block], 3, seed=1).values
    (1, 6, 3)
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < least:
            raise UsageError(f"{name} is {value}; it must be at least {least}")
    starts = range(0, n, BLOCK)
    if workers == 1:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):  # once around all blocks: it looks through every library that is loaded
            blocks = [_block(fn, seed, start) for start in starts]
    else:
        from joblib import Parallel, delayed

        # without memory maps nothing is written to a disk: the data are patients'
        parallel = Parallel(n_jobs=workers, max_nbytes=None, mmap_mode=None)
        blocks = parallel(delayed(_on_one_thread)(fn, seed, start) for start in starts)
    return Replicates(tuple(value for block in blocks for value in block)[:n])


def _on_one_thread(
    fn: Callable[[Sequence[np.random.Generator]], Sequence[T | Failed]], seed: int, start: int
) -> list[T | Failed]:
    """One block in a process of its own."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _block(fn, seed, start)


def _block(
    fn: Callable[[Sequence[np.random.Generator]], Sequence[T | Failed]], seed: int, start: int
) -> list[T | Failed]:
    """One block, whole even where fewer replicates were asked for: the shape of an array decides its last bits."""
    numbers = range(start, start + BLOCK)
    try:
        return _called(fn, [generator(seed, i) for i in numbers])
    except EXPECTED:
        return [_alone(fn, seed, i) for i in numbers]


def _called(
    fn: Callable[[Sequence[np.random.Generator]], Sequence[T | Failed]], block: list[np.random.Generator]
) -> list[T | Failed]:
    found = list(fn(block))
    if len(found) != len(block):
        raise ValueError(f"the function returned {len(found)} results for {len(block)} generators")
    return found


def _alone(
    fn: Callable[[Sequence[np.random.Generator]], Sequence[T | Failed]], seed: int, i: int
) -> T | Failed:
    """One replicate, in a block of its own likenesses: of the same shape as the block that failed."""
    try:
        return _called(fn, [generator(seed, i) for _ in range(BLOCK)])[0]
    except EXPECTED as error:
        return Failed(str(error) or type(error).__name__)

"""Random numbers by name: one stream for each purpose, so that a new table leaves the others as they were."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for, and on nothing else.

    Args:
        seed: the study's seed, 0 or more.
        names: what the numbers are for (`"answers", "odi"`).

    Returns:
        A generator; the same seed and names always give the same numbers.

    Example:
        >>> bool(stream(1, "dates").random() == stream(1, "dates").random())
        True
    """
    digest = hashlib.sha256("/".join(names).encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))

"""Data that the tests of imputation share; `imputation_trials` beside them can be imported by its name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

FIXTURES = Path(__file__).with_name("fixtures")
Floats = NDArray[np.float64]


@pytest.fixture(scope="session")
def imputation_witness() -> Callable[[str], Any]:
    def load(name: str) -> Any:
        return json.loads((FIXTURES / f"{name}.json").read_text())

    return load


@pytest.fixture
def scores() -> Floats:
    """An arm of 40: four visits of two scores with dropout and gaps, and three complete covariates."""
    rng = np.random.default_rng(4)
    n = 40
    common = rng.normal(size=(n, 1))
    values = np.hstack([45 + 9 * common + 6 * rng.normal(size=(n, 4)), 6 + common + rng.normal(size=(n, 4))])
    values = np.hstack([values, common + rng.normal(size=(n, 2)), rng.random((n, 1)) < 0.4])
    for i in range(0, 14, 2):
        values[i, i % 4 : 4] = values[i, 4 + i % 4 : 8] = np.nan
    values[21, 1] = values[25, 6] = np.nan
    return values


NAMES = [
    *(f"odi.m{t}" for t in (1, 3, 6, 12)),
    *(f"pain.m{t}" for t in (1, 3, 6, 12)),
    "age",
    "bmi",
    "opioid",
]


@pytest.fixture
def names() -> list[str]:
    return list(NAMES)

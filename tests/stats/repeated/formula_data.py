"""The trial of 60 subjects as a table, with the columns that tests of formulas need, and R's answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from armwise.stats.repeated.fitted import Mmrm
from armwise.stats.repeated.fitting import evaluate_at
from armwise.stats.repeated.formula.by_formula import from_formula

FIXTURES = Path(__file__).with_name("fixtures")

#: The columns of subject and visit, and the reference that R's models have.
KEYS: dict[str, Any] = {"subject": "subject", "visit": "visit"}
CONTROL = {"arm": "control"}


@cache
def _trial() -> pd.DataFrame:
    data = pd.read_csv(FIXTURES / "trial_60x4.csv")
    everyone = sorted(data.loc[data["odi"].notna(), "subject"].unique())
    site = {name: "abc"[(k + 1) % 3] for k, name in enumerate(everyone)}
    rng = np.random.default_rng(20)
    return data.assign(
        site=data["subject"].map(site),
        days=data["visit"].map({"m1": 30, "m3": 91, "m6": 182, "m12": 365}),
        opioid=rng.normal(size=len(data)),  # changes over time
        walks=rng.choice(["no", "some", "far"], size=len(data)),  # changes over time
        older=data["age"] > 50,
    )


def trial() -> pd.DataFrame:
    """A fresh copy of the trial's table."""
    return _trial().copy()


@cache
def answers() -> dict[str, Any]:
    """What R says of models by formula (make_formula.R)."""
    found: dict[str, Any] = json.loads((FIXTURES / "formula.json").read_text())
    return found


def at_sigma(formula: str, sigma: Any, data: Any = None, **options: Any) -> Mmrm:
    """A model at a given covariance matrix, not fitted; residual degrees of freedom, so that nothing is adjusted."""
    options = {"df": "residual"} | options
    keys = KEYS | {"reference": CONTROL}
    keys |= {name: options.pop(name) for name in list(options) if name in ("reference", "visits", "group")}
    wide, design = from_formula(formula, trial() if data is None else data, **keys)
    return evaluate_at(wide, design, np.asarray(sigma), **options)

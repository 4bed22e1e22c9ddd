"""Repeats the search for the example's seed: python tests/simulate/choose_seed.py [first last], 0.5 s a seed."""

from __future__ import annotations

import sys

import polars as pl
from test_calibration import ODI_FELL_10, ODI_MEANS, PAIN_FELL_OVER_2, odi_responders, pain_responders

from armwise.simulate import simulate
from conftest import ROOT, case


def distance(long: pl.DataFrame) -> float:
    """Sum of distances from the published figures: in 2 percentage points for shares, in points of ODI for means."""
    total = sum(abs(odi_responders(long, arm) - share) / 0.02 for arm, share in ODI_FELL_10.items())
    total += sum(
        abs(pain_responders(long, visit) - share) / 0.02 for visit, share in PAIN_FELL_OVER_2.items()
    )
    odi = long.filter(pl.col("score") == "odi.total").group_by("arm", "visit").agg(pl.col("value").mean())
    drawn = {(arm, visit): mean for arm, visit, mean in odi.iter_rows()}
    total += sum(abs(drawn[a, v] - mean) for a, means in ODI_MEANS.items() for v, mean in means.items())
    return total


if __name__ == "__main__":
    first, last = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (1, 299)
    study = case(ROOT / "examples" / "bmc-low-back-pain")
    found = {
        s: distance(study.scored(simulate(study.protocol, study.assumptions, seed=s)))
        for s in range(first, last + 1)
    }
    for seed in sorted(found, key=found.__getitem__)[:5]:
        print(f"seed {seed}: {found[seed]:.2f}")

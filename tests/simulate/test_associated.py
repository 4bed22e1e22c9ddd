"""Measures that follow a change: the values stay as drawn, and go with the change as closely as declared."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from armwise.simulate import simulate


@pytest.fixture(scope="module")
def tables(reference):
    return simulate(reference.protocol, reference.assumptions, seed=11, per_arm={"bmc": 3000, "control": 20})


def test_the_association_is_about_as_strong_as_declared(reference, tables):
    scored = reference.scored(tables)
    change = scored.filter((pl.col("score") == "odi.total") & (pl.col("visit") == "m12")).select(
        "subject", "change"
    )
    both = tables["cell_product"].join(change.drop_nulls(), on="subject")
    assert both.height > 2000
    r = np.corrcoef(np.log(both["cfu_f"].to_numpy()), both["change"].to_numpy())[0, 1]
    assert r == pytest.approx(-0.3, abs=0.06)
    others = np.corrcoef(np.log(both["tnc"].to_numpy()), both["change"].to_numpy())[0, 1]
    assert abs(others) < 0.06


def test_values_and_outcomes_stay_as_they_were_drawn(reference, tables):
    table = reference.assumptions.tables["cell_product"]
    items = {name: number.model_copy(update={"follows": None}) for name, number in table.items.items()}
    free = reference.assumptions.model_copy(
        update={
            "tables": {
                **reference.assumptions.tables,
                "cell_product": table.model_copy(update={"items": items}),
            }
        }
    )
    other = simulate(reference.protocol, free, seed=11, per_arm={"bmc": 3000, "control": 20})
    assert tables["odi"].equals(other["odi"])
    mine, theirs = (t["cell_product"] for t in (tables, other))
    assert mine["cfu_f"].sort().equals(theirs["cfu_f"].sort()) and not mine["cfu_f"].equals(theirs["cfu_f"])
    assert mine.drop("cfu_f").equals(theirs.drop("cfu_f"))

"""What an association's measure is, by its name: a covariate, a baseline, a dose, a ratio."""

from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.measures import measure_values
from armwise.derive.derived import Derived, derive

CELLS = {"at": "baseline", "items": {"tnc": {"type": "number", "unit": "10^6/mL", "label": "Nucleated cells"},
                                     "cfu": {"type": "number", "unit": "/mL"}}}  # fmt: skip
SHOTS = {
    "keys": ["subject", "place"],
    "items": {"place": {"type": "text"}, "volume": {"type": "number", "unit": "mL"}},
}
PRODUCT = {
    "form": "cells", "injections": "shots", "volume": "shots.volume",
    "measures": {"tnc": {"item": "cells.tnc", "dose": True}, "cfu": {"item": "cells.cfu"}},
    "ratios": {"r": {"of": "cfu", "per": "tnc", "scale": "per-million"}},
}  # fmt: skip


@pytest.fixture
def derived(small: Any) -> Derived:
    tables = {
        "subjects": small.people(["new", "old"]),
        "scale": small.scale({"p1": (30, None, None), "p2": (20, None, None)}),
        "cells": [{"subject": "p1", "visit": "baseline", "date": "2026-01-01", "tnc": 150, "cfu": 3000}],
        "shots": [
            {"subject": "p1", "place": "a", "volume": 2},
            {"subject": "p1", "place": "b", "volume": 1.5},
        ],
    }
    forms = {**small.protocol["forms"], "cells": CELLS, "shots": SHOTS}
    return derive(small.study(tables, forms=forms, cell_product=PRODUCT))


@pytest.mark.parametrize(
    ("name", "label", "unit", "first"),
    [
        ("age", "age", "years", 40.0),
        ("scale_0", "points", "points", 30.0),
        ("cells.tnc", "Nucleated cells", "10^6/mL", 150.0),
        ("scale.points", "points", "points", 30.0),
        ("dose.tnc", "Nucleated cells, dose", "10^6", 525.0),
        ("ratio.r", "cfu / Nucleated cells", "per 10^6", 20.0),
    ],
)
def test_a_number_has_its_label_unit_and_value(
    derived: Derived, name: str, label: str, unit: str, first: float
) -> None:
    found = measure_values(derived, name)
    assert (found.label, found.unit, found.number) == (label, unit, True)
    values = dict(found.frame.iter_rows())
    assert values["p1"] == pytest.approx(first)


def test_a_category_is_told_from_a_number(derived: Derived) -> None:
    found = measure_values(derived, "sex")
    assert not found.number and dict(found.frame.iter_rows())["p1"] == "f"

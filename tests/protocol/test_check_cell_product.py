"""What the section `cell_product` may get wrong; each mistake is told with its key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from armwise.protocol.load import read_protocol

FORMS = {
    "cells": {
        "at": "baseline",
        "items": {
            "tnc": {"type": "number", "unit": "10^6/mL"},
            "plt": {"type": "number", "unit": "10^3/uL"},
            "share": {"type": "number", "unit": "%"},
            "odd": {"type": "number", "unit": "scoops"},
        },
    },
    "shots": {
        "keys": ["subject", "place"],
        "items": {"place": {"type": "text"}, "volume": {"type": "number", "unit": "mL"}},
    },
}
GOOD: dict[str, Any] = {
    "form": "cells", "injections": "shots", "volume": "shots.volume", "by": ["place"],
    "measures": {
        "tnc": {"item": "cells.tnc", "dose": True},
        "plt": {"item": "cells.plt", "convert": {"unit": "10^6/mL", "factor": 1}, "dose": True},
        "share": {"item": "cells.share"},
    },
    "ratios": {"plt_tnc": {"of": "plt", "per": "tnc", "scale": "percent"}},
}  # fmt: skip


def told(small: Any, tmp_path: Path, *changes: tuple[str, Any], forms: Any = FORMS) -> list[str]:
    """Mistakes of the good section with keys at dotted places changed (None: left out)."""
    section = copy.deepcopy(GOOD)
    for place, value in changes:
        *above, last = place.split(".")
        inner = section
        for key in above:
            inner = inner[key]
        inner.pop(last, None)
        if value is not None:
            inner[last] = value
    data = {**small.protocol, "forms": {**small.protocol["forms"], **forms}, "cell_product": section}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return [f"{p.severity} {p.column}: {p.what}; {p.todo}" for p in read_protocol(tmp_path)[1]]


def test_the_good_one_is_good(small: Any, tmp_path: Path) -> None:
    assert told(small, tmp_path) == []


@pytest.mark.parametrize(
    ("place", "value", "wanted"),
    [
        ("form", "cell", "cell_product.form: unknown form `cell`"),
        ("injections", "shot", "is no item of the form `shot`"),
        ("by", ["plase"], "cell_product.by"),
        ("measures.tnc.item", "cells.tcn", "unknown number of the cell product `cells.tcn`"),
        ("measures.plt.convert", None, "in `10^3/uL` and `shots.volume` in `mL`: they cannot be multiplied"),
        ("measures.plt.convert", {"unit": "10^6/mL", "factor": 1000}, "found the factor 1000; write `factor: 1`"),
        ("measures.plt.convert", {"unit": "mL", "factor": 1}, "not read as units of one kind"),
        ("measures.share.dose", True, "no dose can be made of it"),
        ("ratios.plt_tnc.of", "share", "which is no concentration"),
        ("ratios.plt_tnc.per", "tcn", "unknown measure `tcn`"),
        ("volume", None, "name `injections` and `volume`"),
        ("measures.tnc.reference", {"range": [5, 2], "source": "x", "status": "confirmed"}, "does not rise"),
        ("measures.tnc.reference", {"range": [None, None], "source": "x", "status": "confirmed"}, "has no end"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(
    small: Any, tmp_path: Path, place: str, value: Any, wanted: str
) -> None:
    found = told(small, tmp_path, (place, value))
    assert any(wanted in line for line in found), found


def test_the_unit_to_convert_to_is_named(small: Any, tmp_path: Path) -> None:
    (line,) = told(small, tmp_path, ("measures.plt.convert", None), ("ratios", None))
    assert "declare `convert: {unit: 10^6/mL, factor: ...}`" in line


def test_a_factor_between_units_that_nobody_knows_is_a_warning(small: Any, tmp_path: Path) -> None:
    odd = {"item": "cells.odd", "convert": {"unit": "spoons", "factor": 2}}
    (line,) = told(small, tmp_path, ("measures.odd", odd))
    assert line.startswith("warning") and "is not checked" in line


def test_a_product_must_be_measured_at_baseline_and_a_volume_have_a_unit(small: Any, tmp_path: Path) -> None:
    forms = copy.deepcopy(FORMS)
    forms["cells"]["at"] = "m1"
    forms["shots"]["items"]["volume"]["unit"] = "drops"
    found = " ".join(told(small, tmp_path, forms=forms))
    assert "not filled in at baseline" in found and "is in `drops`, expected a volume" in found

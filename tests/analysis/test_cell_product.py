"""What was injected: units, doses by place, shares in a range, on a study small enough to add up by hand."""

from __future__ import annotations

from typing import Any

import pytest

from armwise.analysis.results import Results, Row
from armwise.analysis.run import analyse

FORMS = {
    "cells": {
        "at": "baseline", "arms": ["new"],
        "items": {
            "tnc": {"type": "number", "unit": "10^6/mL"},
            "cfu": {"type": "number", "unit": "/mL", "label": "Colonies (CFU-F)"},
            "plt": {"type": "number", "unit": "10^3/uL"},
        },
    },
    "shots": {
        "arms": ["new"], "keys": ["subject", "place", "level"],
        "items": {
            "place": {"type": "choice", "choices": {"disc": "Disc", "facet": "Facet joint"}},
            "level": {"type": "text"}, "volume": {"type": "number", "unit": "mL"},
        },
    },
}  # fmt: skip
PRODUCT: dict[str, Any] = {
    "form": "cells", "injections": "shots", "volume": "shots.volume", "by": ["place", "level"],
    "measures": {
        "tnc": {"item": "cells.tnc", "dose": True},
        "cfu": {"item": "cells.cfu", "dose": True,
                "reference": {"range": [2000, None], "source": "a paper", "status": "confirmed"}},
        "plt": {"item": "cells.plt", "convert": {"unit": "10^6/mL", "factor": 1}, "dose": True},
    },
    "ratios": {"per_tnc": {"of": "cfu", "per": "tnc", "scale": "per-million"},
               "plt_share": {"of": "plt", "per": "tnc", "scale": "percent"}},
}  # fmt: skip


@pytest.fixture
def results(small: Any) -> Results:
    def cells(subject: str, tnc: float | None, cfu: float | None, plt: float) -> Row:
        return {
            "subject": subject,
            "visit": "baseline",
            "date": "2026-01-01",
            "tnc": tnc,
            "cfu": cfu,
            "plt": plt,
        }

    def shot(subject: str, place: str, level: str, volume: float | None) -> Row:
        return {"subject": subject, "place": place, "level": level, "volume": volume}

    tables = {
        "subjects": small.people(["new", "new", "new", "old"]),
        "cells": [cells("p1", 100, 1999, 500), cells("p2", 200, 2000, 700), cells("p3", 400, None, 900)],
        "shots": [
            shot("p1", "facet", "L4", 2), shot("p1", "disc", "L4", 1), shot("p1", "disc", "L5", 3),
            shot("p2", "disc", "L4", 2), shot("p2", "disc", "L5", None), shot("p3", "facet", "L4", 1.5),
        ],
    }  # fmt: skip
    forms = {**small.protocol["forms"], **FORMS}
    return analyse(small.study(tables, forms=forms, cell_product=PRODUCT))


def value(results: Results, item: str, statistic: str, category: str | None = None) -> Any:
    found = results.one(analysis="cell_product", item=item, statistic=statistic, category=category)
    return None if found is None else found["estimate"]


def test_a_dose_is_concentration_times_volume_added_up_over_the_places(results: Results) -> None:
    # p1: 2 + 1 + 3 mL of 100; p3: 1.5 mL of 400; p2 has a place without a volume and no sum
    assert value(results, "volume", "median", "all places") == pytest.approx((6 + 1.5) / 2)
    assert value(results, "tnc", "mean", "all places") == pytest.approx((600 + 600) / 2)
    assert value(results, "tnc", "missing", "all places") == 1
    assert value(results, "tnc", "median", "disc") == pytest.approx(400)  # p1 alone
    assert value(results, "tnc", "median", "disc, L4") == pytest.approx((100 + 400) / 2)
    assert value(results, "tnc", "n", "facet") == 2


def test_a_declared_conversion_and_the_ratios_use_the_units(results: Results) -> None:
    assert value(results, "plt", "max") == 900  # 10^3/uL are 10^6/mL
    assert value(results, "ratio.per_tnc", "max") == pytest.approx(1999 / 100)  # of 10^6 cells
    assert value(results, "ratio.plt_share", "min") == pytest.approx(100 * 900 / 400)
    units = {
        r["item"]: r["unit"] for r in results.rows(analysis="cell_product", statistic="median", category=None)
    }
    assert units["plt"] == "10^6/mL" and units["ratio.per_tnc"] == "per 10^6"
    dose = results.one(analysis="cell_product", item="cfu", statistic="median", category="all places")
    assert dose is not None and dose["unit"] == ""


def test_the_ends_of_a_range_are_inside_and_who_has_no_value_is_not_counted(results: Results) -> None:
    share = results.one(analysis="cell_product", item="cfu", statistic="share")
    assert share is not None
    assert (share["estimate"], share["n"], share["at"], share["at2"]) == (0.5, 2, 2000, None)
    assert share["reason"] == "confirmed: a paper" and share["lower"] < 0.5 < share["upper"]
    assert value(results, "cfu", "missing") == 1


def test_only_arms_that_have_the_product_are_described_and_nothing_has_a_p(results: Results) -> None:
    rows = results.rows(analysis="cell_product")
    assert {r["arm"] for r in rows} == {"new"} and {r["p"] for r in rows} == {None}


def test_a_protocol_without_a_cell_product_has_no_rows(small: Any) -> None:
    assert (
        analyse(small.study({"subjects": small.people(["new", "old"])})).rows(analysis="cell_product") == []
    )


def test_a_study_without_any_record_says_that_nobody_has_a_value(small: Any) -> None:
    forms = {**small.protocol["forms"], **FORMS}
    study = small.study({"subjects": small.people(["new", "old"])}, forms=forms, cell_product=PRODUCT)
    found = analyse(study).one(analysis="cell_product", item="cfu", statistic="share")
    assert found is not None and found["status"] == "not estimable"


def test_whoever_of_the_arm_has_no_injection_recorded_has_a_missing_dose(small: Any) -> None:
    shots = [{"subject": "p1", "place": "disc", "level": "L4", "volume": 2.0}]
    cells = [
        {"subject": "p1", "visit": "baseline", "date": "2026-01-01", "tnc": 100, "cfu": 2500, "plt": 700}
    ]
    tables = {"subjects": small.people(["new", "new", "old"]), "cells": cells, "shots": shots}
    study = small.study(tables, forms={**small.protocol["forms"], **FORMS}, cell_product=PRODUCT)
    found = analyse(study)
    assert (value(found, "volume", "n", "all places"), value(found, "volume", "missing", "all places")) == (
        1,
        1,
    )
    assert (value(found, "volume", "n", "disc"), value(found, "volume", "missing", "disc")) == (1, 0)


def test_a_value_that_is_the_end_of_the_range_is_inside_although_floats_say_otherwise(small: Any) -> None:
    assert 1.1 * 3.0 > 3.3 and 0.29 * 100.0 < 29
    forms = {**small.protocol["forms"], **FORMS}
    product = {
        "form": "cells",
        "measures": {
            "cfu": {"item": "cells.cfu", "convert": {"unit": "10^-1/x", "factor": 3.0},
                    "reference": {"range": [None, 3.3], "source": "a paper", "status": "confirmed"}},
            "tnc": {"item": "cells.tnc", "convert": {"unit": "%", "factor": 100.0},
                    "reference": {"range": [29, None], "source": "a paper", "status": "confirmed"}},
        },
    }  # fmt: skip
    forms["cells"] = {
        "at": "baseline",
        "arms": ["new"],
        "items": {"tnc": {"type": "number", "unit": "share"}, "cfu": {"type": "number", "unit": "x"}},
    }
    cells = [{"subject": "p1", "visit": "baseline", "date": "2026-01-01", "tnc": 0.29, "cfu": 1.1}]
    tables = {"subjects": small.people(["new", "old"]), "cells": cells}
    found = analyse(
        small.study(tables, forms={k: v for k, v in forms.items() if k != "shots"}, cell_product=product)
    )
    shares = [r["estimate"] for r in found.rows(analysis="cell_product", statistic="share")]
    assert shares == [1.0, 1.0]

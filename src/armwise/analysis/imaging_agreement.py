"""Agreement between the readers of images, and of a reader with himself: every pair, over all visits, by subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

import polars as pl

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.imaging import Readings
from armwise.protocol.model import Protocol
from armwise.stats import agreement_kappa, gwet_agreement, percent_agreement
from armwise.stats.agreement import Weights

#: The weights of each kind of scale: with an order both that papers use, named; without one none.
WEIGHTS: Final[dict[str, tuple[Weights, ...]]] = {
    "ordinal": ("linear", "quadratic"),
    "nominal": ("unweighted",),
    "binary": ("unweighted",),
}


def agreement_rows(found: Readings, protocol: Protocol) -> Iterator[Row]:
    """Percent agreement, kappa and Gwet's coefficient of every pair of readings, for every grade.

    A pair is two readers (`reader_1 and reader_2`), or one who read again (`reader_1, read twice`), where the protocol
    has a column for it.
    """
    for name, grade in found.declared.grades.items():
        q = len(found.scale(name, protocol))
        for item, table in _pairs(found, name):
            fixed: dict[str, Any] = {
                "analysis": "imaging",
                "role": "descriptive",
                "endpoint": f"{found.declared.form}.{name}",
                "label": grade.called(name),
                "item": item,
            }
            level = found.declared.conf_level
            both = table.select("_first", "_second").to_numpy()
            who = table["subject"].to_numpy()
            yield row(
                "places",
                table.height,
                n=table["subject"].n_unique(),
                unit="places",
                category="read twice",
                **fixed,
            )
            yield estimate_row(percent_agreement(both, who, q, conf_level=level), unit="proportion", **fixed)
            for weights in WEIGHTS[grade.scale]:
                kappa = agreement_kappa(both[:, 0], both[:, 1], who, q, weights=weights, conf_level=level)
                yield estimate_row(kappa, unit="", **fixed)
                ac = gwet_agreement(both, who, q, weights=weights, conf_level=level)
                if weights == "unweighted":
                    ac = dataclasses.replace(ac, statistic="gwet ac1")
                yield estimate_row(ac, unit="", **fixed)


def _pairs(found: Readings, name: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each pair of readings: its name, and `subject, _first, _second` of the places that both graded."""
    mine = found.long.filter(pl.col("grade") == name)
    first = mine.filter(pl.col("reading") == 1)
    by_reader = {r: first.filter(pl.col("reader") == r) for r in found.readers}
    for a, b in combinations(found.readers, 2):
        yield f"{a} and {b}", _joined(by_reader[a], by_reader[b])
    if found.declared.reading:
        again = mine.filter(pl.col("reading") == 2)
        for r in found.readers:
            yield f"{r}, read twice", _joined(by_reader[r], again.filter(pl.col("reader") == r))


def _joined(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    keys = ["subject", "visit", "place"]
    return one.select(*keys, pl.col("category").alias("_first")).join(
        other.select(*keys, pl.col("category").alias("_second")), on=keys, how="inner", maintain_order="left"
    )
